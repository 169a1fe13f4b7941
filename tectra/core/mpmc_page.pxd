# A handle of a ring and its page. `c` is valid until close() and belongs to one thread; it has
# joined after join().
from libc.stdint cimport int64_t, uint32_t, uint64_t

from tectra.core.shared_page cimport SharedPage
from tectra.core.shm cimport tt_atomic_u64, tt_shm_head

cdef extern from "tectra/mpmc_owner.h" nogil:
    enum:
        TT_MPMC_FENCED
        TT_MPMC_STAMP
        TT_MPMC_WIDE
        TT_MPMC_GAP_LOG
        TT_MPMC_GAP_ABANDONED
        TT_MPMC_PARTICIPANTS
        TT_MPMC_CAPACITY_MIN
        TT_MPMC_UNBLOCK_NS
    const uint64_t TT_MPMC_CAPACITY_MAX
    ctypedef struct tt_mpmc_gap:
        tt_atomic_u64 number
        tt_atomic_u64 why
    ctypedef struct tt_mpmc_participant:
        tt_atomic_u64 token
        tt_atomic_u64 beat_ns
        tt_atomic_u64 joins
        tt_atomic_u64 pushed
        tt_atomic_u64 popped
        tt_atomic_u64 full_count
        tt_atomic_u64 abandoned
        tt_atomic_u64 lost
        tt_atomic_u64 fenced
        tt_atomic_u64 aborted
        tt_atomic_u64 skipped
        tt_atomic_u64 high_water
    ctypedef struct tt_mpmc_page:
        tt_shm_head head
        uint64_t start
        uint64_t unblock_ns
        tt_atomic_u64 write_pos
        tt_atomic_u64 read_pos
        tt_atomic_u64 gaps
        tt_mpmc_gap gap_log[32]
        tt_mpmc_participant participant[128]
    ctypedef struct tt_mpmc_slot:
        pass
    ctypedef struct tt_mpmc:
        tt_mpmc_page *page
        uint32_t flags
        uint32_t room
        uint32_t me
        uint32_t accept
    ctypedef struct tt_mpmc_item:
        tt_mpmc_slot *slot
        void *record
        uint64_t pos
        uint32_t bytes
        uint32_t tag
    uint64_t tt_mpmc_bytes(uint64_t capacity, uint32_t flags)
    int tt_mpmc_init(
        void *memory, uint64_t capacity, uint32_t flags, uint64_t start, uint64_t unblock_ns,
        int64_t now_ns
    )
    int tt_mpmc_open(tt_mpmc *r, void *memory, uint64_t bytes)
    int tt_mpmc_join(tt_mpmc *r)
    void tt_mpmc_leave(tt_mpmc *r)
    void tt_mpmc_beat(tt_mpmc *r, int64_t now_ns)
    uint32_t tt_mpmc_reap(tt_mpmc *r)
    int tt_mpmc_unblock_read(tt_mpmc *r, int64_t now_ns)
    int tt_mpmc_unblock_write(tt_mpmc *r, int64_t now_ns)
    uint64_t tt_mpmc_number(const tt_mpmc *r, uint64_t pos)
    uint64_t tt_mpmc_depth(const tt_mpmc *r)
    ctypedef struct tt_mpmc_counts:
        uint64_t pushed
        uint64_t popped
        uint64_t full_count
        uint64_t abandoned
        uint64_t lost
        uint64_t fenced
        uint64_t aborted
        uint64_t skipped
        uint64_t depth
        uint64_t high_water
        uint64_t gaps
        uint64_t participants
    tt_mpmc_counts tt_mpmc_count(const tt_mpmc *r)
    uint32_t tt_mpmc_token_pid(uint64_t token)

cdef class MpmcPage(SharedPage):
    cdef tt_mpmc *c
    cdef bint waiting
    cdef readonly uint64_t capacity
    cdef int enter(self) except -1
    cdef tt_mpmc *seen(self) except NULL
    cdef int _count(self, tt_mpmc_counts *out) except -1
