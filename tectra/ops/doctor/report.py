"""All questions in order, and their answers as text or as one JSON value."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tectra.ops.doctor import clocks, cores, space, system
from tectra.ops.doctor.item import Item, Machine, Status

__all__ = ["CHECKS", "as_json", "examine", "lines"]

CHECKS: tuple[Callable[[Machine], Item], ...] = (
    *cores.CHECKS,
    *clocks.CHECKS,
    *space.CHECKS,
    *system.CHECKS,
)
"""Every question, as a function of a Machine."""

_SIGN = {Status.OK: "OK  ", Status.WARN: "WARN", Status.UNREADABLE: "?   "}


def examine(machine: Machine) -> list[Item]:
    """Ask every question."""
    return [check(machine) for check in CHECKS]


def _counts(items: Sequence[Item]) -> dict[Status, int]:
    return {status: sum(i.status is status for i in items) for status in Status}


def lines(items: Sequence[Item]) -> Iterator[str]:
    """The screen: one line an answer, below it why it matters and, if anything, what to do."""
    width = max((len(i.name) for i in items), default=0)
    indent = " " * 6
    for item in items:
        found = item.found
        if item.status is Status.UNREADABLE:
            found = f"not readable here ({item.found})"
        yield f"{_SIGN[item.status]}  {item.name:<{width}}  {found}"
        if item.todo:
            yield f"{indent}do   {item.todo}"
        yield f"{indent}why  {item.why}"
    counts = _counts(items)
    yield (
        f"{counts[Status.OK]} ok, {counts[Status.WARN]} to look at, "
        f"{counts[Status.UNREADABLE]} not readable here"
    )


def as_json(items: Sequence[Item]) -> dict[str, Any]:
    """For machines: the items in order, and how many of each kind."""
    return {
        "items": [
            {
                "name": i.name,
                "status": i.status.name.lower(),
                "found": i.found,
                "todo": i.todo,
                "why": i.why,
            }
            for i in items
        ],
        "counts": {status.name.lower(): n for status, n in _counts(items).items()},
    }
