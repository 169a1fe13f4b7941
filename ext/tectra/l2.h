/* Price-level book of one instrument: two sorted arrays, the best price last.
 *
 * Owner: one thread. Cost: a search from the best outward and, when a level appears or goes, a move
 * of the levels that are better; tens of nanoseconds near the best. Memory comes from the caller;
 * TT_E_FULL means: grow with tt_l2_regrow and set again. Quantities are whole level quantities. */
#ifndef TECTRA_L2_H
#define TECTRA_L2_H

#include <string.h>

#include "base.h"
#include "digest.h"
#include "ladder.h"
#include "msg.h"

/* Levels next to the best that are looked at one by one: most changes are there. */
#define TT_L2_NEAR 8u

typedef struct {
    int64_t key; /* px for bids, -px for asks: growing towards the best */
    int64_t qty;
} tt_l2_rung;

typedef struct {
    tt_l2_rung *rungs[2];
    uint32_t count[2], cap;
    uint32_t changed; /* 1 when the last set changed the best price or its quantity */
} tt_l2;

static inline size_t tt_l2_bytes(uint32_t cap)
{
    return (size_t)cap * 2 * sizeof(tt_l2_rung);
}

static inline void tt_l2_init(tt_l2 *b, void *mem, uint32_t cap)
{
    TT_ASSERT(cap > 0);
    memset(b, 0, sizeof *b);
    b->rungs[0] = (tt_l2_rung *)mem;
    b->rungs[1] = b->rungs[0] + cap;
    b->cap = cap;
}

/* Move to larger memory; returns the old memory for the owner to free. */
static inline void *tt_l2_regrow(tt_l2 *b, void *mem, uint32_t cap)
{
    const tt_l2 old = *b;
    TT_ASSERT(cap > old.cap);
    tt_l2_init(b, mem, cap);
    for (uint32_t s = 0; s < 2; s++) {
        memcpy(b->rungs[s], old.rungs[s], (size_t)old.count[s] * sizeof *b->rungs[s]);
        b->count[s] = old.count[s];
    }
    return old.rungs[0];
}

static inline void tt_l2_clear(tt_l2 *b)
{
    b->count[0] = b->count[1] = 0;
}

/* Number of levels that are worse than `key`. */
static inline uint32_t tt_l2_rank(const tt_l2_rung *rungs, uint32_t count, int64_t key)
{
    for (uint32_t n = 0; n < TT_L2_NEAR && n < count; n++)
        if (rungs[count - 1 - n].key < key)
            return count - n;
    uint32_t lo = 0, hi = count < TT_L2_NEAR ? 0 : count - TT_L2_NEAR;
    while (lo < hi) {
        const uint32_t mid = lo + (hi - lo) / 2;
        if (rungs[mid].key < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Whole quantity of a level; 0 removes it (a level that is not there may be removed). TT_E_RANGE: a
 * negative quantity, no side, or no price; TT_E_FULL: grow. On error the book is unchanged. */
static inline int tt_l2_set(tt_l2 *b, uint8_t side, int64_t px, int64_t qty)
{
    if (qty < 0 || px == TT_NO_PX || (side != TT_SIDE_BUY && side != TT_SIDE_SELL))
        return TT_E_RANGE;
    const uint32_t s = tt_side_index(side), count = b->count[s];
    const int64_t key = tt_ladder_key(s, px);
    tt_l2_rung *rungs = b->rungs[s];
    const uint32_t rank = tt_l2_rank(rungs, count, key);
    const int exists = rank < count && rungs[rank].key == key;
    const uint32_t behind = count - rank;
    if (!exists && qty && count >= b->cap)
        return TT_E_FULL;
    b->changed = exists ? rank + 1 == count && rungs[rank].qty != qty : qty && rank == count;
    if (exists && qty) {
        rungs[rank].qty = qty;
    } else if (exists) {
        memmove(rungs + rank, rungs + rank + 1, (size_t)(behind - 1) * sizeof *rungs);
        b->count[s]--;
    } else if (qty) {
        memmove(rungs + rank + 1, rungs + rank, (size_t)behind * sizeof *rungs);
        rungs[rank] = (tt_l2_rung){.key = key, .qty = qty};
        b->count[s]++;
    }
    return TT_OK;
}

static inline int tt_l2_apply(tt_l2 *b, const tt_book_level *r)
{
    return tt_l2_set(b, r->side, r->px, r->qty);
}

/* Best prices; orders are not known here and stay 0. */
static inline tt_top tt_l2_top(const tt_l2 *b)
{
    tt_top top = {.bid_px = TT_NO_PX, .ask_px = TT_NO_PX};
    if (b->count[0]) {
        top.bid_px = b->rungs[0][b->count[0] - 1].key;
        top.bid_qty = b->rungs[0][b->count[0] - 1].qty;
    }
    if (b->count[1]) {
        top.ask_px = -b->rungs[1][b->count[1] - 1].key;
        top.ask_qty = b->rungs[1][b->count[1] - 1].qty;
    }
    return top;
}

static inline int64_t tt_l2_level_qty(const tt_l2 *b, uint8_t side, int64_t px)
{
    if (px == TT_NO_PX)
        return 0;
    const uint32_t s = tt_side_index(side);
    const int64_t key = tt_ladder_key(s, px);
    const uint32_t rank = tt_l2_rank(b->rungs[s], b->count[s], key);
    return rank < b->count[s] && b->rungs[s][rank].key == key ? b->rungs[s][rank].qty : 0;
}

/* Up to `max` levels from the best outward; how many there were. */
static inline uint32_t tt_l2_levels(const tt_l2 *b, uint8_t side, uint32_t max, int64_t *px,
                                    int64_t *qty)
{
    const uint32_t s = tt_side_index(side);
    const uint32_t count = b->count[s] < max ? b->count[s] : max;
    for (uint32_t n = 0; n < count; n++) {
        const tt_l2_rung *rung = &b->rungs[s][b->count[s] - 1 - n];
        px[n] = s ? -rung->key : rung->key;
        qty[n] = rung->qty;
    }
    return count;
}

/* Every level as 64 bytes, worst first: who, price, quantity. */
static inline void tt_l2_digest(const tt_l2 *b, uint32_t instrument_id, tt_digest *d)
{
    for (uint32_t s = 0; s < 2; s++)
        for (uint32_t n = 0; n < b->count[s]; n++) {
            const int64_t key = b->rungs[s][n].key;
            const uint64_t row[8] = {(uint64_t)instrument_id << 8 | tt_side_of(s), 0, 0,
                                     (uint64_t)(s ? -key : key), (uint64_t)b->rungs[s][n].qty};
            tt_digest_slot(d, row);
        }
}

/* Integrity: strictly sorted, every quantity positive. */
static inline int tt_l2_check(const tt_l2 *b)
{
    for (uint32_t s = 0; s < 2; s++) {
        if (b->count[s] > b->cap)
            return TT_E_CORRUPT;
        for (uint32_t n = 0; n < b->count[s]; n++)
            if (b->rungs[s][n].qty <= 0 || (n && b->rungs[s][n - 1].key >= b->rungs[s][n].key))
                return TT_E_CORRUPT;
    }
    return TT_OK;
}

#endif
