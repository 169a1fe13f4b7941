/* Reading the order-by-order book: tops, levels, queues, and the integrity check. Changes nothing.
 */
#ifndef TECTRA_L3_QUERY_H
#define TECTRA_L3_QUERY_H

#include "l3_apply.h"

/* Best prices of a slot; valid until the book set is freed, its content until the next apply. */
static inline const tt_top *tt_l3_top(const tt_l3 *b, uint32_t slot)
{
    TT_ASSERT(slot < b->slots);
    return &b->books[slot].top;
}

/* Priority that the next order will get: whoever holds it stands behind all orders with a smaller
 * number. */
static inline uint64_t tt_l3_next_prio(const tt_l3 *b)
{
    return b->next_prio;
}

static inline int64_t tt_l3_level_qty(const tt_l3 *b, uint32_t slot, uint8_t side, int64_t px)
{
    TT_ASSERT(slot < b->slots);
    if (px == TT_NO_PX)
        return 0;
    const uint32_t level = tt_level_find(b, slot << 1 | tt_side_index(side), px);
    return level ? b->levels[level].qty : 0;
}

/* Up to `max` levels from the best outward into px, qty, orders (each may be NULL); how many there
 * were. */
static inline uint32_t tt_l3_levels(const tt_l3 *b, uint32_t slot, uint8_t side, uint32_t max,
                                    int64_t *px, int64_t *qty, uint32_t *orders)
{
    TT_ASSERT(slot < b->slots);
    const uint32_t s = tt_side_index(side);
    const tt_l3_book *book = &b->books[slot];
    const uint32_t count = book->levels[s] < max ? book->levels[s] : max;
    tt_ladder_cursor c = tt_ladder_begin(b, book, s);
    for (uint32_t n = 0; n < count; n++) {
        const tt_l3_level *level = &b->levels[tt_ladder_next(&c)];
        if (px)
            px[n] = level->px;
        if (qty)
            qty[n] = level->qty;
        if (orders)
            orders[n] = level->orders;
    }
    return count;
}

static inline int tt_l3_order(const tt_l3 *b, uint64_t order_ref, int64_t *px, int64_t *qty,
                              uint8_t *side, uint32_t *slot, uint64_t *prio)
{
    const uint32_t index = tt_l3_find(b, order_ref);
    if (!index)
        return TT_E_UNKNOWN_ORDER;
    const tt_l3_node *order = &b->orders[index];
    const tt_l3_level *level = &b->levels[order->level];
    *px = level->px;
    *qty = order->qty;
    *side = tt_side_of(level->slot_side & 1);
    *slot = level->slot_side >> 1;
    *prio = order->prio;
    return TT_OK;
}

/* Quantity that stands before an order at its price; TT_E_UNKNOWN_ORDER below zero. Walks the queue
 * before it. */
static inline int64_t tt_l3_ahead(const tt_l3 *b, uint64_t order_ref)
{
    const uint32_t index = tt_l3_find(b, order_ref);
    if (!index)
        return TT_E_UNKNOWN_ORDER;
    int64_t ahead = 0;
    uint32_t n = 0, i = b->orders[index].prev;
    for (; i && n < b->order_pool.used; n++, i = b->orders[i].prev)
        ahead += b->orders[i].qty;
    return ahead;
}

/* Quantity at a level that stands before a priority number: what an order of ours with that number
 * waits for. */
static inline int64_t tt_l3_ahead_of(const tt_l3 *b, uint32_t slot, uint8_t side, int64_t px,
                                     uint64_t prio)
{
    const uint32_t level = tt_level_find(b, slot << 1 | tt_side_index(side), px);
    int64_t ahead = 0;
    uint32_t n = 0, i = level ? b->levels[level].head : 0;
    for (; i && n < b->order_pool.used && b->orders[i].prio < prio; n++, i = b->orders[i].next)
        ahead += b->orders[i].qty;
    return ahead;
}

/* One order of a queue listing. */
typedef struct {
    uint64_t order_ref, prio;
    int64_t px, qty;
} tt_l3_listed;

/* Orders of a side, best price first, front of the queue first; at most `max` into out, how many
 * there are in all. */
