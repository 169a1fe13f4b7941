"""Kraken's messages of both versions: the captures against a plain reading, documented examples,
and what is refused.
"""

import json
from decimal import Decimal
from typing import Any

import bad_numbers
import orjson
import pytest
import venue_captures

from tectra.core.errors import FileFormatError, InputError
from tectra.core.event import KlineSummary, TickerPayload, TradePayload
from tectra.core.fixed import Price
from tectra.core.msg import Side
from tectra.core.types import Exchange, Timestamp
from tectra.feed.said import MessageKind
from tectra.venue.kraken import KrakenBook, decode, from_kraken_book

V2_BOOK: dict[str, Any] = {
    "channel": "book",
    "type": "update",
    "data": [
        {
            "symbol": "BTC/USD",
            "bids": [{"price": "45283.50", "qty": "0.10000000"}],
            "asks": [{"price": "45285.2", "qty": "0"}],
            "checksum": 3310070434,
            "timestamp": "2023-10-06T17:35:55.440295Z",
        }
    ],
}
V2_TRADE: dict[str, Any] = {
    "channel": "trade",
    "type": "update",
    "data": [
        {
            "symbol": "BTC/USD",
            "side": "buy",
            "price": "4136.4",
            "qty": "0.23374249",
            "ord_type": "limit",
            "trade_id": 44,
            "timestamp": "2023-09-25T07:49:36.925533Z",
        }
    ],
}
V2_TICKER: dict[str, Any] = {
    "channel": "ticker",
    "type": "snapshot",
    "data": [
        dict.fromkeys(
            ("bid", "bid_qty", "ask", "ask_qty", "last", "volume", "low", "high"), "12.50"
        )
        | {"symbol": "BTC/USD"}
    ],
}
V1_UPDATE: list[Any] = [
    1234,
    {"a": [["5541.30000", "2.50700000", "1534614248.456738"]]},
    {"b": [["5541.20000", "1.52900000", "1534614248.765567", "r"]], "c": "974942666"},
    "book-10",
    "XBT/USD",
]
V1_SNAPSHOT: list[Any] = [
    0,
    {"as": [["5541.30000", "2.5", "1.0"]], "bs": [["5541.20000", "1.5", "2.5"]]},
    "book-100",
    "XBT/USD",
]
V1_TRADE: list[Any] = [
    0, [["5541.20000", "0.15850568", "1534614057.321597", "s", "l", ""]], "trade", "XBT/USD"
]  # fmt: skip
V1_TICKER: list[Any] = [
    0,
    {"a": ["5525.4", 1, "1.5"], "b": ["5525.1", 1, "2.5"], "c": ["5525.2", "0.5"],
     "v": ["1.5", "3.5"], "l": ["5.5", "4.5"], "h": ["6.5", "7.5"]},
    "ticker",
    "XBT/USD",
]  # fmt: skip


def numbers(message: Any) -> bytes:
    """v2's form: decimal text without its quotes."""
    text = orjson.dumps(message)
    for value in ("45283.50", "0.10000000", "45285.2", "4136.4", "0.23374249", "12.50", "0"):
        text = text.replace(f'"{value}"'.encode(), value.encode())
    return text


def book(raw: bytes) -> KrakenBook:
    (item,) = decode(raw).items
    assert isinstance(item, KrakenBook)
    return item


def test_v2_numbers_are_read_from_their_text() -> None:
    found = book(numbers(V2_BOOK))
    assert (found.symbol, found.version, found.is_snapshot) == ("BTC/USD", 2, False)
    assert found.checksum == 3310070434 and found.ts_event.ns == 1696613755440295000
    level = found.bids[0]
    # Zeros at the end are there, and nothing was a float.
    assert (level.price.mantissa, level.price.scale) == (4528350, 2)
    assert (level.quantity.mantissa, level.quantity.scale) == (10_000_000, 8)
    assert not found.asks[0].quantity
    big = numbers(V2_BOOK).replace(b"45283.50", b"9007199254740993.1")
    assert book(big).bids[0].price.to_decimal() == Decimal("9007199254740993.1")
    assert book(orjson.dumps(V2_BOOK)) == found


