/* Events of orders: one transition, and how a venue's report becomes one. Part of orders.h; include
 * that. */
#ifndef TECTRA_ORDER_EVENT_H
#define TECTRA_ORDER_EVENT_H

#include "orders.h"

static inline int tt_order_is_fill_(uint8_t event)
{
    return event == TT_ORDER_EVENT_KIND_PARTIAL_FILL || event == TT_ORDER_EVENT_KIND_FILL;
}

/* The event as the quantities have it, or 0 when it cannot happen to this order whatever the table
 * says. */
static inline uint8_t tt_order_kind_(const tt_order *o, uint8_t event, int64_t qty)
{
    const int pending = o->marks & TT_ORDER_MARK_REPLACE_PENDING;
    if (event >= TT_ORDER_EVENTS)
        return 0;
    if (tt_order_is_fill_(event)) {
        int64_t cum;
        if (qty <= 0 || __builtin_add_overflow(o->cum_qty, qty, &cum))
            return 0;
        return cum >= o->qty ? TT_ORDER_EVENT_KIND_FILL : TT_ORDER_EVENT_KIND_PARTIAL_FILL;
    }
    if (event == TT_ORDER_EVENT_KIND_REPLACE_SEND)
        return pending || qty <= 0 ? 0 : event;
    if (event == TT_ORDER_EVENT_KIND_REPLACE_ACK || event == TT_ORDER_EVENT_KIND_REPLACE_REJECT)
        return pending ? event : 0;
    return event;
}

static inline void tt_order_execute_(tt_orders *t, tt_order *o, int64_t px, int64_t qty)
{
    const __int128 value = tt_order_value(o) + (__int128)px * qty;
    o->value_lo = (uint64_t)value;
    o->value_hi = (int64_t)(value >> 64);
    o->cum_qty += qty;
    if (tt_order_is_done(o->state)) {
        o->marks |= TT_ORDER_MARK_LATE_FILL;
        t->counts.late_fills++;
    }
    if (o->cum_qty > o->qty) {
        o->marks |= TT_ORDER_MARK_OVERFILL;
        t->counts.overfills++;
    }
}

/* Price and quantity as the event leaves them. An ack says what stands at the venue; 0 or no price:
 * as asked for. */
static inline void tt_order_amend_(tt_order *o, uint8_t kind, int64_t px, int64_t qty)
{
    const int first_ack = kind == TT_ORDER_EVENT_KIND_ACK && !(o->marks & TT_ORDER_MARK_ACKED);
    if (kind == TT_ORDER_EVENT_KIND_REPLACE_SEND) {
        o->pending_px = px;
        o->pending_qty = qty;
        o->marks |= TT_ORDER_MARK_REPLACE_PENDING;
    } else if (kind == TT_ORDER_EVENT_KIND_REPLACE_ACK) {
        o->px = qty > 0 ? px : o->pending_px;
        o->qty = qty > 0 ? qty : o->pending_qty;
        o->marks |= TT_ORDER_MARK_ACKED;
    } else if (first_ack) {
        if (qty > 0 && !tt_order_is_done(o->state)) {
            o->px = px;
            o->qty = qty;
        }
        o->marks |= TT_ORDER_MARK_ACKED;
    }
    if (kind == TT_ORDER_EVENT_KIND_REPLACE_ACK || kind == TT_ORDER_EVENT_KIND_REPLACE_REJECT) {
        o->pending_px = o->pending_qty = 0;
        o->marks &= (uint8_t)~TT_ORDER_MARK_REPLACE_PENDING;
    }
}

static inline uint8_t tt_order_by_cum_(const tt_order *o)
{
    if (o->cum_qty >= o->qty)
        return TT_ORDER_STATE_FILLED;
    if (o->cum_qty > 0)
        return TT_ORDER_STATE_PARTIAL_FILL;
    return o->marks & TT_ORDER_MARK_ACKED ? TT_ORDER_STATE_ACKED : TT_ORDER_STATE_SENT;
}

/* One event of one order. px, qty: the execution of a fill, what is asked for by a replace, what
 * stands after an ack. TT_OK; TT_E_STATE when it cannot happen in this state: counted, `ev` filled
 * with valid = 0, the order as it was. */
static inline int tt_orders_event(tt_orders *t, tt_order *o, uint8_t event, int64_t px, int64_t qty,
                                  int64_t now, uint64_t cause_seq, tt_order_event *ev)
{
    const uint8_t from = o->state;
    const int was_done = tt_order_is_done(from);
    const uint8_t kind = tt_order_kind_(o, event, qty);
    uint8_t next = tt_order_next[from][kind];
    if (TT_UNLIKELY(next == 0)) {
        t->counts.invalid++;
        tt_order_say_(o, event, from, now, cause_seq, ev);
        return TT_E_STATE;
    }
    const int fill = tt_order_is_fill_(kind);
    if (fill)
        tt_order_execute_(t, o, px, qty);
    else
        tt_order_amend_(o, kind, px, qty);
    /* An ack may stand for less than was executed before it came. */
    if (next == TT_NEXT_BY_CUM ||
        (kind == TT_ORDER_EVENT_KIND_ACK && !was_done && o->cum_qty >= o->qty))
        next = tt_order_by_cum_(o);
    o->state = next;
    o->ts_update_ns = now;
    const int done = tt_order_is_done(next);
    o->leaves_qty = done || o->cum_qty >= o->qty ? 0 : o->qty - o->cum_qty;
    if (done != was_done) {
        tt_orders_unhang_(t, o, was_done);
        tt_orders_hang_(t, o, done);
    }
    t->counts.transitions++;
    tt_order_say_(o, kind, from, now, cause_seq, ev);
    ev->valid = 1;
    ev->last_px = fill ? px : 0;
    ev->last_qty = fill ? qty : 0;
    const uint32_t refusals =
        1u << TT_ORDER_EVENT_KIND_REJECT | 1u << TT_ORDER_EVENT_KIND_CANCEL_REJECT |
        1u << TT_ORDER_EVENT_KIND_REPLACE_REJECT | 1u << TT_ORDER_EVENT_KIND_CANCEL_ACK |
        1u << TT_ORDER_EVENT_KIND_EXPIRE;
    ev->reason = (refusals >> kind) & 1u ? o->reason : 0;
    return TT_OK;
}

