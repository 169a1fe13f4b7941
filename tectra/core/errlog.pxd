# The distinct-error log for nogil users: `log.c` is valid until log.close(); noting is a probe, a
# count and two stores.
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from tectra.core.shared_page cimport SharedPage
from tectra.core.shm cimport tt_atomic_u64, tt_shm_head

cdef extern from "tectra/errlog.h" nogil:
    enum:
        TT_ERRLOG_MAX
        TT_PLACE_BOOK
        TT_PLACE_FEED
        TT_PLACE_ORDERS
        TT_PLACE_POSITION
        TT_PLACE_RISK
        TT_PLACE_GATE
        TT_PLACE_JOURNAL
        TT_PLACE_RING
        TT_PLACE_STRATEGY
        TT_PLACE_CLOCK
        TT_PLACE_CONTROL
        TT_PLACE_USER
        TT_PLACE_MAX
    ctypedef struct tt_errlog_when:
        uint64_t ring_seq
        int64_t ns
    ctypedef struct tt_errlog_view:
        uint32_t place
        int32_t code
        uint64_t count
        tt_errlog_when first
        tt_errlog_when last
    ctypedef struct tt_errlog:
        tt_shm_head head
        tt_atomic_u64 lost
    uint64_t tt_errlog_bytes(uint64_t capacity)
    int tt_errlog_init(tt_errlog *log, uint64_t capacity, int64_t now_ns)
    int tt_errlog_check(const tt_errlog *log, uint64_t bytes)
    int tt_errlog_note(tt_errlog *log, uint32_t place, int32_t code, uint64_t ring_seq, int64_t ns)
    int tt_errlog_note_shared(
        tt_errlog *log, uint32_t place, int32_t code, uint64_t ring_seq, int64_t ns
    )
    int tt_errlog_read(const tt_errlog *log, uint64_t i, tt_errlog_view *out)

cdef class ErrorLog(SharedPage):
    cdef tt_errlog *c
    cdef readonly uint64_t capacity
