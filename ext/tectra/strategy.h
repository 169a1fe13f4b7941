/* What a strategy holds in its hand: a context that buffers its actions, and views of the market.
 *
 * One tt_ctx belongs to one strategy and is touched only by the engine's thread, inside callbacks.
 * Actions are buffered and leave after the callback returns; nothing here allocates, blocks, or
 * asks the machine for anything.
 */
#ifndef TECTRA_STRATEGY_H
#define TECTRA_STRATEGY_H

#include "base.h"
#include "l3.h"
#include "msg.h"
#include "orders.h"
#include "position.h"
#include "timers.h"

#define TT_INTENTS_MAX 64
#define TT_NOTES_MAX 16
#define TT_TRADES_KEPT 64

/* One print as strategies see it; side is the aggressor's. */
typedef struct {
    int64_t px, qty;
    int64_t ts_event_ns, ts_recv_ns;
    uint64_t ring_seq, match_id;
    uint32_t instrument_id;
    uint8_t side, flags;
    uint8_t pad_[2];
} tt_trade_view;

/* The last prints of one instrument, newest at (n - 1) % TT_TRADES_KEPT. */
typedef struct {
    tt_trade_view ring[TT_TRADES_KEPT];
    uint64_t n;
} tt_trades;

/* What the engine knows of one instrument beside its book. book_trust.h moves status and reason. */
typedef struct {
    int64_t mark_px2;   /* twice the last mid of a sound two-sided book; 0: there was none */
    uint32_t errors;    /* records the book refused or lost since it was last said to be valid */
    char trading_state; /* the venue's letter; 'T' trading */
    uint8_t status;     /* TT_BOOK_STATUS_*; NONE: nobody said anything, and nothing went wrong */
    uint8_t reason;     /* TT_BOOK_REASON_* of that status */
    uint8_t news;       /* strategies have yet to hear of a change of status */
    uint16_t venue_id;  /* where it trades */
    uint8_t pad_[6];
} tt_instrument_state;
_Static_assert(sizeof(tt_instrument_state) == 24, "tt_instrument_state: size");

/* The market side of the engine, read-only for strategies; arrays are by slot. */
typedef struct {
    const tt_l3 *l3;
    const tt_instrument_state *state;
    const tt_trades *trades;
    const tt_head *cause; /* the record being stepped */
    uint32_t slots;
    uint8_t pad_[4];
} tt_market;

/* NONE and VALID; whatever else is said of a book, it may not be what the venue has. */
static inline int tt_state_valid(const tt_instrument_state *state)
{
    return state->status <= TT_BOOK_STATUS_VALID;
}

static inline int tt_market_valid(const tt_market *m, uint32_t slot)
{
    return tt_state_valid(&m->state[slot]);
}

/* Valid (so not stale), trading, two sides, not crossed. */
static inline int tt_market_tradeable(const tt_market *m, uint32_t slot)
{
    const tt_top *top = tt_l3_top(m->l3, slot);
    return tt_market_valid(m, slot) && m->state[slot].trading_state == 'T' &&
           top->bid_px != TT_NO_PX && top->ask_px != TT_NO_PX && top->bid_px < top->ask_px;
}

/* A book as strategies see it, valid only during the callback. */
typedef struct {
    const tt_l3 *l3;
    const tt_top *top;
    const tt_book_effect *effect;
    int64_t ts_event_ns, ts_recv_ns;
    uint64_t ring_seq;
    uint32_t instrument_id, slot;
    uint8_t valid;     /* it is what the venue has, as far as anybody knows */
    uint8_t tradeable; /* valid, trading, two sides, not crossed */
    uint8_t status;    /* TT_BOOK_STATUS_* */
    uint8_t reason;    /* TT_BOOK_REASON_*: why it is so */
    uint8_t pad_[4];
} tt_book_view;

typedef struct {
    int64_t now_ns;
    uint64_t cause_seq;
    uint64_t *next_order_id;
    const tt_market *market;
    const tt_orders *orders;
    const tt_position *positions; /* this strategy's rows, by slot */
    tt_timers *timers;
    uint32_t n_intents, n_notes;
    uint32_t refused; /* actions that found the batch full */
    uint16_t strategy_id;
    uint8_t pad_[2];
    tt_order_intent intents[TT_INTENTS_MAX];
    tt_strategy_signal notes[TT_NOTES_MAX];
} tt_ctx;

_Static_assert(sizeof(tt_strategy_signal) == sizeof(tt_strategy_decision),
               "notes hold either record");

static inline tt_order_intent *tt_ctx_intent(tt_ctx *ctx, uint8_t action)
{
    TT_ASSERT(ctx->n_intents <= TT_INTENTS_MAX);
    if (TT_UNLIKELY(ctx->n_intents == TT_INTENTS_MAX)) {
        ctx->refused++;
        return NULL;
    }
    tt_order_intent *it = &ctx->intents[ctx->n_intents++];
    tt_rec_init(it, TT_T_ORDER_INTENT);
    it->ts_event_ns = ctx->now_ns;
    it->ts_recv_ns = ctx->now_ns;
    it->strategy_id = ctx->strategy_id;
    it->cause_seq = ctx->cause_seq;
    it->action = action;
    return it;
}

