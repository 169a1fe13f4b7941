/* Far levels of the order-by-order book: those outside of the window of their side, or between two
 * ticks. Found in a hash by instrument, side and price, and sorted in an array with the best price
 * last. Cost: a probe to find, a search and a move of the rungs that are better to come or go. */
#ifndef TECTRA_FAR_H
#define TECTRA_FAR_H

#include "window.h"

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

/* Far level at (slot, side, px), 0: none. */
static inline uint32_t tt_far_find(const tt_l3 *b, uint32_t slot_side, int64_t px)
{
    const uint32_t hash = tt_l3_hash(slot_side, px), mask = tt_l3_hash_mask(b);
    uint32_t i = hash & mask;
    for (uint32_t n = 0; n <= mask; n++, i = (i + 1) & mask) {
        const uint64_t e = b->far_hash[i];
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

static inline void tt_far_hash_erase(tt_l3 *b, uint32_t index)
{
    const tt_l3_level *level = &b->levels[index];
    const uint32_t hash = tt_l3_hash(level->slot_side, level->px), mask = tt_l3_hash_mask(b);
    const uint64_t entry = (uint64_t)hash << 32 | index;
    uint32_t hole = hash & mask;
    for (uint32_t n = 0; n <= mask && b->far_hash[hole] != entry; n++)
        hole = (hole + 1) & mask;
    TT_ASSERT(b->far_hash[hole] == entry);
    uint32_t i = hole;
    for (uint32_t n = 0; n <= mask; n++) {
        i = (i + 1) & mask;
        const uint64_t e = b->far_hash[i];
        if (e == 0)
            break;
        const uint32_t home = (uint32_t)(e >> 32) & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            b->far_hash[hole] = e;
            hole = i;
        }
    }
    b->far_hash[hole] = 0;
}

/* Number of rungs whose key is smaller than `key`: where it stands, or belongs. */
static inline uint32_t tt_ladder_rank(const tt_l3_rung *rungs, uint32_t count, int64_t key)
{
    uint32_t lo = 0, hi = count;
    while (lo < hi) {
        const uint32_t mid = lo + (hi - lo) / 2;
        if (rungs[mid].key < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Room for `more` far levels on this side, in every arena that they need; may move the side to a
 * larger block. TT_E_FULL with nothing changed but that. */
static inline int tt_far_reserve(tt_l3 *b, tt_l3_book *book, uint32_t side, uint32_t more)
{
    const uint32_t want = book->far[side] + more;
    uint32_t cls = book->rungs[side] ? book->cls[side] : 0;
    if (b->far_cap / 2 - b->far_count < more) {
        b->short_of = TT_L3_FAR;
        return TT_E_FULL;
    }
    if (b->level_pool.cap - b->level_pool.used < more && (more > 1 || !b->level_pool.free)) {
        b->short_of = TT_L3_LEVELS;
        return TT_E_FULL;
    }
    while (cls < TT_BLOCK_CLASSES && tt_block_units(cls) < want)
        cls++;
    if (cls >= TT_BLOCK_CLASSES)
        return TT_E_RANGE;
    if (book->rungs[side] && cls == book->cls[side])
        return TT_OK;
    const uint32_t offset = tt_block_take(&b->rung_blocks, b->rungs, cls);
    if (!offset) {
        b->short_of = TT_L3_RUNGS;
        return TT_E_FULL;
    }
    if (book->rungs[side]) {
        memcpy(b->rungs + offset, tt_ladder_rungs(b, book, side),
               (size_t)book->far[side] * sizeof *b->rungs);
        tt_block_give(&b->rung_blocks, b->rungs, book->cls[side], book->rungs[side]);
    }
    book->rungs[side] = offset;
    book->cls[side] = cls;
    return TT_OK;
}

/* A far level out of room that was reserved; its px and slot_side are in `from`, its queue too. */
static inline uint32_t tt_far_make(tt_l3 *b, const tt_l3_level *from)
{
    const uint32_t side = from->slot_side & 1, index = tt_pool_peek(&b->level_pool);
    tt_l3_book *book = &b->books[from->slot_side >> 1];
    tt_l3_level *level = &b->levels[index];
    tt_pool_take(&b->level_pool, index, &level->head);
    *level = *from;
    tt_l3_hash_put(b, tt_l3_hash(level->slot_side, level->px), index);
    b->far_count++;
    tt_l3_rung *rungs = tt_ladder_rungs(b, book, side);
    const int64_t key = tt_ladder_key(side, level->px);
    const uint32_t count = book->far[side], rank = tt_ladder_rank(rungs, count, key);
    memmove(rungs + rank + 1, rungs + rank, (size_t)(count - rank) * sizeof *rungs);
    rungs[rank] = (tt_l3_rung){.key = key, .level = index};
    book->far[side] = count + 1;
    return index;
}

static inline void tt_far_drop(tt_l3 *b, uint32_t index)
{
    tt_l3_level *level = &b->levels[index];
    tt_l3_book *book = &b->books[level->slot_side >> 1];
    const uint32_t side = level->slot_side & 1, count = book->far[side];
    tt_l3_rung *rungs = tt_ladder_rungs(b, book, side);
    const uint32_t rank = tt_ladder_rank(rungs, count, tt_ladder_key(side, level->px));
    TT_ASSERT(rank < count && rungs[rank].level == index);
    memmove(rungs + rank, rungs + rank + 1, (size_t)(count - rank - 1) * sizeof *rungs);
    book->far[side] = count - 1;
    tt_far_hash_erase(b, index);
    b->far_count--;
    tt_pool_give(&b->level_pool, index, &level->head);
}

#endif
