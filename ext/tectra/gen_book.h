/* The market behind the generated flow: for each symbol a book of 64 price levels a side, a fair
 * price that walks, and the ITCH messages that say what happens.
 *
 * Owner: one thread; memory from the caller. Integers and tt_rng only, so one seed gives one day on
 * every machine. Some 100 ns a message. A level is a queue of orders, first in, first out; the
 * levels of a side are one word of bits, a ring of ticks over the window base .. base + 63, so best
 * prices are a rotation and a count of zeros. */
#ifndef TECTRA_GEN_BOOK_H
#define TECTRA_GEN_BOOK_H

#include "base.h"
#include "bytes.h"
#include "pool.h"
#include "rng.h"

#define TT_GEN_TICKS 64
#define TT_GEN_FAIR_BITS 16
#define TT_GEN_MESSAGE_BYTES 52
#define TT_GEN_NO_TICK INT64_MIN

/* What flow is like; a symbol points at one of these. Shares are of 1024 steps. */
typedef struct {
    int32_t drift;  /* of the fair price a step, 2^-16 ticks */
    int32_t reach;  /* largest random move a step */
    int32_t pull;   /* 2^pull steps bring the fair price back to its anchor; 0: never */
    int32_t half;   /* half spread, 1/16 ticks */
    int32_t orders; /* that a side tends to */
    int32_t take, cancel, replace, hidden, cross;
} tt_gen_regime;

typedef struct {
    uint64_t ref;
    int64_t tick;
    uint32_t qty, next, prev;
    uint8_t side;
    uint8_t pad_[3];
} tt_gen_order;

typedef struct {
    int64_t fair, anchor; /* ticks * 2^16 */
    int64_t base;         /* lowest tick of the window */
    uint64_t mask[2];     /* places that hold orders, by tick mod 64 */
    uint32_t head[2][TT_GEN_TICKS], tail[2][TT_GEN_TICKS];
    uint32_t count[2];
    uint32_t tick_px; /* wire price of one tick */
    uint16_t locate;
    uint8_t halted, regime;
    uint8_t name[8];
} tt_gen_symbol;

typedef struct {
    tt_rng rng;
    tt_gen_symbol *symbols;
    tt_gen_order *orders;
    const uint16_t *pick; /* 65,536 symbols, each as often as it is active */
    const tt_gen_regime *regimes;
    uint8_t *out;
    size_t cap, used;
    uint64_t ref, match, messages;
    uint64_t by_type[128];
    int64_t now_ns;
    uint32_t n_symbols, next_symbol;
    uint64_t last_hidden; /* match and locate of a print that may be broken later */
    uint16_t last_hidden_locate;
    uint8_t pad_[6];
    tt_pool pool;
} tt_gen;

static inline uint32_t tt_gen_below(tt_gen *g, uint32_t n)
{
    return (uint32_t)(((tt_rng_u64(&g->rng) >> 32) * n) >> 32);
}

/* 0, 1, 2, ... each half as likely as the one before, at most `limit`. */
static inline uint32_t tt_gen_distance(tt_gen *g, uint32_t limit)
{
    return (uint32_t)__builtin_ctzll(tt_rng_u64(&g->rng) | UINT64_C(1) << limit);
}

/* Begin a message of `size` bytes: prefix, type, locate, tracking number, time. */
static inline uint8_t *tt_gen_begin(tt_gen *g, uint8_t type, uint16_t size, uint16_t locate)
{
    uint8_t *m = g->out + g->used;
    TT_ASSERT(g->used + size + 2 <= g->cap && type < 128);
    tt_put_be16(m, size);
    m += 2;
    m[0] = type;
    tt_put_be16(m + 1, locate);
    tt_put_be16(m + 3, locate ? 2 : 0);
    tt_put_be48(m + 5, (uint64_t)g->now_ns);
    g->used += (size_t)size + 2;
    g->messages++;
    g->by_type[type]++;
    return m;
}

/* Best tick of a side (0 bids, 1 offers), TT_GEN_NO_TICK when it is empty. */
static inline int64_t tt_gen_best(const tt_gen_symbol *s, int side)
{
    const unsigned shift = (unsigned)s->base & 63;
    const uint64_t bits = s->mask[side];
    if (bits == 0)
        return TT_GEN_NO_TICK;
    const uint64_t turned = shift ? bits >> shift | bits << (64 - shift) : bits;
    return s->base + (side ? __builtin_ctzll(turned) : 63 - __builtin_clzll(turned));
}

static inline uint32_t tt_gen_px(const tt_gen_symbol *s, int64_t tick)
{
    return (uint32_t)(tick * s->tick_px);
}

/* Put an order at the tail of its level; its index, 0 when the pool is full. */
static inline uint32_t tt_gen_join(tt_gen *g, tt_gen_symbol *s, int side, int64_t tick,
                                   uint32_t qty)
{
    const uint32_t i = tt_pool_peek(&g->pool);
    const unsigned place = (unsigned)tick & 63;
    if (i == 0)
        return 0;
    TT_ASSERT(tick >= s->base && tick < s->base + TT_GEN_TICKS);
    tt_gen_order *o = &g->orders[i];
    tt_pool_take(&g->pool, i, &o->next);
    g->ref += 1 + tt_gen_below(g, 8);
    *o = (tt_gen_order){.ref = g->ref, .tick = tick, .qty = qty, .side = (uint8_t)side};
    if (s->mask[side] >> place & 1) {
        o->prev = s->tail[side][place];
        g->orders[o->prev].next = i;
    } else {
        s->head[side][place] = i;
        s->mask[side] |= UINT64_C(1) << place;
    }
    s->tail[side][place] = i;
    s->count[side]++;
    return i;
}

/* Take an order out of its level and free it. */
static inline void tt_gen_leave(tt_gen *g, tt_gen_symbol *s, uint32_t i)
{
    tt_gen_order *o = &g->orders[i];
    const int side = o->side;
    const unsigned place = (unsigned)o->tick & 63;
    if (o->prev)
        g->orders[o->prev].next = o->next;
    else
        s->head[side][place] = o->next;
    if (o->next)
        g->orders[o->next].prev = o->prev;
    else
        s->tail[side][place] = o->prev;
    if (s->head[side][place] == 0)
        s->mask[side] &= ~(UINT64_C(1) << place);
    s->count[side]--;
    tt_pool_give(&g->pool, i, &o->next);
}

/* Any order of a side that has one: head or tail of a level drawn by lot. */
static inline uint32_t tt_gen_any(tt_gen *g, const tt_gen_symbol *s, int side)
{
    const uint64_t lot = tt_rng_u64(&g->rng), bits = s->mask[side];
    const unsigned shift = (unsigned)lot & 63;
    const uint64_t turned = shift ? bits >> shift | bits << (64 - shift) : bits;
    const unsigned place = ((unsigned)__builtin_ctzll(turned) + shift) & 63;
    return lot >> 63 ? s->head[side][place] : s->tail[side][place];
}

/* The order that trades next on a side that is not empty. */
static inline uint32_t tt_gen_first(const tt_gen_symbol *s, int side)
{
    return s->head[side][(unsigned)tt_gen_best(s, side) & 63];
}

/* Shares of a new order: mostly round lots, some odd. */
static inline uint32_t tt_gen_size(tt_gen *g)
{
    if (tt_gen_below(g, 5) == 0)
        return 1 + tt_gen_below(g, 250);
    return 100 * (1 + tt_gen_distance(g, 4) + tt_gen_below(g, 3));
}

#endif
