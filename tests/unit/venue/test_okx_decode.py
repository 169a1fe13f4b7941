"""OKX's messages: the capture against a plain reading, and what is refused."""

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
from tectra.core.types import Exchange
from tectra.feed.said import MessageKind
from tectra.refdata.definition import Definition
from tectra.venue.okx import OkxBook, decode, from_okx_book

CAPTURE = "cf_okx_20220513.jsonl.zst"
BOOK: dict[str, Any] = {
    "arg": {"channel": "books", "instId": "BTC-USDT"},
    "action": "update",
    "data": [
        {
            "asks": [["8476.98", "415", "0", "13"]],
            "bids": [["8476.97", "0", "0", "0"]],
            "ts": "1597026383085",
            "checksum": -855196043,
            "prevSeqId": 123,
            "seqId": 125,
        }
    ],
}
TRADE: dict[str, Any] = {
    "arg": {"channel": "trades", "instId": "BTC-USDT"},
    "data": [
        {"instId": "BTC-USDT", "tradeId": "130639474", "px": "42219.9", "sz": "0.12060306",
         "side": "sell", "ts": "1630048897897"}
    ],
}  # fmt: skip
TICKER: dict[str, Any] = {
    "arg": {"channel": "tickers", "instId": "LTC-USD-SWAP"},
    "data": [
        {"instType": "SWAP", "instId": "LTC-USD-SWAP", "last": "9999.99", "lastSz": "0.1",
         "askPx": "9999.99", "askSz": "11", "bidPx": "8888.88", "bidSz": "5",
         "high24h": "10000.5", "low24h": "8888.8", "vol24h": "3", "ts": "1597026383085"}
    ],
}  # fmt: skip
CANDLE: dict[str, Any] = {
    "arg": {"channel": "candle1H", "instId": "BTC-USDT"},
    "data": [["1597026383085", "8533.02", "8553.74", "8527.17", "8548.26", "45247", "529", "529",
              "1"]],
}  # fmt: skip


def dump(message: Any) -> bytes:
    return orjson.dumps(message)


def book(raw: bytes) -> OkxBook:
    (item,) = decode(raw).items
    assert isinstance(item, OkxBook)
    return item


def changed(**fields: Any) -> bytes:
    return dump({**BOOK, "data": [{**BOOK["data"][0], **fields}]})


def test_a_book() -> None:
    found = book(dump(BOOK))
    assert (found.symbol, found.channel, found.is_snapshot) == ("BTC-USDT", "books", False)
    assert (found.seq_id, found.prev_seq_id, found.checksum) == (125, 123, -855196043)
    assert found.ts_event.ms == 1597026383085
    assert found.asks[0].price == Price("8476.98") and not found.bids[0].quantity
    update = from_okx_book(found)
    assert (update.exchange, update.symbol, update.seq) == (Exchange.OKX, "BTCUSDT", 125)


def test_what_is_not_supplied() -> None:
    assert book(changed(checksum=0)).checksum is None
    old = {k: v for k, v in BOOK["data"][0].items() if not k.endswith("eqId")}
    found = book(dump({**BOOK, "data": [old]}))
    assert (found.seq_id, found.prev_seq_id) == (None, None)
    assert from_okx_book(found).seq == 0
    first = book(dump({**BOOK, "action": "snapshot", "data": [{**old, "prevSeqId": -1}]}))
    assert first.is_snapshot and first.prev_seq_id == -1


def test_channels_that_send_all_of_it_each_time() -> None:
    for channel in ("books5", "bbo-tbt"):
        message = {**BOOK, "arg": {"channel": channel, "instId": "BTC-USDT"}}
        del message["action"]
        assert book(dump(message)).is_snapshot
    with pytest.raises(FileFormatError, match=r"okx.*action"):
        decode(dump({k: v for k, v in BOOK.items() if k != "action"}))


def test_trades_tickers_candles() -> None:
    (trade,) = decode(dump(TRADE)).items
    assert isinstance(trade.payload, TradePayload)
    assert (trade.payload.side, trade.payload.trade_id) == (Side.SELL, 130639474)
    (ticker,) = decode(dump(TICKER)).items
    assert isinstance(ticker.payload, TickerPayload)
    assert ticker.symbol == "LTC-USD-SWAP" and ticker.payload.ask_price == Price("9999.99")
    empty = json.loads(json.dumps(TICKER))
    empty["data"][0] |= {"askPx": "", "askSz": ""}
    (ticker,) = decode(dump(empty)).items
    assert isinstance(ticker.payload, TickerPayload) and ticker.payload.ask_price is None
    (bar,) = decode(dump(CANDLE)).items
    assert isinstance(bar.payload, KlineSummary) and bar.payload.is_closed
    assert (bar.payload.open, bar.payload.interval) == (8533.02, 3600 * 10**9)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"pong", MessageKind.HEARTBEAT),
        (b'{"event":"subscribe","arg":{}}', MessageKind.CONTROL),
        (b'{"event":"error","code":"60012","msg":"bad"}', MessageKind.ERROR),
        (b'{"event":"weather"}', MessageKind.UNKNOWN),
        (b'{"code":"50011","msg":"Too many","data":[]}', MessageKind.ERROR),
        (b'{"code":"0","msg":"","data":[{"asks":[],"bids":[]}]}', MessageKind.OTHER),
        (b'{"arg":{"channel":"funding-rate","instId":"X"},"data":[]}', MessageKind.OTHER),
        (b"{}", MessageKind.UNKNOWN),
    ],
)
def test_kinds(raw: bytes, kind: MessageKind) -> None:
    assert decode(raw).kind is kind


