/* A request reaches the simulated exchange: new order, cancel, replace.
 *
 * Each is three steps: screen (filters, trading state), sweep (what it would take, nothing
 * changed), commit. TT_E_FULL can only come before the commit, so the owner may grow and repeat.
 * The rules are the fill model card in fill.h.
 */
#ifndef TECTRA_SIM_ARRIVE_H
#define TECTRA_SIM_ARRIVE_H

#include "base.h"
#include "msg.h"
#include "sim_report.h"
#include "sim_state.h"

#define TT_SIM_FIRST_LEVELS 8u

/* A refusal: reason NONE means go on. The text fits order_reject.text. */
typedef struct {
    uint8_t reason;
    const char *text;
} tt_sim_no;

/* What an order would take: quantities in level_px, level_qty [0, n). */
typedef struct {
    uint32_t n;
    int64_t qty;      /* sum */
    uint8_t own;      /* it would meet an own resting order */
    uint8_t overflow; /* the money of an execution does not fit */
} tt_sim_sweep;

static inline tt_sim_no tt_sim_refuse_(uint8_t reason, const char *text)
{
    TT_ASSERT(strlen(text) <= 40);
    return (tt_sim_no){reason, text};
}

/* Size and price filters, and that no execution at this price can overflow. `px` is ignored for a
 * market order. */
static inline tt_sim_no tt_sim_filter_(const tt_sim *s, const tt_sim_inst *inst, uint8_t type,
                                       int64_t px, int64_t qty)
{
    int64_t fee;
    if (qty <= 0 || qty % inst->lot != 0)
        return tt_sim_refuse_(TT_REJECT_REASON_SIZE_FILTER,
                              "qty is not a positive multiple of lot");
    if (qty < inst->qty_min || (inst->qty_max != 0 && qty > inst->qty_max))
        return tt_sim_refuse_(TT_REJECT_REASON_SIZE_FILTER, "qty is outside qty_min..qty_max");
    if (type == TT_ORDER_TYPE_MARKET)
        return tt_sim_refuse_(TT_REJECT_REASON_NONE, "");
    if (px <= 0 || px % inst->tick != 0)
        return tt_sim_refuse_(TT_REJECT_REASON_PRICE_FILTER,
                              "px is not a positive multiple of tick");
    if (tt_fees_of(&s->fees, TT_LIQUIDITY_MAKER, px, qty, &fee) != TT_OK ||
        tt_fees_of(&s->fees, TT_LIQUIDITY_TAKER, px, qty, &fee) != TT_OK)
        return tt_sim_refuse_(TT_REJECT_REASON_SIZE_FILTER, "px * qty does not fit 64 bits");
    return tt_sim_refuse_(TT_REJECT_REASON_NONE, "");
}

/* What can be said of a new order without looking at prices in the book. */
static inline tt_sim_no tt_sim_screen_(const tt_sim *s, const tt_sim_inst *inst,
                                       const tt_order_send *r)
{
    const int now_or_never = r->tif == TT_TIME_IN_FORCE_IOC || r->tif == TT_TIME_IN_FORCE_FOK;
    const uint32_t known = tt_sim_orders_find(&s->orders, r->order_id);
    if (inst->halted)
        return tt_sim_refuse_(TT_REJECT_REASON_HALTED, "trading in the instrument is halted");
    if (inst->rebuilding)
        return tt_sim_refuse_(TT_REJECT_REASON_OTHER, "the recorded book is not whole");
    if (r->order_type == TT_ORDER_TYPE_STOP || r->order_type == TT_ORDER_TYPE_STOP_LIMIT)
        return tt_sim_refuse_(TT_REJECT_REASON_UNSUPPORTED, "stop orders are not simulated");
    if (r->flags & TT_ORDER_FLAG_REDUCE_ONLY)
        return tt_sim_refuse_(TT_REJECT_REASON_UNSUPPORTED, "reduce-only orders are not simulated");
    if (r->order_type == TT_ORDER_TYPE_POST_ONLY && now_or_never)
        return tt_sim_refuse_(TT_REJECT_REASON_UNSUPPORTED, "post-only contradicts IOC and FOK");
    if (r->order_type < TT_ORDER_TYPE_LIMIT || r->order_type > TT_ORDER_TYPE_POST_ONLY)
        return tt_sim_refuse_(TT_REJECT_REASON_OTHER, "order_type is not one of the known");
    if (r->tif < TT_TIME_IN_FORCE_DAY || r->tif > TT_TIME_IN_FORCE_FOK)
        return tt_sim_refuse_(TT_REJECT_REASON_OTHER, "tif is not one of the known");
    if (r->side != TT_SIDE_BUY && r->side != TT_SIDE_SELL)
        return tt_sim_refuse_(TT_REJECT_REASON_OTHER, "side is neither BUY nor SELL");
    if (r->order_id == 0 || known != TT_SIM_NIL)
        return tt_sim_refuse_(TT_REJECT_REASON_OTHER, "order_id is 0 or was used before");
    return tt_sim_filter_(s, inst, r->order_type, r->px, r->qty);
}

