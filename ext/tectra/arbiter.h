/* One stream out of up to four lines that carry the same MoldUDP64 packets, each with losses,
 * delays and repetitions of its own: every message once, in order, as soon as the first line brings
 * it.
 *
 * A packet that continues the stream is handed on where it lies: no copy, no wait. Messages ahead
 * of missing ones are copied into a window, one slot a number, so that the window needs no search,
 * and what two lines cut differently still meets. The owner then drains the window
 * (tt_arbiter_next), asks what is missing (tt_arbiter_gap), and gives up what nobody brings
 * (tt_arbiter_lose).
 *
 * Owner: the thread that reads the lines; memory is the caller's. `now_ns` is any clock that never
 * steps (monotonic); what it measures are waits, never the order of messages. */
#ifndef TECTRA_ARBITER_H
#define TECTRA_ARBITER_H

#include "arbiter_state.h"
#include "base.h"
#include "mold.h"
#include "sequence.h"

/* The line's own numbering. */
static inline void tt_arbiter_pass_(tt_arb_line *l, uint64_t first, uint64_t next)
{
    if (TT_UNLIKELY(first != l->next && l->next != 0)) {
        l->lost += first > l->next ? first - l->next : 0;
        l->late += first < l->next;
    }
    l->next = next > l->next ? next : l->next;
}

static inline void tt_arbiter_raise_(tt_arbiter *a, uint64_t last)
{
    a->highest = last > a->highest ? last : a->highest;
    if (!a->is_holding)
        tt_sequence_announce(&a->seq, last + 1);
}

static inline int tt_arbiter_beat_(tt_arbiter *a, tt_arb_line *l, const tt_mold_packet *p)
{
    l->heartbeats++;
    if (l != &a->line[TT_ARB_REPLY])
        tt_arbiter_pass_(l, p->sequence, p->sequence);
    if (p->is_end) {
        l->is_ended = 1;
        a->end = p->sequence > a->end ? p->sequence : a->end;
    }
    if (p->sequence < a->seq.expected)
        return TT_ARB_OLD;
    if (p->sequence - 1 > a->highest)
        tt_arbiter_raise_(a, p->sequence - 1);
    return TT_ARB_BEAT;
}

/* Put the messages of a packet that are neither here nor past into the window. */
static inline int tt_arbiter_hold_(tt_arbiter *a, tt_arb_line *l, const tt_mold_packet *p,
                                   int64_t ts_recv_ns, int64_t now_ns)
{
    const uint64_t due = a->seq.expected, before = a->highest;
    uint64_t seq = p->sequence, taken = 0, refused = 0, top = 0;
    uint32_t at = 0, bytes = 0;
    const uint8_t *msg;
    while ((msg = tt_mold_next(p, &at, &bytes)) != NULL) {
        tt_arb_slot *slot = tt_arbiter_slot_(a, seq);
        if (seq >= due && slot->seq != seq) {
            if (seq - due >= a->set.slots || bytes > a->set.slot_bytes) {
                /* Only what lies before is known to lack: the caller may make room and offer the
                 * packet again. */
                top = refused++ == 0 && seq - 1 > top ? seq - 1 : top;
            } else {
                TT_ASSERT(slot->seq == 0);
                *slot = (tt_arb_slot){
                    .seq = seq, .ts_recv_ns = ts_recv_ns, .seen_ns = now_ns, .bytes = bytes};
                memcpy(slot + 1, msg, bytes);
                taken++;
                top = seq;
                a->seq.recovered += seq <= before;
                if (a->first_held != TT_ARB_UNKNOWN && seq < a->first_held)
                    a->first_held = seq;
            }
        }
        seq++;
    }
    a->held += taken;
    a->overflow += refused;
    l->first += taken;
    l->ahead += taken;
    l->duplicates += taken + refused == 0;
    a->seq.duplicates += taken + refused == 0;
    if (top > before)
        tt_arbiter_raise_(a, top);
    return taken + refused == 0 ? TT_ARB_OLD : TT_ARB_AHEAD;
}

