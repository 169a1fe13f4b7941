/* Metrics as they happen: a book_metrics record for each record that changed what they are made of.
 *
 * Stamped with the ring_seq and both times of the record that caused it, so that who receives one
 * knows how old it is. Owner: the thread that applies. */
#ifndef TECTRA_METRICS_FLOW_H
#define TECTRA_METRICS_FLOW_H

#include "features.h"
#include "l3_batch.h"

typedef struct {
    tt_book_metrics *out;
    size_t cap, used;
    uint32_t levels;
    uint32_t all_cleared; /* the last record emptied every book: each has new metrics */
} tt_metrics_outlet;

/* 0 when a price lies behind the top `levels` of its side, as they are now: neither an order that
 * came there nor one that left changed any of them. */
static inline int tt_metrics_reaches_(const tt_l3 *b, const tt_book_effect *fx, int64_t px,
                                      uint32_t levels)
{
    const uint32_t side = tt_side_index(fx->side);
    const tt_l3_book *book = &b->books[fx->slot];
    if (book->levels[side] < levels)
        return 1;
    tt_ladder_cursor c = tt_ladder_begin(b, book, side);
    uint32_t last = 0;
    for (uint32_t n = 0; n < levels; n++)
        last = tt_ladder_next(&c);
    return tt_ladder_key(side, px) >= tt_ladder_key(side, b->levels[last].px);
}

/* Did this effect change one of the top `levels`? An effect on all books did. */
static inline int tt_metrics_touched(const tt_l3 *b, const tt_book_effect *fx, uint32_t levels)
{
    if (fx->kind == TT_FX_NONE || fx->kind == TT_FX_CLEAR || fx->top_changed)
        return fx->kind != TT_FX_NONE;
    return tt_metrics_reaches_(b, fx, fx->px, levels) ||
           (fx->kind == TT_FX_REPLACE && tt_metrics_reaches_(b, fx, fx->new_px, levels));
}

/* One record for one slot. Metrics whose sums do not fit are there as undefined. */
static inline void tt_metrics_write(const tt_l3 *b, tt_metrics_outlet *o, const tt_head *cause,
                                    uint32_t slot)
{
    TT_ASSERT(o->used < o->cap);
    tt_book_metrics *rec = &o->out[o->used++];
    tt_rec_init(rec, TT_T_BOOK_METRICS);
    rec->ring_seq = cause->ring_seq;
    rec->ts_event_ns = cause->ts_event_ns;
    rec->ts_recv_ns = cause->ts_recv_ns;
    rec->venue_id = ((const tt_book_add *)(const void *)cause)->venue_id;
    (void)tt_book_metrics_fill(b, slot, o->levels, rec);
}

static inline int tt_metrics_seen(void *cx, const tt_l3 *b, const tt_head *rec,
                                  const tt_book_effect *fx)
{
    tt_metrics_outlet *o = (tt_metrics_outlet *)cx;
    if (!tt_metrics_touched(b, fx, o->levels))
        return 0;
    if (fx->slot == UINT32_MAX) {
        o->all_cleared = 1;
        return 1;
    }
    tt_metrics_write(b, o, rec, fx->slot);
    return o->used == o->cap;
}

/* As tt_l3_run, with metrics; ends early, behind a record, when there is no room for another one or
 * when all books were cleared. */
static inline int tt_l3_run_metrics(tt_l3 *b, tt_l3_batch *in, tt_metrics_outlet *o)
{
    TT_ASSERT(o->used < o->cap && o->levels >= 1 && o->levels <= TT_METRICS_LEVELS_MAX);
    o->all_cleared = 0;
    return tt_l3_run_each(b, in, tt_metrics_seen, o);
}

/* Order flow of one instrument: rows of ts_event_ns, ring_seq and the flow of each level. */
typedef struct {
    tt_flow_state *state;
    int64_t *rows;
    size_t cap, used;
    uint32_t instrument_id;
    int32_t rc; /* TT_E_OVERFLOW ended the loop */
} tt_flow_outlet;

static inline int tt_flow_seen(void *cx, const tt_l3 *b, const tt_head *rec,
                               const tt_book_effect *fx)
{
    tt_flow_outlet *o = (tt_flow_outlet *)cx;
    tt_flow_state *s = o->state;
    const size_t width = (size_t)s->levels + 2;
    if (!tt_metrics_touched(b, fx, s->levels))
        return 0;
    if (fx->kind == TT_FX_CLEAR && (rec->instrument_id == 0 ||
                                    rec->instrument_id == o->instrument_id)) {
        s->is_known = 0;
        return 0;
    }
    if (rec->instrument_id != o->instrument_id)
        return 0;
    tt_book_side bids = tt_book_side_l3(b, fx->slot, 0);
    tt_book_side asks = tt_book_side_l3(b, fx->slot, 1);
    tt_depth d;
    tt_depth_of(&bids, &asks, s->levels, &d);
    /* what a snapshot brings back did not flow */
    if (((const tt_book_add *)(const void *)rec)->flags & TT_MARKET_FLAG_SNAPSHOT)
        s->is_known = 0;
    const int known = (int)s->is_known;
    o->rc = tt_flow_update(s, &d);
    if (o->rc < 0 || !known)
        return o->rc < 0;
    int64_t *row = o->rows + o->used++ * width;
    row[0] = rec->ts_event_ns;
    row[1] = (int64_t)rec->ring_seq;
    memcpy(row + 2, s->flow, s->levels * sizeof *row);
    return o->used == o->cap;
}

/* As tt_l3_run, with a row for each record that changed the top levels of one instrument. */
static inline int tt_l3_run_flow(tt_l3 *b, tt_l3_batch *in, tt_flow_outlet *o)
{
    TT_ASSERT(o->used < o->cap);
    o->rc = TT_OK;
    return tt_l3_run_each(b, in, tt_flow_seen, o);
}

#endif
