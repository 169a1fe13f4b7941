/* Own orders at the simulated exchange: a pool, an index by order id, and price-time lists.
 *
 * Orders live in one array and name each other by position, so that the owner may move the array to
 * grow it. A finished order keeps its entry until the pool has no free one: a late cancel is then
 * told TOO_LATE and not UNKNOWN_ORDER. A list per instrument and side holds the resting orders best
 * price first, then first come first.
 */
#ifndef TECTRA_SIM_ORDER_H
#define TECTRA_SIM_ORDER_H

#include "base.h"
#include "msg.h"
#include "table.h"

#define TT_SIM_NIL UINT32_MAX

enum { TT_SIM_FREE = 0, TT_SIM_LIVE = 1, TT_SIM_DONE = 2 };

typedef struct {
    uint64_t order_id, venue_order_id;
    int64_t px, qty, cum_qty, leaves_qty;
    int64_t ahead_qty;   /* displayed quantity at our price that stands before us */
    uint64_t prio;       /* displayed orders with a smaller priority number stand before us */
    uint32_t inst;       /* position in the instrument table */
    uint32_t prev, next; /* neighbors in the list; next also links free and finished entries */
    uint16_t venue_id;
    uint8_t side, type, tif, state, pad_[6];
} tt_sim_order;
_Static_assert(sizeof(tt_sim_order) == 88, "sim_order: size");

typedef struct {
    tt_sim_order *at;
    tt_table index; /* order id -> position + 1 */
    uint32_t cap;   /* power of two */
    uint32_t free_head, done_head, done_tail;
    uint32_t live;
} tt_sim_orders;

static inline uint8_t tt_sim_opposite(uint8_t side)
{
    return (uint8_t)(TT_SIDE_BUY + TT_SIDE_SELL - side);
}

/* Is price `a` of an order of `side` strictly better (nearer to trading) than price `b`? */
static inline int tt_sim_better(uint8_t side, int64_t a, int64_t b)
{
    return side == TT_SIDE_BUY ? a > b : a < b;
}

/* Can an order of `side` at `limit` trade with the other side's price `px`? */
static inline int tt_sim_crosses(uint8_t side, int64_t limit, int64_t px)
{
    return side == TT_SIDE_BUY ? limit >= px : limit <= px;
}

/* `zeroed` holds tt_table_bytes(2 * cap) zero bytes. */
static inline void tt_sim_orders_init(tt_sim_orders *o, tt_sim_order *at, void *zeroed,
                                      uint32_t cap)
{
    TT_ASSERT(cap > 0 && (cap & (cap - 1)) == 0);
    o->at = at;
    tt_table_init(&o->index, zeroed, 2 * cap);
    o->cap = cap;
    o->live = 0;
    o->free_head = 0;
    o->done_head = o->done_tail = TT_SIM_NIL;
    for (uint32_t i = 0; i < cap; i++) {
        memset(&at[i], 0, sizeof at[i]);
        at[i].next = i + 1 < cap ? i + 1 : TT_SIM_NIL;
    }
}

/* Position of an order, finished or not; TT_SIM_NIL when it is not remembered. */
static inline uint32_t tt_sim_orders_find(const tt_sim_orders *o, uint64_t order_id)
{
    return tt_table_get(&o->index, order_id) - 1u; /* 0, no entry, wraps to TT_SIM_NIL */
}

/* The table has twice the pool's entries, so a put cannot fail. */
static inline void tt_sim_orders_index_(tt_sim_orders *o, uint32_t position)
{
    const int rc = tt_table_put(&o->index, o->at[position].order_id, position + 1);
    TT_ASSERT(rc == TT_OK);
    (void)rc;
}

/* A fresh entry for `order_id`; the oldest finished one gives way when none is free. The caller has
 * checked live < cap. */
static inline uint32_t tt_sim_orders_new(tt_sim_orders *o, uint64_t order_id)
{
    uint32_t position = o->free_head;
    TT_ASSERT(o->live < o->cap);
    if (position != TT_SIM_NIL) {
        o->free_head = o->at[position].next;
    } else {
        position = o->done_head;
        TT_ASSERT(position != TT_SIM_NIL && o->at[position].state == TT_SIM_DONE);
        o->done_head = o->at[position].next;
        if (o->done_head == TT_SIM_NIL)
            o->done_tail = TT_SIM_NIL;
        const int rc = tt_table_erase(&o->index, o->at[position].order_id);
        TT_ASSERT(rc == TT_OK);
        (void)rc;
    }
    tt_sim_order *order = &o->at[position];
    memset(order, 0, sizeof *order);
    order->order_id = order_id;
    order->state = TT_SIM_LIVE;
    order->prev = order->next = TT_SIM_NIL;
    o->live++;
    tt_sim_orders_index_(o, position);
    return position;
}

/* The order is finished (and in no list). */
static inline void tt_sim_orders_done(tt_sim_orders *o, uint32_t position)
{
    tt_sim_order *order = &o->at[position];
    TT_ASSERT(order->state == TT_SIM_LIVE && o->live > 0);
    order->state = TT_SIM_DONE;
    order->prev = order->next = TT_SIM_NIL;
    o->live--;
    if (o->done_tail == TT_SIM_NIL)
        o->done_head = position;
    else
        o->at[o->done_tail].next = position;
    o->done_tail = position;
}

/* Copy everything into a larger pool whose arrays are initialized. */
static inline void tt_sim_orders_move(tt_sim_orders *to, const tt_sim_orders *from)
{
    TT_ASSERT(to->cap >= from->cap && to->live == 0);
    memcpy(to->at, from->at, from->cap * sizeof *from->at);
    to->live = from->live;
    to->done_head = from->done_head;
    to->done_tail = from->done_tail;
    to->free_head = from->free_head;
    for (uint32_t i = from->cap; i < to->cap; i++) {
        to->at[i].next = to->free_head;
        to->free_head = i;
    }
    for (uint32_t i = 0; i < from->cap; i++)
        if (to->at[i].state != TT_SIM_FREE)
            tt_sim_orders_index_(to, i);
}

/* Put a resting order into its price-time list: behind every order that is not worse. */
static inline void tt_sim_list_insert(tt_sim_orders *o, uint32_t *head, uint32_t position)
{
    tt_sim_order *order = &o->at[position];
    uint32_t prev = TT_SIM_NIL, next = *head;
    for (uint32_t n = 0; n < o->cap && next != TT_SIM_NIL; n++) {
        if (tt_sim_better(order->side, order->px, o->at[next].px))
            break;
        prev = next;
        next = o->at[next].next;
    }
    order->prev = prev;
    order->next = next;
    if (next != TT_SIM_NIL)
        o->at[next].prev = position;
    if (prev != TT_SIM_NIL)
        o->at[prev].next = position;
    else
        *head = position;
}

static inline void tt_sim_list_remove(tt_sim_orders *o, uint32_t *head, uint32_t position)
{
    tt_sim_order *order = &o->at[position];
    if (order->prev != TT_SIM_NIL)
        o->at[order->prev].next = order->next;
    else
        *head = order->next;
    if (order->next != TT_SIM_NIL)
        o->at[order->next].prev = order->prev;
    order->prev = order->next = TT_SIM_NIL;
}

#endif
