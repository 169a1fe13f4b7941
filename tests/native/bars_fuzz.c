/* Random records, sound and broken ones, through the bars with and without a book, into outlets of
 * every small size; and flow of the generator through both. Arguments: seed, rounds. Prints what it
 * made; sanitizers judge. */
#include "tectra/bar_run.h"
#include "tectra/gen_flow.h"

#include <stdio.h>
#include <stdlib.h>

#define SLOTS 256u
#define PLACES 64u

static uint64_t bars, prints, refused;

static size_t random_batch(tt_rng *r, uint64_t *slots, int64_t *now)
{
    static const uint16_t kinds[] = {TT_T_BOOK_ADD,    TT_T_BOOK_EXECUTE, TT_T_BOOK_EXECUTE_PRICED,
                                     TT_T_BOOK_DELETE, TT_T_TRADE,        TT_T_TRADE,
                                     TT_T_QUOTE,       TT_T_INSTRUMENT,   TT_T_GAP,
                                     TT_T_TIMER,       TT_T_BAR,          61};
    size_t n = 0;
    const size_t most = 4 + tt_rng_below(r, SLOTS - 4);
    while (n + 2 <= most) {
        const uint16_t id = kinds[tt_rng_below(r, sizeof kinds / sizeof *kinds)];
        tt_trade *t = (tt_trade *)(void *)(slots + 8 * n);
        for (int i = 0; i < 16; i++)
            slots[8 * n + (size_t)i] = tt_rng_below(r, 4) ? tt_rng_below(r, 200) : tt_rng_u64(r);
        tt_rec_init(t, id);
        *now += (int64_t)tt_rng_below(r, 6) - 1;
        t->ts_event_ns = tt_rng_below(r, 200) ? *now : (int64_t)tt_rng_u64(r);
        t->instrument_id = (uint32_t)tt_rng_below(r, 5);
        if (id == TT_T_BOOK_ADD || id == TT_T_TRADE)
            t->side = (uint8_t)tt_rng_below(r, 3);
        if (id == TT_T_TRADE)
            t->px = 1000 + (int64_t)tt_rng_below(r, 50), t->qty = (int64_t)tt_rng_below(r, 100),
            t->flags = (uint8_t)(tt_rng_below(r, 8) ? 0 : tt_rng_u64(r));
        if (id == TT_T_INSTRUMENT)
            ((tt_instrument *)(void *)t)->px_exponent = -4,
            ((tt_instrument *)(void *)t)->qty_exponent = 0;
        if (tt_rng_below(r, 100) == 0)
            t->block_length = (uint16_t)tt_rng_u64(r);
        n += tt_slot_count((const tt_head *)(void *)t);
    }
    return n < SLOTS ? n : SLOTS;
}

static void setup(tt_bars *b, tt_rng *r, void **owned)
{
    static const uint8_t kinds[] = {1, 1, 2, 3, 4, 5};
    memset(b, 0, sizeof *b);
    owned[0] = calloc(1, tt_table_bytes(4 * PLACES));
    tt_table_init(&b->index, owned[0], 4 * PLACES);
    b->known = owned[1] = calloc(PLACES, sizeof *b->known);
    b->n_max = 1 + (uint32_t)tt_rng_below(r, PLACES);
    b->n_sets = 1 + (uint32_t)tt_rng_below(r, 3);
    b->px_exponent = -4;
    b->crosses = 1;
    b->copy = tt_rng_below(r, 2) == 0;
    b->mids = tt_rng_below(r, 4) == 0;
    for (uint32_t i = 0; i < b->n_sets; i++) {
        tt_bar_rule *rule = &b->sets[i].rule;
        rule->kind = b->mids ? TT_BAR_KIND_TIME : kinds[tt_rng_below(r, sizeof kinds)];
        rule->amount = 1 + (int64_t)tt_rng_below(r, 40);
        rule->flat = rule->kind == TT_BAR_KIND_TIME && tt_rng_below(r, 2);
        rule->mids = b->mids;
        rule->align_ns = (int64_t)tt_rng_below(r, 100) - 50;
        b->sets[i].rows = owned[2 + i] = calloc(PLACES, sizeof(tt_bar_row));
    }
}

