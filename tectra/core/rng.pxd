# Seeded random numbers, bit-identical everywhere. One owner thread per generator.
from libc.stdint cimport int64_t, uint64_t

cdef extern from "tectra/rng.h" nogil:
    ctypedef struct tt_rng:
        uint64_t s[4]
    uint64_t tt_splitmix64(uint64_t *state)
    void tt_rng_seed(tt_rng *r, uint64_t seed)
    uint64_t tt_rng_u64(tt_rng *r)
    double tt_rng_uniform(tt_rng *r)
    uint64_t tt_rng_below(tt_rng *r, uint64_t n)
    int64_t tt_rng_range(tt_rng *r, int64_t lo, int64_t hi)
    int tt_rng_chance(tt_rng *r, double p)
    double tt_rng_exponential(tt_rng *r)
    double tt_rng_normal(tt_rng *r)
    double tt_log(double x)
    void tt_rng_spawn(const tt_rng *parent, uint64_t key, tt_rng *child)

cdef class Random:
    cdef tt_rng c
