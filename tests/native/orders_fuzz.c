/* The order table under any events in any order, with the positions that its exposure is reserved
 * in.
 *
 *   orders_fuzz EVENTS SEED
 *
 * After each event: nothing booked is lost (position = sum of unique fills), what is reserved is
 * what the live orders may still execute, and index, lists and states agree.
 */
#include "tectra/limits.h"

#include <stdio.h>
#include <stdlib.h>

#define CAPACITY 48u
#define OWNERS 4u
#define EXECS 64u

static uint64_t state;

static uint32_t draw(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

typedef struct {
    tt_orders table;
    tt_position positions[OWNERS];
    int64_t bought[OWNERS];
    int64_t *cum; /* by order id */
    struct {
        uint64_t order_id, exec_id;
    } recent[16]; /* booked last; fewer than the table remembers */
    uint64_t booked;
    uint64_t last_id, last_exec;
    uint64_t said_invalid, said_valid;
} world;

static void fail(const world *w, const char *what, uint64_t at)
{
    fprintf(stderr, "event %llu: %s (last order %llu)\n", (unsigned long long)at, what,
            (unsigned long long)w->last_id);
    exit(1);
}

static void reserve(world *w, const tt_order *o, int64_t before)
{
    const int rc =
        tt_position_open(&w->positions[o->strategy_id], o->side, tt_order_exposure(o) - before);
    if (rc != TT_OK)
        fail(w, "more was released than reserved", o->order_id);
}

static void submit(world *w)
{
    tt_order_intent it;
    tt_order_event ev;
    tt_rec_init(&it, TT_T_ORDER_INTENT);
    it.order_id = w->last_id + 1 + draw(3) * draw(20);
    it.strategy_id = (uint16_t)(1 + draw(OWNERS - 1));
    it.instrument_id = 9;
    it.side = TT_SIDE_BUY;
    it.qty = 1 + draw(20);
    it.px = 100;
    const int rc = tt_orders_submit(&w->table, &it, 1, &ev);
    if (rc == TT_OK)
        w->last_id = it.order_id;
    else if (rc != TT_E_FULL || w->table.done != 0)
        fail(w, "refused with room left", it.order_id);
}

static void report(world *w, tt_order *o)
{
    tt_order_fill f;
    tt_order_event ev;
    const int64_t before = tt_order_exposure(o);
    tt_rec_init(&f, TT_T_ORDER_FILL);
    f.instrument_id = 9;
    f.side = TT_SIDE_BUY;
    f.order_id = o->order_id;
    f.px = 90 + (int64_t)draw(20);
    f.qty = 1 + (int64_t)draw(12);
    const int again = w->last_exec > 0 && draw(4) == 0;
    f.exec_id = again ? w->last_exec - draw(2) * (w->last_exec > 1) : ++w->last_exec;
    const uint64_t seen = w->table.counts.duplicates;
    const int rc = tt_orders_on_report(&w->table, (const tt_head *)&f, &ev);
    if ((rc == TT_E_DUPLICATE) != (w->table.counts.duplicates > seen) || (rc == TT_OK) != ev.valid)
        fail(w, "fill neither booked nor refused", o->order_id);
    if (rc == TT_OK) {
        for (uint64_t i = 0; i < 16; i++)
            if (w->recent[i].order_id == f.order_id && w->recent[i].exec_id == f.exec_id)
                fail(w, "an execution was booked twice", o->order_id);
        w->recent[w->booked % 16].order_id = f.order_id;
        w->recent[w->booked++ % 16].exec_id = f.exec_id;
        w->cum[f.order_id] += f.qty;
        w->bought[o->strategy_id] += f.qty;
        if (tt_position_fill(&w->positions[o->strategy_id], f.side, f.px, f.qty, 0) != TT_OK)
            fail(w, "position", o->order_id);
    }
    reserve(w, o, before);
}

static void happen(world *w, tt_order *o)
{
    tt_order_event ev;
    const int64_t before = tt_order_exposure(o);
    const tt_order kept = *o;
    uint8_t event = (uint8_t)draw(18);
    if (event == TT_ORDER_EVENT_KIND_PARTIAL_FILL || event == TT_ORDER_EVENT_KIND_FILL)
        event = TT_ORDER_EVENT_KIND_TIMEOUT;
    const int rc = tt_orders_event(&w->table, o, event, 100, draw(30), 2, 3, &ev);
    if (rc == TT_OK)
        w->said_valid++;
    else
        w->said_invalid++;
    if (rc != TT_OK && (rc != TT_E_STATE || ev.valid || memcmp(&kept, o, sizeof(kept)) != 0))
        fail(w, "an anomaly changed the order", o->order_id);
    if (rc == TT_OK && (!ev.valid || ev.to_state != o->state || ev.from_state != kept.state))
        fail(w, "the event says something else", o->order_id);
    reserve(w, o, before);
}

static void verify(const world *w, uint64_t at)
{
    if (tt_orders_check(&w->table) != TT_OK)
        fail(w, "table", at);
    for (uint32_t i = 0; i < w->table.used; i++) {
        const tt_order *o = &w->table.pool[i];
        const int64_t rest = o->qty - w->cum[o->order_id];
        if (o->cum_qty != w->cum[o->order_id])
            fail(w, "executed is not the sum of the fills", at);
        if ((o->state == TT_ORDER_STATE_UNKNOWN || o->state == TT_ORDER_STATE_CANCEL_SENT) &&
            tt_order_exposure(o) < rest)
            fail(w, "an order whose fate is open reserves too little", at);
    }
    for (uint16_t s = 1; s < OWNERS; s++) {
        int64_t open = 0;
        for (const tt_order *o = tt_orders_first(&w->table, s); o;
             o = tt_orders_after(&w->table, o))
            open += tt_order_exposure(o);
        if (open != w->positions[s].open_buy_qty)
            fail(w, "reserved is not the exposure", at);
        if (w->positions[s].net_qty != w->bought[s] || tt_position_check(&w->positions[s]) != TT_OK)
            fail(w, "position is not the sum of the fills", at);
    }
}

int main(int argc, char **argv)
{
    const uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
    state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    const size_t bytes = tt_orders_bytes(CAPACITY, OWNERS, EXECS);
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    world *w = calloc(1, sizeof(world));
    w->cum = calloc(events * 8 + 4096, sizeof(int64_t));
    memset(memory, 0, bytes);
    if (tt_orders_init(&w->table, memory, CAPACITY, OWNERS, EXECS) != TT_OK)
        fail(w, "init", 0);
    for (uint64_t i = 0; i < events; i++) {
        if (w->last_id == 0 || draw(6) == 0)
            submit(w);
        tt_order *o = &w->table.pool[draw(w->table.used)];
        if (draw(3) == 0)
            report(w, o);
        else
            happen(w, o);
        if (i % 8 == 0)
            verify(w, i);
    }
    verify(w, events);
    if (w->said_valid == 0 || w->said_invalid == 0 || w->table.counts.overfills == 0 ||
        w->table.counts.late_fills == 0 || w->table.counts.evicted == 0)
        fail(w, "the fuzzer missed a kind of event", events);
    free(memory);
    free(w->cum);
    free(w);
    return 0;
}