/* Buffer a new order; returns its id at once (0: the batch of this callback is full). px TT_NO_PX
 * for a market order. */
static inline uint64_t tt_ctx_submit(tt_ctx *ctx, uint32_t instrument_id, uint8_t side,
                                     uint8_t order_type, uint8_t tif, int64_t px, int64_t qty)
{
    tt_order_intent *it = tt_ctx_intent(ctx, TT_INTENT_ACTION_SUBMIT);
    if (it == NULL)
        return 0;
    it->order_id = (*ctx->next_order_id)++;
    it->instrument_id = instrument_id;
    it->side = side;
    it->order_type = order_type;
    it->tif = tif;
    it->px = px;
    it->qty = qty;
    return it->order_id;
}

/* Buffer the cancel of an order of this strategy: TT_OK, TT_E_UNKNOWN_ORDER, TT_E_FULL. */
static inline int tt_ctx_cancel(tt_ctx *ctx, uint64_t order_id)
{
    const tt_order *order = tt_orders_find(ctx->orders, order_id);
    if (order == NULL || order->strategy_id != ctx->strategy_id)
        return TT_E_UNKNOWN_ORDER;
    tt_order_intent *it = tt_ctx_intent(ctx, TT_INTENT_ACTION_CANCEL);
    if (it == NULL)
        return TT_E_FULL;
    it->order_id = order_id;
    it->instrument_id = order->instrument_id;
    it->side = order->side;
    it->px = order->px;
    it->qty = order->leaves_qty;
    return TT_OK;
}

/* Buffer a change of price and total quantity: TT_OK, TT_E_UNKNOWN_ORDER, TT_E_FULL. */
static inline int tt_ctx_modify(tt_ctx *ctx, uint64_t order_id, int64_t px, int64_t qty)
{
    const tt_order *order = tt_orders_find(ctx->orders, order_id);
    if (order == NULL || order->strategy_id != ctx->strategy_id)
        return TT_E_UNKNOWN_ORDER;
    tt_order_intent *it = tt_ctx_intent(ctx, TT_INTENT_ACTION_MODIFY);
    if (it == NULL)
        return TT_E_FULL;
    it->order_id = order_id;
    it->instrument_id = order->instrument_id;
    it->side = order->side;
    it->order_type = order->order_type;
    it->tif = order->tif;
    it->px = px;
    it->qty = qty;
    return TT_OK;
}

static inline const tt_position *tt_ctx_position(const tt_ctx *ctx, uint32_t instrument_id)
{
    const uint32_t slot = tt_l3_slot(ctx->market->l3, instrument_id);
    return slot < ctx->market->slots ? &ctx->positions[slot] : NULL;
}

/* Net quantity held by this strategy; 0 for an instrument outside the run. */
static inline int64_t tt_ctx_net_qty(const tt_ctx *ctx, uint32_t instrument_id)
{
    const tt_position *position = tt_ctx_position(ctx, instrument_id);
    return position == NULL ? 0 : position->net_qty;
}

/* Buffer a published value; the name is cut at 23 characters. TT_OK or TT_E_FULL. */
static inline int tt_ctx_signal(tt_ctx *ctx, uint32_t instrument_id, const char *name, double value)
{
    if (ctx->n_notes == TT_NOTES_MAX) {
        ctx->refused++;
        return TT_E_FULL;
    }
    tt_strategy_signal *rec = &ctx->notes[ctx->n_notes++];
    tt_rec_init(rec, TT_T_STRATEGY_SIGNAL);
    rec->instrument_id = instrument_id;
    rec->strategy_id = ctx->strategy_id;
    rec->cause_seq = ctx->cause_seq;
    rec->value = value;
    for (size_t i = 0; i + 1 < sizeof(rec->name) && name[i]; i++)
        rec->name[i] = name[i];
    return TT_OK;
}

/* Buffer a decision in one line; the text is cut at 39 characters. TT_OK or TT_E_FULL. */
static inline int tt_ctx_decide(tt_ctx *ctx, uint32_t instrument_id, uint8_t side,
                                double confidence, const char *text)
{
    if (ctx->n_notes == TT_NOTES_MAX) {
        ctx->refused++;
        return TT_E_FULL;
    }
    tt_strategy_decision *rec = (tt_strategy_decision *)&ctx->notes[ctx->n_notes++];
    tt_rec_init(rec, TT_T_STRATEGY_DECISION);
    rec->instrument_id = instrument_id;
    rec->side = side;
    rec->strategy_id = ctx->strategy_id;
    rec->cause_seq = ctx->cause_seq;
    rec->confidence = confidence;
    for (size_t i = 0; i + 1 < sizeof(rec->text) && text[i]; i++)
        rec->text[i] = text[i];
    return TT_OK;
}

/* Ask for on_timer at due_ns, and again every interval_ns when that is not 0. Returns the timer's
 * id, 0 when the table is full. */
static inline uint64_t tt_ctx_timer(tt_ctx *ctx, int64_t due_ns, int64_t interval_ns)
{
    return tt_timers_add(ctx->timers, ctx->strategy_id, due_ns < ctx->now_ns ? ctx->now_ns : due_ns,
                         interval_ns);
}

#endif
