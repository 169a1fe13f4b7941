/* The simulated exchange over a replayed order-by-order book: what it fills, when, and why.
 *
 * It reads the book and never changes it: recorded history does not react to our orders. So it is
 * exact while our orders are small against the flow, and where it must guess it guesses against us.
 *
 * FILL MODEL CARD
 *   Taking      An order that crosses on arrival takes displayed quantity from the best price
 *               outward at the levels' own prices. What own orders took of a level is remembered
 *               and never sold to them again; the memory shrinks with the level and goes when the
 *               level empties. Remainder: a LIMIT rests, MARKET and IOC expire (NO_LIQUIDITY), FOK
 *               takes all or nothing, POST_ONLY that would take is refused.
 *   Queue       A resting order joins behind everything displayed at its price. What stands before
 *               it shrinks only when an order that came earlier executes, shrinks or leaves;
 *               cancels behind it change nothing. No estimate is involved.
 *   Fills       Always at our own limit price, as maker:
 *                 QUEUE_REACHED   a displayed order behind us at our price executed: the aggressor
 *                                 would have met us first
 *                 TRADED_THROUGH  a displayed order of our side at a worse price executed, or a
 *                                 hidden or auction print came at a price strictly beyond ours
 *                 BOOK_CROSSED    a displayed order of the other side came in at our price or
 *                                 better; what we take of it is remembered as taken
 *   Volume      The quantity of one print is shared among own orders in price-time order and used
 *               once. Non-printable executions move the queue but fill nothing, since the auction
 *               print that follows carries their volume.
 *   Nothing     Hidden and auction prints at exactly our price, broken trades, and orders that
 *               cross ours while the instrument is halted (a call phase) fill nothing.
 *   Filters     Unknown or halted instrument, price off the tick, size off the lot or out of range:
 *               refused. An order that would meet an own resting order is refused (SELF_TRADE).
 *               STOP, STOP_LIMIT and REDUCE_ONLY: UNSUPPORTED.
 *   Rebuilding  From a book_clear until book_status says VALID: nothing fills, new orders are
 *               refused, own orders live on, and all that is shown at their price then stands
 *               before them.
 *   Replace     qty is the new total. Less at the same price keeps the place; anything else leaves
 *               the queue and arrives anew.
 *   Not in it   Market impact; hidden liquidity for takers; orders that found nothing to trade with
 *               and so left no record, though they would have met ours; auctions at our exact
 *               price; end-of-day expiry of DAY orders.
 *
 * Cost: with no own order and nothing taken in an instrument, one load and two compares a market
 * record. Owner: one thread, the same that applies the book. Order of calls: apply the record, then
 * tt_sim_on_market with its effect; requests arrive between records, those of a record's own time
 * before it.
 */
#ifndef TECTRA_FILL_H
#define TECTRA_FILL_H

#include "base.h"
#include "l3.h"
#include "msg.h"
#include "sim_arrive.h"
#include "sim_check.h"
#include "sim_rebuild.h"
#include "sim_report.h"
#include "sim_state.h"

#define TT_SIM_SLOW static __attribute__((noinline, unused))

/* A request leaves us at `now_ns`. TT_OK; TT_E_FULL: grow, repeat; TT_E_TYPE: not an order_send. */
static inline int tt_sim_submit(tt_sim *s, const tt_order_send *request, int64_t now_ns)
{
    if (request->template_id != TT_T_ORDER_SEND)
        return TT_E_TYPE;
    const int rc = tt_sim_room(s, TT_SIM_CAP_REQUESTS, tt_sim_ring_room(&s->requests) > 0);
    if (rc != TT_OK)
        return rc;
    tt_sim_rec *rec = tt_sim_ring_put(&s->requests);
    rec->send = *request;
    rec->send.ts_recv_ns = tt_latency_arrival(&s->latency, now_ns);
    return TT_OK;
}

/* Exchange time of the next arrival; INT64_MAX when nothing is on its way. */
static inline int64_t tt_sim_next_arrival_ns(const tt_sim *s)
{
    return tt_sim_ring_next_ns(&s->requests);
}

/* When the next report reaches us; INT64_MAX when there is none. */
static inline int64_t tt_sim_next_report_ns(const tt_sim *s)
{
    return tt_sim_ring_next_ns(&s->reports);
}

/* Process the earliest arrival against the book as it stands. TT_OK; TT_E_EMPTY; TT_E_FULL: grow
 * and repeat. */
