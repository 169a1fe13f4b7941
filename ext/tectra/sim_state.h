/* The state of the simulated exchange: what it holds, its layout in memory, how it grows.
 *
 * One block holds every array. When a call returns TT_E_FULL it has changed nothing and short_of
 * names what ran out: the owner doubles that capacity, gives tt_sim_move a larger block, and
 * repeats the call. One thread uses it.
 */
#ifndef TECTRA_SIM_STATE_H
#define TECTRA_SIM_STATE_H

#include "base.h"
#include "fees.h"
#include "l3.h"
#include "latency.h"
#include "msg.h"
#include "sim_order.h"
#include "sim_store.h"

enum {
    TT_SIM_CAP_ORDERS = 0, /* resting and remembered own orders */
    TT_SIM_CAP_REQUESTS,   /* requests on their way to the exchange */
    TT_SIM_CAP_REPORTS,    /* reports on their way back */
    TT_SIM_CAP_INSTRUMENTS,
    TT_SIM_CAP_SLOTS,  /* slots of the book that may have own orders: 0 .. n-1 */
    TT_SIM_CAP_TAKEN,  /* levels that own orders took from */
    TT_SIM_CAP_LEVELS, /* levels one order may sweep */
    TT_SIM_CAPS,
};

/* Powers of two, each at least 2. */
typedef struct {
    uint32_t n[TT_SIM_CAPS];
} tt_sim_caps;

/* Filters of an instrument whose definition never came. qty_max 0: none. */
typedef struct {
    int64_t tick, lot, qty_min, qty_max;
} tt_sim_filters;

typedef struct {
    uint64_t arrivals, acks, fills, cancels, expiries, rejects;
    uint64_t rejects_by_reason[TT_REJECT_REASON_OTHER + 1];
    uint64_t fills_by_reason[TT_FILL_REASON_BOOK_CROSSED + 1];
} tt_sim_stats;

typedef struct {
    const tt_l3 *book;        /* read only: the engine's, or the exchange's own */
    uint32_t *live_by_slot;   /* 1 + instrument with own orders or taken liquidity, by book slot */
    uint32_t live, unslotted; /* such instruments; those that the book has no slot for yet */
    uint32_t slots, short_of;
    tt_sim_insts insts;
    tt_sim_orders orders;
    tt_sim_taken taken;
    tt_sim_ring requests, reports;
    int64_t *level_px, *level_qty; /* scratch of one sweep */
    uint32_t *level_orders;
    tt_latency latency;
    tt_fees fees;
    tt_sim_filters filters;
    uint64_t last_venue_order_id, last_exec_id;
    tt_sim_stats stats;
    tt_sim_caps caps;
    uint8_t rebuilding_new; /* so do books of instruments that were not heard of so far */
    uint8_t pad_[3];
} tt_sim;

/* Offsets of the arrays in the block, in 64-byte steps. */
typedef struct {
    size_t orders, order_index, insts, inst_index, taken, requests, reports, live, px, qty, count,
        end;
} tt_sim_layout;

static inline size_t tt_sim_reserve_(size_t *at, size_t bytes)
{
    const size_t here = *at;
    *at += (bytes + 63) & ~(size_t)63;
    return here;
}

static inline tt_sim_layout tt_sim_layout_of(const tt_sim_caps *caps)
{
    tt_sim_layout l;
    size_t at = 0;
    const uint32_t *n = caps->n;
    for (uint32_t i = 0; i < TT_SIM_CAPS; i++)
        TT_ASSERT(n[i] >= 2 && (n[i] & (n[i] - 1)) == 0);
    l.requests = tt_sim_reserve_(&at, n[TT_SIM_CAP_REQUESTS] * sizeof(tt_sim_rec));
    l.reports = tt_sim_reserve_(&at, n[TT_SIM_CAP_REPORTS] * sizeof(tt_sim_rec));
    l.orders = tt_sim_reserve_(&at, n[TT_SIM_CAP_ORDERS] * sizeof(tt_sim_order));
    l.order_index = tt_sim_reserve_(&at, tt_table_bytes(2 * n[TT_SIM_CAP_ORDERS]));
    l.insts = tt_sim_reserve_(&at, n[TT_SIM_CAP_INSTRUMENTS] * sizeof(tt_sim_inst));
    l.inst_index = tt_sim_reserve_(&at, tt_table_bytes(2 * n[TT_SIM_CAP_INSTRUMENTS]));
    l.taken = tt_sim_reserve_(&at, 2 * (size_t)n[TT_SIM_CAP_TAKEN] * sizeof(tt_sim_taken_row));
    l.live = tt_sim_reserve_(&at, n[TT_SIM_CAP_SLOTS] * sizeof(uint32_t));
    l.px = tt_sim_reserve_(&at, n[TT_SIM_CAP_LEVELS] * sizeof(int64_t));
    l.qty = tt_sim_reserve_(&at, n[TT_SIM_CAP_LEVELS] * sizeof(int64_t));
    l.count = tt_sim_reserve_(&at, n[TT_SIM_CAP_LEVELS] * sizeof(uint32_t));
    l.end = at;
    return l;
}

