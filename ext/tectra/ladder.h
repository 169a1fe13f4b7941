/* Price levels of the order-by-order book: lookup by price, birth, death, best prices.
 *
 * A level is near (window.h: found by arithmetic, kept by a bit) or far: outside of the window of
 * its side, or between two ticks. Far levels are found in a hash, and sorted in an array with the
 * best price last. A side begins far; its window is placed when levels keep being born far, and
 * placed anew when the price leaves it. Near costs two compares and a bit; far a probe, a search
 * and a move of the rungs that are better. What a reader sees does not depend on which is which. */
#ifndef TECTRA_LADDER_H
#define TECTRA_LADDER_H

#include "far.h"

/* Levels at the top of a side from which the tick size is learned. */
#define TT_LADDER_SAMPLE 16u
/* A window that would move by fewer ticks stays: what is born far is born far below. */
#define TT_LADDER_SETTLED (TT_WINDOW / 8)

/* Walks the levels of a side from the best outward. */
typedef struct {
    const tt_l3 *b;
    const tt_window *w;
    const tt_l3_rung *rungs;
    int64_t tick;
    uint32_t far, pad;
} tt_ladder_cursor;

static inline tt_ladder_cursor tt_ladder_begin(const tt_l3 *b, const tt_l3_book *book,
                                               uint32_t side)
{
    const tt_window *w = &book->window[side];
    return (tt_ladder_cursor){.b = b,
                              .w = w,
                              .rungs = tt_ladder_rungs(b, book, side),
                              .tick = tt_window_top(w),
                              .far = book->far[side]};
}

/* The next level, 0 behind the last. */
static inline uint32_t tt_ladder_next(tt_ladder_cursor *c)
{
    const int is_near = c->tick != TT_WINDOW_NONE;
    if (c->far && (!is_near || c->rungs[c->far - 1].key > c->tick * c->w->unit))
        return c->rungs[--c->far].level;
    if (!is_near)
        return 0;
    const uint32_t level = tt_window_level(c->w, c->tick);
    c->tick = tt_window_below(c->w, c->tick - 1);
    return level;
}

/* Every order of a level that moved learns of its new place. */
static inline void tt_ladder_repoint(tt_l3 *b, uint32_t index)
{
    const tt_l3_level *level = &b->levels[index];
    uint32_t i = level->head;
    for (uint32_t n = 0; n < level->orders; n++, i = b->orders[i].next)
        b->orders[i].level = index;
}

/* Near levels that `next` does not hold at the same place become far; room was reserved. */
static inline void tt_ladder_evict(tt_l3 *b, tt_l3_book *book, uint32_t side,
                                   const tt_window *next)
{
    tt_window *w = &book->window[side];
    const int same = w->unit == next->unit;
    for (int64_t t = tt_window_top(w); t != TT_WINDOW_NONE; t = tt_window_below(w, t - 1)) {
        if (same && (uint64_t)t - (uint64_t)next->base < TT_WINDOW)
            continue;
        const uint32_t index = tt_window_level(w, t);
        tt_l3_level *level = &b->levels[index];
        tt_ladder_repoint(b, tt_far_make(b, level));
        b->level_pool.live--;
        tt_window_unmark(w, index);
        memset(level, 0, sizeof *level);
    }
}

/* Far levels that the window holds become near. */
static inline void tt_ladder_absorb(tt_l3 *b, tt_l3_book *book, uint32_t side)
{
    tt_window *w = &book->window[side];
    for (uint32_t n = book->far[side]; n > 0; n--) {
        const tt_l3_rung rung = tt_ladder_rungs(b, book, side)[n - 1];
        const uint32_t index = tt_window_at(w, rung.key);
        if (!index)
            continue;
        TT_ASSERT(b->levels[index].orders == 0);
        b->levels[index] = b->levels[rung.level];
        tt_far_drop(b, rung.level);
        b->level_pool.live++;
        tt_window_mark(w, index);
        tt_ladder_repoint(b, index);
    }
}

/* Where the window of a side should stand, by its best levels and one more key. */
static inline tt_window tt_ladder_aim(const tt_l3 *b, const tt_l3_book *book, uint32_t side,
                                      int64_t key)
{
    int64_t keys[TT_LADDER_SAMPLE + 1] = {key}, best = key;
    uint32_t n = 1;
    tt_ladder_cursor c = tt_ladder_begin(b, book, side);
    for (uint32_t level; n <= TT_LADDER_SAMPLE && (level = tt_ladder_next(&c)) != 0; n++) {
        keys[n] = tt_ladder_key(side, b->levels[level].px);
        best = keys[n] > best ? keys[n] : best;
    }
    tt_window next = book->window[side];
    const int64_t unit = tt_window_unit(keys, n), tick = best / unit;
    if (tick < TT_WINDOW_NONE / 2 && tick > -TT_WINDOW_NONE / 2)
        tt_window_set(&next, unit, tick + (int64_t)TT_WINDOW_ABOVE - (int64_t)TT_WINDOW);
    return next;
}