TT_SIM_SLOW int tt_sim_arrive(tt_sim *s)
{
    const tt_sim_rec *rec = tt_sim_ring_front(&s->requests);
    int rc;
    if (rec == NULL)
        return TT_E_EMPTY;
    const tt_order_send *r = &rec->send;
    switch (r->action) {
    case TT_INTENT_ACTION_SUBMIT:
        rc = tt_sim_arrive_new_(s, r, r->ts_recv_ns);
        break;
    case TT_INTENT_ACTION_CANCEL:
        rc = tt_sim_arrive_cancel_(s, r, r->ts_recv_ns);
        break;
    case TT_INTENT_ACTION_MODIFY:
        rc = tt_sim_arrive_replace_(s, r, r->ts_recv_ns);
        break;
    default:
        rc = tt_sim_room_for(s, 1, 0);
        if (rc == TT_OK)
            tt_sim_say_reject(s, r, TT_REJECT_REASON_OTHER, "action is not one of the known",
                              r->ts_recv_ns);
    }
    if (rc != TT_OK)
        return rc;
    s->requests.head++;
    s->stats.arrivals++;
    return TT_OK;
}

/* Pop the earliest report into 128 bytes. TT_OK or TT_E_EMPTY. */
static inline int tt_sim_take_report(tt_sim *s, void *out128)
{
    const tt_sim_rec *rec = tt_sim_ring_front(&s->reports);
    if (rec == NULL)
        return TT_E_EMPTY;
    memcpy(out128, rec, sizeof *rec);
    s->reports.head++;
    return TT_OK;
}

/* A resting order gets `qty`; a finished one leaves its list. Returns the next one of the list. */
static inline uint32_t tt_sim_give_(tt_sim *s, uint32_t position, int64_t qty,
                                    const tt_sim_cause *why)
{
    tt_sim_order *o = &s->orders.at[position];
    const uint32_t next = o->next;
    tt_sim_say_fill(s, o, o->px, qty, why);
    if (o->leaves_qty == 0) {
        tt_sim_leave_(s, position);
        tt_sim_orders_done(&s->orders, position);
    }
    return next;
}

/* Share `qty` among the own orders of `side` that are better than `px`, or equal when `equal` is
 * set; what is left. */
static inline int64_t tt_sim_share_(tt_sim *s, uint32_t at, uint8_t side, int64_t px, int equal,
                                    int64_t qty, const tt_sim_cause *why)
{
    uint32_t i = s->insts.at[at].head[side - 1];
    for (uint32_t n = 0; n < s->orders.cap && i != TT_SIM_NIL && qty > 0; n++) {
        const tt_sim_order *o = &s->orders.at[i];
        if (!tt_sim_better(side, o->px, px) && !(equal && o->px == px))
            break;
        const int64_t got = o->leaves_qty < qty ? o->leaves_qty : qty;
        i = tt_sim_give_(s, i, got, why);
        qty -= got;
    }
    return qty;
}

/* A displayed order of the other side came in: own orders that it crosses trade with it. */
TT_SIM_SLOW void tt_sim_crossed_(tt_sim *s, uint32_t at, uint8_t side, int64_t px, int64_t qty,
                                 int64_t now_ns)
{
    const tt_sim_cause why = {now_ns, 0, TT_FILL_REASON_BOOK_CROSSED};
    const int64_t left = tt_sim_share_(s, at, tt_sim_opposite(side), px, 1, qty, &why);
    if (left < qty)
        s->insts.at[at].taken += tt_sim_taken_add(&s->taken, at, side, px, qty - left);
}

/* A displayed order of `fx->side` at `fx->px` lost quantity, `printed` of it by a trade: queues
 * move, and the trade fills whom it would have met. */
static inline void tt_sim_reduced_(tt_sim *s, uint32_t at, const tt_book_effect *fx,
                                   int64_t printed, uint64_t match_id, int64_t now_ns)
{
    const tt_sim_cause through = {now_ns, match_id, TT_FILL_REASON_TRADED_THROUGH};
    const tt_sim_cause reached = {now_ns, match_id, TT_FILL_REASON_QUEUE_REACHED};
    int64_t left = tt_sim_share_(s, at, fx->side, fx->px, 0, printed, &through);
    uint32_t i = s->insts.at[at].head[fx->side - 1];
    for (uint32_t n = 0; n < s->orders.cap && i != TT_SIM_NIL; n++) {
        tt_sim_order *o = &s->orders.at[i];
        const uint32_t next = o->next;
        if (tt_sim_better(fx->side, fx->px, o->px))
            break;
        if (o->px == fx->px && fx->prio < o->prio) {
            o->ahead_qty -= fx->qty;
            TT_ASSERT(o->ahead_qty >= 0);
        } else if (o->px == fx->px && left > 0) {
            const int64_t got = o->leaves_qty < left ? o->leaves_qty : left;
            tt_sim_give_(s, i, got, &reached);
            left -= got;
        }
        i = next;
    }
}

/* The new half of a replace that kept its priority, where a venue does that, stands before us
 * again. */