/* Bytes of the block for these capacities. */
static inline size_t tt_sim_bytes(const tt_sim_caps *caps) { return tt_sim_layout_of(caps).end; }

/* Lay the arrays into `zeroed`, tt_sim_bytes(caps) zero bytes at a 64-byte boundary. Touches no
 * configuration. */
static inline void tt_sim_attach_(tt_sim *s, uint8_t *zeroed, const tt_sim_caps *caps)
{
    const tt_sim_layout l = tt_sim_layout_of(caps);
    const uint32_t *n = caps->n;
    s->caps = *caps;
    s->slots = n[TT_SIM_CAP_SLOTS];
    s->live_by_slot = (uint32_t *)(void *)(zeroed + l.live);
    tt_sim_ring_init(&s->requests, (tt_sim_rec *)(void *)(zeroed + l.requests),
                     n[TT_SIM_CAP_REQUESTS]);
    tt_sim_ring_init(&s->reports, (tt_sim_rec *)(void *)(zeroed + l.reports),
                     n[TT_SIM_CAP_REPORTS]);
    tt_sim_orders_init(&s->orders, (tt_sim_order *)(void *)(zeroed + l.orders),
                       zeroed + l.order_index, n[TT_SIM_CAP_ORDERS]);
    tt_sim_insts_init(&s->insts, (tt_sim_inst *)(void *)(zeroed + l.insts), zeroed + l.inst_index,
                      n[TT_SIM_CAP_INSTRUMENTS]);
    tt_sim_taken_init(&s->taken, (tt_sim_taken_row *)(void *)(zeroed + l.taken),
                      n[TT_SIM_CAP_TAKEN]);
    s->level_px = (int64_t *)(void *)(zeroed + l.px);
    s->level_qty = (int64_t *)(void *)(zeroed + l.qty);
    s->level_orders = (uint32_t *)(void *)(zeroed + l.count);
}

/* An exchange without orders over `book`; latency and fees come checked by their own _init.
 * TT_OK, or TT_E_RANGE when a filter is not positive or the sizes contradict each other. */
static inline int tt_sim_init(tt_sim *s, const tt_l3 *book, void *zeroed, const tt_sim_caps *caps,
                              const tt_latency *latency, const tt_fees *fees,
                              const tt_sim_filters *filters)
{
    TT_ASSERT(book != NULL && zeroed != NULL);
    if (filters->tick <= 0 || filters->lot <= 0 || filters->qty_min <= 0 || filters->qty_max < 0 ||
        (filters->qty_max != 0 && filters->qty_max < filters->qty_min))
        return TT_E_RANGE;
    memset(s, 0, sizeof *s);
    s->book = book;
    s->latency = *latency;
    s->fees = *fees;
    s->filters = *filters;
    tt_sim_attach_(s, (uint8_t *)zeroed, caps);
    return TT_OK;
}

/* Go over to a larger block; the old one is then the owner's to free. `caps` is nowhere smaller. */
static inline void tt_sim_move(tt_sim *s, void *zeroed, const tt_sim_caps *caps)
{
    const tt_sim old = *s;
    for (uint32_t i = 0; i < TT_SIM_CAPS; i++)
        TT_ASSERT(caps->n[i] >= old.caps.n[i]);
    tt_sim_attach_(s, (uint8_t *)zeroed, caps);
    memcpy(s->live_by_slot, old.live_by_slot, old.slots * sizeof *old.live_by_slot);
    tt_sim_ring_move(&s->requests, &old.requests);
    tt_sim_ring_move(&s->reports, &old.reports);
    tt_sim_orders_move(&s->orders, &old.orders);
    tt_sim_insts_move(&s->insts, &old.insts);
    tt_sim_taken_move(&s->taken, &old.taken);
}