def test_v1_books() -> None:
    found = book(orjson.dumps(V1_UPDATE))
    assert (found.depth, found.checksum, found.is_snapshot) == (10, 974942666, False)
    assert found.ts_event == Timestamp(1534614248765567000)
    assert found.asks[0].price.to_decimal() == Decimal("5541.30000")
    whole = book(orjson.dumps(V1_SNAPSHOT))
    assert whole.is_snapshot and whole.checksum is None and whole.depth == 100
    update = from_kraken_book(found)
    assert (update.exchange, update.symbol, update.seq) == (Exchange.KRAKEN, "BTCUSD", 0)
    assert from_kraken_book(book(numbers(V2_BOOK))).symbol == "BTCUSD"
    odd = book(orjson.dumps([*V1_SNAPSHOT[:-1], "XBT/ZZZ"]))
    with pytest.raises(InputError, match="ZZZ"):
        from_kraken_book(odd)
    assert from_kraken_book(odd, symbol="BTCZZZ").symbol == "BTCZZZ"


def test_trades_and_tickers_of_both_versions() -> None:
    (v2,) = decode(numbers(V2_TRADE)).items
    assert isinstance(v2.payload, TradePayload)
    assert (v2.symbol, v2.payload.side, v2.payload.trade_id) == ("BTC/USD", Side.BUY, 44)
    (v1,) = decode(orjson.dumps(V1_TRADE)).items
    assert isinstance(v1.payload, TradePayload)
    assert v1.payload.side is Side.SELL and v1.payload.price == Price("5541.2")
    assert v1.canonical(Exchange.KRAKEN, "BTCUSD").price == Price("5541.2")
    (day,) = decode(orjson.dumps(V1_TICKER)).items
    assert isinstance(day.payload, TickerPayload)
    assert day.payload.high_price == Price("7.5") and day.payload.low_price == Price("4.5")
    (now,) = decode(numbers(V2_TICKER)).items
    assert isinstance(now.payload, TickerPayload) and now.payload.bid_price == Price("12.5")


def test_bars() -> None:
    row = ["1.5", "1542057360.5", "3586.7", "3586.8", "3586.6", "3586.6", "3586.7", "0.03", 2]
    row[1] = "1542057360.000000"
    (bar,) = decode(orjson.dumps([42, row, "ohlc-5", "XBT/USD"])).items
    assert isinstance(bar.payload, KlineSummary)
    assert bar.payload.ts_close.s - bar.payload.ts_open.s == 300
    assert (bar.payload.open, bar.payload.high, bar.payload.trades) == (3586.7, 3586.8, 2)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b'{"event":"heartbeat"}', MessageKind.HEARTBEAT),
        (b'{"channel":"heartbeat"}', MessageKind.HEARTBEAT),
        (b'{"event":"systemStatus","status":"online"}', MessageKind.CONTROL),
        (b'{"channel":"status","type":"update","data":[]}', MessageKind.CONTROL),
        (b'{"method":"pong","req_id":1}', MessageKind.CONTROL),
        (b'{"method":"subscribe","success":false,"error":"Already"}', MessageKind.ERROR),
        (b'{"event":"subscriptionStatus","status":"error","errorMessage":"x"}', MessageKind.ERROR),
        (b'{"error":["EGeneral:Internal error"]}', MessageKind.ERROR),
        (b'{"channel":"weather","data":[]}', MessageKind.UNKNOWN),
        (b'{"event":"weather"}', MessageKind.UNKNOWN),
        (b'[1,{},"weather","XBT/USD"]', MessageKind.UNKNOWN),
        (b"{}", MessageKind.UNKNOWN),
    ],
)
def test_kinds(raw: bytes, kind: MessageKind) -> None:
    assert decode(raw).kind is kind


def test_new_fields_are_tolerated() -> None:
    more = json.loads(json.dumps(V2_BOOK))
    more["extra"] = more["data"][0]["extra"] = more["data"][0]["bids"][0]["extra"] = {"x": [1]}
    assert decode(orjson.dumps(more)).items == decode(orjson.dumps(V2_BOOK)).items


