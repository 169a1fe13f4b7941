/* The risk chain against a naive oracle in 128-bit arithmetic: same rule, a million orders and
 * more.
 *
 *   risk_fuzz ORDERS SEED
 *
 * The oracle looks every limit up by its scopes, keeps the bucket as whole tokens in a 128-bit
 * fraction, and knows nothing of rows, masks or early answers.
 */
#include "tectra/limits.h"

#include <stdio.h>
#include <stdlib.h>

#define SLOTS 3u
#define STRATEGIES 4u
#define RULES 5

typedef __int128 wide;

static uint64_t state;

static uint64_t draw(uint64_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 11) % n;
}

static int64_t value(void)
{
    static const int64_t edge[] = {0, 1, 99, 100, 101, INT64_MAX / 2, INT64_MAX - 1, INT64_MAX};
    return draw(4) ? (int64_t)draw(400) : edge[draw(sizeof(edge) / sizeof(edge[0]))];
}

typedef struct {
    tt_risk risk;
    tt_position positions[SLOTS * STRATEGIES];
    int64_t limit[STRATEGIES][SLOTS + 1][RULES]; /* column 0: every instrument; -1: not set */
    wide tokens[STRATEGIES];                     /* of 10^9 */
    int64_t last[STRATEGIES];
    int used[STRATEGIES], kill[STRATEGIES][SLOTS + 1], off[TT_RISK_RULES];
} world;

static wide tightest(const world *w, int rule, uint32_t s, uint32_t i)
{
    const int64_t found[4] = {w->limit[0][0][rule], w->limit[0][i + 1][rule], w->limit[s][0][rule],
                              w->limit[s][i + 1][rule]};
    wide least = -1;
    for (int k = 0; k < 4; k++)
        if (found[k] >= 0 && (least < 0 || found[k] < least))
            least = found[k];
    return least;
}

static int rate_refuses(world *w, uint32_t s, int64_t now)
{
    wide rate = -1, burst = -1;
    for (uint32_t k = 0; k <= s; k += s) {
        const int64_t set = w->limit[k][0][4];
        const wide b = set >> 32 ? set >> 32 : set & 0xFFFFFFFF;
        if (set >= 0 && (rate < 0 || (set & 0xFFFFFFFF) < rate))
            rate = set & 0xFFFFFFFF;
        if (set >= 0 && (burst < 0 || b < burst))
            burst = b;
    }
    if (rate < 0)
        return 0;
    const wide cap = rate == 0 ? 0 : burst * 1000000000;
    wide have = cap;
    if (w->used[s]) {
        have = w->tokens[s] > cap ? cap : w->tokens[s];
        have += (now > w->last[s] ? (wide)now - w->last[s] : 0) * rate;
        have = have > cap ? cap : have;
    }
    if (have < 1000000000)
        return 1;
    w->tokens[s] = have - 1000000000;
    w->last[s] = w->used[s] && w->last[s] > now ? w->last[s] : now;
    w->used[s] = 1;
    return 0;
}

static int position_refuses(const tt_position *p, const tt_order_intent *it, wide limit)
{
    const wide open =
        (wide)(it->side == TT_SIDE_BUY ? p->open_buy_qty : p->open_sell_qty) + it->qty;
    const wide worst = it->side == TT_SIDE_BUY ? p->net_qty + open : p->net_qty - open;
    return open > INT64_MAX || (it->side == TT_SIDE_BUY ? worst > limit : worst < -limit);
}

static int oracle(world *w, const tt_order_intent *it, uint32_t slot, wide mid2, int64_t now)
{
    const uint32_t s = it->strategy_id;
    const int market = it->order_type == 2 || it->order_type == 4;
    const int stop = it->order_type == 4 || it->order_type == 5;
    if (!w->off[1] &&
        (it->order_id == 0 || it->side < 1 || it->side > 2 || it->qty <= 0 || it->order_type < 1 ||
         it->order_type > 5 || it->tif < 1 || it->tif > 4 || (stop && it->stop_px <= 0) ||
         (market ? it->px != 0 && it->px != INT64_MIN : it->px <= 0)))
        return 1;
    if (!w->off[2] &&
        (w->kill[0][0] || w->kill[s][0] || w->kill[0][slot + 1] || w->kill[s][slot + 1]))
        return 2;
    wide limit = tightest(w, 0, s, slot);
    if (!w->off[3] && limit >= 0 && it->qty > limit)
        return 3;
    limit = tightest(w, 1, s, slot);
    if (!w->off[4] && limit >= 0) {
        wide px2 = (wide)it->px * 2;
        if (market)
            px2 =
                it->order_type == 4 && (wide)it->stop_px * 2 > mid2 ? (wide)it->stop_px * 2 : mid2;
        if ((market && mid2 <= 0) || px2 * it->qty > limit * 2)
            return 4;
    }
    const wide own = tightest(w, 2, s, slot), all = tightest(w, 2, 0, slot);
    /* Where only one row has a limit, the other must still fit what can be counted. */
    if (!w->off[5] && (own >= 0 || all >= 0) &&
        (position_refuses(&w->positions[s * SLOTS + slot], it, own < 0 ? INT64_MAX : own) ||
         position_refuses(&w->positions[slot], it, all < 0 ? INT64_MAX : all)))
        return 5;
    limit = tightest(w, 3, s, slot);
    if (market && mid2 <= 0)
        return 6;
    if (!w->off[6] && limit >= 0 && !market) {
        const wide off = (wide)it->px * 2 - mid2;
        if (mid2 <= 0 || (off < 0 ? -off : off) * 1000000 > limit * mid2)
            return 6;
    } else if (!w->off[6] && limit >= 0 && mid2 <= 0) {
        return 6;
    }
    return !w->off[7] && rate_refuses(w, s, now) ? 7 : 0;
}

