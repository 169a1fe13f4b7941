# The broadcast ring for nogil users: `ring.c` is valid until ring.close(). One thread writes;
# readers are in bcast_reader.pxd.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from tectra.core.shared_page cimport SharedPage
from tectra.core.shm cimport tt_atomic_u64, tt_shm_head

cdef extern from "tectra/bcast_join.h" nogil:
    enum:
        TT_BCAST_STAMP
        TT_BCAST_NEWEST
        TT_BCAST_OLDEST
        TT_BCAST_PLACES
        TT_BCAST_NAME_BYTES
        TT_BCAST_CLAIM_SLOTS
        TT_BCAST_CAPACITY_MIN
    const uint64_t TT_BCAST_CAPACITY_MAX
    const uint64_t TT_BCAST_EVERYONE
    ctypedef struct tt_bcast_place:
        tt_atomic_u64 owner
        tt_atomic_u64 pos
        tt_atomic_u64 next
        tt_atomic_u64 read
        tt_atomic_u64 skipped
        tt_atomic_u64 lost
        tt_atomic_u64 gaps
        tt_atomic_u64 lag_high
        tt_atomic_u64 mask
        tt_atomic_u64 beat_ns
        tt_atomic_u64 joined
        tt_atomic_u64 name[5]
    ctypedef struct tt_bcast_page:
        tt_shm_head head
        tt_atomic_u64 write_pos
        tt_atomic_u64 published
        tt_atomic_u64 writer
        tt_atomic_u64 writer_beat_ns
        tt_atomic_u64 takeovers
        tt_atomic_u64 aborted
        tt_bcast_place place[64]
    ctypedef struct tt_bcast:
        tt_bcast_page *page
        uint32_t flags
        uint32_t writing
        uint32_t claimed
        uint8_t claim[2048]
    ctypedef struct tt_bcast_reader:
        tt_bcast_place *place
        uint64_t mask
        uint64_t pos
        uint64_t next
        uint64_t read
        uint64_t skipped
        uint64_t lost
        uint64_t gaps
    ctypedef struct tt_bcast_batch:
        uint32_t slots
        uint32_t records
        uint32_t gaps
        uint32_t end_of_batch
    uint64_t tt_bcast_bytes(uint64_t capacity)
    int tt_bcast_init(
        void *memory, uint64_t capacity, uint32_t flags, uint64_t start, int64_t now_ns
    )
    int tt_bcast_open(tt_bcast *r, void *memory, uint64_t bytes)
    int tt_bcast_owner_alive(uint64_t owner)
    int tt_bcast_claim_writer(tt_bcast *r)
    void tt_bcast_leave(tt_bcast *r)
    uint32_t tt_bcast_reclaim_places(tt_bcast *r)
    int tt_bcast_publish(tt_bcast *r, const void *rec, uint64_t tag)
    int64_t tt_bcast_count_records_(
        const uint8_t *slots, uint64_t n_slots, const uint64_t *tags, uint64_t tag
    )
    int64_t tt_bcast_publish_n(
        tt_bcast *r, const void *slots, uint64_t n_slots, const uint64_t *tags, uint64_t tag
    )
    uint8_t *tt_bcast_claim(tt_bcast *r, uint32_t n_slots)
    int64_t tt_bcast_commit(tt_bcast *r, const uint64_t *tags, uint64_t tag)
    int tt_bcast_abort(tt_bcast *r)
    int tt_bcast_join(
        tt_bcast_reader *rd, const tt_bcast *r, const char *name, uint64_t mask, int where
    )
    void tt_bcast_part(tt_bcast_reader *rd)
    void tt_bcast_set_mask(tt_bcast_reader *rd, uint64_t mask)
    int tt_bcast_try_read(tt_bcast_reader *rd, void *out)
    int tt_bcast_read_n(
        tt_bcast_reader *rd, void *out, uint64_t max_slots, tt_bcast_batch *batch
    )
    uint64_t tt_bcast_lag(const tt_bcast_page *page, const tt_bcast_place *place)
    int tt_bcast_check(const tt_bcast *r)

cdef extern from "tectra/bcast_wait.h" nogil:
    int tt_bcast_read_until(tt_bcast_reader *rd, void *out, int64_t until_mono_ns)

cdef class BroadcastRing(SharedPage):
    cdef tt_bcast *c
    cdef readonly uint64_t capacity
    cdef readonly bint stamp
    cdef object _readers
    cdef int _views
    cdef int _refused(self, int64_t rc, Py_ssize_t size) except -1
    cdef int _need_claim(self, int64_t rc) except -1
    cdef int64_t _publish_n(
        self, Py_buffer *view, const uint64_t *tags, Py_ssize_t tag_bytes, uint64_t tag
    ) except? -1000
    cdef tt_bcast_page *_page(self) except NULL

cdef uint64_t bits_of(object value, str what) except 0
