/* Steps of the generated market: one thing happens to one symbol, and ITCH 5.0 messages say so. */
#ifndef TECTRA_GEN_FLOW_H
#define TECTRA_GEN_FLOW_H

#include "gen_book.h"

/* Most messages of one step: a marketable order that eats eight others. */
#define TT_GEN_STEP_MESSAGES 8u
#define TT_GEN_ROOM (2 * TT_GEN_STEP_MESSAGES * TT_GEN_MESSAGE_BYTES)
#define TT_GEN_SLACK 6 /* ticks that the fair price may lie off the middle of the window */

static const char tt_gen_mpids[4][5] = {"VIRT", "CDRG", "JPMS", "NSDQ"};

static inline void tt_gen_add(tt_gen *g, tt_gen_symbol *s, int side, int64_t tick)
{
    const uint32_t i = tt_gen_join(g, s, side, tick, tt_gen_size(g));
    if (i == 0)
        return;
    const tt_gen_order *o = &g->orders[i];
    const int named = tt_gen_below(g, 32) == 0;
    uint8_t *m = tt_gen_begin(g, named ? 'F' : 'A', named ? 40 : 36, s->locate);
    tt_put_be64(m + 11, o->ref);
    m[19] = side ? 'S' : 'B';
    tt_put_be32(m + 20, o->qty);
    memcpy(m + 24, s->name, 8);
    tt_put_be32(m + 32, tt_gen_px(s, tick));
    if (named)
        memcpy(m + 36, tt_gen_mpids[tt_gen_below(g, 4)], 4);
}

static inline void tt_gen_delete(tt_gen *g, tt_gen_symbol *s, uint32_t i)
{
    tt_put_be64(tt_gen_begin(g, 'D', 19, s->locate) + 11, g->orders[i].ref);
    tt_gen_leave(g, s, i);
}

static inline void tt_gen_cancel(tt_gen *g, tt_gen_symbol *s, uint32_t i)
{
    tt_gen_order *o = &g->orders[i];
    if (o->qty < 2) {
        tt_gen_delete(g, s, i);
        return;
    }
    const uint32_t shares = 1 + tt_gen_below(g, o->qty - 1);
    uint8_t *m = tt_gen_begin(g, 'X', 23, s->locate);
    tt_put_be64(m + 11, o->ref);
    tt_put_be32(m + 19, shares);
    o->qty -= shares;
}

static inline void tt_gen_replace(tt_gen *g, tt_gen_symbol *s, uint32_t i, int64_t tick)
{
    const uint64_t ref = g->orders[i].ref;
    const int side = g->orders[i].side;
    tt_gen_leave(g, s, i);
    const uint32_t j = tt_gen_join(g, s, side, tick, tt_gen_size(g));
    TT_ASSERT(j != 0);
    uint8_t *m = tt_gen_begin(g, 'U', 35, s->locate);
    tt_put_be64(m + 11, ref);
    tt_put_be64(m + 19, g->orders[j].ref);
    tt_put_be32(m + 27, g->orders[j].qty);
    tt_put_be32(m + 31, tt_gen_px(s, tick));
}

/* Trade `shares` of a resting order at its price; `priced`: said as C, and not printable when the
 * print comes from a cross. */
static inline void tt_gen_execute(tt_gen *g, tt_gen_symbol *s, uint32_t i, uint32_t shares,
                                  int priced, int printable)
{
    tt_gen_order *o = &g->orders[i];
    uint8_t *m = tt_gen_begin(g, priced ? 'C' : 'E', priced ? 36 : 31, s->locate);
    tt_put_be64(m + 11, o->ref);
    tt_put_be32(m + 19, shares);
    tt_put_be64(m + 23, ++g->match);
    if (priced) {
        m[31] = printable ? 'Y' : 'N';
        tt_put_be32(m + 32, tt_gen_px(s, o->tick));
    }
    o->qty -= shares;
    if (o->qty == 0)
        tt_gen_leave(g, s, i);
}

