/* Reports of the simulated exchange: each function writes one stamped record into the report ring.
 *
 * ts_event_ns is the exchange's time, ts_recv_ns adds the response latency. The caller has made
 * sure of the room, so nothing here can fail: either a whole step of the exchange is reported or
 * the step does not happen.
 */
#ifndef TECTRA_SIM_REPORT_H
#define TECTRA_SIM_REPORT_H

#include "base.h"
#include "msg.h"
#include "sim_state.h"

static inline tt_sim_rec *tt_sim_report_(tt_sim *s, uint16_t template_id, int64_t now_ns)
{
    tt_sim_rec *rec = tt_sim_ring_put(&s->reports);
    tt_rec_init(rec, template_id);
    rec->head.ts_event_ns = now_ns;
    rec->head.ts_recv_ns = tt_latency_report(&s->latency, now_ns);
    return rec;
}

static inline void tt_sim_say_ack(tt_sim *s, const tt_sim_order *o, uint8_t action,
                                  int64_t ahead_qty, int64_t now_ns)
{
    tt_order_ack *ack = &tt_sim_report_(s, TT_T_ORDER_ACK, now_ns)->ack;
    ack->instrument_id = s->insts.at[o->inst].instrument_id;
    ack->side = o->side;
    ack->action = action;
    ack->venue_id = o->venue_id;
    ack->order_id = o->order_id;
    ack->px = o->px;
    ack->qty = o->qty;
    ack->venue_order_id = o->venue_order_id;
    ack->leaves_qty = o->leaves_qty;
    ack->queue_ahead_qty = ahead_qty;
    s->stats.acks++;
}

/* What was left of an order is off: asked for, or expired for want of liquidity. */
static inline void tt_sim_say_cancel(tt_sim *s, const tt_sim_order *o, uint8_t reason,
                                     int64_t now_ns)
{
    tt_order_cancel *cancel = &tt_sim_report_(s, TT_T_ORDER_CANCEL, now_ns)->cancel;
    cancel->instrument_id = s->insts.at[o->inst].instrument_id;
    cancel->side = o->side;
    cancel->reason = reason;
    cancel->venue_id = o->venue_id;
    cancel->order_id = o->order_id;
    cancel->px = o->px;
    cancel->qty = o->leaves_qty;
    cancel->venue_order_id = o->venue_order_id;
    cancel->expired = reason != TT_REJECT_REASON_NONE;
    s->stats.cancels += !cancel->expired;
    s->stats.expiries += cancel->expired;
}

static inline void tt_sim_say_reject(tt_sim *s, const tt_order_send *send, uint8_t reason,
                                     const char *text, int64_t now_ns)
{
    tt_order_reject *reject = &tt_sim_report_(s, TT_T_ORDER_REJECT, now_ns)->reject;
    reject->instrument_id = send->instrument_id;
    reject->side = send->side;
    reject->reason = reason;
    reject->venue_id = send->venue_id;
    reject->order_id = send->order_id;
    reject->px = send->px;
    reject->qty = send->qty;
    reject->action = send->action;
    TT_ASSERT(strlen(text) <= sizeof reject->text);
    memcpy(reject->text, text, strlen(text));
    s->stats.rejects++;
    s->stats.rejects_by_reason[reason]++;
}

/* Why and when an order is filled, and by which print. */
typedef struct {
    int64_t now_ns;
    uint64_t match_id;
    uint8_t reason;
} tt_sim_cause;

/* One execution: books it into the order and reports it. The screen has shown that its fee fits. */
static inline void tt_sim_say_fill(tt_sim *s, tt_sim_order *o, int64_t px, int64_t qty,
                                   const tt_sim_cause *why)
{
    TT_ASSERT(qty > 0 && qty <= o->leaves_qty);
    tt_order_fill *fill = &tt_sim_report_(s, TT_T_ORDER_FILL, why->now_ns)->fill;
    o->cum_qty += qty;
    o->leaves_qty -= qty;
    fill->instrument_id = s->insts.at[o->inst].instrument_id;
    fill->side = o->side;
    fill->liquidity =
        why->reason == TT_FILL_REASON_TOOK_LIQUIDITY ? TT_LIQUIDITY_TAKER : TT_LIQUIDITY_MAKER;
    fill->venue_id = o->venue_id;
    fill->order_id = o->order_id;
    fill->px = px;
    fill->qty = qty;
    fill->venue_order_id = o->venue_order_id;
    fill->exec_id = ++s->last_exec_id;
    fill->leaves_qty = o->leaves_qty;
    fill->match_id = why->match_id;
    fill->fill_reason = why->reason;
    const int rc = tt_fees_of(&s->fees, fill->liquidity, px, qty, &fill->fee);
    TT_ASSERT(rc == TT_OK);
    (void)rc;
    s->stats.fills++;
    s->stats.fills_by_reason[why->reason]++;
}

#endif
