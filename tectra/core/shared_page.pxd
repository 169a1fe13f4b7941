# What every handle of a page in shared memory has. A subclass keeps a typed pointer `c` of its own,
# not NULL from bind() to close(), so that hot calls test that and nothing else.
from libc.stddef cimport size_t

from tectra.core.shm cimport Mapping, tt_shm_head

cdef class SharedPage:
    cdef tt_shm_head *head
    cdef readonly Mapping mapping
    cdef int bind(self, Mapping mapping, int reason, str kind) except -1
    cdef int require(self) except -1
    cdef void leave(self, bint mapped) noexcept

cdef void *handle_memory(size_t size) except NULL
