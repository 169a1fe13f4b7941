/* Prints out of records, and the loop that makes bars of a batch of them.
 *
 * Which records are prints: an execution of a visible order (its price is the order's, so it needs
 * the book; book_execute_priced brings its own), and `trade`. Left out and counted: what the flags
 * call NOT_PRINTABLE (reported again by a cross) or BROKEN, and what has no size or no price. */
#ifndef TECTRA_BAR_RUN_H
#define TECTRA_BAR_RUN_H

#include "bars.h"

static inline void tt_print_head(tt_print *p, const tt_trade *r)
{
    *p = (tt_print){.px = TT_NO_PX,
                    .ts_event_ns = r->ts_event_ns,
                    .ts_recv_ns = r->ts_recv_ns,
                    .ring_seq = r->ring_seq,
                    .match_id = r->match_id,
                    .instrument_id = r->instrument_id,
                    .venue_id = r->venue_id,
                    .flags = r->flags};
}

/* The print of a record, if it is one: 1, or 0 (counted where it is one that is left out). `fx` is
 * what the record did to the book, NULL without one. */
static inline int tt_print_of(const tt_head *rec, const tt_book_effect *fx, tt_bar_counts *c,
                              tt_print *p)
{
    if (rec->template_id == TT_T_TRADE) {
        const tt_trade *r = (const tt_trade *)(const void *)rec;
        tt_print_head(p, r);
        p->px = r->px;
        p->qty = r->qty;
        p->side = r->side;
    } else if (rec->template_id == TT_T_BOOK_EXECUTE ||
               rec->template_id == TT_T_BOOK_EXECUTE_PRICED) {
        const tt_book_execute_priced *r = (const tt_book_execute_priced *)(const void *)rec;
        const uint8_t side = fx != NULL && fx->kind == TT_FX_EXECUTE ? fx->side : r->side;
        /* both templates have match_id where tt_print_head would not look for it */
        *p = (tt_print){.px = TT_NO_PX,
                        .qty = r->qty,
                        .ts_event_ns = r->ts_event_ns,
                        .ts_recv_ns = r->ts_recv_ns,
                        .ring_seq = r->ring_seq,
                        .match_id = r->match_id,
                        .instrument_id = r->instrument_id,
                        .venue_id = r->venue_id,
                        .side = side == TT_SIDE_NONE  ? TT_SIDE_NONE
                                : side == TT_SIDE_BUY ? TT_SIDE_SELL
                                                      : TT_SIDE_BUY,
                        .flags = r->flags};
        if (rec->template_id == TT_T_BOOK_EXECUTE_PRICED)
            p->px = r->exec_px;
        else if (fx != NULL && fx->kind == TT_FX_EXECUTE)
            p->px = fx->exec_px;
    } else {
        return 0;
    }
    if (p->flags & TT_MARKET_FLAG_BROKEN)
        c->broken++;
    else if (p->flags & TT_MARKET_FLAG_NOT_PRINTABLE)
        c->not_printable++;
    else if (p->px == TT_NO_PX)
        c->unpriced++;
    else if (p->qty <= 0)
        c->without_size++;
    else
        return 1;
    return 0;
}

/* A new state of the mid, if the record made one: 1 with the print, or 0. */
static inline int tt_bars_mid(tt_bars *b, const tt_head *rec, const tt_book_effect *fx,
                              tt_print *p)
{
    uint32_t place;
    const tt_quote *r = (const tt_quote *)(const void *)rec;
    if (rec->template_id != TT_T_QUOTE &&
        (fx == NULL || fx->kind == TT_FX_NONE || !fx->top_changed))
        return 0;
    b->rc = tt_bars_open(b, rec->instrument_id, r->venue_id, b->px_exponent, b->qty_exponent,
                         &place);
    if (b->rc != TT_OK)
        return 0;
    tt_bar_instrument *it = &b->known[place];
    const tt_bar_best best = tt_bars_best(b, it);
    int64_t px2;
    if (best.bid_px == TT_NO_PX || best.ask_px == TT_NO_PX || best.bid_px > best.ask_px ||
        __builtin_add_overflow(best.bid_px, best.ask_px, &px2) || px2 == it->mid_px2)
        return 0;
    it->mid_px2 = px2;
    *p = (tt_print){.px = px2,
                    .ts_event_ns = rec->ts_event_ns,
                    .ts_recv_ns = rec->ts_recv_ns,
                    .ring_seq = rec->ring_seq,
                    .instrument_id = rec->instrument_id,
                    .venue_id = r->venue_id};
    return 1;
}

/* Records that say something about instruments and bars without being prints. */
static inline void tt_bars_reference(tt_bars *b, const tt_head *rec)
{
    uint32_t place;
    if (rec->template_id == TT_T_INSTRUMENT) {
        b->rc = tt_bars_define(b, (const tt_instrument *)(const void *)rec);
    } else if (rec->template_id == TT_T_GAP) {
        tt_bars_lost(b, rec->instrument_id);
    } else if (rec->template_id == TT_T_QUOTE) {
        const tt_quote *r = (const tt_quote *)(const void *)rec;
        b->rc = tt_bars_open(b, r->instrument_id, r->venue_id, b->px_exponent, b->qty_exponent,
                             &place);
        if (b->rc == TT_OK) {
            b->known[place].bid_px = r->bid_qty > 0 ? r->bid_px : TT_NO_PX;
            b->known[place].ask_px = r->ask_qty > 0 ? r->ask_px : TT_NO_PX;
        }
    } else if (rec->template_id == TT_T_TRADE) {
        const tt_trade *r = (const tt_trade *)(const void *)rec;
        if (r->flags & TT_MARKET_FLAG_BROKEN && b->n_corrections < TT_BARS_CORRECTIONS_MAX)
            tt_print_head(&b->corrections[b->n_corrections++], r);
    }
}

