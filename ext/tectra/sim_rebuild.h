/* The simulated exchange while the recorded book of an instrument is built anew.
 *
 * book_clear takes every displayed order away and a snapshot brings orders back, which is no
 * trading: until book_status says VALID nothing is filled and no new order is accepted, since
 * nobody knows what the venue showed meanwhile. Resting orders live on. What stood before them is
 * not known any more either, so all that is shown at their price when the book is whole again
 * stands before them.
 */
#ifndef TECTRA_SIM_REBUILD_H
#define TECTRA_SIM_REBUILD_H

#include "base.h"
#include "l3.h"
#include "msg.h"
#include "sim_state.h"

/* Forget what own orders took of an instrument's levels: these levels are gone. Whatever an erased
 * row makes move up is looked at in the next round; there are at most as many rounds as rows. */
static inline void tt_sim_taken_forget_(tt_sim *s, uint32_t at)
{
    const uint32_t rows = 2 * s->taken.cap;
    uint32_t left = s->insts.at[at].taken;
    for (uint32_t round = 0; round < rows && left > 0; round++)
        for (uint32_t i = 0; i < rows; i++)
            while (s->taken.at[i].qty != 0 && s->taken.at[i].inst == at && left > 0) {
                tt_sim_taken_erase_(&s->taken, &s->taken.at[i]);
                left--;
            }
    TT_ASSERT(left == 0);
    s->insts.at[at].taken = 0;
}

/* The book of an instrument is empty from here on. */
static inline void tt_sim_cleared_(tt_sim *s, uint32_t at)
{
    tt_sim_inst *inst = &s->insts.at[at];
    inst->rebuilding = 1;
    if (inst->taken)
        tt_sim_taken_forget_(s, at);
    for (uint32_t side = 0; side < 2; side++) {
        uint32_t i = inst->head[side];
        for (uint32_t n = 0; n < s->orders.cap && i != TT_SIM_NIL; n++, i = s->orders.at[i].next) {
            s->orders.at[i].ahead_qty = 0;
            s->orders.at[i].prio = tt_l3_next_prio(s->book);
        }
    }
    tt_sim_refresh(s, at);
}

/* A displayed order came to `px` while the book is built: it stands before ours. */
static inline void tt_sim_came_before_(tt_sim *s, uint32_t at, uint8_t side, int64_t px,
                                       int64_t qty, uint64_t prio)
{
    uint32_t i = s->insts.at[at].head[side - 1];
    for (uint32_t n = 0; n < s->orders.cap && i != TT_SIM_NIL; n++, i = s->orders.at[i].next) {
        tt_sim_order *o = &s->orders.at[i];
        if (o->px != px)
            continue;
        o->ahead_qty += qty;
        o->prio = prio + 1;
    }
}

/* A book_clear, or a book_status that says VALID, of one instrument or of all. TT_OK; TT_E_FULL:
 * nothing happened, grow and call again. */
static __attribute__((noinline, unused)) int tt_sim_rebuild_(tt_sim *s, const tt_head *rec)
{
    const int cleared = rec->template_id == TT_T_BOOK_CLEAR;
    int rc = TT_OK;
    if (!cleared && ((const tt_book_status *)(const void *)rec)->status != TT_BOOK_STATUS_VALID)
        return TT_OK;
    if (rec->instrument_id != 0) {
        const uint32_t at = tt_sim_inst_of(s, rec->instrument_id, 1, &rc);
        if (rc != TT_OK)
            return rc;
        if (cleared)
            tt_sim_cleared_(s, at);
        s->insts.at[at].rebuilding = (uint8_t)cleared;
        return TT_OK;
    }
    for (uint32_t at = 0; at < s->insts.n; at++) {
        if (cleared)
            tt_sim_cleared_(s, at);
        s->insts.at[at].rebuilding = (uint8_t)cleared;
    }
    s->rebuilding_new = (uint8_t)cleared;
    return TT_OK;
}

#endif