/* What a report means for an order; 0 for a record that is no report. */
static inline uint8_t tt_report_event(const tt_head *rec)
{
    if (rec->template_id == TT_T_ORDER_ACK)
        return ((const tt_order_ack *)rec)->action == TT_INTENT_ACTION_MODIFY
                   ? TT_ORDER_EVENT_KIND_REPLACE_ACK
                   : TT_ORDER_EVENT_KIND_ACK;
    if (rec->template_id == TT_T_ORDER_FILL)
        return TT_ORDER_EVENT_KIND_FILL;
    if (rec->template_id == TT_T_ORDER_CANCEL)
        return ((const tt_order_cancel *)rec)->expired ? TT_ORDER_EVENT_KIND_EXPIRE
                                                       : TT_ORDER_EVENT_KIND_CANCEL_ACK;
    if (rec->template_id != TT_T_ORDER_REJECT)
        return 0;
    const uint8_t action = ((const tt_order_reject *)rec)->action;
    return action == TT_INTENT_ACTION_CANCEL   ? TT_ORDER_EVENT_KIND_CANCEL_REJECT
           : action == TT_INTENT_ACTION_MODIFY ? TT_ORDER_EVENT_KIND_REPLACE_REJECT
                                               : TT_ORDER_EVENT_KIND_REJECT;
}

/* An execution is of this order, and was not booked before. */
static inline int tt_orders_admit_fill_(tt_orders *t, tt_order *o, const tt_order_fill *fill)
{
    if (fill->instrument_id != o->instrument_id || fill->side != o->side || fill->qty <= 0 ||
        fill->px == TT_NO_PX) {
        o->marks |= TT_ORDER_MARK_CONFLICT;
        t->counts.conflicts++;
        return TT_E_STATE;
    }
    const int seen = tt_exec_set_add(&t->execs, fill->order_id, fill->exec_id, fill->px, fill->qty);
    if (seen == TT_EXEC_NEW)
        return TT_OK;
    t->counts.duplicates++;
    if (seen == TT_EXEC_CONFLICT) {
        o->marks |= TT_ORDER_MARK_CONFLICT;
        t->counts.conflicts++;
    }
    return TT_E_DUPLICATE;
}

/* A venue's report: order_ack, order_fill, order_cancel, order_reject. `ev` is always filled; its
 * times and cause are the report's. TT_OK: book it. TT_E_UNKNOWN_ORDER, TT_E_DUPLICATE (this
 * execution was booked before), TT_E_STATE, TT_E_TYPE: ev.valid is 0 and the order as it was,
 * marked for a person when reports contradict each other. */
static inline int tt_orders_on_report(tt_orders *t, const tt_head *rec, tt_order_event *ev)
{
    /* order_id, px, qty, venue_order_id and venue_id lie at the same offsets in all four. */
    const tt_order_fill *f = (const tt_order_fill *)rec;
    const uint8_t event = tt_report_event(rec);
    static const tt_order none;
    if (event == 0) {
        tt_order_say_(&none, 0, 0, rec->ts_recv_ns, rec->ring_seq, ev);
        return TT_E_TYPE;
    }
    tt_order *o = tt_orders_find(t, f->order_id);
    if (o == NULL) {
        tt_order_say_(&none, event, 0, rec->ts_recv_ns, rec->ring_seq, ev);
        ev->order_id = f->order_id;
        ev->instrument_id = f->instrument_id;
        return TT_E_UNKNOWN_ORDER;
    }
    if (event == TT_ORDER_EVENT_KIND_FILL) {
        const int rc = tt_orders_admit_fill_(t, o, f);
        if (rc != TT_OK) {
            t->counts.invalid += rc == TT_E_STATE;
            tt_order_say_(o, event, o->state, rec->ts_recv_ns, rec->ring_seq, ev);
            return rc;
        }
    }
    const uint8_t kept = o->reason;
    const uint8_t reason =
        rec->template_id == TT_T_ORDER_REJECT   ? ((const tt_order_reject *)rec)->reason
        : rec->template_id == TT_T_ORDER_CANCEL ? ((const tt_order_cancel *)rec)->reason
                                                : kept;
    o->reason = reason;
    const int rc = tt_orders_event(t, o, event, f->px, f->qty, rec->ts_recv_ns, rec->ring_seq, ev);
    if (rc != TT_OK) {
        o->reason = kept;
        ev->reason = reason;
        return rc;
    }
    if (rec->template_id != TT_T_ORDER_REJECT && f->venue_order_id != 0)
        o->venue_order_id = f->venue_order_id;
    if (f->venue_id != 0)
        o->venue_id = f->venue_id;
    return TT_OK;
}

_Static_assert(offsetof(tt_order_ack, order_id) == offsetof(tt_order_fill, order_id),
               "reports: order_id");
_Static_assert(offsetof(tt_order_reject, qty) == offsetof(tt_order_fill, qty), "reports: qty");
_Static_assert(offsetof(tt_order_cancel, venue_order_id) == offsetof(tt_order_fill, venue_order_id),
               "reports: venue_order_id");
_Static_assert(offsetof(tt_order_ack, venue_order_id) == offsetof(tt_order_fill, venue_order_id),
               "reports: venue_order_id");

#endif
