/* One bar in the making: what a print does to it, when it is full, and the record it closes as.
 *
 * Owner: one thread. Cost: some 100 instructions a print. Sums are exact integers; amounts become
 * doubles once, in the record, correctly rounded. Imbalance bars: Lopez de Prado, "Advances in
 * Financial Machine Learning", 2018, section 2.3.2.1, with the bounds that tt_bar_expect states. */
#ifndef TECTRA_BAR_ROW_H
#define TECTRA_BAR_ROW_H

#include "base.h"
#include "fixed.h"
#include "msg.h"

#include <math.h>

/* Bars over which the expectations of an imbalance bar forget: their weight is 2 / (span + 1). */
#define TT_BAR_SPAN 20.0
/* Expected ticks stay within a factor of this of where they began. */
#define TT_BAR_REACH 8.0
/* Largest interval of a time bar: 366 days. */
#define TT_BAR_INTERVAL_MAX (INT64_C(366) * 86400 * 1000000000)

/* One trade, or one state of the mid (qty 0, px twice the mid). side is the aggressor's. */
typedef struct {
    int64_t px, qty;
    int64_t ts_event_ns, ts_recv_ns;
    uint64_t ring_seq, match_id;
    uint32_t instrument_id;
    uint16_t venue_id;
    uint8_t side, flags;
} tt_print;

/* What a bar counts: amount * 10^-scale trades, units or quote currency, or amount nanoseconds. */
typedef struct {
    int64_t amount;
    int64_t align_ns; /* TIME: a boundary of the grid */
    uint8_t kind;     /* TT_BAR_KIND_* */
    uint8_t scale;
    uint8_t flat; /* TIME: an interval without prints gives a bar of the last close */
    uint8_t mids; /* px are twice the mid */
    uint8_t pad_[4];
} tt_bar_rule;

/* What every bar of an instrument shares. */
typedef struct {
    int64_t bid_px, ask_px; /* of the last quote record; TT_NO_PX: none */
    int64_t mid_px2;        /* the last mid, doubled; 0: none yet */
    uint32_t instrument_id;
    uint16_t venue_id;
    int8_t px_exponent, qty_exponent;
} tt_bar_instrument;

typedef struct {
    tt_i128 notional; /* sum of px * qty */
    tt_i128 full;     /* VOLUME, DOLLAR: mantissa that fills a bar */
    int64_t open, high, low, close, volume;
    int64_t ts_open_ns;
    int64_t last_px;
    int64_t theta; /* IMBALANCE: sum of the signs of this bar */
    double ticks, sign_mean, limit; /* IMBALANCE: expectations of the bars before */
    uint32_t trades;
    uint32_t closed; /* bars that filled up */
    uint8_t seen;    /* there was a print */
    uint8_t partial;
    int8_t sign; /* of the last change of price */
    uint8_t pad_[5];
} tt_bar_row;

static inline double tt_bar_power(unsigned k)
{
    return (double)tt_pow10_128(k);
}

/* A mantissa as a double in whole units. */
static inline double tt_bar_real(tt_i128 mantissa, int exponent)
{
    if (exponent <= 0)
        return (double)mantissa / tt_bar_power((unsigned)-exponent);
    return (double)mantissa * tt_bar_power((unsigned)exponent);
}

/* The mantissa of `amount` * 10^-scale at an exponent: TT_OK, or TT_E_RANGE when it is no whole
 * positive number there. */
static inline int tt_bar_mantissa(const tt_bar_rule *rule, int exponent, tt_i128 *out)
{
    const int shift = -exponent - rule->scale;
    if (shift >= 0) {
        if (shift > TT_SCALE_MAX)
            return TT_E_RANGE;
        *out = (tt_i128)rule->amount * tt_pow10[shift];
        return TT_OK;
    }
    if (-shift > TT_POW10_128_MAX || rule->amount % tt_pow10_128((unsigned)-shift) != 0)
        return TT_E_RANGE;
    *out = rule->amount / tt_pow10_128((unsigned)-shift);
    return TT_OK;
}

/* Set up the bars of one instrument under one rule. */
static inline int tt_bar_row_init(tt_bar_row *row, const tt_bar_rule *rule,
                                  const tt_bar_instrument *it)
{
    int exponent = it->qty_exponent;
    *row = (tt_bar_row){.full = 0};
    if (rule->kind == TT_BAR_KIND_DOLLAR)
        exponent += it->px_exponent;
    if (rule->kind == TT_BAR_KIND_VOLUME || rule->kind == TT_BAR_KIND_DOLLAR)
        return tt_bar_mantissa(rule, exponent, &row->full);
    return TT_OK;
}

/* Take a print in: TT_OK, or TT_E_OVERFLOW with the bar as it was. The tick rule: a price above the
 * last one counts 1, below it -1, the same price what the last change counted; 0 before any. */
