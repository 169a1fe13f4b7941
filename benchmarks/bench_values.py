"""Venue messages to values and values to records, against the standard library doing the same."""

import json
from dataclasses import dataclass
from decimal import Decimal

import gate as gates
from conftest import Gate

from tectra.core.event import Event, TradePayload
from tectra.core.fixed import Price, Quantity
from tectra.core.types import Exchange, Timestamp
from tectra.refdata import decode_event, decode_value, encode_event, encode_value
from tectra.refdata.instrument import Instrument
from tectra.venue.binance import decode_depth, from_binance_depth

BTC = Instrument(7, "BTCUSDT", Exchange.BINANCE, px_exponent=-2, qty_exponent=-8)


@dataclass(frozen=True, slots=True)
class Plain:
    """A level as a person would write it."""

    price: Decimal
    quantity: Decimal


def message(levels: int) -> bytes:
    rows = [[f"{60000 + i / 100:.2f}", f"{i / 1000:.8f}"] for i in range(levels // 2)]
    fields = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": 1, "u": 2, "b": rows, "a": rows}
    return json.dumps(fields).encode()


def test_depth_to_values(gate: Gate) -> None:
    raw = message(gates.size(1_000, 10))

    def yardstick() -> None:
        plain = json.loads(raw)
        for side in ("b", "a"):
            plain[side] = [Plain(Decimal(px), Decimal(qty)) for px, qty in plain[side]]

    gate(lambda: decode_depth(raw), yardstick, "values.depth_to_decimals")


def test_book_through_records(gate: Gate) -> None:
    """There and back, against JSON text there and back."""
    update = from_binance_depth(message(gates.size(1_000, 10)))
    plain = [[str(v.price), str(v.quantity)] for v in update.bids + update.asks]
    kind = type(update)

    gate(
        lambda: decode_value(kind, encode_value(update, BTC), BTC),
        lambda: json.loads(json.dumps(plain)),
        "values.book_through_records",
    )


def test_event_through_records(gate: Gate) -> None:
    """One trade event there and back, against JSON text of its plain values there and back."""
    payload = TradePayload(Timestamp(1), Price("60000.25"), Quantity("0.5"))
    event = Event(1, 2, Exchange.BINANCE, "BTCUSDT", Timestamp(3), payload)
    plain = event.to_dict()
    many = range(gates.size(100, 2))

    def subject() -> None:
        for _ in many:
            decode_event(encode_event(event, BTC), BTC)

    def yardstick() -> None:
        for _ in many:
            json.loads(json.dumps(plain))

    gate(subject, yardstick, "values.event_through_records")
