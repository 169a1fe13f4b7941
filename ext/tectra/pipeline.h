/* The engine's state and the steps that market data takes through it, without Python.
 *
 * pipeline.step(record) is: number and journal it, apply it (book, orders, positions, limits), call
 * the strategies, and for each strategy flush its actions: intent -> order table -> risk chain ->
 * order table -> out ring, each step a record in the journal. flow.h holds the order side. Owner:
 * the engine's thread. The caller keeps TT_STEP_ROOM slots free in the tap before a step and
 * TT_FLUSH_ROOM before a flush.
 */
#ifndef TECTRA_PIPELINE_H
#define TECTRA_PIPELINE_H

#include "base.h"
#include "book_trust.h"
#include "errlog.h"
#include "gate.h"
#include "kill.h"
#include "l3.h"
#include "limits.h"
#include "msg.h"
#include "orders.h"
#include "position.h"
#include "spsc.h"
#include "strategy.h"
#include "tap.h"
#include "timers.h"

#define TT_STEP_ROOM 16u
/* Six records of two slots an intent, two slots a note, and the fault record. */
#define TT_FLUSH_ROOM (TT_INTENTS_MAX * 12u + TT_NOTES_MAX * 2u + 2u)
/* Most of what one step can have refused at the gate: a trade and a book callback of every
 * strategy. */
#define TT_PENDING_PER_STRATEGY (TT_INTENTS_MAX * 2u)

typedef struct {
    tt_tap tap;
    tt_market market; /* what strategies see of book, state and trades */
    tt_l3 *book;
    tt_orders *orders;
    tt_risk *risk;
    tt_position *positions;     /* row = strategy_id * slots + slot; strategy 0 is the account */
    tt_instrument_state *state; /* by slot */
    tt_trades *trades;          /* by slot */
    tt_timers *timers;
    tt_spsc *out;
    const tt_kill *kill;
    uint32_t slots, strategies;
    int64_t now_ns;
    uint64_t next_order_id;
    uint64_t book_errors, unknown_orders, invalid_transitions, overflows, gate_refusals;
    uint64_t first_error_seq;
    int32_t first_error_rc;
    uint32_t n_pending;
    tt_book_effect effect;
    uint64_t refused_controls; /* control records that named no rule, strategy or parameter */
    tt_order_reject *pending;  /* what the gate refused, to be stepped as input */
    tt_errlog *errors;         /* where trouble is noted; NULL: it is only counted */
    uint32_t pending_max;
    uint32_t n_news; /* slots whose strategies have yet to hear of a change of status */
    uint8_t scratch[TT_RECORD_BYTES_MAX] __attribute__((aligned(64)));
} tt_pipeline;

/* A record the engine says: head times are the engine's now. */
static inline int tt_pipeline_say(tt_pipeline *p, void *rec)
{
    tt_head *head = (tt_head *)rec;
    head->ts_event_ns = p->now_ns;
    head->ts_recv_ns = p->now_ns;
    return tt_tap_write(&p->tap, rec);
}

/* Copy an input into the pipeline's own memory and number it; the copy is what every later step
 * reads. */
static inline const tt_head *tt_pipeline_take(tt_pipeline *p, const tt_head *rec, int *rc)
{
    TT_ASSERT(rec->template_id < TT_T_END && tt_template_dir[rec->template_id] == TT_DIR_INPUT);
    memcpy(p->scratch, rec, TT_SLOT_BYTES);
    if (tt_rec_bytes(rec) > TT_SLOT_BYTES)
        memcpy(p->scratch + TT_SLOT_BYTES, (const uint8_t *)rec + TT_SLOT_BYTES, TT_SLOT_BYTES);
    *rc = tt_tap_write(&p->tap, p->scratch);
    /* The clock is an input, and it does not run backwards. */
    if (rec->ts_recv_ns > p->now_ns)
        p->now_ns = rec->ts_recv_ns;
    return (const tt_head *)p->scratch;
}

/* Others may note in the same page. A full one counts what it has no room for. */
static inline void tt_pipeline_note_(tt_pipeline *p, uint32_t place, int rc, uint64_t ring_seq)
{
    if (p->errors != NULL)
        (void)tt_errlog_note_shared(p->errors, place, rc, ring_seq, p->now_ns);
}

static inline void tt_pipeline_note_error_(tt_pipeline *p, uint32_t place, int rc,
                                           uint64_t ring_seq)
{
    tt_pipeline_note_(p, place, rc, ring_seq);
    if (p->first_error_rc == TT_OK) {
        p->first_error_rc = rc;
        p->first_error_seq = ring_seq;
    }
}

/* Twice the mid of a sound book; 0: there is none, or the book is not valid. */
static inline int64_t tt_pipeline_mid_px2(const tt_pipeline *p, uint32_t slot)
{
    const tt_top *top = tt_l3_top(p->book, slot);
    if (top->bid_px == TT_NO_PX || top->ask_px == TT_NO_PX || top->bid_px > top->ask_px ||
        !tt_state_valid(&p->state[slot]))
        return 0;
    return top->bid_px + top->ask_px;
}

/* Twice the price at which a position is marked: the mid, or the last one there was, or the price
 * of the last own execution. */
static inline int64_t tt_pipeline_mark_px2(const tt_pipeline *p, uint32_t slot, int64_t last_px)
{
    const int64_t mid_px2 = tt_pipeline_mid_px2(p, slot);
    if (mid_px2 != 0)
        return mid_px2;
    return p->state[slot].mark_px2 != 0 ? p->state[slot].mark_px2 : 2 * last_px;
}

