"""What two journals say differently: the first record, and then component by component."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from tectra.core.msg import OrderEventKind, Template
from tectra.core.row import row_of, template_of
from tectra.engine.session import SessionSpec
from tectra.journal.reader import JournalReader
from tectra.replay.align import SHIFTED, Cut, Tally, behind, first_cut
from tectra.replay.component import COMPONENTS, component_of
from tectra.replay.describe import Names, plain
from tectra.replay.verify import journal_of

__all__ = ["ComponentCount", "Divergence", "JournalDiff", "diff_journals"]

CONTEXT = 5
_WORLD = COMPONENTS[:5]
_TOLD = ("market data", "operator", "session")


@dataclass(frozen=True)
class Divergence:
    """The first record that is not the same. `fields` maps a field to (A, B) where both have a
    record of one type there; `a` and `b` are None where that side has ended.
    """

    ring_seq: int
    component: str
    record: str
    fields: dict[str, tuple[Any, Any]]
    a: dict[str, Any] | None
    b: dict[str, Any] | None
    context: tuple[str, ...]
    lines: tuple[str, str]

    def __str__(self) -> str:
        return f"record {self.ring_seq}, {self.component}, {self.record}"


@dataclass(frozen=True)
class ComponentCount:
    """Records of one component on both sides, and how many differ from the first difference on."""

    component: str
    a: int
    b: int
    changed: int
    only_a: int
    only_b: int

    @property
    def differ(self) -> int:
        """Records that are not the same on both sides."""
        return self.changed + self.only_a + self.only_b


@dataclass(frozen=True)
class JournalDiff:
    """Two journals compared. `consequence` is the first of the engine's own words that differs,
    where `divergence` is in what it was told. `settings` is what their sessions say differently;
    `totals` maps orders, fills and money to (A, B).
    """

    a: str
    b: str
    shared: int
    divergence: Divergence | None
    consequence: Divergence | None
    components: tuple[ComponentCount, ...]
    settings: dict[str, tuple[Any, Any]]
    totals: dict[str, tuple[Any, Any]]
    notes: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Every record is the same, byte for byte."""
        return self.divergence is None

    @property
    def inputs_differ(self) -> bool:
        """Whether the two were told different things, answers to their own orders and timers apart:
        what they said then says little.
        """
        return any(c.differ for c in self.components if c.component in _TOLD)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        out = asdict(self)
        out["equal"] = self.equal
        out["inputs_differ"] = self.inputs_differ
        out["components"] = [{**asdict(c), "differ": c.differ} for c in self.components]
        return out

    def lines(self) -> Iterator[str]:
        """The comparison as text."""
        yield f"A  {self.a}"
        yield f"B  {self.b}"
        for name, (one, two) in self.settings.items():
            yield f"setting {name}: A {one}, B {two}"
        yield from self.notes
        found = self.divergence
        if found is None:
            yield f"equal: {self.shared:,} records, byte for byte"
            return
        yield f"{self.shared:,} records are equal; DIFFERENT at {found}; times are UTC"
        for name, (one, two) in found.fields.items():
            yield f"  {name}: A {one!r}, B {two!r}"
        yield from (f"    {line}" for line in found.context)
        yield f"  A {found.lines[0]}"
        yield f"  B {found.lines[1]}"
        if self.consequence is not None:
            yield f"the first of the engine's words that differs: {self.consequence}"
            for name, (one, two) in self.consequence.fields.items():
                yield f"  {name}: A {one!r}, B {two!r}"
            yield f"  A {self.consequence.lines[0]}"
            yield f"  B {self.consequence.lines[1]}"
        yield f"{'component':<14}{'A':>12}{'B':>12}{'changed':>10}{'only A':>10}{'only B':>10}"
        for c in self.components:
            yield (
                f"{c.component:<14}{c.a:>12,}{c.b:>12,}{c.changed:>10,}"
                f"{c.only_a:>10,}{c.only_b:>10,}"
            )
        if self.inputs_differ:
            yield "the inputs differ: start with the first lines of the table"
        for name, (one, two) in self.totals.items():
            yield f"{name:<18}A {one}, B {two}{'' if one != two else ', equal'}"


def _settings(a: JournalReader, b: JournalReader) -> dict[str, tuple[Any, Any]]:
    """What the sessions say differently, one level down."""
    out: dict[str, tuple[Any, Any]] = {}
    left, right = _flat(a.session), _flat(b.session)
    for name in [*left, *(n for n in right if n not in left)]:
        if left.get(name) != right.get(name):
            out[name] = (left.get(name), right.get(name))
    return out


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, dict) and value:
        parts = [(str(k), v) for k, v in value.items()]
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        parts = [(str(i), v) for i, v in enumerate(value, start=1)]
    else:
        return {name: value}
    out: dict[str, Any] = {}
    for key, part in parts:
        out.update(_flat(part, f"{name}.{key}" if name else key))
    return out


def _spec(reader: JournalReader) -> SessionSpec | None:
    return SessionSpec.from_journal(reader.session) if reader.session else None


def names_of(reader: JournalReader) -> Names:
    """Names of a journal's instruments and strategies; numbers where it has no session."""
    spec = _spec(reader)
    if spec is None:
        return Names((), ())
    return Names(spec.make_instruments(), [s.name for s in spec.strategies])


