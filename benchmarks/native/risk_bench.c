/* The risk chain, all rules on and all orders pass, against a plain chain of ifs over the same
 * rows.
 *
 * The plain chain does the arithmetic of the rules and nothing else: no verdict record, no
 * counters, no pass. The ratio is what completeness costs. 256 instruments, rows in the order of a
 * shuffle.
 */
#include <tectra/limits.h>

#include <stdlib.h>
#include <time.h>

#define SLOTS 256u
#define STRATEGIES 4u
#define ORDERS 4096u
#define PAIRS 31

typedef struct {
    tt_risk risk;
    tt_position positions[SLOTS * STRATEGIES];
    tt_order_intent intents[ORDERS];
    tt_risk_context contexts[ORDERS];
} bench;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void set_up(bench *b)
{
    const uint64_t secret[4] = {0x9E3779B97F4A7C15u, 0xC2B2AE3D27D4EB4Fu, 0x165667B19E3779F9u, 7};
    static const int64_t limits[4] = {1000, 1000000000, 5000, 20000};
    uint32_t x = 12345;
    const size_t bytes = (tt_risk_bytes(SLOTS, STRATEGIES) + 63) / 64 * 64;
    void *memory = aligned_alloc(64, bytes);
    memset(memory, 0, bytes);
    tt_risk_init(&b->risk, memory, SLOTS, STRATEGIES, secret);
    for (uint8_t k = 0; k < 4; k++)
        tt_risk_set_limit(&b->risk, (uint8_t)(TT_RISK_RULE_MAX_QTY + k), 0, TT_RISK_ANY, limits[k]);
    tt_risk_set_limit(&b->risk, TT_RISK_RULE_ORDER_RATE, 0, TT_RISK_ANY,
                      TT_RATE_LIMIT(2000000000, 1000000000));
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        tt_risk_bind(&b->risk, slot + 1, slot);
    for (uint32_t i = 0; i < ORDERS; i++) {
        tt_order_intent *it = &b->intents[i];
        tt_risk_context *cx = &b->contexts[i];
        x = x * 1664525u + 1013904223u;
        const uint32_t slot = x >> 8 & (SLOTS - 1);
        tt_rec_init(it, TT_T_ORDER_INTENT);
        it->instrument_id = slot + 1;
        it->side = x >> 20 & 1 ? TT_SIDE_BUY : TT_SIDE_SELL;
        it->strategy_id = (uint16_t)(1 + x % (STRATEGIES - 1));
        it->order_id = i + 1;
        it->px = 1500000 + (int64_t)(x >> 24);
        it->qty = 1 + (x >> 16 & 127);
        it->action = TT_INTENT_ACTION_SUBMIT;
        it->order_type = TT_ORDER_TYPE_LIMIT;
        it->tif = TT_TIME_IN_FORCE_DAY;
        memset(cx, 0, sizeof(*cx));
        tt_risk_context_at(cx, b->positions, SLOTS, it->strategy_id, slot);
        cx->mid_px2 = 3000100;
        cx->now_ns = 1000000000000 + (int64_t)i * 1000;
    }
}

/* What a careful person writes by hand for the same rules. */
__attribute__((noinline)) static int plain_check(const tt_risk *r, const tt_order_intent *it,
                                                 const tt_risk_context *cx, int64_t *tokens)
{
    const tt_limit_row *row = &r->rows[cx->row];
    const tt_position *p = cx->position, *a = cx->account;
    const int64_t qty = it->qty, px = it->px;
    if (it->order_id == 0 || qty <= 0 || px <= 0 || it->side < 1 || it->side > 2)
        return 1;
    if (r->kill_all || row->killed)
        return 2;
    if (qty > row->qty_max)
        return 3;
    if (px * qty > row->notional_max)
        return 4;
    if (it->side == TT_SIDE_BUY) {
        if (p->net_qty + p->open_buy_qty + qty > row->position_max ||
            a->net_qty + a->open_buy_qty + qty > row->position_max)
            return 5;
    } else if (p->net_qty - p->open_sell_qty - qty < -row->position_max ||
               a->net_qty - a->open_sell_qty - qty < -row->position_max) {
        return 5;
    }
    const int64_t off = 2 * px - cx->mid_px2;
    if ((off < 0 ? -off : off) * 1000000 > row->band_ppm * cx->mid_px2)
        return 6;
    if (*tokens <= 0)
        return 7;
    *tokens -= 1;
    return 0;
}

__attribute__((noinline)) static int full_check(tt_risk *r, const tt_order_intent *it,
                                                const tt_risk_context *cx, tt_order_verdict *v,
                                                tt_pass *pass)
{
    return tt_risk_check(r, it, cx, v, pass);
}

static double run_full(bench *b, uint32_t rounds)
{
    tt_order_verdict verdict;
    tt_pass pass;
    uint64_t refused = 0;
    const int64_t start = now_ns();
    for (uint32_t k = 0; k < rounds; k++)
        for (uint32_t i = 0; i < ORDERS; i++)
            refused += full_check(&b->risk, &b->intents[i], &b->contexts[i], &verdict, &pass) != 0;
    const int64_t took = now_ns() - start;
    if (refused)
        printf("refused %llu, rule %u\n", (unsigned long long)refused, verdict.rule);
    return (double)took / ((double)rounds * ORDERS);
}

static double run_plain(bench *b, uint32_t rounds)
{
    int64_t tokens = INT64_MAX;
    uint64_t refused = 0;
    const int64_t start = now_ns();
    for (uint32_t k = 0; k < rounds; k++)
        for (uint32_t i = 0; i < ORDERS; i++)
            refused += plain_check(&b->risk, &b->intents[i], &b->contexts[i], &tokens) != 0;
    const int64_t took = now_ns() - start;
    if (refused)
        printf("plain refused %llu\n", (unsigned long long)refused);
    return (double)took / ((double)rounds * ORDERS);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(void)
{
    const char *tiny = getenv("TECTRA_BENCH_TINY");
    const int small = tiny && tiny[0] == '1';
    const uint32_t rounds = small ? 1 : 100;
    const int pairs = small ? 1 : PAIRS;
    double full[PAIRS], plain[PAIRS], ratio[PAIRS];
    bench *b = aligned_alloc(64, (sizeof(bench) + 63) / 64 * 64);
    memset(b, 0, sizeof(*b));
    set_up(b);
    for (int i = 0; i < pairs; i++) {
        if (i % 2) {
            plain[i] = run_plain(b, rounds);
            full[i] = run_full(b, rounds);
        } else {
            full[i] = run_full(b, rounds);
            plain[i] = run_plain(b, rounds);
        }
        ratio[i] = full[i] / plain[i];
    }
    qsort(full, (size_t)pairs, sizeof(double), by_value);
    qsort(plain, (size_t)pairs, sizeof(double), by_value);
    qsort(ratio, (size_t)pairs, sizeof(double), by_value);
    printf("risk chain, 7 rules: %.1f ns an order; plain ifs %.1f ns\n", full[pairs / 2],
           plain[pairs / 2]);
    printf("{\"name\": \"risk_chain\", \"ratio\": %.4f, \"ns\": %.2f, \"yardstick_ns\": %.2f}\n",
           ratio[pairs / 2], full[pairs / 2], plain[pairs / 2]);
    return 0;
}
