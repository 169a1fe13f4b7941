"""A journal to look into: records by number, by time and by what they say. One thread."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import InputError, JournalError
from tectra.core.msg import DIRECTION, DTYPES, ENUMS, HEAD, Template
from tectra.core.record import Record, decode
from tectra.journal.reader import JournalReader
from tectra.journal.segment import SegmentFile
from tectra.refdata.instrument import Instrument

__all__ = [
    "ACTIONS",
    "HIDDEN",
    "STATE_CHANGES",
    "Event",
    "EventFilter",
    "JournalView",
    "printable",
    "templates_of",
]

# What says that something is in another state than before.
STATE_CHANGES = frozenset(
    {
        Template.STATUS,
        Template.GAP,
        Template.BOOK_STATUS,
        Template.BOOK_CLEAR,
        Template.CONTROL_KILL,
        Template.CONTROL_LIMIT,
        Template.CONTROL_PARAM,
        Template.SESSION,
        Template.CONFIG_CHANGE,
        Template.ORDER_EVENT,
        Template.STRATEGY_STATE,
        Template.POSITION_UPDATE,
        Template.PNL_UPDATE,
    }
)
# What somebody inside did: strategies, the risk chain, the engine toward a venue.
ACTIONS = frozenset(
    {
        Template.ORDER_INTENT,
        Template.ORDER_VERDICT,
        Template.ORDER_SEND,
        Template.STRATEGY_SIGNAL,
        Template.STRATEGY_DECISION,
        Template.KILL_RESPONSE,
        Template.CONTROL_ACK,
    }
)
# What Event.fields() leaves out.
HIDDEN = frozenset(
    {"template", "ring_seq", "ts_event_ns", "ts_recv_ns", "reserved", "reserved2"}
    | {"block_length", "template_id", "schema_id", "version"}
)
_NO_PX = -(2**63)
_PARTS_KEPT = 4
_FILTERS_KEPT = 16
_BLOCK = 256
# Where ids stand in a record: (type, offset).
_COLUMNS = {"instruments": ("<u4", 32), "strategies": ("<u2", 38), "orders": ("<u8", 40)}
_NAMES = {t.name.lower(): t for t in Template}


@dataclass(frozen=True, slots=True)
class Event:
    """One record of a journal; times in ns since the epoch."""

    ring_seq: int
    ts_ns: int
    template: Template
    record: bytes

    @property
    def name(self) -> str:
        """The template in lower case."""
        return self.template.name.lower()

    @property
    def direction(self) -> str:
        """`input`, `output` or `note`."""
        return DIRECTION[self.template]

    def decoded(self) -> Record:
        """The record by its fields."""
        return decode(self.record)

    def fields(self) -> dict[str, Any]:
        """Plain values: members of enums by name, texts as str, the null price as None."""
        enums = ENUMS.get(self.template, {})
        out: dict[str, Any] = {}
        for name, value in self.decoded().to_dict().items():
            if name not in HIDDEN:
                out[name] = _plain(value, enums.get(name))
        return out

    def as_dict(self) -> dict[str, Any]:
        """Number, time, kind and fields."""
        head = {"ring_seq": self.ring_seq, "ts_ns": self.ts_ns, "record": self.name}
        return {**head, "direction": self.direction, **self.fields()}


def printable(text: str) -> str:
    """A text that moves no terminal's cursor, whatever a venue or a strategy wrote."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _plain(value: Any, enum: Any) -> Any:
    if isinstance(value, bytes):
        text = value.rstrip(b"\0").decode("ascii", "backslashreplace")
        return printable(text)
    if value == _NO_PX:
        return None
    if enum is None or not isinstance(value, int):
        return list(value) if isinstance(value, tuple) else value
    if issubclass(enum, IntFlag):
        return [m.name for m in enum if value & m]
    return enum(value).name if value in enum._value2member_map_ else value


