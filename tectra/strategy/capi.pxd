# Public C API of strategies: what a compiled strategy cimports. Every function runs on the engine's
# thread inside a callback.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from tectra.book.l3 cimport tt_book_effect, tt_l3, tt_top
from tectra.core.msg cimport tt_head, tt_order_intent
from tectra.oms.table cimport tt_order, tt_orders
from tectra.portfolio.position cimport tt_position


cdef extern from "tectra/timers.h" nogil:
    ctypedef struct tt_timers:
        int64_t next_due_ns
        uint32_t n

    void tt_timers_init(tt_timers *t)
    int tt_timers_remove(tt_timers *t, uint64_t timer_id)
    int tt_timers_cancel(tt_timers *t, uint16_t strategy_id, uint64_t timer_id)


cdef extern from "tectra/strategy.h" nogil:
    enum: TT_INTENTS_MAX, TT_NOTES_MAX, TT_TRADES_KEPT

    ctypedef struct tt_trade_view:
        int64_t px
        int64_t qty
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint64_t ring_seq
        uint64_t match_id
        uint32_t instrument_id
        uint8_t side
        uint8_t flags

    ctypedef struct tt_trades:
        tt_trade_view *ring
        uint64_t n

    ctypedef struct tt_instrument_state:
        int64_t mark_px2
        uint32_t errors
        char trading_state
        uint8_t status
        uint8_t reason
        uint16_t venue_id

    ctypedef struct tt_market:
        const tt_l3 *l3
        const tt_instrument_state *state
        const tt_trades *trades
        const tt_head *cause
        uint32_t slots

    bint tt_market_valid(const tt_market *m, uint32_t slot)
    bint tt_market_tradeable(const tt_market *m, uint32_t slot)

    ctypedef struct tt_book_view:
        const tt_l3 *l3
        const tt_top *top
        const tt_book_effect *effect
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint64_t ring_seq
        uint32_t instrument_id
        uint32_t slot
        uint8_t valid
        uint8_t tradeable
        uint8_t status
        uint8_t reason

    ctypedef struct tt_ctx:
        int64_t now_ns
        uint64_t cause_seq
        uint64_t *next_order_id
        const tt_market *market
        const tt_orders *orders
        const tt_position *positions
        tt_timers *timers
        uint32_t n_intents
        uint32_t n_notes
        uint32_t refused
        uint16_t strategy_id
        tt_order_intent *intents

    # Order id at once, 0 when the batch of this callback is full. px TT_NO_PX for a market order.
    uint64_t tt_ctx_submit(
        tt_ctx *ctx, uint32_t instrument_id, uint8_t side, uint8_t order_type, uint8_t tif,
        int64_t px, int64_t qty)
    int tt_ctx_cancel(tt_ctx *ctx, uint64_t order_id)
    int tt_ctx_modify(tt_ctx *ctx, uint64_t order_id, int64_t px, int64_t qty)
    int64_t tt_ctx_net_qty(const tt_ctx *ctx, uint32_t instrument_id)
    const tt_position *tt_ctx_position(const tt_ctx *ctx, uint32_t instrument_id)
    int tt_ctx_signal(tt_ctx *ctx, uint32_t instrument_id, const char *name, double value)
    int tt_ctx_decide(
        tt_ctx *ctx, uint32_t instrument_id, uint8_t side, double confidence, const char *text)
    uint64_t tt_ctx_timer(tt_ctx *ctx, int64_t due_ns, int64_t interval_ns)
