"""Features of several levels of a book: imbalance by depth, depth-weighted middle, orders and their
average size, order flow imbalance.

With B_N and A_N the summed quantities of the top N bid and ask levels:

    imbalance_N    (B_N - A_N) / (B_N + A_N), -1 to 1, N = 1, 5, 10, 20; one pass for all four
    depth_mid      (PB * A + PA * B) / (B + A) over `levels`: PB, PA the quantity-weighted mean
                   prices of the sides, B, A their quantities. With one level it is the microprice,
                   with more the same weighting of the shown depth; px units
    bid_orders     orders on those levels (0 from a book that knows no orders), and
    bid_order_qty  their average quantity; asks likewise
    order flow     e_m = q'[p' >= p] - q[p' <= p] of the bids less q'[p' <= p] - q[p' >= p] of the
                   asks, p, q before and p', q' after an update, for the m-th level of each side.
                   Sources: Cont, Kukanov, Stoikov, "The price impact of order book events" (2014),
                   section 2.1; by level: Xu, Gould, Howison, "Multi-level order-flow imbalance in a
                   limit order book" (2018), section 3.

Undefined values are NaN. Quantities are raw mantissas and exact.
"""
# Owns one row for each filler and one state for each flow. The book's owner thread. Tens of
# nanoseconds for ten levels from C, about 500 ns for a Python call. Wraps ext/tectra/features.h.

from cython cimport final
from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from tectra.book.depth cimport book_sides, tt_book_side
from tectra.book.l3 cimport L3Book, Slots, tt_l3_batch
from tectra.book.metrics cimport TT_METRICS_LEVELS_MAX
from tectra.core.rc cimport check_with

import numpy as np

from tectra.book.view import checked_levels
from tectra.core.errors import OutOfMemoryError

__all__ = ["FEATURES", "FeatureFiller", "OrderFlow", "book_features", "flow_dtype"]

cdef enum:
    SLOTS_PER_BATCH = 1 << 16
    ROWS_PER_BATCH = 1 << 12

# bid_levels, ask_levels: how many of `levels` are there.
FEATURES = np.dtype([
    ("instrument_id", "<u4"), ("levels", "<u4"), ("bid_levels", "<u4"), ("ask_levels", "<u4"),
    ("imbalance_1", "<f8"), ("imbalance_5", "<f8"), ("imbalance_10", "<f8"),
    ("imbalance_20", "<f8"), ("depth_mid", "<f8"),
    ("bid_qty", "<i8"), ("ask_qty", "<i8"), ("bid_orders", "<u8"), ("ask_orders", "<u8"),
    ("bid_order_qty", "<f8"), ("ask_order_qty", "<f8"),
])


@final
cdef class FeatureFiller:
    """One row of dtype FEATURES that is filled again and again; `array` is its one-row view.

    `levels` (1 to 64) counts for depth_mid, quantities and orders; the imbalances have their own.
    """

    def __cinit__(self, levels=10):
        cdef int64_t[::1] memory
        self.levels = checked_levels(levels, TT_METRICS_LEVELS_MAX)
        raw = np.zeros(FEATURES.itemsize // 8, np.int64)
        memory = raw
        self.c = <tt_book_features *>&memory[0]
        self.array = raw.view(FEATURES)

    def fill(self, book, instrument_id=None):
        """Fill from an L3Book and an instrument, or from an L2Book; returns `array`.

        NumericOverflowError when quantities do not fit.
        """
        cdef tt_book_side sides[2]
        book_sides(book, instrument_id, sides)
        check_with(tt_features_of(&sides[0], &sides[1], self.levels, self.c), "features")
        self.c.instrument_id = book.instrument_id if instrument_id is None else instrument_id
        return self.array


def book_features(book, instrument_id=None, *, levels=10):
    """The features of a book as a fresh row of dtype FEATURES. Definitions: the module's docstring.
    """
    return FeatureFiller(levels).fill(book, instrument_id)[0]


def flow_dtype(levels):
    """Rows of OrderFlow.follow: times and number of the record, and the flow of each level."""
    n = (checked_levels(levels, TT_METRICS_LEVELS_MAX),)
    return np.dtype([("ts_event_ns", "<i8"), ("ring_seq", "<u8"), ("flow", "<i8", n)])


@final
cdef class OrderFlow:
    """Order flow imbalance of one book, level by level, summed until it is taken.

    Flow is the difference of two states, so the first state after the start, a clear or a snapshot
    has none. NumericOverflowError when a sum does not fit; the state is as it was then.
    """

    def __cinit__(self, levels=1):
        self.c = <tt_flow_state *>calloc(1, sizeof(tt_flow_state))
        if self.c == NULL:
            raise OutOfMemoryError("order flow: no memory")
        self.c.levels = checked_levels(levels, TT_METRICS_LEVELS_MAX)

    def __dealloc__(self):
        free(self.c)

    @property
    def levels(self):
        """Levels of each side that count."""
        return self.c.levels

    @property
    def updates(self):
        """States seen since the start or the last take()."""
        return self.c.updates

    cdef object row(self, const int64_t *values):
        return np.array([values[n] for n in range(self.c.levels)], np.int64)

    def update(self, book, instrument_id=None):
        """The book changed: the flow of each level since the last call, zeros for the first."""
        cdef tt_book_side sides[2]
        cdef tt_depth now
        book_sides(book, instrument_id, sides)
        tt_depth_of(&sides[0], &sides[1], self.c.levels, &now)
        check_with(tt_flow_update(self.c, &now), "order flow")
        return self.row(self.c.flow)

    def follow(self, L3Book book not None, records, *, instrument_id):
        """Apply records to the book; a row of flow_dtype(levels) for each that changed the top
        levels of the instrument, snapshots and clears apart.
        """
        cdef Slots slots = Slots(records)
        cdef tt_l3_batch batch
        cdef tt_flow_outlet outlet
        cdef int rc
        cdef uint32_t width = self.c.levels + 2
        cdef int64_t[:, ::1] rows
        chunks = []
        batch.slots, batch.n, batch.at, batch.faults = slots.p, slots.n, 0, book.faults
        memset(&outlet, 0, sizeof(outlet))
        outlet.state = self.c
        outlet.instrument_id = instrument_id
        outlet.cap = ROWS_PER_BATCH
        try:
            while batch.at < slots.n:
                chunk = np.empty((ROWS_PER_BATCH, width), np.int64)
                rows = chunk
                outlet.rows = &rows[0, 0]
                outlet.used = 0
                batch.until = batch.at + SLOTS_PER_BATCH
                with nogil:
                    rc = tt_l3_run_flow(book.c, &batch, &outlet)
                chunks.append(chunk[: outlet.used])
                check_with(outlet.rc, "order flow")
                book.grow_or_check(rc, batch.at)
        finally:
            slots.close()
        found = np.concatenate(chunks) if chunks else np.empty((0, width), np.int64)
        return found.view(flow_dtype(self.c.levels)).reshape(-1)

    def total(self):
        """Flow of each level since the start or the last take()."""
        return self.row(self.c.total)

    def take(self):
        """total(), which starts again at zero; the state of the book is kept."""
        out = self.row(self.c.total)
        memset(self.c.total, 0, sizeof(self.c.total))
        self.c.updates = 0
        return out

    def reset(self):
        """Forget the book and the sums: the next state has no flow."""
        cdef uint32_t levels = self.c.levels
        memset(self.c, 0, sizeof(tt_flow_state))
        self.c.levels = levels