def templates_of(names: Iterator[str] | list[str] | tuple[str, ...]) -> frozenset[Template]:
    """Templates by their names in any case; InputError names one that there is not."""
    out = set()
    for name in names:
        found = _NAMES.get(name.strip().lower())
        if found is None:
            raise InputError(f"template: found {name!r}; allowed: {', '.join(sorted(_NAMES))}")
        out.add(found)
    return frozenset(out)


class EventFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which records; what is not given lets everything pass, what is given must hold together."""

    templates: tuple[str, ...] = ()
    inputs_only: bool = False
    outputs_only: bool = False
    state_changes_only: bool = False
    actions_only: bool = False
    symbol: str = ""
    strategy_id: int = 0
    order_id: int = 0

    def allowed(self) -> frozenset[Template]:
        """Templates that pass."""
        out = templates_of(self.templates) if self.templates else frozenset(Template)
        if self.inputs_only:
            out = frozenset(t for t in out if DIRECTION[t] == "input")
        if self.outputs_only:
            out = frozenset(t for t in out if DIRECTION[t] == "output")
        if self.state_changes_only:
            out &= STATE_CHANGES
        if self.actions_only:
            out &= ACTIONS
        return out


_INPUTS = EventFilter(inputs_only=True)


class _Part:
    """One segment: its slots, and number, time, and kind of its records."""

    def __init__(self, segment: SegmentFile) -> None:
        self.slots = segment.slots
        self.starts = segment.starts
        self.edges = np.append(self.starts, segment.valid).astype(np.int64)
        heads = np.ascontiguousarray(self.slots[self.starts]).view(HEAD).reshape(-1)
        self.seqs: NDArray[np.uint64] = heads["ring_seq"].copy()
        self.times: NDArray[np.int64] = heads["ts_recv_ns"].copy()
        self.templates: NDArray[np.uint16] = heads["template_id"].copy()

    def column(self, name: str, a: int, b: int) -> NDArray[Any]:
        """The ids of the records [a, b): every template that has one has it at the same place."""
        dtype, at = _COLUMNS[name]
        words = self.slots.view(dtype)[:, at // np.dtype(dtype).itemsize]
        column: NDArray[Any] = words[self.starts[a:b]]
        return column

    @cached_property
    def clock(self) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """The inputs, and the latest receive time up to each."""
        inputs = np.flatnonzero(_INPUT[self.templates])
        return inputs, np.maximum.accumulate(self.times[inputs])

    def bounds(self, first_seq: int, last_seq: int) -> tuple[int, int]:
        """Record numbers [a, b) of the records first_seq to last_seq."""
        a = int(np.searchsorted(self.seqs, np.uint64(max(0, first_seq))))
        b = int(np.searchsorted(self.seqs, np.uint64(max(0, last_seq)), side="right"))
        return a, max(a, b)

    def event(self, i: int) -> Event:
        """A copy of a record."""
        raw = self.slots[self.edges[i] : self.edges[i + 1]].tobytes()
        return Event(int(self.seqs[i]), int(self.times[i]), Template(int(self.templates[i])), raw)


class JournalView:
    """The records of a journal as it was when this was made. Every checksum is verified first.

    Raises JournalCorruptError for a damaged journal and JournalError for an empty one; the torn
    tail of a run that crashed is left out.
    """

    def __init__(self, reader: JournalReader, instruments: tuple[Instrument, ...] = ()) -> None:
        self.instruments = {i.symbol: i for i in instruments}
        self._segments: list[SegmentFile] = []
        self._filters: dict[EventFilter, _Chosen] = {}
        self._parts: OrderedDict[int, _Part] = OrderedDict()
        firsts, lasts, latest, counts = [], [], [], []
        now_ns = -(2**63)
        for segment, slots in reader.segments():
            if not len(slots):
                continue
            part = _Part(segment)
            inputs = _INPUT[part.templates]
            if inputs.any():
                now_ns = max(now_ns, int(part.times[inputs].max()))
            self._segments.append(segment)
            firsts.append(int(part.seqs[0]))
            lasts.append(int(part.seqs[-1]))
            latest.append(now_ns)
            counts.append(len(part.seqs))
        if not self._segments:
            raise JournalError(f"{reader.path}: the journal holds no record; there is no replay")
        self._firsts = np.array(firsts, np.uint64)
        self._lasts = np.array(lasts, np.uint64)
        self._latest_ns = np.array(latest, np.int64)
        self._counts = counts

    @property
    def first_seq(self) -> int:
        """Number of the first record."""
        return int(self._firsts[0])

    @property
    def last_seq(self) -> int:
        """Number of the last record."""
        return int(self._lasts[-1])

    @property
    def count(self) -> int:
        """Records."""
        return sum(self._counts)

    @cached_property
    def first_ns(self) -> int:
        """Receive time of the first record."""
        return int(self._part(0).times[0])

    @property
    def last_ns(self) -> int:
        """The latest receive time of an input."""
        return int(self._latest_ns[-1])

    def _part(self, number: int) -> _Part:
        part = self._parts.get(number)
        if part is None:
            part = _Part(self._segments[number])
            self._segments[number].forget()
            self._parts[number] = part
            if len(self._parts) > _PARTS_KEPT:
                self._parts.popitem(last=False)
        else:
            self._parts.move_to_end(number)
        return part

    def _within(self, first_seq: int, last_seq: int) -> Iterator[tuple[_Part, int, int]]:
        """Parts with the record numbers [a, b) of the records first_seq to last_seq."""
        if first_seq > self.last_seq:
            return
        at = int(np.searchsorted(self._lasts, np.uint64(max(0, first_seq))))
        while at < len(self._segments) and self._firsts[at] <= max(0, last_seq):
            part = self._part(at)
            a, b = part.bounds(first_seq, min(last_seq, self.last_seq))
            if b > a:
                yield part, a, b
            at += 1

    # ---- records ----

    def slots(self, first_seq: int, last_seq: int) -> Iterator[NDArray[np.uint8]]:
        """The slots of the records first_seq to last_seq, flat and zero-copy."""
        for part, a, b in self._within(first_seq, last_seq):
            yield part.slots[part.edges[a] : part.edges[b]].reshape(-1)

    def at(self, ring_seq: int) -> Event | None:
        """The record of a number."""
        for part, a, b in self._within(ring_seq, ring_seq):
            return part.event(b - 1) if b > a else None
        return None

    def seq_of(self, ring_seq: int, offset: int) -> int:
        """Number of the record `offset` records behind (before, when negative) a number; the number
        before the first record, or that of the last, where there are not so many.
        """
        index = self._index_behind(ring_seq) + offset
        if index <= 0:
            return self.first_seq - 1
        for number, count in enumerate(self._counts):
            if index <= count:
                return int(self._part(number).seqs[index - 1])
            index -= count
        return self.last_seq

    def _index_behind(self, ring_seq: int) -> int:
        """How many records have a number up to this one."""
        at = int(np.searchsorted(self._lasts, np.uint64(max(0, ring_seq))))
        before = sum(self._counts[:at])
        if at == len(self._segments):
            return before
        return before + self._part(at).bounds(0, ring_seq)[1]

    def seq_at(self, ts_ns: int) -> int:
        """The last record of the last input received up to a time; the number before the first
        record where there is none.
        """
        at = int(np.searchsorted(self._latest_ns, ts_ns, side="right"))
        if at == len(self._segments):
            return self.last_seq
        part = self._part(at)
        inputs, times = part.clock
        late = int(np.searchsorted(times, ts_ns, side="right"))
        if late == len(inputs):
            return int(part.seqs[-1])
        first = int(inputs[late])
        return self.seq_of(int(part.seqs[first]), -1)

    def input_of(self, ring_seq: int) -> Event | None:
        """The input that a record is or was said because of: the last one up to a number."""
        return self.previous(_INPUTS, ring_seq + 1)

    def boundary(self, ring_seq: int) -> int:
        """The last record said because of the same input as that of a number."""
        following = self.next(_INPUTS, ring_seq)
        return self.last_seq if following is None else self.seq_of(following.ring_seq, -1)

    # ---- finding ----

    def instrument(self, symbol: str) -> Instrument:
        """An instrument of the run; InputError for another."""
        found = self.instruments.get(symbol)
        if found is None:
            allowed = ", ".join(list(self.instruments)[:20])
            raise InputError(f"symbol: found {symbol!r}; allowed in this run: {allowed}")
        return found

    def find(
        self, wanted: EventFilter, first_seq: int | None = None, last_seq: int | None = None
    ) -> Iterator[Event]:
        """Records first_seq to last_seq that pass a filter, in order."""
        first = self.first_seq if first_seq is None else first_seq
        last = self.last_seq if last_seq is None else last_seq
        chosen = self._chosen(wanted)
        for part, a, b in self._within(first, last):
            for low, high in _blocks(b - a):
                for i in chosen.indices(part, a + low, a + high).tolist():
                    yield part.event(i)

    def next(self, wanted: EventFilter, after_seq: int) -> Event | None:
        """The first record behind a number that passes a filter."""
        return next(self.find(wanted, after_seq + 1), None)

    def previous(self, wanted: EventFilter, before_seq: int) -> Event | None:
        """The last record before a number that passes a filter."""
        chosen = self._chosen(wanted)
        at = min(
            int(np.searchsorted(self._lasts, np.uint64(max(0, before_seq - 1)))),
            len(self._segments) - 1,
        )
        for number in range(at, -1, -1):
            part = self._part(number)
            end = part.bounds(0, before_seq - 1)[1]
            for low, high in _blocks(end):
                found = chosen.indices(part, end - high, end - low)
                if len(found):
                    return part.event(int(found[-1]))
        return None

    def _chosen(self, wanted: EventFilter) -> "_Chosen":
        found = self._filters.get(wanted)
        if found is None:
            instrument = self.instrument(wanted.symbol).instrument_id if wanted.symbol else 0
            found = self._filters[wanted] = _Chosen(wanted, instrument)
            if len(self._filters) > _FILTERS_KEPT:
                del self._filters[next(iter(self._filters))]
        return found


def _blocks(count: int) -> Iterator[tuple[int, int]]:
    """[0, count) in blocks that grow: who looks for the next record need not look at all."""
    low, size = 0, _BLOCK
    while low < count:
        yield low, min(count, low + size)
        low, size = low + size, 4 * size


class _Chosen:
    """A filter made ready: every part of it is a column."""

    def __init__(self, wanted: EventFilter, instrument_id: int) -> None:
        self.columns = [
            ("instruments", instrument_id),
            ("strategies", wanted.strategy_id),
            ("orders", wanted.order_id),
        ]
        self.columns = [(name, value) for name, value in self.columns if value]
        allowed = wanted.allowed()
        for name, field in (("strategies", "strategy_id"), ("orders", "order_id")):
            if any(name == asked for asked, _ in self.columns):
                allowed = frozenset(t for t in allowed if field in (DTYPES[t].fields or {}))
        self.table = np.zeros(2**16, np.bool_)
        self.table[[int(t) for t in allowed]] = True

    def indices(self, part: _Part, a: int, b: int) -> NDArray[np.intp]:
        """Records of [a, b) that pass."""
        passes = self.table[part.templates[a:b]]
        for name, value in self.columns:
            passes &= part.column(name, a, b) == value
        return np.flatnonzero(passes) + a


_INPUT = np.zeros(2**16, np.bool_)
_INPUT[[int(t) for t, direction in DIRECTION.items() if direction == "input"]] = True
