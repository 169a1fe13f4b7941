"""What lies behind the best prices: depth within a distance, what a quantity costs, ladders.

Every function takes an L3Book and an instrument, or an L2Book. px and qty are raw mantissas, sums
are exact. Definitions:

    depth within d    the quantity at prices at most d price units behind the best of its side
    depth within bps  the quantity at prices p with |p - mid| <= bps / 10,000 * |mid|, both sides
    sweep             what is taken from the other side's best price outward, level by level, until
                      the quantity or the limit is reached: nothing hidden, no own order, no fee
"""
# Owns nothing. The book's owner thread. About a microsecond a call from Python, nanoseconds a level
# from C. Wraps ext/tectra/depth.h.

from libc.stdint cimport int64_t, uint32_t, uint64_t

from tectra.book.l2 cimport L2Book
from tectra.book.l3 cimport L3Book
from tectra.core.base cimport TT_NO_PX
from tectra.core.msg cimport TT_SIDE_BUY, TT_SIDE_SELL
from tectra.core.rc cimport check_with

from typing import NamedTuple

import numpy as np

from tectra.book.view import NO_PX, checked_levels
from tectra.core.errors import InputError, NumericOverflowError

__all__ = [
    "CUMULATIVE",
    "DepthNear",
    "Sweep",
    "WINDOW",
    "cumulative_depth",
    "depth_near",
    "ladder_window",
    "sweep",
]

# One row for each step of a price ladder, lowest price first.
WINDOW = np.dtype([("px", "<i8"), ("bid_qty", "<i8"), ("ask_qty", "<i8")])
# One row for each level, best first: its price, and the quantity from the best price down to it. A
# level that is not there: px NO_PX, and the whole side's quantity.
CUMULATIVE = np.dtype(
    [("bid_px", "<i8"), ("bid_qty", "<i8"), ("ask_px", "<i8"), ("ask_qty", "<i8")]
)
WINDOW_ROWS_MAX = 1 << 24
# No distance between two int64 prices is larger.
_DISTANCE_MAX = (1 << 64) - 1


class DepthNear(NamedTuple):
    """Quantity and number of levels of each side within a distance."""

    bid_qty: int
    ask_qty: int
    bid_levels: int
    ask_levels: int


class Sweep(NamedTuple):
    """What taking a quantity comes to. notional: sum of px * qty, a money mantissa, exact.

    filled_qty is less than was asked for when the book, or the limit, has no more; worst_px is None
    when nothing fills.
    """

    filled_qty: int
    notional: int
    worst_px: int | None
    levels: int

    @property
    def average_px(self):
        """Average price in px units, None when nothing fills."""
        return self.notional / self.filled_qty if self.filled_qty else None


cdef int book_sides(object book, object instrument_id, tt_book_side *sides) except -1:
    cdef uint32_t slot, side
    if isinstance(book, L3Book):
        if instrument_id is None:
            raise InputError("instrument_id: an L3Book holds many instruments; name one")
        slot = (<L3Book>book).slot_of(instrument_id)
        for side in range(2):
            sides[side] = tt_book_side_l3((<L3Book>book).c, slot, side)
    elif isinstance(book, L2Book):
        for side in range(2):
            sides[side] = tt_book_side_l2((<L2Book>book).c, side)
    else:
        raise InputError(f"book: found {type(book).__name__}; allowed: L3Book, L2Book")
    return 0


def depth_near(book, instrument_id=None, *, distance_px=None, bps=None):
    """Quantity within a distance: `distance_px` behind the best price of each side, or `bps` of the
    middle.

    With bps both sides must be there; a side's quantity is 0 else. InputError unless exactly one of
    the two is given; NumericOverflowError when a sum does not fit.
    """
    cdef tt_book_side sides[2]
    cdef int64_t qty[2]
    cdef uint32_t levels[2]
    cdef uint32_t side
    cdef int64_t mid_px2 = 0
    cdef bint empty
    if (distance_px is None) == (bps is None):
        raise InputError("depth: give either distance_px or bps")
    given = distance_px if bps is None else bps
    allowed = _DISTANCE_MAX if bps is None else 1_000_000
    if not 0 <= given <= allowed:
        raise InputError(f"depth: found a distance of {given}; allowed: 0 to {allowed}")
    book_sides(book, instrument_id, sides)
    empty = sides[0].count == 0 or sides[1].count == 0
    if bps is not None and not empty:
        twice = tt_book_step_at(&sides[0], 0).px + int(tt_book_step_at(&sides[1], 0).px)
        if not -(1 << 63) <= twice < 1 << 63:
            raise NumericOverflowError("depth: twice the middle does not fit an int64")
        mid_px2 = twice
    for side in range(2):
        qty[side] = levels[side] = 0
        if bps is None:
            check_with(
                tt_depth_near(&sides[side], <uint64_t>given, &qty[side], &levels[side]), "depth")
        elif not empty:
            check_with(
                tt_depth_near_bps(&sides[side], mid_px2, given, &qty[side], &levels[side]), "depth")
    return DepthNear(qty[0], qty[1], levels[0], levels[1])


