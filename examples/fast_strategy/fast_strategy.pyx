"""A compiled strategy in a package of its own: buys and sells on a lopsided book.

Owns two numbers and a flag; the engine's thread calls it without the GIL, a few nanoseconds an
update that sends nothing. Wraps nothing beyond the strategy API of tectra. An example, not a way to
make money.
"""
from libc.stdint cimport int64_t, uint64_t

from tectra.core.msg cimport (
    TT_ORDER_TYPE_LIMIT,
    TT_SIDE_BUY,
    TT_SIDE_SELL,
    TT_TIME_IN_FORCE_IOC,
    tt_order_fill,
)
from tectra.portfolio.position cimport tt_position
from tectra.strategy.capi cimport (
    tt_book_view,
    tt_ctx,
    tt_ctx_position,
    tt_ctx_submit,
    tt_ctx_timer,
)
from tectra.strategy.compiled cimport CompiledStrategy

import tectra as tt


cdef class Lopsided(CompiledStrategy):
    """Takes the best offer when the bid is `ratio` times as large, until `position_max` is held.

    Every `phase_s` seconds a timer turns it round: from buying to unloading what it holds, and
    back.
    """

    PARAMS = {
        "ratio": tt.param(4, ge=2),
        "size": tt.param(100, ge=1),
        "position_max": tt.param(500, ge=1),
        "phase_s": tt.param(300, ge=1),
    }

    cdef int64_t ratio, size, position_max, phase_ns
    cdef bint unloading
    cdef readonly uint64_t sent, filled

    def wants(self):
        """Prints are not looked at, so the engine does not call for them."""
        return ("on_book_update", "on_fill", "on_timer", "on_params_update")

    def configure(self, params):
        """Parameters as C numbers; called before the first event and at every change."""
        self.ratio = params["ratio"]
        self.size = params["size"]
        self.position_max = params["position_max"]
        self.phase_ns = params["phase_s"] * 1_000_000_000

    cdef int on_start(self, tt_ctx *ctx) except -1 nogil:
        if tt_ctx_timer(ctx, ctx.now_ns + self.phase_ns, self.phase_ns) == 0:
            with gil:
                raise RuntimeError("no timer is free")
        return 0

    cdef int on_book_update(self, tt_ctx *ctx, const tt_book_view *book) except -1 nogil:
        if not book.tradeable:
            return 0
        cdef const tt_position *held = tt_ctx_position(ctx, book.instrument_id)
        if held.open_buy_qty or held.open_sell_qty:
            return 0  # one order at a time in each instrument
        cdef int64_t qty
        if self.unloading:
            qty = min(held.net_qty, self.size)
            if qty > 0:
                return self.take(ctx, book, False, qty)
        elif book.top.bid_qty >= self.ratio * book.top.ask_qty:
            qty = min(self.size, self.position_max - held.net_qty)
            if qty > 0:
                return self.take(ctx, book, True, qty)
        return 0

    cdef int take(
        self, tt_ctx *ctx, const tt_book_view *book, bint buy, int64_t qty
    ) except -1 nogil:
        """One marketable order that does not rest."""
        cdef int64_t px = book.top.ask_px if buy else book.top.bid_px
        self.sent = self.sent + 1
        tt_ctx_submit(
            ctx, book.instrument_id, TT_SIDE_BUY if buy else TT_SIDE_SELL, TT_ORDER_TYPE_LIMIT,
            TT_TIME_IN_FORCE_IOC, px, qty,
        )
        return 0

    cdef int on_fill(self, tt_ctx *ctx, const tt_order_fill *fill) except -1 nogil:
        self.filled = self.filled + 1
        return 0

    cdef int on_timer(self, tt_ctx *ctx, int64_t due_ns) except -1 nogil:
        self.unloading = not self.unloading
        return 0
