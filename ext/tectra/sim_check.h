/* Integrity of the simulated exchange against its book, for debug builds and tests. Changes
 * nothing. */
#ifndef TECTRA_SIM_CHECK_H
#define TECTRA_SIM_CHECK_H

#include "base.h"
#include "l3.h"
#include "sim_state.h"

/* One list: order, links, quantities, and that the queue before each order is what the book says it
 * is. */
static inline int tt_sim_check_list_(const tt_sim *s, uint32_t at, uint8_t side, uint32_t *count)
{
    const tt_sim_inst *inst = &s->insts.at[at];
    uint32_t i = inst->head[side - 1], prev = TT_SIM_NIL;
    for (uint32_t n = 0; n < s->orders.cap && i != TT_SIM_NIL; n++) {
        const tt_sim_order *o = &s->orders.at[i];
        if (o->state != TT_SIM_LIVE || o->inst != at || o->side != side || o->prev != prev)
            return TT_E_CORRUPT;
        if (o->leaves_qty <= 0 || o->leaves_qty + o->cum_qty != o->qty)
            return TT_E_CORRUPT;
        if (prev != TT_SIM_NIL && tt_sim_better(side, o->px, s->orders.at[prev].px))
            return TT_E_CORRUPT;
        if (tt_sim_orders_find(&s->orders, o->order_id) != i)
            return TT_E_CORRUPT;
        if (inst->slot != UINT32_MAX &&
            o->ahead_qty != tt_l3_ahead_of(s->book, inst->slot, side, o->px, o->prio))
            return TT_E_CORRUPT;
        ++*count;
        prev = i;
        i = o->next;
    }
    return i == TT_SIM_NIL ? TT_OK : TT_E_CORRUPT;
}

/* What is remembered as taken lies within what the levels show, and the counts by instrument add
 * up. */
static inline int tt_sim_check_taken_(const tt_sim *s)
{
    uint64_t rows = 0, counted = 0;
    for (uint32_t i = 0; i < 2 * s->taken.cap; i++) {
        const tt_sim_taken_row *row = &s->taken.at[i];
        if (row->qty == 0)
            continue;
        const uint32_t slot = s->insts.at[row->inst].slot;
        if (row->qty < 0 || slot == UINT32_MAX ||
            row->qty > tt_l3_level_qty(s->book, slot, row->side, row->px))
            return TT_E_CORRUPT;
        if (tt_sim_taken_row_of(&s->taken, row->inst, row->side, row->px) != row)
            return TT_E_CORRUPT;
        rows++;
    }
    for (uint32_t at = 0; at < s->insts.n; at++)
        counted += s->insts.at[at].taken;
    return rows == s->taken.n && counted == rows ? TT_OK : TT_E_CORRUPT;
}

/* The whole exchange: TT_OK or TT_E_CORRUPT. The book must be where the last tt_sim_on_market left
 * it. */
static inline int tt_sim_check(const tt_sim *s)
{
    uint32_t live = 0, unslotted = 0, resting = 0;
    for (uint32_t at = 0; at < s->insts.n; at++) {
        const tt_sim_inst *inst = &s->insts.at[at];
        uint32_t count = 0;
        for (uint8_t side = TT_SIDE_BUY; side <= TT_SIDE_SELL; side++)
            if (tt_sim_check_list_(s, at, side, &count) != TT_OK)
                return TT_E_CORRUPT;
        const int is_live = count > 0 || inst->taken > 0;
        if (count != inst->resting || is_live != inst->live ||
            tt_sim_insts_find(&s->insts, inst->instrument_id) != at)
            return TT_E_CORRUPT;
        if (inst->slot != UINT32_MAX && s->live_by_slot[inst->slot] != (is_live ? at + 1 : 0))
            return TT_E_CORRUPT;
        resting += count;
        live += (uint32_t)is_live;
        unslotted += is_live && inst->slot == UINT32_MAX;
    }
    if (live != s->live || unslotted != s->unslotted || resting != s->orders.live)
        return TT_E_CORRUPT;
    return tt_sim_check_taken_(s);
}

#endif