def sweep(book, side, *, qty, instrument_id=None, limit_px=None):
    """What buying (side BUY) or selling `qty` at once comes to, at prices no worse than `limit_px`.
    """
    cdef tt_book_side sides[2]
    cdef tt_sweep found
    cdef int number = int(side)
    if number != TT_SIDE_BUY and number != TT_SIDE_SELL:
        raise InputError(f"side: found {side!r}; allowed: Side.BUY, Side.SELL")
    if not 0 < qty < 1 << 63:
        raise InputError(f"qty: found {qty}; allowed: 1 to {(1 << 63) - 1}")
    book_sides(book, instrument_id, sides)
    found = tt_sweep_of(
        &sides[1 if number == TT_SIDE_BUY else 0], qty, TT_NO_PX if limit_px is None else limit_px)
    return Sweep(
        found.filled_qty, (int(found.notional_high) << 64) + found.notional_low,
        None if found.worst_px == TT_NO_PX else found.worst_px, found.levels)


cdef object _center(tt_book_side *sides, object tick):
    """The middle, or the only best price, brought down to the tick; None for an empty book."""
    best = [
        int(tt_book_step_at(&sides[side], 0).px) for side in range(2) if sides[side].count]
    if not best:
        return None
    return sum(best) // len(best) // tick * tick


def ladder_window(book, ticks, *, tick, instrument_id=None, center_px=None):
    """Quantities at each price from `ticks` steps below the middle to `ticks` above it, as an array
    of dtype WINDOW with 2 * ticks + 1 rows, lowest price first.

    `tick` may be coarser than the instrument's: a bid between two steps then counts at the lower
    one, an offer at the upper one. center_px: where the middle row stands, else the middle of the
    book brought down to a step (of one side, its best price). InputError for an empty book without
    one, and where the window leaves the prices that there are.
    """
    cdef tt_book_side sides[2]
    cdef int64_t[:, ::1] cells
    cdef uint32_t side, rows
    if not 0 <= ticks <= WINDOW_ROWS_MAX // 2:
        raise InputError(f"ticks: found {ticks}; allowed: 0 to {WINDOW_ROWS_MAX // 2}")
    if not 0 < tick < 1 << 62:
        raise InputError(f"tick: found {tick}; allowed: 1 to {(1 << 62) - 1}")
    book_sides(book, instrument_id, sides)
    center = _center(sides, tick) if center_px is None else center_px
    if center is None:
        raise InputError("center_px: the book is empty and has no middle; say where to look")
    low, high = center - ticks * tick, center + ticks * tick
    if low <= NO_PX or high >= 1 << 63:
        raise InputError(f"ladder: found prices {low} to {high}; allowed: those of an int64")
    rows = 2 * ticks + 1
    raw = np.zeros((2, rows), np.int64)
    cells = raw
    for side in range(2):
        check_with(tt_depth_window(&sides[side], low, tick, rows, &cells[side, 0]), "ladder")
    out = np.empty(rows, WINDOW)
    out["px"] = low + tick * np.arange(rows, dtype=np.int64)
    out["bid_qty"], out["ask_qty"] = raw[0], raw[1]
    return out


def cumulative_depth(book, levels, *, instrument_id=None):
    """The top `levels`, best first, each with the quantity from the best price down to it, as an
    array of dtype CUMULATIVE with `levels` rows.

    NumericOverflowError when a sum does not fit.
    """
    cdef tt_book_side sides[2]
    cdef tt_book_step step
    cdef uint32_t side, n, count = checked_levels(levels, 1 << 24)
    cdef int64_t[:, ::1] px = np.full((2, count), TT_NO_PX, np.int64)
    cdef int64_t[:, ::1] qty = np.zeros((2, count), np.int64)
    cdef int64_t total
    cdef uint32_t seen = 0
    book_sides(book, instrument_id, sides)
    for side in range(2):
        check_with(tt_depth_near(&sides[side], <uint64_t>_DISTANCE_MAX, &total, &seen), "depth")
        total = 0
        for n in range(count):
            if n < sides[side].count:
                step = tt_book_step_at(&sides[side], n)
                total += step.qty
                px[side, n] = step.px
            qty[side, n] = total
    out = np.empty(count, CUMULATIVE)
    out["bid_px"], out["ask_px"] = px[0], px[1]
    out["bid_qty"], out["ask_qty"] = qty[0], qty[1]
    return out
