/* The order table: every order by id, its state, what is executed and what is left.
 *
 * A pool of orders of fixed capacity, an open-addressed index by order_id, a list of the live
 * orders of each strategy, and a queue of the finished. A finished order stays until its place is
 * needed, oldest first, so that late reports still find it. Ids are the caller's and rise. Memory
 * is the caller's. Owner: the engine's thread. A look-up is about 3 ns, an event 10 ns.
 */
#ifndef TECTRA_ORDERS_H
#define TECTRA_ORDERS_H

#include "base.h"
#include "exec_set.h"
#include "msg.h"
#include "order_state.h"

#define TT_NIL UINT32_MAX

enum {
    TT_ORDER_MARK_OVERFILL = 1,        /* more was executed than ordered */
    TT_ORDER_MARK_LATE_FILL = 2,       /* executed after the order had ended */
    TT_ORDER_MARK_REPLACE_PENDING = 4, /* pending_px, pending_qty wait for the venue */
    TT_ORDER_MARK_ACKED = 8,
    TT_ORDER_MARK_CONFLICT = 16, /* reports contradict each other: a person must look */
};

/*  0 order_id     |  8 px            | 16 qty      | 24 leaves       | 32 cum       | 40 pending_px
 * 48 pending_qty  | 56 value (128)  | 72 venue_id | 80 tag          | 88 stop_px   | 96 ts_update
 * 104 instrument  | 108 next, prev  | 116 strategy, side .. marks     | 126 venue */
typedef struct {
    uint64_t order_id;
    int64_t px, qty; /* qty: the whole order, executed part included */
    int64_t leaves_qty, cum_qty;
    int64_t pending_px, pending_qty;
    uint64_t value_lo; /* sum of px * qty of the executions, 128 bits */
    int64_t value_hi;
    uint64_t venue_order_id, tag;
    int64_t stop_px;
    int64_t ts_update_ns; /* last transition */
    uint32_t instrument_id;
    uint32_t next, prev; /* list of live orders, or queue of finished ones */
    uint16_t strategy_id;
    uint8_t side, order_type, tif, flags, state, reason, marks, pad_;
    uint16_t venue_id;
} tt_order;

_Static_assert(sizeof(tt_order) == 128, "tt_order: two cache lines");

typedef struct {
    uint64_t submitted, transitions, invalid, overfills, late_fills, duplicates, conflicts, evicted;
} tt_order_counts;

typedef struct {
    tt_order *pool;
    uint32_t *index; /* pool position + 1; 0 is free */
    uint32_t *heads; /* newest live order of each strategy */
    uint32_t *live;  /* number of live orders of each strategy */
    uint32_t capacity, mask, owners;
    uint32_t used; /* pool entries ever taken */
    uint32_t done, done_head, done_tail;
    uint64_t last_id;
    tt_order_counts counts;
    tt_exec_set execs;
} tt_orders;

static inline size_t tt_orders_bytes(uint32_t capacity, uint32_t owners, uint32_t execs)
{
    const size_t cells = (size_t)tt_index_cells(capacity) + 2u * (size_t)owners;
    return sizeof(tt_order) * capacity + tt_exec_set_bytes(execs) + sizeof(uint32_t) * cells;
}

/* `memory`: tt_orders_bytes zeroed bytes, 64-aligned. `owners`: strategy ids are below it. `execs`:
 * execution ids remembered. */
static inline int tt_orders_init(tt_orders *t, void *memory, uint32_t capacity, uint32_t owners,
                                 uint32_t execs)
{
    if (capacity == 0 || capacity > 1u << 28 || owners == 0 || owners > 1u << 16 ||
        execs > 1u << 28)
        return TT_E_RANGE;
    memset(t, 0, sizeof(*t));
    t->pool = (tt_order *)memory;
    uint8_t *at = (uint8_t *)(t->pool + capacity);
    tt_exec_set_init(&t->execs, at, execs);
    t->index = (uint32_t *)(void *)(at + tt_exec_set_bytes(execs));
    t->mask = tt_index_cells(capacity) - 1;
    t->heads = t->index + t->mask + 1;
    t->live = t->heads + owners;
    t->capacity = capacity;
    t->owners = owners;
    t->done_head = t->done_tail = TT_NIL;
    for (uint32_t i = 0; i < owners; i++)
        t->heads[i] = TT_NIL;
    return TT_OK;
}

