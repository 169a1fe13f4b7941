"""Bars from market records: by time, trades, volume, notional or imbalance, of prints or mids."""
# Owns the rows of bars in the making and, unless told otherwise, an order book that prices the
# executions of visible orders. One owner thread. A record that is no print costs the book and a
# compare a rule; a print some 350 instructions, 50 ns. Wraps ext/tectra/bar_run.h.

from cython cimport final
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from tectra.book.l3 cimport L3Book, Slots, tt_l3, tt_l3_batch
from tectra.core.base cimport TT_E_FULL, TT_OK
from tectra.core.rc cimport check, check_with
from tectra.core.stop cimport stop_flag, tt_stop_check

import numpy as np

from tectra.core.errors import CapacityError, InputError, OutOfMemoryError
from tectra.core.msg import DTYPES, BarKind, Template
from tectra.feed.bar_spec import BarSpec

__all__ = ["PRINT", "BarBuilder", "prints_of"]

cdef enum:
    OUT_SLOTS = 1 << 13
    PRINTS = 1 << 12

PRINT = np.dtype([
    ("px", "<i8"), ("qty", "<i8"), ("ts_event_ns", "<i8"), ("ts_recv_ns", "<i8"),
    ("ring_seq", "<u8"), ("match_id", "<u8"), ("instrument_id", "<u4"), ("venue_id", "<u2"),
    ("side", "u1"), ("flags", "u1"),
])

_SOURCES = ("trades", "mids")
_EMPTY = ("none", "flat")
_OF_MIDS = (BarKind.TIME, BarKind.TICK, BarKind.IMBALANCE)


def _specs(specs) -> tuple:
    listed = [specs] if isinstance(specs, (str, BarSpec)) else list(specs)
    if not 1 <= len(listed) <= TT_BARS_RULES_MAX:
        raise InputError(f"bars: found {len(listed)} kinds; allowed: 1 to {TT_BARS_RULES_MAX}")
    return tuple(BarSpec.parse(s) for s in listed)


cdef tt_l3_batch _batch(Slots slots, L3Book book) noexcept:
    cdef tt_l3_batch batch
    batch.slots = slots.p
    batch.n = batch.until = slots.n
    batch.at = 0
    batch.faults = NULL if book is None else book.faults
    return batch


