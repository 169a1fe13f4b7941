"""What must hold, worked out again in plain Python from the records that an engine took and said.

Owner thread: the simulation's. A few microseconds a record of orders; market data is not looked at.
"""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from struct import Struct
from typing import Any

from tectra.core.errors import SimulationError
from tectra.core.msg import (
    BookStatus,
    IntentAction,
    KillAction,
    OrderEventKind,
    Side,
    StatusKind,
    Template,
)
from tectra.engine import Pipeline
from tectra.testing.limits import Limits

__all__ = ["REPORTS", "WATCHED", "Ledger", "Oracle", "requests_of", "require"]

WATCHED = sum(
    1 << t
    for t in (
        Template.STATUS,
        Template.GAP,
        Template.BOOK_STATUS,
        Template.BOOK_CLEAR,
        Template.ORDER_ACK,
        Template.ORDER_FILL,
        Template.ORDER_CANCEL,
        Template.ORDER_REJECT,
        Template.CONTROL_KILL,
        Template.CONTROL_LIMIT,
        Template.ORDER_VERDICT,
        Template.ORDER_SEND,
        Template.ORDER_EVENT,
        Template.POSITION_UPDATE,
    )
)
REPORTS = range(int(Template.ORDER_ACK), int(Template.ORDER_REJECT) + 1)
_HEAD = Struct("<HHHHQqqI")  # block length, template, schema, version, ring_seq, times, instrument
_ORDER = Struct("<BBHQqq")  # side, one byte, strategy or venue, order_id, px, qty; at 36
_FEE = Struct("<q")  # at 88 of a fill
_POSITION = Struct("<HHqqqqqqQ")  # at 36 of a position_update
_LIMIT = Struct("<BBHqq")  # rule, one byte, strategy, old and new value; at 36 of a control_limit
_MID = Struct("<q")  # at 96 of a verdict
_OURS = (b"gate: ", b"settle")
_SIDES = (Side.BUY, Side.SELL)


def require(holds: bool, what: str) -> None:
    """SimulationError unless it holds."""
    if not holds:
        raise SimulationError(what)


def requests_of(captured: bytes) -> list[bytes]:
    """The requests that an engine says it sent and its gate did not refuse, in order."""
    at = 0
    out: list[bytes] = []
    while at < len(captured):
        length, template = _HEAD.unpack_from(captured, at)[:2]
        record = captured[at : at + length + 8]
        if template == Template.ORDER_SEND:
            out.append(record)
        elif template == Template.ORDER_REJECT and record[72:78] == _OURS[0]:
            refused = (record[40:48], record[64])  # order and action
            out = [r for r in out if (r[40:48], r[88]) != refused]
        at += length + 8
    return out


@dataclass
class Ledger:
    """One position from its fills, by average cost; money is in mantissas."""

    net: int = 0
    cost: int = 0
    cash: int = 0
    fees: int = 0
    fills: list[tuple[int, int]] = field(default_factory=list)

    def fill(self, signed: int, px: int, fee: int) -> None:
        """Book one fill; `signed`: negative for a sale."""
        if self.net * signed >= 0:
            self.cost += signed * px
        elif abs(signed) > abs(self.net):
            self.cost = (self.net + signed) * px
        else:
            self.cost -= round(Fraction(self.cost) * abs(signed) / abs(self.net))
        self.net += signed
        self.cash -= signed * px
        self.fees += fee
        self.fills.append((signed, px))