/* A marketable order against `side`: the best level, in order of time. */
static inline void tt_gen_take(tt_gen *g, tt_gen_symbol *s, int side)
{
    const int64_t best = tt_gen_best(s, side);
    uint32_t left = tt_gen_size(g) * (1 + tt_gen_distance(g, 3));
    for (uint32_t n = 0; n < TT_GEN_STEP_MESSAGES && left && s->count[side] > 1; n++) {
        if (tt_gen_best(s, side) != best)
            return;
        const uint32_t i = tt_gen_first(s, side), qty = g->orders[i].qty;
        const uint32_t shares = left < qty ? left : qty;
        left -= shares;
        tt_gen_execute(g, s, i, shares, tt_gen_below(g, 48) == 0, 1);
        g->now_ns += 1 + tt_gen_below(g, 2000);
    }
}

/* A trade with an order that nobody saw, inside the spread. */
static inline void tt_gen_hidden(tt_gen *g, tt_gen_symbol *s)
{
    const int64_t bid = tt_gen_best(s, 0), ask = tt_gen_best(s, 1);
    if (bid == TT_GEN_NO_TICK || ask <= bid)
        return;
    const uint32_t half = s->tick_px / 2 ? s->tick_px / 2 : 1;
    const uint32_t steps = (uint32_t)(ask - bid) * (s->tick_px / half) + 1;
    uint8_t *m = tt_gen_begin(g, 'P', 44, s->locate);
    tt_put_be64(m + 11, 0);
    m[19] = 'B';
    tt_put_be32(m + 20, tt_gen_size(g));
    memcpy(m + 24, s->name, 8);
    tt_put_be32(m + 32, tt_gen_px(s, bid) + tt_gen_below(g, steps) * half);
    tt_put_be64(m + 36, ++g->match);
    g->last_hidden = g->match;
    g->last_hidden_locate = s->locate;
}

/* Where a new order goes: around the fair price, inside the window, never across the book (but for
 * `crossing`). */
static inline int64_t tt_gen_quote(tt_gen *g, const tt_gen_symbol *s, int side, int crossing)
{
    const tt_gen_regime *r = &g->regimes[s->regime];
    const int64_t fair = s->fair >> TT_GEN_FAIR_BITS;
    const int64_t half = (r->half + (int32_t)tt_gen_below(g, 16)) / 16;
    const int64_t away = half + tt_gen_distance(g, 10) + tt_gen_below(g, 4);
    const int64_t other = tt_gen_best(s, !side);
    int64_t tick = side ? fair + away : fair - away;
    if (crossing && other != TT_GEN_NO_TICK)
        tick = side ? other - (int64_t)tt_gen_below(g, 3) : other + (int64_t)tt_gen_below(g, 3);
    else if (other != TT_GEN_NO_TICK && (side ? tick <= other : tick >= other))
        tick = side ? other + 1 : other - 1;
    if (tick < s->base)
        tick = s->base;
    if (tick > s->base + TT_GEN_TICKS - 1)
        tick = s->base + TT_GEN_TICKS - 1;
    return tick;
}

/* Whether an order at `tick` would stand across the book: the window's ends may force it there. */
static inline int tt_gen_crosses(const tt_gen_symbol *s, int side, int64_t tick)
{
    const int64_t other = tt_gen_best(s, !side);
    return other != TT_GEN_NO_TICK && (side ? tick <= other : tick >= other);
}

static inline void tt_gen_move(tt_gen *g, tt_gen_symbol *s)
{
    const tt_gen_regime *r = &g->regimes[s->regime];
    const int64_t floor = (int64_t)(TT_GEN_TICKS + TT_GEN_SLACK) << TT_GEN_FAIR_BITS;
    s->fair += r->drift + (int64_t)tt_gen_below(g, (uint32_t)(2 * r->reach + 1)) - r->reach;
    if (r->pull)
        s->fair -= (s->fair - s->anchor) >> r->pull;
    if (s->fair < floor)
        s->fair = floor;
}

