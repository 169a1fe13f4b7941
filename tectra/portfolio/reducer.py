"""Positions from the records of a journal alone, without an engine: what it kept, worked out again
another way.

Exact integers of any size, average cost, halves to even: the rules of ext/tectra/position.h said
once more in Python, so that the two can be held against each other. Any thread.
"""

import struct
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np

from tectra.core.crc32c import crc32c
from tectra.core.errors import FileFormatError, InputError
from tectra.core.msg import DTYPES, IntentAction, OrderEventKind, OrderState, Side, Template
from tectra.portfolio.position import Portfolio

__all__ = ["PositionReducer", "PositionRow"]

_MAGIC = b"TTREDUC1"
_HEAD = struct.Struct("<8sIIQ")
_ROW = struct.Struct("<13q")
_ORDER = struct.Struct("<Q8q")
_DONE = {
    OrderState.FILLED,
    OrderState.CANCELLED,
    OrderState.REJECTED,
    OrderState.EXPIRED,
}
# A NEW order is not at the venue and reserves nothing.
_CLOSED = {*_DONE, OrderState.NEW, OrderState.NONE}


@dataclass
class PositionRow:
    """One position; names and units of tectra.portfolio.Position."""

    strategy_id: int
    instrument_id: int
    net_qty: int = 0
    cost: int = 0
    realized: int = 0
    fees: int = 0
    cash: int = 0
    open_buy_qty: int = 0
    open_sell_qty: int = 0
    fills: int = 0
    buy_qty: int = 0
    sell_qty: int = 0
    last_px: int = 0

    def fill(self, side: int, px: int, qty: int, fee: int) -> None:
        """Book one execution."""
        signed = qty if side == Side.BUY else -qty
        net = self.net_qty + signed
        if self.net_qty == 0 or (self.net_qty > 0) == (signed > 0):
            self.cost += px * signed
        elif net == 0:
            self.cost = 0
        elif (net > 0) != (self.net_qty > 0):
            self.cost = px * net
        else:
            self.cost -= _half_even(self.cost * qty, abs(self.net_qty))
        self.net_qty = net
        self.cash -= px * signed
        self.realized = self.cash + self.cost
        self.fees += fee
        self.fills += 1
        self.last_px = px
        if side == Side.BUY:
            self.buy_qty += qty
        else:
            self.sell_qty += qty

    def reserve(self, side: int, quantity: int) -> None:
        """Reserve quantity of open orders, or release it (< 0)."""
        if side == Side.BUY:
            self.open_buy_qty = max(0, self.open_buy_qty + quantity)
        else:
            self.open_sell_qty = max(0, self.open_sell_qty + quantity)


def _half_even(number: int, divisor: int) -> int:
    whole, rest = divmod(abs(number), divisor)
    whole += 2 * rest > divisor or (2 * rest == divisor and whole % 2 == 1)
    return whole if number >= 0 else -whole


@dataclass
class _Order:
    """What of an order decides how much of it is open."""

    order_id: int
    strategy_id: int
    instrument_id: int
    side: int
    leaves_qty: int = 0
    cum_qty: int = 0
    state: int = 0
    pending_qty: int = 0
    asked_qty: int = 0

    @property
    def open_qty(self) -> int:
        """As tt_order_exposure of ext/tectra/orders.h."""
        if self.state in _CLOSED:
            return 0
        pending = self.pending_qty - self.cum_qty if self.pending_qty else 0
        return max(self.leaves_qty, pending)


