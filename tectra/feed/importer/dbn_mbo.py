"""Databento market-by-order records as single orders.

A fill (F) is an execution of the resting order; the cancel or modify that follows it for the same
size is its effect on the book and gives nothing more. A trade (T) is a print of its own only as far
as no fill stands behind it. A modify keeps its place when only the size falls; a clear (R) takes
every order of the instrument out, one by one, ahead of a book_clear.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tectra.core.msg import BookReason, MarketFlag, Side, Template
from tectra.feed.importer.base import Faults
from tectra.feed.importer.record import Records, interleave, new_records
from tectra.feed.protocol import Slots

__all__ = ["MboBook", "MboRows", "held_back"]

I64 = NDArray[np.int64]
_SIDES = {b"B": int(Side.BUY), b"A": int(Side.SELL), b"N": int(Side.NONE)}
_ADD, _EXECUTE, _PRICED = Template.BOOK_ADD, Template.BOOK_EXECUTE, Template.BOOK_EXECUTE_PRICED
_CANCEL, _DELETE, _REPLACE = Template.BOOK_CANCEL, Template.BOOK_DELETE, Template.BOOK_REPLACE
_TRADE = Template.TRADE
_TEMPLATES = (_DELETE, _ADD, _EXECUTE, _PRICED, _CANCEL, _REPLACE, _TRADE)


@dataclass(slots=True)
class MboRows:
    """Checked columns of a run of records; `place` is where each stands in the file."""

    head: dict[str, NDArray[np.generic]]
    action: NDArray[np.bytes_]
    side: NDArray[np.bytes_]
    order_id: NDArray[np.uint64]
    px: I64
    qty: I64
    flags: NDArray[np.uint8]
    sequence: I64
    place: I64


def held_back(action: NDArray[np.bytes_], ts: NDArray[np.uint64]) -> int:
    """Rows at the end that wait for the next block: a trade whose fills may still come."""
    trades = np.flatnonzero(action == b"T")
    if not len(trades) or ts[trades[-1]] != ts[-1]:
        return 0
    return len(action) - int(trades[-1])


@dataclass(slots=True)
class _Out:
    """Rows of one template: row in the block, reference, side, px, qty."""

    rows: list[int] = field(default_factory=list)
    refs: list[int] = field(default_factory=list)
    sides: list[int] = field(default_factory=list)
    pxs: list[int] = field(default_factory=list)
    qtys: list[int] = field(default_factory=list)

    def add(self, row: int, ref: int, side: int, px: int, qty: int) -> None:
        self.rows.append(row)
        self.refs.append(ref)
        self.sides.append(side)
        self.pxs.append(px)
        self.qtys.append(qty)


class MboBook:
    """Orders that rest, by instrument and order id, with what fills have taken ahead of cancels."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.orders: dict[tuple[int, int], list[int]] = {}
        self.fills: dict[tuple[int, int], int] = {}
        self._out: dict[Template, _Out] = {}
        self._clears: list[int] = []

    def records(self, rows: MboRows) -> Slots:
        """Records of a run."""
        self._out = {
            t: _Out() for t in (_DELETE, _ADD, _EXECUTE, _PRICED, _CANCEL, _REPLACE, _TRADE)
        }
        self._clears = []
        columns = (
            rows.action.tolist(),
            rows.head["instrument_id"].tolist(),
            rows.order_id.tolist(),
            rows.side.tolist(),
            rows.px.tolist(),
            rows.qty.tolist(),
        )
        unfilled = self._unfilled(rows)
        for i, (action, number, ref, side, px, qty) in enumerate(zip(*columns, strict=True)):
            key = (number, ref)
            if action == b"A":
                if key in self.orders:
                    self._note(rows, i, "duplicate_order", f"order {ref} is added twice")
                    continue
                self.orders[key] = [_SIDES[side], px, qty]
                self._out[_ADD].add(i, ref, _SIDES[side], px, qty)
            elif action == b"C":
                self._cancel(rows, i, key, qty)
            elif action == b"M":
                self._modify(rows, i, key, (_SIDES[side], px, qty))
            elif action == b"F":
                self._fill(rows, i, key, (_SIDES[side], px, qty))
            elif action == b"T" and unfilled[i] > 0:
                self._out[_TRADE].add(i, 0, _SIDES[side], px, unfilled[i])
            elif action == b"R":
                self._clear(i, number)
            elif action == b"D":
                self._delete(rows, i, key)
        return self._pack(rows)

    def _unfilled(self, rows: MboRows) -> dict[int, int]:
        """Size of each trade that no fill of the same event stands behind."""
        action = rows.action
        out: dict[int, int] = {}
        ts = rows.head["ts_event_ns"]
        numbers = rows.head["instrument_id"]
        for i in np.flatnonzero(action == b"T").tolist():
            left, j = int(rows.qty[i]), i + 1
            while j < len(action) and ts[j] == ts[i] and numbers[j] == numbers[i]:
                if action[j] == b"T":
                    break
                if action[j] == b"F":
                    left -= int(rows.qty[j])
                j += 1
            out[i] = left
        return out

    def _note(self, rows: MboRows, i: int, cause: str, text: str) -> None:
        self.faults.note(int(rows.place[i]), cause, text)

    def _reduce(self, key: tuple[int, int], qty: int) -> int:
        found = self.orders[key]
        found[2] -= qty
        if found[2] <= 0:
            del self.orders[key]
        return found[2]

    def _cancel(self, rows: MboRows, i: int, key: tuple[int, int], qty: int) -> None:
        owed = self.fills.pop(key, 0)
        if owed > qty:
            self.fills[key] = owed - qty
        qty -= min(owed, qty)
        if owed and not qty:
            return
        if key not in self.orders:
            self._note(rows, i, "unknown_order", f"order {key[1]} was not seen before")
            return
        left = self._reduce(key, qty)
        if left > 0:
            self._out[_CANCEL].add(i, key[1], 0, 0, qty)
        else:
            self._out[_DELETE].add(i, key[1], 0, 0, 0)

    def _delete(self, rows: MboRows, i: int, key: tuple[int, int]) -> None:
        """Not of DBN: the whole order leaves, however much is left of it."""
        owed = self.fills.pop(key, 0)
        if self.orders.pop(key, None) is not None:
            self._out[_DELETE].add(i, key[1], 0, 0, 0)
        elif not owed:
            self._note(rows, i, "unknown_order", f"order {key[1]} was not seen before")

    def _modify(
        self, rows: MboRows, i: int, key: tuple[int, int], new: tuple[int, int, int]
    ) -> None:
        side, px, qty = new
        self.fills.pop(key, None)
        found = self.orders.get(key)
        if found is None:
            if qty:
                self._note(rows, i, "unknown_order", f"order {key[1]} was not seen before")
                self.orders[key] = [side, px, qty]
                self._out[_ADD].add(i, key[1], side, px, qty)
            return
        if qty == 0:
            del self.orders[key]
            self._out[_DELETE].add(i, key[1], 0, 0, 0)
        elif px == found[1] and qty <= found[2]:
            if qty < found[2]:
                self._out[_CANCEL].add(i, key[1], 0, 0, found[2] - qty)
                found[2] = qty
        else:
            found[1:] = [px, qty]
            self._out[_REPLACE].add(i, key[1], 0, px, qty)

    def _fill(
        self, rows: MboRows, i: int, key: tuple[int, int], fill: tuple[int, int, int]
    ) -> None:
        side, px, qty = fill
        found = self.orders.get(key)
        if found is None or found[2] < qty:
            self._note(
                rows, i, "unknown_order", f"a fill of {qty} of order {key[1]}, which has less"
            )
            other = {int(Side.BUY): int(Side.SELL), int(Side.SELL): int(Side.BUY)}.get(side, 0)
            self._out[_TRADE].add(i, 0, other, px, qty)
            return
        priced = found[1] != px
        self._reduce(key, qty)
        self.fills[key] = self.fills.get(key, 0) + qty
        self._out[_PRICED if priced else _EXECUTE].add(i, key[1], 0, px, qty)

    def _clear(self, i: int, number: int) -> None:
        for key in [k for k in self.orders if k[0] == number]:
            del self.orders[key]
            self._out[_DELETE].add(i, key[1], 0, 0, 0)
        for key in [k for k in self.fills if k[0] == number]:
            del self.fills[key]
        self._clears.append(i)

    def _pack(self, rows: MboRows) -> Slots:
        parts: list[tuple[Records, I64]] = []
        for template, out in self._out.items():
            at = np.array(out.rows, np.int64)
            records = (
                new_records(
                    template,
                    len(at),
                    order_ref=np.array(out.refs, np.uint64),
                    **{n: v[at] for n, v in rows.head.items()},
                )
                if template is not _TRADE
                else new_records(
                    template,
                    len(at),
                    match_id=rows.sequence[at],
                    side=np.array(out.sides, np.uint8),
                    px=np.array(out.pxs, np.int64),
                    **{n: v[at] for n, v in rows.head.items()},
                )
            )
            names = records.dtype.names or ()
            if template in (_ADD, _REPLACE):
                records["side"] = out.sides
                records["px"] = out.pxs
            if template is _REPLACE:
                records["new_order_ref"] = out.refs
            if template in (_EXECUTE, _PRICED):
                records["match_id"] = rows.sequence[at]
            if template is _PRICED:
                records["exec_px"] = out.pxs
            if "qty" in names:
                records["qty"] = out.qtys
            records["flags"] = _flags(rows.flags[at])
            parts.append((records, at))
        at = np.array(self._clears, np.int64)
        clears = new_records(
            Template.BOOK_CLEAR,
            len(at),
            reason=int(BookReason.RESET),
            seq=rows.sequence[at],
            **{n: v[at] for n, v in rows.head.items()},
        )
        # Ahead of the deletes nothing else has the row of a clear: they come first, then it.
        return interleave([*parts, (clears, at)])


def _flags(raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """MarketFlag of DBN's flags."""
    last = ((raw >> 7) & 1) * int(MarketFlag.LAST)
    snapshot = ((raw >> 5) & 1) * int(MarketFlag.SNAPSHOT)
    return (last | snapshot).astype(np.uint8)
