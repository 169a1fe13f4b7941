"""Coinbase's messages of both interfaces: the capture against a plain reading, documented examples,
and what is refused.
"""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import bad_numbers
import orjson
import pytest
import venue_captures

from tectra.core.errors import FileFormatError
from tectra.core.event import KlineSummary, TickerPayload, TradePayload
from tectra.core.fixed import Price, Quantity
from tectra.core.msg import Side
from tectra.core.types import Exchange
from tectra.feed.said import MessageKind
from tectra.refdata.definition import Definition
from tectra.venue.coinbase import CoinbaseBook, CoinbaseOrder, decode, from_coinbase_book

CAPTURE = "cf_coinbase_advanced_20260809.jsonl.zst"
TIME = "2026-08-09T21:05:48.228568804Z"


def advanced(channel: str, *events: dict[str, Any], seq: Any = 7) -> dict[str, Any]:
    return {"channel": channel, "timestamp": TIME, "sequence_num": seq, "events": list(events)}


L2 = advanced(
    "l2_data",
    {
        "type": "update",
        "product_id": "BTC-USD",
        "updates": [
            {"side": "bid", "event_time": TIME, "price_level": "65062.5", "new_quantity": "0"},
            {"side": "offer", "event_time": TIME, "price_level": "65063.50",
             "new_quantity": "0.5"},
        ],
    },
)  # fmt: skip
TRADES = advanced(
    "market_trades",
    {
        "type": "update",
        "trades": [
            {"product_id": "BTC-USD", "trade_id": "1068572091", "price": "65083.67",
             "size": "0.01034361", "time": TIME, "side": "SELL"}
        ],
    },
)  # fmt: skip
CANDLES = advanced(
    "candles",
    {
        "type": "update",
        "candles": [
            {"start": "1786309500", "high": "1919.6", "low": "1919.27", "open": "1919.58",
             "close": "1919.41", "volume": "36.36630914", "product_id": "ETH-USD"}
        ],
    },
)  # fmt: skip
TICKER = advanced(
    "ticker",
    {
        "type": "update",
        "tickers": [
            {"type": "ticker", "product_id": "ETH-USD", "price": "1919.41",
             "volume_24_h": "19975.9", "low_24_h": "1911.04", "high_24_h": "1925",
             "best_bid": "1919.44", "best_ask": "1919.49", "best_bid_quantity": "0.5",
             "best_ask_quantity": "0.25"}
        ],
    },
)  # fmt: skip
SNAPSHOT: dict[str, Any] = {
    "type": "snapshot",
    "product_id": "BTC-USD",
    "bids": [["10101.10", "0.450541"]],
    "asks": [["10102.55", "0.577535"]],
}
L2UPDATE: dict[str, Any] = {
    "type": "l2update",
    "product_id": "BTC-USD",
    "time": "2019-08-14T20:42:27.265Z",
    "changes": [["buy", "10101.80", "0.162567"], ["sell", "10102.00", "0"]],
}
MATCH: dict[str, Any] = {
    "type": "match", "trade_id": 10, "sequence": 50,
    "maker_order_id": "ac928c66-ca53-498f-9c13-a110027a60e8",
    "taker_order_id": "132fb6ae-456b-4654-b4e0-d681ac05cea1",
    "time": "2014-11-07T08:19:27.028459Z", "product_id": "BTC-USD", "size": "5.23512",
    "price": "400.23", "side": "sell",
}  # fmt: skip
OPEN: dict[str, Any] = {
    "type": "open", "time": "2014-11-07T08:19:27.028459Z", "product_id": "BTC-USD",
    "sequence": 10, "order_id": "d50ec984", "price": "200.2", "remaining_size": "1.00",
    "side": "sell",
}  # fmt: skip
HEARTBEAT: dict[str, Any] = {
    "type": "heartbeat", "sequence": 90, "last_trade_id": 20, "product_id": "BTC-USD",
    "time": "2014-11-07T08:19:28.464459Z",
}  # fmt: skip


def dump(message: Any) -> bytes:
    return orjson.dumps(message)


def book(message: Any) -> CoinbaseBook:
    (item,) = decode(dump(message)).items
    assert isinstance(item, CoinbaseBook)
    return item


