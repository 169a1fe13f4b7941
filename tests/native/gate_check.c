/* The gate: one pass, one order, once. Every way around it that we could think of is tried.
 *
 * Exit 0 when each was refused; 1 with a line on stderr otherwise.
 */
#include "tectra/gate.h"

#include <stdio.h>
#include <stdlib.h>

#define SLOTS 4u
#define RING 64u

static int failures;

#define EXPECT(what, found, wanted)                                                                \
    do {                                                                                           \
        const long long found_ = (long long)(found), wanted_ = (long long)(wanted);                \
        if (found_ != wanted_) {                                                                   \
            fprintf(stderr, "line %d: %s: found %lld, wanted %lld\n", __LINE__, what, found_,      \
                    wanted_);                                                                      \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

typedef struct {
    tt_risk risk;
    tt_position positions[SLOTS * 3];
    tt_spsc ring;
    tt_kill kill;
    void *page, *memory;
} desk;

static desk *open_desk(uint64_t secret)
{
    const uint64_t words[4] = {secret, secret + 1, secret * 3, secret ^ 0x5555};
    const uint64_t bytes = tt_spsc_bytes(RING, 0);
    const size_t risk_bytes = (tt_risk_bytes(SLOTS, 3) + 127) / 128 * 128;
    desk *d = aligned_alloc(128, (sizeof(desk) + 127) / 128 * 128);
    memset(d, 0, sizeof(*d));
    d->page = aligned_alloc(128, (bytes + 127) / 128 * 128);
    d->memory = aligned_alloc(128, risk_bytes);
    memset(d->page, 0, bytes);
    memset(d->memory, 0, risk_bytes);
    EXPECT("ring", tt_spsc_init(d->page, RING, 0, 0, 1), TT_OK);
    EXPECT("open", tt_spsc_open(&d->ring, d->page, bytes), TT_SHM_GOOD);
    EXPECT("risk", tt_risk_init(&d->risk, d->memory, SLOTS, 3, words), TT_OK);
    for (uint8_t rule = TT_RISK_RULE_MAX_QTY; rule <= TT_RISK_RULE_ORDER_RATE; rule++)
        EXPECT("open limit", tt_risk_set_limit(&d->risk, rule, 0, TT_RISK_ANY, TT_LIMIT_UNSET),
               TT_OK);
    tt_kill_init(&d->kill, 1);
    return d;
}

static void close_desk(desk *d)
{
    free(d->page);
    free(d->memory);
    free(d);
}

static tt_order_send make(uint8_t action, uint64_t order_id)
{
    tt_order_send s;
    tt_rec_init(&s, TT_T_ORDER_SEND);
    s.instrument_id = 7;
    s.side = TT_SIDE_BUY;
    s.strategy_id = 1;
    s.order_id = order_id;
    s.px = 1000;
    s.qty = 10;
    s.stop_px = 990;
    s.action = action;
    s.order_type = TT_ORDER_TYPE_LIMIT;
    s.tif = TT_TIME_IN_FORCE_DAY;
    return s;
}

static int check(desk *d, const tt_order_send *s, tt_pass *pass)
{
    tt_order_intent it;
    tt_order_verdict v;
    tt_risk_context cx;
    tt_rec_init(&it, TT_T_ORDER_INTENT);
    memcpy((char *)&it + 8, (const char *)s + 8, offsetof(tt_order_intent, tif) + 1 - 8);
    memset(&cx, 0, sizeof(cx));
    tt_risk_context_at(&cx, d->positions, SLOTS, 1, 2);
    cx.mid_px2 = 2000;
    return tt_risk_check(&d->risk, &it, &cx, &v, pass);
}

static int gate(desk *d, const tt_order_send *s, const tt_pass *pass)
{
    return tt_gate_send(&d->ring, &d->kill, &d->risk, s, pass);
}

static void good_pass_once(void)
{
    desk *d = open_desk(11);
    tt_pass pass;
    const tt_order_send s = make(TT_INTENT_ACTION_SUBMIT, 1);
    EXPECT("check", check(d, &s, &pass), TT_OK);
    EXPECT("first", gate(d, &s, &pass), TT_OK);
    EXPECT("again", gate(d, &s, &pass), TT_E_NO_PASS);
    EXPECT("sent", d->risk.gate_sent, 1);
    EXPECT("refused", d->risk.gate_refused, 1);
    const tt_order_send *out = (const tt_order_send *)tt_spsc_peek(&d->ring);
    EXPECT("order on the ring", out != NULL && out->order_id == 1, 1);
    tt_spsc_release(&d->ring);
    EXPECT("nothing else", tt_spsc_peek(&d->ring) == NULL, 1);
    close_desk(d);
}

/* Each sealed field, one bit at a time: a flipped bit is refused, the true request still passes. */
static void altered(void)
{
    static const struct {
        size_t at, bytes;
    } field[] = {{offsetof(tt_order_send, instrument_id), 4},
                 {offsetof(tt_order_send, side), 1},
                 {offsetof(tt_order_send, flags), 1},
                 {offsetof(tt_order_send, strategy_id), 2},
                 {offsetof(tt_order_send, order_id), 8},
                 {offsetof(tt_order_send, px), 8},
                 {offsetof(tt_order_send, qty), 8},
                 {offsetof(tt_order_send, stop_px), 8},
                 {offsetof(tt_order_send, action), 1},
                 {offsetof(tt_order_send, order_type), 1},
                 {offsetof(tt_order_send, tif), 1}};
    desk *d = open_desk(12);
    tt_pass pass;
    const tt_order_send s = make(TT_INTENT_ACTION_SUBMIT, 1);
    EXPECT("check", check(d, &s, &pass), TT_OK);
    for (size_t f = 0; f < sizeof(field) / sizeof(field[0]); f++)
        for (size_t bit = 0; bit < field[f].bytes * 8; bit++) {
            tt_order_send t = s;
            ((uint8_t *)&t)[field[f].at + bit / 8] ^= (uint8_t)(1u << bit % 8);
            EXPECT("altered field", gate(d, &t, &pass), TT_E_NO_PASS);
        }
    tt_order_send t = s;
    t.template_id = TT_T_ORDER_INTENT;
    EXPECT("another record", gate(d, &t, &pass), TT_E_NO_PASS);
    EXPECT("the true one", gate(d, &s, &pass), TT_OK);
    close_desk(d);
}

static void forged(void)
{
    desk *d = open_desk(13), *other = open_desk(14);
    const tt_order_send s = make(TT_INTENT_ACTION_SUBMIT, 1);
    tt_pass pass, bent;
    uint64_t x = 88172645463325252u;
    memset(&bent, 0, sizeof(bent));
    EXPECT("zeroes before any check", gate(d, &s, &bent), TT_E_NO_PASS);
    EXPECT("check", check(d, &s, &pass), TT_OK);
    EXPECT("zeroes", gate(d, &s, &bent), TT_E_NO_PASS);
    for (int bit = 0; bit < 128; bit++) {
        bent = pass;
        ((uint8_t *)&bent)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        EXPECT("flipped bit", gate(d, &s, &bent), TT_E_NO_PASS);
    }
    for (int i = 0; i < 100000; i++) {
        uint64_t *word = (uint64_t *)(void *)&bent;
        word[0] = x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        word[1] = (uint64_t)i % 4;
        if (gate(d, &s, &bent) != TT_E_NO_PASS)
            EXPECT("guess", i, -1);
    }
    EXPECT("check of the other chain", check(other, &s, &bent), TT_OK);
    EXPECT("same serial, other secret", gate(d, &s, &bent), TT_E_NO_PASS);
    EXPECT("its own chain takes it", gate(other, &s, &bent), TT_OK);
    close_desk(d);
    close_desk(other);
}

static void stale(void)
{
    desk *d = open_desk(15);
    const tt_order_send a = make(TT_INTENT_ACTION_SUBMIT, 1), b = make(TT_INTENT_ACTION_SUBMIT, 2);
    tt_order_send bad = make(TT_INTENT_ACTION_SUBMIT, 3);
    tt_pass pass, next;
    tt_control_kill kill;
    bad.qty = 0;
    EXPECT("check", check(d, &a, &pass), TT_OK);
    EXPECT("next check", check(d, &b, &next), TT_OK);
    EXPECT("older than a check", gate(d, &a, &pass), TT_E_NO_PASS);
    EXPECT("refused check", check(d, &bad, &pass), TT_E_NO_PASS);
    EXPECT("pass of the refused", gate(d, &bad, &pass), TT_E_NO_PASS);
    EXPECT("older than a refusal", gate(d, &b, &next), TT_E_NO_PASS);
    EXPECT("check", check(d, &a, &pass), TT_OK);
    EXPECT("limit", tt_risk_set_limit(&d->risk, TT_RISK_RULE_MAX_QTY, 0, TT_RISK_ANY, 5), TT_OK);
    EXPECT("older than a limit", gate(d, &a, &pass), TT_E_NO_PASS);
    EXPECT("checked again", check(d, &a, &pass), TT_E_NO_PASS);
    EXPECT("limit", tt_risk_set_limit(&d->risk, TT_RISK_RULE_MAX_QTY, 0, TT_RISK_ANY, 50), TT_OK);
    EXPECT("check", check(d, &a, &pass), TT_OK);
    tt_rec_init(&kill, TT_T_CONTROL_KILL);
    kill.action = TT_KILL_ACTION_KILL;
    EXPECT("kill", tt_risk_apply_control(&d->risk, (const tt_head *)&kill), TT_OK);
    EXPECT("older than a kill", gate(d, &a, &pass), TT_E_NO_PASS);
    close_desk(d);
}

static void killed(void)
{
    desk *d = open_desk(16);
    const tt_order_send s = make(TT_INTENT_ACTION_SUBMIT, 1), c = make(TT_INTENT_ACTION_CANCEL, 1);
    const tt_order_send m = make(TT_INTENT_ACTION_MODIFY, 1);
    tt_pass pass;
    EXPECT("check", check(d, &s, &pass), TT_OK);
    EXPECT("set", tt_kill_set(&d->kill, TT_KILL_OPERATOR), TT_OK);
    EXPECT("order", gate(d, &s, &pass), TT_E_KILLED);
    EXPECT("check", check(d, &m, &pass), TT_OK);
    EXPECT("change", gate(d, &m, &pass), TT_E_KILLED);
    EXPECT("check", check(d, &c, &pass), TT_OK);
    EXPECT("cancel", gate(d, &c, &pass), TT_OK);
    EXPECT("a cancel needs a pass too", gate(d, &c, &pass), TT_E_NO_PASS);
    EXPECT("killed", d->risk.gate_killed, 2);
    EXPECT("clear", tt_kill_clear(&d->kill), TT_OK);
    EXPECT("check", check(d, &s, &pass), TT_OK);
    EXPECT("after the clear", gate(d, &s, &pass), TT_OK);
    EXPECT("cancel passes the latch", tt_risk_set_kill(&d->risk, 0, TT_RISK_ANY, 1), TT_OK);
    EXPECT("order", check(d, &s, &pass), TT_E_NO_PASS);
    EXPECT("cancel", check(d, &c, &pass), TT_OK);
    close_desk(d);
}

static void full(void)
{
    desk *d = open_desk(17);
    const tt_order_send s = make(TT_INTENT_ACTION_SUBMIT, 1);
    tt_pass pass;
    int rc = TT_OK;
    for (uint32_t i = 0; i < RING && rc == TT_OK; i++) {
        EXPECT("check", check(d, &s, &pass), TT_OK);
        rc = gate(d, &s, &pass);
    }
    EXPECT("full", rc, TT_E_FULL);
    EXPECT("counted", d->risk.gate_full, 1);
    EXPECT("head", tt_spsc_peek(&d->ring) != NULL, 1);
    tt_spsc_release(&d->ring);
    EXPECT("the pass is still good", gate(d, &s, &pass), TT_OK);
    close_desk(d);
}

int main(void)
{
    good_pass_once();
    altered();
    forged();
    stale();
    killed();
    full();
    return failures != 0;
}