SAMPLES: list[tuple[Any, set[str]]] = [
    (BOOK, {"asks.0", "asks.1", "bids.0", "bids.1", "ts", "checksum", "seqId", "prevSeqId"}),
    (TRADE, {"px", "sz", "tradeId", "ts"}),
    (TICKER, {"askPx", "bidPx", "last", "high24h", "low24h", "ts"}),
    (TICKER, {"askSz", "bidSz", "lastSz", "vol24h"}),
    (CANDLE, {"data.0", "data.1", "data.2", "data.3", "data.4", "data.5"}),
]


@pytest.mark.parametrize(("sample", "names"), SAMPLES)
def test_what_is_no_number_is_refused(sample: Any, names: set[str]) -> None:
    """A quantity of a ticker that is empty or null is one that there is not."""
    sizes = "askSz" in names
    paths = list(bad_numbers.leaves(sample, names))
    assert len(paths) >= len(names)
    for path in paths:
        for value in bad_numbers.literals():
            if (value == "" and sample is TICKER) or (sizes and not value):
                continue
            if path[-1] == "tradeId" and value == str(1 << 63):
                continue  # a number that it may have
            with pytest.raises(FileFormatError, match="okx"):
                decode(bad_numbers.changed(sample, path, value))


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"[1]",
        b"nonsense",
        b'{"arg":[]}',
        b'{"arg":{"channel":"books"}}',
        b'{"event":5}',
        changed(asks=[["1"]]),
        changed(asks=[[1.5, 2.5]]),
        changed(asks="1"),
        changed(checksum="5"),
        changed(checksum=1 << 31),
        changed(seqId=1.5),
        changed(ts=1597026383085),
        dump({**BOOK, "action": "patch"}),
        dump({**BOOK, "data": {}}),
        dump({**TRADE, "data": [{**TRADE["data"][0], "side": "b"}]}),
        dump({**CANDLE, "data": [["1597026383085", "2", "1", "3", "2", "5"]]}),
        dump({**CANDLE, "data": [["1597026383085"]]}),
    ],
)
def test_what_is_no_message(bad: bytes) -> None:
    with pytest.raises(FileFormatError, match="okx"):
        decode(bad)


def test_every_message_of_the_capture(test_data: Any) -> None:
    counts: dict[MessageKind, int] = {}
    for raw in venue_captures.received(test_data / "okx" / CAPTURE):
        found = decode(raw)
        counts[found.kind] = counts.get(found.kind, 0) + 1
        if found.kind is not MessageKind.BOOK:
            continue
        plain = json.loads(raw)["data"]
        for item, row in zip(found.items, plain, strict=True):
            assert item.checksum == row["checksum"] and item.ts_event.ms == int(row["ts"])
            for levels, rows in ((item.bids, row["bids"]), (item.asks, row["asks"])):
                assert [(v.price.to_decimal(), v.quantity.to_decimal()) for v in levels] == [
                    (Decimal(r[0]), Decimal(r[1])) for r in rows
                ]
    assert counts[MessageKind.BOOK] == 290 and counts[MessageKind.TRADE] == 74
    assert set(counts) == {
        MessageKind.BOOK, MessageKind.TRADE, MessageKind.TICKER, MessageKind.CONTROL
    }  # fmt: skip


def test_instruments() -> None:
    spot = {"instType": "SPOT", "instId": "BTC-USDT", "tickSz": "0.1", "lotSz": "0.00000001",
            "minSz": "0.00001"}  # fmt: skip
    ahead = {**spot, "instId": "NEW-USDT", "tickSz": ""}
    swap = {**spot, "instType": "SWAP", "instId": "BTC-USD-SWAP", "lotSz": "1", "minSz": "1"}
    message = decode(dump({"code": "0", "msg": "", "data": [spot, ahead, swap]}))
    assert message.kind is MessageKind.INSTRUMENT
    first, second = message.items
    assert isinstance(first, Definition) and first.exponents == (-1, -8)
    made = first.instrument(7)
    assert (made.symbol, made.tick, made.lot, made.qty_min) == ("BTCUSDT", 1, 1, 1000)
    assert second.instrument(8).symbol == "BTC-USD-SWAP"
    option = Definition(Exchange.OKX, "BTC-USD-220514-22000-C", first.tick_size, first.lot_size)
    with pytest.raises(InputError, match="22000-C"):
        option.instrument(9)
    push = decode(dump({"arg": {"channel": "instruments", "instType": "SPOT"}, "data": [spot]}))
    assert push.items == (first,)
