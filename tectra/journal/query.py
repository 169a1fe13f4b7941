"""Asking a journal: which records, by sequence, time, type, instrument, order and strategy.

Uses the index of a segment where there is a good one and reads everything where there is none; the
records are the same. One thread at a time for each JournalQuery; readers and queries of one journal
are independent, in any thread or process, while it grows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import InputError, JournalCorruptError, JournalError
from tectra.core.msg import DTYPES, Template
from tectra.journal.column import column, template_ids
from tectra.journal.index import SegmentIndex, load_index
from tectra.journal.reader import JournalReader, Spans
from tectra.journal.scan import walk
from tectra.journal.segment import SegmentFile, Slots, column_u64

__all__ = ["JournalQuery", "Query", "Rows"]

_TEMPLATES = {int(t): t for t in Template}
_BYTES = np.zeros(1 << 16, np.int64)
_BYTES[[int(t) for t in DTYPES]] = [d.itemsize for d in DTYPES.values()]
_I64 = (-(1 << 63), (1 << 63) - 1)
_LIMITS = {
    "start_ns": _I64,
    "end_ns": _I64,
    "start_seq": (0, (1 << 64) - 1),
    "stop_seq": (0, (1 << 64) - 1),
    "order_id": (1, (1 << 64) - 1),
    "strategy_id": (1, (1 << 16) - 1),
    "limit": (0, 1 << 63),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is wanted; None means whatever. Everything said must hold.

    Times are ts_recv_ns, [start_ns, end_ns); numbers are ring_seq, [start_seq, stop_seq). A record
    without the field (an order's id, a strategy's) does not match a query for it. `limit`: so many
    records, the first ones. InputError for what no record can have.
    """

    start_seq: int | None = None
    stop_seq: int | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    templates: frozenset[Template] | None = None
    instrument_ids: frozenset[int] | None = None
    order_id: int | None = None
    strategy_id: int | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InputError(f"{name}: found {value}; allowed: {low} to {high}")
        for first, last in (("start_seq", "stop_seq"), ("start_ns", "end_ns")):
            start, stop = getattr(self, first), getattr(self, last)
            if start is not None and stop is not None and start > stop:
                raise InputError(f"{first}: found {start}; allowed: up to {last}, which is {stop}")

    @property
    def everything(self) -> bool:
        """Is no record left out but by `limit`?"""
        return all(getattr(self, name) is None for name in self.__slots__ if name != "limit")

    def values(self) -> dict[str, frozenset[int]]:
        """Field -> the values that are wanted, of the fields that say something."""
        said: dict[str, frozenset[int]] = {}
        if self.templates is not None:
            said["template_id"] = frozenset(map(int, self.templates))
        if self.instrument_ids is not None:
            said["instrument_id"] = self.instrument_ids
        if self.order_id is not None:
            said["order_id"] = frozenset({self.order_id})
        if self.strategy_id is not None:
            said["strategy_id"] = frozenset({self.strategy_id})
        return said


class Rows(NamedTuple):
    """Records of a stretch of a segment that match: where they begin in `slots`, and their types.
    Arrays are read-only.
    """

    slots: Slots
    starts: NDArray[np.uint32]
    template_ids: NDArray[np.uint16]

    def records(self) -> Iterator[tuple[Template, memoryview]]:
        """(template, bytes) of each, in place."""
        data = self.slots.reshape(-1).data
        sizes = _BYTES[self.template_ids].tolist()
        at = (self.starts.astype(np.int64) * 64).tolist()
        for kind, start, size in zip(self.template_ids.tolist(), at, sizes, strict=True):
            yield _TEMPLATES[kind], data[start : start + size]

    def packed(self) -> Slots:
        """Their slots, one record behind the other (a copy)."""
        wide = _BYTES[self.template_ids] == 128
        at = np.repeat(self.starts, 1 + wide)
        at[np.cumsum(1 + wide)[wide] - 1] += 1
        out: Slots = self.slots[at]
        return out


class _WrongIndexError(Exception):
    """The blocks of an index are no whole records."""


