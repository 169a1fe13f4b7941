# The path from ITCH packets of several lines to records, for the live feed. Owner: the feed's
# thread.
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from tectra.core.clock cimport Clock
from tectra.feed.arbiter cimport Arbiter
from tectra.feed.itch cimport LocateMap, tt_itch_counts, tt_itch_ctx
from tectra.feed.watch cimport FeedWatch


cdef class ItchStream:
    cdef readonly Arbiter arbiter
    cdef readonly FeedWatch watch
    cdef readonly LocateMap locates
    cdef Clock wall
    cdef tt_itch_ctx cx
    cdef tt_itch_counts counts
    cdef uint8_t *out
    cdef size_t cap, head, tail  # slots
    cdef readonly object date
    cdef object asked_date
    cdef readonly int64_t last_recv_ns
    cdef readonly uint64_t messages, packets, malformed_packets
    # A packet of a line, or of REPLY: TT_ARB_*, or TT_E_* of a datagram that is none (counted) or
    # of memory. Records of what it brings are ready behind it.
    cdef int take(
        self, uint32_t line, const uint8_t *data, size_t n, int64_t recv_ns,
        int64_t now_ns) noexcept nogil
    cdef int reserve(self, size_t slots) noexcept nogil
    cdef size_t held_slots(self, size_t more) noexcept nogil
    cdef int decode(
        self, const uint8_t *blocks, size_t n, int64_t recv_ns, int64_t now_ns,
        int watched) noexcept nogil
    cdef int drain(self, uint64_t upto, int64_t now_ns) noexcept nogil
    cdef void *put(self, uint16_t template_id, uint32_t instrument_id) except NULL
    cdef int grown(self, int rc) except -1
