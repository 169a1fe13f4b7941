/* The order side of the engine: actions of a strategy on their way out, reports of a venue on their
 * way in.
 *
 * An intent becomes: order_intent, order_event (NEW), order_verdict, order_event (SENT or
 * REJECTED), order_send. Nothing here can reach the out ring but through tt_gate_send, which wants
 * the pass that only tt_risk_check makes.
 */
#ifndef TECTRA_FLOW_H
#define TECTRA_FLOW_H

#include "pipeline.h"

static inline tt_position *tt_flow_row_(tt_pipeline *p, uint16_t strategy_id, uint32_t slot)
{
    TT_ASSERT(strategy_id < p->strategies && slot < p->slots);
    return &p->positions[(uint64_t)strategy_id * p->slots + slot];
}

/* Move the reserved quantity of both rows by what the order's exposure changed from `before`. */
static inline void tt_flow_reserve_(tt_pipeline *p, const tt_order *order, int64_t before)
{
    const int64_t delta = tt_order_exposure(order) - before;
    const uint32_t slot = tt_l3_slot(p->book, order->instrument_id);
    if (delta == 0 || slot >= p->slots)
        return;
    tt_position_open(tt_flow_row_(p, order->strategy_id, slot), order->side, delta);
    tt_position_open(tt_flow_row_(p, 0, slot), order->side, delta);
}

/* One event of one order: transition, reserved quantity, record. TT_E_STATE is counted, said (valid
 * = 0) and returned. */
static inline int tt_flow_event_(tt_pipeline *p, tt_order *order, uint8_t event, int64_t px,
                                 int64_t qty, uint64_t cause_seq)
{
    tt_order_event ev;
    const int64_t before = tt_order_exposure(order);
    const int rc = tt_orders_event(p->orders, order, event, px, qty, p->now_ns, cause_seq, &ev);
    if (rc == TT_OK)
        tt_flow_reserve_(p, order, before);
    else
        p->invalid_transitions++;
    const int said = tt_pipeline_say(p, &ev);
    return said != TT_OK ? said : rc;
}

/* What the gate refused becomes an input of its own after the step, so that a replay sees the same
 * order of records. */
static inline void tt_flow_refuse_(tt_pipeline *p, const tt_order_send *send, int rc)
{
    p->gate_refusals++;
    TT_ASSERT(p->n_pending < p->pending_max);
    tt_order_reject *rec = &p->pending[p->n_pending++];
    tt_rec_init(rec, TT_T_ORDER_REJECT);
    rec->ts_event_ns = p->now_ns;
    rec->ts_recv_ns = p->now_ns;
    rec->instrument_id = send->instrument_id;
    rec->side = send->side;
    rec->reason = rc == TT_E_FULL ? TT_REJECT_REASON_CAPACITY : TT_REJECT_REASON_RISK;
    rec->order_id = send->order_id;
    rec->px = send->px;
    rec->qty = send->qty;
    rec->action = send->action;
    const char *why = rc == TT_E_KILLED ? "gate: killed" : "gate: no pass";
    if (rc == TT_E_FULL)
        why = "gate: out ring full";
    memcpy(rec->text, why, strlen(why));
}

static inline int tt_flow_send_(tt_pipeline *p, const tt_order_intent *it, const tt_order *order,
                                const tt_pass *pass)
{
    tt_order_send send;
    tt_rec_init(&send, TT_T_ORDER_SEND);
    send.instrument_id = it->instrument_id;
    send.side = it->side;
    send.flags = it->flags;
    send.strategy_id = it->strategy_id;
    send.order_id = it->order_id;
    send.px = it->px;
    send.qty = it->qty;
    send.cause_seq = it->cause_seq;
    send.stop_px = it->stop_px;
    send.tag = it->tag;
    send.action = it->action;
    send.order_type = it->order_type;
    send.tif = it->tif;
    send.venue_order_id = order->venue_order_id;
    int rc = tt_pipeline_say(p, &send);
    if (rc != TT_OK || p->out == NULL)
        return rc;
    rc = tt_gate_send(p->out, p->kill, p->risk, &send, pass);
    if (TT_UNLIKELY(rc != TT_OK))
        tt_flow_refuse_(p, &send, rc);
    return TT_OK;
}

static inline int tt_flow_check_(tt_pipeline *p, const tt_order_intent *it, const tt_order *order,
                                 tt_pass *pass, uint8_t *accepted)
{
    const uint32_t slot = tt_l3_slot(p->book, it->instrument_id);
    const int known = slot < p->slots;
    tt_order_verdict verdict;
    tt_risk_context cx;
    memset(&cx, 0, sizeof(cx));
    cx.now_ns = p->now_ns;
    cx.order = order;
    if (known) {
        cx.position = tt_flow_row_(p, it->strategy_id, slot);
        cx.account = tt_flow_row_(p, 0, slot);
        cx.mid_px2 = tt_pipeline_mid_px2(p, slot);
        cx.row = (uint32_t)it->strategy_id * p->slots + slot;
        cx.account_row = slot;
    }
    tt_risk_check(p->risk, it, &cx, &verdict, pass);
    *accepted = verdict.accepted;
    return tt_pipeline_say(p, &verdict);
}