class JournalQuery:
    """A query on a reader. It reads what the reader saw when it was opened or refreshed.

    `notes` says which indexes were not used, and why; `slots_read` and `slots_total` how much was
    read of how much. A damaged journal is treated as the reader treats it; a strict reader that
    uses an index finds the damage of the blocks it reads.
    """

    def __init__(
        self, reader: JournalReader, query: Query | None = None, *, use_index: bool = True
    ) -> None:
        self.reader = reader
        self.query = Query() if query is None else query
        self.notes: list[str] = []
        self.slots_read = 0
        self.slots_total = 0
        # A reader that goes on behind damage looks for it everywhere.
        self._use_index = use_index and reader.strict and not self.query.everything
        self._indexes: dict[int, SegmentIndex | None] = {}
        self._segment, self._slot = 1, 0  # the first segment and slot that were not yet read
        self._left = self.query.limit

    # ---- answers ----

    def rows(self) -> Iterator[Rows]:
        """Matching records, a stretch of a segment at a time. JournalCorruptError when strict."""
        self._segment, self._slot = 1, 0
        self._left = self.query.limit
        self.slots_read = self.slots_total = 0
        yield from self._pass()

    def records(self) -> Iterator[tuple[Template, memoryview]]:
        """(template, bytes) of each matching record; zero-copy and read-only."""
        for rows in self.rows():
            yield from rows.records()

    def slots(self) -> Iterator[Slots]:
        """Matching records as arrays of whole slots (copies)."""
        for rows in self.rows():
            yield rows.packed()

    def columns(self, template: Template) -> NDArray[np.void]:
        """Matching records of one type as a structured array (a copy) of DTYPES[template]."""
        dtype = DTYPES[template]
        parts = [np.empty((0, dtype.itemsize), np.uint8)]
        for rows in self.rows():
            at = rows.starts[rows.template_ids == template]
            part = rows.slots[at]
            if dtype.itemsize == 128:
                part = np.concatenate([part, rows.slots[at + 1]], axis=1)
            parts.append(part)
        out: NDArray[np.void] = np.concatenate(parts).reshape(-1).view(dtype)
        return out

    def count(self) -> dict[Template, int]:
        """How many records of each type match; types without one are left out."""
        total = np.zeros(1 << 16, np.int64)
        for rows in self.rows():
            total += np.bincount(rows.template_ids, minlength=1 << 16)
        return {_TEMPLATES[t]: int(total[t]) for t in np.flatnonzero(total).tolist()}

    def follow(self, wait: Callable[[], bool]) -> Iterator[tuple[Template, memoryview]]:
        """Matching records, and those that come: each once, in order.

        Whenever there is nothing more, wait() is called; it comes back when it is time to look
        again, and says False to end. Ends by itself when the writer closed the journal, and behind
        `limit` records or at `stop_seq`.
        """
        self._segment, self._slot = 1, 0
        self._left = self.query.limit
        while True:
            closed = self.reader.closed
            for rows in self._pass():
                yield from rows.records()
            if closed or self._done() or not wait():
                return
            self.reader.refresh()

    # ---- one look at the journal ----

    def _done(self) -> bool:
        if self._left == 0:
            return True
        stop, last = self.query.stop_seq, self._last_seq
        return stop is not None and last is not None and last + 1 >= stop

    _last_seq: int | None = None

    def _pass(self) -> Iterator[Rows]:
        """Matching records behind the place that was reached."""
        if self._left == 0:
            return
        narrow = self._narrow if self._use_index else None
        for segment, spans in self.reader.pieces(narrow, first=self._segment):
            number = segment.head.segment_id
            if number != self._segment:
                self._segment, self._slot = number, 0
            found = self._in_spans(segment, spans) if spans is not None else None
            if found is None:
                found = self._in_all(segment)
                self._slot, last = segment.valid, segment.last_ring_seq
            else:
                self._slot, last = segment.head.used, segment.head.last_ring_seq
            self.slots_total += self._slot
            for rows in found:
                if len(rows.starts):
                    yield self._limited(rows)
                    if self._left == 0:
                        return
            self._last_seq = last
            if self._done():
                return

    def _limited(self, rows: Rows) -> Rows:
        if self._left is None:
            return rows
        count = min(self._left, len(rows.starts))
        self._left -= count
        return Rows(rows.slots, rows.starts[:count], rows.template_ids[:count])

    def _in_spans(self, segment: SegmentFile, spans: Spans) -> list[Rows] | None:
        """What matches in some stretches of slots; None when they are no whole records."""
        try:
            return [self._in_span(segment, start, stop) for start, stop in spans]
        except _WrongIndexError:
            self._indexes[segment.head.segment_id] = None
            self.notes.append(f"{segment.path.name}: its index has other blocks; it was not used")
            fault = segment.damage()
            if fault is not None:
                raise JournalCorruptError(f"{self.reader.path}: {fault}") from None
            return None

    def _in_span(self, segment: SegmentFile, start: int, stop: int) -> Rows:
        if not 0 <= start < stop <= min(segment.head.used, segment.slots_in_file):
            raise _WrongIndexError
        slots = segment.sound_part(start, stop)
        starts, end = walk(slots)
        if end != stop - start:
            raise _WrongIndexError
        self.slots_read += stop - start
        return self._matching(slots, starts)

    def _in_all(self, segment: SegmentFile) -> list[Rows]:
        """What matches in a segment behind the slot that was reached."""
        at = self._slot
        slots = segment.slots[at:]
        self.slots_read += len(slots)
        starts = segment.starts if at == 0 else walk(slots)[0]
        return [self._matching(slots, starts)]

    def _matching(self, slots: Slots, starts: NDArray[np.uint32]) -> Rows:
        query = self.query
        seqs = column_u64(slots, 1)
        if query.start_seq is not None:
            starts = starts[np.searchsorted(seqs[starts], np.uint64(query.start_seq)) :]
        if query.stop_seq is not None:
            starts = starts[: np.searchsorted(seqs[starts], np.uint64(query.stop_seq))]
        if query.start_ns is not None:
            starts = starts[slots.view("<i8")[starts, 3] >= query.start_ns]
        if query.end_ns is not None:
            starts = starts[slots.view("<i8")[starts, 3] < query.end_ns]
        ids = template_ids(slots, starts)
        if query.templates is not None:
            kept = np.isin(ids, np.array([int(t) for t in query.templates], np.uint16))
            starts, ids = starts[kept], ids[kept]
        for name, values in query.values().items():
            if name != "template_id":
                found = column(slots, starts, ids, name)
                kept = np.isin(found, np.array(sorted(values), found.dtype))
                starts, ids = starts[kept], ids[kept]
        return Rows(slots, starts, ids)

    # ---- indexes ----

    def _index(self, segment: SegmentFile) -> SegmentIndex | None:
        number = segment.head.segment_id
        if number not in self._indexes:
            try:
                self._indexes[number] = load_index(segment)
            except JournalError as error:
                self.notes.append(str(error))
                self._indexes[number] = None
        return self._indexes[number]

    def _narrow(self, segment: SegmentFile) -> Spans | None:
        """Stretches of a segment that can hold what is wanted; None: all of it."""
        if segment.head.segment_id == self._segment and self._slot:
            return None  # read in part while it was open
        query, head = self.query, segment.head
        if query.start_seq is not None and head.last_ring_seq < query.start_seq:
            return []
        index = self._index(segment)
        if index is None:
            return None
        blocks = np.ones(len(index.ts_min), np.bool_)
        if query.start_ns is not None:
            blocks &= index.ts_max >= query.start_ns
        if query.end_ns is not None:
            blocks &= index.ts_min < query.end_ns
        if query.start_seq is not None:
            after = np.searchsorted(index.first_ring_seq, np.uint64(query.start_seq), "right")
            blocks[: max(0, int(after) - 1)] = False
        if query.stop_seq is not None:
            before = np.searchsorted(index.first_ring_seq, np.uint64(query.stop_seq))
            blocks[int(before) :] = False
        for name, values in query.values().items():
            some = np.zeros(len(blocks), np.bool_)
            for value in values:
                index.sections[name].mark(value, some)
            blocks &= some
        return index.spans(blocks)
