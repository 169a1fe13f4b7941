/* Seeded random numbers that are the same on every machine: xoshiro256** seeded by splitmix64
 * (Blackman and Vigna, public domain algorithms), and distributions built from IEEE basic
 * operations and sqrt only, never from libm's log or sin. Compile without contraction of a*b+c
 * (-ffp-contract=off; gcc's -std=c11 does it as well, clang's does not), or floating results differ
 * in the last bit where the processor rounds once. One owner. */
#ifndef TECTRA_RNG_H
#define TECTRA_RNG_H

#include "base.h"

#include <math.h>
#include <string.h>

typedef struct {
    uint64_t s[4]; /* never all zero */
} tt_rng;

/* Each rejection loop ends after this many draws; the chance to get there is below 2^-64. */
#define TT_RNG_TRIES 128

static inline uint64_t tt_splitmix64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline void tt_rng_seed(tt_rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        r->s[i] = tt_splitmix64(&seed);
    }
    TT_ASSERT((r->s[0] | r->s[1] | r->s[2] | r->s[3]) != 0);
}

static inline uint64_t tt_rotl64(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static inline uint64_t tt_rng_u64(tt_rng *r)
{
    uint64_t *s = r->s;
    const uint64_t out = tt_rotl64(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = tt_rotl64(s[3], 45);
    return out;
}

/* Uniform in [0, 1), 53 bits. */
static inline double tt_rng_uniform(tt_rng *r)
{
    return (double)(tt_rng_u64(r) >> 11) * 0x1p-53;
}

/* Unbiased in [0, n), n > 0 (Lemire's multiply and reject). */
static inline uint64_t tt_rng_below(tt_rng *r, uint64_t n)
{
    TT_ASSERT(n > 0);
    const uint64_t floor = (0 - n) % n;
    uint64_t high = 0;
    for (int i = 0; i < TT_RNG_TRIES; i++) {
        __extension__ const unsigned __int128 product = (unsigned __int128)tt_rng_u64(r) * n;
        high = (uint64_t)(product >> 64);
        if ((uint64_t)product >= floor) {
            break;
        }
    }
    return high;
}

/* Unbiased in [lo, hi), lo < hi. */
static inline int64_t tt_rng_range(tt_rng *r, int64_t lo, int64_t hi)
{
    TT_ASSERT(lo < hi);
    return (int64_t)((uint64_t)lo + tt_rng_below(r, (uint64_t)hi - (uint64_t)lo));
}

/* True with probability p. */
static inline int tt_rng_chance(tt_rng *r, double p)
{
    return tt_rng_uniform(r) < p;
}

/* Natural logarithm of a positive normal number, within 2 units in the last place, bit-identical
 * everywhere: x = m * 2^e with m in [sqrt(1/2), sqrt(2)), log m = 2 atanh((m - 1) / (m + 1)) by its
 * series. */
static inline double tt_log(double x)
{
    TT_ASSERT(x > 0);
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int e = (int)((bits >> 52) & 0x7FF) - 1023;
    bits = (bits & UINT64_C(0xFFFFFFFFFFFFF)) | UINT64_C(0x3FF0000000000000);
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m = m * 0.5;
        e += 1;
    }
    const double z = (m - 1.0) / (m + 1.0);
    const double z2 = z * z;
    double sum = 0.0;
    for (int k = 23; k >= 3; k -= 2) {
        sum = (sum + 1.0 / (double)k) * z2;
    }
    return (double)e * 0.69314718055994531 + 2.0 * (z + z * sum);
}

/* Exponential with mean 1. */
static inline double tt_rng_exponential(tt_rng *r)
{
    return -tt_log(1.0 - tt_rng_uniform(r));
}

/* Normal with mean 0 and deviation 1 (Marsaglia's polar method; the second value is not kept, so
 * that state is s alone). */
static inline double tt_rng_normal(tt_rng *r)
{
    for (int i = 0; i < TT_RNG_TRIES; i++) {
        const double u = 2.0 * tt_rng_uniform(r) - 1.0;
        const double v = 2.0 * tt_rng_uniform(r) - 1.0;
        const double q = u * u + v * v;
        if (q > 0.0 && q < 1.0) {
            return u * sqrt(-2.0 * tt_log(q) / q);
        }
    }
    return 0.0;
}

/* A stream of its own for `key`: the parent is not moved, equal keys give equal streams. */
static inline void tt_rng_spawn(const tt_rng *parent, uint64_t key, tt_rng *child)
{
    uint64_t mix = key ^ UINT64_C(0xD1B54A32D192ED03);
    uint64_t seed = 0;
    for (int i = 0; i < 4; i++) {
        mix ^= parent->s[i];
        seed = tt_splitmix64(&mix);
    }
    tt_rng_seed(child, seed);
}

#endif
