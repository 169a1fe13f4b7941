"""Base class of compiled strategies.

Owns nothing; called by the engine's thread only, without the GIL, through the vtable (about 2 ns a
call). Wraps strategy.h.
"""
from tectra.strategy.params import check_params


cdef class CompiledStrategy:
    """Subclass in Cython and override the callbacks you name in `wants`.

    `PARAMS` declares parameters as for a Python strategy; `configure` receives them before the
    first event and copies them into C fields, and so does `on_params_update` when they change.
    `on_book_update` is also called when only the status of a book changed: look at book.tradeable
    (book.valid, book.status, book.reason) before trading.
    """

    PARAMS = {}

    def __init__(self, **params):
        self.params = check_params(type(self).PARAMS, params, type(self).__name__)
        self.configure(self.params)

    def configure(self, params):
        """Copy parameters into C fields."""

    def wants(self):
        """Names of the callbacks to call."""
        return ("on_book_update", "on_trade", "on_fill", "on_timer", "on_params_update")

    cdef int on_book_update(self, tt_ctx *ctx, const tt_book_view *book) except -1 nogil:
        return 0

    cdef int on_trade(self, tt_ctx *ctx, const tt_trade_view *trade) except -1 nogil:
        return 0

    cdef int on_fill(self, tt_ctx *ctx, const tt_order_fill *fill) except -1 nogil:
        return 0

    cdef int on_timer(self, tt_ctx *ctx, int64_t due_ns) except -1 nogil:
        return 0

    cdef int on_start(self, tt_ctx *ctx) except -1 nogil:
        return 0

    cdef int on_stop(self, tt_ctx *ctx) except -1 nogil:
        return 0

    cpdef int on_params_update(self, dict params) except -1:
        self.params = check_params(type(self).PARAMS, params, type(self).__name__)
        self.configure(self.params)
        return 0
