"""Strategies that look at the top of the book and do nothing: what is left is the cost of the
engine and of the call.

Owns a sum; engine thread only; about 2 ns a call for the compiled one.
"""
from libc.stdint cimport int64_t

from tectra.strategy.capi cimport tt_book_view, tt_ctx
from tectra.strategy.compiled cimport CompiledStrategy


cdef class Idle(CompiledStrategy):
    """Adds up the best bids it is shown."""

    cdef readonly int64_t total

    def wants(self):
        """Books only."""
        return ("on_book_update",)

    def save_state(self):
        """Its sum."""
        return self.total

    def load_state(self, value):
        """Inverse of save_state()."""
        self.total = value

    cdef int on_book_update(self, tt_ctx *ctx, const tt_book_view *book) except -1 nogil:
        self.total = self.total + book.top.bid_qty
        return 0