/* An action that names no live order of this table: said as an invalid event, so that it is not
 * lost in silence. */
static inline int tt_flow_void_(tt_pipeline *p, const tt_order_intent *it, uint8_t event,
                                uint8_t reason)
{
    tt_order_event ev;
    p->invalid_transitions++;
    tt_rec_init(&ev, TT_T_ORDER_EVENT);
    ev.instrument_id = it->instrument_id;
    ev.side = it->side;
    ev.event = event;
    ev.strategy_id = it->strategy_id;
    ev.order_id = it->order_id;
    ev.px = it->px;
    ev.qty = it->qty;
    ev.cause_seq = it->cause_seq;
    ev.reason = reason;
    return tt_pipeline_say(p, &ev);
}

static inline int tt_flow_submit_(tt_pipeline *p, const tt_order_intent *it)
{
    tt_order_event ev;
    tt_pass pass;
    uint8_t accepted = 0;
    int rc = tt_orders_submit(p->orders, it, p->now_ns, &ev);
    if (rc == TT_E_RANGE) {
        /* No quantity: the table has no place for it, but the verdict is on record like any other.
         */
        rc = tt_flow_check_(p, it, NULL, &pass, &accepted);
        TT_ASSERT(!accepted);
        return rc != TT_OK
                   ? rc
                   : tt_flow_void_(p, it, TT_ORDER_EVENT_KIND_SUBMIT, TT_REJECT_REASON_RISK);
    }
    if (rc != TT_OK)
        return tt_flow_void_(p, it, TT_ORDER_EVENT_KIND_SUBMIT, TT_REJECT_REASON_CAPACITY);
    rc = tt_pipeline_say(p, &ev);
    tt_order *order = tt_orders_find(p->orders, it->order_id);
    TT_ASSERT(order != NULL);
    if (rc == TT_OK)
        rc = tt_flow_check_(p, it, NULL, &pass, &accepted);
    if (rc != TT_OK)
        return rc;
    if (!accepted) {
        order->reason = TT_REJECT_REASON_RISK;
        return tt_flow_event_(p, order, TT_ORDER_EVENT_KIND_REJECT, it->px, it->qty, it->cause_seq);
    }
    rc = tt_flow_event_(p, order, TT_ORDER_EVENT_KIND_SEND, it->px, it->qty, it->cause_seq);
    /* From here on the order counts as open, whatever becomes of it. */
    return rc != TT_OK ? rc : tt_flow_send_(p, it, order, &pass);
}

static inline int tt_flow_amend_(tt_pipeline *p, const tt_order_intent *it, uint8_t event)
{
    tt_pass pass;
    uint8_t accepted = 0;
    tt_order *order = tt_orders_find(p->orders, it->order_id);
    if (order == NULL)
        return tt_flow_void_(p, it, event, TT_REJECT_REASON_UNKNOWN_ORDER);
    int rc = tt_flow_check_(p, it, order, &pass, &accepted);
    if (rc != TT_OK || !accepted)
        return rc;
    rc = tt_flow_event_(p, order, event, it->px, it->qty, it->cause_seq);
    if (rc == TT_E_STATE)
        return TT_OK;
    return rc != TT_OK ? rc : tt_flow_send_(p, it, order, &pass);
}

/* The strategy's callback returned: its notes and actions leave, in the order in which it made
 * them. */
static inline int tt_flow_flush(tt_pipeline *p, tt_ctx *ctx)
{
    int rc = TT_OK;
    for (uint32_t i = 0; i < ctx->n_notes && rc == TT_OK; i++)
        rc = tt_pipeline_say(p, &ctx->notes[i]);
    for (uint32_t i = 0; i < ctx->n_intents && rc == TT_OK; i++) {
        tt_order_intent *it = &ctx->intents[i];
        rc = tt_pipeline_say(p, it);
        if (rc != TT_OK)
            break;
        if (it->action == TT_INTENT_ACTION_SUBMIT)
            rc = tt_flow_submit_(p, it);
        else if (it->action == TT_INTENT_ACTION_CANCEL)
            rc = tt_flow_amend_(p, it, TT_ORDER_EVENT_KIND_CANCEL_SEND);
        else
            rc = tt_flow_amend_(p, it, TT_ORDER_EVENT_KIND_REPLACE_SEND);
    }
    ctx->n_notes = 0;
    ctx->n_intents = 0;
    return rc;
}

