"""Sends one order for every n-th book update: measures the way through the engine, and nothing
else.

Owns a counter; engine thread only; a few nanoseconds an update that sends nothing.
"""
from libc.stdint cimport int64_t, uint64_t

from tectra.core.msg cimport TT_ORDER_TYPE_LIMIT, TT_SIDE_BUY, TT_TIME_IN_FORCE_IOC
from tectra.strategy.capi cimport tt_book_view, tt_ctx, tt_ctx_submit
from tectra.strategy.compiled cimport CompiledStrategy

from tectra.strategy.params import param


cdef class Passthrough(CompiledStrategy):
    """Buys `size` at the best bid, immediate or cancel, on every `every`-th update of a two-sided
    book.
    """

    PARAMS = {"every": param(1, ge=1), "size": param(1, ge=1)}

    cdef int64_t every, size
    cdef readonly uint64_t seen, sent

    def wants(self):
        """Books only."""
        return ("on_book_update",)

    def configure(self, params):
        """Copy the parameters."""
        self.every = params["every"]
        self.size = params["size"]

    def save_state(self):
        """Its counters."""
        return self.seen, self.sent

    def load_state(self, value):
        """Inverse of save_state()."""
        self.seen, self.sent = value

    cdef int on_book_update(self, tt_ctx *ctx, const tt_book_view *book) except -1 nogil:
        if not book.tradeable:
            return 0
        self.seen = self.seen + 1
        if self.seen % <uint64_t> self.every == 0:
            self.sent = self.sent + 1
            tt_ctx_submit(
                ctx, book.instrument_id, TT_SIDE_BUY, TT_ORDER_TYPE_LIMIT, TT_TIME_IN_FORCE_IOC,
                book.top.bid_px, self.size,
            )
        return 0
