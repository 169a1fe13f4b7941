/* Features of several levels of a book: imbalance by depth, depth-weighted middle, orders, flow.
 *
 *   imbalance_N    (B - A) / (B + A), B and A the quantities of the top N levels; N = 1, 5, 10, 20
 *   depth_mid      (PB * A + PA * B) / (B + A), PB and PA the quantity-weighted mean prices of the
 *                  top levels of each side, B and A their quantities: with one level the microprice
 *                  (Gatheral and Oomen 2010), with more the same weights over the shown depth
 *   *_orders       orders on those levels; *_order_qty: their average quantity
 *   flow e_m       of level m between two states of the book, Cont, Kukanov and Stoikov, "The price
 *                  impact of order book events" (2014), section 2.1, level by level as in Xu, Gould
 *                  and Howison, "Multi-level order-flow imbalance" (2018), equations 3 to 5:
 *                      bids  + q' where p' >= p,  - q where p' <= p
 *                      asks  - q' where p' <= p,  + q where p' >= p
 *                  p, q before and p', q' after; a level that is not there has quantity 0 and lies
 *                  behind every price
 *
 * Undefined values are NaN. Cost: tens of nanoseconds a level pair. */
#ifndef TECTRA_FEATURES_H
#define TECTRA_FEATURES_H

#include "depth.h"
#include "metrics.h"

#define TT_FEATURE_DEPTHS 4u

static const uint32_t tt_feature_depth[TT_FEATURE_DEPTHS] = {1, 5, 10, 20};

typedef struct {
    uint32_t instrument_id, levels;
    uint32_t bid_levels, ask_levels; /* of them that are there */
    double imbalance[TT_FEATURE_DEPTHS];
    double depth_mid;
    int64_t bid_qty, ask_qty; /* of the top `levels` */
    uint64_t bid_orders, ask_orders;
    double bid_order_qty, ask_order_qty;
} tt_book_features;
_Static_assert(sizeof(tt_book_features) == 104, "tt_book_features: size");

/* Running sums of one side while its levels are walked once. */
typedef struct {
    double at[TT_FEATURE_DEPTHS]; /* quantity of the top 1, 5, 10, 20 */
    double value;                 /* sum of px * qty over `levels` */
    int64_t qty;
    uint64_t orders;
    uint32_t levels, pad_;
} tt_side_sums;

/* TT_E_OVERFLOW: the quantities do not fit int64. */
static inline int tt_side_sums_of(tt_book_side *s, uint32_t levels, tt_side_sums *out)
{
    const uint32_t deepest = tt_feature_depth[TT_FEATURE_DEPTHS - 1];
    const uint32_t want = levels > deepest ? levels : deepest;
    const uint32_t count = s->count < want ? s->count : want;
    double sum = 0;
    uint32_t next = 0;
    *out = (tt_side_sums){.levels = s->count < levels ? s->count : levels};
    for (uint32_t n = 0; n < count; n++) {
        const tt_book_step step = tt_book_step_at(s, n);
        sum += (double)step.qty;
        if (n < levels) {
            if (__builtin_add_overflow(out->qty, step.qty, &out->qty))
                return TT_E_OVERFLOW;
            out->value += (double)step.px * (double)step.qty;
            out->orders += step.orders;
        }
        if (next < TT_FEATURE_DEPTHS && n + 1 == tt_feature_depth[next])
            out->at[next++] = sum;
    }
    for (; next < TT_FEATURE_DEPTHS; next++)
        out->at[next] = sum;
    return TT_OK;
}

