"""A page of named u64 counters that another process can read while the hot thread writes."""
# Owns a mapping with the page in it, shared or private. Names are claimed by one wiring thread;
# each counter then has one writer; anyone reads. Adding costs some 30 ns from Python and one plain
# add from Cython over `c`. Wraps ext/tectra/counters.h.

from cython cimport final
from libc.stdint cimport int64_t, uint64_t

from tectra.core.base cimport TT_E_FULL
from tectra.core.clock cimport tt_now_ns
from tectra.core.rc cimport check_with
from tectra.core.shared_page cimport SharedPage
from tectra.core.shm cimport Mapping, attach_mapping, create_mapping, private_mapping

from tectra.core.errors import CapacityError, InputError, StateError

__all__ = ["Counters"]


cdef uint64_t _size(object capacity) except 0:
    if not isinstance(capacity, int) or not 0 < capacity <= TT_COUNTERS_MAX:
        raise InputError(
            f"capacity of a counter page: found {capacity!r}; allowed: 1 to {TT_COUNTERS_MAX}"
        )
    return tt_counters_bytes(capacity)


cdef Counters _page(Mapping mapping, uint64_t capacity):
    """A page over the mapping; with a capacity it is new and laid out first."""
    cdef Counters self = Counters.__new__(Counters)
    cdef tt_counters *page = <tt_counters *> mapping.base
    if capacity != 0:
        check_with(tt_counters_init(page, capacity, tt_now_ns()), "counters")
    self.bind(mapping, tt_counters_check(page, mapping.bytes), "counters")
    self.c = page
    self.capacity = self.head.capacity
    return self


cdef bytes _name(object name):
    cdef bytes raw = name.encode() if isinstance(name, str) else b""
    if not 0 < len(raw) < TT_COUNTER_NAME_BYTES or b"\0" in raw:
        raise InputError(
            f"name of a counter: found {name!r}; allowed: 1 to {TT_COUNTER_NAME_BYTES - 1} bytes "
            "of UTF-8"
        )
    return raw


@final
cdef class Counters(SharedPage):
    """Named counters by index: claim("feed.records") once, then add(index).

    Owner threads: one claims names, one writes each counter; anyone, in any process, reads. Values
    wrap at 2**64.
    """

    _kind = "counters"
    _again = "them"
    _made = ("a counter page", "Counters")

    @staticmethod
    def create(name, capacity=256):
        """Make a page in shared memory. Its close() removes the name. DuplicateError when the name
        is taken.
        """
        cdef uint64_t size = _size(capacity)
        return _page(create_mapping(name, size), capacity)

    @staticmethod
    def attach(name, *, bint writable=False):
        """Read, or also write, a page that another process made."""
        return _page(attach_mapping(name, writable, "counters"), 0)

    @staticmethod
    def private(capacity=256):
        """A page of this process alone."""
        return _page(private_mapping(_size(capacity)), capacity)

    cdef void leave(self, bint mapped) noexcept:
        self.c = NULL

    cdef int _writable(self, uint64_t index) except -1:
        if self.c is NULL:
            self.require()
        if not self.mapping.writable:
            raise StateError("counters: attached for reading; attach with writable=True to write")
        if not tt_counter_is_ready(self.c, index):
            raise InputError(f"counter: found index {index}; allowed: what claim() gave")
        return 0

    def claim(self, name):
        """Index of the counter of this name, made at 0 if there is none. CapacityError when the
        page is full.
        """
        cdef bytes raw = _name(name)
        cdef int64_t index
        self.require()
        index = tt_counters_find(self.c, raw)
        if index >= 0:
            return index
        if not self.mapping.writable:
            raise StateError("counters: attached for reading; attach with writable=True to write")
        index = tt_counters_claim(self.c, raw)
        if index == TT_E_FULL:
            raise CapacityError(
                f"counters: all {self.capacity} names are taken; make the page larger"
            )
        return check_with(<int> index, "counters")

    def add(self, uint64_t index, uint64_t n=1):
        """Add n, as the only writer of this counter."""
        self._writable(index)
        tt_counter_add(self.c, index, n)

    def add_shared(self, uint64_t index, uint64_t n=1):
        """Add n, as one of several writers of this counter."""
        self._writable(index)
        tt_counter_add_shared(self.c, index, n)

    def set(self, uint64_t index, uint64_t value):
        """Store a value, as the only writer of this counter."""
        self._writable(index)
        tt_counter_set(self.c, index, value)

    def raise_to(self, uint64_t index, uint64_t value):
        """Store a value if it is more than what is there, as the only writer of this counter."""
        self._writable(index)
        tt_counter_max(self.c, index, value)

    def get(self, uint64_t index):
        """The value now."""
        if self.c is NULL:
            self.require()
        if not tt_counter_is_ready(self.c, index):
            raise InputError(f"counter: found index {index}; allowed: what claim() gave")
        return tt_counter_get(self.c, index)

    def __getitem__(self, name):
        cdef bytes raw = _name(name)
        cdef int64_t index
        self.require()
        index = tt_counters_find(self.c, raw)
        if index < 0:
            raise KeyError(name)
        return tt_counter_get(self.c, index)

    def __len__(self):
        cdef uint64_t i
        cdef Py_ssize_t n = 0
        self.require()
        for i in range(self.capacity):
            n += tt_counter_is_ready(self.c, i)
        return n

    def snapshot(self):
        """All values by name, in the order the names were claimed. Each value is whole; the set is
        not one moment.
        """
        cdef uint64_t i
        self.require()
        out = {}
        for i in range(self.capacity):
            if tt_counter_is_ready(self.c, i):
                name = (<bytes> self.c.counter[i].name).decode(errors="replace")
                out[name] = tt_counter_get(self.c, i)
        return out
