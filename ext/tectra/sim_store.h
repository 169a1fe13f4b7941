/* What the simulated exchange holds beside its orders: instruments, liquidity taken, records.
 *
 * tt_sim_insts instrument id -> filters, trading state, own lists dense array and index, never
 * shrinks
 * tt_sim_taken (instrument, side, price) -> quantity own orders took open-addressed, an entry goes
 * when its level empties
 * tt_sim_ring 128-byte records in order of ts_recv_ns requests on their way in, reports on their
 * way out
 *
 * Arrays come from the caller; each has a _move that copies it into larger, initialized memory.
 */
#ifndef TECTRA_SIM_STORE_H
#define TECTRA_SIM_STORE_H

#include "base.h"
#include "msg.h"
#include "sim_order.h"
#include "table.h"

/* Price of the best own order of a side without orders: no price on the other side crosses it. */
#define TT_SIM_NO_BID INT64_MIN
#define TT_SIM_NO_ASK INT64_MAX

typedef struct {
    uint32_t instrument_id, slot; /* slot in the book, UINT32_MAX until the book has one */
    uint32_t head[2];             /* own resting orders by side - 1, best first */
    int64_t best_px[2];           /* price of the first of each list */
    uint32_t resting, taken;      /* own resting orders; levels with taken liquidity */
    int64_t tick, lot, qty_min, qty_max;
    uint8_t halted, live;
    uint8_t rebuilding; /* its recorded book was cleared and is not whole yet */
    uint8_t pad_[5];
} tt_sim_inst;

typedef struct {
    tt_sim_inst *at;
    tt_table index; /* instrument id -> position + 1 */
    uint32_t cap, n;
} tt_sim_insts;

/* `zeroed` holds tt_table_bytes(2 * cap) zero bytes. */
static inline void tt_sim_insts_init(tt_sim_insts *s, tt_sim_inst *at, void *zeroed, uint32_t cap)
{
    TT_ASSERT(cap > 0 && (cap & (cap - 1)) == 0);
    s->at = at;
    s->cap = cap;
    s->n = 0;
    tt_table_init(&s->index, zeroed, 2 * cap);
}

static inline uint32_t tt_sim_insts_find(const tt_sim_insts *s, uint32_t instrument_id)
{
    return tt_table_get(&s->index, instrument_id) - 1u; /* 0, no entry, wraps to TT_SIM_NIL */
}

/* Add an instrument that is not there yet; the caller has checked n < cap and sets the filters. */
static inline uint32_t tt_sim_insts_add(tt_sim_insts *s, uint32_t instrument_id)
{
    const uint32_t position = s->n++;
    const int rc = tt_table_put(&s->index, instrument_id, position + 1);
    TT_ASSERT(rc == TT_OK && position < s->cap);
    (void)rc;
    tt_sim_inst *inst = &s->at[position];
    memset(inst, 0, sizeof *inst);
    inst->instrument_id = instrument_id;
    inst->slot = UINT32_MAX;
    inst->head[0] = inst->head[1] = TT_SIM_NIL;
    inst->best_px[0] = TT_SIM_NO_BID;
    inst->best_px[1] = TT_SIM_NO_ASK;
    return position;
}

static inline void tt_sim_insts_move(tt_sim_insts *to, const tt_sim_insts *from)
{
    TT_ASSERT(to->cap >= from->cap && to->n == 0);
    memcpy(to->at, from->at, from->n * sizeof *from->at);
    to->n = from->n;
    for (uint32_t i = 0; i < from->n; i++) {
        const int rc = tt_table_put(&to->index, to->at[i].instrument_id, i + 1);
        TT_ASSERT(rc == TT_OK);
        (void)rc;
    }
}

typedef struct {
    int64_t px, qty; /* qty 0: empty */
    uint32_t inst;
    uint8_t side, pad_[3];
} tt_sim_taken_row;

typedef struct {
    tt_sim_taken_row *at; /* 2 * cap rows */
    uint32_t cap, n;
} tt_sim_taken;

static inline void tt_sim_taken_init(tt_sim_taken *t, tt_sim_taken_row *at, uint32_t cap)
{
    TT_ASSERT(cap > 0 && (cap & (cap - 1)) == 0);
    t->at = at;
    t->cap = cap;
    t->n = 0;
    memset(at, 0, 2 * (size_t)cap * sizeof *at);
}

static inline uint32_t tt_sim_taken_home_(uint32_t inst, uint8_t side, int64_t px)
{
    const uint64_t h =
        ((uint64_t)px + ((uint64_t)inst << 2 | side) * 0xD6E8FEB86659FD93u) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(h >> 32);
}