/* Walk the other side from its best price with at most `max` levels. 1 when the answer is final, 0
 * when more levels may matter. */
static inline int tt_sim_sweep_some_(tt_sim *s, const tt_sim_inst *inst, uint8_t side,
                                     int64_t limit, int64_t qty, uint32_t max, tt_sim_sweep *out)
{
    const uint8_t other = tt_sim_opposite(side);
    const int64_t own_px = inst->best_px[other - 1];
    const int own = inst->head[other - 1] != TT_SIM_NIL && tt_sim_crosses(side, limit, own_px);
    const uint32_t n = inst->slot == UINT32_MAX
                           ? 0
                           : tt_l3_levels(s->book, inst->slot, other, max, s->level_px,
                                          s->level_qty, s->level_orders);
    int64_t fee;
    *out = (tt_sim_sweep){0, 0, 0, 0};
    for (uint32_t i = 0; i < n && out->qty < qty; i++) {
        const int64_t px = s->level_px[i];
        if (!tt_sim_crosses(side, limit, px) || (own && !tt_sim_better(other, px, own_px)))
            break;
        const int64_t left = s->level_qty[i] - tt_sim_taken_qty(s, inst, other, px);
        const int64_t take = left < qty - out->qty ? left : qty - out->qty;
        TT_ASSERT(left >= 0);
        if (take == 0) {
            if (i + 1 == n && n == max)
                return 0;
            continue;
        }
        out->overflow |= tt_fees_of(&s->fees, TT_LIQUIDITY_TAKER, px, take, &fee) != TT_OK;
        s->level_px[out->n] = px;
        s->level_qty[out->n++] = take;
        out->qty += take;
        if (i + 1 == n && n == max && out->qty < qty)
            return 0;
    }
    out->own = own && out->qty < qty;
    return 1;
}

/* What an order of `qty` at `limit` would take. TT_OK, or TT_E_FULL when it goes deeper than the
 * scratch. */
static inline int tt_sim_sweep_of(tt_sim *s, const tt_sim_inst *inst, uint8_t side, int64_t limit,
                                  int64_t qty, tt_sim_sweep *out)
{
    const uint32_t cap = s->caps.n[TT_SIM_CAP_LEVELS];
    uint32_t max = cap < TT_SIM_FIRST_LEVELS ? cap : TT_SIM_FIRST_LEVELS;
    for (uint32_t round = 0; round < 32; round++) {
        if (tt_sim_sweep_some_(s, inst, side, limit, qty, max, out))
            return TT_OK;
        if (max == cap)
            break;
        max = max > cap / 4 ? cap : max * 4;
    }
    return tt_sim_room(s, TT_SIM_CAP_LEVELS, 0);
}

/* Refusals that need the sweep. */
static inline tt_sim_no tt_sim_judge_(uint8_t type, const tt_sim_sweep *sweep)
{
    if (sweep->overflow)
        return tt_sim_refuse_(TT_REJECT_REASON_SIZE_FILTER, "px * qty does not fit 64 bits");
    if (type == TT_ORDER_TYPE_POST_ONLY && sweep->qty > 0)
        return tt_sim_refuse_(TT_REJECT_REASON_POST_ONLY_WOULD_CROSS,
                              "post-only would take liquidity");
    if (sweep->own)
        return tt_sim_refuse_(TT_REJECT_REASON_SELF_TRADE, "would trade with an own resting order");
    return tt_sim_refuse_(TT_REJECT_REASON_NONE, "");
}

/* Displayed quantity before an order that joins `side` at `px` now. */
static inline int64_t tt_sim_joins_behind_(const tt_sim *s, const tt_sim_inst *inst, uint8_t side,
                                           int64_t px)
{
    return inst->slot == UINT32_MAX ? 0 : tt_l3_level_qty(s->book, inst->slot, side, px);
}

