/* Log-linear histogram (HDR): constant cost to record, a fixed relative error, fixed memory, exact
 * count, min, max and sum.
 *
 * Values below 2^bits have a bucket each; above, every power of two is cut into 2^bits buckets, so
 * a bucket is at most 1/2^bits of its value wide. bits = 10 gives three significant digits. Values
 * of 2^max_bits and more go to the last bucket and are counted.
 *
 * Owner: one thread records. Others may read while it does: each word is whole, the set of words is
 * not one moment.
 */
#ifndef TECTRA_HIST_H
#define TECTRA_HIST_H

#include "atomic.h"
#include "base.h"

#define TT_HIST_BITS_MIN 1u
#define TT_HIST_BITS_MAX 14u
#define TT_HIST_MAX_BITS 63u

typedef struct {
    uint32_t bits, max_bits;
    uint64_t buckets;
    tt_atomic_u64 count;
    tt_atomic_u64 min; /* UINT64_MAX when empty */
    tt_atomic_u64 max;
    tt_atomic_u64 sum_low, sum_high; /* 128 bits */
    tt_atomic_u64 above;             /* values of 2^max_bits and more */
    tt_atomic_u64 bucket[];
} tt_hist;

_Static_assert(sizeof(tt_hist) == 64, "the buckets start on a line");

static inline uint64_t tt_hist_buckets(uint32_t bits, uint32_t max_bits)
{
    return (uint64_t)(max_bits - bits + 1) << bits;
}

/* Bytes for a histogram; 0 when bits is not in 1..14 or max_bits not in bits + 1..63. */
static inline uint64_t tt_hist_bytes(uint32_t bits, uint32_t max_bits)
{
    if (bits < TT_HIST_BITS_MIN || bits > TT_HIST_BITS_MAX || max_bits <= bits ||
        max_bits > TT_HIST_MAX_BITS)
        return 0;
    return sizeof(tt_hist) + tt_hist_buckets(bits, max_bits) * sizeof(uint64_t);
}

/* Empty it. */
static inline void tt_hist_reset(tt_hist *h)
{
    tt_store_relaxed64(&h->count, 0);
    tt_store_relaxed64(&h->min, UINT64_MAX);
    tt_store_relaxed64(&h->max, 0);
    tt_store_relaxed64(&h->sum_low, 0);
    tt_store_relaxed64(&h->sum_high, 0);
    tt_store_relaxed64(&h->above, 0);
    for (uint64_t i = 0; i < h->buckets; i++)
        tt_store_relaxed64(&h->bucket[i], 0);
}

/* In memory of tt_hist_bytes. */
static inline int tt_hist_init(tt_hist *h, uint32_t bits, uint32_t max_bits)
{
    if (tt_hist_bytes(bits, max_bits) == 0)
        return TT_E_RANGE;
    h->bits = bits;
    h->max_bits = max_bits;
    h->buckets = tt_hist_buckets(bits, max_bits);
    tt_hist_reset(h);
    return TT_OK;
}

/* The bucket of a value. */
static inline uint64_t tt_hist_index(const tt_hist *h, uint64_t v)
{
    const uint32_t top = 63u - (uint32_t)__builtin_clzll(v | 1ull << h->bits);
    const uint32_t shift = top - h->bits;
    return v >> h->max_bits != 0 ? h->buckets - 1 : ((uint64_t)shift << h->bits) + (v >> shift);
}

/* The smallest value of bucket i; its width is 1 << tt_hist_shift. */
static inline uint32_t tt_hist_shift(const tt_hist *h, uint64_t i)
{
    const uint64_t group = i >> h->bits;
    return group == 0 ? 0 : (uint32_t)(group - 1);
}

static inline uint64_t tt_hist_low(const tt_hist *h, uint64_t i)
{
    const uint32_t shift = tt_hist_shift(h, i);
    TT_ASSERT(i < h->buckets);
    return (i - ((uint64_t)shift << h->bits)) << shift;
}

/* The largest value of bucket i. */
static inline uint64_t tt_hist_high(const tt_hist *h, uint64_t i)
{
    return tt_hist_low(h, i) + ((1ull << tt_hist_shift(h, i)) - 1);
}