/* The row of a level, or the empty one where it would be. */
static inline tt_sim_taken_row *tt_sim_taken_row_of(const tt_sim_taken *t, uint32_t inst,
                                                    uint8_t side, int64_t px)
{
    const uint32_t mask = 2 * t->cap - 1;
    uint32_t i = tt_sim_taken_home_(inst, side, px) & mask;
    for (uint32_t n = 0; n <= mask && t->at[i].qty != 0; n++) {
        if (t->at[i].px == px && t->at[i].inst == inst && t->at[i].side == side)
            break;
        i = (i + 1) & mask;
    }
    return &t->at[i];
}

/* Own orders took `qty` more at a level; 1 when the level is new. The caller has seen n < cap. */
static inline uint32_t tt_sim_taken_add(tt_sim_taken *t, uint32_t inst, uint8_t side, int64_t px,
                                        int64_t qty)
{
    tt_sim_taken_row *row = tt_sim_taken_row_of(t, inst, side, px);
    const uint32_t fresh = row->qty == 0;
    TT_ASSERT(qty > 0 && t->n + fresh <= t->cap);
    row->px = px;
    row->inst = inst;
    row->side = side;
    row->qty += qty;
    t->n += fresh;
    return fresh;
}

/* Drop a row; the rows behind it move up. */
static inline void tt_sim_taken_erase_(tt_sim_taken *t, tt_sim_taken_row *row)
{
    const uint32_t mask = 2 * t->cap - 1;
    uint32_t hole = (uint32_t)(row - t->at);
    row->qty = 0;
    t->n--;
    for (uint32_t i = (hole + 1) & mask, n = 0; n <= mask && t->at[i].qty != 0;
         i = (i + 1) & mask, n++) {
        const uint32_t home = tt_sim_taken_home_(t->at[i].inst, t->at[i].side, t->at[i].px) & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            t->at[hole] = t->at[i];
            t->at[i].qty = 0;
            hole = i;
        }
    }
}

/* The level shows `level_qty` now: no more than that can be taken of it. 1 when the row went. */
static inline uint32_t tt_sim_taken_trim(tt_sim_taken *t, uint32_t inst, uint8_t side, int64_t px,
                                         int64_t level_qty)
{
    tt_sim_taken_row *row = tt_sim_taken_row_of(t, inst, side, px);
    if (row->qty <= level_qty || row->qty == 0)
        return 0;
    if (level_qty == 0) {
        tt_sim_taken_erase_(t, row);
        return 1;
    }
    row->qty = level_qty;
    return 0;
}

static inline void tt_sim_taken_move(tt_sim_taken *to, const tt_sim_taken *from)
{
    TT_ASSERT(to->cap >= from->cap && to->n == 0);
    for (uint32_t i = 0; i < 2 * from->cap; i++)
        if (from->at[i].qty != 0)
            tt_sim_taken_add(to, from->at[i].inst, from->at[i].side, from->at[i].px,
                             from->at[i].qty);
}

typedef union {
    tt_head head;
    tt_order_send send;
    tt_order_ack ack;
    tt_order_fill fill;
    tt_order_cancel cancel;
    tt_order_reject reject;
} tt_sim_rec;
_Static_assert(sizeof(tt_sim_rec) == 128, "sim_rec: size");

typedef struct {
    tt_sim_rec *at;
    uint32_t cap;        /* power of two */
    uint32_t head, tail; /* counts of records taken and put; they wrap */
} tt_sim_ring;

static inline void tt_sim_ring_init(tt_sim_ring *r, tt_sim_rec *at, uint32_t cap)
{
    TT_ASSERT(cap > 0 && (cap & (cap - 1)) == 0);
    r->at = at;
    r->cap = cap;
    r->head = r->tail = 0;
}

static inline uint32_t tt_sim_ring_room(const tt_sim_ring *r)
{
    return r->cap - (r->tail - r->head);
}

static inline tt_sim_rec *tt_sim_ring_front(const tt_sim_ring *r)
{
    return r->head == r->tail ? NULL : &r->at[r->head & (r->cap - 1)];
}

/* The next free record; the caller has checked the room. */
static inline tt_sim_rec *tt_sim_ring_put(tt_sim_ring *r)
{
    TT_ASSERT(tt_sim_ring_room(r) > 0);
    return &r->at[r->tail++ & (r->cap - 1)];
}

static inline int64_t tt_sim_ring_next_ns(const tt_sim_ring *r)
{
    return r->head == r->tail ? INT64_MAX : r->at[r->head & (r->cap - 1)].head.ts_recv_ns;
}

static inline void tt_sim_ring_move(tt_sim_ring *to, const tt_sim_ring *from)
{
    TT_ASSERT(to->cap >= from->cap && to->head == to->tail);
    for (uint32_t i = from->head; i != from->tail; i++)
        *tt_sim_ring_put(to) = from->at[i & (from->cap - 1)];
}

#endif
