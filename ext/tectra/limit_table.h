/* Limits and kill latches: what the risk chain reads, and how control records change it.
 *
 * A limit is set in a scope: the default (0, 0), an instrument (0, i), a strategy (s, 0) or both
 * (s, i). The tightest of the scopes that cover an order applies. Strategy 0 is the account: its
 * limits hold for all strategies together and for each alone. The effective limits lie in rows of
 * one cache line, row = strategy_id * slots + slot, laid out like the positions; they are worked
 * out when a limit changes, never at an order. A new table is closed: its default scope allows
 * nothing. Memory is the caller's. Owner: the engine's thread; a change takes effect between two
 * records, so no order sees half of it.
 */
#ifndef TECTRA_LIMIT_TABLE_H
#define TECTRA_LIMIT_TABLE_H

#include "base.h"
#include "msg.h"

#define TT_RISK_RULES 8u /* RiskRule values, NONE included */
#define TT_RULE_BIT(rule) (1u << (rule))
#define TT_RULES_ALL (((1u << TT_RISK_RULES) - 1u) & ~1u)

/* Values of control_limit that are no limit. */
#define TT_LIMIT_UNSET (-1)    /* this scope has no say about the rule */
#define TT_LIMIT_RULE_OFF (-2) /* the rule is skipped for every order (scope 0, 0 only) */
#define TT_LIMIT_RULE_ON (-3)  /* and back */

/* ORDER_RATE holds two numbers: orders per second in the low 32 bits, burst above them (0: as many
 * as the rate). */
#define TT_RATE_LIMIT(per_second, burst)                                                           \
    ((int64_t)(((uint64_t)(burst) << 32) | (uint32_t)(per_second)))
#define TT_RATE_TOKEN                                                                              \
    1000000000 /* one order, in token-nanoseconds per second: no division, no rounding */
#define TT_RATE_NEVER INT64_MIN

/*  0 qty_max | 8 notional_max | 16 position_max | 24 band_ppm | 32 rules | 36 instrument_id | 40
 * killed | 41 .. 63 zero */
typedef struct {
    int64_t qty_max;
    int64_t notional_max; /* money mantissa */
    int64_t position_max; /* absolute worst-case position */
    int64_t band_ppm;     /* distance to the mid, millionths of the mid */
    uint32_t rules;       /* bit of each rule that has a limit here */
    uint32_t instrument_id;
    uint8_t killed; /* in row (0, slot): the instrument; elsewhere: this strategy in it */
    uint8_t zero_[23];
} tt_limit_row;

_Static_assert(sizeof(tt_limit_row) == 64, "tt_limit_row: one cache line");

/* Token bucket of one strategy. `level` counts token-nanoseconds at `last_ns`. */
typedef struct {
    int64_t level, last_ns;
    int64_t per_second, cap; /* cap: burst * TT_RATE_TOKEN */
    int64_t fill_ns;         /* empty to full */
    uint8_t limited, killed;
    uint8_t zero_[22];
} tt_rate;

_Static_assert(sizeof(tt_rate) == 64, "tt_rate: one cache line");

/* One scope: MAX_QTY .. ORDER_RATE as set, TT_LIMIT_UNSET where nothing was. */
typedef struct {
    int64_t value[TT_RISK_RULE_ORDER_RATE - TT_RISK_RULE_MAX_QTY + 1];
} tt_limit_scope;

typedef struct {
    tt_limit_row *rows;     /* [strategies * slots] */
    tt_rate *rates;         /* [strategies] */
    tt_limit_scope *scopes; /* [strategies * (slots + 1)]: column 0 is "any instrument" */
    uint32_t slots, strategies;
    uint32_t rules_on; /* bit of each rule that is switched on */
    uint8_t kill_all;
    uint8_t zero_[3];
    uint64_t version;   /* rises with every change */
    uint64_t pass_live; /* serial of the one pass that may be used; 0: none */
    uint64_t pass_last; /* serial last given */
    uint64_t secret[4]; /* of this chain */
    uint64_t orders;    /* new orders and changes checked */
    uint64_t cancels;
    uint64_t accepted;
    uint64_t rejected[TT_RISK_RULES];
    uint64_t skipped[TT_RISK_RULES];
    uint64_t gate_sent, gate_killed, gate_refused, gate_full;
} tt_risk;

