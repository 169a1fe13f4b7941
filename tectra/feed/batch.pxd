# Batches of records for nogil users, and the lanes of a merge.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "tectra/batch.h" nogil:
    ctypedef struct tt_batch_rows:
        uint32_t *slot
        uint8_t *template_id
        uint8_t *width
        uint16_t *venue_id
        uint32_t *instrument_id
        int64_t *ts_event_ns
        int64_t *ts_recv_ns

    ctypedef struct tt_merge_lane:
        const uint8_t *slots
        const uint32_t *slot
        const uint8_t *width
        const int64_t *key
        const uint64_t *tie
        uint64_t count
        uint64_t next
        uint32_t more

    uint32_t tt_batch_width(const uint8_t *slot)
    uint32_t tt_batch_scan(
        const uint8_t *slots, uint32_t n, const tt_batch_rows *rows, uint32_t *end)
    int64_t tt_batch_gather(
        const uint8_t *slots, uint32_t n, const uint32_t *at, uint64_t count, uint8_t *out,
        uint64_t cap)
    void tt_batch_renumber(
        uint8_t *slots, const uint32_t *at, const uint32_t *ids, uint64_t count)
    uint64_t tt_merge_run(
        tt_merge_lane *lanes, uint32_t count, uint32_t *heap, uint8_t *out, uint64_t cap,
        uint32_t *dry)


cdef class LaneMerger:
    cdef tt_merge_lane *lanes
    cdef uint32_t *heap
    cdef uint32_t count
    cdef list held