static inline void tt_sim_requeued_(tt_sim *s, uint32_t at, const tt_book_effect *fx)
{
    uint32_t i = s->insts.at[at].head[fx->side - 1];
    for (uint32_t n = 0; n < s->orders.cap && i != TT_SIM_NIL; n++, i = s->orders.at[i].next) {
        tt_sim_order *o = &s->orders.at[i];
        if (o->px == fx->new_px && fx->new_prio < o->prio)
            o->ahead_qty += fx->new_qty;
    }
}

/* Nothing can stay taken of a level beyond what it shows; what a replace brought to it just now was
 * never taken. */
static inline void tt_sim_trim_(tt_sim *s, uint32_t at, const tt_book_effect *fx)
{
    tt_sim_inst *inst = &s->insts.at[at];
    if (inst->taken == 0)
        return;
    int64_t shows = tt_l3_level_qty(s->book, fx->slot, fx->side, fx->px);
    if (fx->kind == TT_FX_REPLACE && fx->new_px == fx->px)
        shows -= fx->new_qty;
    TT_ASSERT(shows >= 0);
    inst->taken -= tt_sim_taken_trim(&s->taken, at, fx->side, fx->px, shows);
}

/* A book record in an instrument with own orders or taken liquidity. */
TT_SIM_SLOW int tt_sim_react_(tt_sim *s, uint32_t at, const tt_head *rec, const tt_book_effect *fx)
{
    tt_sim_inst *inst = &s->insts.at[at];
    const tt_book_execute *exec = (const tt_book_execute *)(const void *)rec;
    const int printed = fx->kind == TT_FX_EXECUTE && !inst->rebuilding &&
                        !(exec->flags & TT_MARKET_FLAG_NOT_PRINTABLE);
    const int64_t best_same = inst->best_px[fx->side - 1];
    const int64_t best_other = inst->best_px[tt_sim_opposite(fx->side) - 1];
    const int64_t came_px = fx->kind == TT_FX_REPLACE ? fx->new_px : fx->px;
    const int came = fx->kind == TT_FX_ADD || fx->kind == TT_FX_REPLACE;
    const int crosses = came && tt_sim_crosses(fx->side, came_px, best_other) && !inst->halted &&
                        !inst->rebuilding;
    /* What happens at prices better than our best cannot touch us, unless we took from there. */
    const int left =
        fx->kind != TT_FX_ADD && (inst->taken > 0 || !tt_sim_better(fx->side, fx->px, best_same) ||
                                  !tt_sim_better(fx->side, came_px, best_same));
    const uint64_t fills = s->stats.fills;
    const uint32_t taken = inst->taken;
    if (!left && !crosses && !inst->rebuilding)
        return TT_OK;
    const int rc = tt_sim_room_for(s, inst->resting, 1);
    if (rc != TT_OK)
        return rc;
    if (left) {
        tt_sim_reduced_(s, at, fx, printed ? fx->qty : 0, printed ? exec->match_id : 0,
                        rec->ts_event_ns);
        tt_sim_trim_(s, at, fx);
        if (fx->kind == TT_FX_REPLACE && !inst->rebuilding)
            tt_sim_requeued_(s, at, fx);
    }
    if (came && inst->rebuilding)
        tt_sim_came_before_(s, at, fx->side, came_px,
                            fx->kind == TT_FX_ADD ? fx->qty : fx->new_qty,
                            fx->kind == TT_FX_ADD ? fx->prio : fx->new_prio);
    if (crosses)
        tt_sim_crossed_(s, at, fx->side, came_px, fx->kind == TT_FX_ADD ? fx->qty : fx->new_qty,
                        rec->ts_event_ns);
    if (fills != s->stats.fills || taken != inst->taken)
        tt_sim_refresh(s, at);
    return TT_OK;
}

/* A print that touched no displayed order: it fills own orders that it went strictly beyond. */
TT_SIM_SLOW int tt_sim_print_(tt_sim *s, const tt_trade *trade)
{
    const uint32_t at = tt_sim_insts_find(&s->insts, trade->instrument_id);
    if (at == TT_SIM_NIL || s->insts.at[at].resting == 0 || s->insts.at[at].rebuilding ||
        (trade->flags & TT_MARKET_FLAG_BROKEN) || trade->qty <= 0)
        return TT_OK;
    const int rc = tt_sim_room_for(s, s->insts.at[at].resting, 0);
    if (rc != TT_OK)
        return rc;
    const tt_sim_cause why = {trade->ts_event_ns, trade->match_id, TT_FILL_REASON_TRADED_THROUGH};
    int64_t left = trade->qty;
    for (uint8_t side = TT_SIDE_BUY; side <= TT_SIDE_SELL; side++)
        left = tt_sim_share_(s, at, side, trade->px, 0, left, &why);
    tt_sim_refresh(s, at);
    return TT_OK;
}

