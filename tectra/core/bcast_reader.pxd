# A reader of the broadcast ring for nogil users: `reader.c` is valid until reader.close() or
# ring.close(). One thread.
from libc.stdint cimport int64_t

from tectra.core.bcast cimport BroadcastRing, tt_bcast_place, tt_bcast_reader

cdef class BroadcastReader:
    cdef tt_bcast_reader *c
    cdef readonly BroadcastRing ring
    cdef readonly bint end_of_batch
    cdef readonly str name
    cdef object __weakref__
    cdef int require(self) except -1
    cdef tt_bcast_place *_place(self) except NULL
    cdef int64_t _wait(self, void *out, int64_t timeout_ns) except? -1
