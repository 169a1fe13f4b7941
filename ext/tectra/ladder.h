/* Price levels of the order-by-order book: lookup by price, birth, death, best prices.
 *
 * Costs: a level that exists is one probe of the hash; birth and death add a search from the best
 * price outward (a few compares near the best, a binary search further out) and a move of the rungs
 * that are better. */
#ifndef TECTRA_LADDER_H
#define TECTRA_LADDER_H

#include "l3_state.h"

/* Rungs next to the best that are looked at together: most levels are born there. */
#define TT_LADDER_NEAR 8u

static inline uint32_t tt_side_index(uint8_t side)
{
    TT_ASSERT(side == TT_SIDE_BUY || side == TT_SIDE_SELL);
    return (uint32_t)side - TT_SIDE_BUY;
}

static inline uint8_t tt_side_of(uint32_t index)
{
    return (uint8_t)(index + TT_SIDE_BUY);
}

/* px is never TT_NO_PX (the smallest int64), so the negation cannot overflow. */
static inline int64_t tt_ladder_key(uint32_t side, int64_t px)
{
    TT_ASSERT(px != TT_NO_PX);
    return side ? -px : px;
}

static inline tt_l3_rung *tt_ladder_rungs(const tt_l3 *b, const tt_l3_book *book, uint32_t side)
{
    return b->rungs + book->rungs[side];
}

/* Level index at (slot, side, px), 0: none. */
static inline uint32_t tt_level_find(const tt_l3 *b, uint32_t slot_side, int64_t px)
{
    const uint32_t hash = tt_l3_hash(slot_side, px), mask = tt_l3_hash_mask(b);
    uint32_t i = hash & mask;
    for (uint32_t n = 0; n <= mask; n++, i = (i + 1) & mask) {
        const uint64_t e = b->level_hash[i];
        if (e == 0)
            return 0;
        if ((uint32_t)(e >> 32) == hash) {
            const tt_l3_level *level = &b->levels[(uint32_t)e];
            if (level->px == px && level->slot_side == slot_side)
                return (uint32_t)e;
        }
    }
    return 0;
}

static inline void tt_level_hash_erase(tt_l3 *b, uint32_t index)
{
    const tt_l3_level *level = &b->levels[index];
    const uint32_t hash = tt_l3_hash(level->slot_side, level->px), mask = tt_l3_hash_mask(b);
    const uint64_t entry = (uint64_t)hash << 32 | index;
    uint32_t hole = hash & mask;
    for (uint32_t n = 0; n <= mask && b->level_hash[hole] != entry; n++)
        hole = (hole + 1) & mask;
    TT_ASSERT(b->level_hash[hole] == entry);
    uint32_t i = hole;
    for (uint32_t n = 0; n <= mask; n++) {
        i = (i + 1) & mask;
        const uint64_t e = b->level_hash[i];
        if (e == 0)
            break;
        const uint32_t home = (uint32_t)(e >> 32) & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            b->level_hash[hole] = e;
            hole = i;
        }
    }
    b->level_hash[hole] = 0;
}

/* Number of rungs whose key is smaller than `key`: where it stands, or belongs. Near the best it is
 * counted without branches, as there is no pattern that a predictor could learn. */
