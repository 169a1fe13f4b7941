"""Bybit book messages: every one of the captures against the decimal module, and what is
refused.
"""

import gc
import json
import sys
import tracemalloc
from decimal import Decimal
from typing import Any

import orjson
import pytest
import venue_captures

from tectra.core.errors import FileFormatError, InputError
from tectra.core.fixed import Price, Quantity
from tectra.core.level import BookLevel
from tectra.core.types import Exchange, Timestamp
from tectra.venue.bybit import decode_book, from_bybit_book

DATA: dict[str, Any] = {
    "s": "BTCUSDT",
    "b": [["16493.50", "0.006"], ["16493.00", "0"]],
    "a": [["16611.00", "0.029"]],
    "u": 18521288,
    "seq": 7961638724,
}
DELTA: dict[str, Any] = {
    "topic": "orderbook.50.BTCUSDT",
    "type": "delta",
    "ts": 1687940967466,
    "data": DATA,
    "cts": 1687940967464,
}
REST: dict[str, Any] = {
    "retCode": 0,
    "retMsg": "OK",
    "result": {**DATA, "ts": 1687940967466, "cts": 1687940967464},
    "time": 1,
}


def raw(**change: Any) -> bytes:
    return orjson.dumps({**DELTA, **change})


def data(**change: Any) -> bytes:
    return raw(data={**DATA, **change})


def same(levels: tuple[BookLevel, ...], rows: list[list[str]]) -> bool:
    return [(v.price.to_decimal(), v.quantity.to_decimal()) for v in levels] == [
        (Decimal(px), Decimal(qty)) for px, qty in rows
    ]


def test_a_delta() -> None:
    update = decode_book(raw())
    assert (update.symbol, update.depth, update.is_snapshot) == ("BTCUSDT", 50, False)
    assert (update.update_id, update.cross_seq) == (18521288, 7961638724)
    assert update.ts_system.ms == 1687940967466
    assert update.bids[1] == BookLevel(Price(16493), Quantity(0))
    book = from_bybit_book(raw())
    assert (book.exchange, book.symbol, book.seq) == (Exchange.BYBIT, "BTCUSDT", 18521288)
    assert book.timestamp == Timestamp.from_ms(1687940967464)
    assert from_bybit_book(update) == book
    spot = {k: v for k, v in DELTA.items() if k != "cts"}
    assert from_bybit_book(orjson.dumps(spot)).timestamp.ms == 1687940967466


def test_snapshots() -> None:
    assert from_bybit_book(raw(type="snapshot")).is_snapshot
    assert from_bybit_book(data(u=1)).is_snapshot  # the service restarted
    rest = decode_book(orjson.dumps(REST))
    assert rest.is_snapshot and rest.depth == 0 and rest.bids == decode_book(raw()).bids


def test_a_symbol_that_is_no_pair() -> None:
    perp = raw(topic="orderbook.50.BTC-26DEC25", data={**DATA, "s": "BTC-26DEC25"})
    with pytest.raises(InputError, match="BTC-26DEC25"):
        from_bybit_book(perp)
    assert from_bybit_book(perp, symbol="BTC-26DEC25").symbol == "BTC-26DEC25"


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"[1]",
        b"{}",
        *[
            orjson.dumps({k: v for k, v in DELTA.items() if k != name})
            for name in DELTA
            if name != "cts"
        ],
        *[raw(data={k: v for k, v in DATA.items() if k != name}) for name in DATA if name != "seq"],
        raw(topic="publicTrade.BTCUSDT"),
        raw(topic="orderbook.50.ETHUSDT"),
        raw(topic="orderbook.fast.BTCUSDT"),
        raw(topic="orderbook..BTCUSDT"),
        raw(topic="orderbook.²5.BTCUSDT"),
        raw(topic=5),
        raw(type="update"),
        raw(type=None),
        raw(ts=-1),
        raw(ts="1687940967466"),
        raw(cts=1.5),
        raw(data=[DATA]),
        data(u="1"),
        data(u=1 << 63).replace(str(1 << 63).encode(), b"9" * 30),
        data(seq=None),
        data(b=None),
        data(b=[["1", "2", "3"]]),
        data(a=[[1.0, 2.0]]),
        data(a=[["1e999", "2"]]),
        orjson.dumps({**REST, "retCode": 10001}),
        orjson.dumps({**REST, "retCode": "0"}),
        orjson.dumps({**REST, "result": {}}),
    ],
)
def test_what_is_no_book_message(bad: bytes) -> None:
    with pytest.raises(FileFormatError, match="bybit book"):
        decode_book(bad)


@pytest.mark.timeout(60)
def test_every_message_of_the_captures(test_data: Any) -> None:
    """Levels, ids and times equal a plain reading; update ids are gapless by symbol."""
    last: dict[str, int] = {}
    kinds = {"snapshot": 0, "delta": 0}
    for message in venue_captures.bybit_books(test_data):
        update = decode_book(message)
        plain = json.loads(message)
        inner = plain["data"]
        kinds[plain["type"]] += 1
        assert same(update.bids, inner["b"]) and same(update.asks, inner["a"])
        assert (update.update_id, update.cross_seq) == (inner["u"], inner["seq"])
        assert (update.ts_system.ms, update.ts_match.ms) == (plain["ts"], plain["cts"])
        assert update.is_snapshot == (plain["type"] == "snapshot")
        book = from_bybit_book(update)
        assert (book.symbol, book.seq) == (inner["s"], inner["u"])
        if not update.is_snapshot:
            assert update.update_id == last[update.symbol] + 1
        last[update.symbol] = update.update_id
    assert kinds["snapshot"] >= 4 and kinds["delta"] > 1000 and len(last) == 4


def test_documented_examples(test_data: Any) -> None:
    folder = test_data / "bybit" / "nautilus_json"
    for name, whole in (("ws_orderbook_snapshot", True), ("ws_orderbook_delta", False)):
        update = decode_book((folder / f"{name}.json").read_bytes())
        assert update.is_snapshot is whole and update.bids
    rest = decode_book((folder / "http_get_orderbook.json").read_bytes())
    assert rest.is_snapshot and rest.asks


def test_no_text_is_kept() -> None:
    rows = [[f"{60000 + i / 100:.2f}", f"{i / 1000:.3f}"] for i in range(1000)]
    message = data(b=rows, a=rows)
    decode_book(message)
    gc.collect()
    tracemalloc.start()
    update = decode_book(message)
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    levels = update.bids + update.asks
    objects = sum(
        sys.getsizeof(v) + sys.getsizeof(v.price) + sys.getsizeof(v.quantity) for v in levels
    )
    tuples = sys.getsizeof(update.bids) + sys.getsizeof(update.asks)
    assert objects + tuples <= kept < objects + tuples + 4096
