/* Orders of the order-by-order book: reference -> order, and the queue at each level.
 *
 * References that come as dense growing numbers are found in pages of 4,096 order indices (one load
 * from a line that the neighbours of the reference share); references that do not pay for a page (a
 * filtered feed, random words, more than 2^32 away from the first) go to a hash table. Which of the
 * two is decided from the records alone. */
#ifndef TECTRA_L3_ORDER_H
#define TECTRA_L3_ORDER_H

#include "l3_state.h"

/* Index memory that one add may cost on average before sparse references go to the table: 64
 * entries = 256 bytes. */
#define TT_L3_SPREAD_MAX 64u
#define TT_L3_SPREAD_FREE (1u << 20)

/* Place of a reference in the pages, NULL when its run has no page. */
static inline uint32_t *tt_l3_place(const tt_l3 *b, uint64_t ref)
{
    const uint64_t run = (ref >> TT_L3_PAGE_BITS) - b->ref_base;
    if (TT_UNLIKELY(run >= TT_L3_PAGES_MAX))
        return NULL;
    const uint32_t page = b->page_of[run];
    if (TT_UNLIKELY(page == 0))
        return NULL;
    return &b->pages[((size_t)(page - 1) << TT_L3_PAGE_BITS) + (ref & (TT_L3_PAGE - 1))];
}

/* Order index of a reference whose place in the pages is known (NULL: it has none), 0: unknown. */
static inline uint32_t tt_l3_find_at(const tt_l3 *b, uint64_t ref, const uint32_t *place)
{
    if (TT_LIKELY(place && *place))
        return *place;
    return TT_LIKELY(b->refs.count == 0) ? 0 : tt_table_get(&b->refs, ref);
}

/* Order index of a reference, 0: unknown. */
static inline uint32_t tt_l3_find(const tt_l3 *b, uint64_t ref)
{
    return tt_l3_find_at(b, ref, tt_l3_place(b, ref));
}

static inline uint64_t tt_l3_ref(const tt_l3 *b, uint32_t order)
{
    return (uint64_t)b->ref_hi[order] << 32 | b->orders[order].ref_lo;
}

/* The first reference decides where the pages begin: at 0 when it lies below 2^32, else a quarter
 * of the span before it. */
static inline void tt_l3_set_base(tt_l3 *b, uint64_t ref)
{
    const uint64_t run = ref >> TT_L3_PAGE_BITS;
    b->ref_base = run < TT_L3_PAGES_MAX ? 0 : run - TT_L3_PAGES_MAX / 4;
    b->has_base = 1;
}

/* Make room in the index for a reference that is not in it; *place becomes its place in the pages,
 * or NULL for the table. */
static inline int tt_l3_ref_reserve(tt_l3 *b, uint64_t ref, uint32_t **place)
{
    if (TT_LIKELY(*place != NULL))
        return TT_OK;
    if (!b->has_base)
        tt_l3_set_base(b, ref);
    const uint64_t run = (ref >> TT_L3_PAGE_BITS) - b->ref_base;
    const uint64_t spread = (uint64_t)b->page_used << TT_L3_PAGE_BITS;
    if (run < TT_L3_PAGES_MAX && spread < TT_L3_SPREAD_FREE + TT_L3_SPREAD_MAX * b->adds) {
        if (b->page_used >= b->page_cap) {
            b->short_of = TT_L3_PAGES;
            return TT_E_FULL;
        }
        b->page_of[run] = ++b->page_used;
        *place = tt_l3_place(b, ref);
        return TT_OK;
    }
    if (tt_table_is_full(&b->refs)) {
        b->short_of = TT_L3_REFS;
        return TT_E_FULL;
    }
    return TT_OK;
}

/* Enter a reference for which tt_l3_ref_reserve made room. */
static inline void tt_l3_ref_put(tt_l3 *b, uint64_t ref, uint32_t *place, uint32_t order)
{
    if (TT_LIKELY(place != NULL)) {
        *place = order;
        return;
    }
    const int rc = tt_table_put(&b->refs, ref, order);
    TT_ASSERT(rc == TT_OK);
    (void)rc;
}

/* A reference may sit in the table although its run got a page later. */
static inline void tt_l3_ref_erase(tt_l3 *b, uint64_t ref, uint32_t *place)
{
    if (TT_LIKELY(place && *place))
        *place = 0;
    else
        (void)tt_table_erase(&b->refs, ref);
}

/* Put a new order at the tail of its level. Room was checked; sums were checked. Which link is
 * written is chosen, not branched on: queues have no pattern that a predictor could learn. */
static inline void tt_l3_push(tt_l3 *b, uint32_t level_index, uint64_t ref, uint32_t *place,
                              int64_t qty)
{
    tt_l3_level *level = &b->levels[level_index];
    const uint32_t index = tt_pool_peek(&b->order_pool);
    tt_l3_node *order = &b->orders[index];
    tt_pool_take(&b->order_pool, index, &order->next);
    *order = (tt_l3_node){.qty = qty,
                          .prio = b->next_prio++,
                          .level = level_index,
                          .prev = level->tail,
                          .ref_lo = (uint32_t)ref};
    if (TT_UNLIKELY(ref >> 32))
        b->ref_hi[index] = (uint32_t)(ref >> 32);
    uint32_t *before = level->tail ? &b->orders[level->tail].next : &level->head;
    *before = index;
    level->tail = index;
    level->orders++;
    level->qty += qty;
    b->books[level->slot_side >> 1].orders++;
    b->adds++;
    tt_l3_ref_put(b, ref, place, index);
}

/* Unlink an order that still holds `qty`; the level may be left empty. Its reference must have left
 * the index. */
static inline void tt_l3_unlink(tt_l3 *b, uint32_t index, uint64_t ref)
{
    tt_l3_node *order = &b->orders[index];
    tt_l3_level *level = &b->levels[order->level];
    TT_ASSERT(level->orders > 0 && level->qty >= order->qty);
    uint32_t *before = order->prev ? &b->orders[order->prev].next : &level->head;
    uint32_t *behind = order->next ? &b->orders[order->next].prev : &level->tail;
    *before = order->next;
    *behind = order->prev;
    level->orders--;
    level->qty -= order->qty;
    b->books[level->slot_side >> 1].orders--;
    if (TT_UNLIKELY(ref >> 32))
        b->ref_hi[index] = 0;
    tt_pool_give(&b->order_pool, index, &order->next);
}

#endif