static inline uint32_t tt_ladder_rank(const tt_l3_rung *rungs, uint32_t count, int64_t key)
{
    if (count < TT_LADDER_NEAR) {
        uint32_t below = 0;
        for (uint32_t n = 0; n < count; n++)
            below += rungs[n].key < key;
        return below;
    }
    const uint32_t far = count - TT_LADDER_NEAR;
    uint32_t below = 0, lo = 0, hi = far;
    for (uint32_t n = 0; n < TT_LADDER_NEAR; n++)
        below += rungs[far + n].key < key;
    if (below)
        return far + below;
    while (lo < hi) {
        const uint32_t mid = lo + (hi - lo) / 2;
        if (rungs[mid].key < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Room for one more rung on this side; may move the side to a block of twice the size. */
static inline int tt_ladder_reserve(tt_l3 *b, tt_l3_book *book, uint32_t side)
{
    const uint32_t count = book->levels[side], from = book->rungs[side];
    /* Blocks have a power of two of units: only there can one be full. */
    if (TT_LIKELY(from && (count < TT_BLOCK_MIN || (count & (count - 1)) != 0)))
        return TT_OK;
    if (from && count < tt_block_units(book->cls[side]))
        return TT_OK;
    const uint32_t cls = from ? book->cls[side] + 1 : 0;
    if (cls >= TT_BLOCK_CLASSES)
        return TT_E_RANGE;
    const uint32_t offset = tt_block_take(&b->rung_blocks, b->rungs, cls);
    if (!offset) {
        b->short_of = TT_L3_RUNGS;
        return TT_E_FULL;
    }
    if (from) {
        memcpy(b->rungs + offset, b->rungs + from, (size_t)count * sizeof *b->rungs);
        tt_block_give(&b->rung_blocks, b->rungs, book->cls[side], from);
    }
    book->rungs[side] = offset;
    book->cls[side] = cls;
    return TT_OK;
}

/* An empty level at a price that has none; the caller puts an order on it. Index, or 0 with *rc set
 * and no level made. */
static inline uint32_t tt_level_make(tt_l3 *b, uint32_t slot_side, int64_t px, int *rc)
{
    tt_l3_book *book = &b->books[slot_side >> 1];
    const uint32_t side = slot_side & 1, index = tt_pool_peek(&b->level_pool);
    if (!index) {
        b->short_of = TT_L3_LEVELS;
        *rc = TT_E_FULL;
        return 0;
    }
    *rc = tt_ladder_reserve(b, book, side);
    if (*rc < 0)
        return 0;
    tt_l3_level *level = &b->levels[index];
    tt_pool_take(&b->level_pool, index, &level->head);
    *level = (tt_l3_level){.px = px, .slot_side = slot_side};
    tt_l3_hash_put(b, tt_l3_hash(slot_side, px), index);
    tt_l3_rung *rungs = tt_ladder_rungs(b, book, side);
    const int64_t key = tt_ladder_key(side, px);
    const uint32_t count = book->levels[side], rank = tt_ladder_rank(rungs, count, key);
    if (rank < count)
        memmove(rungs + rank + 1, rungs + rank, (size_t)(count - rank) * sizeof *rungs);
    rungs[rank] = (tt_l3_rung){.key = key, .level = index};
    book->levels[side] = count + 1;
    return index;
}

static inline void tt_top_clear(tt_l3_book *book, uint32_t side)
{
    book->by.best[side].px = TT_NO_PX;
    book->by.best[side].qty = 0;
    book->by.orders[side] = 0;
}

static inline void tt_top_copy(tt_l3_book *book, uint32_t side, const tt_l3_level *level)
{
    book->by.best[side].px = level->px;
    book->by.best[side].qty = level->qty;
    book->by.orders[side] = level->orders;
}

/* A level whose last order left. The best price moves to the next rung. */
static inline void tt_level_drop(tt_l3 *b, uint32_t index)
{
    tt_l3_level *level = &b->levels[index];
    tt_l3_book *book = &b->books[level->slot_side >> 1];
    const uint32_t side = level->slot_side & 1, count = book->levels[side];
    tt_l3_rung *rungs = tt_ladder_rungs(b, book, side);
    TT_ASSERT(level->orders == 0 && level->qty == 0 && count > 0);
    const uint32_t rank = tt_ladder_rank(rungs, count, tt_ladder_key(side, level->px));
    TT_ASSERT(rank < count && rungs[rank].level == index);
    if (rank + 1 < count)
        memmove(rungs + rank, rungs + rank + 1, (size_t)(count - rank - 1) * sizeof *rungs);
    book->levels[side] = count - 1;
    if (rank + 1 == count) {
        if (count > 1)
            tt_top_copy(book, side, &b->levels[rungs[count - 2].level]);
        else
            tt_top_clear(book, side);
    }
    tt_level_hash_erase(b, index);
    tt_pool_give(&b->level_pool, index, &level->head);
}

/* Bring the cached top up to date with a level that still holds orders; 1 when the top changed. */
static inline uint8_t tt_top_sync(tt_l3_book *book, const tt_l3_level *level)
{
    const uint32_t side = level->slot_side & 1;
    const int64_t best = book->by.best[side].px;
    TT_ASSERT(level->orders > 0);
    const int is_best = best == TT_NO_PX || (side ? level->px <= best : level->px >= best);
    if (is_best)
        tt_top_copy(book, side, level);
    return (uint8_t)is_best;
}

#endif