SAMPLES: list[tuple[Any, set[str]]] = [
    (V2_BOOK, {"price", "qty", "checksum"}),
    (V2_TRADE, {"price", "qty", "trade_id"}),
    (V2_TICKER, {"bid", "bid_qty", "ask", "ask_qty", "last", "volume", "low", "high"}),
    (V1_UPDATE, {"a.0", "a.1", "a.2", "b.0", "b.1", "b.2", "c"}),
    (V1_SNAPSHOT, {"as.0", "as.1", "as.2", "bs.0", "bs.1", "bs.2"}),
    (V1_TICKER, {"c.0", "c.1", "v.1", "l.1", "h.1"}),
]


@pytest.mark.parametrize(("sample", "names"), SAMPLES)
def test_what_is_no_number_is_refused(sample: Any, names: set[str]) -> None:
    paths = list(bad_numbers.leaves(sample, names))
    assert len(paths) >= len(names)
    for path in paths:
        for value in bad_numbers.literals():
            raw = bad_numbers.changed(sample, path, value)
            if value == "null" or raw == orjson.dumps(sample):
                continue
            with pytest.raises(FileFormatError, match="kraken"):
                decode(raw)


def test_a_missing_or_misshapen_field_is_refused() -> None:
    for name in ("symbol", "bids", "asks", "checksum"):
        less = json.loads(json.dumps(V2_BOOK))
        del less["data"][0][name]
        with pytest.raises(FileFormatError, match=f"kraken.*{name}"):
            decode(orjson.dumps(less))
        less["data"][0][name] = 5.5
        with pytest.raises(FileFormatError, match="kraken"):
            decode(orjson.dumps(less))


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"[",
        b"[]",
        b"[1,2]",
        b"nonsense",
        b'{"channel":5}',
        b'{"channel":"book","type":"patch","data":[]}',
        b'{"channel":"book","type":"update","data":{}}',
        b'[1,{"a":[["1","2","3"]]},"book-10","XBT/USD"]',
        b'[1,{"c":"5"},"book-10","XBT/USD"]',
        b'[1,{"as":[["1","-2","3"]]},"book-10","XBT/USD"]',
        b'[1,{"as":[["1","2"]]},"book-10","XBT/USD"]',
        b'[1,{"as":[]},"book-ten","XBT/USD"]',
        b'[1,[["1","2","3","x","l",""]],"trade","XBT/USD"]',
        b'{"channel":"book","type":"update","data":[{"price":NaN}]}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_message(bad: bytes) -> None:
    with pytest.raises(FileFormatError, match="kraken"):
        decode(bad)


def test_every_book_of_the_capture(test_data: Any) -> None:
    """Levels equal a plain reading with the decimal module."""
    counts = {"snapshot": 0, "update": 0}
    name = "cf_kraken_v1_book1000_20210417.jsonl.gz"
    for raw in venue_captures.received(test_data / "kraken" / name):
        if b'"book-' not in raw or raw[:1] != b"[":
            continue
        found = book(raw)
        parts: dict[str, Any] = {}
        for part in json.loads(raw)[1:-2]:
            parts |= part
        for levels, rows in (
            (found.bids, parts.get("b", parts.get("bs", []))),
            (found.asks, parts.get("a", parts.get("as", []))),
        ):
            assert [(v.price.to_decimal(), v.quantity.to_decimal()) for v in levels] == [
                (Decimal(r[0]), Decimal(r[1])) for r in rows
            ]
        counts["snapshot" if found.is_snapshot else "update"] += 1
    assert counts == {"snapshot": 6, "update": 2183}


def test_documented_examples(test_data: Any) -> None:
    folder = test_data / "kraken" / "nautilus_json"
    kinds = {
        "ws_book_snapshot": MessageKind.BOOK,
        "ws_book_update": MessageKind.BOOK,
        "ws_trade_update": MessageKind.TRADE,
        "ws_ticker_snapshot": MessageKind.TICKER,
        "ws_ohlc_update": MessageKind.BAR,
        "ws_pong": MessageKind.CONTROL,
        "ws_subscribe_response": MessageKind.CONTROL,
        "ws_l3_snapshot": MessageKind.OTHER,
        "http_asset_pairs": MessageKind.INSTRUMENT,
        "http_order_book": MessageKind.OTHER,
    }
    for name, kind in kinds.items():
        assert decode((folder / f"{name}.json").read_bytes()).kind is kind