def test_books_of_both_interfaces() -> None:
    message = decode(dump(L2))
    assert (message.kind, message.seq) == (MessageKind.BOOK, 7)
    found = book(L2)
    assert (found.symbol, found.is_snapshot) == ("BTC-USD", False)
    assert found.asks[0].price == Price("65063.5") and not found.bids[0].quantity
    assert found.ts_event.ns % 10**9 == 228568804
    update = from_coinbase_book(found, seq=7)
    assert (update.exchange, update.symbol, update.seq) == (Exchange.COINBASE, "BTCUSD", 7)
    whole = book(SNAPSHOT)
    assert whole.is_snapshot and whole.bids[0].quantity == Quantity("0.450541")
    change = book(L2UPDATE)
    assert change.bids[0].price == Price("10101.8") and not change.asks[0].quantity
    assert decode(dump(L2UPDATE)).seq is None


def test_several_events_in_one_message() -> None:
    (one,) = L2["events"]
    both = decode(dump(advanced("l2_data", one, {**one, "product_id": "ETH-USD"})))
    assert [b.symbol for b in both.items] == ["BTC-USD", "ETH-USD"]


def test_the_aggressor_is_the_other_side() -> None:
    (trade,) = decode(dump(TRADES)).items
    assert isinstance(trade.payload, TradePayload)
    assert (trade.payload.side, trade.payload.trade_id) == (Side.BUY, 1068572091)
    said, order = decode(dump(MATCH)).items
    assert isinstance(said.payload, TradePayload) and said.payload.side is Side.BUY
    assert isinstance(order, CoinbaseOrder) and order.side is Side.SELL
    assert (said.seq, order.sequence, order.kind) == (50, 50, "match")


def test_tickers_and_candles() -> None:
    (said,) = decode(dump(TICKER)).items
    assert isinstance(said.payload, TickerPayload)
    assert said.payload.bid_price == Price("1919.44")
    assert said.payload.ask_quantity == Quantity("0.25")
    old = {"type": "ticker", "sequence": 5, "product_id": "BTC-USD", "price": "6268.48",
           "best_bid": "6265.15", "best_ask": "6267.71", "side": "buy",
           "time": "2019-08-14T20:42:27.265Z", "trade_id": 1, "last_size": "0.0031"}  # fmt: skip
    (said,) = decode(dump(old)).items
    assert isinstance(said.payload, TickerPayload) and said.seq == 5
    assert said.payload.last_quantity == Quantity("0.0031") and said.payload.high_price is None
    (bar,) = decode(dump(CANDLES)).items
    assert isinstance(bar.payload, KlineSummary)
    assert (bar.payload.open, bar.payload.high) == (1919.58, 1919.6)


def test_the_full_channel() -> None:
    (order,) = decode(dump(OPEN)).items
    assert isinstance(order, CoinbaseOrder)
    assert (order.kind, order.sequence, order.side) == ("open", 10, Side.SELL)
    assert order.price == Price("200.2") and order.quantity == Quantity(1)
    done = {**OPEN, "type": "done", "reason": "filled", "remaining_size": "0"}
    (order,) = decode(dump(done)).items
    assert isinstance(order, CoinbaseOrder) and not order.quantity
    market = {k: v for k, v in done.items() if k not in ("price", "remaining_size")}
    (order,) = decode(dump(market)).items
    assert isinstance(order, CoinbaseOrder) and order.price is None and order.quantity is None
    change = {**OPEN, "type": "change", "new_size": "5.5", "old_size": "12"}
    (order,) = decode(dump(change)).items
    assert isinstance(order, CoinbaseOrder) and order.quantity == Quantity("5.5")
    with pytest.raises(FileFormatError, match=r"open.*no price"):
        decode(dump({k: v for k, v in OPEN.items() if k != "price"}))


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (HEARTBEAT, MessageKind.HEARTBEAT),
        (advanced("heartbeats", {"heartbeat_counter": 1}), MessageKind.HEARTBEAT),
        (advanced("subscriptions", {}), MessageKind.CONTROL),
        (advanced("user", {}), MessageKind.OTHER),
        (advanced("weather", {}), MessageKind.UNKNOWN),
        ({"type": "subscriptions", "channels": []}, MessageKind.CONTROL),
        ({"type": "error", "message": "Failed", "reason": "auth"}, MessageKind.ERROR),
        ({"type": "weather"}, MessageKind.UNKNOWN),
        ({"message": "NotFound"}, MessageKind.ERROR),
        ({"bids": [], "asks": [], "sequence": 5}, MessageKind.OTHER),
        ([], MessageKind.UNKNOWN),
        ({}, MessageKind.UNKNOWN),
    ],
)
def test_kinds(message: Any, kind: MessageKind) -> None:
    assert decode(dump(message)).kind is kind


