# Idle policies for nogil users: `idle.c` is a struct of the object, valid while the object lives.
from libc.stdint cimport int64_t, uint32_t, uint64_t

from tectra.core.shm cimport tt_atomic_u64

cdef extern from "tectra/idle.h" nogil:
    enum:
        TT_IDLE_SPIN
        TT_IDLE_YIELD
        TT_IDLE_BACKOFF
        TT_IDLE_PARK
    ctypedef struct tt_atomic_u32:
        pass
    ctypedef struct tt_idle_settings:
        uint32_t spins
        uint32_t yields
        int64_t sleep_min_ns
        int64_t sleep_max_ns
        int64_t park_max_ns
    ctypedef struct tt_idle:
        tt_atomic_u32 policy
        tt_idle_settings set
        tt_atomic_u64 spins
        tt_atomic_u64 yields
        tt_atomic_u64 sleeps
        tt_atomic_u64 parks
    uint32_t tt_load_relaxed32(const tt_atomic_u32 *p)
    int tt_idle_init(tt_idle *i, uint32_t policy, const tt_idle_settings *settings)
    void tt_idle_reset(tt_idle *i)
    void tt_idle_step(tt_idle *i, int work)
    void tt_idle_wake(tt_idle *i)
    int tt_idle_set_policy(tt_idle *i, uint32_t policy)

cdef class Idle:
    cdef tt_idle c
