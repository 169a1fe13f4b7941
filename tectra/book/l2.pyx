"""The price-level book of one instrument: bids descending, asks ascending."""
# Owns the memory of one tt_l2 and grows it. One owner thread. About 20 ns for an update from C, 100
# ns from Python.
# Wraps ext/tectra/l2.h.

from cython cimport final
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free

from tectra.book.l3 cimport L3Book, Slots, tt_top
from tectra.core.base cimport TT_E_FULL, TT_NO_PX, TT_OK
from tectra.core.msg cimport (
    TT_SIDE_BUY,
    TT_SIDE_SELL,
    TT_T_BOOK_CLEAR,
    TT_T_BOOK_LEVEL,
    tt_book_level,
    tt_head,
    tt_rec_bytes,
)
from tectra.core.rc cimport check_with
from tectra.journal.digest cimport TT_DIGEST_HEX_BYTES, tt_digest, tt_digest_hex, tt_digest_init

import numpy as np

from tectra.book.view import LADDER, BookState, Top, checked_levels
from tectra.core.errors import CapacityError, InputError, OutOfMemoryError, TruncatedInputError

__all__ = ["L2Book"]

cdef enum:
    FIRST_CAP = 64
    SLOT_BYTES = 64


@final
cdef class L2Book:
    """Levels of one instrument. px and qty are raw mantissas; qty 0 removes a level.

    Owner thread: the one that updates.

    Quantities are whole level quantities, never differences, so an update repeated is an update
    done once.
    """

    def __cinit__(self, instrument_id=0):
        self.instrument_id = int(instrument_id)
        self.c = <tt_l2 *>calloc(1, sizeof(tt_l2))
        self.mem = calloc(1, tt_l2_bytes(FIRST_CAP))
        if self.c == NULL or self.mem == NULL:
            raise OutOfMemoryError("book: no memory")
        tt_l2_init(self.c, self.mem, FIRST_CAP)

    def __dealloc__(self):
        free(self.mem)
        free(self.c)

    cdef int grow(self) except -1:
        cdef uint32_t cap = self.c.cap * 2
        cdef void *mem
        if cap >= <uint32_t>1 << 28:
            raise CapacityError(f"book: {self.c.cap} levels on a side, and no more can be held")
        mem = calloc(1, tt_l2_bytes(cap))
        if mem == NULL:
            raise OutOfMemoryError("book: no memory")
        free(tt_l2_regrow(self.c, mem, cap))
        self.mem = mem
        return 0

    @staticmethod
    def from_l3(L3Book book not None, instrument_id: int):
        """The levels of one instrument of an order-by-order book, as they are now."""
        made = L2Book(instrument_id)
        bids, asks = book.depth_at(instrument_id, 1 << 24)
        for px, qty in bids:
            made.apply_update(TT_SIDE_BUY, px, qty)
        for px, qty in asks:
            made.apply_update(TT_SIDE_SELL, px, qty)
        return made

    # Writing

    def apply_update(self, side, px: int, qty: int) -> bool:
        """Set the whole quantity of a level, 0 removes it.

        True when the best price or its quantity changed.

        InputError for a negative quantity, a side that is not BUY or SELL, or no price; the book is
        unchanged then.
        """
        cdef int64_t raw_px = px, raw_qty = qty
        cdef int number = int(side)
        if number != TT_SIDE_BUY and number != TT_SIDE_SELL:
            raise InputError(f"side: found {side!r}; allowed: Side.BUY, Side.SELL")
        cdef int rc = tt_l2_set(self.c, <uint8_t>number, raw_px, raw_qty)
        if rc == TT_E_FULL:
            self.grow()
            rc = tt_l2_set(self.c, <uint8_t>number, raw_px, raw_qty)
        if rc < 0:
            raise InputError(
                f"level: found px {px}, qty {qty}; allowed: a price, and a quantity of 0 or more")
        return self.c.changed != 0

    def apply(self, records) -> int:
        """Apply the book_level and book_clear records of this instrument (a book_clear of all, with
        instrument 0, is one of them) among others; returns how many.

        Stops at a bad one and raises; OutOfMemoryError has `slots_done`.
        """
        cdef Slots slots = Slots(records)
        cdef size_t at = 0, step
        cdef uint32_t wanted = self.instrument_id
        cdef const tt_head *rec
        cdef int applied = 0, rc
        try:
            while at < slots.n:
                rec = <const tt_head *>(slots.p + at * SLOT_BYTES)
                step = (tt_rec_bytes(rec) + SLOT_BYTES - 1) // SLOT_BYTES
                at += step
                if at > slots.n:
                    raise TruncatedInputError(
                        "records: the last one ends outside of the buffer; read the rest of it")
                if rec.template_id == TT_T_BOOK_CLEAR and rec.instrument_id in (0, wanted):
                    tt_l2_clear(self.c)
                    applied += 1
                if rec.template_id != TT_T_BOOK_LEVEL or rec.instrument_id != wanted:
                    continue
                rc = tt_l2_apply(self.c, <const tt_book_level *>rec)
                if rc == TT_E_FULL:
                    try:
                        self.grow()
                    except OutOfMemoryError as error:
                        error.slots_done = at - step
                        raise
                    rc = tt_l2_apply(self.c, <const tt_book_level *>rec)
                check_with(rc, f"book_level {rec.ring_seq} of instrument {wanted}")
                applied += 1
        finally:
            slots.close()
        return applied

    def clear(self) -> None:
        """Remove every level, as before a snapshot."""
        tt_l2_clear(self.c)

    # Reading

    def top(self):
        """Best prices as a Top; order counts are 0."""
        cdef tt_top t = tt_l2_top(self.c)
        return Top(
            None if t.bid_px == TT_NO_PX else t.bid_px, t.bid_qty,
            None if t.ask_px == TT_NO_PX else t.ask_px, t.ask_qty, 0, 0)

    def best_bid(self):
        """(px, qty) of the best bid, None when there is none."""
        cdef tt_top t = tt_l2_top(self.c)
        return None if t.bid_px == TT_NO_PX else (t.bid_px, t.bid_qty)

    def best_ask(self):
        """(px, qty) of the best ask, None when there is none."""
        cdef tt_top t = tt_l2_top(self.c)
        return None if t.ask_px == TT_NO_PX else (t.ask_px, t.ask_qty)

    def mid_price(self):
        """(bid + ask) / 2 in px units, None unless both sides are there.

        Top.mid_px2 is exact at any size.
        """
        twice = self.top().mid_px2
        return None if twice is None else twice / 2

    def spread(self):
        """ask - bid in px units, negative when crossed, None unless both sides are there."""
        return self.top().spread_px

    def state(self):
        """BookState flags: empty sides, locked, crossed; 0 is fit for trading."""
        return BookState(self.top().state)

    def level_qty(self, side, px: int) -> int:
        """Whole quantity at a price, 0 when nothing is there."""
        cdef int number = int(side)
        if number != TT_SIDE_BUY and number != TT_SIDE_SELL:
            raise InputError(f"side: found {side!r}; allowed: Side.BUY, Side.SELL")
        return tt_l2_level_qty(self.c, <uint8_t>number, px)

    cdef object depth(self, uint8_t side, uint32_t levels):
        cdef uint32_t count = self.c.count[side - TT_SIDE_BUY]
        cdef int64_t[:, ::1] rows
        count = min(count, levels)
        raw = np.empty((2, count), np.int64)
        if count:
            rows = raw
            tt_l2_levels(self.c, side, count, &rows[0, 0], &rows[1, 0])
        return list(zip(raw[0].tolist(), raw[1].tolist()))

    def levels(self, n: int):
        """The top n levels, best first, as an array of dtype LADDER with n rows; no orders."""
        cdef uint32_t count = checked_levels(n, 1 << 24)
        cdef int64_t[:, ::1] px = np.full((2, count), TT_NO_PX, np.int64)
        cdef int64_t[:, ::1] qty = np.zeros((2, count), np.int64)
        out = np.zeros(count, LADDER)
        tt_l2_levels(self.c, TT_SIDE_BUY, count, &px[0, 0], &qty[0, 0])
        tt_l2_levels(self.c, TT_SIDE_SELL, count, &px[1, 0], &qty[1, 0])
        out["bid_px"], out["ask_px"] = px[0], px[1]
        out["bid_qty"], out["ask_qty"] = qty[0], qty[1]
        return out

    def depth_at(self, levels: int):
        """(bids, asks): lists of (px, qty), best first, at most `levels` of each."""
        cdef uint32_t count = checked_levels(levels, 1 << 28)
        return (self.depth(TT_SIDE_BUY, count), self.depth(TT_SIDE_SELL, count))

    def check(self) -> bool:
        """Integrity: both sides strictly sorted, every quantity positive."""
        return tt_l2_check(self.c) == TT_OK

    def digest(self) -> str:
        """32 hexadecimal digits over instrument and levels; equal for equal books."""
        cdef tt_digest d
        cdef char text[TT_DIGEST_HEX_BYTES]
        tt_digest_init(&d)
        tt_l2_digest(self.c, self.instrument_id, &d)
        tt_digest_hex(&d, text)
        return text[:32].decode()