/* Bring the window to the fair price, a tick at a time. An order that would fall out of it is
 * deleted first: 1 when that was this step's message. */
static inline int tt_gen_follow(tt_gen *g, tt_gen_symbol *s)
{
    for (int n = 0; n < TT_GEN_TICKS; n++) {
        const int64_t off = (s->fair >> TT_GEN_FAIR_BITS) - TT_GEN_TICKS / 2 - s->base;
        if (off <= TT_GEN_SLACK && off >= -TT_GEN_SLACK)
            return 0;
        const int64_t edge = off > 0 ? s->base : s->base + TT_GEN_TICKS - 1;
        const unsigned place = (unsigned)edge & 63;
        for (int side = 0; side < 2; side++) {
            if (s->mask[side] >> place & 1) {
                tt_gen_delete(g, s, s->head[side][place]);
                return 1;
            }
        }
        s->base += off > 0 ? 1 : -1;
    }
    return 0;
}

/* Quotes that the fair price has overtaken: most are pulled or moved, some are hit first. 1: done.
 */
static inline int tt_gen_stale(tt_gen *g, tt_gen_symbol *s)
{
    const int64_t fair = s->fair >> TT_GEN_FAIR_BITS, bid = tt_gen_best(s, 0);
    const int64_t ask = tt_gen_best(s, 1);
    const int side = ask != TT_GEN_NO_TICK && fair > ask ? 1 : 0;
    if (!side && (bid == TT_GEN_NO_TICK || fair >= bid))
        return 0;
    const uint32_t lot = tt_gen_below(g, 8);
    if (lot == 0 && !s->halted && s->count[side] > 1) {
        tt_gen_take(g, s, side);
        return 1;
    }
    const uint32_t i = tt_gen_first(s, side);
    const int64_t tick = tt_gen_quote(g, s, side, 0);
    if (lot < 4 && !tt_gen_crosses(s, side, tick))
        tt_gen_replace(g, s, i, tick);
    else
        tt_gen_delete(g, s, i);
    return 1;
}

/* An order comes or goes, so that a side tends to the number of orders its regime wants. */
static inline void tt_gen_come_or_go(tt_gen *g, tt_gen_symbol *s, const tt_gen_regime *r)
{
    const uint32_t want = (uint32_t)r->orders;
    int side = (int)tt_gen_below(g, 2);
    if (s->count[side] > want && s->count[!side] < want)
        side = !side;
    const uint32_t have = s->count[side];
    if (have <= 2 || tt_gen_below(g, 2 * want) >= have) {
        const int64_t tick = tt_gen_quote(g, s, side, tt_gen_below(g, 1024) < (uint32_t)r->cross);
        if (r->cross || !tt_gen_crosses(s, side, tick)) {
            tt_gen_add(g, s, side, tick);
            return;
        }
    }
    if (have > 2)
        tt_gen_delete(g, s, tt_gen_any(g, s, side));
}

/* One thing happens to one symbol. */
static inline void tt_gen_step(tt_gen *g, tt_gen_symbol *s)
{
    const tt_gen_regime *r = &g->regimes[s->regime];
    tt_gen_move(g, s);
    if (tt_gen_follow(g, s) || (!r->cross && tt_gen_stale(g, s)))
        return;
    int32_t dice = (int32_t)tt_gen_below(g, 1024);
    const int side = (int)tt_gen_below(g, 2);
    if (s->count[side] > 2 && (dice -= r->replace) < 0) {
        const int64_t tick = tt_gen_quote(g, s, side, 0);
        if (!tt_gen_crosses(s, side, tick))
            tt_gen_replace(g, s, tt_gen_any(g, s, side), tick);
        else
            tt_gen_delete(g, s, tt_gen_any(g, s, side));
    } else if (s->count[side] > 2 && (dice -= r->cancel) < 0) {
        tt_gen_cancel(g, s, tt_gen_any(g, s, side));
    } else if (!s->halted && s->count[side] > 2 && (dice -= r->take) < 0) {
        tt_gen_take(g, s, side);
    } else if (!s->halted && (dice -= r->hidden) < 0) {
        tt_gen_hidden(g, s);
    } else {
        tt_gen_come_or_go(g, s, r);
    }
}

