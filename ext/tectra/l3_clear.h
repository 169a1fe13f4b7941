/* Emptying books: every order of an instrument leaves, its levels with them.
 *
 * Cost: a few tens of nanoseconds an order that leaves, whatever else the set holds; levels go from
 * the best outward, so that no rung is moved. Owner: the thread that applies. */
#ifndef TECTRA_L3_CLEAR_H
#define TECTRA_L3_CLEAR_H

#include "l3_order.h"
#include "ladder.h"

static inline void tt_l3_clear_side_(tt_l3 *b, uint32_t slot, uint32_t side)
{
    const tt_l3_book *book = &b->books[slot];
    for (uint32_t n = book->levels[side]; n > 0; n--) {
        tt_ladder_cursor c = tt_ladder_begin(b, book, side);
        const uint32_t at = tt_ladder_next(&c);
        const tt_l3_level *level = &b->levels[at];
        for (uint32_t k = level->orders; k > 0; k--) {
            const uint32_t order = level->head;
            const uint64_t ref = tt_l3_ref(b, order);
            tt_l3_ref_erase(b, ref, tt_l3_place(b, ref));
            tt_l3_unlink(b, order, ref);
        }
        tt_level_drop(b, at);
    }
}

/* Empty one book; the instrument keeps its slot, and what it was refused before is forgiven. How
 * many orders left. */
static inline uint32_t tt_l3_clear_slot(tt_l3 *b, uint32_t slot)
{
    const uint32_t orders = b->books[slot].orders;
    for (uint32_t side = 0; side < 2; side++)
        tt_l3_clear_side_(b, slot, side);
    b->books[slot].faults = 0;
    TT_ASSERT(b->books[slot].orders == 0);
    return orders;
}

#endif
