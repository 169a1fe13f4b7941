/* The time stamp counter as a clock: a line from ticks to nanoseconds of CLOCK_MONOTONIC, drawn
 * anew at anchors.
 *
 * At an anchor the counter is read before and after the system's clock; half the ticks between are
 * what that pair may be wrong by. The line goes through the last anchor at the rate between the
 * last two. The first interval is short and each next one twice as long up to the one asked for, so
 * that an uncertain rate is never drawn out far. Where line and clock part by more than a slew
 * explains (the machine was suspended or moved), the counter is given up for the system's clock.
 *
 * One owner thread: reading moves the anchor. A reading costs the counter, a 64 x 64 bit product
 * and two compares; an anchor about 100 ns. */
#ifndef TECTRA_TSC_H
#define TECTRA_TSC_H

#include "base.h"
#include "clock.h"

#define TT_TSC_SPAN_NS_MIN (TT_NS_PER_MS / 10)
#define TT_TSC_SPAN_NS_MAX (10 * TT_NS_PER_S)
#define TT_TSC_TRIES 5
/* A pair taken over more than this was interrupted and is no anchor. */
#define TT_TSC_WIDTH_NS 2000
/* What slewing may explain between two anchors: 2,000 ppm (the kernel's own limit is 500), and the
 * noise of reading. */
#define TT_TSC_SLEW_PPM 2000
#define TT_TSC_NOISE_NS 20000

typedef struct {
    uint64_t tsc;
    int64_t mono_ns;
    uint64_t width; /* ticks between the readings around the clock */
} tt_tsc_pair;

typedef struct {
    uint64_t tsc_base;
    int64_t mono_base_ns;
    uint64_t ns_per_2_32; /* nanoseconds per tick, times 2^32 */
    uint64_t span;        /* ticks until the next anchor; 0 = the counter was given up */
    int64_t span_ns, span_ns_max;
    int64_t last_ns;
    int64_t wall_offset_ns; /* wall clock less monotonic, at the last anchor */
    int64_t error_ns;       /* largest distance of line and clock at an anchor, half width added */
    uint64_t anchors, skipped;
} tt_tsc_clock;

/* The narrowest of some readings of counter and clock together. */
static inline tt_tsc_pair tt_tsc_pair_read(int tries)
{
    tt_tsc_pair best = {0, 0, UINT64_MAX};
    TT_ASSERT(tries > 0);
    for (int i = 0; i < tries; i++) {
        const uint64_t before = tt_tsc();
        const int64_t mono = tt_mono_ns();
        const uint64_t width = tt_tsc() - before;
        if (width < best.width) {
            best = (tt_tsc_pair){before + width / 2, mono, width};
        }
    }
    return best;
}

static inline int64_t tt_tsc_ticks_to_ns(const tt_tsc_clock *c, uint64_t ticks)
{
    return (int64_t)(((unsigned __int128)ticks * c->ns_per_2_32) >> 32);
}

/* Monotonic nanoseconds of a tick count taken at or after the last anchor. */
static inline int64_t tt_tsc_to_ns(const tt_tsc_clock *c, uint64_t tsc)
{
    TT_ASSERT(tsc >= c->tsc_base);
    return c->mono_base_ns + tt_tsc_ticks_to_ns(c, tsc - c->tsc_base);
}

/* Draw the line from the anchor in `c` to a later pair and make that the anchor. */
static inline int tt_tsc_draw(tt_tsc_clock *c, const tt_tsc_pair *to)
{
    if (to->tsc <= c->tsc_base || to->mono_ns <= c->mono_base_ns) {
        return TT_E_RANGE;
    }
    const uint64_t ns = (uint64_t)(to->mono_ns - c->mono_base_ns);
    const unsigned __int128 rate = ((unsigned __int128)ns << 32) / (to->tsc - c->tsc_base);
    if (rate == 0 || rate > UINT64_MAX) {
        return TT_E_RANGE;
    }
    c->ns_per_2_32 = (uint64_t)rate;
    c->tsc_base = to->tsc;
    c->mono_base_ns = to->mono_ns;
    c->span = (uint64_t)(((unsigned __int128)(uint64_t)c->span_ns << 32) / c->ns_per_2_32);
    return c->span > 0 ? TT_OK : TT_E_RANGE;
}

