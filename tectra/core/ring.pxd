# The ring for nogil users: `ring.c` is valid until ring.close(). One thread pushes, one peeks and
# releases.
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from tectra.core.msg cimport tt_head
from tectra.core.shm cimport Mapping, tt_atomic_u64, tt_shm_head

cdef extern from "tectra/spsc.h" nogil:
    enum:
        TT_SPSC_OVERWRITE
        TT_SPSC_STAMP
        TT_SPSC_GAP_LOG
        TT_SPSC_CAPACITY_MIN
    const uint64_t TT_SPSC_CAPACITY_MAX
    ctypedef struct tt_spsc_gap:
        tt_atomic_u64 first
        tt_atomic_u64 last
    ctypedef struct tt_spsc_page:
        tt_shm_head head
        tt_atomic_u64 write_pos
        tt_atomic_u64 pushed
        tt_atomic_u64 full_count
        tt_atomic_u64 high_water
        tt_atomic_u64 producer
        tt_atomic_u64 producer_beat_ns
        tt_atomic_u64 producer_takeovers
        tt_atomic_u64 read_pos
        tt_atomic_u64 popped
        tt_atomic_u64 lost
        tt_atomic_u64 gaps
        tt_atomic_u64 consumer
        tt_atomic_u64 consumer_beat_ns
        tt_atomic_u64 consumer_takeovers
        tt_spsc_gap gap_log[32]
    ctypedef struct tt_spsc:
        tt_spsc_page *page
        uint32_t flags
        uint32_t producing
        uint32_t consuming
    ctypedef struct tt_spsc_run:
        const tt_head *first
        uint32_t slots
        uint32_t records
        uint32_t end_of_batch
    uint64_t tt_spsc_bytes(uint64_t capacity, uint32_t flags)
    int tt_spsc_init(
        void *memory, uint64_t capacity, uint32_t flags, uint64_t start, int64_t now_ns
    )
    int tt_spsc_open(tt_spsc *r, void *memory, uint64_t bytes)
    int tt_spsc_claim_producer(tt_spsc *r)
    int tt_spsc_claim_consumer(tt_spsc *r)
    void tt_spsc_leave(tt_spsc *r)
    uint32_t tt_spsc_holder_pid(uint64_t holder)
    int tt_spsc_try_push(tt_spsc *r, const void *rec)
    int64_t tt_spsc_try_push_n(tt_spsc *r, const void *slots, uint64_t n_slots)
    const tt_head *tt_spsc_peek(tt_spsc *r)
    void tt_spsc_release(tt_spsc *r)
    int tt_spsc_peek_run(tt_spsc *r, uint64_t max_slots, tt_spsc_run *run)
    void tt_spsc_release_run(tt_spsc *r, const tt_spsc_run *run)
    int tt_spsc_try_pop(tt_spsc *r, void *out)
    int64_t tt_spsc_drain(tt_spsc *r, void *out, uint64_t max_slots)
    uint64_t tt_spsc_depth(const tt_spsc *r)
    int tt_spsc_check(const tt_spsc *r)

cdef extern from "tectra/spsc_wait.h" nogil:
    int tt_spsc_push_until(tt_spsc *r, const void *rec, int64_t until_mono_ns)
    int tt_spsc_pop_until(tt_spsc *r, void *out, int64_t until_mono_ns)

cdef class SpscRing:
    cdef tt_spsc *c
    cdef readonly Mapping mapping
    cdef readonly uint64_t capacity
    cdef readonly bint overwrite
    cdef readonly bint stamp
    cdef int require(self) except -1
    cdef int _push_buffer(self, object record, int64_t timeout_ns) except? -1000
    cdef int _push_slow(self, const void *rec, int64_t timeout_ns) except -1
    cdef int64_t _wait_pop(self, void *out, int64_t timeout_ns) except? -1
    cdef tt_spsc_page *_page(self) except NULL