/* The high bits of a product with the golden ratio: ids that rise by one fall evenly over it.
 * Runs stay short whatever is live; a run of neighbours would make each eviction walk all of it. */
static inline uint32_t tt_orders_home_(const tt_orders *t, uint64_t order_id)
{
    const uint64_t spread = order_id * 0x9E3779B97F4A7C15u >> 32;
    return (uint32_t)(spread * ((uint64_t)t->mask + 1) >> 32);
}

static inline uint32_t tt_orders_cell_(const tt_orders *t, uint64_t order_id)
{
    uint32_t cell = tt_orders_home_(t, order_id);
    for (uint32_t i = 0; i <= t->mask; i++) {
        const uint32_t at = t->index[cell];
        if (at == 0 || t->pool[at - 1].order_id == order_id)
            break;
        cell = (cell + 1) & t->mask;
    }
    return cell;
}

/* The order, or NULL. Valid until the order has ended and its place is needed. */
static inline tt_order *tt_orders_find(const tt_orders *t, uint64_t order_id)
{
    const uint32_t at = t->index[tt_orders_cell_(t, order_id)];
    return at == 0 ? NULL : &t->pool[at - 1];
}

/* Newest live order of a strategy, and the next older one; NULL at the end. */
static inline tt_order *tt_orders_first(const tt_orders *t, uint16_t strategy_id)
{
    return strategy_id >= t->owners || t->heads[strategy_id] == TT_NIL
               ? NULL
               : &t->pool[t->heads[strategy_id]];
}

static inline tt_order *tt_orders_after(const tt_orders *t, const tt_order *o)
{
    TT_ASSERT(!tt_order_is_done(o->state));
    return o->next == TT_NIL ? NULL : &t->pool[o->next];
}

/* What a venue may still execute, at worst: the quantity to reserve. An UNKNOWN order counts whole.
 */
static inline int64_t tt_order_exposure(const tt_order *o)
{
    if (!tt_order_is_open(o->state))
        return 0;
    const int64_t pending =
        o->marks & TT_ORDER_MARK_REPLACE_PENDING ? o->pending_qty - o->cum_qty : 0;
    return pending > o->leaves_qty ? pending : o->leaves_qty;
}

static inline __int128 tt_order_value(const tt_order *o)
{
    return (__int128)((unsigned __int128)(uint64_t)o->value_hi << 64 | o->value_lo);
}

/* Lists. A live order hangs in its strategy's list, a finished one in the queue of places to take
 * next. */
static inline void tt_orders_hang_(tt_orders *t, tt_order *o, int done)
{
    const uint32_t at = (uint32_t)(o - t->pool);
    if (done) {
        o->next = TT_NIL;
        o->prev = t->done_tail;
        if (t->done_tail == TT_NIL)
            t->done_head = at;
        else
            t->pool[t->done_tail].next = at;
        t->done_tail = at;
        t->done++;
        return;
    }
    o->prev = TT_NIL;
    o->next = t->heads[o->strategy_id];
    if (o->next != TT_NIL)
        t->pool[o->next].prev = at;
    t->heads[o->strategy_id] = at;
    t->live[o->strategy_id]++;
}

static inline void tt_orders_unhang_(tt_orders *t, tt_order *o, int done)
{
    uint32_t *head = done ? &t->done_head : &t->heads[o->strategy_id];
    if (o->prev == TT_NIL)
        *head = o->next;
    else
        t->pool[o->prev].next = o->next;
    if (o->next != TT_NIL)
        t->pool[o->next].prev = o->prev;
    else if (done)
        t->done_tail = o->prev;
    if (done)
        t->done--;
    else
        t->live[o->strategy_id]--;
}

/* Forget the order that ended first; cells behind it move up. */
static inline tt_order *tt_orders_evict_(tt_orders *t)
{
    tt_order *o = &t->pool[t->done_head];
    uint32_t hole = tt_orders_cell_(t, o->order_id), next = hole;
    TT_ASSERT(t->index[hole] != 0 && tt_order_is_done(o->state));
    tt_orders_unhang_(t, o, 1);
    for (uint32_t i = 0; i < t->mask; i++) {
        next = (next + 1) & t->mask;
        if (t->index[next] == 0)
            break;
        const uint32_t home = tt_orders_home_(t, t->pool[t->index[next] - 1].order_id);
        if (((next - home) & t->mask) >= ((next - hole) & t->mask)) {
            t->index[hole] = t->index[next];
            hole = next;
        }
    }
    t->index[hole] = 0;
    t->counts.evicted++;
    return o;
}

