/* The risk chain: seven rules in the order of RiskRule, the first rejection stops, every order gets
 * a verdict.
 *
 * The chain is the only maker of a tt_pass, and gate.h lets nothing out without one. It fails
 * closed: what cannot be computed (overflow, no reference price, a row that does not match the
 * order) is a rejection. A cancel always passes, and is recorded.
 * Owner: the engine's thread. All rules pass: about 15 ns.
 *
 *   VALIDITY      ids, side, types, qty > 0, a price where the type wants one, the order's own row
 *   KILL          latches: all, the strategy, the instrument, the strategy in the instrument
 *   MAX_QTY       quantity of one order
 *   MAX_NOTIONAL  px * qty; a market order at the mid, a stop at the higher of mid and stop price
 *   MAX_POSITION  |worst case|: every open order of the side filled, none of the other; for the
 *                 strategy and for the account
 *   PRICE_BAND    |px - mid| <= band_ppm millionths of the mid; a market order needs a mid even
 *                 where no band is set
 *   ORDER_RATE    token bucket of the strategy; drawn from only when everything else passed
 *
 * A MODIFY names the new total quantity. What it leaves open is checked as a quantity and as a
 * notional, what it adds to the order's exposure as a position.
 */
#ifndef TECTRA_LIMITS_H
#define TECTRA_LIMITS_H

#include "base.h"
#include "limit_table.h"
#include "msg.h"
#include "orders.h"
#include "position.h"

/* What the chain knows beside the order. Zeroed is valid: no position rows is a rejection. */
typedef struct {
    const tt_position *position; /* of the strategy in the instrument */
    const tt_position *account;  /* of all strategies together */
    const tt_order *order;       /* the order a MODIFY changes; NULL: all of it counts as new */
    int64_t mid_px2;             /* twice the mid; 0: none */
    int64_t bid_px, ask_px;      /* best prices, TT_NO_PX or 0: none */
    int64_t now_ns;
    int64_t recent_pnl; /* of the strategy, over its loss window; money mantissa */
    uint32_t open_orders;
    uint32_t row;         /* strategy_id * slots + slot */
    uint32_t account_row; /* slot */
    uint32_t reserved_;
} tt_risk_context;

/* Sealed by the chain for one order: good once, until the next check or the next change of a limit
 * or latch. */
typedef struct {
    uint64_t seal, serial;
} tt_pass;

/* An intent and the request that leaves for it lie the same in memory, so one seal covers both. */
_Static_assert(offsetof(tt_order_intent, order_id) == offsetof(tt_order_send, order_id),
               "seal: order_id");
_Static_assert(offsetof(tt_order_intent, qty) == offsetof(tt_order_send, qty), "seal: px, qty");
_Static_assert(offsetof(tt_order_intent, stop_px) == offsetof(tt_order_send, stop_px),
               "seal: stop_px");
_Static_assert(offsetof(tt_order_intent, flags) == offsetof(tt_order_send, flags),
               "seal: instrument, side, flags, strategy");
_Static_assert(offsetof(tt_order_intent, strategy_id) == offsetof(tt_order_send, strategy_id),
               "seal: strategy");
_Static_assert(offsetof(tt_order_intent, tif) == offsetof(tt_order_send, tif),
               "seal: action, type, tif");

static inline void tt_risk_context_at(tt_risk_context *cx, const tt_position *positions,
                                      uint32_t slots, uint16_t strategy_id, uint32_t slot)
{
    TT_ASSERT(slot < slots);
    cx->row = (uint32_t)strategy_id * slots + slot;
    cx->account_row = slot;
    cx->position = &positions[cx->row];
    cx->account = &positions[slot];
}

