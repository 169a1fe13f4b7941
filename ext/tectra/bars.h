/* Bars of many instruments from a stream of records: which records are prints, when bars close, and
 * the bar records in between.
 *
 * Owner: one thread. A record that is no print costs one compare a rule; rows of memory come from
 * the caller. A time bar is [open, close): the first record at or past `close` (of any instrument;
 * a timer record does) emits it, stamped with the boundary, before that record touches any book. A
 * bar that fills up is emitted behind the print that filled it, stamped with its time. */
#ifndef TECTRA_BARS_H
#define TECTRA_BARS_H

#include "bar_row.h"
#include "l3.h"
#include "table.h"

#define TT_BARS_RULES_MAX 8u
#define TT_BARS_CORRECTIONS_MAX 64u

/* One rule and where its time grid stands. */
typedef struct {
    tt_bar_rule rule;
    tt_bar_row *rows; /* by instrument */
    int64_t open_ns, close_ns;
    int64_t since_ns;  /* bars that begin before it are partial */
    uint32_t roll_at;  /* instrument at which a full outlet stopped a roll or a flush */
    uint32_t open_bars; /* rows with prints */
    uint8_t started;
    uint8_t pad_[7];
} tt_bar_set;

typedef struct {
    uint64_t prints, late, broken, not_printable, unpriced, without_size, gaps;
} tt_bar_counts;

typedef struct {
    tt_table index; /* instrument id -> place + 1 */
    tt_bar_instrument *known;
    tt_bar_set sets[TT_BARS_RULES_MAX];
    const tt_l3 *book; /* NULL: executions of visible orders have no price */
    const char *end;   /* of the batch */
    uint64_t *out; /* slots */
    size_t cap, used; /* of out, in slots */
    uint64_t emitted;
    int64_t last_ns, last_recv_ns;
    uint32_t n, n_max, n_sets;
    uint32_t n_corrections;
    int32_t rc;       /* what stopped the loop */
    uint8_t copy;     /* records go to the outlet too */
    uint8_t mids;     /* prices are those of the mid */
    uint8_t crosses;  /* auction prints count */
    uint8_t out_full; /* TT_E_FULL was about the outlet */
    int8_t px_exponent, qty_exponent; /* of instruments that nobody defined */
    uint8_t pad_[6];
    tt_bar_counts counts;
    tt_print corrections[TT_BARS_CORRECTIONS_MAX]; /* the first broken trades */
} tt_bars;

/* Slots that one record may need at once. */
static inline size_t tt_bars_room(const tt_bars *b)
{
    return 2 * (size_t)b->n_sets + (b->copy ? 2 : 0);
}

/* Bars state amounts at these exponents: powers of ten beyond them, or their sum, are not there. */
static inline int tt_bars_exponent(int exponent)
{
    return exponent >= -TT_SCALE_MAX && exponent <= TT_SCALE_MAX;
}

/* Place of an instrument, made when new: TT_OK, TT_E_FULL (n_max are known), TT_E_RANGE (exponents
 * that none has), or what its rules say to its exponents. */
static inline int tt_bars_open(tt_bars *b, uint32_t id, uint16_t venue_id, int px_exponent,
                               int qty_exponent, uint32_t *place)
{
    const uint32_t found = tt_table_get(&b->index, id);
    *place = found - 1;
    if (TT_LIKELY(found != 0))
        return TT_OK;
    if (!tt_bars_exponent(px_exponent) || !tt_bars_exponent(qty_exponent))
        return TT_E_RANGE;
    if (b->n == b->n_max)
        return TT_E_FULL;
    tt_bar_instrument *it = &b->known[b->n];
    *it = (tt_bar_instrument){.bid_px = TT_NO_PX,
                              .ask_px = TT_NO_PX,
                              .instrument_id = id,
                              .venue_id = venue_id,
                              .px_exponent = (int8_t)px_exponent,
                              .qty_exponent = (int8_t)qty_exponent};
    for (uint32_t i = 0; i < b->n_sets; i++) {
        const int rc = tt_bar_row_init(&b->sets[i].rows[b->n], &b->sets[i].rule, it);
        if (rc != TT_OK)
            return rc;
    }
    const int rc = tt_table_put(&b->index, id, b->n + 1);
    if (rc == TT_OK)
        *place = b->n++;
    return rc;
}

