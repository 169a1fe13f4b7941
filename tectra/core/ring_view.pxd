# Views of the slots of a ring: claims of the producer, batches of the consumer.
from libc.stdint cimport int64_t, uint32_t, uint64_t

from tectra.core.ring_page cimport RingPage, tt_spsc_run
from tectra.core.shm cimport Mapping

cdef class Lease:
    cdef Mapping mapping
    cdef void *base
    cdef Py_ssize_t size
    cdef bint writable

cdef class Claim:
    cdef RingPage ring
    cdef uint32_t template_id
    cdef uint64_t wanted
    cdef uint64_t bytes
    cdef int64_t timeout_ns
    cdef uint64_t records
    cdef int _try(self, void **slot) noexcept
    cdef char *_open(self) except NULL

cdef class Batches:
    cdef RingPage ring
    cdef uint64_t max_slots
    cdef int64_t timeout_ns
    cdef tt_spsc_run run
    cdef bint holding
    cdef int _give_back(self) except -1