@final
cdef class BarBuilder:
    """Bars of one or more kinds for every instrument of a stream.

    `specs`: texts such as "1s", "5s", "1m", "100t", "10000v", "1000000d", "100i", or BarSpec, up to
    eight. `source` "mids" makes bars of the middle of best bid and offer. `empty` "flat" gives a
    bar of the last close for an interval without prints, "none" nothing. Boundaries of time bars
    lie at `align_ns` (nanoseconds since the epoch; the start of a session, say) and whole intervals
    from it. Exponents come from `instruments` and instrument records; else those of ITCH (-4, 0).
    Prints of auctions count unless `crosses` is false. `with_book` False does without an order
    book, for streams that have none: best prices are those of quote records then.

    A time bar is [open, close), stamped with its close, emitted by the first record of any
    instrument at or past it; every other kind is stamped with the print that filled it. ts_recv_ns
    is when the bar was known: that of the record which emitted it. A bar that the start, a lost
    stretch of records or flush() cut is flagged PARTIAL. Prints are as the stream said them when
    the bar closed: a trade broken later changes no bar; it is counted and listed in `corrections`.
    Raises InputError, NumericOverflowError, CapacityError, FileFormatError. Owner thread: the
    reader's.
    """

    def __cinit__(
        self, specs, *, source="trades", empty="none", int64_t align_ns=0, instruments=(),
        bint crosses=True, bint with_book=True, uint32_t instruments_max=65536,
    ):
        self.specs = _specs(specs)
        self.left = []
        if source not in _SOURCES or empty not in _EMPTY:
            raise InputError(
                f"bars: found source {source!r}, empty {empty!r}; allowed: {_SOURCES}, {_EMPTY}")
        if not 1 <= instruments_max <= 1 << 20:
            raise InputError(f"instruments_max: found {instruments_max}; allowed: 1 to {1 << 20}")
        wrong = [str(s) for s in self.specs if source == "mids" and s.kind not in _OF_MIDS]
        if wrong:
            raise InputError(
                f"bars of mids: found {wrong[0]}; a mid has no size; use time or ticks")
        self.allocate(instruments_max)
        self.c.mids = source == "mids"
        self.c.crosses = crosses
        for i, spec in enumerate(self.specs):
            self.c.sets[i].rule.kind = int(spec.kind)
            self.c.sets[i].rule.amount = spec.amount
            self.c.sets[i].rule.scale = spec.scale
            self.c.sets[i].rule.align_ns = align_ns
            self.c.sets[i].rule.flat = spec.kind is BarKind.TIME and empty == "flat"
            self.c.sets[i].rule.mids = self.c.mids
        if with_book:
            self.book = L3Book(instruments_max)
            self.c.book = self.book.c
        self._define(instruments)

    def __dealloc__(self):
        cdef uint32_t i
        if self.c != NULL:
            for i in range(self.c.n_sets):
                free(self.c.sets[i].rows)
            free(self.c.known)
        free(self.index)
        free(self.c)

    cdef int allocate(self, uint32_t most) except -1:
        # Zero pages that are given when touched: what is not used costs nothing.
        cdef uint32_t i, cap = 4
        while cap < 2 * most:
            cap *= 2
        self.c = <tt_bars *>calloc(1, sizeof(tt_bars))
        self.index = calloc(1, tt_table_bytes(cap))
        if self.c == NULL or self.index == NULL:
            raise OutOfMemoryError("bars: no memory")
        tt_table_init(&self.c.index, self.index, cap)
        self.c.n_max = most
        self.c.px_exponent = -4
        self.c.known = <tt_bar_instrument *>calloc(most, sizeof(tt_bar_instrument))
        if self.c.known == NULL:
            raise OutOfMemoryError("bars: no memory")
        for i in range(<uint32_t>len(self.specs)):
            self.c.sets[i].rows = <tt_bar_row *>calloc(most, sizeof(tt_bar_row))
            if self.c.sets[i].rows == NULL:
                raise OutOfMemoryError("bars: no memory")
            self.c.n_sets += 1
        return 0

    def _define(self, instruments) -> None:
        cdef uint32_t place = 0
        for it in instruments:
            rc = tt_bars_open(
                self.c, it.instrument_id, int(it.exchange), it.px_exponent, it.qty_exponent, &place)
            self._explain(rc, it.instrument_id)

    def _explain(self, int rc, instrument_id=None) -> None:
        if rc == TT_OK:
            return
        if rc == TT_E_FULL:
            raise CapacityError(
                f"bars: found more than {self.c.n_max} instruments; raise instruments_max")
        where = "" if instrument_id is None else f" of instrument {instrument_id}"
        check_with(rc, f"bars {', '.join(map(str, self.specs))}{where}")

    cdef object run(self, object source, bint copy):
        """Bars of a batch, or (copy) its records with the bars between them, as slots."""
        cdef Slots slots = Slots(source)
        cdef tt_l3_batch batch = _batch(slots, self.book)
        cdef tt_l3 *book = NULL if self.book is None else self.book.c
        cdef uint8_t[::1] room
        cdef size_t cap = min(OUT_SLOTS + (slots.n + slots.n // 4 if copy else 0), <size_t>1 << 18)
        cdef int rc = TT_E_FULL
        parts, self.left = self.left, []
        self.c.copy = copy
        try:
            while rc == TT_E_FULL:
                array = np.empty(cap * 64, np.uint8)
                room = array
                self.c.out = <uint64_t *>&room[0]
                self.c.cap, self.c.used = cap, 0
                with nogil:
                    rc = tt_bars_run(self.c, book, &batch)
                if self.c.used:
                    parts.append(array[: self.c.used * 64])
                if rc == TT_E_FULL and not self.c.out_full and self.c.rc == TT_OK:
                    try:
                        self.book.grow()
                    except OutOfMemoryError as error:
                        error.slots_done = batch.at
                        self.left = parts
                        raise
                elif rc == TT_E_FULL and not self.c.out_full:
                    break
                check(tt_stop_check(stop_flag()))
        finally:
            slots.close()
        self._explain(rc)
        return _joined(parts)

    def update(self, records) -> np.ndarray:
        """Take in a batch of records; returns the bars that closed (dtype DTYPES[Template.BAR]).

        OutOfMemoryError says in `slots_done` how far it came; what closed until then comes with the
        batch that goes on there.
        """
        return self.run(records, False).view(DTYPES[Template.BAR])

    def merge(self, records) -> np.ndarray:
        """Take in a batch; returns its slots with the bars among them: ahead of the record that
        ended them, or behind the print that filled them.
        """
        return self.run(records, True)

    def flush(self, int64_t ts_ns=0) -> np.ndarray:
        """Close at `ts_ns` (default: the last record's time) what is in the making.

        Time bars that end by then are whole, the rest is PARTIAL and stamped with the time so far.
        """
        cdef uint8_t[::1] room
        cdef int rc = TT_E_FULL
        parts = []
        self.c.copy = False
        while rc == TT_E_FULL:
            array = np.empty(OUT_SLOTS * 64, np.uint8)
            room = array
            self.c.out = <uint64_t *>&room[0]
            self.c.cap, self.c.used = OUT_SLOTS, 0
            with nogil:
                rc = tt_bars_flush(self.c, ts_ns)
            parts.append(array[: self.c.used * 64])
            check(tt_stop_check(stop_flag()))
        self._explain(rc)
        return _joined(parts).view(DTYPES[Template.BAR])

    def counts(self) -> dict:
        """prints taken in; left out: late (behind the open of a time bar), broken, not_printable,
        unpriced (an execution without a book), without_size; gaps heard of; bars emitted.
        """
        return {
            "prints": self.c.counts.prints, "late": self.c.counts.late,
            "broken": self.c.counts.broken, "not_printable": self.c.counts.not_printable,
            "unpriced": self.c.counts.unpriced, "without_size": self.c.counts.without_size,
            "gaps": self.c.counts.gaps, "bars": self.c.emitted,
        }

    @property
    def corrections(self) -> np.ndarray:
        """The first broken trades (up to 64), as PRINT: match_id and time say which; no bar was
        changed for them.
        """
        cdef uint8_t[::1] room
        array = np.zeros(self.c.n_corrections, PRINT)
        if self.c.n_corrections:
            room = array.view(np.uint8)
            memcpy(&room[0], &self.c.corrections[0], self.c.n_corrections * sizeof(tt_print))
        return array

    @property
    def now_ns(self) -> int:
        """Latest venue time seen."""
        return self.c.last_ns


def _joined(parts) -> np.ndarray:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, np.uint8)


def prints_of(records, L3Book book not None) -> np.ndarray:
    """The prints of a batch of records, as PRINT rows; the book is brought up to date with it.

    Left out are those not printable, broken, or without size: what bars leave out. px and qty are
    raw mantissas, `side` the aggressor's.
    """
    cdef Slots slots = Slots(records)
    cdef tt_l3_batch batch = _batch(slots, book)
    cdef tt_print_outlet outlet
    cdef uint8_t[::1] room
    cdef int rc = TT_OK
    parts = []
    memset(&outlet, 0, sizeof(outlet))
    outlet.cap = PRINTS
    try:
        while rc == TT_E_FULL or batch.at < batch.n:
            array = np.empty(PRINTS, PRINT)
            room = array.view(np.uint8)
            outlet.out = <tt_print *>&room[0]
            outlet.used = 0
            with nogil:
                rc = tt_print_run(book.c, &batch, &outlet)
            parts.append(array[: outlet.used])
            book.grow_or_check(rc, batch.at)
    finally:
        slots.close()
    return np.concatenate(parts) if parts else np.empty(0, PRINT)
