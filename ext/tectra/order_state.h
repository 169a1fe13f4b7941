/* The life of an order: one table, state x event -> next state. 0 is an anomaly: said, counted, and
 * the state stays.
 *
 *   NEW -> SENT -> ACKED -> PARTIAL_FILL -> FILLED | CANCELLED | REJECTED | EXPIRED
 *                  CANCEL_SENT on the way to a cancel
 *
 * What the table says beside the usual flow:
 *   - Fills are always booked: before the ack, after a cancel, after a rejection, beyond the
 *     quantity. Whether one is PARTIAL_FILL or FILL follows from the quantities, so a late one may
 *     still complete the order.
 *   - A rejected order that is filled in part is alive at the venue after all: UNKNOWN, with its
 *     rest reserved.
 *   - A request without an answer is a TIMEOUT. UNKNOWN keeps the exposure, takes every report of
 *     the venue, and ends by FILL, CANCEL_ACK, EXPIRE or REJECT only. The refusal of a cancel or of
 *     a replace proves nothing about the order.
 *   - Answers that crossed on the wire (ack after fill, cancel refused after fill) are valid and
 *     change nothing.
 * NONE is the row of an order that does not exist yet. BY_CUM: FILLED, PARTIAL_FILL, ACKED or SENT,
 * by what is known. Two conditions lie beside the table, in order_event.h: REPLACE_ACK and
 * REPLACE_REJECT answer a replace that is under way, and REPLACE_SEND waits for that answer.
 */
#ifndef TECTRA_ORDER_STATE_H
#define TECTRA_ORDER_STATE_H

#include "base.h"
#include "msg.h"

#define TT_ORDER_STATES 11u /* with NONE */
#define TT_ORDER_EVENTS 15u /* 0 is no event */
#define TT_NEXT_BY_CUM 15u

/* clang-format off */
#define N TT_ORDER_STATE_NEW
#define S TT_ORDER_STATE_SENT
#define A TT_ORDER_STATE_ACKED
#define P TT_ORDER_STATE_PARTIAL_FILL
#define F TT_ORDER_STATE_FILLED
#define C TT_ORDER_STATE_CANCEL_SENT
#define X TT_ORDER_STATE_CANCELLED
#define R TT_ORDER_STATE_REJECTED
#define E TT_ORDER_STATE_EXPIRED
#define U TT_ORDER_STATE_UNKNOWN
#define B TT_NEXT_BY_CUM
static const uint8_t tt_order_next[TT_ORDER_STATES][TT_ORDER_EVENTS] = {
    /*       SUBMIT SEND ACK  PARTIAL FILL | CANCEL: SEND ACK REJECT | REPLACE: SEND ACK REJECT |
     *                                                                    REJECT EXPIRE TIMEOUT */
    [TT_ORDER_STATE_NONE] = {0, N, 0, 0, 0, 0,   0, 0, 0,   0, 0, 0,   0, 0, 0},
    [N]                   = {0, 0, S, 0, P, F,   0, 0, 0,   0, 0, 0,   R, 0, U},
    [S]                   = {0, 0, 0, A, P, F,   C, X, 0,   0, 0, 0,   R, E, U},
    [A]                   = {0, 0, 0, A, P, F,   C, X, 0,   A, B, A,   R, E, U},
    [P]                   = {0, 0, 0, P, P, F,   C, X, 0,   P, B, P,   0, E, U},
    [F]                   = {0, 0, 0, F, F, F,   0, 0, F,   0, B, F,   0, 0, 0},
    [C]                   = {0, 0, 0, C, C, F,   0, X, B,   0, C, C,   R, E, U},
    [X]                   = {0, 0, 0, X, X, F,   0, 0, X,   0, 0, X,   0, 0, 0},
    [R]                   = {0, 0, 0, 0, U, F,   0, 0, R,   0, 0, R,   0, 0, 0},
    [E]                   = {0, 0, 0, E, E, F,   0, 0, E,   0, 0, E,   0, 0, 0},
    [U]                   = {0, 0, 0, B, P, F,   U, X, U,   0, B, U,   R, E, U},
};
#undef N
#undef S
#undef A
#undef P
#undef F
#undef C
#undef X
#undef R
#undef E
#undef U
#undef B
/* clang-format on */

static inline int tt_order_is_done(uint8_t state)
{
    const uint32_t done = 1u << TT_ORDER_STATE_FILLED | 1u << TT_ORDER_STATE_CANCELLED |
                          1u << TT_ORDER_STATE_REJECTED | 1u << TT_ORDER_STATE_EXPIRED;
    TT_ASSERT(state < TT_ORDER_STATES);
    return (done >> state) & 1u;
}

/* May the venue hold it? An order that was not sent yet takes no part in the worst case. */
static inline int tt_order_is_open(uint8_t state)
{
    return state > TT_ORDER_STATE_NEW && !tt_order_is_done(state);
}

#endif
