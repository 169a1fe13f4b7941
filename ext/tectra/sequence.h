/* Continuity of one numbered stream: what is next, what was seen before, what is missing.
 *
 * Owner: the thread that reads the stream. Cost: a few compares while nothing is missing, a walk
 * over at most TT_SEQ_RANGES stretches while something is. One component for every feed: a message
 * covers the numbers first..last (a MoldUDP64 packet its messages, a Binance diff its update ids,
 * other venues one number). The stream never decides by itself that numbers are lost: AHEAD leaves
 * everything as it is until the missing ones come (NEXT), or the owner gives them up
 * (tt_sequence_lose), or starts anew (tt_sequence_reset). */
#ifndef TECTRA_SEQUENCE_H
#define TECTRA_SEQUENCE_H

#include "base.h"

/* Stretches seen ahead that are told apart. With more, the two that lie closest become one, so that
 * `recovered` may count too few and never too many. */
#define TT_SEQ_RANGES 16u

enum {
    TT_SEQ_NEXT = 0,    /* continues the stream: taken */
    TT_SEQ_OVERLAP = 1, /* begins with what was seen, ends with what is new: that is taken */
    TT_SEQ_OLD = 2,     /* all of it was seen before */
    TT_SEQ_AHEAD = 3    /* expected .. first - 1 are missing: not taken */
};

enum {
    TT_SEQ_STATE_IDLE = 0,   /* nothing seen; the first message decides where the stream starts */
    TT_SEQ_STATE_SYNCED = 1, /* all numbers up to expected - 1 are here */
    TT_SEQ_STATE_GAP = 2,    /* numbers are missing and may still come */
    TT_SEQ_STATE_ENDED = 3   /* the stream said that it is over */
};

typedef struct {
    uint64_t first, last;
} tt_sequence_range;

typedef struct {
    uint64_t expected;   /* the number due; meaningless while IDLE */
    uint64_t highest;    /* the highest number seen or announced */
    uint64_t taken;      /* numbers that came in order */
    uint64_t gaps, lost; /* stretches seen missing; numbers given up */
    uint64_t recovered;  /* numbers that were missing and came */
    uint64_t duplicates; /* messages with nothing new */
    uint64_t overlaps, resets;
    uint32_t state;
    uint32_t ahead_n; /* of `ahead`: seen and not taken, ascending, with holes between them */
    tt_sequence_range ahead[TT_SEQ_RANGES + 1];
} tt_sequence;

static inline void tt_sequence_init(tt_sequence *s)
{
    *s = (tt_sequence){.state = TT_SEQ_STATE_IDLE};
}

/* Begin, or begin anew, with `expected` as the number due. */
static inline void tt_sequence_reset(tt_sequence *s, uint64_t expected)
{
    s->resets += s->state != TT_SEQ_STATE_IDLE;
    s->expected = expected;
    s->highest = expected == 0 ? 0 : expected - 1;
    s->state = TT_SEQ_STATE_SYNCED;
    s->ahead_n = 0;
}

/* `expected` moved: forget what lies before it, and see whether anything is missing still. */
static inline void tt_sequence_settle_(tt_sequence *s)
{
    uint32_t gone = 0;
    if (s->state == TT_SEQ_STATE_GAP && s->expected > s->highest)
        s->state = TT_SEQ_STATE_SYNCED;
    while (gone < s->ahead_n && s->ahead[gone].last < s->expected)
        gone++;
    s->ahead_n -= gone;
    for (uint32_t i = 0; gone != 0 && i < s->ahead_n; i++)
        s->ahead[i] = s->ahead[i + gone];
    if (s->ahead_n != 0 && s->ahead[0].first < s->expected)
        s->ahead[0].first = s->expected;
}

/* How many of first..last were seen ahead already. */
static inline uint64_t tt_sequence_seen_(const tt_sequence *s, uint64_t first, uint64_t last)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < s->ahead_n; i++) {
        const uint64_t from = s->ahead[i].first > first ? s->ahead[i].first : first;
        const uint64_t to = s->ahead[i].last < last ? s->ahead[i].last : last;
        n += from <= to ? to - from + 1 : 0;
    }
    return n;
}