static void run(tt_bars *b, tt_l3_batch *in, tt_rng *r)
{
    for (int tries = 0; tries < 400; tries++) {
        b->cap = tt_bars_room(b) + tt_rng_below(r, 40);
        b->out = malloc(b->cap * 64);
        b->used = 0;
        const int rc = in == NULL ? tt_bars_flush(b, 0) : tt_bars_run(b, NULL, in);
        if (b->used > b->cap)
            abort();
        free(b->out);
        if (rc == TT_E_FULL && b->out_full)
            continue;
        refused += rc != TT_OK;
        return;
    }
}

static void flow(tt_rng *r, uint64_t rounds)
{
    static uint16_t pick[65536];
    const tt_gen_regime regimes[2] = {{0, 12000, 0, 24, 20, 20, 16, 78, 10, 0},
                                      {900, 90000, 4, 80, 3, 90, 90, 90, 50, 200}};
    tt_gen g = {.regimes = regimes, .pick = pick, .n_symbols = 3};
    const uint32_t orders = 8 + (uint32_t)tt_rng_below(r, 200);
    g.symbols = calloc(3, sizeof *g.symbols);
    g.orders = calloc(orders, sizeof *g.orders);
    tt_pool_init(&g.pool, orders);
    tt_rng_seed(&g.rng, tt_rng_u64(r));
    for (uint32_t i = 0; i < 65536; i++)
        pick[i] = (uint16_t)(i % 3);
    for (uint16_t i = 0; i < 3; i++) {
        g.symbols[i].fair = g.symbols[i].anchor = INT64_C(128) << TT_GEN_FAIR_BITS;
        g.symbols[i].base = 96;
        g.symbols[i].tick_px = 100;
        g.symbols[i].locate = (uint16_t)(i + 1);
        g.symbols[i].regime = (uint8_t)tt_rng_below(r, 2);
    }
    for (uint64_t k = 0; k < rounds; k++) {
        g.cap = TT_GEN_ROOM + tt_rng_below(r, 5000);
        g.out = malloc(g.cap);
        g.used = 0;
        (void)tt_gen_run(&g, g.now_ns + 100000, 1000.0);
        if (tt_rng_below(r, 4) == 0 && g.cap - g.used >= TT_GEN_ROOM)
            tt_gen_cross(&g, &g.symbols[0], 'O');
        free(g.out);
    }
    free(g.symbols);
    free(g.orders);
}

int main(int argc, char **argv)
{
    tt_rng r;
    const uint64_t rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : 200;
    tt_rng_seed(&r, argc > 1 ? strtoull(argv[1], NULL, 10) : 1);
    for (uint64_t k = 0; k < rounds; k++) {
        tt_bars b;
        void *owned[5] = {NULL, NULL, NULL, NULL, NULL};
        int64_t now = 1 + (int64_t)tt_rng_below(&r, 1000);
        setup(&b, &r, owned);
        for (int part = 0; part < 4; part++) {
            uint64_t *slots = malloc(SLOTS * 64 + 64);
            const size_t n = random_batch(&r, slots, &now);
            uint64_t *exact = malloc(n * 64); /* an overrun shows at its end */
            memcpy(exact, slots, n * 64);
            tt_l3_batch in = {.slots = exact, .n = n, .until = n};
            run(&b, &in, &r);
            free(exact);
            free(slots);
        }
        run(&b, NULL, &r);
        bars += b.emitted;
        prints += b.counts.prints;
        for (int i = 0; i < 5; i++)
            free(owned[i]);
        flow(&r, 4);
    }
    printf("bars %llu prints %llu refused %llu\n", (unsigned long long)bars,
           (unsigned long long)prints, (unsigned long long)refused);
    return bars > rounds && prints > rounds && refused > 0 ? 0 : 1;
}
