/* Order flow for the book benchmarks: ITCH bytes in the proportions of a trading day, every message
 * valid. Symbols are drawn with a skew, prices a few ticks from a wandering middle with a far tail,
 * and mostly young orders are the ones that change. */
#ifndef BOOK_FLOW_H
#define BOOK_FLOW_H

#include <tectra/itch.h>

enum { FLOW_LIVE_MAX = 128, FLOW_TICK = 100 };

typedef struct {
    uint64_t ref;
    uint32_t qty, px;
    uint8_t side;
} flow_order;

typedef struct {
    uint32_t mid, live;
    flow_order orders[FLOW_LIVE_MAX];
} flow_symbol;

static uint64_t flow_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Distance from the middle in ticks: geometric with a mean of about 6, one in 32 up to 250. */
static uint32_t flow_distance(uint64_t r)
{
    uint32_t d = 1;
    if ((r & 31) == 0)
        return 1 + (uint32_t)(r >> 8) % 250;
    for (r >>= 5; (r & 7) != 0 && d < 40; r = r >> 3 | r << 61)
        d++;
    return d;
}

static uint32_t flow_px(flow_symbol *s, uint8_t side, uint64_t *state)
{
    const uint64_t r = flow_random(state);
    const uint32_t d = flow_distance(r) * FLOW_TICK;
    if ((r >> 59) == 0)
        s->mid += (r >> 58 & 1) && s->mid > 300 * FLOW_TICK ? (uint32_t)-FLOW_TICK : FLOW_TICK;
    return side == 'B' ? s->mid - d : s->mid + d;
}

static uint8_t *flow_head(uint8_t *to, uint8_t type, uint32_t locate, uint64_t i, uint64_t ref)
{
    uint8_t *m = to + 2;
    tt_put_be16(to, (uint16_t)tt_itch_size(type));
    memset(m, 0, tt_itch_size(type));
    m[0] = type;
    tt_put_be16(m + 1, (uint16_t)locate);
    tt_put_be48(m + 5, 34200000000000u + i * 1000);
    tt_put_be64(m + 11, ref);
    return m;
}

static size_t flow_add(uint8_t *to, flow_symbol *s, uint32_t locate, uint64_t i, uint64_t ref,
                       uint64_t *state)
{
    const uint64_t r = flow_random(state);
    flow_order *o = &s->orders[s->live++];
    *o = (flow_order){ref, 100 * (1 + (uint32_t)(r & 7)), 0, r >> 32 & 1 ? 'B' : 'S'};
    o->px = flow_px(s, o->side, state);
    uint8_t *m = flow_head(to, 'A', locate, i, ref);
    m[19] = o->side;
    tt_put_be32(m + 20, o->qty);
    memcpy(m + 24, "FLOW    ", 8);
    tt_put_be32(m + 32, o->px);
    return 2 + tt_itch_size('A');
}

/* Change one live order: 72 % delete, 13 % replace, 10 % execute, 5 % cancel of those messages. */
static size_t flow_change(uint8_t *to, flow_symbol *s, uint32_t locate, uint64_t i,
                          uint64_t new_ref, uint64_t *state)
{
    const uint64_t r = flow_random(state), kind = r % 100;
    const uint32_t young = s->live < 8 ? s->live : 8;
    const uint32_t k =
        (r >> 8 & 3) ? s->live - 1 - (uint32_t)(r >> 16) % young : (uint32_t)(r >> 16) % s->live;
    flow_order *o = &s->orders[k];
    const uint8_t type = kind < 72 ? 'D' : kind < 85 ? 'U' : kind < 95 ? 'E' : 'X';
    uint8_t *m = flow_head(to, type, locate, i, o->ref);
    if (type == 'U') {
        o->ref = new_ref;
        o->px = flow_px(s, o->side, state);
        tt_put_be64(m + 19, new_ref);
        tt_put_be32(m + 27, o->qty);
        tt_put_be32(m + 31, o->px);
        return 2 + tt_itch_size(type);
    }
    const uint32_t part = type == 'D' ? o->qty : type == 'E' && (r >> 40 & 1) ? o->qty : 1;
    if (type != 'D')
        tt_put_be32(m + 19, part);
    o->qty -= part;
    if (o->qty == 0)
        memmove(o, o + 1, (size_t)(--s->live - k) * sizeof *o);
    return 2 + tt_itch_size(type);
}

/* `to` has 44 bytes a message; returns the bytes written. */
static size_t flow_make(uint8_t *to, size_t messages, uint32_t symbols)
{
    flow_symbol *all = calloc(symbols, sizeof *all);
    uint64_t state = 11, ref = 1;
    size_t at = 0;
    if (!all)
        abort();
    for (uint32_t k = 0; k < symbols; k++)
        all[k].mid = FLOW_TICK * (1000 + (uint32_t)(flow_random(&state) % 20000));
    for (size_t i = 0; i < messages; i++) {
        const uint64_t r = flow_random(&state);
        const double u = (double)(r >> 11) * 0x1p-53;
        const uint32_t k = (uint32_t)(u * u * symbols);
        flow_symbol *s = &all[k];
        const uint32_t p_add = s->live < FLOW_LIVE_MAX / 2 ? 50 : 44;
        if (s->live == 0 || (s->live < FLOW_LIVE_MAX && (r & 0x3ff) * 100 < p_add * 1024))
            at += flow_add(to + at, s, k + 1, i, ref++, &state);
        else
            at += flow_change(to + at, s, k + 1, i, ref++, &state);
    }
    free(all);
    return at;
}

#endif