/* Remember first..last as seen ahead: joined with what it touches, in its place otherwise. */
static inline void tt_sequence_note_(tt_sequence *s, uint64_t first, uint64_t last)
{
    uint32_t at = 0, end, closest = 0;
    while (at < s->ahead_n && s->ahead[at].last + 1 < first)
        at++;
    for (end = at; end < s->ahead_n && s->ahead[end].first <= last + 1; end++) {
        first = s->ahead[end].first < first ? s->ahead[end].first : first;
        last = s->ahead[end].last > last ? s->ahead[end].last : last;
    }
    if (end == at) {
        for (uint32_t i = s->ahead_n; i > at; i--)
            s->ahead[i] = s->ahead[i - 1];
        s->ahead_n++;
    } else {
        for (uint32_t i = end; i < s->ahead_n; i++)
            s->ahead[at + 1 + i - end] = s->ahead[i];
        s->ahead_n -= end - at - 1;
    }
    s->ahead[at] = (tt_sequence_range){first, last};
    if (s->ahead_n <= TT_SEQ_RANGES)
        return;
    for (uint32_t i = 1; i + 1 < s->ahead_n; i++)
        if (s->ahead[i + 1].first - s->ahead[i].last <
            s->ahead[closest + 1].first - s->ahead[closest].last)
            closest = i;
    s->ahead[closest].last = s->ahead[closest + 1].last;
    s->ahead_n--;
    for (uint32_t i = closest + 1; i < s->ahead_n; i++)
        s->ahead[i] = s->ahead[i + 1];
}

/* Someone (a heartbeat, another line) says that `next` comes next: whether numbers are missing. */
static inline int tt_sequence_announce(tt_sequence *s, uint64_t next)
{
    if (s->state == TT_SEQ_STATE_IDLE)
        tt_sequence_reset(s, next);
    if (next <= s->expected)
        return 0;
    s->gaps += s->state != TT_SEQ_STATE_GAP;
    s->state = TT_SEQ_STATE_GAP;
    if (next - 1 > s->highest)
        s->highest = next - 1;
    return 1;
}

/* What a message that covers first..last is to a stream that has begun. Changes nothing. */
static inline int tt_sequence_judge(const tt_sequence *s, uint64_t first, uint64_t last)
{
    TT_ASSERT(first <= last && last < UINT64_MAX);
    if (TT_UNLIKELY(first > s->expected))
        return TT_SEQ_AHEAD;
    if (TT_UNLIKELY(last < s->expected))
        return TT_SEQ_OLD;
    return first == s->expected ? TT_SEQ_NEXT : TT_SEQ_OVERLAP;
}

/* Take everything from `expected` to `last`; `recovered` of these had been missing. */
static inline void tt_sequence_take(tt_sequence *s, uint64_t last, uint64_t recovered)
{
    TT_ASSERT(last >= s->expected && recovered <= last - s->expected + 1);
    s->taken += last - s->expected + 1;
    s->recovered += recovered;
    s->expected = last + 1;
    s->highest = last > s->highest ? last : s->highest;
    if (TT_UNLIKELY(s->state == TT_SEQ_STATE_GAP))
        tt_sequence_settle_(s);
}

/* Judge a message that covers first..last (first <= last < UINT64_MAX). NEXT, OVERLAP take it. */
static inline int tt_sequence_offer(tt_sequence *s, uint64_t first, uint64_t last)
{
    int verdict;
    uint64_t recovered = 0;
    if (TT_UNLIKELY(s->state == TT_SEQ_STATE_IDLE))
        tt_sequence_reset(s, first);
    verdict = tt_sequence_judge(s, first, last);
    if (TT_UNLIKELY(verdict == TT_SEQ_AHEAD)) {
        tt_sequence_announce(s, last + 1);
        tt_sequence_note_(s, first, last);
    } else if (TT_UNLIKELY(verdict == TT_SEQ_OLD)) {
        s->duplicates++;
    } else {
        if (TT_UNLIKELY(s->state == TT_SEQ_STATE_GAP)) {
            const uint64_t to = last < s->highest ? last : s->highest;
            recovered = to - s->expected + 1 - tt_sequence_seen_(s, s->expected, to);
        }
        s->overlaps += verdict == TT_SEQ_OVERLAP;
        tt_sequence_take(s, last, recovered);
    }
    return verdict;
}

/* Give up every number before `next`; returns how many those are. */
static inline uint64_t tt_sequence_lose(tt_sequence *s, uint64_t next)
{
    const uint64_t n = next > s->expected ? next - s->expected : 0;
    s->lost += n;
    s->expected += n;
    tt_sequence_settle_(s);
    return n;
}

static inline void tt_sequence_end(tt_sequence *s)
{
    s->state = TT_SEQ_STATE_ENDED;
}

#endif