static inline uint32_t tt_l3_list(const tt_l3 *b, uint32_t slot, uint8_t side, uint32_t max,
                                  tt_l3_listed *out)
{
    const uint32_t s = tt_side_index(side);
    const tt_l3_book *book = &b->books[slot];
    tt_ladder_cursor c = tt_ladder_begin(b, book, s);
    uint32_t total = 0;
    for (uint32_t n = book->levels[s]; n > 0; n--) {
        const tt_l3_level *level = &b->levels[tt_ladder_next(&c)];
        uint32_t i = level->head;
        for (uint32_t k = 0; k < level->orders && i; k++, i = b->orders[i].next, total++)
            if (total < max)
                out[total] = (tt_l3_listed){.order_ref = tt_l3_ref(b, i),
                                            .prio = b->orders[i].prio,
                                            .px = level->px,
                                            .qty = b->orders[i].qty};
    }
    return total;
}

/* One queue: links both ways, positive quantities, growing priorities, sums, index entries. */
static inline int tt_l3_check_level(const tt_l3 *b, uint32_t index, uint32_t slot_side)
{
    const tt_l3_level *level = &b->levels[index];
    int64_t sum = 0;
    uint32_t count = 0, prev = 0, i = level->head;
    uint64_t prio = 0;
    if (level->slot_side != slot_side || level->orders == 0)
        return TT_E_CORRUPT;
    if (tt_level_find(b, slot_side, level->px) != index)
        return TT_E_CORRUPT;
    for (; i && count < level->orders; count++) {
        const tt_l3_node *order = &b->orders[i];
        if (order->level != index || order->prev != prev || order->qty <= 0 || order->prio <= prio)
            return TT_E_CORRUPT;
        if (tt_l3_find(b, tt_l3_ref(b, i)) != i || __builtin_add_overflow(sum, order->qty, &sum))
            return TT_E_CORRUPT;
        prio = order->prio;
        prev = i;
        i = order->next;
    }
    return i == 0 && prev == level->tail && count == level->orders && sum == level->qty
               ? TT_OK
               : TT_E_CORRUPT;
}

/* One side: levels strictly sorted from the best outward, each of them sound, the cached top equal
 * to the first. Adds its orders to *orders. */
static inline int tt_l3_check_side(const tt_l3 *b, uint32_t slot, uint32_t side, uint32_t *orders)
{
    const tt_l3_book *book = &b->books[slot];
    tt_ladder_cursor c = tt_ladder_begin(b, book, side);
    int64_t px = TT_NO_PX, qty = 0, last = 0;
    uint32_t n = 0, level, at_best = 0;
    for (; n <= book->levels[side] && (level = tt_ladder_next(&c)) != 0; n++) {
        const int64_t key = tt_ladder_key(side, b->levels[level].px);
        if ((n && key >= last) || tt_l3_check_level(b, level, slot << 1 | side) < 0)
            return TT_E_CORRUPT;
        if (n == 0) {
            px = b->levels[level].px;
            qty = b->levels[level].qty;
            at_best = b->levels[level].orders;
        }
        last = key;
        *orders += b->levels[level].orders;
    }
    return n == book->levels[side] && book->by.best[side].px == px &&
                   book->by.best[side].qty == qty && book->by.orders[side] == at_best
               ? TT_OK
               : TT_E_CORRUPT;
}

/* Integrity of one book: TT_OK or TT_E_CORRUPT. A crossed or locked book is sound; tt_top_state
 * tells of it. */
static inline int tt_l3_check(const tt_l3 *b, uint32_t slot)
{
    if (slot >= b->slots)
        return TT_E_UNKNOWN_INSTRUMENT;
    uint32_t orders = 0;
    for (uint32_t side = 0; side < 2; side++)
        if (tt_l3_check_side(b, slot, side, &orders) < 0)
            return TT_E_CORRUPT;
    return orders == b->books[slot].orders ? TT_OK : TT_E_CORRUPT;
}

/* Integrity of the whole set: every book, and that no order or level hangs outside all books. */
static inline int tt_l3_check_all(const tt_l3 *b)
{
    uint64_t orders = 0, levels = 0;
    for (uint32_t slot = 0; slot < b->slots; slot++) {
        if (tt_l3_check(b, slot) < 0)
            return TT_E_CORRUPT;
        orders += b->books[slot].orders;
        levels += b->books[slot].levels[0] + b->books[slot].levels[1];
    }
    return orders == b->order_pool.live && levels == b->level_pool.live ? TT_OK : TT_E_CORRUPT;
}

#endif