static inline int tt_bar_row_add(tt_bar_row *row, const tt_print *p)
{
    tt_i128 notional;
    int64_t volume;
    if (__builtin_add_overflow(row->volume, p->qty, &volume) ||
        __builtin_add_overflow(row->notional, (tt_i128)p->px * p->qty, &notional) ||
        row->trades == UINT32_MAX)
        return TT_E_OVERFLOW;
    if (row->seen && p->px != row->last_px)
        row->sign = p->px > row->last_px ? 1 : -1;
    if (row->trades == 0) {
        row->open = row->high = row->low = p->px;
        row->ts_open_ns = p->ts_event_ns;
    }
    row->high = p->px > row->high ? p->px : row->high;
    row->low = p->px < row->low ? p->px : row->low;
    row->close = row->last_px = p->px;
    row->volume = volume;
    row->notional = notional;
    row->theta += row->sign;
    row->trades++;
    row->seen = 1;
    return TT_OK;
}

/* Whether the last print filled the bar. A print is never split: what it has above the amount stays
 * in the bar that it fills. Time bars never fill. */
static inline int tt_bar_row_is_full(const tt_bar_row *row, const tt_bar_rule *rule)
{
    switch (rule->kind) {
    case TT_BAR_KIND_TICK:
        return row->trades >= rule->amount;
    case TT_BAR_KIND_VOLUME:
        return row->volume >= row->full;
    case TT_BAR_KIND_DOLLAR:
        return row->notional >= row->full;
    case TT_BAR_KIND_IMBALANCE:
        if (row->closed == 0)
            return row->trades >= rule->amount;
        return (double)(row->theta < 0 ? -row->theta : row->theta) >= row->limit;
    default:
        return 0;
    }
}

/* A full imbalance bar moves the expectations of the next: E[T] and E[b] by exponentially weighted
 * means over bars of T and of theta / T. The first bar (amount ticks) is the warm-up and sets both.
 * The next bar fills when |theta| >= E[T] * |E[b]|; the textbook's rule closes at every tick when
 * E[b] is near 0 and runs away when E[T] grows, hence |E[b]| counts as at least 1 / sqrt(amount)
 * and E[T] stays between amount / 8 and amount * 8. */
static inline void tt_bar_expect(tt_bar_row *row, const tt_bar_rule *rule)
{
    const double start = (double)rule->amount, ticks = (double)row->trades;
    const double mean = (double)row->theta / ticks, weight = 2.0 / (TT_BAR_SPAN + 1.0);
    const double floor = 1.0 / sqrt(start);
    if (row->closed == 0) {
        row->ticks = start;
        row->sign_mean = mean;
    } else {
        row->ticks = row->ticks + weight * (ticks - row->ticks);
        row->sign_mean = row->sign_mean + weight * (mean - row->sign_mean);
    }
    if (row->ticks < start / TT_BAR_REACH)
        row->ticks = start / TT_BAR_REACH;
    if (row->ticks > start * TT_BAR_REACH)
        row->ticks = start * TT_BAR_REACH;
    const double size = row->sign_mean < 0 ? -row->sign_mean : row->sign_mean;
    row->limit = row->ticks * (size > floor ? size : floor);
}

/* Begin the next bar. */
static inline void tt_bar_row_reset(tt_bar_row *row)
{
    row->trades = 0;
    row->volume = row->theta = 0;
    row->notional = 0;
    row->partial = 0;
}

/* The best prices in the record, 0.0 where there is none. */
typedef struct {
    int64_t bid_px, ask_px;
} tt_bar_best;

/* The record of a bar as it stands; a bar without prints is flat at the last close. Times, ring_seq
 * and flags are the caller's. */
static inline void tt_bar_record(const tt_bar_row *row, const tt_bar_rule *rule,
                                 const tt_bar_instrument *it, tt_bar_best best, tt_bar *out)
{
    const int e = it->px_exponent;
    const double part = rule->mids ? 0.5 : 1.0;
    const int flat = row->trades == 0;
    tt_rec_init(out, TT_T_BAR);
    out->instrument_id = it->instrument_id;
    out->venue_id = it->venue_id;
    out->kind = rule->kind;
    out->interval = rule->kind == TT_BAR_KIND_VOLUME ? (int64_t)row->full : rule->amount;
    out->open = part * tt_bar_real(flat ? row->last_px : row->open, e);
    out->high = part * tt_bar_real(flat ? row->last_px : row->high, e);
    out->low = part * tt_bar_real(flat ? row->last_px : row->low, e);
    out->close = part * tt_bar_real(row->last_px, e);
    out->volume_qty = row->volume;
    out->turnover = tt_bar_real(row->notional, e + it->qty_exponent);
    out->bid = best.bid_px == TT_NO_PX ? 0.0 : tt_bar_real(best.bid_px, e);
    out->ask = best.ask_px == TT_NO_PX ? 0.0 : tt_bar_real(best.ask_px, e);
    out->trades = row->trades;
}

#endif