/* Place the window anew after too many far births. TT_E_FULL: nothing changed. */
static inline int tt_ladder_retune(tt_l3 *b, tt_l3_book *book, uint32_t side, int64_t key)
{
    tt_window *w = &book->window[side];
    tt_window next = tt_ladder_aim(b, book, side, key);
    const int64_t moved = next.base - w->base;
    if (!tt_window_is_set(&next) ||
        (next.unit == w->unit && moved < (int64_t)TT_LADDER_SETTLED &&
         moved > -(int64_t)TT_LADDER_SETTLED)) {
        w->missed = 0;
        w->patience += w->patience < TT_WINDOW_PATIENCE_MAX;
        return TT_OK;
    }
    const int rc = tt_far_reserve(b, book, side, book->levels[side] - book->far[side]);
    if (rc < 0)
        return rc;
    if (!tt_window_is_set(w)) {
        tt_pool *pool = &b->level_pool;
        if (pool->cap - pool->used < TT_WINDOW + 1) {
            b->short_of = TT_L3_LEVELS;
            return TT_E_FULL;
        }
        next.first = pool->used + (pool->used & 1); /* two levels a line */
        pool->used = next.first + TT_WINDOW;
    } else {
        tt_ladder_evict(b, book, side, &next);
        memcpy(next.used, w->used, sizeof next.used);
    }
    next.missed = 0;
    next.patience = TT_WINDOW_PATIENCE;
    *w = next;
    tt_ladder_absorb(b, book, side);
    return TT_OK;
}

/* Level index at (slot, side, px), 0: none. */
static inline uint32_t tt_level_find(const tt_l3 *b, uint32_t slot_side, int64_t px)
{
    const uint32_t side = slot_side & 1;
    const tt_l3_book *book = &b->books[slot_side >> 1];
    const uint32_t index = tt_window_at(&book->window[side], tt_ladder_key(side, px));
    if (TT_LIKELY(index))
        return b->levels[index].orders ? index : 0;
    return book->far[side] ? tt_far_find(b, slot_side, px) : 0;
}

/* The level at a price outside of the window, made when there is none. Index, or 0 with *rc set. */
static __attribute__((noinline)) uint32_t tt_level_join_far(tt_l3 *b, uint32_t slot_side,
                                                            int64_t px, int *rc)
{
    tt_l3_book *book = &b->books[slot_side >> 1];
    const uint32_t side = slot_side & 1;
    tt_window *w = &book->window[side];
    uint32_t index = tt_far_find(b, slot_side, px);
    if (index)
        return index;
    *rc = ++w->missed >> w->patience ? tt_ladder_retune(b, book, side, tt_ladder_key(side, px))
                                     : TT_OK;
    if (*rc < 0)
        return 0;
    index = tt_window_at(w, tt_ladder_key(side, px));
    if (index)
        return index;
    *rc = tt_far_reserve(b, book, side, 1);
    if (*rc < 0)
        return 0;
    book->levels[side]++;
    return tt_far_make(b, &(tt_l3_level){.px = px, .slot_side = slot_side});
}

/* The level at a price, made when there is none; the caller puts an order on it. Index, or 0 with
 * *rc set and no level made. */
static inline uint32_t tt_level_join(tt_l3 *b, uint32_t slot_side, int64_t px, int *rc)
{
    tt_l3_book *book = &b->books[slot_side >> 1];
    const uint32_t side = slot_side & 1;
    tt_window *w = &book->window[side];
    uint32_t index = tt_window_at(w, tt_ladder_key(side, px));
    *rc = TT_OK;
    if (TT_UNLIKELY(!index)) {
        index = tt_level_join_far(b, slot_side, px, rc);
        if (!tt_window_owns(w, index))
            return index;
    }
    tt_l3_level *level = &b->levels[index];
    if (level->orders == 0) {
        level->px = px;
        level->slot_side = slot_side;
        tt_window_mark(w, index);
        book->levels[side]++;
        b->level_pool.live++;
    }
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

/* A level whose last order left. The best price moves to the next one. */
static inline void tt_level_drop(tt_l3 *b, uint32_t index)
{
    tt_l3_level *level = &b->levels[index];
    tt_l3_book *book = &b->books[level->slot_side >> 1];
    const uint32_t side = level->slot_side & 1;
    tt_window *w = &book->window[side];
    const int was_best = book->by.best[side].px == level->px;
    TT_ASSERT(level->orders == 0 && level->qty == 0 && book->levels[side] > 0);
    book->levels[side]--;
    if (TT_LIKELY(tt_window_owns(w, index))) {
        tt_window_unmark(w, index);
        b->level_pool.live--;
    } else {
        tt_far_drop(b, index);
    }
    if (!was_best)
        return;
    tt_ladder_cursor c = tt_ladder_begin(b, book, side);
    const uint32_t next = tt_ladder_next(&c);
    if (next)
        tt_top_copy(book, side, &b->levels[next]);
    else
        tt_top_clear(book, side);
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