static inline uint64_t tt_fold_(uint64_t a, uint64_t b)
{
    const unsigned __int128 m = (unsigned __int128)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t tt_pass_seal_(const tt_risk *r, const tt_order_intent *it, uint64_t serial)
{
    const uint64_t *k = r->secret;
    const uint64_t who = (uint64_t)it->instrument_id << 32 | (uint32_t)it->strategy_id << 16 |
                         (uint32_t)it->side << 8 | it->flags;
    const uint64_t how = (uint64_t)it->action << 16 | (uint32_t)it->order_type << 8 | it->tif;
    const uint64_t a = tt_fold_(it->order_id ^ k[0], who ^ k[1]);
    const uint64_t b = tt_fold_((uint64_t)it->px ^ k[2], (uint64_t)it->qty ^ k[3]);
    const uint64_t c = tt_fold_((uint64_t)it->stop_px ^ k[1], (how << 40 ^ serial) ^ k[2]);
    return tt_fold_(a + k[3], (b << 1 | b >> 63) ^ c ^ k[0]) ^ b;
}

static inline void tt_pass_make_(tt_risk *r, const tt_order_intent *it, tt_pass *pass)
{
    pass->serial = r->pass_live = ++r->pass_last;
    pass->seal = tt_pass_seal_(r, it, pass->serial);
}

/* Is `pass` the live pass of exactly this request? */
static inline int tt_pass_holds(const tt_risk *r, const tt_order_send *send, const tt_pass *pass)
{
    return pass->serial != 0 && pass->serial == r->pass_live &&
           pass->seal == tt_pass_seal_(r, (const tt_order_intent *)send, pass->serial);
}

static inline void tt_pass_spend(tt_risk *r)
{
    r->pass_live = 0;
}

/* Each rule: 1 to pass; 0 with the limit and what was found in the verdict. */
static inline int tt_rule_no_(tt_order_verdict *v, int64_t limit, int64_t found)
{
    v->limit = limit;
    v->found = found;
    return 0;
}

static inline int tt_risk_market_(const tt_order_intent *it)
{
    return it->order_type == TT_ORDER_TYPE_MARKET || it->order_type == TT_ORDER_TYPE_STOP;
}

/* The order's own row and instrument: never switched off, since every other rule reads through
 * them. */
static inline int tt_rule_row_(tt_risk *r, const tt_order_intent *it, const tt_risk_context *cx)
{
    if (it->strategy_id == 0 || it->strategy_id >= r->strategies || cx->account_row >= r->slots)
        return 0;
    if (cx->position == NULL || cx->account == NULL ||
        cx->row != tt_risk_row(r, it->strategy_id, cx->account_row))
        return 0;
    if (TT_UNLIKELY(r->rows[cx->account_row].instrument_id != it->instrument_id))
        return it->instrument_id != 0 &&
               tt_risk_bind(r, it->instrument_id, cx->account_row) == TT_OK;
    return it->action == TT_INTENT_ACTION_SUBMIT || it->action == TT_INTENT_ACTION_MODIFY;
}

static inline int tt_rule_validity_(const tt_order_intent *it, const tt_order *order,
                                    int64_t leaves, tt_order_verdict *v)
{
    const uint8_t type = it->order_type;
    const int stop = type == TT_ORDER_TYPE_STOP || type == TT_ORDER_TYPE_STOP_LIMIT;
    if (it->order_id == 0 || it->action < TT_INTENT_ACTION_SUBMIT ||
        it->action > TT_INTENT_ACTION_MODIFY)
        return tt_rule_no_(v, 1, 0);
    if (it->side != TT_SIDE_BUY && it->side != TT_SIDE_SELL)
        return tt_rule_no_(v, TT_SIDE_SELL, it->side);
    if (type < TT_ORDER_TYPE_LIMIT || type > TT_ORDER_TYPE_STOP_LIMIT)
        return tt_rule_no_(v, TT_ORDER_TYPE_STOP_LIMIT, type);
    if (it->tif < TT_TIME_IN_FORCE_DAY || it->tif > TT_TIME_IN_FORCE_FOK)
        return tt_rule_no_(v, TT_TIME_IN_FORCE_FOK, it->tif);
    if (leaves <= 0)
        return tt_rule_no_(v, 1, leaves);
    if (tt_risk_market_(it) ? it->px != TT_NO_PX && it->px != 0 : it->px <= 0)
        return tt_rule_no_(v, tt_risk_market_(it) ? 0 : 1, it->px);
    if (stop && it->stop_px <= 0)
        return tt_rule_no_(v, 1, it->stop_px);
    if (order &&
        (order->order_id != it->order_id || order->side != it->side ||
         order->strategy_id != it->strategy_id || order->instrument_id != it->instrument_id))
        return tt_rule_no_(v, (int64_t)order->order_id, (int64_t)it->order_id);
    return 1;
}

/* Limit 0; found: bit 0 all, 1 strategy, 2 instrument, 3 the strategy in the instrument. */
static inline int tt_rule_kill_(const tt_risk *r, const tt_order_intent *it,
                                const tt_risk_context *cx, tt_order_verdict *v)
{
    const uint32_t latched = r->kill_all | (uint32_t)r->rates[it->strategy_id].killed << 1 |
                             (uint32_t)r->rows[cx->account_row].killed << 2 |
                             (uint32_t)r->rows[cx->row].killed << 3;
    return TT_LIKELY(latched == 0) ? 1 : tt_rule_no_(v, 0, latched);
}

static inline int64_t tt_clamp64_(__int128 v)
{
    return v > INT64_MAX ? INT64_MAX : v < -INT64_MAX ? -INT64_MAX : (int64_t)v;
}

static inline int tt_rule_notional_(const tt_order_intent *it, int64_t mid_px2, int64_t leaves,
                                    int64_t limit, tt_order_verdict *v)
{
    if (TT_LIKELY(!tt_risk_market_(it))) {
        const __int128 money = (__int128)it->px * leaves;
        return TT_LIKELY(money <= limit) ? 1 : tt_rule_no_(v, limit, tt_clamp64_(money));
    }
    if (mid_px2 <= 0)
        return tt_rule_no_(v, limit, INT64_MAX);
    const __int128 stop_px2 = it->order_type == TT_ORDER_TYPE_STOP ? (__int128)it->stop_px * 2 : 0;
    const __int128 money2 = (stop_px2 > mid_px2 ? stop_px2 : mid_px2) * leaves;
    return money2 <= (__int128)limit * 2 ? 1 : tt_rule_no_(v, limit, tt_clamp64_((money2 + 1) / 2));
}

static inline int tt_rule_position_(const tt_position *p, uint8_t side, int64_t extra,
                                    int64_t limit, tt_order_verdict *v)
{
    int64_t worst;
    if (TT_UNLIKELY(tt_position_worst(p, side, extra, &worst) != TT_OK))
        worst = side == TT_SIDE_SELL ? -INT64_MAX : INT64_MAX;
    else if (TT_LIKELY(side == TT_SIDE_BUY ? worst <= limit : worst >= -limit))
        return 1;
    v->position_qty = p->net_qty;
    return tt_rule_no_(v, limit, worst);
}

/* Limit and found in millionths of the mid, found rounded up. */
static inline int tt_rule_band_(const tt_order_intent *it, int64_t mid_px2, int64_t limit,
                                tt_order_verdict *v)
{
    if (TT_UNLIKELY(mid_px2 <= 0))
        return tt_rule_no_(v, limit, INT64_MAX);
    if (tt_risk_market_(it))
        return 1;
    const __int128 off = (__int128)it->px * 2 - mid_px2;
    const uint64_t distance = (uint64_t)(off < 0 ? -off : off);
    const unsigned __int128 found = (unsigned __int128)distance * 1000000u;
    if (TT_LIKELY(found <= (unsigned __int128)(uint64_t)limit * (uint64_t)mid_px2))
        return 1;
    const unsigned __int128 ppm = (found + (uint64_t)mid_px2 - 1) / (uint64_t)mid_px2;
    return tt_rule_no_(v, limit, ppm > INT64_MAX ? INT64_MAX : (int64_t)ppm);
}

/* Limit: orders per second; found: nanoseconds until the next one may pass. */
static inline int tt_rule_rate_(tt_rate *rate, int64_t now_ns, tt_order_verdict *v)
{
    int64_t wait_ns;
    return TT_LIKELY(tt_rate_take(rate, now_ns, &wait_ns))
               ? 1
               : tt_rule_no_(v, rate->per_second, wait_ns);
}

/* Run a rule when it is on, count it as skipped when it is not. */
#define TT_RULE_(rule, on, passes)                                                                 \
    do {                                                                                           \
        if (TT_UNLIKELY(!((on) & TT_RULE_BIT(rule))))                                              \
            r->skipped[rule]++;                                                                    \
        else if (TT_UNLIKELY(!(passes)))                                                           \
            return rule;                                                                           \
    } while (0)

/* The first rule that refuses, or NONE. */
static inline uint8_t tt_risk_rules_(tt_risk *r, const tt_order_intent *it,
                                     const tt_risk_context *cx, tt_order_verdict *v)
{
    if (TT_UNLIKELY(!tt_rule_row_(r, it, cx))) {
        tt_rule_no_(v, 0, it->instrument_id);
        return TT_RISK_RULE_VALIDITY;
    }
    const tt_order *order = it->action == TT_INTENT_ACTION_MODIFY ? cx->order : NULL;
    const int64_t leaves = order == NULL || it->qty <= 0 ? it->qty : it->qty - order->cum_qty;
    const int64_t held = order == NULL ? 0 : tt_order_exposure(order);
    const int64_t extra = leaves > held ? leaves - held : 0;
    const tt_limit_row *row = &r->rows[cx->row], *account = &r->rows[cx->account_row];
    tt_rate *rate = &r->rates[it->strategy_id];
    const uint32_t on = row->rules & r->rules_on;
    const uint32_t on_position = (row->rules | account->rules) & r->rules_on;
    const uint32_t on_rate = rate->limited ? r->rules_on : 0;

    TT_RULE_(TT_RISK_RULE_VALIDITY, on, tt_rule_validity_(it, order, leaves, v));
    TT_RULE_(TT_RISK_RULE_KILL, on, tt_rule_kill_(r, it, cx, v));
    TT_RULE_(TT_RISK_RULE_MAX_QTY, on,
             leaves <= row->qty_max || tt_rule_no_(v, row->qty_max, leaves));
    TT_RULE_(TT_RISK_RULE_MAX_NOTIONAL, on,
             tt_rule_notional_(it, cx->mid_px2, leaves, row->notional_max, v));
    TT_RULE_(TT_RISK_RULE_MAX_POSITION, on_position,
             tt_rule_position_(cx->position, it->side, extra, row->position_max, v) &&
                 tt_rule_position_(cx->account, it->side, extra, account->position_max, v));
    if (TT_UNLIKELY(tt_risk_market_(it) && cx->mid_px2 <= 0)) {
        tt_rule_no_(v, row->band_ppm, INT64_MAX);
        return TT_RISK_RULE_PRICE_BAND;
    }
    TT_RULE_(TT_RISK_RULE_PRICE_BAND, on, tt_rule_band_(it, cx->mid_px2, row->band_ppm, v));
    TT_RULE_(TT_RISK_RULE_ORDER_RATE, on_rate, tt_rule_rate_(rate, cx->now_ns, v));
    return TT_RISK_RULE_NONE;
}

/* Check one intent. The verdict is always complete; the pass is good only on TT_OK (accepted), and
 * void after TT_E_NO_PASS. A pass given before is void from here on. */
static inline int tt_risk_check(tt_risk *r, const tt_order_intent *it, const tt_risk_context *cx,
                                tt_order_verdict *v, tt_pass *pass)
{
    tt_rec_init(v, TT_T_ORDER_VERDICT);
    v->ts_event_ns = v->ts_recv_ns = cx->now_ns;
    v->instrument_id = it->instrument_id;
    v->side = it->side;
    v->strategy_id = it->strategy_id;
    v->order_id = it->order_id;
    v->px = it->px;
    v->qty = it->qty;
    v->cause_seq = it->cause_seq;
    v->position_qty = cx->position == NULL ? 0 : cx->position->net_qty;
    v->reference_px2 = cx->mid_px2;
    v->action = it->action;
    if (it->action == TT_INTENT_ACTION_CANCEL) {
        r->cancels++;
    } else {
        r->orders++;
        v->rule = tt_risk_rules_(r, it, cx, v);
        r->rejected[v->rule]++;
        if (TT_UNLIKELY(v->rule != TT_RISK_RULE_NONE)) {
            r->pass_live = 0;
            pass->seal = pass->serial = 0;
            return TT_E_NO_PASS;
        }
        r->accepted++;
    }
    v->accepted = 1;
    tt_pass_make_(r, it, pass);
    return TT_OK;
}

/* Counts of one rule. checked + skipped is the number of orders that came as far as the rule. */
typedef struct {
    uint64_t checked, passed, rejected, skipped;
} tt_rule_counts;

static inline tt_rule_counts tt_risk_counts(const tt_risk *r, uint8_t rule)
{
    uint64_t reached = r->orders;
    TT_ASSERT(rule > TT_RISK_RULE_NONE && rule < TT_RISK_RULES);
    for (uint8_t i = TT_RISK_RULE_VALIDITY; i < rule; i++)
        reached -= r->rejected[i];
    const uint64_t checked = reached - r->skipped[rule];
    return (tt_rule_counts){checked, checked - r->rejected[rule], r->rejected[rule],
                            r->skipped[rule]};
}

#endif
