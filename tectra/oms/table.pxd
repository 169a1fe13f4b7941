# The C order table. Owner: the engine's thread; a tt_order pointer is valid until the order has
# ended and its place is taken.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from tectra.core.msg cimport tt_head, tt_order_event, tt_order_intent


cdef extern from "tectra/orders.h" nogil:
    enum: TT_ORDER_STATES
    enum: TT_ORDER_EVENTS
    enum: TT_NEXT_BY_CUM
    enum:
        TT_ORDER_MARK_OVERFILL
        TT_ORDER_MARK_LATE_FILL
        TT_ORDER_MARK_REPLACE_PENDING
        TT_ORDER_MARK_ACKED
        TT_ORDER_MARK_CONFLICT
    const uint8_t tt_order_next[11][15]

    ctypedef struct tt_order:
        uint64_t order_id
        int64_t px
        int64_t qty
        int64_t leaves_qty
        int64_t cum_qty
        int64_t pending_px
        int64_t pending_qty
        uint64_t value_lo
        int64_t value_hi
        uint64_t venue_order_id
        uint64_t tag
        int64_t stop_px
        int64_t ts_update_ns
        uint32_t instrument_id
        uint16_t strategy_id
        uint8_t side
        uint8_t order_type
        uint8_t tif
        uint8_t flags
        uint8_t state
        uint8_t reason
        uint8_t marks
        uint16_t venue_id

    ctypedef struct tt_order_counts:
        uint64_t submitted
        uint64_t transitions
        uint64_t invalid
        uint64_t overfills
        uint64_t late_fills
        uint64_t duplicates
        uint64_t conflicts
        uint64_t evicted

    ctypedef struct tt_orders:
        uint32_t *live
        uint32_t capacity
        uint32_t owners
        uint32_t used
        uint32_t done
        uint64_t last_id
        tt_order_counts counts

    size_t tt_orders_bytes(uint32_t capacity, uint32_t owners, uint32_t execs)
    int tt_orders_init(
        tt_orders *t, void *memory, uint32_t capacity, uint32_t owners, uint32_t execs)
    tt_order *tt_orders_find(const tt_orders *t, uint64_t order_id)
    tt_order *tt_orders_first(const tt_orders *t, uint16_t strategy_id)
    tt_order *tt_orders_after(const tt_orders *t, const tt_order *o)
    int64_t tt_order_exposure(const tt_order *o)
    int tt_order_is_done(uint8_t state)
    int tt_order_is_open(uint8_t state)
    int tt_orders_submit(tt_orders *t, const tt_order_intent *it, int64_t now, tt_order_event *ev)
    int tt_orders_event(
        tt_orders *t, tt_order *o, uint8_t event, int64_t px, int64_t qty, int64_t now,
        uint64_t cause_seq, tt_order_event *ev)
    int tt_orders_on_report(tt_orders *t, const tt_head *rec, tt_order_event *ev)
    int tt_orders_check(const tt_orders *t)