/* A packet continues the stream while something is missing: what it brings again leaves the window.
 * Returns how many of its messages nobody had brought. */
static inline uint64_t tt_arbiter_merge_(tt_arbiter *a, uint64_t last)
{
    uint64_t fresh = 0, recovered = 0;
    for (uint64_t seq = a->seq.expected; seq <= last; seq++) {
        tt_arb_slot *slot = tt_arbiter_slot_(a, seq);
        if (slot->seq == seq) {
            slot->seq = 0;
            a->held--;
        } else {
            fresh++;
            recovered += seq <= a->highest;
        }
    }
    if (a->first_held <= last)
        a->first_held = a->held == 0 ? UINT64_MAX : TT_ARB_UNKNOWN;
    tt_sequence_take(&a->seq, last, recovered);
    return fresh;
}

/* Judge a packet of `line` (0 .. lines - 1, or TT_ARB_REPLY) that tt_mold_parse passed. `span` is
 * filled for TT_ARB_NEW, and points into the packet. */
static inline int tt_arbiter_offer(tt_arbiter *a, uint32_t line, const tt_mold_packet *p,
                                   int64_t ts_recv_ns, int64_t now_ns, tt_arb_span *span)
{
    tt_arb_line *l = &a->line[line];
    TT_ASSERT(line < a->set.lines || line == TT_ARB_REPLY);
    if (TT_UNLIKELY(memcmp(p->session, a->session, TT_MOLD_SESSION_BYTES) != 0 ||
                    !a->has_session)) {
        if (a->has_session) {
            if (line != TT_ARB_REPLY && (!a->has_previous || memcmp(p->session, a->previous,
                                                                    TT_MOLD_SESSION_BYTES) != 0))
                return TT_ARB_SESSION;
            l->stray++;
            return TT_ARB_STRAY;
        }
        memcpy(a->session, p->session, TT_MOLD_SESSION_BYTES);
        a->has_session = 1;
    }
    l->last_ns = now_ns;
    l->packets++;
    if (TT_UNLIKELY(a->seq.state == TT_SEQ_STATE_IDLE)) {
        const uint64_t start = p->sequence == 0 ? 1 : p->sequence;
        tt_sequence_reset(&a->seq, start);
        a->highest = start - 1;
    }
    if (TT_UNLIKELY(p->count == 0))
        return tt_arbiter_beat_(a, l, p);
    const uint64_t last = p->sequence + p->count - 1;
    l->messages += p->count;
    if (line != TT_ARB_REPLY)
        tt_arbiter_pass_(l, p->sequence, last + 1);
    const int verdict = tt_sequence_judge(&a->seq, p->sequence, last);
    if (verdict == TT_SEQ_OLD) {
        l->duplicates++;
        a->seq.duplicates++;
        return TT_ARB_OLD;
    }
    if (TT_UNLIKELY(verdict == TT_SEQ_AHEAD || a->is_holding))
        return tt_arbiter_hold_(a, l, p, ts_recv_ns, now_ns);
    *span = (tt_arb_span){.blocks = p->blocks, .bytes = p->blocks_bytes, .count = p->count,
                          .first = p->sequence};
    if (TT_UNLIKELY(verdict == TT_SEQ_OVERLAP)) {
        uint32_t at = 0, bytes = 0;
        for (; span->first < a->seq.expected; span->first++)
            tt_mold_next(p, &at, &bytes);
        span->blocks += at;
        span->bytes -= at;
        span->count = (uint32_t)(last - span->first + 1);
        a->seq.overlaps++;
    }
    if (TT_UNLIKELY(a->seq.state == TT_SEQ_STATE_GAP)) {
        l->first += tt_arbiter_merge_(a, last);
    } else {
        tt_sequence_take(&a->seq, last, 0);
        l->first += span->count;
    }
    a->highest = last > a->highest ? last : a->highest;
    return TT_ARB_NEW;
}