/* Behind each record: its print, the bars it fills, and the bars that the next record's time ends.
 * Not 0 ends the loop. */
static inline int tt_bars_seen(void *cx, const tt_l3 *book, const tt_head *rec,
                               const tt_book_effect *fx)
{
    tt_bars *b = (tt_bars *)cx;
    const size_t slots = tt_slot_count(rec);
    const char *next = (const char *)rec + slots * TT_SLOT_BYTES;
    tt_print p;
    (void)book;
    if (TT_UNLIKELY(!tt_l3_is_whole(rec, (size_t)(b->end - (const char *)rec) / TT_SLOT_BYTES) ||
                    slots > 2)) {
        b->rc = TT_E_LENGTH;
        return 1;
    }
    if (b->copy) {
        memcpy(b->out + b->used * 8, rec, slots * TT_SLOT_BYTES);
        b->used += slots;
    }
    if (rec->template_id > TT_T_BOOK_REPLACE)
        tt_bars_reference(b, rec);
    if (b->rc == TT_OK && b->mids) {
        if (tt_bars_mid(b, rec, fx, &p))
            b->rc = tt_bars_print(b, &p);
    } else if (b->rc == TT_OK && tt_print_of(rec, fx, &b->counts, &p) &&
               (b->crosses || !(p.flags & TT_MARKET_FLAG_CROSS))) {
        b->rc = tt_bars_print(b, &p);
    }
    if (b->rc == TT_OK && next < b->end)
        b->rc = tt_bars_tick(b, (const tt_head *)(const void *)next);
    return b->rc != TT_OK || b->used + tt_bars_room(b) > b->cap;
}

/* The same loop where there is no book. */
static inline int tt_bars_plain(tt_bars *b, tt_l3_batch *in)
{
    int stop = 0;
    while (!stop && in->at < in->n) {
        const tt_head *rec = tt_slot_at(in->slots, in->at);
        in->at += tt_slot_count(rec);
        stop = tt_bars_seen(b, NULL, rec, NULL);
    }
    return TT_OK;
}

/* Make bars of a batch of whole records. TT_OK: all of it is used; TT_E_FULL with out_full: empty
 * the outlet and call again; TT_E_FULL without: grow the book and call again; else an error behind
 * record in->at. */
static inline int tt_bars_run(tt_bars *b, tt_l3 *book, tt_l3_batch *in)
{
    b->end = (const char *)in->slots + in->n * TT_SLOT_BYTES;
    b->out_full = 0;
    while (in->at < in->n) {
        b->rc = tt_bars_tick(b, tt_slot_at(in->slots, in->at));
        if (b->rc == TT_OK && b->used + tt_bars_room(b) > b->cap) {
            b->out_full = 1;
            b->rc = TT_E_FULL;
        }
        if (b->rc != TT_OK)
            return b->rc;
        const int rc = book == NULL ? tt_bars_plain(b, in)
                                    : tt_l3_run_each(book, in, tt_bars_seen, b);
        if (rc != TT_OK)
            return rc;
        if (b->rc != TT_OK)
            return b->rc;
    }
    return TT_OK;
}

/* Emit what is in the making, as partial bars stamped `ts_ns` (time bars that end there are whole):
 * TT_OK, TT_E_FULL (outlet; call again), TT_E_RANGE. */
static inline int tt_bars_flush(tt_bars *b, int64_t ts_ns)
{
    tt_head now = {.ts_event_ns = ts_ns, .ts_recv_ns = ts_ns};
    b->out_full = 0;
    int rc = ts_ns > 0 ? tt_bars_tick(b, &now) : TT_OK;
    for (uint32_t i = 0; i < b->n_sets && rc == TT_OK; i++) {
        tt_bar_set *s = &b->sets[i];
        for (uint32_t k = 0; k < b->n; k++) {
            if (s->rows[k].trades == 0)
                continue;
            if (b->used + 2 > b->cap) {
                b->out_full = 1;
                return TT_E_FULL;
            }
            tt_bars_emit(b, s, k, b->last_ns, b->last_recv_ns, 1);
        }
        if (b->last_ns > s->since_ns)
            s->since_ns = b->last_ns;
    }
    return rc;
}

/* Prints of a batch, one behind the other, for those who want them as columns. */
typedef struct {
    tt_print *out;
    size_t cap, used;
    const char *end; /* of the batch */
    tt_bar_counts counts;
} tt_print_outlet;

static inline int tt_print_seen(void *cx, const tt_l3 *book, const tt_head *rec,
                                const tt_book_effect *fx)
{
    tt_print_outlet *o = (tt_print_outlet *)cx;
    (void)book;
    TT_ASSERT(o->used < o->cap);
    if (TT_UNLIKELY(!tt_l3_is_whole(rec, (size_t)(o->end - (const char *)rec) / TT_SLOT_BYTES)))
        return 0; /* the book counted it */
    o->used += (size_t)tt_print_of(rec, fx, &o->counts, &o->out[o->used]);
    return o->used == o->cap;
}

/* As tt_l3_run_each; ends early, behind a record, when the outlet is full. */
static inline int tt_print_run(tt_l3 *book, tt_l3_batch *in, tt_print_outlet *o)
{
    o->end = (const char *)in->slots + in->n * TT_SLOT_BYTES;
    return tt_l3_run_each(book, in, tt_print_seen, o);
}

#endif
