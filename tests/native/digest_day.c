/* One generated day through the headers, without Python: ITCH bytes, decoded records, random draws,
 * books, metrics, bars, a strategy with orders behind the risk chain, the simulated exchange, and a
 * sealed journal. Prints a sum of each stage; the same on every machine.
 *
 * usage: digest_day SEED
 */
#include <tectra/bar_run.h>
#include <tectra/engine_image.h>
#include <tectra/fill.h>
#include <tectra/flow.h>
#include <tectra/gen_flow.h>
#include <tectra/itch.h>
#include <tectra/l3_image.h>
#include <tectra/metrics_flow.h>
#include <tectra/sha256.h>

enum {
    SYMBOLS = 3,
    STRATEGIES = 2, /* the account and one */
    ITCH_BYTES = 4 << 20,
    SLOTS_MAX = 1 << 18,
    SEGMENT_SLOTS = 1 << 15,
    SEGMENTS_MAX = 32,
    BAR_SETS = 5,
};

#define MIDNIGHT_NS INT64_C(1609718400000000000)
#define OPEN_NS (INT64_C(34200) * 1000000000)
#define SPAN_NS (INT64_C(20) * 1000000000)

#define NEED(c)                                             \
    do {                                                    \
        if (!(c)) {                                         \
            fprintf(stderr, "line %d: %s\n", __LINE__, #c); \
            exit(1);                                        \
        }                                                   \
    } while (0)

static void *zeroed(size_t bytes)
{
    void *memory = aligned_alloc(4096, (bytes + 4095) & ~(size_t)4095);
    NEED(memory != NULL);
    return memset(memory, 0, (bytes + 4095) & ~(size_t)4095);
}

static void say_sha(const char *name, const uint8_t *bytes, uint64_t n)
{
    uint8_t sum[TT_SHA256_BYTES];
    tt_sha256_tagged(0, bytes, n, tt_sha256_has_ni(), sum);
    printf("%s ", name);
    for (size_t i = 0; i < sizeof sum; i++)
        printf("%02x", sum[i]);
    printf("\n");
}

static void say_digest(const char *name, const tt_digest *d)
{
    char text[TT_DIGEST_HEX_BYTES];
    tt_digest_hex(d, text);
    printf("%s %s\n", name, text);
}

/* ---- the day ---- */

static tt_l3 *new_book(void)
{
    const uint32_t cap[TT_L3_ARENAS] = {1u << 18, 1u << 14, 1u << 14, 1u << 18,
                                         1u << 10, 1u << 16, 1u << 10};
    void *mem[TT_L3_ARENAS];
    tt_l3 *book = zeroed(sizeof *book);
    for (uint32_t i = 0; i < TT_L3_ARENAS; i++)
        mem[i] = zeroed(tt_l3_arena_bytes(i, cap[i]));
    tt_l3_attach(book, 16, zeroed(tt_l3_fixed_bytes(16)), mem, cap);
    return book;
}

static size_t generate(uint64_t seed, uint8_t *out)
{
    static uint16_t pick[65536];
    static tt_gen_symbol symbols[SYMBOLS];
    const tt_gen_regime regimes[2] = {{0, 12000, 0, 24, 20, 20, 16, 78, 10, 0},
                                      {90, 60000, 4, 40, 12, 90, 90, 90, 50, 40}};
    tt_gen g = {.regimes = regimes, .pick = pick, .n_symbols = SYMBOLS, .symbols = symbols};
    g.orders = zeroed(2048 * sizeof *g.orders);
    tt_pool_init(&g.pool, 2048);
    tt_rng_seed(&g.rng, seed);
    for (uint32_t i = 0; i < 65536; i++)
        pick[i] = (uint16_t)(i % SYMBOLS);
    for (uint16_t i = 0; i < SYMBOLS; i++) {
        tt_gen_symbol *s = &symbols[i];
        s->fair = s->anchor = INT64_C(12800) << TT_GEN_FAIR_BITS;
        s->base = 12768;
        s->tick_px = 100;
        s->locate = (uint16_t)(i + 1);
        s->regime = i == 2;
        memcpy(s->name, "AA      ", 8);
        s->name[1] = (uint8_t)('A' + i);
    }
    g.out = out;
    g.cap = ITCH_BYTES;
    g.now_ns = OPEN_NS;
    NEED(tt_gen_run(&g, OPEN_NS + SPAN_NS, 500000.0) == 0);
    for (int i = 0; i < SYMBOLS; i++)
        tt_gen_cross(&g, &symbols[i], 'C');
    printf("messages %llu\n", (unsigned long long)g.messages);
    free(g.orders);
    return g.used;
}

static size_t decode(const uint8_t *bytes, size_t n, uint64_t *slots)
{
    static tt_itch_map map;
    tt_itch_counts counts = {0};
    tt_itch_ctx cx = {.midnight_ns = MIDNIGHT_NS, .map = &map, .counts = &counts};
    size_t used = 0, made = 0;
    uint64_t messages = 0;
    cx.strict = 1;
    tt_itch_map_init(&map, NULL, 0);
    NEED(tt_itch_decode(&cx, bytes, n, slots, SLOTS_MAX, &used, &made, &messages) == TT_OK);
    NEED(used == n);
    return made;
}

/* What is floating: sums and draws whose last bit tells whether a * b + c was rounded once. */
static void floats(uint64_t seed)
{
    tt_rng rng;
    tt_digest sum;
    double row[8];
    tt_rng_seed(&rng, seed);
    tt_digest_init(&sum);
    for (int i = 0; i < 20000; i++) {
        for (int k = 0; k < 4; k++) {
            row[2 * k] = tt_rng_normal(&rng);
            row[2 * k + 1] = tt_rng_exponential(&rng);
        }
        tt_digest_slot(&sum, row);
    }
    say_digest("floats", &sum);
}

/* ---- what is made of market data alone ---- */

static void metrics(const uint64_t *slots, size_t n)
{
    tt_l3 *book = new_book();
    tt_l3_faults faults = {0};
    tt_l3_batch in = {.slots = slots, .n = n, .until = n, .faults = &faults};
    tt_book_metrics *rows = zeroed(1024 * sizeof *rows);
    tt_metrics_outlet out = {.out = rows, .cap = 1024, .levels = 5};
    tt_digest sum, orders;
    tt_digest_init(&sum);
    tt_digest_init(&orders);
    while (in.at < n) {
        NEED(tt_l3_run_metrics(book, &in, &out) == TT_OK);
        tt_digest_slots(&sum, rows, out.used * sizeof *rows / TT_SLOT_BYTES);
        out.used = 0;
    }
    NEED(faults.total == 0);
    for (uint32_t slot = 0; slot < SYMBOLS; slot++)
        tt_l3_digest_slot(book, slot, 1, &orders);
    say_digest("metrics", &sum);
    say_digest("books", &orders);
}

static void bars(const uint64_t *slots, size_t n)
{
    static const uint8_t kinds[BAR_SETS] = {TT_BAR_KIND_TIME, 2, 3, 4, 5};
    static const int64_t amounts[BAR_SETS] = {1000000000, 20, 5000, 500000000, 25};
    tt_l3 *book = new_book();
    tt_l3_faults faults = {0};
    tt_l3_batch in = {.slots = slots, .n = n, .until = n, .faults = &faults};
    tt_bars b = {.n_max = 8, .n_sets = BAR_SETS, .px_exponent = -4, .book = book};
    tt_digest sum;
    tt_digest_init(&sum);
    tt_table_init(&b.index, zeroed(tt_table_bytes(32)), 32);
    b.known = zeroed(b.n_max * sizeof *b.known);
    for (uint32_t i = 0; i < BAR_SETS; i++) {
        b.sets[i].rule.kind = kinds[i];
        b.sets[i].rule.amount = amounts[i];
        b.sets[i].rows = zeroed(b.n_max * sizeof(tt_bar_row));
    }
    b.cap = 4096;
    b.out = zeroed(b.cap * TT_SLOT_BYTES);
    int rc = TT_E_FULL;
    for (int flushed = 0; flushed < 2; flushed += rc == TT_OK) {
        rc = flushed ? tt_bars_flush(&b, 0) : tt_bars_run(&b, book, &in);
        NEED(rc == TT_OK || (rc == TT_E_FULL && b.out_full));
        tt_digest_slots(&sum, b.out, b.used);
        b.used = 0;
    }
    printf("bars_made %llu\n", (unsigned long long)b.emitted);
    say_digest("bars", &sum);
}

/* ---- the journal ---- */

typedef struct {
    tt_segment open;
    uint8_t *image;
    uint32_t id;
    uint8_t chain[TT_SHA256_BYTES];
    uint8_t *all; /* every closed file, one behind the other */
    uint64_t all_bytes;
} journal;

static void begin_segment(journal *j, uint64_t base_ring_seq)
{
    const tt_journal_head want = {.segment_id = ++j->id,
                                  .capacity = SEGMENT_SLOTS,
                                  .epoch = 0x7ec7a,
                                  .base_ring_seq = base_ring_seq,
                                  .run_seed = 7,
                                  .clock_domain = TT_CLOCK_SIMULATED};
    j->image = zeroed(tt_journal_file_bytes(SEGMENT_SLOTS));
    NEED(j->id <= SEGMENTS_MAX && tt_segment_create(&j->open, j->image, &want) == TT_OK);
}

static void end_segment(journal *j)
{
    uint64_t page[TT_JOURNAL_PAGE / 8];
    uint8_t both[2 * TT_SHA256_BYTES];
    const uint32_t used = j->open.used;
    uint8_t *level = zeroed(tt_merkle_leaves(used) * TT_SHA256_BYTES);
    NEED(used > 0);
    tt_segment_closing_page(&j->open, page);
    memcpy(both, j->chain, TT_SHA256_BYTES);
    tt_merkle_root(j->open.slots, used, level, both + TT_SHA256_BYTES);
    tt_sha256_tagged(1, both, sizeof both, tt_sha256_has_ni(), j->chain);
    tt_segment_seal_page(page, both + TT_SHA256_BYTES, j->chain);
    memcpy(j->image, page, sizeof page);
    NEED(tt_journal_head_check((const tt_journal_head *)(const void *)j->image) == TT_OK);
    NEED(tt_journal_head_state((const tt_journal_head *)(const void *)j->image) == 1);
    NEED(tt_journal_crc_scan(j->open.slots, j->open.crc, 0, used, j->open.seed) == used);
    const uint64_t bytes = tt_journal_slots_offset(SEGMENT_SLOTS) + (uint64_t)used * TT_SLOT_BYTES;
    memcpy(j->all + j->all_bytes, j->image, bytes);
    j->all_bytes += bytes;
    free(level);
    free(j->image);
}

/* ---- the engine, as the drivers of backtests have it ---- */

typedef struct {
    tt_pipeline p;
    tt_ctx ctx;
    tt_sim sim;
    tt_spsc out;
    journal files;
    uint64_t dice, seen;
} desk;

static uint32_t below(desk *d, uint32_t n)
{
    d->dice += 0x9E3779B97F4A7C15u;
    uint64_t z = (d->dice ^ (d->dice >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ (z >> 31)) % n);
}

static void room(desk *d, uint64_t slots)
{
    if (tt_tap_room(&d->p.tap) >= slots)
        return;
    end_segment(&d->files);
    begin_segment(&d->files, d->p.tap.ring_seq);
}

/* Quotes on both sides, takes now and then, asks for too much now and then, changes its mind. */
static void on_book(desk *d, uint32_t slot)
{
    const tt_top *top = tt_l3_top(d->p.book, slot);
    const uint32_t id = d->p.book->books[slot].instrument_id, what = below(d, 120);
    const uint8_t side = (uint8_t)(1 + below(d, 2)), other = (uint8_t)(3 - side);
    tt_ctx *ctx = &d->ctx;
    ctx->now_ns = d->p.now_ns;
    ctx->cause_seq = d->p.market.cause->ring_seq;
    if (++d->seen % 4 != 0 || !tt_market_tradeable(&d->p.market, slot))
        return;
    const int64_t own = side == TT_SIDE_BUY ? top->bid_px : top->ask_px;
    const int64_t far = other == TT_SIDE_BUY ? top->bid_px : top->ask_px;
    tt_order *live = tt_orders_first(d->p.orders, 1);
    if (what < 30)
        (void)tt_ctx_submit(ctx, id, side, TT_ORDER_TYPE_LIMIT, TT_TIME_IN_FORCE_DAY, own,
                            1 + below(d, 300));
    else if (what < 38)
        (void)tt_ctx_submit(ctx, id, side, TT_ORDER_TYPE_LIMIT, TT_TIME_IN_FORCE_IOC, far,
                            1 + below(d, 200));
    else if (what < 42)
        (void)tt_ctx_submit(ctx, id, side, TT_ORDER_TYPE_MARKET, TT_TIME_IN_FORCE_IOC, TT_NO_PX,
                            1 + below(d, 100));
    else if (what < 46)
        (void)tt_ctx_submit(ctx, id, side, TT_ORDER_TYPE_LIMIT, TT_TIME_IN_FORCE_DAY, own, 100000);
    else if (what < 60 && live != NULL)
        (void)tt_ctx_cancel(ctx, live->order_id);
    else if (what < 70 && live != NULL)
        (void)tt_ctx_modify(ctx, live->order_id, live->px, 1 + below(d, 400));
    else if (what < 74)
        (void)tt_ctx_timer(ctx, d->p.now_ns + 1000 * (int64_t)below(d, 100000), 0);
    if (ctx->n_intents == 0)
        return;
    room(d, TT_FLUSH_ROOM);
    NEED(tt_flow_flush(&d->p, ctx) == TT_OK);
}

static void take_one(desk *d, const tt_head *in)
{
    tt_pipeline *p = &d->p;
    int rc = TT_OK, is_trade = 0;
    uint16_t owner;
    room(d, TT_STEP_ROOM);
    const tt_head *rec = tt_pipeline_take(p, in, &rc);
    NEED(rc == TT_OK);
    if (rec->template_id > TT_T_ORDER_REJECT) {
        NEED(tt_flow_control(p, rec) == TT_OK);
    } else if (rec->template_id > TT_T_BOOK_CLEAR) {
        NEED(tt_flow_report(p, rec, &owner) == TT_OK);
    } else if (rec->template_id > TT_T_BOOK_REPLACE) {
        (void)tt_pipeline_reference(p, rec);
    } else {
        const uint32_t slot = tt_pipeline_market(p, rec, &is_trade, &rc);
        NEED(rc == TT_OK);
        if (slot < p->slots)
            on_book(d, slot);
    }
}

static void step(desk *d, const tt_head *rec)
{
    take_one(d, rec);
    for (uint32_t done = 0; done < d->p.n_pending;) {
        const tt_order_reject refused = d->p.pending[done++];
        if (done == d->p.n_pending)
            d->p.n_pending = done = 0;
        take_one(d, (const tt_head *)(const void *)&refused);
    }
}

static void drain(desk *d)
{
    const tt_head *rec;
    while ((rec = tt_spsc_peek(&d->out)) != NULL) {
        const tt_order_send *send = (const tt_order_send *)(const void *)rec;
        NEED(tt_sim_submit(&d->sim, send, d->p.now_ns) == TT_OK);
        tt_spsc_release(&d->out);
    }
}

/* Everything that is due before a market record of `now_ns`. */
static void advance(desk *d, int64_t now_ns)
{
    uint64_t report[16];
    tt_timer due;
    for (;;) {
        const int64_t arrival = tt_sim_next_arrival_ns(&d->sim);
        const int64_t reported = tt_sim_next_report_ns(&d->sim), timer = d->p.timers->next_due_ns;
        if (arrival < now_ns && arrival < reported && arrival < timer) {
            NEED(tt_sim_arrive(&d->sim) == TT_OK);
            continue;
        }
        if (reported <= now_ns && reported <= timer) {
            NEED(tt_sim_take_report(&d->sim, report) == TT_OK);
            step(d, (const tt_head *)(const void *)report);
        } else if (timer <= now_ns && tt_timers_due(d->p.timers, now_ns, &due) == TT_OK) {
            step(d, (const tt_head *)(const void *)&due);
        } else {
            return;
        }
        drain(d);
    }
}

static void limits(tt_risk *risk)
{
    const uint64_t secret[4] = {1, 2, 3, 4};
    NEED(tt_risk_init(risk, zeroed(tt_risk_bytes(SYMBOLS, STRATEGIES)), SYMBOLS, STRATEGIES,
                      secret) == TT_OK);
    for (uint8_t rule = TT_RISK_RULE_MAX_QTY; rule <= TT_RISK_RULE_ORDER_RATE; rule++)
        NEED(tt_risk_set_limit(risk, rule, 0, TT_RISK_ANY, TT_LIMIT_UNSET) == TT_OK);
    NEED(tt_risk_set_limit(risk, TT_RISK_RULE_MAX_QTY, 0, TT_RISK_ANY, 5000) == TT_OK);
    NEED(tt_risk_set_limit(risk, TT_RISK_RULE_MAX_POSITION, 0, TT_RISK_ANY, 6000) == TT_OK);
    const int64_t rate = TT_RATE_LIMIT(150, 200);
    NEED(tt_risk_set_limit(risk, TT_RISK_RULE_ORDER_RATE, 1, TT_RISK_ANY, rate) == TT_OK);
}

static desk *open_desk(uint64_t seed)
{
    desk *d = zeroed(sizeof *d);
    tt_pipeline *p = &d->p;
    const uint64_t ring_bytes = tt_spsc_bytes(1024, 0);
    const tt_sim_caps caps = {{1 << 12, 16, 1 << 12, 1 << 12, 1 << 12, 1 << 8, 1 << 8}};
    const tt_sim_filters filters = {1, 1, 1, 0};
    void *page = zeroed(ring_bytes);
    tt_latency latency;
    tt_fees fees;
    tt_tap_init(&p->tap);
    p->book = new_book();
    p->orders = zeroed(sizeof *p->orders);
    NEED(tt_orders_init(p->orders, zeroed(tt_orders_bytes(1 << 12, STRATEGIES, 1 << 12)), 1 << 12,
                        STRATEGIES, 1 << 12) == TT_OK);
    p->risk = zeroed(sizeof *p->risk);
    limits(p->risk);
    p->positions = zeroed(SYMBOLS * STRATEGIES * sizeof *p->positions);
    p->state = zeroed(SYMBOLS * sizeof *p->state);
    p->trades = zeroed(SYMBOLS * sizeof *p->trades);
    p->timers = zeroed(sizeof *p->timers);
    tt_timers_init(p->timers);
    NEED(tt_spsc_init(page, 1024, 0, 0, 1) == TT_OK);
    NEED(tt_spsc_open(&d->out, page, ring_bytes) == TT_SHM_GOOD);
    p->out = &d->out;
    tt_kill *kill = zeroed(sizeof *kill);
    tt_kill_init(kill, 1);
    p->kill = kill;
    p->slots = SYMBOLS;
    p->strategies = STRATEGIES;
    p->next_order_id = 1;
    p->pending_max = STRATEGIES * TT_PENDING_PER_STRATEGY;
    p->pending = zeroed(p->pending_max * sizeof *p->pending);
    p->market = (tt_market){p->book, p->state, p->trades, (const tt_head *)(void *)p->scratch,
                            SYMBOLS, {0}};
    for (uint32_t slot = 0; slot < SYMBOLS; slot++) {
        uint32_t opened = UINT32_MAX;
        NEED(tt_l3_open(p->book, slot + 1, &opened) == TT_OK && opened == slot);
        NEED(tt_risk_bind(p->risk, slot + 1, slot) == TT_OK);
        p->state[slot].trading_state = 'T';
        p->positions[slot].instrument_id = p->positions[SYMBOLS + slot].instrument_id = slot + 1;
    }
    d->ctx = (tt_ctx){.strategy_id = 1, .next_order_id = &p->next_order_id, .market = &p->market,
                      .orders = p->orders, .positions = p->positions + SYMBOLS,
                      .timers = p->timers};
    NEED(tt_latency_init(&latency, 100000, 80000, 20000, seed) == TT_OK);
    NEED(tt_fees_init(&fees, TT_FEE_MAKER_DEFAULT, TT_FEE_TAKER_DEFAULT, 3) == TT_OK);
    NEED(tt_sim_init(&d->sim, p->book, zeroed(tt_sim_bytes(&caps)), &caps, &latency, &fees,
                     &filters) == TT_OK);
    d->files.all = zeroed(SEGMENTS_MAX * tt_journal_file_bytes(SEGMENT_SLOTS));
    begin_segment(&d->files, 0);
    p->tap.journal = &d->files.open;
    d->dice = seed;
    return d;
}

static void show_state(const tt_pipeline *p)
{
    static const int sections[] = {TT_IMAGE_CORE,   TT_IMAGE_STATES,    TT_IMAGE_TRADES,
                                   TT_IMAGE_TIMERS, TT_IMAGE_POSITIONS, TT_IMAGE_ORDERS,
                                   TT_IMAGE_RISK};
    size_t bytes = 0;
    uint8_t *image = zeroed(16 << 20);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        NEED(bytes + tt_image_bytes(p, sections[i]) <= 16 << 20);
        tt_image_save(p, sections[i], image + bytes);
        bytes += tt_image_bytes(p, sections[i]);
    }
    say_sha("state", image, bytes);
    free(image);
}

