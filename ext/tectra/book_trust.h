/* How far the book of an instrument can be trusted, and who says so.
 *
 *   a record says            status becomes                 until
 *   (nothing yet)            NONE, which counts as valid    something below
 *   book refused a record    INVALID, MALFORMED             book_status
 *   gap                      INVALID, GAP                   book_status
 *   book_clear               RECOVERING, its reason         book_status
 *   book_status              what it says, with its reason  the next of these
 *
 * So only book_status VALID makes a book valid again, and it forgives what was refused before. A
 * status that is none of the known is INVALID, MALFORMED. A record of instrument 0 speaks of all
 * instruments of its venue (venue 0: of all), a book_clear of instrument 0 of all there are.
 * Function of the records alone. Owner: the engine's thread. Each function returns 1 when
 * strategies have something new to hear: once for each slot until `news` is taken. */
#ifndef TECTRA_BOOK_TRUST_H
#define TECTRA_BOOK_TRUST_H

#include "base.h"
#include "msg.h"
#include "strategy.h"

static inline uint32_t tt_trust_news_(tt_instrument_state *s, int is_new)
{
    if (!is_new || s->news)
        return 0;
    s->news = 1;
    return 1;
}

static inline uint32_t tt_trust_set_(tt_instrument_state *s, uint8_t status, uint8_t reason)
{
    const int is_new = s->status != status || s->reason != reason;
    s->status = status;
    s->reason = reason;
    return tt_trust_news_(s, is_new);
}

/* The book could not apply a record. What was wrong before stays what is said of it. */
static inline uint32_t tt_trust_refused(tt_instrument_state *s)
{
    s->errors++;
    if (!tt_state_valid(s))
        return 0;
    return tt_trust_set_(s, TT_BOOK_STATUS_INVALID, TT_BOOK_REASON_MALFORMED);
}

static inline int tt_trust_is_status(const tt_head *rec)
{
    const uint8_t status = ((const tt_book_status *)(const void *)rec)->status;
    return status >= TT_BOOK_STATUS_VALID && status <= TT_BOOK_STATUS_STALE;
}

static inline int tt_trust_concerns_(const tt_instrument_state *s, const tt_head *rec)
{
    const uint16_t venue_id = ((const tt_book_status *)(const void *)rec)->venue_id;
    return rec->instrument_id != 0 || rec->template_id == TT_T_BOOK_CLEAR || venue_id == 0 ||
           venue_id == s->venue_id;
}

/* A gap, book_status or book_clear that names this instrument, or all. `had_orders`: a clear takes
 * something away, which strategies hear although the status may stay. */
static inline uint32_t tt_trust_said(tt_instrument_state *s, const tt_head *rec, int had_orders)
{
    const tt_book_status *r = (const tt_book_status *)(const void *)rec;
    if (!tt_trust_concerns_(s, rec))
        return 0;
    if (rec->template_id == TT_T_GAP) {
        s->errors++;
        return tt_trust_set_(s, TT_BOOK_STATUS_INVALID, TT_BOOK_REASON_GAP);
    }
    if (rec->template_id == TT_T_BOOK_CLEAR)
        return tt_trust_set_(s, TT_BOOK_STATUS_RECOVERING, r->reason) |
               tt_trust_news_(s, had_orders);
    TT_ASSERT(rec->template_id == TT_T_BOOK_STATUS);
    if (!tt_trust_is_status(rec))
        return tt_trust_set_(s, TT_BOOK_STATUS_INVALID, TT_BOOK_REASON_MALFORMED);
    if (r->status == TT_BOOK_STATUS_VALID)
        s->errors = 0;
    return tt_trust_set_(s, r->status, r->reason);
}

/* 1 when strategies shall hear of this slot now; they are told once. */
static inline int tt_trust_take_news(tt_instrument_state *s)
{
    const int news = s->news;
    s->news = 0;
    return news;
}

#endif