/* Commit: acknowledge, take what the sweep found, rest or expire what is left. */
static inline void tt_sim_place_(tt_sim *s, uint32_t position, uint8_t action,
                                 const tt_sim_sweep *sweep, int64_t now_ns)
{
    tt_sim_order *o = &s->orders.at[position];
    tt_sim_inst *inst = &s->insts.at[o->inst];
    const uint8_t other = tt_sim_opposite(o->side);
    const int rests = (o->type == TT_ORDER_TYPE_LIMIT || o->type == TT_ORDER_TYPE_POST_ONLY) &&
                      o->tif != TT_TIME_IN_FORCE_IOC && o->tif != TT_TIME_IN_FORCE_FOK &&
                      sweep->qty < o->leaves_qty;
    const int kill = o->tif == TT_TIME_IN_FORCE_FOK && sweep->qty < o->leaves_qty;
    const tt_sim_cause why = {now_ns, 0, TT_FILL_REASON_TOOK_LIQUIDITY};
    o->ahead_qty = rests ? tt_sim_joins_behind_(s, inst, o->side, o->px) : 0;
    o->prio = tt_l3_next_prio(s->book);
    tt_sim_say_ack(s, o, action, o->ahead_qty, now_ns);
    for (uint32_t i = 0; i < sweep->n && !kill; i++) {
        inst->taken += tt_sim_taken_add(&s->taken, o->inst, other, s->level_px[i], s->level_qty[i]);
        tt_sim_say_fill(s, o, s->level_px[i], s->level_qty[i], &why);
    }
    if (rests) {
        tt_sim_list_insert(&s->orders, &inst->head[o->side - 1], position);
        inst->resting++;
    } else {
        if (o->leaves_qty > 0)
            tt_sim_say_cancel(s, o, TT_REJECT_REASON_NO_LIQUIDITY, now_ns);
        tt_sim_orders_done(&s->orders, position);
    }
    tt_sim_refresh(s, o->inst);
}

/* Take a resting order out of its list. */
static inline void tt_sim_leave_(tt_sim *s, uint32_t position)
{
    const tt_sim_order *o = &s->orders.at[position];
    tt_sim_inst *inst = &s->insts.at[o->inst];
    TT_ASSERT(o->state == TT_SIM_LIVE && inst->resting > 0);
    tt_sim_list_remove(&s->orders, &inst->head[o->side - 1], position);
    inst->resting--;
}

static inline int tt_sim_arrive_new_(tt_sim *s, const tt_order_send *r, int64_t now_ns)
{
    const int known = tt_l3_slot(s->book, r->instrument_id) != UINT32_MAX;
    tt_sim_sweep sweep = {0, 0, 0, 0};
    int rc = tt_sim_room_for(s, 2, 0);
    if (rc != TT_OK)
        return rc;
    const uint32_t at = tt_sim_inst_of(s, r->instrument_id, known, &rc);
    if (rc != TT_OK || (at != TT_SIM_NIL && (rc = tt_sim_bind(s, at)) != TT_OK))
        return rc;
    tt_sim_no no =
        tt_sim_refuse_(TT_REJECT_REASON_UNKNOWN_INSTRUMENT, "no such instrument at this venue");
    if (at != TT_SIM_NIL)
        no = tt_sim_screen_(s, &s->insts.at[at], r);
    if (no.reason == TT_REJECT_REASON_NONE) {
        const int64_t any = r->side == TT_SIDE_BUY ? INT64_MAX : INT64_MIN;
        const int64_t limit = r->order_type == TT_ORDER_TYPE_MARKET ? any : r->px;
        rc = tt_sim_sweep_of(s, &s->insts.at[at], r->side, limit, r->qty, &sweep);
        if (rc != TT_OK || (rc = tt_sim_room_for(s, sweep.n + 2, sweep.n)) != TT_OK)
            return rc;
        no = tt_sim_judge_(r->order_type, &sweep);
    }
    if (no.reason != TT_REJECT_REASON_NONE) {
        tt_sim_say_reject(s, r, no.reason, no.text, now_ns);
        return TT_OK;
    }
    rc = tt_sim_room(s, TT_SIM_CAP_ORDERS, s->orders.live < s->orders.cap);
    if (rc != TT_OK)
        return rc;
    const uint32_t position = tt_sim_orders_new(&s->orders, r->order_id);
    tt_sim_order *o = &s->orders.at[position];
    o->venue_order_id = ++s->last_venue_order_id;
    o->px = r->px;
    o->qty = o->leaves_qty = r->qty;
    o->inst = at;
    o->venue_id = r->venue_id;
    o->side = r->side;
    o->type = r->order_type;
    o->tif = r->tif;
    tt_sim_place_(s, position, TT_INTENT_ACTION_SUBMIT, &sweep, now_ns);
    return TT_OK;
}