static void trade(uint64_t seed, const uint64_t *slots, size_t n)
{
    desk *d = open_desk(seed);
    tt_pipeline *p = &d->p;
    for (size_t i = 0; i < n;) {
        const tt_head *rec = tt_slot_at(slots, i);
        i += tt_slot_count(rec);
        advance(d, rec->ts_recv_ns);
        step(d, rec);
        NEED(tt_sim_on_market(&d->sim, rec, &p->effect) == TT_OK);
        drain(d);
    }
    advance(d, p->now_ns + 1000000000);
    for (uint16_t who = 0; who < STRATEGIES; who++)
        for (uint32_t slot = 0; slot < SYMBOLS; slot++) {
            room(d, TT_STEP_ROOM);
            NEED(tt_flow_mark(p, who, slot) == TT_OK);
        }
    NEED(p->book_errors == 0 && p->unknown_orders == 0 && p->overflows == 0);
    NEED(tt_sim_check(&d->sim) == TT_OK && tt_orders_check(p->orders) == TT_OK);
    end_segment(&d->files);
    printf("orders %llu\nrefused %llu\nfills %llu\ncancels %llu\nsegments %u\n",
           (unsigned long long)p->orders->counts.submitted,
           (unsigned long long)(tt_risk_counts(p->risk, TT_RISK_RULE_MAX_QTY).rejected +
                                tt_risk_counts(p->risk, TT_RISK_RULE_ORDER_RATE).rejected),
           (unsigned long long)d->sim.stats.fills, (unsigned long long)d->sim.stats.cancels,
           d->files.id);
    say_digest("inputs", &p->tap.inputs);
    say_digest("outputs", &p->tap.outputs);
    show_state(p);
    say_sha("journal", d->files.all, d->files.all_bytes);
    say_sha("chain", d->files.chain, sizeof d->files.chain);
    printf("crc32c %08x\n", tt_crc32c(0, d->files.all, d->files.all_bytes));
}

int main(int argc, char **argv)
{
    const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint8_t *itch = zeroed(ITCH_BYTES);
    uint64_t *slots = zeroed((size_t)SLOTS_MAX * TT_SLOT_BYTES);
    tt_digest sum;
    const size_t bytes = generate(seed, itch);
    say_sha("itch", itch, bytes);
    const size_t n = decode(itch, bytes, slots);
    tt_digest_init(&sum);
    tt_digest_slots(&sum, slots, n);
    say_digest("records", &sum);
    floats(seed);
    metrics(slots, n);
    bars(slots, n);
    trade(seed, slots, n);
    return 0;
}