SAMPLES: list[tuple[Any, set[str]]] = [
    (L2, {"price_level", "new_quantity", "sequence_num"}),
    (TRADES, {"price", "size"}),
    (CANDLES, {"start", "high", "low", "open", "close", "volume"}),
    (TICKER, {"price"}),
    (SNAPSHOT, {"bids.0", "bids.1", "asks.0", "asks.1"}),
    (L2UPDATE, {"changes.1", "changes.2"}),
    (MATCH, {"price", "size", "sequence"}),
    (OPEN, {"price", "remaining_size", "sequence"}),
]


@pytest.mark.parametrize(("sample", "names"), SAMPLES)
def test_what_is_no_number_is_refused(sample: Any, names: set[str]) -> None:
    paths = list(bad_numbers.leaves(sample, names))
    assert len(paths) >= len(names)
    for path in paths:
        for value in bad_numbers.literals():
            with pytest.raises(FileFormatError, match="coinbase"):
                decode(bad_numbers.changed(sample, path, value))


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"nonsense",
        b"[1]",
        b"5",
        dump({**L2, "events": {}}),
        dump({k: v for k, v in L2.items() if k != "sequence_num"}),
        dump({**L2UPDATE, "changes": [["buy", "1"]]}),
        dump({**L2UPDATE, "changes": [["hold", "1", "2"]]}),
        dump({**L2UPDATE, "time": "yesterday"}),
        dump({**SNAPSHOT, "bids": None}),
        dump({**MATCH, "side": "BUY"}),
        dump(L2).replace(b'"offer"', b'"other"'),
        dump(L2).replace(b'"update","product', b'"patch","product'),
    ],
)
def test_what_is_no_message(bad: bytes) -> None:
    with pytest.raises(FileFormatError, match="coinbase"):
        decode(bad)


def test_every_message_of_the_capture(test_data: Any) -> None:
    """Levels equal a plain reading; the connection's numbers have no hole."""
    counts: Counter[MessageKind] = Counter()
    for i, raw in enumerate(venue_captures.received(test_data / "coinbase" / CAPTURE)):
        found = decode(raw)
        counts[found.kind] += 1
        assert found.seq == i
        if found.kind is not MessageKind.BOOK:
            continue
        for item, event in zip(found.items, json.loads(raw)["events"], strict=True):
            for levels, side in ((item.bids, "bid"), (item.asks, "offer")):
                assert [(v.price.to_decimal(), v.quantity.to_decimal()) for v in levels] == [
                    (Decimal(u["price_level"]), Decimal(u["new_quantity"]))
                    for u in event["updates"]
                    if u["side"] == side
                ]
    assert counts[MessageKind.BOOK] == 775 and counts[MessageKind.TRADE] == 59
    assert not counts[MessageKind.UNKNOWN]


def test_documented_examples(test_data: Any) -> None:
    folder = test_data / "coinbase" / "nautilus_json"
    kinds = {
        "ws_candles": MessageKind.BAR,
        "ws_heartbeats": MessageKind.HEARTBEAT,
        "ws_l2_data_snapshot": MessageKind.BOOK,
        "ws_l2_data_update": MessageKind.BOOK,
        "ws_market_trades": MessageKind.TRADE,
        "ws_subscriptions": MessageKind.CONTROL,
        "ws_ticker": MessageKind.TICKER,
        "ws_user": MessageKind.OTHER,
        "http_products": MessageKind.INSTRUMENT,
        "http_product_book": MessageKind.OTHER,
    }
    for name, kind in kinds.items():
        assert decode((folder / f"{name}.json").read_bytes()).kind is kind


def test_products() -> None:
    old = {"id": "BTC-USD", "base_increment": "0.00000001", "quote_increment": "0.01"}
    (first,) = decode(dump([old])).items
    new = {"product_id": "BTC-USD", "base_increment": "0.00000001", "quote_increment": "0.01",
           "price_increment": "0.05", "base_min_size": "0.0001"}  # fmt: skip
    (second,) = decode(dump({"products": [new]})).items
    assert isinstance(first, Definition) and isinstance(second, Definition)
    assert first.exponents == second.exponents == (-2, -8)
    made = second.instrument(3)
    assert (made.symbol, made.tick, made.qty_min) == ("BTCUSD", 5, 10_000)
