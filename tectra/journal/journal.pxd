# Declarations of ext/tectra/journal.h, for this package and for extensions that append.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from tectra.core.shm cimport tt_atomic_u64

cdef extern from "tectra/journal.h" nogil:
    enum: TT_JOURNAL_PAGE, TT_JOURNAL_CAPACITY_MAX, TT_JOURNAL_LAYOUT
    enum: TT_CLOCK_NONE, TT_CLOCK_REALTIME, TT_CLOCK_SIMULATED, TT_CLOCK_JOURNAL

    ctypedef struct tt_atomic_u32:
        pass
    uint32_t tt_load_relaxed32(const tt_atomic_u32 *a)
    void tt_store_relaxed64(tt_atomic_u64 *a, uint64_t v)

    ctypedef struct tt_journal_head:
        uint32_t segment_id
        uint32_t capacity
        uint64_t epoch
        uint64_t base_ring_seq
        uint64_t run_seed
        uint8_t clock_domain
        uint32_t closed
        uint32_t used
        uint64_t records
        uint64_t first_ring_seq
        uint64_t last_ring_seq
        int64_t first_ts_recv_ns
        int64_t last_ts_recv_ns
        uint64_t digest[2]
        uint8_t merkle_root[32]
        uint8_t chain[32]

    ctypedef struct tt_segment:
        uint8_t *slots
        uint32_t *crc
        tt_journal_head *head
        tt_atomic_u64 last_ring_seq
        uint64_t records
        int64_t day_end_ns
        uint32_t used
        uint32_t capacity
        uint32_t seed
        tt_atomic_u32 roll
        uint32_t daily

    uint64_t tt_journal_slots_offset(uint32_t capacity)
    uint64_t tt_journal_file_bytes(uint32_t capacity)
    uint32_t tt_journal_seed(uint64_t epoch, uint32_t segment_id, uint32_t capacity)
    int tt_segment_create(tt_segment *seg, void *file, const tt_journal_head *want)
    void tt_segment_move(tt_segment *seg, const tt_segment *fresh)
    void tt_segment_detach(tt_segment *seg)
    void tt_segment_closing_page(const tt_segment *seg, void *page)
    void tt_segment_seal_page(void *page, const uint8_t *root, const uint8_t *chain)
    uint32_t tt_journal_room(const tt_segment *seg)
    int tt_journal_append(tt_segment *seg, const void *rec)
    void tt_journal_see_day(tt_segment *seg, int64_t ts_recv_ns)
    int64_t tt_journal_published(const tt_journal_head *head)
    int tt_journal_head_check(const tt_journal_head *head)
    int tt_journal_head_state(const tt_journal_head *head)
    uint32_t tt_journal_record_bytes(const void *slot)
    uint32_t tt_journal_crc_scan(
        const void *slots, const uint32_t *crc, uint32_t start, uint32_t to, uint32_t seed)
    uint32_t tt_journal_walk(const void *slots, uint32_t n, uint32_t *starts, uint32_t *end)

cdef extern from "tectra/crc32c.h" nogil:
    uint32_t tt_crc32c(uint32_t seed, const void *data, size_t n)