class Oracle:
    """Follows one engine. `careful`: strategies that send nothing on a book they cannot trust."""

    def __init__(self, instruments: tuple[int, ...], careful: frozenset[int]) -> None:
        self.instruments, self.careful = instruments, careful
        self.owner: dict[int, int] = {}
        self.side: dict[int, int] = {}
        self.filled: dict[int, int] = {}
        self.rows: dict[tuple[int, int], Ledger] = {}
        self.status = dict.fromkeys(instruments, int(BookStatus.NONE))
        self.trading = dict.fromkeys(instruments, b"T")
        self.killed: set[tuple[int, int]] = set()
        self.limits = Limits()
        self.mid_px2 = 0  # of the last verdict
        self.sends = self.refused = 0
        self.reported: set[bytes] = set()  # what the venue said, each once
        self.executions: set[int] = set()
        self.last_seq = 0

    def look(self, captured: bytes) -> None:
        """Take what the engine captured, in order."""
        at, end = 0, len(captured)
        while at < end:
            length, template, _, _, ring_seq, _, now, instrument = _HEAD.unpack_from(captured, at)
            require(ring_seq > self.last_seq, f"record {ring_seq} comes after {self.last_seq}")
            self.last_seq = ring_seq
            if template in REPORTS:
                self._report(captured, at, template, instrument, ring_seq)
            elif template == Template.ORDER_SEND:
                self._send(captured, at, instrument, ring_seq, now)
            elif template == Template.POSITION_UPDATE:
                self._position(captured, at, instrument, ring_seq)
            elif template == Template.ORDER_VERDICT:
                self.refused += captured[at + 105] == 0
                (self.mid_px2,) = _MID.unpack_from(captured, at + 96)
            elif template == Template.CONTROL_LIMIT:
                rule, _, strategy, _, value = _LIMIT.unpack_from(captured, at + 36)
                self.limits.set(rule, strategy, instrument, value)
            elif template == Template.ORDER_EVENT:
                self._event(captured, at)
            else:
                self._market(captured, at, template, instrument)
            at += length + 8

    def _market(self, raw: bytes, at: int, template: int, instrument: int) -> None:
        if template == Template.CONTROL_KILL:
            scope = (int.from_bytes(raw[at + 38 : at + 40], "little"), instrument)
            if raw[at + 36] == KillAction.KILL:
                self.killed.add(scope)
            else:
                self.killed.discard(scope)
        elif template == Template.STATUS:
            if raw[at + 36] == StatusKind.TRADING_ACTION and instrument in self.trading:
                self.trading[instrument] = raw[at + 37 : at + 38]
        else:
            status = {
                Template.GAP: int(BookStatus.INVALID),
                Template.BOOK_CLEAR: int(BookStatus.RECOVERING),
            }.get(Template(template), raw[at + 36])
            for each in self.instruments if instrument == 0 else (instrument,):
                self.status[each] = status

    def _event(self, raw: bytes, at: int) -> None:
        """A new order: who owns it, and which side."""
        side, event, strategy, order_id, _, _ = _ORDER.unpack_from(raw, at + 36)
        if event == OrderEventKind.SUBMIT:
            self.owner[order_id], self.side[order_id] = strategy, side

    def _send(self, raw: bytes, at: int, instrument: int, ring_seq: int, now: int) -> None:
        _, _, strategy, order_id, px, qty = _ORDER.unpack_from(raw, at + 36)
        self.sends += 1
        if raw[at + 88] == IntentAction.CANCEL:
            return
        leaves = qty - self.filled.get(order_id, 0)
        wrong = self.limits.order(strategy, instrument, leaves, px, self.mid_px2)
        wrong = wrong or self.limits.rate(strategy, now)
        require(not wrong, f"record {ring_seq}: order {order_id} sent beyond its limit, {wrong}")
        for scope in ((0, 0), (strategy, 0), (0, instrument), (strategy, instrument)):
            require(
                scope not in self.killed, f"record {ring_seq}: order {order_id} sent after a kill"
            )
        if strategy in self.careful and raw[at + 88] == IntentAction.SUBMIT:
            require(
                self.status[instrument] in (BookStatus.NONE, BookStatus.VALID)
                and self.trading[instrument] == b"T",
                f"record {ring_seq}: order {order_id} sent on a book that is "
                f"{BookStatus(self.status[instrument]).name}, state {self.trading[instrument]!r}",
            )

    def _report(self, raw: bytes, at: int, template: int, instrument: int, ring_seq: int) -> None:
        if template != Template.ORDER_REJECT or raw[at + 72 : at + 78] not in _OURS:
            self.reported.add(raw[at + 16 : at + 128])  # all but our number
        if template != Template.ORDER_FILL:
            return
        side, _, _, order_id, px, qty = _ORDER.unpack_from(raw, at + 36)
        (fee,) = _FEE.unpack_from(raw, at + 88)
        execution = int.from_bytes(raw[at + 72 : at + 80], "little")
        if execution in self.executions:
            return  # said again: booked once
        self.executions.add(execution)
        owner = self.owner.get(order_id)
        require(owner is not None, f"record {ring_seq}: fill of order {order_id}, never made")
        require(side == self.side[order_id], f"record {ring_seq}: fill on the other side")
        self.filled[order_id] = self.filled.get(order_id, 0) + qty
        signed = qty if side == Side.BUY else -qty
        for strategy in (0, owner or 0):
            row = self.rows.setdefault((strategy, instrument), Ledger())
            row.fill(signed, px, fee)
            wrong = self.limits.position(instrument, row.net)
            require(not wrong, f"record {ring_seq}: strategy {strategy}, {instrument}: {wrong}")

    def _position(self, raw: bytes, at: int, instrument: int, ring_seq: int) -> None:
        _, strategy, net, cost, realized, fees, _, _, _ = _POSITION.unpack_from(raw, at + 36)
        row = self.rows.get((strategy, instrument), Ledger())
        require(
            (net, cost, realized, fees) == (row.net, row.cost, row.cash + row.cost, row.fees),
            f"record {ring_seq}: position {net, cost, realized, fees} of strategy {strategy} in "
            f"{instrument}, by its fills {row.net, row.cost, row.cash + row.cost, row.fees}",
        )

    def check(self, pipeline: Pipeline) -> None:
        """Positions and orders of the engine against what its records add up to."""
        pipeline.orders.verify()
        pipeline.portfolio.verify()
        reserved: Counter[tuple[int, int, Side]] = Counter()
        for each in pipeline.orders.open_orders():
            for strategy in (0, each.strategy_id):
                reserved[strategy, each.instrument_id, each.side] += each.exposure_qty
        for strategy in range(pipeline.portfolio.strategies):
            for instrument in self.instruments:
                row = pipeline.portfolio.position(instrument, strategy)
                self._check_row(row)
                found = (row.open_buy_qty, row.open_sell_qty)
                summed = tuple(reserved[strategy, instrument, side] for side in _SIDES)
                require(
                    found == summed,
                    f"open quantity of strategy {strategy} in {instrument}: reserved {found}, its "
                    f"orders say {summed}",
                )
        for order_id, qty in self.filled.items():
            order = pipeline.orders.find(order_id)
            require(
                order is None or order.cum_qty == qty,
                f"order {order_id}: cum_qty {order and order.cum_qty}, sum of its fills {qty}",
            )

    def _check_row(self, position: Any) -> None:
        key = position.strategy_id, position.instrument_id
        row = self.rows.get(key, Ledger())
        found = (position.net_qty, position.cash, position.fees, position.realized_pnl)
        summed = (row.net, row.cash, row.fees, row.cash + row.cost)
        require(found == summed, f"position {key}: the engine has {found}, its fills say {summed}")
        require(row.net == sum(q for q, _ in row.fills), f"position {key}: fills do not add up")