static void change(world *w)
{
    const uint32_t s = (uint32_t)draw(STRATEGIES), i = (uint32_t)draw(SLOTS + 1);
    const uint32_t slot = i == 0 ? TT_RISK_ANY : i - 1;
    const int rule = (int)draw(RULES), kind = (int)draw(20);
    int rc;
    if (kind == 0) {
        w->kill[s][i] ^= 1;
        rc = tt_risk_set_kill(&w->risk, (uint16_t)s, slot, w->kill[s][i]);
    } else if (kind == 1) {
        const int which = 2 + (int)draw(6);
        w->off[which] ^= 1;
        rc = tt_risk_set_limit(&w->risk, (uint8_t)which, 0, TT_RISK_ANY,
                               w->off[which] ? TT_LIMIT_RULE_OFF : TT_LIMIT_RULE_ON);
    } else if (kind < 4) {
        tt_position *p = &w->positions[s * SLOTS + (i ? i - 1 : 0)];
        p->net_qty = draw(2) ? value() : -value();
        p->open_buy_qty = value();
        p->open_sell_qty = value();
        rc = TT_OK;
    } else {
        int64_t v = draw(3) == 0 ? TT_LIMIT_UNSET : value();
        if (rule == 4)
            v = v < 0 ? v : TT_RATE_LIMIT(draw(5), draw(5));
        const uint32_t where = rule == 4 ? 0 : i;
        w->limit[s][where][rule] = v;
        rc = tt_risk_set_limit(&w->risk, (uint8_t)(TT_RISK_RULE_MAX_QTY + rule), (uint16_t)s,
                               where == 0 ? TT_RISK_ANY : where - 1, v);
        /* A bucket that shrank has lost what no longer fits, also when it grows again. */
        for (uint32_t k = 1; rule == 4 && k < STRATEGIES; k++)
            w->tokens[k] = w->risk.rates[k].level;
    }
    if (rc != TT_OK)
        exit(2);
}

static void order(world *w, tt_order_intent *it)
{
    tt_rec_init(it, TT_T_ORDER_INTENT);
    it->order_id = draw(40) != 0;
    it->strategy_id = (uint16_t)(1 + draw(STRATEGIES - 1));
    it->action = TT_INTENT_ACTION_SUBMIT;
    it->side = draw(30) ? (uint8_t)(1 + draw(2)) : (uint8_t)draw(256);
    it->order_type = draw(30) ? (uint8_t)(1 + draw(5)) : (uint8_t)draw(256);
    it->tif = draw(30) ? (uint8_t)(1 + draw(4)) : (uint8_t)draw(256);
    it->qty = draw(30) ? value() : -value();
    it->px = it->order_type == 2 || it->order_type == 4 ? INT64_MIN : 90 + (int64_t)draw(20);
    if (draw(20) == 0)
        it->px = value();
    it->stop_px = draw(10) ? 95 + (int64_t)draw(10) : value();
    (void)w;
}

int main(int argc, char **argv)
{
    const uint64_t orders = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    const uint64_t secret[4] = {1, 2, 3, 4};
    world *w = calloc(1, sizeof(world));
    uint64_t seen[TT_RISK_RULES] = {0};
    const size_t bytes = (tt_risk_bytes(SLOTS, STRATEGIES) + 63) / 64 * 64;
    void *memory = aligned_alloc(64, bytes);
    int64_t now = 0;
    memset(memory, 0, bytes);
    memset(w->limit, 0xFF, sizeof(w->limit));
    if (tt_risk_init(&w->risk, memory, SLOTS, STRATEGIES, secret) != TT_OK)
        return 2;
    for (int k = 0; k < RULES; k++)
        w->limit[0][0][k] = 0;
    for (uint64_t n = 0; n < orders; n++) {
        tt_order_intent it;
        tt_order_verdict v;
        tt_risk_context cx = {0};
        tt_pass pass;
        if (draw(4) == 0)
            change(w);
        order(w, &it);
        const uint32_t slot = (uint32_t)draw(SLOTS);
        it.instrument_id = slot + 1;
        tt_risk_context_at(&cx, w->positions, SLOTS, it.strategy_id, slot);
        cx.mid_px2 = draw(20) ? 199 + (int64_t)draw(3) : (int64_t)draw(2) * INT64_MAX;
        now += (int64_t)draw(400000000) - 50000000;
        cx.now_ns = now;
        const int expected = oracle(w, &it, slot, cx.mid_px2, now);
        const int rc = tt_risk_check(&w->risk, &it, &cx, &v, &pass);
        if (v.rule != expected || (rc == TT_OK) != (expected == 0) || v.accepted != (rc == TT_OK)) {
            fprintf(stderr, "order %llu: rule %d, the oracle says %d (limit %lld, found %lld)\n",
                    (unsigned long long)n, v.rule, expected, (long long)v.limit,
                    (long long)v.found);
            return 1;
        }
        seen[expected]++;
    }
    for (uint32_t k = 0; k < TT_RISK_RULES; k++)
        if (orders >= 100000 && seen[k] < orders / 10000) {
            fprintf(stderr, "rule %u was hardly met: %llu\n", k, (unsigned long long)seen[k]);
            return 1;
        }
    free(memory);
    free(w);
    return 0;
}
