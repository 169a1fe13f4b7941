# Wraps ext/tectra/feed_watch.h: what a live feed knows of each instrument. Owner: the feed's
# thread.
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from tectra.core.hist cimport tt_hist


cdef extern from "tectra/feed_watch.h" nogil:
    ctypedef struct tt_watch_entry:
        int64_t seen_ns, interval_ns
        uint64_t records
        int64_t lag_ns
        uint32_t hist
        uint8_t halt, is_stale

    ctypedef struct tt_watch:
        tt_watch_entry *entry
        uint32_t entries, pairs_max, pairs, last_instrument
        uint64_t ahead
        tt_watch_entry channel

    uint64_t tt_watch_bytes(uint32_t pairs_max)
    tt_hist *tt_watch_hist(const tt_watch *w, uint32_t pair, uint32_t which)
    void tt_watch_init(
        tt_watch *w, tt_watch_entry *entry, uint32_t entries, void *memory, uint32_t pairs_max)
    void tt_watch_stamp(void *records, size_t slots, int64_t recv_ns)
    void tt_watch_records(
        tt_watch *w, void *records, size_t slots, int64_t recv_ns, int64_t ready_ns,
        int64_t now_ns)


cdef class FeedWatch:
    cdef tt_watch c
    cdef uint8_t *memory
    cdef object rows
    cdef tt_watch_entry[::1] view
