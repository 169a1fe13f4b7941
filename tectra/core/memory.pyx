"""Memory that a trading thread does not wait for: large pages, locked, faulted in, near."""
# Owns MemoryBlock; else it works on memory of others. Cold paths, any thread, without the GIL only
# while the kernel works. Wraps ext/tectra/memory.h.

import errno
import logging

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_FillInfo
from cpython.buffer cimport PyBuffer_Release, PyObject_GetBuffer
from cython cimport final
from libc.errno cimport errno as c_errno
from libc.stdint cimport int64_t, uint64_t, uintptr_t

from tectra.core.base cimport TT_E_RANGE, TT_OK
from tectra.core.clock cimport tt_mono_ns
from tectra.core.shm cimport Mapping

from tectra.core.errors import InputError, OutOfMemoryError
from tectra.core.outcome import Outcome, refused, told

__all__ = [
    "MemoryBlock",
    "large_pages",
    "lock_all",
    "lock_memory",
    "node_of",
    "page_fault_ns",
    "prefault",
    "prefer_node",
]

cdef extern from "<sys/mman.h>" nogil:
    enum:
        MAP_ANONYMOUS
        MAP_HUGETLB
        MAP_PRIVATE
        MCL_CURRENT
        MCL_FUTURE
        PROT_READ
        PROT_WRITE
    void *MAP_FAILED
    void *mmap(void *addr, size_t length, int prot, int flags, int fd, long offset)
    int munmap(void *addr, size_t length)
    int mlock(const void *addr, size_t length)
    int mlockall(int flags)

_LOG = logging.getLogger("tectra.core.memory")
_RAISE = "raise the limit: `ulimit -l`, LimitMEMLOCK= of the service, or CAP_IPC_LOCK"
_LOCK = {errno.ENOMEM: _RAISE, errno.EPERM: _RAISE, errno.EAGAIN: _RAISE}
_LARGE = {errno.EINVAL: "this kernel has no transparent large pages"}
_FAULT = {errno.EINVAL: "Linux 5.14 or newer can", errno.EFAULT: "the memory is not writable"}
_NODE = {
    errno.EINVAL: "no such node here (/sys/devices/system/node/online)",
    errno.ENOSYS: "this kernel has no NUMA",
    errno.EPERM: "the container forbids it (CAP_SYS_NICE, or its seccomp profile)",
}


@final
cdef class Span:
    """Address and length of what a caller handed over, held while the kernel works on it."""

    cdef void *base
    cdef uint64_t bytes
    cdef Py_buffer view
    cdef bint held

    def __cinit__(self, memory not None):
        cdef Mapping mapping
        if isinstance(memory, Mapping):
            mapping = memory
            mapping.require()
            self.base = mapping.base
            self.bytes = mapping.bytes
            return
        PyObject_GetBuffer(memory, &self.view, PyBUF_SIMPLE)
        self.held = True
        self.base = self.view.buf
        self.bytes = <uint64_t> self.view.len

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)


cdef Span _span(memory):
    cdef Span span = Span(memory)
    if span.bytes == 0:
        raise InputError("memory: found 0 bytes; allowed: a buffer or a mapping that has some")
    return span


def large_pages(memory):
    """Ask for 2 MB pages in the whole ones inside a buffer or Mapping: an Outcome."""
    cdef Span span = _span(memory)
    cdef int64_t rc
    cdef int why
    with nogil:
        rc = tt_mem_huge(span.base, span.bytes)
        why = c_errno
    wish = f"large pages for {span.bytes} bytes"
    if rc > 0:
        return Outcome(wish, True, f"asked for {rc} bytes of them")
    if rc == 0:
        return Outcome(wish, False, "it holds no whole page of 2 MB")
    return told(_LOG, refused(wish, why, _LARGE))


def prefault(memory):
    """Take the page faults of a buffer or Mapping now: an Outcome."""
    cdef Span span = _span(memory)
    cdef int rc, why
    with nogil:
        rc = tt_mem_prefault(span.base, span.bytes)
        why = c_errno
    wish = f"faulting in {span.bytes} bytes"
    if rc == TT_OK:
        return Outcome(wish, True, "done")
    return told(_LOG, refused(wish, why, _FAULT))


def lock_memory(memory):
    """Keep a buffer or Mapping in memory, never swapped: an Outcome."""
    cdef Span span = _span(memory)
    cdef int rc, why
    with nogil:
        rc = mlock(span.base, span.bytes)
        why = c_errno
    wish = f"locking {span.bytes} bytes"
    return Outcome(wish, True, "done") if rc == 0 else told(_LOG, refused(wish, why, _LOCK))


