# The page and handle of a ring for nogil users: `ring.c` is valid until ring.close(). One thread
# pushes, one peeks and releases.
from libc.stdint cimport int64_t, uint32_t, uint64_t

from tectra.core.idle cimport Idle, tt_atomic_u32, tt_idle
from tectra.core.msg cimport tt_head
from tectra.core.shared_page cimport SharedPage
from tectra.core.shm cimport tt_atomic_u64, tt_shm_head

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
        tt_atomic_u64 full_count
        tt_atomic_u64 high_water
        tt_atomic_u32 consumer_parked
        tt_atomic_u32 producer_parked
        tt_atomic_u64 producer
        tt_atomic_u64 producer_beat_ns
        tt_atomic_u64 producer_takeovers
        tt_atomic_u64 high_mark
        tt_atomic_u64 read_pos
        tt_atomic_u64 lost
        tt_atomic_u64 gaps
        tt_atomic_u64 consumer
        tt_atomic_u64 consumer_beat_ns
        tt_atomic_u64 consumer_takeovers
        tt_spsc_gap gap_log[32]
    ctypedef struct tt_spsc:
        tt_spsc_page *page
        uint32_t flags
        uint64_t claimed
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
    enum:
        TT_SPSC_PRESSURE_OK
        TT_SPSC_PRESSURE_HIGH
        TT_SPSC_PRESSURE_FULL
    uint64_t tt_spsc_depth(const tt_spsc *r)
    uint64_t tt_spsc_pushed(const tt_spsc *r)
    uint64_t tt_spsc_popped(const tt_spsc *r)
    int tt_spsc_pressure(const tt_spsc *r)
    int tt_spsc_set_high_mark(tt_spsc *r, uint64_t slots)
    int tt_spsc_check(const tt_spsc *r)

cdef extern from "tectra/spsc_claim.h" nogil:
    uint64_t tt_spsc_header(uint32_t template_id)
    int tt_spsc_try_claim(tt_spsc *r, uint64_t bytes, void **slot)
    int tt_spsc_try_claim_n(tt_spsc *r, uint64_t n, void **slot, uint64_t *got)
    int64_t tt_spsc_commit(tt_spsc *r, uint64_t header)
    int64_t tt_spsc_commit_same(tt_spsc *r, uint64_t header, uint64_t records)
    int tt_spsc_abort(tt_spsc *r)

cdef extern from "tectra/spsc_wait.h" nogil:
    int tt_spsc_wait_filled(tt_spsc *r, tt_idle *idle, int64_t until_mono_ns)
    int tt_spsc_wait_space(tt_spsc *r, tt_idle *idle, int64_t until_mono_ns, uint64_t slots)
    int tt_spsc_push_wait(tt_spsc *r, const void *rec, tt_idle *idle, int64_t until_mono_ns)
    int tt_spsc_pop_wait(tt_spsc *r, void *out, tt_idle *idle, int64_t until_mono_ns)
    void tt_spsc_unpark(tt_spsc *r)

cdef class RingPage(SharedPage):
    cdef tt_spsc *c
    cdef readonly uint64_t capacity
    cdef readonly bint overwrite
    cdef readonly bint stamp
    cdef readonly bint lent
    cdef readonly Idle push_idle
    cdef readonly Idle pop_idle
    cdef tt_spsc_page *_page(self) except NULL
    cdef int may_push(self) except -1
    cdef int may_pop(self) except -1
    cdef int wait_filled(self, int64_t timeout_ns) except -1
    cdef int wait_space(self, uint64_t slots, int64_t timeout_ns) except -1
    cdef int raise_full(self, int64_t timeout_ns) except -1
    cdef int raise_empty(self, int64_t timeout_ns) except -1
