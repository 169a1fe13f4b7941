/* Random orders in random flow against the simulated exchange, with its integrity check and growth
 * from the smallest capacities after each step. usage: sim_fuzz SEED STEPS */
#include <stdio.h>
#include <stdlib.h>

#include <tectra/fill.h>

#define REFS 192u

static tt_l3 book;
static tt_sim sim;
static void *sim_memory;
static uint64_t state;
static uint64_t sent, volume_given, reports_taken;

static uint32_t below(uint32_t n)
{
    state += 0x9E3779B97F4A7C15u;
    uint64_t z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ (z >> 31)) % n);
}

static void *zeroed(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    if (memory == NULL)
        exit(3);
    return memset(memory, 0, bytes);
}

static void grow(void)
{
    tt_sim_caps caps = sim.caps;
    caps.n[sim.short_of] *= 2;
    void *memory = zeroed(tt_sim_bytes(&caps));
    tt_sim_move(&sim, memory, &caps);
    free(sim_memory);
    sim_memory = memory;
}

static void fail(const char *what, int rc)
{
    fprintf(stderr, "%s: %d\n", what, rc);
    exit(1);
}

/* Take what is reported; the quantity of the fills. */
static int64_t take(void)
{
    tt_sim_rec rec;
    int64_t qty = 0;
    while (tt_sim_take_report(&sim, &rec) == TT_OK) {
        reports_taken++;
        if (rec.head.template_id == TT_T_ORDER_FILL) {
            qty += rec.fill.qty;
            if (rec.fill.qty <= 0 || rec.fill.leaves_qty < 0)
                fail("fill", (int)rec.fill.qty);
        }
    }
    return qty;
}

static void request(uint64_t i)
{
    tt_order_send r;
    int rc;
    tt_rec_init(&r, TT_T_ORDER_SEND);
    r.instrument_id = 1 + below(3);
    r.action = (uint8_t)(below(10) < 5 ? 1 : below(3) ? 2 : 3);
    r.order_id = r.action == 1 ? ++sent : sent - below(sent < 40 ? (uint32_t)sent + 1 : 40);
    r.side = (uint8_t)(1 + below(2));
    r.order_type = (uint8_t)(below(20) ? 1 + below(3) : 4);
    r.tif = (uint8_t)(1 + below(4));
    r.px = (r.side == TT_SIDE_BUY ? 93 : 99) + below(9);
    r.qty = 1 + below(60);
    while ((rc = tt_sim_submit(&sim, &r, (int64_t)i)) == TT_E_FULL)
        grow();
    if (rc != TT_OK)
        fail("submit", rc);
    if (below(4) == 0)
        return;
    while (tt_sim_next_arrival_ns(&sim) != INT64_MAX) {
        while ((rc = tt_sim_arrive(&sim)) == TT_E_FULL)
            grow();
        if (rc != TT_OK)
            fail("arrive", rc);
    }
}

/* A random record; 0 when it names nothing that lives. */
static int market(uint8_t *out, uint64_t i)
{
    tt_book_add *add = (tt_book_add *)(void *)out;
    const uint32_t kind = below(20);
    const uint16_t template_id = kind < 8    ? TT_T_BOOK_ADD
                                 : kind < 11 ? TT_T_BOOK_DELETE
                                 : kind < 15 ? TT_T_BOOK_EXECUTE
                                 : kind < 16 ? TT_T_BOOK_CANCEL
                                 : kind < 18 ? TT_T_BOOK_REPLACE
                                 : kind < 19 ? TT_T_TRADE
                                             : TT_T_STATUS;
    tt_rec_init(out, template_id);
    add->ts_event_ns = (int64_t)i;
    add->order_ref = 1 + below(REFS) + (below(2) ? 0 : 3 * REFS * below(4));
    add->instrument_id = 1 + (uint32_t)(add->order_ref % 3);
    if (template_id == TT_T_STATUS) {
        ((tt_status *)(void *)out)->kind = TT_STATUS_KIND_TRADING_ACTION;
        ((tt_status *)(void *)out)->state = below(4) ? 'T' : 'H';
        return 1;
    }
    add->side = (uint8_t)(template_id == TT_T_BOOK_ADD ? 1 + below(2) : 0);
    if (template_id == TT_T_BOOK_ADD || template_id == TT_T_BOOK_REPLACE ||
        template_id == TT_T_TRADE)
        add->px = 95 + below(11);
    add->qty = template_id == TT_T_BOOK_DELETE ? 0 : 1 + below(40);
    if (template_id == TT_T_BOOK_REPLACE)
        ((tt_book_replace *)(void *)out)->new_order_ref =
            1 + (add->order_ref - 1 + 3 * REFS * (1 + below(3))) % (12 * REFS);
    if (template_id == TT_T_BOOK_EXECUTE && below(8) == 0)
        add->flags = TT_MARKET_FLAG_NOT_PRINTABLE;
    return 1;
}

