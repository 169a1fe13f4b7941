/* Order-by-order book of a whole market: what each record does.
 *
 * Owner: one thread writes; readers are on the same thread. Cost: tens of nanoseconds a message,
 * from the cache misses of reference, order, level and queue neighbours; batch loops stage them
 * (l3_batch.h). Rules: ITCH 5.0, book building. A code below zero means that the book is as it was;
 * TT_E_FULL means that the owner must grow arena `short_of` and apply the same record again. */
#ifndef TECTRA_L3_APPLY_H
#define TECTRA_L3_APPLY_H

#include "l3_clear.h"
#include "l3_order.h"
#include "ladder.h"

enum {
    TT_FX_NONE,
    TT_FX_ADD,
    TT_FX_REDUCE,
    TT_FX_EXECUTE,
    TT_FX_REMOVE,
    TT_FX_REPLACE,
    TT_FX_CLEAR
};

/* What one record did. px is the level touched, qty what was added or removed there; exec_px the
 * price of the trade. REPLACE: px, qty, prio are of the order that left, new_* of the one that
 * came. gone: order_ref left the book. CLEAR: every order left the book of `slot` (UINT32_MAX: all
 * books), qty is how many; there is no side and no price. */
typedef struct {
    uint32_t slot;
    uint8_t side, kind, top_changed, gone;
    int64_t px, qty, exec_px;
    uint64_t prio, order_ref;
    int64_t new_px, new_qty;
    uint64_t new_prio;
} tt_book_effect;

/* State of the top of a book, as flags; 0: two-sided and bid < ask, fit for trading. */
enum { TT_BOOK_NO_BID = 1, TT_BOOK_NO_ASK = 2, TT_BOOK_LOCKED = 4, TT_BOOK_CROSSED = 8 };

static inline uint32_t tt_top_state(const tt_top *top)
{
    if (top->bid_px == TT_NO_PX || top->ask_px == TT_NO_PX)
        return (top->bid_px == TT_NO_PX ? TT_BOOK_NO_BID : 0) |
               (top->ask_px == TT_NO_PX ? TT_BOOK_NO_ASK : 0);
    return top->bid_px < top->ask_px    ? 0
           : top->bid_px == top->ask_px ? TT_BOOK_LOCKED
                                        : TT_BOOK_CROSSED;
}

/* Slot of an instrument, UINT32_MAX: never seen. Slots are dense, in order of appearance. */
static inline uint32_t tt_l3_slot(const tt_l3 *b, uint32_t instrument_id)
{
    if (TT_LIKELY(instrument_id < TT_L3_IDS))
        return b->slot_of[instrument_id] - 1;
    return tt_table_get(&b->other_ids, instrument_id) - 1;
}

/* Slot of an instrument, made when new. TT_E_UNKNOWN_INSTRUMENT: all slots_max slots are taken. */
static inline int tt_l3_open(tt_l3 *b, uint32_t instrument_id, uint32_t *slot)
{
    *slot = tt_l3_slot(b, instrument_id);
    if (*slot != UINT32_MAX)
        return TT_OK;
    if (b->slots >= b->slots_max)
        return TT_E_UNKNOWN_INSTRUMENT;
    if (instrument_id < TT_L3_IDS) {
        b->slot_of[instrument_id] = b->slots + 1;
    } else if (tt_table_put(&b->other_ids, instrument_id, b->slots + 1) < 0) {
        b->short_of = TT_L3_OTHER_IDS;
        return TT_E_FULL;
    }
    tt_l3_book *book = &b->books[b->slots];
    memset(book, 0, sizeof *book);
    tt_top_clear(book, 0);
    tt_top_clear(book, 1);
    tt_window_init(&book->window[0]);
    tt_window_init(&book->window[1]);
    book->instrument_id = instrument_id;
    *slot = b->slots++;
    return TT_OK;
}

/* Everything that can stop an order from joining (slot_side, px): checked, and the level made when
 * it is missing. */
static inline int tt_l3_admit(tt_l3 *b, uint32_t slot_side, int64_t px, int64_t qty,
                              uint32_t *level)
{
    int64_t sum;
    int rc;
    if (TT_UNLIKELY(tt_pool_is_full(&b->order_pool))) {
        b->short_of = TT_L3_ORDERS;
        return TT_E_FULL;
    }
    *level = tt_level_join(b, slot_side, px, &rc);
    if (TT_UNLIKELY(rc < 0))
        return rc;
    return __builtin_add_overflow(b->levels[*level].qty, qty, &sum) ? TT_E_OVERFLOW : TT_OK;
}

