# Base class of compiled strategies; subclass it in a .pyx of your own and override the cdef
# callbacks.
from libc.stdint cimport int64_t

from tectra.core.msg cimport tt_order_fill
from tectra.strategy.capi cimport tt_book_view, tt_ctx, tt_trade_view


cdef class CompiledStrategy:
    cdef readonly dict params

    # Each returns 0, or -1 with an exception set (raise inside `with gil`). The engine calls only
    # those named by wants().
    cdef int on_book_update(self, tt_ctx *ctx, const tt_book_view *book) except -1 nogil
    cdef int on_trade(self, tt_ctx *ctx, const tt_trade_view *trade) except -1 nogil
    cdef int on_fill(self, tt_ctx *ctx, const tt_order_fill *fill) except -1 nogil
    cdef int on_timer(self, tt_ctx *ctx, int64_t due_ns) except -1 nogil
    cdef int on_start(self, tt_ctx *ctx) except -1 nogil
    cdef int on_stop(self, tt_ctx *ctx) except -1 nogil
    cpdef int on_params_update(self, dict params) except -1
