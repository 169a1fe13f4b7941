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
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t

from tectra.book.l2 cimport L2Book
from tectra.book.l3 cimport L3Book, Slots, tt_l3_batch
from tectra.core.msg cimport TT_T_BOOK_METRICS, tt_book_metrics, tt_head, tt_rec_init
from tectra.core.rc cimport check

import numpy as np

from tectra.book.view import checked_levels
from tectra.core.errors import InputError
from tectra.core.msg import DTYPES, Template

__all__ = ["MetricsFiller", "MetricsPublisher", "book_metrics"]

cdef enum:
    SLOTS_PER_BATCH = 1 << 16
    ROWS_PER_BATCH = 1 << 12


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


@final
cdef class MetricsPublisher:
    """Applies records to an order-by-order book and says the metrics of every book they change.

    A book_metrics record is made within the same call, right behind the record that caused it, and
    carries its ring_seq and both its times. Owner thread: the book's. Nothing is made for a record
    that left the top `levels` as they were, or that the book refused. Metrics that do not fit are
    undefined.
    """

    def __cinit__(self, L3Book book not None, levels=5):
        self.book = book
        self.levels = checked_levels(levels, TT_METRICS_LEVELS_MAX)

    cdef object every_book(self, const tt_head *cause):
        cdef tt_metrics_outlet outlet
        cdef uint32_t slot, count = self.book.c.slots
        cdef uint8_t[::1] room
        out = np.empty(count * sizeof(tt_book_metrics), np.uint8)
        room = out
        outlet.out = <tt_book_metrics *>&room[0]
        outlet.cap, outlet.used, outlet.levels = count, 0, self.levels
        for slot in range(count):
            tt_metrics_write(self.book.c, &outlet, cause, slot)
        return out

    def apply(self, records):
        """Apply records in 64-byte slots; returns the book_metrics records that they caused."""
        cdef Slots slots = Slots(records)
        cdef tt_l3_batch batch
        cdef tt_metrics_outlet outlet
        cdef uint8_t[::1] room
        cdef size_t behind
        cdef int rc
        chunks = []
        batch.slots, batch.n, batch.at, batch.faults = slots.p, slots.n, 0, self.book.faults
        outlet.cap, outlet.levels = ROWS_PER_BATCH, self.levels
        try:
            while batch.at < slots.n:
                chunk = np.empty(ROWS_PER_BATCH * sizeof(tt_book_metrics), np.uint8)
                room = chunk
                outlet.out = <tt_book_metrics *>&room[0]
                outlet.used = 0
                batch.until = batch.at + SLOTS_PER_BATCH
                with nogil:
                    rc = tt_l3_run_metrics(self.book.c, &batch, &outlet)
                chunks.append(chunk[: outlet.used * sizeof(tt_book_metrics)])
                if outlet.all_cleared:
                    behind = batch.at - 1
                    chunks.append(self.every_book(<const tt_head *>(slots.p + behind * 64)))
                self.book.grow_or_check(rc, batch.at)
        finally:
            slots.close()
        found = np.concatenate(chunks) if chunks else np.empty(0, np.uint8)
        return found.view(DTYPES[Template.BOOK_METRICS])


def book_metrics(book, instrument_id=None, levels: int = 5):
    """The metrics of a book as a fresh book_metrics record (NumPy scalar).

    Formulas in the module's docstring.
    """
    return MetricsFiller(levels).fill(book, instrument_id)[0]