def lock_all():
    """Keep all memory of this process in place, what it will have too: an Outcome. Refused where
    the limit is smaller than the process.
    """
    cdef int rc, why
    with nogil:
        rc = mlockall(MCL_CURRENT | MCL_FUTURE)
        why = c_errno
    wish = "locking all memory"
    return Outcome(wish, True, "done") if rc == 0 else told(_LOG, refused(wish, why, _LOCK))


def prefer_node(memory, int node, *, int nodes=0):
    """Place a buffer or Mapping on a NUMA node, as a hint: an Outcome. `nodes` is how many the
    machine has (0: not known); with one there is nothing to choose.
    """
    cdef Span span = _span(memory)
    cdef int rc, why
    wish = f"NUMA node {node}"
    if nodes == 1 and node == 0:
        return Outcome(wish, True, "the machine has one node")
    with nogil:
        rc = tt_mem_prefer_node(span.base, span.bytes, node)
        why = c_errno
    if rc == TT_OK:
        return Outcome(wish, True, f"preferred for {span.bytes} bytes")
    return told(_LOG, refused(wish, errno.EINVAL if rc == TT_E_RANGE else why, _NODE))


def node_of(memory):
    """NUMA node of the first page of a buffer or Mapping, None where the kernel does not say."""
    cdef Span span = _span(memory)
    cdef int node = tt_mem_node_of(span.base)
    return node if node >= 0 else None


def page_fault_ns(int pages=256):
    """What the first touch of a 4 kB page costs here, in nanoseconds: mean over `pages`."""
    cdef uint64_t size = <uint64_t> max(pages, 1) * TT_PAGE_BYTES
    cdef char *p = <char *> mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                                 -1, 0)
    cdef uint64_t at = 0
    cdef int64_t start, end
    if <void *> p == MAP_FAILED:
        raise OutOfMemoryError(f"no memory for {size} bytes")
    with nogil:
        start = tt_mono_ns()
        while at < size:
            p[at] = 1
            at = at + TT_PAGE_BYTES
        end = tt_mono_ns()
        munmap(p, size)
    return (end - start) // max(pages, 1)


@final
cdef class MemoryBlock:
    """Zeroed memory of this process in the largest pages that are permitted, as a writable buffer.

    Tried in turn: pages of 2 MB that the operator set aside (hugetlb), 2 MB pages made by the
    kernel on the fly, pages of 4 kB; `outcome` says which. Any thread; freed with the last buffer.
    """

    cdef void *base
    cdef readonly uint64_t bytes
    cdef readonly object outcome
    cdef tt_region region
    cdef bint reserved

    def __cinit__(self, int64_t size):
        cdef uint64_t room
        cdef void *p
        cdef int why
        if size <= 0:
            raise InputError(f"size: found {size}; allowed: 1 or more bytes")
        room = (<uint64_t> size + TT_HUGE_BYTES - 1) // TT_HUGE_BYTES * TT_HUGE_BYTES
        wish = f"large pages for {size} bytes"
        p = mmap(NULL, room, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0)
        why = c_errno
        self.bytes = <uint64_t> size
        if p != MAP_FAILED:
            self.base = p
            self.reserved = True
            self.region.bytes = room
            self.outcome = Outcome(wish, True, "pages set aside by the operator (hugetlb)")
            return
        if tt_region_grow(&self.region, <uint64_t> size) != TT_OK:
            raise OutOfMemoryError(f"no memory for {size} bytes")
        self.base = self.region.base
        no_pages = refused(wish, why, {errno.ENOMEM: "vm.nr_hugepages sets some aside"})
        if self.region.bytes < TT_HUGE_BYTES:
            self.outcome = Outcome(wish, False, "too small for one; pages of 4 kB")
        else:
            self.outcome = Outcome(wish, True, f"made by the kernel ({no_pages.detail})")

    def __dealloc__(self):
        if self.reserved:
            munmap(self.base, self.region.bytes)
        else:
            tt_region_free(&self.region)

    @property
    def address(self) -> int:
        """Where it begins: on a boundary of 2 MB where large pages were asked for."""
        return <uintptr_t> self.base

    def __len__(self):
        return self.bytes

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.base, <Py_ssize_t> self.bytes, 0, flags)
