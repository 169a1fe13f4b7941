/* Continuity of one numbered stream: what is next, what was seen before, what
 * is missing.
 *
 * Owner: the thread that reads the stream. Cost: a few compares. One component
 * for every feed: a message covers the numbers first..last (a MoldUDP64 packet
 * its messages, a Binance diff its update ids, other venues one number). The
 * stream never decides by itself that numbers are lost: AHEAD leaves everything
 * as it is until the missing ones come (NEXT), or the owner gives them up
 * (tt_sequence_lose), or starts anew (tt_sequence_reset). */
#ifndef TECTRA_SEQUENCE_H
#define TECTRA_SEQUENCE_H

#include "base.h"

enum {
  TT_SEQ_NEXT = 0,    /* continues the stream: taken */
  TT_SEQ_OVERLAP = 1, /* begins with what was seen, ends with what is new: taken
                         from `expected` */
  TT_SEQ_OLD = 2,     /* all of it was seen before */
  TT_SEQ_AHEAD = 3    /* expected .. first - 1 are missing: not taken */
};

enum {
  TT_SEQ_STATE_IDLE =
      0, /* nothing seen; the first message decides where the stream starts */
  TT_SEQ_STATE_SYNCED = 1, /* all numbers up to expected - 1 are here */
  TT_SEQ_STATE_GAP = 2,    /* numbers are missing and may still come */
  TT_SEQ_STATE_ENDED = 3   /* the stream said that it is over */
};

typedef struct {
  uint64_t expected;   /* the number due; meaningless while IDLE */
  uint64_t highest;    /* the highest number seen or announced */
  uint64_t taken;      /* numbers that came in order */
  uint64_t gaps, lost; /* stretches seen missing; numbers given up */
  uint64_t recovered;  /* numbers that were missing and came */
  uint64_t duplicates; /* messages with nothing new */
  uint64_t overlaps, resets;
  uint32_t state;
  uint32_t pad_;
} tt_sequence;

static inline void tt_sequence_init(tt_sequence *s) {
  *s = (tt_sequence){.state = TT_SEQ_STATE_IDLE};
}

/* Begin, or begin anew, with `expected` as the number due. */
static inline void tt_sequence_reset(tt_sequence *s, uint64_t expected) {
  s->resets += s->state != TT_SEQ_STATE_IDLE;
  s->expected = expected;
  s->highest = expected == 0 ? 0 : expected - 1;
  s->state = TT_SEQ_STATE_SYNCED;
}

static inline void tt_sequence_settle_(tt_sequence *s) {
  if (s->state == TT_SEQ_STATE_GAP && s->expected > s->highest)
    s->state = TT_SEQ_STATE_SYNCED;
}

/* Someone (a heartbeat, another line) says that `next` comes next: whether
 * numbers are missing. */
static inline int tt_sequence_announce(tt_sequence *s, uint64_t next) {
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

/* Judge a message that covers first..last (first <= last < UINT64_MAX). NEXT
 * and OVERLAP take it. */
static inline int tt_sequence_offer(tt_sequence *s, uint64_t first,
                                    uint64_t last) {
  TT_ASSERT(first <= last && last < UINT64_MAX);
  if (TT_UNLIKELY(s->state == TT_SEQ_STATE_IDLE))
    tt_sequence_reset(s, first);
  if (TT_UNLIKELY(first > s->expected)) {
    s->gaps += s->state != TT_SEQ_STATE_GAP;
    s->state = TT_SEQ_STATE_GAP;
    s->highest = last > s->highest ? last : s->highest;
    return TT_SEQ_AHEAD;
  }
  if (TT_UNLIKELY(last < s->expected)) {
    s->duplicates++;
    return TT_SEQ_OLD;
  }
  const int verdict = first == s->expected ? TT_SEQ_NEXT : TT_SEQ_OVERLAP;
  const uint64_t fresh = last - s->expected + 1;
  s->overlaps += verdict == TT_SEQ_OVERLAP;
  s->taken += fresh;
  if (TT_UNLIKELY(s->state == TT_SEQ_STATE_GAP))
    s->recovered += fresh;
  s->expected = last + 1;
  s->highest = last > s->highest ? last : s->highest;
  tt_sequence_settle_(s);
  return verdict;
}

/* Give up every number before `next`; returns how many those are. */
static inline uint64_t tt_sequence_lose(tt_sequence *s, uint64_t next) {
  const uint64_t n = next > s->expected ? next - s->expected : 0;
  s->lost += n;
  s->expected += n;
  tt_sequence_settle_(s);
  return n;
}

static inline void tt_sequence_end(tt_sequence *s) {
  s->state = TT_SEQ_STATE_ENDED;
}

#endif
