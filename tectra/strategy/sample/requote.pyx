"""Quotes both touches anew at a fixed interval: the busiest honest market maker, to compare engines
with.

Owns its counters; engine thread only; about 100 ns a timer without orders.
"""
from libc.stdint cimport int64_t, uint32_t

from tectra.book.l3 cimport tt_l3_top, tt_top
from tectra.core.base cimport TT_NO_PX
from tectra.core.msg cimport (
    TT_ORDER_TYPE_POST_ONLY,
    TT_SIDE_BUY,
    TT_SIDE_SELL,
    TT_TIME_IN_FORCE_DAY,
)
from tectra.oms.table cimport tt_order, tt_orders_after, tt_orders_first
from tectra.strategy.capi cimport tt_ctx, tt_ctx_cancel, tt_ctx_submit, tt_ctx_timer
from tectra.strategy.compiled cimport CompiledStrategy

from tectra.strategy.params import param


cdef class Requote(CompiledStrategy):
    """Every `interval_ms` cancels what rests and posts `size` at both touches, within
    `inventory_max`.
    """

    PARAMS = {
        "interval_ms": param(100, ge=1),
        "size": param(100, ge=1),
        "inventory_max": param(1000, ge=1),
    }

    cdef int64_t interval_ns, size, inventory_max

    def wants(self):
        """Timers only."""
        return ("on_timer",)

    def configure(self, params):
        """Copy the parameters."""
        self.interval_ns = params["interval_ms"] * 1_000_000
        self.size = params["size"]
        self.inventory_max = params["inventory_max"]

    def save_state(self):
        """Nothing: the timers and orders are the engine's."""

    def load_state(self, value):
        """Nothing to take."""

    cdef int on_start(self, tt_ctx *ctx) except -1 nogil:
        tt_ctx_timer(ctx, ctx.now_ns + self.interval_ns, self.interval_ns)
        return 0

    cdef int on_timer(self, tt_ctx *ctx, int64_t due_ns) except -1 nogil:
        cdef const tt_order *order = tt_orders_first(ctx.orders, ctx.strategy_id)
        cdef uint32_t slot
        while order != NULL:
            tt_ctx_cancel(ctx, order.order_id)
            order = tt_orders_after(ctx.orders, order)
        for slot in range(ctx.market.slots):
            self.quote(ctx, slot)
        return 0

    cdef void quote(self, tt_ctx *ctx, uint32_t slot) noexcept nogil:
        cdef const tt_top *top = tt_l3_top(ctx.market.l3, slot)
        cdef int64_t net = ctx.positions[slot].net_qty
        cdef uint32_t instrument = ctx.positions[slot].instrument_id
        if top.bid_px != TT_NO_PX and net < self.inventory_max:
            tt_ctx_submit(
                ctx, instrument, TT_SIDE_BUY, TT_ORDER_TYPE_POST_ONLY, TT_TIME_IN_FORCE_DAY,
                top.bid_px, self.size,
            )
        if top.ask_px != TT_NO_PX and net > -self.inventory_max:
            tt_ctx_submit(
                ctx, instrument, TT_SIDE_SELL, TT_ORDER_TYPE_POST_ONLY, TT_TIME_IN_FORCE_DAY,
                top.ask_px, self.size,
            )