/* Flow until a time, with `gap_ns` between two steps on average: 1 when the outlet is full (call
 * again), 0 when the time is reached. */
static inline int tt_gen_run(tt_gen *g, int64_t until_ns, double gap_ns)
{
    while (g->used + TT_GEN_ROOM <= g->cap) {
        const int64_t next = g->now_ns + 1 + (int64_t)(gap_ns * tt_rng_exponential(&g->rng));
        if (next >= until_ns) {
            g->now_ns = until_ns;
            return 0;
        }
        g->now_ns = next;
        tt_gen_step(g, &g->symbols[g->pick[tt_rng_u64(&g->rng) >> 48]]);
    }
    return 1;
}

/* Delete every order, one each `gap_ns`, symbol by symbol: as tt_gen_run; 0 when all are gone. */
static inline int tt_gen_drain(tt_gen *g, int64_t gap_ns)
{
    while (g->next_symbol < g->n_symbols) {
        tt_gen_symbol *s = &g->symbols[g->next_symbol];
        for (int side = 0; side < 2; side++) {
            while (s->count[side]) {
                if (g->used + TT_GEN_ROOM > g->cap)
                    return 1;
                g->now_ns += gap_ns;
                tt_gen_delete(g, s, tt_gen_first(s, side));
            }
        }
        g->next_symbol++;
    }
    g->next_symbol = 0;
    return 0;
}

/* Net order imbalance of an auction to come. `type`: O, C, H or A. */
static inline void tt_gen_noii(tt_gen *g, tt_gen_symbol *s, uint8_t type)
{
    const int64_t bid = tt_gen_best(s, 0);
    const uint32_t px =
        tt_gen_px(s, bid == TT_GEN_NO_TICK ? s->fair >> TT_GEN_FAIR_BITS : bid);
    const uint32_t gap = 100 * tt_gen_below(g, 300);
    uint8_t *m = tt_gen_begin(g, 'I', 50, s->locate);
    tt_put_be64(m + 11, 1000 * (uint64_t)(1 + tt_gen_below(g, 500)));
    tt_put_be64(m + 19, gap);
    m[27] = gap == 0 ? 'N' : tt_gen_below(g, 2) ? 'B' : 'S';
    memcpy(m + 28, s->name, 8);
    tt_put_be32(m + 36, px);
    tt_put_be32(m + 40, px);
    tt_put_be32(m + 44, px);
    m[48] = type;
    m[49] = 'L';
}

/* An auction at the best bid: up to three resting buyers trade, the rest is unseen. Where nobody
 * bids, nothing trades: shares and price 0. */
static inline void tt_gen_cross(tt_gen *g, tt_gen_symbol *s, uint8_t type)
{
    const int64_t bid = tt_gen_best(s, 0);
    uint64_t volume = 0;
    for (int n = 0; n < 3 && bid != TT_GEN_NO_TICK && s->count[0] > 1; n++) {
        if (tt_gen_best(s, 0) != bid)
            break;
        const uint32_t i = tt_gen_first(s, 0), qty = g->orders[i].qty;
        volume += qty;
        tt_gen_execute(g, s, i, qty, 1, 0);
    }
    if (volume)
        volume += 100 * (uint64_t)(10 + tt_gen_below(g, 2000));
    uint8_t *m = tt_gen_begin(g, 'Q', 40, s->locate);
    tt_put_be64(m + 11, volume);
    memcpy(m + 19, s->name, 8);
    tt_put_be32(m + 27, volume ? tt_gen_px(s, bid) : 0);
    tt_put_be64(m + 31, ++g->match);
    m[39] = type;
}

#endif
