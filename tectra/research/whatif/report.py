"""What a "what if" found: the run as it was, the alternatives, and where they part."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tectra.replay.diff import JournalDiff
from tectra.research.whatif.side import RunSide, orders_side_by_side

__all__ = ["AlternativeResult", "WhatIfReport"]


@dataclass(frozen=True)
class AlternativeResult:
    """One alternative beside the original. `changed_seq` is the first record of the change in its
    journal, None when the change held from the start.
    """

    said: tuple[str, ...]
    side: RunSide
    diff: JournalDiff
    changed_seq: int | None
    original: RunSide

    @property
    def equal(self) -> bool:
        """No record differs."""
        return self.diff.equal

    @property
    def before_equal(self) -> bool | None:
        """Whether the two were equal up to the change: then the set-up is the one that ran. None
        where the change held from the start, so that there is nothing to go by.
        """
        found = self.diff.divergence
        if found is None:
            return True
        return None if self.changed_seq is None else found.ring_seq >= self.changed_seq

    @cached_property
    def orders(self) -> list[dict[str, Any]]:
        """Orders of both; see orders_side_by_side()."""
        return orders_side_by_side(self.original, self.side)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **self.side.as_dict(),
            "change": list(self.said),
            "changed_seq": self.changed_seq,
            "equal": self.equal,
            "before_equal": self.before_equal,
            "diff": self.diff.as_dict(),
            "orders": self.orders,
        }


@dataclass(frozen=True)
class WhatIfReport:
    """A is the original. `notes` says what the reader must know before believing a figure."""

    a: RunSide
    alternatives: Sequence[AlternativeResult]
    simulated_fills_only: bool
    notes: tuple[str, ...]

    @property
    def b(self) -> AlternativeResult:
        """The first alternative."""
        return self.alternatives[0]

    @property
    def equal(self) -> bool:
        """No alternative differs from the original in a single record."""
        return all(one.equal for one in self.alternatives)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "equal": self.equal,
            "notes": list(self.notes),
            "simulated_fills_only": self.simulated_fills_only,
            "a": self.a.as_dict(),
            "alternatives": [one.as_dict() for one in self.alternatives],
        }

    def lines(self) -> Iterator[str]:
        """The report as text."""
        yield f"A  {self.a.name}"
        for one in self.alternatives:
            yield f"{one.side.name}  {'; '.join(one.said) or 'unchanged'}"
            if one.changed_seq is not None:
                yield f"   from record {one.changed_seq} on"
        yield from (f"note: {note}" for note in self.notes)
        sides = [self.a, *(one.side for one in self.alternatives)]
        names = ["A", *(one.side.name for one in self.alternatives)]
        yield f"{'':<22}" + "".join(f"{n:>20}" for n in names)
        figures = [side.figures for side in sides]
        for key in figures[0]:
            shown = [_number(f[key]) for f in figures]
            yield f"{key.replace('_', ' '):<22}" + "".join(f"{v:>20}" for v in shown)
        for rule in self.a.verdicts:
            counts = [side.verdicts.get(rule, 0) for side in sides]
            if any(counts):
                label = f"risk: {rule.lower().replace('_', ' ')}"
                yield f"{label:<22}" + "".join(f"{n:>20,}" for n in counts)
        for one in self.alternatives:
            yield from _parting(one)


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}"


def _parting(one: AlternativeResult) -> Iterator[str]:
    name = one.side.name
    if one.side.raised is not None:
        yield f"{name} raised: {one.side.raised}"
    if one.equal:
        yield f"{name} is equal to A: {one.diff.shared:,} records, byte for byte"
        return
    counts = dict.fromkeys(("same", "differs", "only A", "only B"), 0)
    for row in one.orders:
        counts[row["status"]] += 1
    yield f"{name} parts from A at {one.diff.divergence}; {one.diff.shared:,} records are equal"
    if one.diff.consequence is not None:
        yield f"{name}: the first word of the engine that differs: {one.diff.consequence}"
    said = (f"{n:,} {status.replace('B', name)}" for status, n in counts.items())
    yield f"{name} orders: {', '.join(said)}"