static inline void tt_pipeline_keep_trade_(tt_pipeline *p, uint32_t slot, const tt_head *rec,
                                           uint8_t side, uint8_t flags, int64_t px, int64_t qty,
                                           uint64_t match_id)
{
    tt_trades *kept = &p->trades[slot];
    kept->ring[kept->n++ % TT_TRADES_KEPT] = (tt_trade_view){.px = px,
                                                             .qty = qty,
                                                             .ts_event_ns = rec->ts_event_ns,
                                                             .ts_recv_ns = rec->ts_recv_ns,
                                                             .ring_seq = rec->ring_seq,
                                                             .match_id = match_id,
                                                             .instrument_id = rec->instrument_id,
                                                             .side = side,
                                                             .flags = flags};
}

/* Market data. Returns the slot it touched (UINT32_MAX: none, or refused and counted). `is_trade`:
 * a print was kept. */
static inline uint32_t tt_pipeline_market(tt_pipeline *p, const tt_head *rec, int *is_trade,
                                          int *rc)
{
    *is_trade = 0;
    *rc = tt_l3_apply(p->book, rec, &p->effect);
    if (TT_UNLIKELY(*rc == TT_E_FULL))
        return UINT32_MAX;
    const uint32_t slot = tt_l3_slot(p->book, rec->instrument_id);
    if (TT_UNLIKELY(*rc != TT_OK)) {
        p->effect.kind = TT_FX_NONE;
        /* That the order named is of another instrument of the run is a fault as well. */
        if (*rc != TT_E_UNKNOWN_INSTRUMENT || slot < p->slots) {
            p->book_errors++;
            tt_pipeline_note_error_(p, TT_PLACE_BOOK, *rc, rec->ring_seq);
            if (slot < p->slots)
                p->n_news += tt_trust_refused(&p->state[slot]);
        }
        *rc = TT_OK;
        return UINT32_MAX;
    }
    if (slot >= p->slots)
        return UINT32_MAX;
    if (p->effect.top_changed) {
        const int64_t mid_px2 = tt_pipeline_mid_px2(p, slot);
        p->state[slot].mark_px2 = mid_px2 != 0 ? mid_px2 : p->state[slot].mark_px2;
    }
    if (p->effect.kind == TT_FX_EXECUTE &&
        !(((const tt_book_execute *)rec)->flags & TT_MARKET_FLAG_NOT_PRINTABLE)) {
        const tt_book_execute *e = (const tt_book_execute *)rec;
        tt_pipeline_keep_trade_(p, slot, rec,
                                p->effect.side == TT_SIDE_BUY ? TT_SIDE_SELL : TT_SIDE_BUY,
                                e->flags, p->effect.exec_px, e->qty, e->match_id);
        *is_trade = 1;
    }
    return slot;
}

/* Every record that says how far books can be trusted: gap, book_status, book_clear. All of them
 * are changed before any strategy hears of one. */
static inline void tt_pipeline_trust_(tt_pipeline *p, const tt_head *rec)
{
    const uint32_t slot = tt_l3_slot(p->book, rec->instrument_id);
    const uint32_t first = rec->instrument_id == 0 ? 0 : slot;
    const uint32_t end = rec->instrument_id == 0 ? p->slots : slot + 1;
    if (rec->template_id == TT_T_GAP)
        tt_pipeline_note_error_(p, TT_PLACE_FEED, TT_E_GAP, rec->ring_seq);
    if (rec->template_id == TT_T_BOOK_STATUS && !tt_trust_is_status(rec)) {
        p->book_errors++;
        tt_pipeline_note_error_(p, TT_PLACE_BOOK, TT_E_RANGE, rec->ring_seq);
    }
    for (uint32_t n = first; n < end && n < p->slots; n++) {
        tt_instrument_state *state = &p->state[n];
        const int had_orders = p->book->books[n].orders != 0;
        p->n_news += tt_trust_said(state, rec, had_orders);
        if (tt_state_valid(state) && rec->template_id == TT_T_BOOK_STATUS) {
            const int64_t mid_px2 = tt_pipeline_mid_px2(p, n);
            state->mark_px2 = mid_px2 != 0 ? mid_px2 : state->mark_px2;
        }
    }
    if (rec->template_id == TT_T_BOOK_CLEAR)
        (void)tt_l3_apply(p->book, rec, &p->effect);
}

/* Records that are no order flow: prints, states, definitions, and how far books can be trusted.
 * Returns the slot of a print or UINT32_MAX. */
static inline uint32_t tt_pipeline_reference(tt_pipeline *p, const tt_head *rec)
{
    const uint32_t slot = tt_l3_slot(p->book, rec->instrument_id);
    p->effect.kind = TT_FX_NONE;
    if (rec->template_id == TT_T_GAP || rec->template_id == TT_T_BOOK_STATUS ||
        rec->template_id == TT_T_BOOK_CLEAR) {
        tt_pipeline_trust_(p, rec);
        return UINT32_MAX;
    }
    if (slot >= p->slots)
        return UINT32_MAX;
    if (rec->template_id == TT_T_TRADE) {
        const tt_trade *t = (const tt_trade *)rec;
        if (t->flags & TT_MARKET_FLAG_BROKEN)
            return UINT32_MAX;
        tt_pipeline_keep_trade_(p, slot, rec, t->side, t->flags, t->px, t->qty, t->match_id);
        return slot;
    }
    if (rec->template_id == TT_T_STATUS &&
        ((const tt_status *)rec)->kind == TT_STATUS_KIND_TRADING_ACTION)
        p->state[slot].trading_state = ((const tt_status *)rec)->state;
    return UINT32_MAX;
}

#endif
