"""Metrics derived from a book: mid, spread, imbalance, microprice, VWAP of the depth, book
pressure.

With N levels of each side, best first, B and A the summed quantities of the bids and of the asks:

    mid_px2     bid + ask: twice the middle, exact           spread_px   ask - bid
    imbalance   (B - A) / (B + A), -1 to 1
    microprice  (bid * ask_qty + ask * bid_qty) / (bid_qty + ask_qty), at the best level, px units
    vwap        sum(px * qty) / sum(qty) over the levels of both sides, px units
    pressure    (PB - PA) / (PB + PA) with P = sum(qty / |px - middle|), -1 to 1

Undefined values (an empty side; for pressure a locked or crossed book) are NO_PX in integers and
NaN in floats.
"""
# Owns one record for each filler. The book's owner thread. Well below 2 us for 10 levels. Wraps
# ext/tectra/metrics.h.

from cython cimport final
from libc.stdint cimport int64_t

from tectra.book.l2 cimport L2Book
from tectra.book.l3 cimport L3Book
from tectra.core.msg cimport TT_T_BOOK_METRICS, tt_book_metrics, tt_rec_init
from tectra.core.rc cimport check

import numpy as np

from tectra.book.view import checked_levels
from tectra.core.errors import InputError
from tectra.core.msg import DTYPES, Template

__all__ = ["MetricsFiller", "book_metrics"]


@final
cdef class MetricsFiller:
    """One book_metrics record that is filled again and again; `array` is its one-row NumPy view."""

    def __cinit__(self, levels=5):
        cdef int64_t[::1] memory
        self.levels = checked_levels(levels, TT_METRICS_LEVELS_MAX)
        raw = np.zeros(16, np.int64)
        memory = raw
        self.c = <tt_book_metrics *>&memory[0]
        tt_rec_init(self.c, TT_T_BOOK_METRICS)
        self.array = raw.view(DTYPES[Template.BOOK_METRICS])

    def fill(self, book, instrument_id=None, ts_event_ns: int = 0, ring_seq: int = 0):
        """Fill from an L3Book and an instrument, or from an L2Book; returns `array`.

        NumericOverflowError at absurd prices.
        """
        if isinstance(book, L3Book):
            check(tt_book_metrics_fill(
                (<L3Book>book).c, (<L3Book>book).slot_of(instrument_id), self.levels, self.c))
        elif isinstance(book, L2Book):
            check(tt_l2_metrics_fill((<L2Book>book).c, self.levels, self.c))
            self.c.instrument_id = book.instrument_id
        else:
            raise InputError(f"book: found {type(book).__name__}; allowed: L3Book, L2Book")
        self.c.ts_event_ns = self.c.ts_recv_ns = ts_event_ns
        self.c.ring_seq = ring_seq
        return self.array


def book_metrics(book, instrument_id=None, levels: int = 5):
    """The metrics of a book as a fresh book_metrics record (NumPy scalar).

    Formulas in the module's docstring.
    """
    return MetricsFiller(levels).fill(book, instrument_id)[0]
