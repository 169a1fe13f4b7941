# The kill word for nogil users: `word.c` is valid until word.close(); tt_kill_is_set is one load.
from libc.stdint cimport int64_t, uint32_t, uint64_t

from tectra.core.shared_page cimport SharedPage
from tectra.core.shm cimport tt_atomic_u64, tt_shm_head

cdef extern from "tectra/kill.h" nogil:
    enum:
        TT_KILL_OPERATOR
        TT_KILL_RISK
        TT_KILL_JOURNAL
        TT_KILL_HEARTBEAT
        TT_KILL_FAULT
        TT_KILL_VENUE
        TT_KILL_DRILL
        TT_KILL_RECOVERY
        TT_KILL_REASON_MAX
    ctypedef struct tt_kill:
        tt_shm_head head
        tt_atomic_u64 set_ns
        tt_atomic_u64 set_pid
        tt_atomic_u64 cleared_ns
        tt_atomic_u64 attempts
    void tt_kill_init(tt_kill *k, int64_t now_ns)
    int tt_kill_check(const tt_kill *k, uint64_t bytes)
    int tt_kill_is_set(const tt_kill *k)
    uint32_t tt_kill_reason(const tt_kill *k)
    uint64_t tt_kill_epoch(const tt_kill *k)
    int tt_kill_set(tt_kill *k, uint32_t reason)
    int tt_kill_set_at(tt_kill *k, uint32_t reason, int64_t now_ns)
    int tt_kill_clear(tt_kill *k)
    int tt_kill_clear_epoch(tt_kill *k, uint64_t epoch, int64_t now_ns)

cdef class KillWord(SharedPage):
    cdef tt_kill *c
