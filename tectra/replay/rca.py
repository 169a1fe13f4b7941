"""The report of an incident: a window of a journal, lived again, with the state before and after
it, everything that was decided in it and why.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import InputError
from tectra.core.msg import DIRECTION, HEAD, KillAction, StrategyPhase, Template
from tectra.core.row import row_of
from tectra.core.stop import StopSignals
from tectra.engine.compare import Comparator
from tectra.engine.session import SessionSpec
from tectra.journal.reader import JournalReader
from tectra.replay.beginning import engine_at_beginning
from tectra.replay.component import component_of
from tectra.replay.describe import Names, clock_text, plain
from tectra.replay.diff import names_of
from tectra.replay.difference import difference_of
from tectra.replay.latency import Latency, LatencyMeter
from tectra.replay.points import Point
from tectra.replay.standing import standing, standing_lines
from tectra.replay.verify import journal_of
from tectra.replay.words import words

__all__ = ["IncidentReport", "KillReport", "TimelineEntry", "incident_report"]

Progress = Callable[[int, int], None]
_INPUT = np.zeros(1 << 16, np.bool_)
_INPUT[[int(t) for t, d in DIRECTION.items() if d == "input"]] = True
# Market data is counted; only what says something of the market itself stands in the timeline.
_TOLD = frozenset(
    t
    for t in DIRECTION
    if t >= Template.ORDER_ACK
    or t in (Template.STATUS, Template.GAP, Template.BOOK_STATUS, Template.BOOK_CLEAR)
)
_LINES_MAX = 400


@dataclass(frozen=True)
class TimelineEntry:
    """One record of the window that is worth a line."""

    ring_seq: int
    ts_ns: int
    component: str
    kind: str
    who: str
    what: str
    record: dict[str, Any]


@dataclass(frozen=True)
class KillReport:
    """One kill or clear: who, why, what, in which state, and what was held and open before it and
    at the end (the next kill or clear, or the end of the window).
    """

    ring_seq: int
    ts_ns: int
    action: str
    operator_id: int
    reason: str
    strategy: str
    symbol: str
    state: str
    before: dict[str, Any]
    after: dict[str, Any] | None


@dataclass(frozen=True)
class IncidentReport:
    """`before` and `after` are None where the replay left the journal ahead of that point: then
    nobody knows them, and `difference` says where it left.
    """

    path: str
    first_seq: int
    last_seq: int
    first_ns: int
    last_ns: int
    session: dict[str, Any]
    market_records: dict[str, int]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    timeline: tuple[TimelineEntry, ...]
    kills: tuple[KillReport, ...]
    latencies: tuple[Latency, ...]
    difference: str | None
    notes: tuple[str, ...]
    zone: str = "UTC"

    @property
    def replayed(self) -> bool:
        """Whether the replay said what the journal says, up to the end of the window."""
        return self.difference is None

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "replayed": self.replayed}

    def lines(self) -> Iterator[str]:
        """The report as text."""
        yield (
            f"incident of records {self.first_seq:,} to {self.last_seq:,}, "
            f"{clock_text(self.first_ns)} to {clock_text(self.last_ns)} {self.zone}"
        )
        for name, value in self.session.items():
            yield f"{name:<12}{value}"
        yield from (f"note        {note}" for note in self.notes)
        if self.difference is not None:
            yield f"DIFFERENT   the replay left the journal: {self.difference}"
        else:
            yield "replay      equal to the journal up to the end of the window"
        counted = ", ".join(f"{n:,} {name}" for name, n in self.market_records.items())
        yield f"market data {counted or 'none'}"
        for title, state in (("before", self.before), ("after", self.after)):
            yield ""
            yield title
            yield from (f"  {line}" for line in _state_lines(state))
        for kill in self.kills:
            yield ""
            yield from _kill_lines(kill, f"{clock_text(kill.ts_ns)} {self.zone}")
        yield ""
        yield "latency of the records' own times, in ns"
        yield from (f"  {line}" for line in _latency_lines(self.latencies))
        yield ""
        yield f"timeline, {self.zone}"
        for entry in self.timeline[:_LINES_MAX]:
            who = f" {entry.who}" if entry.who else ""
            head = f"  {entry.ring_seq:>8} {clock_text(entry.ts_ns)} {entry.component:<13}"
            yield f"{head}{who} {entry.what}"
        if len(self.timeline) > _LINES_MAX:
            more = len(self.timeline) - _LINES_MAX
            yield f"  and {more:,} more: -o FILE.html or --json has them all"


def _state_lines(state: dict[str, Any] | None) -> list[str]:
    return ["not known: the replay left the journal"] if state is None else standing_lines(state)


def _kill_lines(kill: KillReport, clock: str) -> Iterator[str]:
    scope = " ".join(p for p in (kill.strategy, kill.symbol) if p) or "everything"
    state = f", state {kill.state}" if kill.state else ""
    yield (
        f"{kill.action} of {scope} at record {kill.ring_seq}, {clock}: operator "
        f"{kill.operator_id}, {kill.reason or 'no reason given'}{state}"
    )
    yield from (f"  before  {line}" for line in standing_lines(kill.before))
    yield from (f"  after   {line}" for line in _state_lines(kill.after))


def _latency_lines(latencies: tuple[Latency, ...]) -> Iterator[str]:
    for one in latencies:
        if one.count:
            yield (
                f"{one.name:<18}{one.count:>9,} p50 {one.p50_ns:,}, p99 {one.p99_ns:,}, "
                f"max {one.max_ns:,}"
            )
        else:
            yield f"{one.name:<18}{'none':>9}"


@dataclass(frozen=True)
class _Window:
    """Whole steps: from the first input to the record ahead of the input `stop_seq`."""

    first_seq: int
    stop_seq: int
    first_ns: int
    last_ns: int


def _heads(reader: JournalReader) -> Iterator[NDArray[np.void]]:
    for segment, slots in reader.segments():
        yield np.ascontiguousarray(slots[segment.starts]).view(HEAD).reshape(-1)


def _window(reader: JournalReader, start: Point, end: Point) -> _Window:
    """The steps that begin at or after `start` and at or before `end`; of a record, its step."""
    first = stop = last_seq = known_ns = origin = 0
    first_ns = last_ns = 0
    for heads in _heads(reader):
        if not len(heads):
            continue
        origin = origin or int(heads["ring_seq"][0])
        last_seq = int(heads["ring_seq"][-1])
        rows = heads[_INPUT[heads["template_id"]]]
        if not len(rows):
            continue
        seqs = rows["ring_seq"].astype(np.int64)
        times = np.maximum(np.maximum.accumulate(rows["ts_recv_ns"]), known_ns)
        known_ns = int(times[-1])
        if start.ns is not None and not first:
            at = int(np.searchsorted(times, start.ns))
            if at < len(seqs):
                first, first_ns = int(seqs[at]), int(times[at])
        elif start.ns is None:
            # A record belongs to the last input up to it.
            at = int(np.searchsorted(seqs, max(start.seq or 0, origin), side="right")) - 1
            if at >= 0 and (not first or int(seqs[0]) <= (start.seq or 0)):
                first, first_ns = int(seqs[at]), int(times[at])
        late = (
            np.searchsorted(times, end.ns, side="right")
            if end.ns is not None
            else np.searchsorted(seqs, last_seq if end.seq is None else end.seq, side="right")
        )
        if int(late):
            last_ns = int(times[int(late) - 1])
        if int(late) < len(seqs):
            stop = int(seqs[int(late)])
            break
    stop = stop or last_seq + 1
    if not first or stop <= first or (start.seq is not None and start.seq > last_seq):
        raise InputError(
            f"window: no record of {reader.path} in it; the journal has the records "
            f"{reader.first_ring_seq} to {reader.last_ring_seq}"
        )
    return _Window(first, stop, first_ns, max(first_ns, last_ns))


class _Cut:
    """One window being lived."""

    def __init__(self, reader: JournalReader, directory: Path, names: Names) -> None:
        self.reader = reader
        self.names = names
        self.pipeline = engine_at_beginning(reader)
        self.comparator = Comparator(self.pipeline)
        self.alive = True

    def run(self, first_seq: int, stop_seq: int) -> dict[str, Any] | None:
        """Replay the records [first_seq, stop_seq); where the engine stands then."""
        for slots in self.reader.slots(first_seq, stop_seq):
            if not self.alive:
                break
            self.alive = self.comparator.run(slots.reshape(-1))
        return standing(self.pipeline, self.names) if self.alive else None


def _entry(row: np.void, names: Names) -> TimelineEntry:
    template = Template(int(row["template_id"]))
    fields = row.dtype.names or ()
    who = [names.strategy(int(row["strategy_id"]))] if "strategy_id" in fields else []
    who += [names.symbol(int(row["instrument_id"]))] if row["instrument_id"] else []
    return TimelineEntry(
        ring_seq=int(row["ring_seq"]),
        ts_ns=int(row["ts_recv_ns"]),
        component=component_of(template),
        kind=template.name.lower(),
        who=" ".join(p for p in who if p),
        what=words(row, names),
        record=plain(row),
    )


def _kills(cut: _Cut, rows: list[np.void], window: _Window) -> tuple[list[KillReport], Any]:
    """Replay the window with a stop at every kill; also where the engine stands at its end."""
    at = window.first_seq
    states = []
    for row in rows:
        states.append(cut.run(at, int(row["ring_seq"])))
        at = int(row["ring_seq"])
    end = cut.run(at, window.stop_seq)
    out = []
    for row, before, after in zip(rows, states, [*states, end][1:], strict=True):
        if before is None:
            break
        fields = plain(row)
        strategy_id = int(row["strategy_id"])
        out.append(
            KillReport(
                ring_seq=int(row["ring_seq"]),
                ts_ns=int(row["ts_recv_ns"]),
                action=KillAction(int(row["action"])).name,
                operator_id=int(row["operator_id"]),
                reason=str(fields["reason"]),
                strategy=cut.names.strategy(strategy_id),
                symbol=cut.names.symbol(int(row["instrument_id"])) if row["instrument_id"] else "",
                state=_phase(int(row["state"])),
                before=before,
                after=after,
            )
        )
    return out, end


def _phase(state: int) -> str:
    known = {int(p): p.name for p in StrategyPhase}
    return known.get(state, str(state)) if state else ""


def _session(reader: JournalReader) -> dict[str, Any]:
    spec = SessionSpec.from_journal(reader.session)
    return {
        "mode": spec.mode,
        "built by": f"tectra {spec.tectra}",
        "strategies": "; ".join(f"{s.name} {s.params}" for s in spec.strategies),
    }


def _notes(reader: JournalReader, cut: _Cut) -> Iterator[str]:
    if cut.comparator.raised is not None:
        yield f"reproduced: {cut.comparator.raised}"
    if reader.tail is not None:
        yield f"the run crashed, its journal is cut: {reader.tail}"
    elif reader.result is None:
        yield "the run did not come to its end: it raised, was stopped, crashed, or still runs"


def incident_report(
    path: str | Path,
    *,
    start: Point | None = None,
    end: Point | None = None,
    progress: Progress | None = None,
) -> IncidentReport:
    """The report of a window of a journal (or of the run's directory that holds one). Both ends are
    in it and are widened to whole steps: an input and what was said because of it. Default: all.

    Raises JournalError where there is no journal or it is damaged, InputError for a window without
    a record.
    """
    directory = journal_of(Path(path))
    reader = JournalReader(directory)
    names = names_of(reader)
    window = _window(reader, start or Point(), end or Point())
    meter = LatencyMeter(window.first_seq)
    market: dict[str, int] = {}
    timeline = []
    kills = []
    for number, (template, record) in enumerate(
        reader.records(window.first_seq, window.stop_seq), start=1
    ):
        row = row_of(record)
        meter.add(template, row)
        if template in _TOLD:
            timeline.append(_entry(row, names))
        if template < Template.ORDER_ACK:
            name = template.name.lower()
            market[name] = market.get(name, 0) + 1
        elif template is Template.CONTROL_KILL:
            kills.append(row.copy())
        if progress is not None and number % 65_536 == 0:
            progress(number, max(number, window.stop_seq - window.first_seq))
    with StopSignals():
        cut = _Cut(reader, directory, names)
        before = cut.run(0, window.first_seq)
        told, after = _kills(cut, kills, window)
    difference = difference_of(cut.comparator.divergence)
    return IncidentReport(
        path=str(directory),
        first_seq=window.first_seq,
        last_seq=window.stop_seq - 1,
        first_ns=window.first_ns,
        last_ns=window.last_ns,
        session=_session(reader),
        market_records=market,
        before=before,
        after=after,
        timeline=tuple(timeline),
        kills=tuple(told),
        latencies=meter.latencies(),
        difference=None if difference is None else str(difference),
        notes=tuple(_notes(reader, cut)),
    )