/* Position of the order that a cancel or replace names, or TT_SIM_NIL with the refusal. */
static inline uint32_t tt_sim_target_(const tt_sim *s, const tt_order_send *r, tt_sim_no *no)
{
    const uint32_t position = tt_sim_orders_find(&s->orders, r->order_id);
    *no = tt_sim_refuse_(TT_REJECT_REASON_NONE, "");
    if (position == TT_SIM_NIL)
        *no = tt_sim_refuse_(TT_REJECT_REASON_UNKNOWN_ORDER, "no such order at this venue");
    else if (s->orders.at[position].state != TT_SIM_LIVE)
        *no = tt_sim_refuse_(TT_REJECT_REASON_TOO_LATE, "the order is finished");
    return no->reason == TT_REJECT_REASON_NONE ? position : TT_SIM_NIL;
}

static inline int tt_sim_arrive_cancel_(tt_sim *s, const tt_order_send *r, int64_t now_ns)
{
    tt_sim_no no;
    const int rc = tt_sim_room_for(s, 1, 0);
    if (rc != TT_OK)
        return rc;
    const uint32_t position = tt_sim_target_(s, r, &no);
    if (position == TT_SIM_NIL) {
        tt_sim_say_reject(s, r, no.reason, no.text, now_ns);
        return TT_OK;
    }
    tt_sim_leave_(s, position);
    tt_sim_say_cancel(s, &s->orders.at[position], TT_REJECT_REASON_NONE, now_ns);
    tt_sim_orders_done(&s->orders, position);
    tt_sim_refresh(s, s->orders.at[position].inst);
    return TT_OK;
}

/* A replace names the new total quantity (FIX OrderQty, with what is executed) and a new price. */
static inline int tt_sim_arrive_replace_(tt_sim *s, const tt_order_send *r, int64_t now_ns)
{
    tt_sim_no no;
    tt_sim_sweep sweep = {0, 0, 0, 0};
    int rc = tt_sim_room_for(s, 2, 0);
    if (rc != TT_OK)
        return rc;
    const uint32_t position = tt_sim_target_(s, r, &no);
    tt_sim_order *o = position == TT_SIM_NIL ? NULL : &s->orders.at[position];
    const tt_sim_inst *inst = o == NULL ? NULL : &s->insts.at[o->inst];
    const int keeps_place = o != NULL && r->px == o->px && r->qty < o->qty;
    if (o != NULL) {
        no = tt_sim_filter_(s, inst, o->type, r->px, r->qty);
        if (no.reason == TT_REJECT_REASON_NONE && r->qty <= o->cum_qty)
            no = tt_sim_refuse_(TT_REJECT_REASON_TOO_LATE, "that quantity is executed already");
        if (no.reason == TT_REJECT_REASON_NONE && inst->halted && !keeps_place)
            no = tt_sim_refuse_(TT_REJECT_REASON_HALTED, "trading in the instrument is halted");
        if (no.reason == TT_REJECT_REASON_NONE && inst->rebuilding && !keeps_place)
            no = tt_sim_refuse_(TT_REJECT_REASON_OTHER, "the recorded book is not whole");
        if (no.reason == TT_REJECT_REASON_NONE && !keeps_place) {
            if ((rc = tt_sim_bind(s, o->inst)) != TT_OK)
                return rc;
            rc = tt_sim_sweep_of(s, inst, o->side, r->px, r->qty - o->cum_qty, &sweep);
            if (rc != TT_OK || (rc = tt_sim_room_for(s, sweep.n + 2, sweep.n)) != TT_OK)
                return rc;
            no = tt_sim_judge_(o->type, &sweep);
        }
    }
    if (no.reason != TT_REJECT_REASON_NONE) {
        tt_sim_say_reject(s, r, no.reason, no.text, now_ns);
        return TT_OK;
    }
    TT_ASSERT(o != NULL);
    if (!keeps_place)
        tt_sim_leave_(s, position);
    o->px = r->px;
    o->qty = r->qty;
    o->leaves_qty = r->qty - o->cum_qty;
    if (keeps_place)
        tt_sim_say_ack(s, o, TT_INTENT_ACTION_MODIFY, o->ahead_qty, now_ns);
    else
        tt_sim_place_(s, position, TT_INTENT_ACTION_MODIFY, &sweep, now_ns);
    return TT_OK;
}

#endif