static inline size_t tt_risk_bytes(uint32_t slots, uint32_t strategies)
{
    const size_t n = (size_t)slots * strategies;
    return n * sizeof(tt_limit_row) + strategies * sizeof(tt_rate) +
           (n + strategies) * sizeof(tt_limit_scope);
}

static inline uint32_t tt_risk_row(const tt_risk *r, uint16_t strategy_id, uint32_t slot)
{
    TT_ASSERT(strategy_id < r->strategies && slot < r->slots);
    return (uint32_t)strategy_id * r->slots + slot;
}

/* Scope of a strategy (0: all) and a slot (TT_RISK_ANY: every instrument). */
#define TT_RISK_ANY UINT32_MAX
static inline tt_limit_scope *tt_risk_scope(const tt_risk *r, uint16_t strategy_id, uint32_t slot)
{
    TT_ASSERT(strategy_id < r->strategies && (slot < r->slots || slot == TT_RISK_ANY));
    return &r->scopes[(size_t)strategy_id * (r->slots + 1u) +
                      (slot == TT_RISK_ANY ? 0 : slot + 1u)];
}

static inline int64_t tt_tighter_(int64_t a, int64_t b)
{
    return a == TT_LIMIT_UNSET ? b : b == TT_LIMIT_UNSET || a < b ? a : b;
}

/* Work one row out again. Strategy 0 has two scopes, the others four. */
static inline void tt_risk_resolve_row_(tt_risk *r, uint16_t strategy_id, uint32_t slot)
{
    tt_limit_row *row = &r->rows[tt_risk_row(r, strategy_id, slot)];
    const tt_limit_scope *scope[4] = {tt_risk_scope(r, 0, TT_RISK_ANY), tt_risk_scope(r, 0, slot),
                                      tt_risk_scope(r, strategy_id, TT_RISK_ANY),
                                      tt_risk_scope(r, strategy_id, slot)};
    int64_t *const out[4] = {&row->qty_max, &row->notional_max, &row->position_max, &row->band_ppm};
    row->rules = TT_RULE_BIT(TT_RISK_RULE_VALIDITY) | TT_RULE_BIT(TT_RISK_RULE_KILL);
    for (uint32_t k = 0; k < 4; k++) {
        int64_t value = TT_LIMIT_UNSET;
        for (uint32_t i = 0; i < 4; i++)
            value = tt_tighter_(value, scope[i]->value[k]);
        *out[k] = value == TT_LIMIT_UNSET ? INT64_MAX : value;
        if (value != TT_LIMIT_UNSET)
            row->rules |= TT_RULE_BIT(TT_RISK_RULE_MAX_QTY + k);
    }
}

/* Tokens earned stay, up to the new burst. */
static inline void tt_risk_resolve_rate_(tt_risk *r, uint16_t strategy_id)
{
    tt_rate *rate = &r->rates[strategy_id];
    const int64_t set[2] = {
        tt_risk_scope(r, 0, TT_RISK_ANY)->value[TT_RISK_RULE_ORDER_RATE - TT_RISK_RULE_MAX_QTY],
        tt_risk_scope(r, strategy_id, TT_RISK_ANY)
            ->value[TT_RISK_RULE_ORDER_RATE - TT_RISK_RULE_MAX_QTY]};
    int64_t per_second = TT_LIMIT_UNSET, burst = TT_LIMIT_UNSET;
    for (uint32_t i = 0; i < 2; i++) {
        if (set[i] == TT_LIMIT_UNSET)
            continue;
        const int64_t mine = set[i] & 0xFFFFFFFF;
        per_second = tt_tighter_(per_second, mine);
        burst = tt_tighter_(burst, set[i] >> 32       ? set[i] >> 32
                                   : mine > INT32_MAX ? INT32_MAX
                                                      : mine);
    }
    rate->limited = per_second != TT_LIMIT_UNSET;
    rate->per_second = rate->limited ? per_second : 0;
    rate->cap = rate->per_second > 0 ? burst * TT_RATE_TOKEN : 0;
    rate->fill_ns =
        rate->per_second > 0 ? (rate->cap + rate->per_second - 1) / rate->per_second : INT64_MAX;
    if (rate->level > rate->cap)
        rate->level = rate->cap;
}

