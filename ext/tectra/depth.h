/* One side of a book, by order or by level, read from the best price outward: what the measures of
 * features.h and the ladder views are made of. Changes nothing. */
#ifndef TECTRA_DEPTH_H
#define TECTRA_DEPTH_H

#include "l2.h"
#include "l3_query.h"

/* One level; a price-level book knows no orders. */
typedef struct {
    int64_t px, qty;
    uint32_t orders;
    uint32_t pad_;
} tt_book_step;

/* Valid until the next apply. `best`, `next` and `walk` are where a walk over the levels of an
 * order-by-order book stands. */
typedef struct {
    const tt_l3 *l3; /* NULL: a price-level book */
    const tt_l3_book *book;
    const tt_l2_rung *flat;
    uint32_t count, side; /* side index */
    tt_ladder_cursor walk;
    tt_book_step best, last;
    uint32_t next; /* level that walk gives next */
    uint32_t pad_;
} tt_book_side;

static inline tt_book_step tt_book_step_next_(tt_book_side *s)
{
    const tt_l3_level *level = &s->l3->levels[tt_ladder_next(&s->walk)];
    s->next++;
    return s->last = (tt_book_step){level->px, level->qty, level->orders, 0};
}

static inline tt_book_side tt_book_side_l3(const tt_l3 *b, uint32_t slot, uint32_t side)
{
    const tt_l3_book *book = &b->books[slot];
    TT_ASSERT(slot < b->slots && side < 2);
    tt_book_side s = {.l3 = b,
                      .book = book,
                      .count = book->levels[side],
                      .side = side,
                      .walk = tt_ladder_begin(b, book, side)};
    if (s.count)
        s.best = tt_book_step_next_(&s);
    return s;
}

static inline tt_book_side tt_book_side_l2(const tt_l2 *b, uint32_t side)
{
    TT_ASSERT(side < 2);
    return (tt_book_side){.flat = b->rungs[side], .count = b->count[side], .side = side};
}

/* The n-th level from the best, n < count. One after the other costs one step each; going back
 * starts at the best again. */
static inline tt_book_step tt_book_step_at(tt_book_side *s, uint32_t n)
{
    TT_ASSERT(n < s->count);
    if (s->l3 != NULL) {
        if (n == 0)
            return s->best;
        if (n + 1 == s->next)
            return s->last;
        if (n < s->next) {
            s->walk = tt_ladder_begin(s->l3, s->book, s->side);
            s->next = 0;
        }
        while (s->next < n)
            (void)tt_book_step_next_(s);
        return tt_book_step_next_(s);
    }
    const tt_l2_rung *rung = &s->flat[s->count - 1 - n];
    return (tt_book_step){s->side ? -rung->key : rung->key, rung->qty, 0, 0};
}

/* How far `px` lies behind `best` on this side, in price units; never negative for a level. */
static inline uint64_t tt_book_behind(const tt_book_side *s, int64_t best, int64_t px)
{
    return s->side ? (uint64_t)px - (uint64_t)best : (uint64_t)best - (uint64_t)px;
}

/* Quantity of the levels within `distance` price units of the best price. TT_E_OVERFLOW: the sum
 * does not fit int64. */
static inline int tt_depth_near(tt_book_side *s, uint64_t distance, int64_t *qty,
                                uint32_t *levels)
{
    *qty = 0;
    *levels = 0;
    for (uint32_t n = 0; n < s->count; n++) {
        const tt_book_step step = tt_book_step_at(s, n);
        if (tt_book_behind(s, tt_book_step_at(s, 0).px, step.px) > distance)
            break;
        if (__builtin_add_overflow(*qty, step.qty, qty))
            return TT_E_OVERFLOW;
        ++*levels;
    }
    return TT_OK;
}

/* Quantity of the levels whose price is within `bps` ten-thousandths of half of `mid_px2`, exact:
 * |2 px - mid_px2| * 10000 <= bps * |mid_px2|. */
static inline int tt_depth_near_bps(tt_book_side *s, int64_t mid_px2, uint32_t bps,
                                    int64_t *qty, uint32_t *levels)
{
    const __int128 reach = (__int128)bps * (mid_px2 < 0 ? -(__int128)mid_px2 : (__int128)mid_px2);
    *qty = 0;
    *levels = 0;
    for (uint32_t n = 0; n < s->count; n++) {
        const tt_book_step step = tt_book_step_at(s, n);
        const __int128 off = (__int128)step.px * 2 - mid_px2;
        if ((off < 0 ? -off : off) * 10000 > reach)
            break;
        if (__builtin_add_overflow(*qty, step.qty, qty))
            return TT_E_OVERFLOW;
        ++*levels;
    }
    return TT_OK;
}

/* What taking `qty` from this side would come to, at best to `limit_px` (TT_NO_PX: any price). */
typedef struct {
    int64_t filled_qty, worst_px; /* worst_px TT_NO_PX when nothing fills */
    uint64_t notional_low;        /* sum of px * qty, 128 bits in two halves */
    int64_t notional_high;
    uint32_t levels;
    uint32_t pad_;
} tt_sweep;

static inline tt_sweep tt_sweep_of(tt_book_side *s, int64_t qty, int64_t limit_px)
{
    tt_sweep out = {.worst_px = TT_NO_PX};
    __int128 notional = 0;
    for (uint32_t n = 0; n < s->count && out.filled_qty < qty; n++) {
        const tt_book_step step = tt_book_step_at(s, n);
        if (limit_px != TT_NO_PX && (s->side ? step.px > limit_px : step.px < limit_px))
            break;
        const int64_t left = qty - out.filled_qty, take = step.qty < left ? step.qty : left;
        notional += (__int128)step.px * take;
        out.filled_qty += take;
        out.worst_px = step.px;
        out.levels++;
    }
    out.notional_low = (uint64_t)notional;
    out.notional_high = (int64_t)(notional >> 64);
    return out;
}

/* Quantities by price in a window of `rows` steps of `tick` from `low_px` upwards, into zeroed
 * qty[rows]. A bid between two steps counts at the lower one, an offer at the upper one: never
 * nearer to trading than it is. */
static inline int tt_depth_window(tt_book_side *s, int64_t low_px, int64_t tick,
                                  uint32_t rows, int64_t *qty)
{
    TT_ASSERT(tick > 0);
    for (uint32_t n = 0; n < s->count; n++) {
        const tt_book_step step = tt_book_step_at(s, n);
        const __int128 off = (__int128)step.px - low_px;
        if (s->side ? off <= -(__int128)tick : off < 0) {
            if (s->side == 0)
                break;
            continue;
        }
        const __int128 row = s->side ? (off + tick - 1) / tick : off / tick;
        if (row >= (__int128)rows) {
            if (s->side == 1)
                break;
            continue;
        }
        if (__builtin_add_overflow(qty[(uint32_t)row], step.qty, &qty[(uint32_t)row]))
            return TT_E_OVERFLOW;
    }
    return TT_OK;
}

#endif
