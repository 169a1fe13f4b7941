"""Binance depth messages: every one of the captures against the decimal module, and what is
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
from tectra.venue.binance import BinanceDepthUpdate, decode_depth, from_binance_depth

DIFF: dict[str, Any] = {
    "e": "depthUpdate",
    "E": 1723161256299,
    "T": 1723161256298,
    "s": "BTCUSDT",
    "U": 157,
    "u": 160,
    "pu": 149,
    "b": [["85978.12", "0.50000000"], ["85978.11", "0.00000000"]],
    "a": [["85978.13", "10"]],
}
SNAPSHOT: dict[str, Any] = {"lastUpdateId": 42, "bids": [["4.00", "431"]], "asks": []}


def raw(fields: dict[str, Any], **change: Any) -> bytes:
    return orjson.dumps({**fields, **change})


def same(levels: tuple[BookLevel, ...], rows: list[list[str]]) -> bool:
    """Equal as Decimals, and exactly the text's number of places."""
    return [(v.price.to_decimal(), v.quantity.to_decimal()) for v in levels] == [
        (Decimal(px), Decimal(qty)) for px, qty in rows
    ]


def test_a_diff() -> None:
    update = decode_depth(raw(DIFF))
    assert update == BinanceDepthUpdate(
        symbol="BTCUSDT",
        ts_event=Timestamp.from_ms(1723161256299),
        ts_match=Timestamp.from_ms(1723161256298),
        first_id=157,
        final_id=160,
        prev_id=149,
        bids=((Price("85978.12"), Quantity("0.5")), (Price("85978.11"), Quantity(0))),
        asks=((Price("85978.13"), Quantity(10)),),
        is_snapshot=False,
    )
    assert (update.bids[0].price.mantissa, update.bids[0].price.scale) == (8597812, 2)
    book = from_binance_depth(raw(DIFF))
    assert (book.exchange, book.symbol, book.seq) == (Exchange.BINANCE, "BTCUSDT", 160)
    assert (book.bids, book.asks, book.is_snapshot) == (update.bids, update.asks, False)
    assert book.timestamp == update.ts_match
    assert from_binance_depth(update) == book
    spot = {k: v for k, v in DIFF.items() if k not in ("T", "pu")}
    assert from_binance_depth(raw(spot)).timestamp == update.ts_event


def test_envelopes_and_snapshots() -> None:
    enveloped = orjson.dumps({"stream": "btcusdt@depth", "data": DIFF})
    assert decode_depth(enveloped) == decode_depth(raw(DIFF))
    assert decode_depth(memoryview(enveloped)) == decode_depth(bytearray(enveloped))
    book = from_binance_depth(raw(SNAPSHOT), symbol="BTCUSDT")
    assert book.is_snapshot and book.seq == 42 and book.timestamp == Timestamp(0)
    partial = orjson.dumps({"stream": "ethusdt@depth5", "data": SNAPSHOT})
    assert from_binance_depth(partial).symbol == "ETHUSDT"
    with pytest.raises(InputError, match="no symbol"):
        from_binance_depth(raw(SNAPSHOT))
    with pytest.raises(InputError, match="NOTAPAIR"):
        from_binance_depth(raw(DIFF, s="NOTAPAIR"))


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"e":"trade"}',
        b'{"stream":"x","data":[]}',
        b'{"stream":5,"data":{}}',
        *[raw({k: v for k, v in DIFF.items() if k != name}) for name in ("E", "s", "U", "u")],
        *[raw({k: v for k, v in DIFF.items() if k != name}) for name in ("b", "a", "e")],
        raw(DIFF, U=161),
        raw(DIFF, U="157"),
        raw(DIFF, U=157.0),
        raw(DIFF, U=True),
        raw(DIFF, U=-1),
        raw(DIFF, E=1 << 62),
        raw(DIFF, E=None),
        raw(DIFF, pu=None),
        raw(DIFF, s=""),
        raw(DIFF, s=1),
        raw(DIFF, b={}),
        raw(DIFF, b=[["1"]]),
        raw(DIFF, b=[[1, "2"]]),
        raw(DIFF, b=[[1.5, 2.5]]),
        raw(DIFF, b=[["x", "2"]]),
        raw(DIFF, b=[["1", "-2"]]),
        raw(DIFF, b=[["9223372036854775808", "1"]]),
        raw(DIFF).replace(b"157", b"99999999999999999999"),
        raw(DIFF).replace(b"BTC", b"\xff\xfe"),
    ],
)
def test_what_is_no_book_message(bad: bytes) -> None:
    with pytest.raises(FileFormatError, match="binance depth"):
        decode_depth(bad)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("name", "messages"),
    [
        ("hbt_spot_btcusdt_20240808.jsonl.gz", 3452),
        ("hbt_usdm_btcusdt_20240808.jsonl.gz", 6552),
        ("hbt_cm_btcusd_perp_20240809.jsonl.gz", 17948),
        ("cf_binance_spot_20211012.jsonl.zst", 181),
        ("cf_binance_usdm_20210722.jsonl.zst", 768),
    ],
)
def test_every_message_of_a_capture(test_data: Any, name: str, messages: int) -> None:
    """Levels, ids and times equal a plain reading; on futures each diff continues the last."""
    count = 0
    last: dict[str, int] = {}
    for symbol, message in venue_captures.binance_depth(test_data, name):
        update = decode_depth(message)
        plain = json.loads(message)
        plain = plain.get("data", plain)
        count += 1
        assert same(update.bids, plain["b"] if "b" in plain else plain["bids"])
        assert same(update.asks, plain["a"] if "a" in plain else plain["asks"])
        assert update.ts_event.ms == plain.get("E", 0) and update.ts_match.ms == plain.get("T", 0)
        canonical = "BTCUSD_PERP" if "_cm_" in name else None
        book = from_binance_depth(update, symbol=canonical or symbol or None)
        assert (book.seq, book.is_snapshot) == (update.final_id, "lastUpdateId" in plain)
        if update.is_snapshot:
            assert update.final_id == plain["lastUpdateId"]
            continue
        assert (update.first_id, update.final_id) == (plain["U"], plain["u"])
        assert update.symbol == plain["s"]
        if "pu" in plain:
            assert update.prev_id == plain["pu"] == last.get(update.symbol, plain["pu"])
        elif update.symbol in last:
            assert update.first_id == last[update.symbol] + 1
        last[update.symbol] = update.final_id
    assert count == messages


def test_no_text_is_kept() -> None:
    """What a decoded message of 2,000 levels keeps is its levels, and no text beside them."""
    rows = [[f"{60000 + i / 100:.2f}", f"{i / 1000:.8f}"] for i in range(1000)]
    message = raw(DIFF, b=rows, a=rows)
    decode_depth(message)
    gc.collect()
    tracemalloc.start()
    update = decode_depth(message)
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    levels = update.bids + update.asks
    objects = sum(
        sys.getsizeof(v) + sys.getsizeof(v.price) + sys.getsizeof(v.quantity) for v in levels
    )
    tuples = sys.getsizeof(update.bids) + sys.getsizeof(update.asks)
    assert objects + tuples <= kept < objects + tuples + 4096
    text = sys.getsizeof(rows[0][0]) * 2 * len(levels)
    assert text > 100 * 1024  # what the texts would have taken
