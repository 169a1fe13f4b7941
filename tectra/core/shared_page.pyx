"""What the classes that lay something into shared memory have in common: their mapping, closing it,
and the words they refuse with.
"""
# Owns a handle's share of a mapping: the last handle that closes unmaps it. Making and closing are
# cold and belong to the thread that wires; what the pages are for is in the subclasses, over a
# pointer of their own. Wraps the head in ext/tectra/shm.h.

from libc.stddef cimport size_t
from libc.string cimport memset

from tectra.core.shm cimport TT_SHM_GOOD, Mapping, tt_shm_head

from tectra.core.errors import ClosedError, OutOfMemoryError

cdef extern from "stdlib.h" nogil:
    void *aligned_alloc(size_t alignment, size_t bytes)

__all__ = ["SharedPage"]


cdef void *handle_memory(size_t size) except NULL:
    """Zeroed memory for the handle of a ring, on cache lines of its own; free() takes it back."""
    cdef void *memory = aligned_alloc(128, (size + 127) & ~(<size_t> 127))
    if memory is NULL:
        raise OutOfMemoryError("no memory for the handle of a ring")
    memset(memory, 0, size)
    return memory


cdef class SharedPage:
    """A page in shared memory, or in memory of this process alone, through one handle. The base of
    Counters, KillWord, ErrorLog and the rings, which make it.

    Owner thread: the one that wires makes and closes; any thread reads the properties.
    """

    _kind = "shared page"
    _again = "it"
    _made = ("a shared page", "Counters")

    def __init__(self):
        what, by = self._made
        raise TypeError(f"make {what} with {by}.create, {by}.attach or {by}.private")

    cdef int bind(self, Mapping mapping, int reason, str kind) except -1:
        """Take the mapping, in which the check of its page found `reason`; say what it is when it
        is no usable `kind`.
        """
        if reason != TT_SHM_GOOD:
            mapping.refuse(reason, kind)
        self.mapping = mapping
        self.head = <tt_shm_head *> mapping.base
        mapping.users = mapping.users + 1
        return 0

    cdef void leave(self, bint mapped) noexcept:
        """Give back what this handle holds in the page, where that is still mapped, and set `c` to
        NULL. May run twice, and in the destructor: Python objects of the subclass are gone then.
        """

    def __dealloc__(self):
        self.leave(self.mapping is not None and self.mapping.base is not NULL)
        if self.mapping is not None and self.head is not NULL:
            self.mapping.users = self.mapping.users - 1
        self.head = NULL

    def close(self):
        """Give back what this handle holds; the last one on a mapping unmaps it, and the maker also
        removes the name. Idempotent; no thread may be inside.
        """
        if self.head is NULL:
            return
        self.require()
        self.leave(self.mapping.base is not NULL)
        self.head = NULL
        self.mapping.users = self.mapping.users - 1
        if self.mapping.users == 0:
            self.mapping.close()

    def __enter__(self):
        self.require()
        return self

    def __exit__(self, *exc):
        self.close()

    cdef int require(self) except -1:
        """Raise when it is closed."""
        if self.head is NULL:
            raise ClosedError(
                f"{self._kind}: used after close(); create or attach {self._again} again"
            )
        return 0

    @property
    def name(self):
        """Name of the segment; empty for a page of this process alone."""
        return self.mapping.name

    @property
    def closed(self):
        return self.head is NULL

    @property
    def owner_pid(self):
        """Process that made the page."""
        SharedPage.require(self)
        return self.head.owner_pid
