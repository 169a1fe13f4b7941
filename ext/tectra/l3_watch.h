/* What others hear of an order-by-order book: a row for each distinct top-N state, a book_level
 * record for each change. */
#ifndef TECTRA_L3_WATCH_H
#define TECTRA_L3_WATCH_H

#include "l3_batch.h"

/* Rows of 2 + 4 * levels int64: ts_event_ns, ring_seq, bid_px[], bid_qty[], ask_px[], ask_qty[]; a
 * level that is not there: px TT_NO_PX, qty 0. `last` (4 * levels) is the state written last; the
 * caller seeds it with tt_l3_state. */
typedef struct {
    uint32_t instrument_id, levels;
    int64_t *rows, *last;
    size_t cap, used;
} tt_l3_watch;

/* The top `levels` of an instrument as 4 * levels int64; an instrument never seen is an empty book.
 */
static inline void tt_l3_state(const tt_l3 *b, uint32_t instrument_id, uint32_t levels,
                               int64_t *out)
{
    const uint32_t slot = tt_l3_slot(b, instrument_id);
    for (uint32_t s = 0; s < 2; s++) {
        int64_t *px = out + (size_t)2 * s * levels, *qty = px + levels;
        uint32_t n =
            slot == UINT32_MAX ? 0 : tt_l3_levels(b, slot, tt_side_of(s), levels, px, qty, NULL);
        for (; n < levels; n++) {
            px[n] = TT_NO_PX;
            qty[n] = 0;
        }
    }
}

/* Write a row when the state differs from the last one written. Room for one row is the caller's
 * duty. */
static inline void tt_l3_watch_write(const tt_l3 *b, tt_l3_watch *w, const tt_head *rec)
{
    TT_ASSERT(w->used < w->cap);
    const size_t cells = (size_t)4 * w->levels;
    int64_t *row = w->rows + w->used * (cells + 2);
    tt_l3_state(b, w->instrument_id, w->levels, row + 2);
    if (memcmp(row + 2, w->last, cells * sizeof *row) == 0)
        return;
    memcpy(w->last, row + 2, cells * sizeof *row);
    row[0] = rec->ts_event_ns;
    row[1] = (int64_t)rec->ring_seq;
    w->used++;
}

static inline int tt_l3_watch_seen(void *cx, const tt_l3 *b, const tt_head *rec,
                                   const tt_book_effect *fx)
{
    tt_l3_watch *w = (tt_l3_watch *)cx;
    const int ours = rec->instrument_id == w->instrument_id ||
                     (fx->kind == TT_FX_CLEAR && rec->instrument_id == 0);
    if (fx->kind != TT_FX_NONE && ours && (w->levels > 1 || fx->top_changed))
        tt_l3_watch_write(b, w, rec);
    return w->used == w->cap;
}

/* As tt_l3_run, with rows for one instrument; ends early, behind a record, when the rows are full.
 */
static inline int tt_l3_run_watch(tt_l3 *b, tt_l3_batch *in, tt_l3_watch *w)
{
    return tt_l3_run_each(b, in, tt_l3_watch_seen, w);
}

static inline void tt_l3_level_record(const tt_l3 *b, const tt_head *rec, const tt_book_effect *fx,
                                      int64_t px, uint8_t flags, tt_book_level *out)
{
    tt_rec_init(out, TT_T_BOOK_LEVEL);
    out->ring_seq = rec->ring_seq;
    out->ts_event_ns = rec->ts_event_ns;
    out->ts_recv_ns = rec->ts_recv_ns;
    out->instrument_id = b->books[fx->slot].instrument_id;
    out->side = fx->side;
    out->flags = flags;
    out->venue_id = ((const tt_book_add *)(const void *)rec)->venue_id;
    out->seq = rec->ring_seq;
    out->px = px;
    out->qty = tt_l3_level_qty(b, fx->slot, fx->side, px);
}

/* The levels that an effect changed, as book_level records (0, 1 or 2, the last one flagged LAST);
 * a book that became empty is one book_clear. */
static inline uint32_t tt_l3_publish(const tt_l3 *b, const tt_head *rec, const tt_book_effect *fx,
                                     tt_book_level out[2])
{
    uint32_t n = 0;
    if (fx->kind == TT_FX_NONE)
        return 0;
    if (fx->kind == TT_FX_CLEAR) {
        memcpy(out, rec, sizeof(tt_book_clear));
        return 1;
    }
    if (fx->kind == TT_FX_REPLACE && fx->new_px != fx->px)
        tt_l3_level_record(b, rec, fx, fx->new_px, 0, &out[n++]);
    tt_l3_level_record(b, rec, fx, fx->px, TT_MARKET_FLAG_LAST, &out[n++]);
    return n;
}

typedef struct {
    tt_book_level *out;
    size_t cap, used;
} tt_l3_outlet;

static inline int tt_l3_outlet_seen(void *cx, const tt_l3 *b, const tt_head *rec,
                                    const tt_book_effect *fx)
{
    tt_l3_outlet *o = (tt_l3_outlet *)cx;
    o->used += tt_l3_publish(b, rec, fx, o->out + o->used);
    return o->used + 2 > o->cap;
}

/* As tt_l3_run, publishing every changed level; ends early, behind a record, when another one might
 * not fit. Room for two is the caller's duty. */
static inline int tt_l3_run_publish(tt_l3 *b, tt_l3_batch *in, tt_l3_outlet *o)
{
    TT_ASSERT(o->used + 2 <= o->cap);
    return tt_l3_run_each(b, in, tt_l3_outlet_seen, o);
}

#endif
