/* Near levels of the order-by-order book: the ticks around the best price of a side, each found by
 * arithmetic alone.
 *
 *   key (px of a bid, -px of an ask) = tick * unit
 *   levels[first + (tick mod TT_WINDOW)], and a bit for each tick that holds orders
 *
 * A key is divided by the tick size with a multiplication: unit = odd << shift, and the inverse of
 * the odd part modulo 2^64 undoes it exactly for every multiple; what is no multiple comes out
 * wrong, and multiplying back tells. Cost: two multiplications and two compares. */
#ifndef TECTRA_WINDOW_H
#define TECTRA_WINDOW_H

#include "l3_state.h"

/* Ticks kept free above the best price when a window is placed. */
#define TT_WINDOW_ABOVE (TT_WINDOW / 4)
#define TT_WINDOW_PATIENCE_MIN 3u
#define TT_WINDOW_PATIENCE 6u
#define TT_WINDOW_PATIENCE_MAX 12u

/* A side without a window: no key is in it, and no level index is its own. */
static inline void tt_window_init(tt_window *w)
{
    memset(w, 0, sizeof *w);
    w->base = TT_WINDOW_NONE;
    w->first = 0u - TT_WINDOW - 1;
    w->patience = TT_WINDOW_PATIENCE_MIN;
}

static inline int tt_window_is_set(const tt_window *w)
{
    return w->base != TT_WINDOW_NONE;
}

/* Inverse of an odd number modulo 2^64: each step doubles the number of right bits, from 5. */
static inline uint64_t tt_inverse64(uint64_t odd)
{
    uint64_t x = (odd * 3) ^ 2;
    for (int n = 0; n < 4; n++)
        x *= 2 - odd * x;
    TT_ASSERT(x * odd == 1);
    return x;
}

static inline void tt_window_set(tt_window *w, int64_t unit, int64_t base)
{
    TT_ASSERT(unit > 0);
    w->unit = unit;
    w->shift = (uint8_t)__builtin_ctzll((uint64_t)unit);
    w->inverse = tt_inverse64((uint64_t)unit >> w->shift);
    w->base = base;
}

/* Level of a key, with orders or without; 0 when it is outside, or no multiple of the unit. */
static inline uint32_t tt_window_at(const tt_window *w, int64_t key)
{
    const uint64_t tick = (uint64_t)(key >> w->shift) * w->inverse;
    if (TT_UNLIKELY(tick - (uint64_t)w->base >= TT_WINDOW ||
                    tick * (uint64_t)w->unit != (uint64_t)key))
        return 0;
    return w->first + (uint32_t)(tick % TT_WINDOW);
}

static inline int tt_window_owns(const tt_window *w, uint32_t level)
{
    return level - w->first < TT_WINDOW;
}

static inline uint32_t tt_window_level(const tt_window *w, int64_t tick)
{
    return w->first + (uint32_t)((uint64_t)tick % TT_WINDOW);
}

static inline void tt_window_mark(tt_window *w, uint32_t level)
{
    const uint32_t place = level - w->first;
    w->used[place / 64] |= (uint64_t)1 << place % 64;
}

static inline void tt_window_unmark(tt_window *w, uint32_t level)
{
    const uint32_t place = level - w->first;
    w->used[place / 64] &= ~((uint64_t)1 << place % 64);
}

/* Highest tick with orders that is not above `from`; TT_WINDOW_NONE when there is none. A word of
 * the ring may begin with ticks of its other end: those come out below the base. */
static inline int64_t tt_window_below(const tt_window *w, int64_t from)
{
    for (uint32_t n = 0; n <= TT_WINDOW_WORDS && from >= w->base; n++) {
        const uint32_t place = (uint32_t)((uint64_t)from % TT_WINDOW), bit = place % 64;
        const uint64_t word = w->used[place / 64] & (~(uint64_t)0 >> (63 - bit));
        if (word) {
            const int64_t tick = from - (int64_t)bit + (63 - __builtin_clzll(word));
            return tick >= w->base ? tick : TT_WINDOW_NONE;
        }
        from -= (int64_t)bit + 1;
    }
    return TT_WINDOW_NONE;
}

static inline int64_t tt_window_top(const tt_window *w)
{
    return tt_window_below(w, w->base + (int64_t)TT_WINDOW - 1);
}

static inline uint64_t tt_gcd64(uint64_t a, uint64_t b)
{
    for (int n = 0; b != 0 && n < 96; n++) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Decimal zeros at the end of a number, up to 9. */
static inline uint32_t tt_decimal_zeros(uint64_t v)
{
    uint32_t zeros = 0;
    while (zeros < 9 && v != 0 && v % 10 == 0) {
        v /= 10;
        zeros++;
    }
    return v == 0 ? 9 : zeros;
}

/* The tick size that most of these keys share: what three quarters of them are rounded to in
 * decimals, and the common divisor of those. */
static inline int64_t tt_window_unit(const int64_t *keys, uint32_t n)
{
    uint32_t rounded[10] = {0}, zeros = 9, have = 0;
    uint64_t unit = 0;
    TT_ASSERT(n > 0);
    for (uint32_t i = 0; i < n; i++)
        rounded[tt_decimal_zeros((uint64_t)(keys[i] < 0 ? -keys[i] : keys[i]))]++;
    for (;; zeros--) {
        have += rounded[zeros];
        if (zeros == 0 || 4 * have >= 3 * n)
            break;
    }
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t size = (uint64_t)(keys[i] < 0 ? -keys[i] : keys[i]);
        if (tt_decimal_zeros(size) >= zeros)
            unit = tt_gcd64(unit, size);
    }
    return unit == 0 || unit > INT64_MAX ? 1 : (int64_t)unit;
}

#endif