static inline int tt_flow_book_fill_(tt_pipeline *p, const tt_order_fill *fill,
                                     uint16_t strategy_id)
{
    const uint32_t slot = tt_l3_slot(p->book, fill->instrument_id);
    tt_position_update rec;
    if (slot >= p->slots)
        return TT_OK;
    tt_position *own = tt_flow_row_(p, strategy_id, slot);
    int rc = tt_position_fill(own, fill->side, fill->px, fill->qty, fill->fee);
    if (rc == TT_OK)
        rc = tt_position_fill(tt_flow_row_(p, 0, slot), fill->side, fill->px, fill->qty, fill->fee);
    if (rc != TT_OK) {
        p->overflows++;
        tt_pipeline_note_error_(p, TT_PLACE_POSITION, rc, fill->ring_seq);
    }
    tt_rec_init(&rec, TT_T_POSITION_UPDATE);
    rec.instrument_id = fill->instrument_id;
    rec.strategy_id = strategy_id;
    rec.net_qty = own->net_qty;
    rec.cost = own->cost;
    rec.realized = own->realized;
    rec.fees = own->fees;
    rec.open_buy_qty = own->open_buy_qty;
    rec.open_sell_qty = own->open_sell_qty;
    rec.cause_seq = fill->ring_seq;
    return tt_pipeline_say(p, &rec);
}

/* An execution report. `strategy_id` gets the owner of the order, 0 when nothing was booked. */
static inline int tt_flow_report(tt_pipeline *p, const tt_head *rec, uint16_t *strategy_id)
{
    tt_order_event ev;
    const uint64_t order_id = ((const tt_order_fill *)rec)->order_id;
    tt_order *order = tt_orders_find(p->orders, order_id);
    *strategy_id = 0;
    if (order == NULL) {
        p->unknown_orders++;
        tt_pipeline_note_error_(p, TT_PLACE_ORDERS, TT_E_UNKNOWN_ORDER, rec->ring_seq);
        return TT_OK;
    }
    *strategy_id = order->strategy_id;
    const int64_t before = tt_order_exposure(order);
    const int booked = tt_orders_on_report(p->orders, rec, &ev) == TT_OK;
    if (booked) {
        tt_flow_reserve_(p, order, before);
    } else {
        p->invalid_transitions++;
        tt_pipeline_note_(p, TT_PLACE_ORDERS, TT_E_STATE, rec->ring_seq);
    }
    const int rc = tt_pipeline_say(p, &ev);
    if (rc != TT_OK || !booked || rec->template_id != TT_T_ORDER_FILL) {
        *strategy_id = booked ? *strategy_id : 0;
        return rc;
    }
    return tt_flow_book_fill_(p, (const tt_order_fill *)rec, *strategy_id);
}

/* A control record that cannot be obeyed changes nothing and is counted. It is in the journal, so a
 * replay counts it as well. */
static inline void tt_flow_refuse_control(tt_pipeline *p, int rc)
{
    p->refused_controls++;
    tt_pipeline_note_error_(p, TT_PLACE_CONTROL, rc, p->tap.ring_seq);
}

/* Kill and limits go to the risk chain, timers are re-armed. Callbacks are the caller's. */
static inline int tt_flow_control(tt_pipeline *p, const tt_head *rec)
{
    if (rec->template_id == TT_T_TIMER) {
        tt_timers_fired(p->timers, (const tt_timer *)rec);
        return TT_OK;
    }
    if (rec->template_id != TT_T_CONTROL_KILL && rec->template_id != TT_T_CONTROL_LIMIT)
        return TT_OK;
    const int rc = tt_risk_apply_control(p->risk, rec);
    if (rc != TT_OK)
        tt_flow_refuse_control(p, rc);
    return rc;
}

/* Profit and loss of one row. Says nothing of a row that never traded. Needs two slots of room. */
static inline int tt_flow_mark(tt_pipeline *p, uint16_t strategy_id, uint32_t slot)
{
    const tt_position *row = tt_flow_row_(p, strategy_id, slot);
    tt_pnl_update rec;
    if (row->fills == 0)
        return TT_OK;
    tt_rec_init(&rec, TT_T_PNL_UPDATE);
    rec.instrument_id = row->instrument_id;
    rec.strategy_id = strategy_id;
    rec.net_qty = row->net_qty;
    rec.mark_px2 = tt_pipeline_mark_px2(p, slot, row->last_px);
    rec.realized = row->realized;
    rec.fees = row->fees;
    int rc = tt_position_unrealized(row, rec.mark_px2, &rec.unrealized);
    if (rc == TT_OK)
        rc = tt_add64(rec.realized, rec.unrealized, &rec.total);
    if (rc == TT_OK)
        rc = tt_sub64(rec.total, rec.fees, &rec.total);
    if (rc != TT_OK) {
        p->overflows++;
        tt_pipeline_note_error_(p, TT_PLACE_POSITION, rc, p->tap.ring_seq);
    }
    return tt_pipeline_say(p, &rec);
}

/* The kill word of another process, as the record that a replay will see. TT_OK when `rec` is to be
 * stepped before anything else. */
static inline int tt_flow_kill_seen(tt_pipeline *p, tt_control_kill *rec)
{
    if (TT_LIKELY(p->kill == NULL || !tt_kill_is_set(p->kill) || tt_risk_is_killed(p->risk)))
        return TT_E_EMPTY;
    tt_rec_init(rec, TT_T_CONTROL_KILL);
    rec->ts_event_ns = p->now_ns;
    rec->ts_recv_ns = p->now_ns;
    rec->action = TT_KILL_ACTION_KILL;
    memcpy(rec->reason, "kill word", 9);
    return TT_OK;
}

#endif