/* Take one order out of the bucket at `now_ns`: 1, or 0 with the wait until there is one. Time that
 * runs backwards earns nothing. */
static inline int tt_rate_take(tt_rate *rate, int64_t now_ns, int64_t *wait_ns)
{
    int64_t elapsed = 0, level = rate->cap;
    if (now_ns > rate->last_ns && __builtin_sub_overflow(now_ns, rate->last_ns, &elapsed))
        elapsed = INT64_MAX;
    if (rate->last_ns != TT_RATE_NEVER && elapsed < rate->fill_ns) {
        level = rate->level + elapsed * rate->per_second;
        level = level < rate->cap ? level : rate->cap;
    }
    if (TT_UNLIKELY(level < TT_RATE_TOKEN)) {
        const int64_t short_by = TT_RATE_TOKEN - level;
        *wait_ns =
            rate->per_second > 0 ? (short_by + rate->per_second - 1) / rate->per_second : INT64_MAX;
        return 0;
    }
    rate->level = level - TT_RATE_TOKEN;
    if (now_ns > rate->last_ns)
        rate->last_ns = now_ns;
    return 1;
}

/* `memory`: tt_risk_bytes zeroed bytes, 64-aligned. `secret`: four words that nobody else knows.
 * `strategies` counts the account. */
static inline int tt_risk_init(tt_risk *r, void *memory, uint32_t slots, uint32_t strategies,
                               const uint64_t *secret)
{
    if (slots == 0 || slots > 1u << 24 || strategies < 1 || strategies > 1u << 16 ||
        (uint64_t)slots * strategies > 1u << 28)
        return TT_E_RANGE;
    memset(r, 0, sizeof(*r));
    r->rows = (tt_limit_row *)memory;
    r->rates = (tt_rate *)(r->rows + (size_t)slots * strategies);
    r->scopes = (tt_limit_scope *)(r->rates + strategies);
    r->slots = slots;
    r->strategies = strategies;
    r->rules_on = TT_RULES_ALL;
    memcpy(r->secret, secret, sizeof(r->secret));
    for (size_t i = 0; i < (size_t)strategies * (slots + 1u); i++)
        for (uint32_t k = 0; k < sizeof(tt_limit_scope) / 8; k++)
            r->scopes[i].value[k] = i == 0 ? 0 : TT_LIMIT_UNSET;
    for (uint32_t s = 0; s < strategies; s++) {
        r->rates[s].last_ns = TT_RATE_NEVER;
        tt_risk_resolve_rate_(r, (uint16_t)s);
        for (uint32_t slot = 0; slot < slots; slot++)
            tt_risk_resolve_row_(r, (uint16_t)s, slot);
    }
    return TT_OK;
}

/* Tell which instrument a slot holds; control records name instruments. The first order does it
 * too. */
static inline int tt_risk_bind(tt_risk *r, uint32_t instrument_id, uint32_t slot)
{
    if (slot >= r->slots || instrument_id == 0)
        return TT_E_RANGE;
    if (r->rows[slot].instrument_id != 0 && r->rows[slot].instrument_id != instrument_id)
        return TT_E_DUPLICATE;
    for (uint32_t s = 0; s < r->strategies; s++)
        r->rows[tt_risk_row(r, (uint16_t)s, slot)].instrument_id = instrument_id;
    return TT_OK;
}

/* Slot of a bound instrument, TT_RISK_ANY for none. Linear: control records are rare. */
static inline uint32_t tt_risk_slot(const tt_risk *r, uint32_t instrument_id)
{
    for (uint32_t slot = 0; slot < r->slots; slot++)
        if (r->rows[slot].instrument_id == instrument_id)
            return slot;
    return TT_RISK_ANY;
}

static inline int tt_risk_is_killed(const tt_risk *r)
{
    return r->kill_all;
}