static inline void tt_tsc_read_wall(tt_tsc_clock *c)
{
    const int64_t before = tt_mono_ns();
    const int64_t wall = tt_now_ns();
    c->wall_offset_ns = wall - before - (tt_mono_ns() - before) / 2;
}

/* Calibrate over `span_ns` of busy waiting, to be anchored anew every `every_ns` later on: TT_OK,
 * TT_E_RANGE (a span outside 0.1 ms to 10 s, or the counter does not advance). */
static inline int tt_tsc_calibrate(tt_tsc_clock *c, int64_t span_ns, int64_t every_ns)
{
    if (span_ns < TT_TSC_SPAN_NS_MIN || span_ns > TT_TSC_SPAN_NS_MAX || every_ns < span_ns ||
        every_ns > TT_TSC_SPAN_NS_MAX) {
        return TT_E_RANGE;
    }
    const tt_tsc_pair from = tt_tsc_pair_read(TT_TSC_TRIES);
    while (tt_mono_ns() - from.mono_ns < span_ns) {
    }
    const tt_tsc_pair to = tt_tsc_pair_read(TT_TSC_TRIES);
    *c = (tt_tsc_clock){.tsc_base = from.tsc, .mono_base_ns = from.mono_ns};
    c->span_ns = span_ns;
    c->span_ns_max = every_ns;
    const int rc = tt_tsc_draw(c, &to);
    if (rc != TT_OK) {
        return rc;
    }
    c->last_ns = to.mono_ns;
    c->error_ns = tt_tsc_ticks_to_ns(c, to.width / 2 + from.width / 2) + 1;
    tt_tsc_read_wall(c);
    return TT_OK;
}

/* Compare line and clock at a pair and anchor there: TT_OK; TT_E_RANGE when they are too far apart
 * (nothing changes). An interrupted pair is skipped. */
static inline int tt_tsc_anchor(tt_tsc_clock *c, const tt_tsc_pair *now)
{
    if (now->tsc < c->tsc_base) {
        return TT_E_RANGE;
    }
    const int64_t half = tt_tsc_ticks_to_ns(c, now->width / 2);
    if (half > TT_TSC_WIDTH_NS / 2) {
        c->skipped++;
        return TT_OK;
    }
    const int64_t apart = tt_tsc_to_ns(c, now->tsc) - now->mono_ns;
    const int64_t error = apart < 0 ? -apart : apart;
    const int64_t passed = now->mono_ns - c->mono_base_ns;
    if (error > TT_TSC_NOISE_NS + passed / 1000000 * TT_TSC_SLEW_PPM) {
        return TT_E_RANGE;
    }
    c->span_ns = 2 * c->span_ns < c->span_ns_max ? 2 * c->span_ns : c->span_ns_max;
    const int rc = tt_tsc_draw(c, now);
    if (rc == TT_OK) {
        c->error_ns = error + half > c->error_ns ? error + half : c->error_ns;
        c->anchors++;
    }
    return rc;
}

static inline int tt_tsc_given_up(const tt_tsc_clock *c)
{
    return c->span == 0;
}

/* The way of a reading that is due for an anchor, or has no counter any more. */
static inline int64_t tt_tsc_now_slow(tt_tsc_clock *c)
{
    if (c->span > 0) {
        const tt_tsc_pair pair = tt_tsc_pair_read(2);
        if (tt_tsc_anchor(c, &pair) != TT_OK) {
            c->span = 0;
        }
    }
    tt_tsc_read_wall(c);
    const int64_t now = tt_mono_ns();
    c->last_ns = now > c->last_ns ? now : c->last_ns;
    return c->last_ns;
}

/* Nanoseconds of CLOCK_MONOTONIC, to within error_ns; never less than the reading before. */
static inline int64_t tt_tsc_now(tt_tsc_clock *c)
{
    const uint64_t ticks = tt_tsc() - c->tsc_base; /* a counter gone back wraps to a huge number */
    if (TT_UNLIKELY(ticks >= c->span)) {
        return tt_tsc_now_slow(c);
    }
    const int64_t now = c->mono_base_ns + tt_tsc_ticks_to_ns(c, ticks);
    c->last_ns = now > c->last_ns ? now : c->last_ns;
    return c->last_ns;
}

#endif