static inline int tt_l3_add(tt_l3 *b, const tt_book_add *r, uint32_t *place, tt_book_effect *fx)
{
    uint32_t slot, level;
    if (r->qty <= 0 || r->px == TT_NO_PX || (r->side != TT_SIDE_BUY && r->side != TT_SIDE_SELL))
        return TT_E_RANGE;
    if (tt_l3_find_at(b, r->order_ref, place))
        return TT_E_DUPLICATE;
    int rc = tt_l3_open(b, r->instrument_id, &slot);
    if (rc < 0)
        return rc;
    rc = tt_l3_ref_reserve(b, r->order_ref, &place);
    if (rc < 0)
        return rc;
    rc = tt_l3_admit(b, slot << 1 | tt_side_index(r->side), r->px, r->qty, &level);
    if (rc < 0)
        return rc;
    *fx = (tt_book_effect){.slot = slot,
                           .side = r->side,
                           .kind = TT_FX_ADD,
                           .px = r->px,
                           .qty = r->qty,
                           .exec_px = TT_NO_PX,
                           .prio = b->next_prio,
                           .order_ref = r->order_ref};
    tt_l3_push(b, level, r->order_ref, place, r->qty);
    fx->top_changed = tt_top_sync(&b->books[slot], &b->levels[level]);
    return TT_OK;
}

/* The order that a record names, 0 with *rc set when the record contradicts what the book knows of
 * it. */
static inline uint32_t tt_l3_named(const tt_l3 *b, const tt_book_execute *r, const uint32_t *place,
                                   tt_book_effect *fx, int *rc)
{
    const uint32_t index = tt_l3_find_at(b, r->order_ref, place);
    *rc = TT_E_UNKNOWN_ORDER;
    if (TT_UNLIKELY(index == 0))
        return 0;
    const tt_l3_node *order = &b->orders[index];
    const tt_l3_level *level = &b->levels[order->level];
    const uint32_t slot = level->slot_side >> 1;
    *rc = TT_E_UNKNOWN_INSTRUMENT;
    if (TT_UNLIKELY(r->instrument_id != b->books[slot].instrument_id))
        return 0;
    *rc = TT_E_RANGE;
    if (TT_UNLIKELY(r->side != TT_SIDE_NONE && r->side != tt_side_of(level->slot_side & 1)))
        return 0;
    *rc = TT_OK;
    *fx = (tt_book_effect){.slot = slot,
                           .side = tt_side_of(level->slot_side & 1),
                           .px = level->px,
                           .qty = order->qty,
                           .exec_px = TT_NO_PX,
                           .prio = order->prio,
                           .order_ref = r->order_ref};
    return index;
}

/* Take the order out of the book; its reference has left the index. */
static inline void tt_l3_take_out(tt_l3 *b, uint32_t index, uint64_t ref, tt_book_effect *fx)
{
    const uint32_t level_index = b->orders[index].level;
    tt_l3_level *level = &b->levels[level_index];
    tt_l3_book *book = &b->books[fx->slot];
    const uint8_t was_best = book->by.best[level->slot_side & 1].px == level->px;
    tt_l3_unlink(b, index, ref);
    if (level->orders == 0)
        tt_level_drop(b, level_index);
    else if (was_best)
        tt_top_copy(book, level->slot_side & 1, level);
    fx->gone = 1;
    fx->top_changed |= was_best;
}

/* Execution or partial cancel: the order keeps its place, or leaves when nothing is left. */
static inline int tt_l3_reduce(tt_l3 *b, const tt_book_execute *r, uint32_t *place, uint8_t kind,
                               tt_book_effect *fx)
{
    int rc;
    if (r->qty <= 0)
        return TT_E_RANGE;
    const uint32_t index = tt_l3_named(b, r, place, fx, &rc);
    if (!index)
        return rc;
    tt_l3_node *order = &b->orders[index];
    if (r->qty > order->qty) {
        *fx = (tt_book_effect){.kind = TT_FX_NONE};
        return TT_E_UNDERFLOW;
    }
    fx->kind = kind;
    fx->qty = r->qty;
    if (r->qty == order->qty) {
        tt_l3_ref_erase(b, r->order_ref, place);
        tt_l3_take_out(b, index, r->order_ref, fx);
        return TT_OK;
    }
    tt_l3_level *level = &b->levels[order->level];
    order->qty -= r->qty;
    level->qty -= r->qty;
    fx->top_changed = tt_top_sync(&b->books[fx->slot], level);
    return TT_OK;
}

static inline int tt_l3_replace(tt_l3 *b, const tt_book_replace *r, uint32_t *place,
                                tt_book_effect *fx)
{
    uint32_t level;
    int rc;
    if (r->qty <= 0 || r->px == TT_NO_PX)
        return TT_E_RANGE;
    const uint32_t index =
        tt_l3_named(b, (const tt_book_execute *)(const void *)r, place, fx, &rc);
    if (!index)
        return rc;
    uint32_t *new_place = tt_l3_place(b, r->new_order_ref);
    const int same_ref = r->new_order_ref == r->order_ref;
    rc = !same_ref && tt_l3_find_at(b, r->new_order_ref, new_place) ? TT_E_DUPLICATE : TT_OK;
    if (rc == TT_OK)
        rc = tt_l3_ref_reserve(b, r->new_order_ref, &new_place);
    if (rc == TT_OK) {
        const uint32_t slot_side = b->levels[b->orders[index].level].slot_side;
        rc = tt_l3_admit(b, slot_side, r->px, r->qty, &level);
    }
    if (rc < 0) {
        *fx = (tt_book_effect){.kind = TT_FX_NONE};
        return rc;
    }
    fx->kind = TT_FX_REPLACE;
    fx->new_px = r->px;
    fx->new_qty = r->qty;
    fx->new_prio = b->next_prio;
    tt_l3_ref_erase(b, r->order_ref, place);
    tt_l3_push(b, level, r->new_order_ref, new_place, r->qty);
    fx->top_changed = tt_top_sync(&b->books[fx->slot], &b->levels[level]);
    tt_l3_take_out(b, index, r->order_ref, fx);
    return TT_OK;
}