/* Definitions and trading state. A status record without an instrument says nothing about one. */
TT_SIM_SLOW int tt_sim_define_(tt_sim *s, const tt_head *rec)
{
    const tt_status *status = (const tt_status *)(const void *)rec;
    const tt_instrument *def = (const tt_instrument *)(const void *)rec;
    int rc;
    if (rec->instrument_id == 0 ||
        (rec->template_id == TT_T_STATUS && status->kind != TT_STATUS_KIND_TRADING_ACTION))
        return TT_OK;
    const uint32_t at = tt_sim_inst_of(s, rec->instrument_id, 1, &rc);
    if (rc != TT_OK)
        return rc;
    tt_sim_inst *inst = &s->insts.at[at];
    if (rec->template_id == TT_T_STATUS) {
        inst->halted = status->state == 'H' || status->state == 'P' || status->state == 'Q';
        return TT_OK;
    }
    inst->tick = def->tick > 0 ? def->tick : s->filters.tick;
    inst->lot = def->lot > 0 ? def->lot : s->filters.lot;
    inst->qty_min = def->qty_min > 0 ? def->qty_min : s->filters.qty_min;
    inst->qty_max = def->qty_max > 0 ? def->qty_max : s->filters.qty_max;
    return TT_OK;
}

/* A book record while an own order waits in an instrument that the book had no slot for. */
TT_SIM_SLOW int tt_sim_unslotted_(tt_sim *s, const tt_head *rec, const tt_book_effect *fx)
{
    const uint32_t at = tt_sim_insts_find(&s->insts, rec->instrument_id);
    const int rc = at == TT_SIM_NIL ? TT_OK : tt_sim_bind(s, at);
    if (rc != TT_OK || fx->slot >= s->slots || s->live_by_slot[fx->slot] == 0)
        return rc;
    return tt_sim_react_(s, s->live_by_slot[fx->slot] - 1, rec, fx);
}

/* Whether the exchange has room for whatever a market record can do to it: asked before the book
 * takes the record in, so that nothing is half done. TT_OK or TT_E_FULL. */
static inline int tt_sim_ready(tt_sim *s, const tt_head *rec)
{
    const uint32_t at = tt_sim_insts_find(&s->insts, rec->instrument_id);
    const uint16_t t = rec->template_id;
    if (at == TT_SIM_NIL && rec->instrument_id != 0 &&
        (t == TT_T_STATUS || t == TT_T_INSTRUMENT || t == TT_T_BOOK_CLEAR || t == TT_T_BOOK_STATUS))
        return tt_sim_room(s, TT_SIM_CAP_INSTRUMENTS, s->insts.n < s->insts.cap);
    if (at == TT_SIM_NIL || !s->insts.at[at].live)
        return TT_OK;
    const uint32_t known = tt_l3_slot(s->book, rec->instrument_id);
    const uint32_t slot = known == UINT32_MAX ? s->book->slots : known; /* the next, if it opens */
    int rc = TT_OK;
    if (s->insts.at[at].slot == UINT32_MAX)
        rc = tt_sim_room(s, TT_SIM_CAP_SLOTS, slot < s->slots);
    return rc != TT_OK ? rc : tt_sim_room_for(s, s->insts.at[at].resting, 1);
}

/* React to a market record that the book has taken in, with what it did there. Of the records that
 * no book takes, prints, definitions and trading state count. TT_OK; TT_E_FULL: nothing happened,
 * grow and call again with the same two. */
static inline int tt_sim_on_market(tt_sim *s, const tt_head *rec, const tt_book_effect *fx)
{
    if (TT_UNLIKELY(rec->template_id == TT_T_BOOK_CLEAR || rec->template_id == TT_T_BOOK_STATUS))
        return tt_sim_rebuild_(s, rec);
    if (TT_LIKELY(fx->kind != TT_FX_NONE)) {
        if (TT_LIKELY(s->live == 0))
            return TT_OK;
        if (TT_UNLIKELY(s->unslotted != 0))
            return tt_sim_unslotted_(s, rec, fx);
        const uint32_t live = fx->slot < s->slots ? s->live_by_slot[fx->slot] : 0;
        return TT_LIKELY(live == 0) ? TT_OK : tt_sim_react_(s, live - 1, rec, fx);
    }
    if (rec->template_id == TT_T_TRADE)
        return s->live == 0 ? TT_OK : tt_sim_print_(s, (const tt_trade *)(const void *)rec);
    if (rec->template_id == TT_T_STATUS || rec->template_id == TT_T_INSTRUMENT)
        return tt_sim_define_(s, rec);
    return TT_OK;
}

#endif
