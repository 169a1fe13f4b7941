"""The order log: a journal's orders as rows of ten fields, and the orders that are still in flight.

A view of the order records (intent, verdict, send, the venue's reports, every transition), not a
file of its own. One thread at a time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from tectra.core.msg import Template
from tectra.core.types import Exchange
from tectra.journal.plain import PlainRecords
from tectra.journal.query import JournalQuery, Query
from tectra.journal.reader import JournalReader

__all__ = ["ORDER_TEMPLATES", "InFlight", "OrderLog", "OrderRow"]

ORDER_TEMPLATES = frozenset(
    {
        Template.ORDER_ACK,
        Template.ORDER_FILL,
        Template.ORDER_CANCEL,
        Template.ORDER_REJECT,
        Template.ORDER_INTENT,
        Template.ORDER_VERDICT,
        Template.ORDER_SEND,
        Template.ORDER_EVENT,
    }
)
_DONE = frozenset({"NONE", "FILLED", "CANCELLED", "REJECTED", "EXPIRED"})
_EXCHANGES = {int(e): e.label for e in Exchange}
_REPORTS = {
    Template.ORDER_ACK: "report_ack",
    Template.ORDER_FILL: "report_fill",
    Template.ORDER_REJECT: "report_reject",
}


class OrderRow(NamedTuple):
    """One event of one order. `timestamp_ns` is ts_recv_ns; price and qty are exact decimals as
    text, mantissas where the journal does not tell the exponents; price is None for none. `status`
    is the order's state behind the event; `metadata` has the record's other fields.
    """

    timestamp_ns: int
    event_type: str
    order_id: int
    exchange: str
    symbol: str
    side: str
    price: str | int | None
    qty: str | int
    status: str
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class InFlight:
    """An order that was not done at the end of the journal. Prices and quantities as in OrderRow;
    `last_ring_seq` is its last transition.
    """

    order_id: int
    strategy_id: int
    exchange: str
    symbol: str
    side: str
    price: str | int | None
    qty: str | int
    leaves_qty: str | int
    cum_qty: str | int
    status: str
    last_ring_seq: int


class OrderLog:
    """The orders of a journal. `exchanges` names venue ids; by default as core.types.Exchange."""

    def __init__(
        self, reader: JournalReader, *, exchanges: Mapping[int, str] | None = None
    ) -> None:
        self.reader = reader
        self._plain = PlainRecords(reader)
        self._exchanges = _EXCHANGES if exchanges is None else exchanges

    def rows(self, query: Query | None = None) -> Iterator[OrderRow]:
        """Events that a query asks for, in order; its `templates` are not used.

        Read from the journal's beginning on, since the state of an order follows from what came
        before; the index finds the orders' records. JournalCorruptError when the reader is strict.
        """
        query = Query() if query is None else query
        wide = replace(
            query, templates=ORDER_TEMPLATES, start_seq=None, start_ns=None, end_ns=None, limit=None
        )
        states: dict[int, str] = {}
        venues: dict[int, int] = {}
        left = query.limit
        for template, data in JournalQuery(self.reader, wide).records():
            if left == 0:
                return
            values = self._plain.values(template, data)
            row = self._row(template, values, states, venues)
            if _meant(query, values):
                yield row
                left = None if left is None else left - 1

    def in_flight(self) -> list[InFlight]:
        """Orders that were not done at the end, by id: what a restart has to ask the venue for."""
        last: dict[int, InFlight] = {}
        states: dict[int, str] = {}
        venues: dict[int, int] = {}
        query = Query(templates=ORDER_TEMPLATES)
        for template, data in JournalQuery(self.reader, query).records():
            values = self._plain.values(template, data)
            row = self._row(template, values, states, venues)
            if template is Template.ORDER_EVENT and row.status in _DONE:
                last.pop(row.order_id, None)  # a long run has millions that are done
            elif template is Template.ORDER_EVENT:
                last[row.order_id] = InFlight(
                    order_id=row.order_id,
                    strategy_id=values["strategy_id"],
                    exchange=row.exchange,
                    symbol=row.symbol,
                    side=row.side,
                    price=row.price,
                    qty=row.qty,
                    leaves_qty=_either(values, "leaves_quantity", "leaves_qty"),
                    cum_qty=_either(values, "cum_quantity", "cum_qty"),
                    status=row.status,
                    last_ring_seq=values["ring_seq"],
                )
        return [last[order_id] for order_id in sorted(last)]

    def _row(
        self,
        template: Template,
        values: dict[str, Any],
        states: dict[int, str],
        venues: dict[int, int],
    ) -> OrderRow:
        order_id = values["order_id"]
        if template is Template.ORDER_EVENT and values["valid"]:
            states[order_id] = str(values["to_state"])
        venue = values.get("venue_id") or venues.get(order_id) or self._listed_at(values)
        venues[order_id] = venue
        own = ("ts_recv_ns", "type", "order_id", "symbol", "side", "price", "px", "quantity", "qty")
        return OrderRow(
            timestamp_ns=values["ts_recv_ns"],
            event_type=_event_type(template, values),
            order_id=order_id,
            exchange=self._exchanges.get(venue, str(venue) if venue else ""),
            symbol=values["symbol"] or f"#{values['instrument_id']}",
            side=str(values["side"]),
            price=_either(values, "price", "px"),
            qty=_either(values, "quantity", "qty"),
            status=states.get(order_id, "NONE"),
            metadata={name: value for name, value in values.items() if name not in own},
        )

    def _listed_at(self, values: dict[str, Any]) -> int:
        known = self._plain.definition(values["instrument_id"], values["ring_seq"])
        return 0 if known is None else known.exchange


def _either(values: dict[str, Any], long: str, short: str) -> Any:
    return values[long] if long in values else values[short]


def _event_type(template: Template, values: dict[str, Any]) -> str:
    if template is Template.ORDER_EVENT:
        return str(values["event"]).lower()
    if template is Template.ORDER_VERDICT:
        return "verdict_accepted" if values["accepted"] else "verdict_refused"
    if template is Template.ORDER_CANCEL:
        return "report_expire" if values["expired"] else "report_cancel"
    if template in _REPORTS:
        return _REPORTS[template]
    kind = "intent" if template is Template.ORDER_INTENT else "send"
    return f"{kind}_{str(values['action']).lower()}"


def _meant(query: Query, values: dict[str, Any]) -> bool:
    seq, ts = values["ring_seq"], values["ts_recv_ns"]
    return (
        (query.start_seq is None or seq >= query.start_seq)
        and (query.start_ns is None or ts >= query.start_ns)
        and (query.end_ns is None or ts < query.end_ns)
    )