/* A book, or with instrument 0 every book, becomes empty. An instrument never seen is empty. */
static __attribute__((noinline, unused)) int tt_l3_clear(tt_l3 *b, const tt_head *rec,
                                                         tt_book_effect *fx)
{
    const int all = rec->instrument_id == 0;
    const uint32_t slot = all ? UINT32_MAX : tt_l3_slot(b, rec->instrument_id);
    int64_t orders = 0;
    if (all)
        for (uint32_t n = 0; n < b->slots; n++)
            orders += tt_l3_clear_slot(b, n);
    else if (slot != UINT32_MAX)
        orders = tt_l3_clear_slot(b, slot);
    *fx = (tt_book_effect){.slot = slot,
                           .kind = orders ? TT_FX_CLEAR : TT_FX_NONE,
                           .top_changed = orders != 0,
                           .px = TT_NO_PX,
                           .qty = orders,
                           .exec_px = TT_NO_PX};
    return TT_OK;
}

/* Apply one order flow record whose reference has its index at `place` (tt_l3_place). */
static inline int tt_l3_apply_at(tt_l3 *b, const tt_head *rec, uint32_t *place, tt_book_effect *fx)
{
    const tt_book_execute *r = (const tt_book_execute *)(const void *)rec;
    int rc = TT_OK;
    switch (rec->template_id) {
    case TT_T_BOOK_ADD:
    case TT_T_BOOK_ADD_ATTRIBUTED:
        return tt_l3_add(b, (const tt_book_add *)(const void *)rec, place, fx);
    case TT_T_BOOK_EXECUTE:
        rc = tt_l3_reduce(b, r, place, TT_FX_EXECUTE, fx);
        if (rc == TT_OK)
            fx->exec_px = fx->px;
        return rc;
    case TT_T_BOOK_EXECUTE_PRICED:
        rc = tt_l3_reduce(b, r, place, TT_FX_EXECUTE, fx);
        if (rc == TT_OK)
            fx->exec_px = ((const tt_book_execute_priced *)(const void *)rec)->exec_px;
        return rc;
    case TT_T_BOOK_CANCEL:
        return tt_l3_reduce(b, r, place, TT_FX_REDUCE, fx);
    case TT_T_BOOK_DELETE: {
        const uint32_t index = tt_l3_named(b, r, place, fx, &rc);
        if (!index)
            return rc;
        fx->kind = TT_FX_REMOVE;
        tt_l3_ref_erase(b, r->order_ref, place);
        tt_l3_take_out(b, index, r->order_ref, fx);
        return TT_OK;
    }
    case TT_T_BOOK_REPLACE:
        return tt_l3_replace(b, (const tt_book_replace *)(const void *)rec, place, fx);
    default:
        return TT_OK;
    }
}

static inline void tt_l3_prefetch_book(const tt_l3_book *book)
{
    TT_PREFETCH_W(book);
    TT_PREFETCH_W(&book->window[0]);
    TT_PREFETCH_W(&book->window[1]);
}

static inline int tt_l3_is_flow(const tt_head *rec)
{
    return (uint16_t)(rec->template_id - TT_T_BOOK_ADD) <= TT_T_BOOK_REPLACE - TT_T_BOOK_ADD;
}

/* Apply one record: order flow, or book_clear; others do nothing. See the head of this file for the
 * codes. */
static inline int tt_l3_apply(tt_l3 *b, const tt_head *rec, tt_book_effect *fx)
{
    fx->kind = TT_FX_NONE;
    if (TT_UNLIKELY(!tt_l3_is_flow(rec)))
        return rec->template_id == TT_T_BOOK_CLEAR ? tt_l3_clear(b, rec, fx) : TT_OK;
    /* The record names its book: fetch that while the reference leads to order and level. */
    const uint32_t slot = tt_l3_slot(b, rec->instrument_id);
    if (TT_LIKELY(slot != UINT32_MAX))
        tt_l3_prefetch_book(&b->books[slot]);
    const uint64_t ref = ((const tt_book_add *)(const void *)rec)->order_ref;
    return tt_l3_apply_at(b, rec, tt_l3_place(b, ref), fx);
}

#endif
