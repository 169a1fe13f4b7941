/* What a line arbiter is made of: its settings, what it knows of each line, the window of messages
 * held, and how it begins. The rules are in arbiter.h. Owner: the thread that reads the lines;
 * memory is the caller's. */
#ifndef TECTRA_ARBITER_STATE_H
#define TECTRA_ARBITER_STATE_H

#include "base.h"
#include "bytes.h"
#include "mold.h"
#include "sequence.h"

#define TT_ARB_LINES 4u
/* The "line" of packets that were asked for: it is never waited for. */
#define TT_ARB_REPLY TT_ARB_LINES
#define TT_ARB_UNKNOWN 0u /* first_held: to be looked for */

/* What a packet is. */
enum {
    TT_ARB_OLD = 0,     /* nothing new; also a heartbeat of a line that lags */
    TT_ARB_NEW = 1,     /* continues the stream: its new part is for the owner, now */
    TT_ARB_AHEAD = 2,   /* its messages are held, as far as the window has room */
    TT_ARB_BEAT = 3,    /* a heartbeat, or the end of the session */
    TT_ARB_SESSION = 4, /* of another session: nothing was done; see tt_arbiter_session */
    TT_ARB_STRAY = 5    /* of the session before */
};

/* What tt_arbiter_gap says. */
enum { TT_ARB_WHOLE = 0, TT_ARB_WAITING = 1, TT_ARB_GAP = 2 };

typedef struct {
    uint32_t lines;      /* 1 to TT_ARB_LINES */
    uint32_t slots;      /* messages that the window holds, a power of two */
    uint32_t slot_bytes; /* the longest message that it holds */
    uint32_t pad_;
    int64_t hold_ns;   /* a number that lacks as long is given up, whatever the lines do */
    int64_t settle_ns; /* packets of one line may be out of order by as much */
    int64_t dead_ns;   /* a line that says nothing as long is not waited for */
} tt_arb_settings;

typedef struct {
    int64_t last_ns; /* when it last said anything */
    uint64_t next;   /* it has passed every number below */
    uint64_t packets, messages, heartbeats;
    uint64_t duplicates; /* packets with nothing new */
    uint64_t first;      /* messages that it brought first */
    uint64_t ahead;      /* messages of it that were held */
    uint64_t lost;       /* numbers that it skipped; they may come late */
    uint64_t late;       /* packets below what it had passed itself */
    uint64_t stray;      /* packets of a session that is over */
    uint64_t settled;    /* `next` of at least settle_ns ago */
    uint64_t mark;       /* `next` of mark_ns */
    int64_t mark_ns;
    uint32_t is_ended;
    uint32_t pad_;
} tt_arb_line;

/* A message in the window; its bytes follow. */
typedef struct {
    uint64_t seq; /* 0: free; numbers count from 1 */
    int64_t ts_recv_ns, seen_ns;
    uint32_t bytes;
    uint32_t pad_;
} tt_arb_slot;

/* The new part of a packet: blocks as in BinaryFILE, a length and a message each. */
typedef struct {
    const uint8_t *blocks;
    uint32_t bytes, count;
    uint64_t first;
} tt_arb_span;

typedef struct {
    tt_sequence seq;
    tt_arb_settings set;
    tt_arb_line line[TT_ARB_LINES + 1];
    uint8_t *window;
    size_t stride;
    uint64_t highest;    /* the highest number seen or announced by anyone */
    uint64_t held;       /* messages in the window */
    uint64_t first_held; /* the lowest of them, UINT64_MAX without, or TT_ARB_UNKNOWN */
    uint64_t overflow;   /* messages ahead that found no room: beyond the window, or too long */
    uint64_t sessions;   /* changes of session */
    uint64_t gap_at;     /* the number found missing at gap_since_ns */
    int64_t gap_since_ns;
    uint64_t end; /* the number behind the last of the session, 0 while it goes on */
    uint8_t session[TT_MOLD_SESSION_BYTES], previous[TT_MOLD_SESSION_BYTES];
    uint8_t has_session, has_previous;
    uint8_t is_holding; /* nothing is handed on: everything goes into the window */
    uint8_t pad_[9];
} tt_arbiter;

static inline size_t tt_arbiter_stride(uint32_t slot_bytes)
{
    return (sizeof(tt_arb_slot) + slot_bytes + 7) & ~(size_t)7;
}

/* Bytes that the window takes. */
static inline size_t tt_arbiter_bytes(const tt_arb_settings *set)
{
    return (size_t)set->slots * tt_arbiter_stride(set->slot_bytes);
}

static inline tt_arb_slot *tt_arbiter_slot_(const tt_arbiter *a, uint64_t seq)
{
    return (tt_arb_slot *)(void *)(a->window + (seq & (a->set.slots - 1)) * a->stride);
}

static inline void tt_arbiter_empty_(tt_arbiter *a)
{
    for (uint64_t i = 0; i < a->set.slots; i++)
        tt_arbiter_slot_(a, i)->seq = 0;
    a->held = 0;
    a->first_held = UINT64_MAX;
}

/* Begin with number `start` due (0: the first packet decides). `window` has tt_arbiter_bytes,
 * 8-byte aligned. TT_E_RANGE: settings outside what is allowed. */
static inline int tt_arbiter_init(tt_arbiter *a, const tt_arb_settings *set, void *window,
                                  uint64_t start, int64_t now_ns)
{
    if (set->lines < 1 || set->lines > TT_ARB_LINES || set->slots < 2 ||
        (set->slots & (set->slots - 1)) != 0 || set->slot_bytes > 0xffff || set->hold_ns < 0 ||
        set->settle_ns < 0 || set->dead_ns <= 0)
        return TT_E_RANGE;
    memset(a, 0, sizeof *a);
    a->set = *set;
    a->window = (uint8_t *)window;
    a->stride = tt_arbiter_stride(set->slot_bytes);
    tt_sequence_init(&a->seq);
    if (start != 0) {
        tt_sequence_reset(&a->seq, start);
        a->highest = start - 1;
    }
    tt_arbiter_empty_(a);
    for (uint32_t i = 0; i <= TT_ARB_LINES; i++)
        a->line[i].last_ns = now_ns;
    return TT_OK;
}

/* Go on with another session, whose first number due is `start`; numbers of the old one that lack
 * are the caller's to report first (tt_arbiter_gap, tt_arbiter_lose). */
static inline void tt_arbiter_session(tt_arbiter *a, const uint8_t *session, uint64_t start)
{
    memcpy(a->previous, a->session, TT_MOLD_SESSION_BYTES);
    a->has_previous = a->has_session;
    memcpy(a->session, session, TT_MOLD_SESSION_BYTES);
    a->sessions += a->has_session;
    a->has_session = 1;
    a->end = 0;
    a->highest = start - 1;
    tt_sequence_reset(&a->seq, start);
    tt_arbiter_empty_(a);
    for (uint32_t i = 0; i <= TT_ARB_LINES; i++) {
        a->line[i].next = a->line[i].settled = a->line[i].mark = 0;
        a->line[i].is_ended = 0;
    }
}

/* Whether a line counts: it said something of late. */
static inline int tt_arbiter_is_live(const tt_arbiter *a, uint32_t line, int64_t now_ns)
{
    return now_ns - a->line[line].last_ns <= a->set.dead_ns;
}

#endif