static inline int tt_risk_switch_(tt_risk *r, uint8_t rule, int on)
{
    r->rules_on = on ? r->rules_on | TT_RULE_BIT(rule) : r->rules_on & ~TT_RULE_BIT(rule);
    return TT_OK;
}

/* Set one limit of one scope (slot TT_RISK_ANY: every instrument). TT_OK, or TT_E_RANGE: no such
 * strategy, slot, rule or value; a rate for one instrument (rates are a strategy's). What orders
 * see changes only when the value is accepted. */
static inline int tt_risk_set_limit(tt_risk *r, uint8_t rule, uint16_t strategy_id, uint32_t slot,
                                    int64_t value)
{
    const int any = slot == TT_RISK_ANY;
    if (strategy_id >= r->strategies || (!any && slot >= r->slots) || rule == TT_RISK_RULE_NONE ||
        rule >= TT_RISK_RULES)
        return TT_E_RANGE;
    const int on_off = value == TT_LIMIT_RULE_OFF || value == TT_LIMIT_RULE_ON;
    if (value < TT_LIMIT_RULE_ON || (on_off && !(any && strategy_id == 0)))
        return TT_E_RANGE;
    if (!on_off && (rule < TT_RISK_RULE_MAX_QTY || (rule == TT_RISK_RULE_ORDER_RATE && !any)))
        return TT_E_RANGE;
    r->version++;
    r->pass_live = 0;
    if (on_off)
        return tt_risk_switch_(r, rule, value == TT_LIMIT_RULE_ON);
    tt_risk_scope(r, strategy_id, slot)->value[rule - TT_RISK_RULE_MAX_QTY] = value;
    const uint32_t s_end = strategy_id == 0 ? r->strategies : strategy_id + 1u;
    for (uint32_t s = strategy_id; s < s_end; s++) {
        if (rule == TT_RISK_RULE_ORDER_RATE) {
            tt_risk_resolve_rate_(r, (uint16_t)s);
            continue;
        }
        for (uint32_t i = any ? 0 : slot; i < (any ? r->slots : slot + 1); i++)
            tt_risk_resolve_row_(r, (uint16_t)s, i);
    }
    return TT_OK;
}

/* Set or clear one kill latch. Each scope has its own: clearing one leaves the others. */
static inline int tt_risk_set_kill(tt_risk *r, uint16_t strategy_id, uint32_t slot, int killed)
{
    const int any = slot == TT_RISK_ANY;
    if (strategy_id >= r->strategies || (!any && slot >= r->slots))
        return TT_E_RANGE;
    r->version++;
    r->pass_live = 0;
    if (!any)
        r->rows[tt_risk_row(r, strategy_id, slot)].killed = killed != 0;
    else if (strategy_id != 0)
        r->rates[strategy_id].killed = killed != 0;
    else
        r->kill_all = killed != 0;
    return TT_OK;
}

/* A control_kill or control_limit record. TT_OK; TT_E_TYPE (another record);
 * TT_E_UNKNOWN_INSTRUMENT (no slot is bound to it); TT_E_RANGE. A pass given before the change is
 * void. */
static inline int tt_risk_apply_control(tt_risk *r, const tt_head *rec)
{
    const tt_control_kill *kill = (const tt_control_kill *)rec;
    const tt_control_limit *limit = (const tt_control_limit *)rec;
    if (rec->template_id != TT_T_CONTROL_KILL && rec->template_id != TT_T_CONTROL_LIMIT)
        return TT_E_TYPE;
    const uint32_t slot =
        rec->instrument_id == 0 ? TT_RISK_ANY : tt_risk_slot(r, rec->instrument_id);
    if (rec->instrument_id != 0 && slot == TT_RISK_ANY)
        return TT_E_UNKNOWN_INSTRUMENT;
    if (rec->template_id == TT_T_CONTROL_LIMIT)
        return tt_risk_set_limit(r, limit->rule, limit->strategy_id, slot, limit->new_value);
    if (kill->action != TT_KILL_ACTION_KILL && kill->action != TT_KILL_ACTION_CLEAR)
        return TT_E_RANGE;
    return tt_risk_set_kill(r, kill->strategy_id, slot, kill->action == TT_KILL_ACTION_KILL);
}

#endif