def _money(reader: JournalReader) -> dict[str, Decimal]:
    """Realized P&L and fees of all strategies by the last word on each position, and the marked
    total where the run ended.
    """
    instruments = names_of(reader).instruments
    out = {"realized": Decimal(0), "fees": Decimal(0), "P&L": Decimal(0)}
    last: dict[tuple[int, int], np.void] = {}
    for row in reader.column_view(Template.POSITION_UPDATE):
        last[int(row["strategy_id"]), int(row["instrument_id"])] = row
    for row in last.values():
        instrument = instruments.get(int(row["instrument_id"]))
        if instrument is not None:
            out["realized"] += instrument.money(int(row["realized"]))
            out["fees"] += instrument.money(int(row["fees"]))
    marks = {
        (int(r["strategy_id"]), int(r["instrument_id"])): r
        for r in reader.column_view(Template.PNL_UPDATE)
        if r["strategy_id"]
    }
    for row in marks.values():
        instrument = instruments.get(int(row["instrument_id"]))
        if instrument is not None:
            out["P&L"] += instrument.money(int(row["total"]))
    return out


def _totals(a: JournalReader, b: JournalReader) -> dict[str, tuple[Any, Any]]:
    sides: list[dict[str, Any]] = []
    for reader in (a, b):
        events = reader.column_view(Template.ORDER_EVENT)
        said = events[events["valid"] == 1]["event"]
        verdicts = reader.column_view(Template.ORDER_VERDICT)
        fills = reader.column_view(Template.ORDER_FILL)
        one: dict[str, Any] = {
            "orders": int(np.count_nonzero(said == OrderEventKind.SUBMIT)),
            "refused by risk": int(np.count_nonzero(verdicts["accepted"] == 0)),
            "fills": len(fills),
            "filled quantity": int(fills["qty"].sum()),
        }
        sides.append({**one, **{k: str(v) for k, v in _money(reader).items()}})
    return {name: (sides[0][name], sides[1][name]) for name in sides[0]}


def _context(reader: JournalReader, ring_seq: int, count: int) -> tuple[str, ...]:
    names = names_of(reader)
    first = max(0, ring_seq - count)
    return tuple(names.line(row_of(r)) for _, r in reader.records(first, ring_seq))


def _divergence(
    readers: tuple[JournalReader, JournalReader], cut: Cut, component: str, context: int
) -> Divergence:
    rows = [row_of(r) if r else None for r in (cut.a, cut.b)]
    a, b = rows
    shown = [
        "nothing" if row is None else names_of(reader).line(row)
        for reader, row in zip(readers, rows, strict=True)
    ]
    fields: dict[str, tuple[Any, Any]] = {}
    kinds = ["nothing" if r is None else Template(int(r["template_id"])).name.lower() for r in rows]
    if a is not None and b is not None and kinds[0] == kinds[1]:
        record, one, two = kinds[0], plain(a), plain(b)
        fields = {n: (one[n], two[n]) for n in one if one[n] != two[n]}
        if not fields:  # reserved bytes, or values that only differ in their bits
            fields = {"bytes": (cut.a.hex(), cut.b.hex())}
    else:
        record = f"A has {kinds[0]} here, B {kinds[1]}"
    known = a if a is not None else b
    assert known is not None
    seq = int(known["ring_seq"])
    return Divergence(
        ring_seq=seq,
        component=component,
        record=record,
        fields=fields,
        a=None if a is None else plain(a),
        b=None if b is None else plain(b),
        context=_context(readers[0] if a is not None else readers[1], seq, context),
        lines=(shown[0], shown[1]),
    )


def _notes(name: str, reader: JournalReader) -> Iterator[str]:
    if reader.tail is not None:
        yield f"{name} was cut when its run crashed; its whole records are compared"
    elif reader.result is None:
        yield f"{name} did not come to its end: it raised, was stopped, or is still written"


def _counts(reader: JournalReader) -> dict[str, int]:
    out = dict.fromkeys(COMPONENTS, 0)
    for template, n in reader.count_by_template().items():
        out[component_of(template)] += n
    return out


def diff_journals(a: str | Path, b: str | Path, *, context: int = CONTEXT) -> JournalDiff:
    """Compare two journals, or directories of runs that hold one. `context` is how many records
    before the first difference are told.

    Raises JournalError where there is no journal or it is damaged.
    """
    paths = (journal_of(Path(a)), journal_of(Path(b)))
    readers = (JournalReader(paths[0]), JournalReader(paths[1]))
    cut = first_cut(*readers)
    counted = {name: Tally() for name in COMPONENTS}
    divergence = consequence = None
    if cut is not None:
        found = behind(*readers, cut)
        counted = found.tallies
        divergence = _divergence(readers, cut, found.component, context)
        told = divergence.component in _WORLD
        if told and found.said is not None:
            template = template_of(found.said.a or found.said.b)
            consequence = _divergence(readers, found.said, component_of(template), 0)
            for name in SHIFTED:  # behind the cut these only count
                consequence.fields.pop(name, None)
    left, right = _counts(readers[0]), _counts(readers[1])
    return JournalDiff(
        a=str(paths[0]),
        b=str(paths[1]),
        shared=sum(left.values()) if cut is None else cut.shared,
        divergence=divergence,
        consequence=consequence,
        components=tuple(
            ComponentCount(n, left[n], right[n], t.changed, t.only_a, t.only_b)
            for n, t in counted.items()
            if left[n] or right[n]
        ),
        settings=_settings(*readers),
        totals=_totals(*readers),
        notes=(*_notes("A", readers[0]), *_notes("B", readers[1])),
    )