/* TT_OK when there is room, else TT_E_FULL with the reason noted for the owner. */
static inline int tt_sim_room(tt_sim *s, uint32_t cap, int enough)
{
    if (TT_LIKELY(enough))
        return TT_OK;
    s->short_of = cap;
    return TT_E_FULL;
}

/* Room for `reports` more reports and `taken` more levels. */
static inline int tt_sim_room_for(tt_sim *s, uint32_t reports, uint32_t taken)
{
    const int rc = tt_sim_room(s, TT_SIM_CAP_REPORTS, tt_sim_ring_room(&s->reports) >= reports);
    return rc != TT_OK ? rc : tt_sim_room(s, TT_SIM_CAP_TAKEN, s->taken.cap - s->taken.n >= taken);
}

/* Position of an instrument, made from the defaults when `make`. TT_SIM_NIL: unknown, or no room
 * (short_of, TT_E_FULL in *rc). */
static inline uint32_t tt_sim_inst_of(tt_sim *s, uint32_t instrument_id, int make, int *rc)
{
    uint32_t position = tt_sim_insts_find(&s->insts, instrument_id);
    *rc = TT_OK;
    if (position != TT_SIM_NIL || !make)
        return position;
    *rc = tt_sim_room(s, TT_SIM_CAP_INSTRUMENTS, s->insts.n < s->insts.cap);
    if (*rc != TT_OK)
        return TT_SIM_NIL;
    position = tt_sim_insts_add(&s->insts, instrument_id);
    s->insts.at[position].tick = s->filters.tick;
    s->insts.at[position].lot = s->filters.lot;
    s->insts.at[position].qty_min = s->filters.qty_min;
    s->insts.at[position].qty_max = s->filters.qty_max;
    s->insts.at[position].rebuilding = s->rebuilding_new;
    return position;
}

/* Give an instrument its slot in the book once the book has one. TT_OK or TT_E_FULL. */
static inline int tt_sim_bind(tt_sim *s, uint32_t position)
{
    tt_sim_inst *inst = &s->insts.at[position];
    if (inst->slot != UINT32_MAX)
        return TT_OK;
    const uint32_t slot = tt_l3_slot(s->book, inst->instrument_id);
    if (slot == UINT32_MAX)
        return TT_OK;
    const int rc = tt_sim_room(s, TT_SIM_CAP_SLOTS, slot < s->slots);
    if (rc != TT_OK)
        return rc;
    inst->slot = slot;
    if (inst->live) {
        s->live_by_slot[slot] = position + 1;
        s->unslotted--;
    }
    return TT_OK;
}

/* After own orders or taken levels of an instrument changed: keep the lookup by slot and the best
 * prices. */
static inline void tt_sim_refresh(tt_sim *s, uint32_t position)
{
    tt_sim_inst *inst = &s->insts.at[position];
    const uint8_t live = inst->resting > 0 || inst->taken > 0;
    const uint32_t bid = inst->head[0], ask = inst->head[1];
    inst->best_px[0] = bid == TT_SIM_NIL ? TT_SIM_NO_BID : s->orders.at[bid].px;
    inst->best_px[1] = ask == TT_SIM_NIL ? TT_SIM_NO_ASK : s->orders.at[ask].px;
    TT_ASSERT(inst->best_px[0] < inst->best_px[1]);
    if (live == inst->live)
        return;
    inst->live = live;
    s->live = live ? s->live + 1 : s->live - 1;
    if (inst->slot == UINT32_MAX)
        s->unslotted = live ? s->unslotted + 1 : s->unslotted - 1;
    else
        s->live_by_slot[inst->slot] = live ? position + 1 : 0;
}

/* What own orders already took of a level; 0 where nothing. */
static inline int64_t tt_sim_taken_qty(const tt_sim *s, const tt_sim_inst *inst, uint8_t side,
                                       int64_t px)
{
    if (inst->taken == 0)
        return 0;
    return tt_sim_taken_row_of(&s->taken, (uint32_t)(inst - s->insts.at), side, px)->qty;
}

#endif
