"""Where an order came from: the record that caused it, the signals published with it, the verdict.

A strategy speaks in callbacks, and everything it says in one carries the `cause_seq` of the record
that the callback was about. An order's signals are those that its strategy published in the same
callback.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import UnknownOrderError
from tectra.core.msg import DTYPES, HEAD, IntentAction, RiskRule, Template
from tectra.core.record import Record, decode
from tectra.journal.scan import walk

__all__ = ["Lineage", "LineageSignal", "trace_order", "trace_orders"]

_Slots: TypeAlias = bytes | bytearray | memoryview | NDArray[Any]
_SLOT = 64
_SIZES = {int(t): d.itemsize for t, d in DTYPES.items()}


@dataclass(frozen=True, slots=True)
class LineageSignal:
    """One signal: the ring_seq of its strategy_signal record is its id."""

    signal_id: int
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Lineage:
    """The way back from one order. Sequence numbers are ring_seq of the stream.

    `cause_seq` is the tick (or timer, or fill) that the strategy heard; `cause` is its record, None
    where the stream does not hold it; `rule` is the verdict's, None before there is one.
    """

    order_id: int
    strategy_id: int
    instrument_id: int
    intent_seq: int
    cause_seq: int
    cause: Record | None
    signals: tuple[LineageSignal, ...]
    rule: RiskRule | None


class _Stream:
    """Records of a stream by type and by number: views of the memory it was given."""

    def __init__(self, parts: Iterable[_Slots]) -> None:
        self._parts: list[tuple[NDArray[np.uint8], NDArray[Any], NDArray[Any], NDArray[Any]]] = []
        for part in parts:
            flat = np.frombuffer(part, np.uint8) if not isinstance(part, np.ndarray) else part
            flat = np.ascontiguousarray(flat).view(np.uint8).reshape(-1)
            starts = walk(flat)[0].astype(np.int64)
            heads = np.ascontiguousarray(flat.reshape(-1, _SLOT)[starts]).view(HEAD).reshape(-1)
            self._parts.append((flat, starts, heads["template_id"], heads["ring_seq"]))

    def table(self, template: Template) -> list[np.void]:
        """Records of one type, in order."""
        dtype = DTYPES[template]
        out: list[np.void] = []
        for flat, starts, templates, _ in self._parts:
            found = (starts[templates == template] * _SLOT).tolist()
            out += [flat[at : at + dtype.itemsize].view(dtype)[0] for at in found]
        return out

    def record(self, ring_seq: int) -> Record | None:
        """The record of a number; None when the stream does not hold it."""
        for flat, starts, templates, seqs in self._parts:
            i = int(np.searchsorted(seqs, ring_seq))
            if i < len(seqs) and seqs[i] == ring_seq:
                at = int(starts[i]) * _SLOT
                return decode(flat[at : at + _SIZES[int(templates[i])]].tobytes())
        return None


def _signals(stream: _Stream) -> dict[tuple[int, int], list[LineageSignal]]:
    """Signals by strategy and cause."""
    out: dict[tuple[int, int], list[LineageSignal]] = {}
    for row in stream.table(Template.STRATEGY_SIGNAL):
        name = bytes(row["name"]).rstrip(b"\0").decode("ascii", "backslashreplace")
        found = LineageSignal(int(row["ring_seq"]), name, float(row["value"]))
        out.setdefault((int(row["strategy_id"]), int(row["cause_seq"])), []).append(found)
    return out


def trace_orders(
    parts: Iterable[_Slots], order_ids: Sequence[int] | None = None
) -> dict[int, Lineage]:
    """Lineage of orders by their ids, of all new orders of the stream without `order_ids`.

    `parts` are whole slots in order: the segments of a journal (`JournalReader.slots()`), or what a
    pipeline captured. UnknownOrderError for an id that no intent of the stream asks for. Cost: one
    pass, and a binary search for each cause.
    """
    stream = _Stream(parts)
    signals = _signals(stream)
    rules = {
        int(row["order_id"]): RiskRule(int(row["rule"]))
        for row in stream.table(Template.ORDER_VERDICT)
        if row["action"] == IntentAction.SUBMIT
    }
    wanted = None if order_ids is None else set(order_ids)
    out: dict[int, Lineage] = {}
    for row in stream.table(Template.ORDER_INTENT):
        order_id = int(row["order_id"])
        if row["action"] != IntentAction.SUBMIT or (wanted is not None and order_id not in wanted):
            continue
        strategy_id, cause_seq = int(row["strategy_id"]), int(row["cause_seq"])
        out[order_id] = Lineage(
            order_id=order_id,
            strategy_id=strategy_id,
            instrument_id=int(row["instrument_id"]),
            intent_seq=int(row["ring_seq"]),
            cause_seq=cause_seq,
            cause=stream.record(cause_seq),
            signals=tuple(signals.get((strategy_id, cause_seq), ())),
            rule=rules.get(order_id),
        )
    missing = sorted((wanted or set()) - set(out))
    if missing:
        raise UnknownOrderError(
            f"found no order_intent of the orders {missing[:10]}; check that the stream starts "
            "before them"
        )
    return out


def trace_order(parts: Iterable[_Slots], order_id: int) -> Lineage:
    """Lineage of one order. UnknownOrderError where the stream does not hold its intent."""
    return trace_orders(parts, [order_id])[order_id]
