/* The order table as bytes, and from bytes: every order at its place, lists, executions, counts.
 *
 * The two indexes are no state: they are made again, and what is found does not depend on how. So
 * two tables that answer alike have equal images. Owner: the engine's thread. About 10 ns an order.
 */
#ifndef TECTRA_ORDERS_IMAGE_H
#define TECTRA_ORDERS_IMAGE_H

#include "base.h"
#include "image.h"
#include "orders.h"

/* Then heads and live counts by owner, the orders, the executions. */
typedef struct {
    uint32_t capacity, owners, execs, used;
    uint32_t done, done_head, done_tail, reserved;
    uint64_t last_id, n_execs;
    tt_order_counts counts;
} tt_orders_head;
_Static_assert(sizeof(tt_orders_head) == 112, "tt_orders_head: size");

static inline uint64_t tt_execs_kept_(uint64_t n, uint32_t capacity)
{
    return n < capacity ? n : capacity;
}

static inline size_t tt_orders_image_size_(const tt_orders_head *h)
{
    return sizeof(*h) + (size_t)h->owners * 2 * sizeof(uint32_t) +
           (size_t)h->used * sizeof(tt_order) +
           (size_t)tt_execs_kept_(h->n_execs, h->execs) * sizeof(tt_exec);
}

static inline tt_orders_head tt_orders_head_of(const tt_orders *t)
{
    return (tt_orders_head){.capacity = t->capacity,
                            .owners = t->owners,
                            .execs = t->execs.capacity,
                            .used = t->used,
                            .done = t->done,
                            .done_head = t->done_head,
                            .done_tail = t->done_tail,
                            .last_id = t->last_id,
                            .n_execs = t->execs.n,
                            .counts = t->counts};
}

static inline size_t tt_orders_image_bytes(const tt_orders *t)
{
    const tt_orders_head head = tt_orders_head_of(t);
    return tt_orders_image_size_(&head);
}

/* `out` has tt_orders_image_bytes. */
static inline void tt_orders_save(const tt_orders *t, uint8_t *out)
{
    const tt_orders_head head = tt_orders_head_of(t);
    out = tt_image_put_(out, &head, sizeof(head));
    out = tt_image_put_(out, t->heads, t->owners * sizeof(uint32_t));
    out = tt_image_put_(out, t->live, t->owners * sizeof(uint32_t));
    out = tt_image_put_(out, t->pool, (size_t)t->used * sizeof(tt_order));
    tt_image_put_(out, t->execs.ring,
                  (size_t)tt_execs_kept_(t->execs.n, t->execs.capacity) * sizeof(tt_exec));
}

/* A link of a list: none, or one of the orders there are. */
static inline int tt_orders_link_(const tt_orders *t, uint32_t link)
{
    return link == TT_NIL || link < t->used;
}

static inline int tt_orders_index_again_(tt_orders *t)
{
    int sound = tt_orders_link_(t, t->done_head) && tt_orders_link_(t, t->done_tail);
    for (uint32_t i = 0; i < t->owners; i++)
        sound = sound && tt_orders_link_(t, t->heads[i]);
    for (uint32_t i = 0; sound && i < t->used; i++) {
        const tt_order *o = &t->pool[i];
        if (!tt_orders_link_(t, o->next) || !tt_orders_link_(t, o->prev) ||
            o->state >= TT_ORDER_STATES || o->strategy_id >= t->owners)
            return TT_E_CORRUPT;
        const uint32_t cell = tt_orders_cell_(t, o->order_id);
        if (t->index[cell] != 0)
            return TT_E_CORRUPT;
        t->index[cell] = i + 1;
    }
    return sound ? TT_OK : TT_E_CORRUPT;
}

static inline int tt_execs_index_again_(tt_exec_set *s)
{
    const uint32_t kept = (uint32_t)tt_execs_kept_(s->n, s->capacity);
    for (uint32_t at = 0; at < kept; at++) {
        const tt_exec *e = &s->ring[at];
        uint32_t cell = tt_exec_home_(s, e->order_id, e->exec_id);
        for (uint32_t i = 0; i <= s->mask && s->index[cell] != 0; i++)
            cell = (cell + 1) & s->mask;
        s->index[cell] = at + 1;
    }
    return TT_OK;
}

/* Into a table as tt_orders_init left it. TT_OK; TT_E_RANGE (made for other numbers, or not new);
 * TT_E_CORRUPT, and then the table is of no use. */
static inline int tt_orders_load(tt_orders *t, const uint8_t *in, size_t bytes)
{
    tt_orders_head head;
    if (bytes < sizeof(head))
        return TT_E_CORRUPT;
    in = tt_image_get_(in, &head, sizeof(head));
    if (head.capacity != t->capacity || head.owners != t->owners ||
        head.execs != t->execs.capacity || t->used != 0 || t->execs.n != 0)
        return TT_E_RANGE;
    if (head.used > head.capacity || tt_orders_image_size_(&head) != bytes)
        return TT_E_CORRUPT;
    t->used = head.used;
    t->done = head.done;
    t->done_head = head.done_head;
    t->done_tail = head.done_tail;
    t->last_id = head.last_id;
    t->counts = head.counts;
    t->execs.n = head.n_execs;
    in = tt_image_get_(in, t->heads, t->owners * sizeof(uint32_t));
    in = tt_image_get_(in, t->live, t->owners * sizeof(uint32_t));
    in = tt_image_get_(in, t->pool, (size_t)t->used * sizeof(tt_order));
    tt_image_get_(in, t->execs.ring,
                  (size_t)tt_execs_kept_(t->execs.n, t->execs.capacity) * sizeof(tt_exec));
    int rc = tt_orders_index_again_(t);
    rc = rc != TT_OK ? rc : tt_execs_index_again_(&t->execs);
    return rc != TT_OK ? rc : tt_orders_check(t);
}

#endif