/* All but the instrument. `levels`: 1 .. TT_METRICS_LEVELS_MAX, else TT_E_RANGE. */
static inline int tt_features_of(tt_book_side *bids, tt_book_side *asks,
                                 uint32_t levels, tt_book_features *f)
{
    tt_side_sums b, a;
    if (levels < 1 || levels > TT_METRICS_LEVELS_MAX)
        return TT_E_RANGE;
    if (tt_side_sums_of(bids, levels, &b) < 0 || tt_side_sums_of(asks, levels, &a) < 0)
        return TT_E_OVERFLOW;
    f->levels = levels;
    f->bid_levels = b.levels;
    f->ask_levels = a.levels;
    for (uint32_t i = 0; i < TT_FEATURE_DEPTHS; i++) {
        const double both = b.at[i] + a.at[i];
        f->imbalance[i] = both > 0 ? (b.at[i] - a.at[i]) / both : NAN;
    }
    f->bid_qty = b.qty;
    f->ask_qty = a.qty;
    f->bid_orders = b.orders;
    f->ask_orders = a.orders;
    f->bid_order_qty = b.orders ? (double)b.qty / (double)b.orders : NAN;
    f->ask_order_qty = a.orders ? (double)a.qty / (double)a.orders : NAN;
    f->depth_mid = NAN;
    if (b.qty > 0 && a.qty > 0) {
        const double bid = b.value / (double)b.qty, ask = a.value / (double)a.qty;
        const double weight = (double)b.qty + (double)a.qty;
        f->depth_mid = (bid * (double)a.qty + ask * (double)b.qty) / weight;
    }
    return TT_OK;
}

/* Order flow of the top levels of one book since `total` was last taken. */
typedef struct {
    uint32_t levels;
    uint32_t is_known; /* a state was seen: the next one has a difference */
    uint64_t updates;
    tt_depth last;
    int64_t flow[TT_METRICS_LEVELS_MAX];  /* of the last update */
    int64_t total[TT_METRICS_LEVELS_MAX]; /* summed */
} tt_flow_state;

static inline int64_t tt_flow_px_(const tt_depth *d, uint32_t side, uint32_t n)
{
    return n < d->count[side] ? d->px[side][n] : side ? INT64_MAX : INT64_MIN;
}

static inline int64_t tt_flow_qty_(const tt_depth *d, uint32_t side, uint32_t n)
{
    return n < d->count[side] ? d->qty[side][n] : 0;
}

/* The flow of level n from one depth to the next. */
static inline int64_t tt_flow_of(const tt_depth *was, const tt_depth *is, uint32_t n)
{
    const int64_t bid = tt_flow_px_(was, 0, n), bid_now = tt_flow_px_(is, 0, n);
    const int64_t ask = tt_flow_px_(was, 1, n), ask_now = tt_flow_px_(is, 1, n);
    int64_t e = 0;
    e += bid_now >= bid ? tt_flow_qty_(is, 0, n) : 0;
    e -= bid_now <= bid ? tt_flow_qty_(was, 0, n) : 0;
    e -= ask_now <= ask ? tt_flow_qty_(is, 1, n) : 0;
    e += ask_now >= ask ? tt_flow_qty_(was, 1, n) : 0;
    return e;
}

/* The book became what `is` says. The first state has no flow. TT_E_OVERFLOW: a sum does not fit;
 * nothing changed. */
static inline int tt_flow_update(tt_flow_state *s, const tt_depth *is)
{
    int64_t flow[TT_METRICS_LEVELS_MAX], total[TT_METRICS_LEVELS_MAX];
    for (uint32_t n = 0; n < s->levels; n++) {
        flow[n] = s->is_known ? tt_flow_of(&s->last, is, n) : 0;
        if (__builtin_add_overflow(s->total[n], flow[n], &total[n]))
            return TT_E_OVERFLOW;
    }
    memcpy(s->flow, flow, s->levels * sizeof *flow);
    memcpy(s->total, total, s->levels * sizeof *total);
    for (uint32_t side = 0; side < 2; side++) {
        const uint32_t count = is->count[side];
        s->last.count[side] = count;
        memcpy(s->last.px[side], is->px[side], count * sizeof *is->px[side]);
        memcpy(s->last.qty[side], is->qty[side], count * sizeof *is->qty[side]);
    }
    s->is_known = 1;
    s->updates++;
    return TT_OK;
}

static inline void tt_depth_of(tt_book_side *bids, tt_book_side *asks, uint32_t levels,
                               tt_depth *d)
{
    tt_book_side *sides[2] = {bids, asks};
    TT_ASSERT(levels <= TT_METRICS_LEVELS_MAX);
    for (uint32_t s = 0; s < 2; s++) {
        d->count[s] = sides[s]->count < levels ? sides[s]->count : levels;
        for (uint32_t n = 0; n < d->count[s]; n++) {
            const tt_book_step step = tt_book_step_at(sides[s], n);
            d->px[s][n] = step.px;
            d->qty[s][n] = step.qty;
        }
    }
}

#endif