/* The recorded book is built anew, or is whole again; by number 0 that of every instrument. */
static void rebuild(uint8_t *out, uint64_t i)
{
    const int clear = below(16) == 0;
    tt_rec_init(out, clear ? TT_T_BOOK_CLEAR : TT_T_BOOK_STATUS);
    tt_book_status *status = (tt_book_status *)(void *)out;
    status->ts_event_ns = (int64_t)i;
    status->instrument_id = below(4);
    if (!clear)
        status->status = (uint8_t)(TT_BOOK_STATUS_VALID + (below(4) == 0));
}

static int rebuilding(uint32_t instrument_id)
{
    const uint32_t at = tt_sim_insts_find(&sim.insts, instrument_id);
    return at == TT_SIM_NIL ? sim.rebuilding_new : sim.insts.at[at].rebuilding;
}

static void step(uint64_t i)
{
    uint8_t rec[128] __attribute__((aligned(64)));
    tt_book_effect fx;
    int rc;
    if (below(3) == 0)
        request(i);
    take();
    if (below(24) == 0)
        rebuild(rec, i);
    else
        market(rec, i);
    memset(&fx, 0, sizeof fx);
    rc = tt_l3_apply(&book, (tt_head *)(void *)rec, &fx);
    if (rc == TT_E_FULL)
        fail("book", rc);
    if (rc < 0)
        return;
    while ((rc = tt_sim_on_market(&sim, (tt_head *)(void *)rec, &fx)) == TT_E_FULL)
        grow();
    if (rc != TT_OK)
        fail("on_market", rc);
    const int64_t given = take();
    volume_given += (uint64_t)given;
    if (given > 0 && rebuilding(((tt_head *)(void *)rec)->instrument_id))
        fail("traded on a book that is not whole", (int)given);
    if (given > ((tt_book_add *)(void *)rec)->qty)
        fail("volume used twice", (int)given);
    if ((rc = tt_sim_check(&sim)) != TT_OK)
        fail("check", rc);
}

/* Orders in instruments that are announced but have no order in the book yet. */
static void early(void)
{
    tt_status status;
    tt_book_effect fx;
    int rc;
    memset(&fx, 0, sizeof fx);
    tt_rec_init(&status, TT_T_STATUS);
    status.kind = TT_STATUS_KIND_TRADING_ACTION;
    status.state = 'T';
    for (status.instrument_id = 1; status.instrument_id <= 3; status.instrument_id++)
        while ((rc = tt_sim_on_market(&sim, (tt_head *)(void *)&status, &fx)) == TT_E_FULL)
            grow();
    for (uint64_t i = 0; i < 30; i++)
        request(i);
    take();
}

int main(int argc, char **argv)
{
    const uint32_t cap[TT_L3_ARENAS] = {1u << 17, 1u << 14, 1u << 14, 1u << 18,
                                         256,      1u << 16, 1u << 8};
    const tt_sim_caps caps = {{2, 2, 2, 2, 2, 2, 2}};
    const tt_sim_filters filters = {1, 1, 1, 50};
    void *mem[TT_L3_ARENAS];
    tt_latency latency;
    tt_fees fees;
    state = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    const uint64_t steps = argc > 2 ? strtoull(argv[2], NULL, 10) : 20000;
    for (uint32_t i = 0; i < TT_L3_ARENAS; i++)
        mem[i] = zeroed(tt_l3_arena_bytes(i, cap[i]));
    void *fixed = zeroed(tt_l3_fixed_bytes(16));
    tt_l3_attach(&book, 16, fixed, mem, cap);
    tt_latency_init(&latency, 5, 5, 7, state);
    tt_fees_init(&fees, TT_FEE_MAKER_DEFAULT, TT_FEE_TAKER_DEFAULT, 3);
    sim_memory = zeroed(tt_sim_bytes(&caps));
    if (tt_sim_init(&sim, &book, sim_memory, &caps, &latency, &fees, &filters) != TT_OK)
        fail("init", 0);
    early();
    for (uint64_t i = 0; i < steps; i++)
        step(i);
    printf("fills %llu rejects %llu cancels %llu expiries %llu volume %llu reports %llu crossed "
           "%llu\n",
           (unsigned long long)sim.stats.fills, (unsigned long long)sim.stats.rejects,
           (unsigned long long)sim.stats.cancels, (unsigned long long)sim.stats.expiries,
           (unsigned long long)volume_given, (unsigned long long)reports_taken,
           (unsigned long long)sim.stats.fills_by_reason[TT_FILL_REASON_BOOK_CROSSED]);
    for (uint32_t i = 0; i < TT_L3_ARENAS; i++)
        free(mem[i]);
    free(fixed);
    free(sim_memory);
    return 0;
}