/* A definition of an instrument: its exponents, unless it has bars in the making (TT_E_STATE when
 * they change then). */
static inline int tt_bars_define(tt_bars *b, const tt_instrument *r)
{
    uint32_t place;
    int rc =
        tt_bars_open(b, r->instrument_id, r->venue_id, r->px_exponent, r->qty_exponent, &place);
    if (rc != TT_OK)
        return rc;
    tt_bar_instrument *it = &b->known[place];
    if (it->px_exponent == r->px_exponent && it->qty_exponent == r->qty_exponent)
        return TT_OK;
    if (!tt_bars_exponent(r->px_exponent) || !tt_bars_exponent(r->qty_exponent))
        return TT_E_RANGE;
    it->px_exponent = r->px_exponent;
    it->qty_exponent = r->qty_exponent;
    for (uint32_t i = 0; i < b->n_sets; i++) {
        if (b->sets[i].rows[place].seen)
            return TT_E_STATE;
        rc = tt_bar_row_init(&b->sets[i].rows[place], &b->sets[i].rule, it);
        if (rc != TT_OK)
            return rc;
    }
    return TT_OK;
}

/* Best prices now: of the order book where it has the instrument, else of the last quote. */
static inline tt_bar_best tt_bars_best(const tt_bars *b, const tt_bar_instrument *it)
{
    const uint32_t slot =
        b->book == NULL ? UINT32_MAX : tt_l3_slot(b->book, it->instrument_id);
    if (slot == UINT32_MAX)
        return (tt_bar_best){it->bid_px, it->ask_px};
    const tt_top *top = tt_l3_top(b->book, slot);
    return (tt_bar_best){top->bid_px, top->ask_px};
}

/* Write the bar of a row and begin the next. Room is the caller's duty. */
static inline void tt_bars_emit(tt_bars *b, tt_bar_set *s, uint32_t place, int64_t close_ns,
                                int64_t recv_ns, int partial)
{
    tt_bar_row *row = &s->rows[place];
    tt_bar *out = (tt_bar *)(void *)(b->out + b->used * 8);
    TT_ASSERT(b->used + 2 <= b->cap);
    tt_bar_record(row, &s->rule, &b->known[place], tt_bars_best(b, &b->known[place]), out);
    out->ts_event_ns = close_ns;
    out->ts_recv_ns = recv_ns;
    out->ts_open_ns = row->ts_open_ns;
    if (s->rule.kind == TT_BAR_KIND_TIME) {
        out->ts_open_ns = s->open_ns < s->since_ns ? s->since_ns : s->open_ns;
        partial |= s->open_ns < s->since_ns;
    }
    out->flags = partial | row->partial ? TT_BAR_FLAG_PARTIAL : 0;
    b->used += 2;
    b->emitted++;
    if (row->trades)
        s->open_bars--;
    tt_bar_row_reset(row);
}

/* Put the grid of a time rule on its first record. */
static inline void tt_bars_start(tt_bar_set *s, int64_t ts_ns)
{
    const int64_t interval = s->rule.amount;
    int64_t rest = (ts_ns - s->rule.align_ns % interval) % interval;
    if (rest < 0)
        rest += interval;
    s->open_ns = ts_ns - rest;
    s->close_ns = s->open_ns + interval;
    s->since_ns = ts_ns;
    s->started = 1;
}