/* The next message out of the window, or NULL: it holds until the next packet is offered. */
static inline const uint8_t *tt_arbiter_next(tt_arbiter *a, uint32_t *bytes, int64_t *ts_recv_ns)
{
    tt_arb_slot *slot = tt_arbiter_slot_(a, a->seq.expected);
    if (a->held == 0 || slot->seq != a->seq.expected)
        return NULL;
    slot->seq = 0;
    a->held--;
    a->first_held = a->held == 0 ? UINT64_MAX : TT_ARB_UNKNOWN;
    *bytes = slot->bytes;
    *ts_recv_ns = slot->ts_recv_ns;
    tt_sequence_take(&a->seq, a->seq.expected, 0);
    return (const uint8_t *)(slot + 1);
}

/* What the line has passed for good: what it brings out of order would have come by now. */
static inline uint64_t tt_arbiter_passed_(const tt_arbiter *a, tt_arb_line *l, int64_t now_ns)
{
    if (a->set.settle_ns == 0)
        return l->next;
    if (now_ns - l->mark_ns >= a->set.settle_ns) {
        l->settled = l->mark;
        l->mark = l->next;
        l->mark_ns = now_ns;
    }
    return l->settled;
}

static inline uint64_t tt_arbiter_first_held_(tt_arbiter *a)
{
    for (uint64_t i = 0; a->first_held == TT_ARB_UNKNOWN; i++) {
        TT_ASSERT(a->held != 0 && i < a->set.slots);
        if (tt_arbiter_slot_(a, a->seq.expected + i)->seq == a->seq.expected + i)
            a->first_held = a->seq.expected + i;
    }
    return a->first_held;
}

/* Whether numbers lack at the head of the stream, and which: TT_ARB_WHOLE (none, or the window must
 * be drained first), TT_ARB_WAITING (a live line may still bring them), TT_ARB_GAP. */
static inline int tt_arbiter_gap(tt_arbiter *a, int64_t now_ns, uint64_t *first, uint64_t *last)
{
    if (TT_LIKELY(a->highest < a->seq.expected || a->seq.state == TT_SEQ_STATE_IDLE))
        return TT_ARB_WHOLE;
    const uint64_t held = tt_arbiter_first_held_(a);
    if (held == a->seq.expected)
        return TT_ARB_WHOLE;
    *first = a->seq.expected;
    *last = held != UINT64_MAX ? held - 1 : a->highest;
    if (a->gap_at != a->seq.expected) {
        a->gap_at = a->seq.expected;
        a->gap_since_ns = now_ns;
    }
    /* What lies behind a hole came when it did, also if another hole lay before both. */
    const int64_t since =
        held != UINT64_MAX ? tt_arbiter_slot_(a, held)->seen_ns : a->gap_since_ns;
    const int64_t waited = now_ns - since;
    int passed = 1;
    for (uint32_t i = 0; i < a->set.lines; i++)
        passed &= tt_arbiter_passed_(a, &a->line[i], now_ns) > *last ||
                  !tt_arbiter_is_live(a, i, now_ns);
    return passed || waited >= a->set.hold_ns ? TT_ARB_GAP : TT_ARB_WAITING;
}

/* Give up the numbers up to `last`, none of which is held; returns how many. */
static inline uint64_t tt_arbiter_lose(tt_arbiter *a, uint64_t last)
{
    TT_ASSERT(tt_arbiter_first_held_(a) > last);
    a->highest = last > a->highest ? last : a->highest;
    return tt_sequence_lose(&a->seq, last + 1);
}

/* Hold everything from now on (a snapshot is on its way), or hand on again what continues. */
static inline void tt_arbiter_hold(tt_arbiter *a, int on)
{
    a->is_holding = on != 0;
    if (!on && a->highest >= a->seq.expected && a->held != a->highest - a->seq.expected + 1)
        tt_sequence_announce(&a->seq, a->highest + 1);
}

#endif