static inline void tt_order_say_(const tt_order *o, uint8_t event, uint8_t from, int64_t now,
                                 uint64_t cause_seq, tt_order_event *ev)
{
    tt_rec_init(ev, TT_T_ORDER_EVENT);
    ev->ts_event_ns = now;
    ev->ts_recv_ns = now;
    ev->instrument_id = o->instrument_id;
    ev->side = o->side;
    ev->event = event;
    ev->strategy_id = o->strategy_id;
    ev->order_id = o->order_id;
    ev->px = o->px;
    ev->qty = o->qty;
    ev->cause_seq = cause_seq;
    ev->leaves_qty = o->leaves_qty;
    ev->cum_qty = o->cum_qty;
    ev->from_state = from;
    ev->to_state = o->state;
}

/* Enter an order as NEW. TT_OK; TT_E_RANGE (no id, no such strategy, qty <= 0); TT_E_DUPLICATE (ids
 * rise); TT_E_FULL (every place holds a live order). `ev` is filled on success. */
static inline int tt_orders_submit(tt_orders *t, const tt_order_intent *it, int64_t now,
                                   tt_order_event *ev)
{
    tt_order *o;
    if (it->order_id == 0 || it->strategy_id >= t->owners || it->qty <= 0)
        return TT_E_RANGE;
    if (it->order_id <= t->last_id)
        return TT_E_DUPLICATE;
    if (t->used < t->capacity)
        o = &t->pool[t->used++];
    else if (t->done_head != TT_NIL)
        o = tt_orders_evict_(t);
    else
        return TT_E_FULL;
    memset(o, 0, sizeof(*o));
    o->order_id = t->last_id = it->order_id;
    o->px = it->px;
    o->qty = o->leaves_qty = it->qty;
    o->tag = it->tag;
    o->stop_px = it->stop_px;
    o->ts_update_ns = now;
    o->instrument_id = it->instrument_id;
    o->strategy_id = it->strategy_id;
    o->side = it->side;
    o->order_type = it->order_type;
    o->tif = it->tif;
    o->flags = it->flags;
    o->state = tt_order_next[TT_ORDER_STATE_NONE][TT_ORDER_EVENT_KIND_SUBMIT];
    t->index[tt_orders_cell_(t, o->order_id)] = (uint32_t)(o - t->pool) + 1;
    tt_orders_hang_(t, o, 0);
    t->counts.submitted++;
    t->counts.transitions++;
    tt_order_say_(o, TT_ORDER_EVENT_KIND_SUBMIT, TT_ORDER_STATE_NONE, now, it->cause_seq, ev);
    ev->valid = 1;
    return TT_OK;
}

/* TT_OK, or TT_E_CORRUPT when index, lists and states do not agree. For tests and debug builds:
 * linear in the capacity. */
static inline int tt_orders_check(const tt_orders *t)
{
    uint32_t live = 0, done = 0;
    for (uint32_t i = 0; i < t->used; i++) {
        const tt_order *o = &t->pool[i];
        const int64_t left = o->qty > o->cum_qty ? o->qty - o->cum_qty : 0;
        if (tt_orders_find(t, o->order_id) != o || o->cum_qty < 0)
            return TT_E_CORRUPT;
        if (o->leaves_qty != (tt_order_is_done(o->state) ? 0 : left))
            return TT_E_CORRUPT;
    }
    for (uint32_t s = 0; s < t->owners; s++) {
        uint32_t n = 0;
        for (const tt_order *o = tt_orders_first(t, (uint16_t)s); o && n <= t->used;
             o = tt_orders_after(t, o), n++)
            if (o->strategy_id != s)
                return TT_E_CORRUPT;
        if (n != t->live[s])
            return TT_E_CORRUPT;
        live += n;
    }
    for (uint32_t at = t->done_head; at != TT_NIL && done <= t->used; at = t->pool[at].next, done++)
        if (!tt_order_is_done(t->pool[at].state))
            return TT_E_CORRUPT;
    return done == t->done && live + done == t->used ? TT_OK : TT_E_CORRUPT;
}

#include "order_event.h"

#endif
