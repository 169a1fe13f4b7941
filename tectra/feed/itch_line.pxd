# The live ITCH feed. Owner: the thread that calls next_batch.
from libc.stdint cimport int64_t, uint32_t, uint64_t

from tectra.core.clock cimport Clock
from tectra.core.idle cimport Idle
from tectra.feed.itch_stream cimport ItchStream


cdef class ItchLineFeed:
    cdef readonly object config
    cdef readonly ItchStream stream
    cdef readonly object recovery
    cdef object state, receivers, counters, report
    cdef Clock clock
    cdef Idle idle
    cdef int64_t check_at, ended_at
    cdef bint closed, trouble
    cdef dict past
    cdef readonly uint64_t reconnects
    cdef int poll_line(self, uint32_t line, int64_t now_ns) except -1
    cdef int settle(self, int kind, int64_t now_ns) except -1
    cdef int tend(self, int64_t now_ns) except -1
