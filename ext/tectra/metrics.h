/* Metrics derived from the top levels of a book, into a book_metrics record.
 *
 *   mid_px2     bid + ask, twice the middle price, exact
 *   spread_px   ask - bid
 *   imbalance   (B - A) / (B + A), B and A the quantities of the top N levels of each side: -1 .. 1
 *   microprice  (bid * ask_qty + ask * bid_qty) / (bid_qty + ask_qty), best level, in px units
 *   vwap        sum(px * qty) / sum(qty) over the top N levels of both sides, in px units
 *   pressure    (PB - PA) / (PB + PA), P = sum of qty / |px - middle| over the top N levels: -1 ..
 * 1
 *
 * What is not defined (an empty side; for pressure also a locked or crossed book) is TT_NO_PX in
 * integers and NaN in doubles; imbalance and vwap need one level on any side. Cost: under a
 * microsecond for 10 levels. */
#ifndef TECTRA_METRICS_H
#define TECTRA_METRICS_H

#include <math.h>

#include "l2.h"
#include "l3_query.h"

#define TT_METRICS_LEVELS_MAX 64u

/* The top of a book as plain arrays, best first. */
typedef struct {
    uint32_t count[2];
    int64_t px[2][TT_METRICS_LEVELS_MAX], qty[2][TT_METRICS_LEVELS_MAX];
} tt_depth;

static inline double tt_depth_qty(const tt_depth *d, uint32_t side)
{
    double sum = 0;
    for (uint32_t n = 0; n < d->count[side]; n++)
        sum += (double)d->qty[side][n];
    return sum;
}

static inline double tt_metric_vwap(const tt_depth *d)
{
    double qty = 0, value = 0;
    for (uint32_t s = 0; s < 2; s++)
        for (uint32_t n = 0; n < d->count[s]; n++) {
            qty += (double)d->qty[s][n];
            value += (double)d->px[s][n] * (double)d->qty[s][n];
        }
    return qty > 0 ? value / qty : NAN;
}

static inline double tt_metric_pressure(const tt_depth *d, double mid)
{
    double p[2] = {0, 0};
    for (uint32_t s = 0; s < 2; s++)
        for (uint32_t n = 0; n < d->count[s]; n++)
            p[s] += (double)d->qty[s][n] / fabs((double)d->px[s][n] - mid);
    return (p[0] - p[1]) / (p[0] + p[1]);
}

/* The metric fields of `rec` from the depth. TT_E_OVERFLOW: the sum or difference of the best
 * prices does not fit int64. */
static inline int tt_metrics_of(const tt_depth *d, tt_book_metrics *rec)
{
    const double bids = tt_depth_qty(d, 0), asks = tt_depth_qty(d, 1);
    rec->bid_px = d->count[0] ? d->px[0][0] : TT_NO_PX;
    rec->bid_qty = d->count[0] ? d->qty[0][0] : 0;
    rec->ask_px = d->count[1] ? d->px[1][0] : TT_NO_PX;
    rec->ask_qty = d->count[1] ? d->qty[1][0] : 0;
    rec->mid_px2 = rec->spread_px = TT_NO_PX;
    rec->microprice = rec->pressure = NAN;
    rec->imbalance = bids + asks > 0 ? (bids - asks) / (bids + asks) : NAN;
    rec->vwap = tt_metric_vwap(d);
    if (!d->count[0] || !d->count[1])
        return TT_OK;
    if (__builtin_add_overflow(rec->bid_px, rec->ask_px, &rec->mid_px2) ||
        __builtin_sub_overflow(rec->ask_px, rec->bid_px, &rec->spread_px)) {
        rec->mid_px2 = rec->spread_px = TT_NO_PX;
        return TT_E_OVERFLOW;
    }
    const double bid_qty = (double)rec->bid_qty, ask_qty = (double)rec->ask_qty;
    rec->microprice =
        ((double)rec->bid_px * ask_qty + (double)rec->ask_px * bid_qty) / (bid_qty + ask_qty);
    if (rec->spread_px > 0)
        rec->pressure = tt_metric_pressure(d, 0.5 * (double)rec->mid_px2);
    return TT_OK;
}

/* Fill the instrument, levels and metric fields of a record; head and times are the caller's.
 * levels: 1 .. TT_METRICS_LEVELS_MAX, else TT_E_RANGE. */
static inline int tt_book_metrics_fill(const tt_l3 *b, uint32_t slot, uint32_t levels,
                                       tt_book_metrics *rec)
{
    tt_depth d;
    if (levels < 1 || levels > TT_METRICS_LEVELS_MAX)
        return TT_E_RANGE;
    for (uint32_t s = 0; s < 2; s++)
        d.count[s] = tt_l3_levels(b, slot, tt_side_of(s), levels, d.px[s], d.qty[s], NULL);
    rec->instrument_id = b->books[slot].instrument_id;
    rec->levels = (uint16_t)levels;
    return tt_metrics_of(&d, rec);
}

/* The same from a price-level book; the instrument is the caller's to set. */
static inline int tt_l2_metrics_fill(const tt_l2 *b, uint32_t levels, tt_book_metrics *rec)
{
    tt_depth d;
    if (levels < 1 || levels > TT_METRICS_LEVELS_MAX)
        return TT_E_RANGE;
    for (uint32_t s = 0; s < 2; s++)
        d.count[s] = tt_l2_levels(b, tt_side_of(s), levels, d.px[s], d.qty[s]);
    rec->levels = (uint16_t)levels;
    return tt_metrics_of(&d, rec);
}

#endif
