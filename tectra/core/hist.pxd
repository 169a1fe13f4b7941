# The histogram for nogil users: `h.c` is valid as long as the object. One thread records.
from libc.stdint cimport uint32_t, uint64_t

from tectra.core.shm cimport tt_atomic_u64

cdef extern from "tectra/hist.h" nogil:
    enum:
        TT_HIST_BITS_MIN
        TT_HIST_BITS_MAX
        TT_HIST_MAX_BITS
    ctypedef struct tt_hist:
        uint32_t bits
        uint32_t max_bits
        uint64_t buckets
        tt_atomic_u64 count
        tt_atomic_u64 min
        tt_atomic_u64 max
        tt_atomic_u64 sum_low
        tt_atomic_u64 sum_high
        tt_atomic_u64 above
        tt_atomic_u64 bucket[1]
    uint64_t tt_hist_bytes(uint32_t bits, uint32_t max_bits)
    int tt_hist_init(tt_hist *h, uint32_t bits, uint32_t max_bits)
    void tt_hist_reset(tt_hist *h)
    void tt_hist_record(tt_hist *h, uint64_t v)
    void tt_hist_record_n(tt_hist *h, uint64_t v, uint64_t n)
    uint64_t tt_hist_quantile(const tt_hist *h, double q)
    double tt_hist_mean(const tt_hist *h)
    int tt_hist_merge(tt_hist *h, const tt_hist *other)
    uint64_t tt_hist_low(const tt_hist *h, uint64_t i)
    uint64_t tt_hist_high(const tt_hist *h, uint64_t i)

cdef class Histogram:
    cdef tt_hist *c