class PositionReducer:
    """Takes the records of a journal in their order; keeps a row for each strategy and instrument,
    and one of the account (strategy 0) for each instrument.

    `ring_seq` is the last record it took. to_bytes() and from_bytes() are its snapshot: a reducer
    that goes on from one is equal to one that took everything.
    """

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], PositionRow] = {}
        self.ring_seq = 0
        self._orders: dict[int, _Order] = {}
        self._fill: Any = None

    def apply(self, records: Iterable[tuple[Template, Any]]) -> None:
        """Take records, as JournalReader.records() gives them."""
        for template, body in records:
            take = _TAKES.get(template)
            row = np.frombuffer(body, DTYPES[template])[0]
            if int(row["ring_seq"]) <= self.ring_seq:
                raise InputError(
                    f"records: found record {int(row['ring_seq'])} behind {self.ring_seq}; give "
                    "them in their order, each once"
                )
            self.ring_seq = int(row["ring_seq"])
            if take is not None:
                take(self, row)

    def _row(self, strategy_id: int, instrument_id: int) -> PositionRow:
        key = (strategy_id, instrument_id)
        if key not in self.rows:
            self.rows[key] = PositionRow(*key)
        return self.rows[key]

    def _on_intent(self, row: Any) -> None:
        order = self._orders.get(int(row["order_id"]))
        if order is not None and row["action"] == IntentAction.MODIFY:
            order.asked_qty = int(row["qty"])

    def _on_fill(self, row: Any) -> None:
        self._fill = row

    def _on_event(self, row: Any) -> None:
        """What became of an order; it says whether the execution before it was booked."""
        fill, self._fill = self._fill, None
        if not row["valid"]:
            return
        order_id, event = int(row["order_id"]), int(row["event"])
        order = self._orders.get(order_id)
        if order is None:
            order = _Order(
                order_id, int(row["strategy_id"]), int(row["instrument_id"]), int(row["side"])
            )
            self._orders[order_id] = order
        before = order.open_qty
        order.leaves_qty = int(row["leaves_qty"])
        order.cum_qty = int(row["cum_qty"])
        order.state = int(row["to_state"])
        if event == OrderEventKind.REPLACE_SEND:
            order.pending_qty = order.asked_qty
        elif event in (OrderEventKind.REPLACE_ACK, OrderEventKind.REPLACE_REJECT):
            order.pending_qty = 0
        rows = [self._row(s, order.instrument_id) for s in (order.strategy_id, 0)]
        for one in rows:
            one.reserve(order.side, order.open_qty - before)
            if fill is not None and int(fill["order_id"]) == order_id:
                one.fill(order.side, int(fill["px"]), int(fill["qty"]), int(fill["fee"]))

    # ---- snapshots and comparison ----

    def to_bytes(self) -> bytes:
        """Everything it knows, with a checksum; equal reducers give equal bytes."""
        rows = [_ROW.pack(*astuple(self.rows[key])) for key in sorted(self.rows)]
        orders = [_ORDER.pack(*astuple(self._orders[key])) for key in sorted(self._orders)]
        body = b"".join([*rows, *orders])
        head = _HEAD.pack(_MAGIC, len(rows), len(orders), self.ring_seq)
        return head + crc32c(head + body).to_bytes(4, "little") + body

    @classmethod
    def from_bytes(cls, data: bytes) -> "PositionReducer":
        """Inverse of to_bytes(). FileFormatError for what is none, or damaged."""
        start = _HEAD.size + 4
        if len(data) < start or data[:8] != _MAGIC:
            raise FileFormatError("reducer: these bytes are no snapshot of positions")
        _, rows, orders, ring_seq = _HEAD.unpack_from(data)
        middle = start + rows * _ROW.size
        whole = crc32c(data[: _HEAD.size] + data[start:])
        if len(data) != middle + orders * _ORDER.size or whole != int.from_bytes(
            data[_HEAD.size : start], "little"
        ):
            raise FileFormatError("reducer: the checksum does not hold; take an older snapshot")
        out = cls()
        out.ring_seq = ring_seq
        for values in _ROW.iter_unpack(data[start:middle]):
            out.rows[values[0], values[1]] = PositionRow(*values)
        for values in _ORDER.iter_unpack(data[middle:]):
            out._orders[values[0]] = _Order(*values)
        return out

    def differences(self, portfolio: Portfolio) -> list[str]:
        """Every number in which the rows differ from a portfolio's, one line each."""
        out = []
        for strategy_id in range(portfolio.strategies):
            for instrument_id in portfolio.instrument_ids:
                theirs = portfolio.position(instrument_id, strategy_id)
                mine = self.rows.get((strategy_id, instrument_id))
                mine = mine or PositionRow(strategy_id, instrument_id)
                for name in [f.name for f in fields(PositionRow)]:
                    found = getattr(theirs, "realized_pnl" if name == "realized" else name)
                    if found != getattr(mine, name):
                        out.append(
                            f"strategy {strategy_id}, instrument {instrument_id}: {name} "
                            f"{getattr(mine, name)}, portfolio {found}"
                        )
        return out


_TAKES: dict[Template, Any] = {
    Template.ORDER_INTENT: PositionReducer._on_intent,
    Template.ORDER_FILL: PositionReducer._on_fill,
    Template.ORDER_EVENT: PositionReducer._on_event,
}
