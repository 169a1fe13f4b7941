"""A compiled market maker: joins both best prices, one order a side, within an inventory limit.

Owns its quotes per instrument slot; engine thread only; tens of nanoseconds an update. Not a
strategy to trade money with.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from tectra.core.msg cimport (
    TT_ORDER_TYPE_POST_ONLY,
    TT_SIDE_BUY,
    TT_SIDE_SELL,
    TT_TIME_IN_FORCE_DAY,
)
from tectra.oms.table cimport tt_order, tt_order_is_done, tt_orders_find
from tectra.strategy.capi cimport tt_book_view, tt_ctx, tt_ctx_cancel, tt_ctx_net_qty, tt_ctx_submit
from tectra.strategy.compiled cimport CompiledStrategy

from tectra.core.errors import OutOfMemoryError
from tectra.strategy.params import param


cdef struct quote_t:
    uint64_t order_id
    int64_t px
    int64_t changed_ns


cdef class Maker(CompiledStrategy):
    """Quotes `size` at the best bid and offer; leaves a side out when inventory would pass
    `inventory_max`.
    """

    PARAMS = {
        "size": param(100, ge=1),
        "inventory_max": param(500, ge=1),
        "edge_ticks": param(0, ge=0, le=1000),
        "tick": param(100, ge=1),
        "rest_ms": param(250, ge=0),
    }

    cdef int64_t size, inventory_max, edge_px, rest_ns
    cdef uint32_t slots
    cdef quote_t *quotes

    def __dealloc__(self):
        free(self.quotes)

    def wants(self):
        """Books only: fills are seen in the position."""
        return ("on_book_update",)

    def configure(self, params):
        """Copy the parameters and drop what was known of old quotes."""
        self.size = params["size"]
        self.inventory_max = params["inventory_max"]
        self.edge_px = params["edge_ticks"] * params["tick"]
        self.rest_ns = params["rest_ms"] * 1_000_000

    def save_state(self):
        """The quotes by slot, None before the start."""
        if self.quotes == NULL:
            return None
        return (<const unsigned char *> self.quotes)[: 2 * self.slots * sizeof(quote_t)]

    def load_state(self, value):
        """Inverse of save_state()."""
        cdef bytes raw
        if value is None:
            return
        raw = value
        self.make_room(len(raw) // (2 * sizeof(quote_t)))
        memcpy(self.quotes, <const char *> raw, 2 * self.slots * sizeof(quote_t))

    cdef int make_room(self, uint32_t slots) except -1:
        cdef void *fresh = calloc(2 * max(slots, 1), sizeof(quote_t))
        if fresh == NULL:
            raise OutOfMemoryError(f"no memory for the quotes of {slots} instruments")
        free(self.quotes)
        self.slots = slots
        self.quotes = <quote_t *> fresh
        return 0

    cdef int on_start(self, tt_ctx *ctx) except -1 nogil:
        with gil:
            self.make_room(ctx.market.slots)
        return 0

    cdef int on_book_update(self, tt_ctx *ctx, const tt_book_view *book) except -1 nogil:
        if not book.tradeable or book.slot >= self.slots:
            return 0
        cdef int64_t net = tt_ctx_net_qty(ctx, book.instrument_id)
        cdef int64_t bid_px = book.top.bid_px - self.edge_px
        cdef int64_t ask_px = book.top.ask_px + self.edge_px
        self.work(ctx, book, TT_SIDE_BUY, bid_px, net + self.size <= self.inventory_max)
        self.work(ctx, book, TT_SIDE_SELL, ask_px, self.size - net <= self.inventory_max)
        return 0

    cdef void work(
        self, tt_ctx *ctx, const tt_book_view *book, uint8_t side, int64_t px, bint wanted
    ) noexcept nogil:
        """Move one side towards what is wanted: at most one action a call, and a pause between
        changes.
        """
        cdef quote_t *quote = &self.quotes[2 * book.slot + (side == TT_SIDE_SELL)]
        cdef const tt_order *order = NULL
        if quote.order_id:
            order = tt_orders_find(ctx.orders, quote.order_id)
        if order == NULL or tt_order_is_done(order.state):
            quote.order_id = 0
        if ctx.now_ns - quote.changed_ns < self.rest_ns:
            return
        if quote.order_id == 0:
            if wanted:
                quote.order_id = tt_ctx_submit(
                    ctx, book.instrument_id, side, TT_ORDER_TYPE_POST_ONLY, TT_TIME_IN_FORCE_DAY,
                    px, self.size,
                )
                quote.px = px
                quote.changed_ns = ctx.now_ns
        elif not wanted or px != quote.px:
            tt_ctx_cancel(ctx, quote.order_id)
            quote.changed_ns = ctx.now_ns