/* Close what ends at or before `ts_ns` under one rule: TT_OK, or TT_E_FULL (call again). */
static inline int tt_bars_roll(tt_bars *b, tt_bar_set *s, int64_t ts_ns, int64_t recv_ns)
{
    while (ts_ns >= s->close_ns) {
        const int any = s->open_bars > 0 || s->rule.flat;
        uint64_t made = b->emitted;
        for (; any && s->roll_at < b->n; s->roll_at++) {
            const tt_bar_row *row = &s->rows[s->roll_at];
            if (row->trades == 0 && !(s->rule.flat && row->seen))
                continue;
            if (b->used + 2 > b->cap) {
                b->out_full = 1;
                return TT_E_FULL;
            }
            tt_bars_emit(b, s, s->roll_at, s->close_ns, recv_ns, 0);
        }
        s->roll_at = 0;
        s->open_ns = s->close_ns;
        /* Without flat bars, or with none to draw, empty intervals are passed in one step. */
        if (!s->rule.flat || made == b->emitted)
            s->open_ns += (ts_ns - s->open_ns) / s->rule.amount * s->rule.amount;
        s->close_ns = s->open_ns + s->rule.amount;
    }
    return TT_OK;
}

/* Time moves to a record that is about to be handled: TT_OK, TT_E_FULL (outlet; call again), or
 * TT_E_RANGE. Records without a time move nothing. */
static inline int tt_bars_tick(tt_bars *b, const tt_head *rec)
{
    const int64_t ts_ns = rec->ts_event_ns;
    if (ts_ns <= b->last_ns)
        return TT_OK;
    if (ts_ns > INT64_MAX - TT_BAR_INTERVAL_MAX)
        return TT_E_RANGE;
    for (uint32_t i = 0; i < b->n_sets; i++) {
        tt_bar_set *s = &b->sets[i];
        if (s->rule.kind != TT_BAR_KIND_TIME)
            continue;
        if (!s->started)
            tt_bars_start(s, ts_ns);
        const int rc = tt_bars_roll(b, s, ts_ns, rec->ts_recv_ns);
        if (rc != TT_OK)
            return rc;
    }
    b->last_ns = ts_ns;
    b->last_recv_ns = rec->ts_recv_ns;
    return TT_OK;
}

/* A print goes into the bar of every rule. Venue times that run backwards: behind the open of a
 * time bar the print is counted as late and left out; others are stamped with the latest time so
 * far. */
static inline int tt_bars_print(tt_bars *b, tt_print *p)
{
    uint32_t place;
    int rc = tt_bars_open(b, p->instrument_id, p->venue_id, b->px_exponent, b->qty_exponent,
                          &place);
    if (rc != TT_OK)
        return rc;
    b->counts.prints++;
    const int64_t said_ns = p->ts_event_ns;
    p->ts_event_ns = said_ns < b->last_ns ? b->last_ns : said_ns;
    for (uint32_t i = 0; i < b->n_sets; i++) {
        tt_bar_set *s = &b->sets[i];
        if (s->rule.kind == TT_BAR_KIND_TIME && (!s->started || said_ns < s->open_ns)) {
            b->counts.late++;
            continue;
        }
        tt_bar_row *row = &s->rows[place];
        s->open_bars += row->trades == 0;
        rc = tt_bar_row_add(row, p);
        if (rc != TT_OK)
            return rc;
        if (!tt_bar_row_is_full(row, &s->rule))
            continue;
        if (s->rule.kind == TT_BAR_KIND_IMBALANCE)
            tt_bar_expect(row, &s->rule);
        row->closed += row->closed < UINT32_MAX;
        tt_bars_emit(b, s, place, p->ts_event_ns, p->ts_recv_ns, 0);
    }
    return TT_OK;
}

/* Records were lost: bars in the making are not whole (instrument 0: all of them). */
static inline void tt_bars_lost(tt_bars *b, uint32_t instrument_id)
{
    const uint32_t place = tt_table_get(&b->index, instrument_id) - 1;
    b->counts.gaps++;
    for (uint32_t i = 0; i < b->n_sets; i++)
        for (uint32_t k = 0; k < b->n; k++)
            if (instrument_id == 0 || k == place)
                b->sets[i].rows[k].partial = 1;
}

#endif