/* n times the value v. */
static inline void tt_hist_record_n(tt_hist *h, uint64_t v, uint64_t n)
{
    TT_ASSERT(h->buckets > 0);
    if (TT_UNLIKELY(n == 0))
        return;
    const unsigned __int128 add = (unsigned __int128)v * n;
    const uint64_t low = tt_load_relaxed64(&h->sum_low);
    const uint64_t sum = low + (uint64_t)add;
    tt_bump64(&h->bucket[tt_hist_index(h, v)], n);
    tt_store_relaxed64(&h->sum_low, sum);
    if (TT_UNLIKELY(sum < low || (uint64_t)(add >> 64) != 0))
        tt_bump64(&h->sum_high, (uint64_t)(add >> 64) + (sum < low));
    if (v < tt_load_relaxed64(&h->min))
        tt_store_relaxed64(&h->min, v);
    if (v > tt_load_relaxed64(&h->max))
        tt_store_relaxed64(&h->max, v);
    if (TT_UNLIKELY(v >> h->max_bits != 0))
        tt_bump64(&h->above, n);
    tt_bump64(&h->count, n);
}

static inline void tt_hist_record(tt_hist *h, uint64_t v)
{
    tt_hist_record_n(h, v, 1);
}

/* The value that a share q (0..1) of the values does not exceed: the upper end of its bucket,
 * within min and max. 0 when empty. Never below the exact quantile, and above it by at most one
 * part in 2^bits. */
static inline uint64_t tt_hist_quantile(const tt_hist *h, double q)
{
    const uint64_t count = tt_load_relaxed64(&h->count);
    const uint64_t max = tt_load_relaxed64(&h->max), min = tt_load_relaxed64(&h->min);
    if (count == 0)
        return 0;
    const double wanted = q <= 0 ? 1.0 : q >= 1 ? (double)count : q * (double)count;
    uint64_t rank = (uint64_t)wanted;
    rank += (double)rank < wanted;
    rank = rank < 1 ? 1 : rank > count ? count : rank;
    uint64_t seen = 0;
    for (uint64_t i = tt_hist_index(h, min); i + 1 < h->buckets; i++) {
        seen += tt_load_relaxed64(&h->bucket[i]);
        if (seen >= rank) {
            const uint64_t high = tt_hist_high(h, i);
            return high > max ? max : high;
        }
    }
    return max;
}

static inline double tt_hist_mean(const tt_hist *h)
{
    const uint64_t count = tt_load_relaxed64(&h->count);
    const double sum =
        (double)tt_load_relaxed64(&h->sum_high) * 0x1p64 + (double)tt_load_relaxed64(&h->sum_low);
    return count == 0 ? 0.0 : sum / (double)count;
}

/* Add another histogram of the same geometry. TT_OK or TT_E_STATE. */
static inline int tt_hist_merge(tt_hist *h, const tt_hist *other)
{
    if (h->bits != other->bits || h->max_bits != other->max_bits)
        return TT_E_STATE;
    TT_ASSERT(h->buckets == other->buckets);
    for (uint64_t i = 0; i < h->buckets; i++)
        tt_bump64(&h->bucket[i], tt_load_relaxed64(&other->bucket[i]));
    const uint64_t low = tt_load_relaxed64(&h->sum_low);
    const uint64_t sum = low + tt_load_relaxed64(&other->sum_low);
    tt_store_relaxed64(&h->sum_low, sum);
    tt_bump64(&h->sum_high, tt_load_relaxed64(&other->sum_high) + (sum < low));
    if (tt_load_relaxed64(&other->min) < tt_load_relaxed64(&h->min))
        tt_store_relaxed64(&h->min, tt_load_relaxed64(&other->min));
    if (tt_load_relaxed64(&other->max) > tt_load_relaxed64(&h->max))
        tt_store_relaxed64(&h->max, tt_load_relaxed64(&other->max));
    tt_bump64(&h->above, tt_load_relaxed64(&other->above));
    tt_bump64(&h->count, tt_load_relaxed64(&other->count));
    return TT_OK;
}

#endif
