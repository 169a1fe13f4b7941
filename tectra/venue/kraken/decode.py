"""Kraken's market data: WebSocket v1 (arrays of text) and v2 (objects with JSON numbers).

v1 and v2 books carry a checksum in every update, v2 also in the snapshot. v2 numbers are read from
their text, never as floats. Source: Kraken documentation, WebSocket API v1 and v2.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from tectra.core.errors import FileFormatError, InputError, NumericError
from tectra.core.event import TickerPayload, TradePayload
from tectra.core.json_object import JsonObject
from tectra.core.level import BookLevel, parse_levels
from tectra.core.market import BookUpdate
from tectra.core.types import Exchange, Timestamp
from tectra.core.value import U32, Value
from tectra.feed.said import (
    MessageKind,
    Said,
    VenueMessage,
    bar_of,
    decimal_ns,
    price_of,
    quantity_of,
    refused,
    side_of,
)
from tectra.refdata.definition import canonical_symbol
from tectra.refdata.symbol import from_native
from tectra.venue.kraken.symbols import asset_pairs, pairs

__all__ = ["KrakenBook", "decode", "from_kraken_book"]

_Raw: TypeAlias = bytes | bytearray | memoryview
_WHERE = "kraken"
_UNSAID = Timestamp(0)
_CRC_MAX = (1 << 32) - 1
_TYPES = ("snapshot", "update")


@dataclass(frozen=True, slots=True)
class KrakenBook(Value):
    """One book message. `symbol` is the spelling of its interface (XBT/USD in v1, BTC/USD in v2),
    `depth` the levels subscribed to, 0 where the message does not say (v2).

    `checksum` is of the book after this message; None where the message has none (a v1 snapshot).
    Levels keep the venue's order: of two with one price, the later counts.
    """

    symbol: str
    version: U32
    depth: U32
    ts_event: Timestamp
    checksum: U32 | None
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    is_snapshot: bool


def _crc(value: object) -> int:
    """v1 sends the sum as text, v2 as a number."""
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= 10:
        value = int(value)
    if type(value) is not int or not 0 <= value <= _CRC_MAX:
        raise FileFormatError(f"checksum: found {value!r:.60}; allowed: 0 to {_CRC_MAX}")
    return value


# v1


def _v1_rows(rows: object) -> tuple[list[tuple[Any, Any]], Timestamp]:
    """Price and quantity of [price, volume, time(, "r")], and the last time."""
    if type(rows) is not list:
        raise FileFormatError(f"levels: found {type(rows).__name__}; allowed: an array")
    last = _UNSAID
    for row in rows:
        if type(row) is not list or not 3 <= len(row) <= 4:
            raise FileFormatError(f"level: found {row!r:.60}; allowed: [price, volume, time]")
        last = max(last, decimal_ns(row[2]))
    return [(row[0], row[1]) for row in rows], last


def _v1_book(parts: list[Any], channel: str, symbol: str) -> VenueMessage:
    depth = channel.partition("-")[2]
    if not (depth.isascii() and depth.isdigit()) or len(depth) > 5:
        raise FileFormatError(f"channel: found {channel!r:.60}; allowed: book-N")
    said: dict[str, Any] = {}
    for part in parts:
        if type(part) is not dict:
            raise FileFormatError(f"book: found {type(part).__name__}; allowed: an object")
        said |= part
    whole = "as" in said or "bs" in said
    names = ("bs", "as") if whole else ("b", "a")
    if not any(name in said for name in names):
        raise FileFormatError(f"book: found fields {sorted(said)[:9]}; allowed: as, bs, a, b, c")
    bids, bid_ts = _v1_rows(said.get(names[0], []))
    asks, ask_ts = _v1_rows(said.get(names[1], []))
    if not whole and "c" not in said:
        raise FileFormatError("book: found an update without its checksum; allowed: field c")
    book = KrakenBook(
        symbol=symbol,
        version=1,
        depth=int(depth),
        ts_event=max(bid_ts, ask_ts),
        checksum=_crc(said["c"]) if "c" in said else None,
        bids=parse_levels(bids, plain=True),
        asks=parse_levels(asks, plain=True),
        is_snapshot=whole,
    )
    kind = "snapshot" if whole else "update"
    return VenueMessage(MessageKind.BOOK, f"{channel} {kind}", (book,))


def _row(row: object, least: int, what: str) -> list[Any]:
    if type(row) is not list or len(row) < least:
        raise FileFormatError(f"{what}: found {row!r:.60}; allowed: {least} values")
    return row


def _v1_trades(rows: object, symbol: str) -> tuple[Said, ...]:
    out = []
    for found in _row(rows, 1, "trades"):
        row = _row(found, 4, "trade")
        ts, side = decimal_ns(row[2]), side_of(row[3], "b", "s")
        out.append(Said(symbol, TradePayload(ts, price_of(row[0]), quantity_of(row[1]), side)))
    return tuple(out)


def _v1_ticker(part: object, symbol: str) -> tuple[Said, ...]:
    fields = JsonObject(part, "ticker")
    ask, bid = _row(fields.get("a"), 3, "ticker.a"), _row(fields.get("b"), 3, "ticker.b")
    last = _row(fields.get("c"), 2, "ticker.c")
    day = {name: _row(fields.get(name), 2, f"ticker.{name}")[1] for name in ("v", "l", "h")}
    payload = TickerPayload(
        _UNSAID,
        bid_price=price_of(bid[0]),
        bid_quantity=quantity_of(bid[2]),
        ask_price=price_of(ask[0]),
        ask_quantity=quantity_of(ask[2]),
        last_price=price_of(last[0]),
        last_quantity=quantity_of(last[1]),
        high_price=price_of(day["h"]),
        low_price=price_of(day["l"]),
        volume=quantity_of(day["v"]),
    )
    return (Said(symbol, payload),)


def _v1_bar(part: object, channel: str, symbol: str) -> tuple[Said, ...]:
    row = _row(part, 9, "ohlc")
    minutes = channel.partition("-")[2]
    if not (minutes.isascii() and minutes.isdigit()) or len(minutes) > 6:
        raise FileFormatError(f"channel: found {channel!r:.60}; allowed: ohlc-MINUTES")
    seconds = int(minutes) * 60
    closes = decimal_ns(row[1])
    opens = Timestamp(closes.ns - seconds * 1_000_000_000)
    prices = (row[2], row[3], row[4], row[5])
    if type(row[8]) is not int:
        raise FileFormatError(f"ohlc: found the count {row[8]!r:.60}; allowed: an integer")
    return (Said(symbol, bar_of(opens, seconds, prices, row[7], trades=row[8], is_closed=False)),)


def _v1_spread(part: object, symbol: str) -> tuple[Said, ...]:
    row = _row(part, 5, "spread")
    payload = TickerPayload(
        decimal_ns(row[2]),
        bid_price=price_of(row[0]),
        bid_quantity=quantity_of(row[3]),
        ask_price=price_of(row[1]),
        ask_quantity=quantity_of(row[4]),
    )
    return (Said(symbol, payload),)


def _v1(parts: list[Any]) -> VenueMessage:
    """[channelID, payload, (payload,) channelName, pair]."""
    if len(parts) < 4 or type(parts[-1]) is not str or type(parts[-2]) is not str:
        raise FileFormatError(
            f"found an array of {len(parts)} values; allowed: id, payload, channel, pair"
        )
    channel, symbol = parts[-2], parts[-1]
    payload = parts[1]
    match channel.partition("-")[0]:
        case "book":
            return _v1_book(parts[1:-2], channel, symbol)
        case "trade":
            return VenueMessage(MessageKind.TRADE, channel, _v1_trades(payload, symbol))
        case "ticker":
            return VenueMessage(MessageKind.TICKER, channel, _v1_ticker(payload, symbol))
        case "spread":
            return VenueMessage(MessageKind.TICKER, channel, _v1_spread(payload, symbol))
        case "ohlc":
            return VenueMessage(MessageKind.BAR, channel, _v1_bar(payload, channel, symbol))
    return VenueMessage(MessageKind.UNKNOWN, channel)


def _v1_event(message: JsonObject) -> VenueMessage:
    event = message.text("event")
    if event == "heartbeat":
        return VenueMessage(MessageKind.HEARTBEAT, event)
    if event == "error" or message.get("status") == "error":
        return VenueMessage(MessageKind.ERROR, event, text=str(message.get("errorMessage")))
    known = event in ("systemStatus", "subscriptionStatus", "pong", "ping", "subscribe")
    return VenueMessage(MessageKind.CONTROL if known else MessageKind.UNKNOWN, event)


# v2


def _v2_levels(rows: list[Any]) -> tuple[BookLevel, ...]:
    out = []
    for row in rows:
        fields = JsonObject(row, "level")
        out.append((fields.decimal("price"), fields.decimal("qty")))
    return parse_levels(out, plain=True)


def _v2_book(fields: JsonObject, kind: str) -> KrakenBook:
    return KrakenBook(
        symbol=fields.text("symbol"),
        version=2,
        depth=0,
        ts_event=fields.stamp_iso("timestamp") if "timestamp" in fields else _UNSAID,
        checksum=_crc(fields.integer("checksum", high=_CRC_MAX)),
        bids=_v2_levels(fields.array("bids")),
        asks=_v2_levels(fields.array("asks")),
        is_snapshot=kind == "snapshot",
    )


def _v2_trade(fields: JsonObject) -> Said:
    trade_id = fields.integer("trade_id")
    payload = TradePayload(
        fields.stamp_iso("timestamp"),
        price_of(fields.decimal("price")),
        quantity_of(fields.decimal("qty")),
        side_of(fields.text("side"), "buy", "sell"),
        trade_id,
    )
    return Said(fields.text("symbol"), payload, trade_id)


def _v2_ticker(fields: JsonObject) -> Said:
    payload = TickerPayload(
        fields.stamp_iso("timestamp") if "timestamp" in fields else _UNSAID,
        bid_price=price_of(fields.decimal("bid")),
        bid_quantity=quantity_of(fields.decimal("bid_qty")),
        ask_price=price_of(fields.decimal("ask")),
        ask_quantity=quantity_of(fields.decimal("ask_qty")),
        last_price=price_of(fields.decimal("last")),
        high_price=price_of(fields.decimal("high")),
        low_price=price_of(fields.decimal("low")),
        volume=quantity_of(fields.decimal("volume")),
    )
    return Said(fields.text("symbol"), payload)


def _v2_bar(fields: JsonObject) -> Said:
    o, h, low, c = (fields.decimal(name) for name in ("open", "high", "low", "close"))
    bar = bar_of(
        fields.stamp_iso("interval_begin"),
        fields.integer("interval", low=1, high=1 << 20) * 60,
        (o, h, low, c),
        fields.decimal("volume"),
        trades=fields.integer("trades", high=_CRC_MAX),
        is_closed=False,
    )
    return Said(fields.text("symbol"), bar)


_V2_CONTROL = {"status", "heartbeat"}
_V2_OTHER = {"level3", "executions", "balances"}


def _v2(message: JsonObject) -> VenueMessage:
    channel = message.text("channel")
    if channel == "heartbeat":
        return VenueMessage(MessageKind.HEARTBEAT, channel)
    if channel == "status":
        return VenueMessage(MessageKind.CONTROL, channel)
    if channel in _V2_OTHER:
        return VenueMessage(MessageKind.OTHER, channel)
    if channel not in ("book", "trade", "ticker", "ohlc", "instrument"):
        return VenueMessage(MessageKind.UNKNOWN, channel)
    kind = message.one_of("type", _TYPES)
    name = f"{channel} {kind}"
    if channel == "instrument":
        return VenueMessage(MessageKind.INSTRUMENT, name, pairs(message.child("data")))
    rows = message.children("data")
    match channel:
        case "book":
            books = tuple(_v2_book(row, kind) for row in rows)
            return VenueMessage(MessageKind.BOOK, name, books)
        case "trade":
            return VenueMessage(MessageKind.TRADE, name, tuple(map(_v2_trade, rows)))
        case "ticker":
            return VenueMessage(MessageKind.TICKER, name, tuple(map(_v2_ticker, rows)))
    return VenueMessage(MessageKind.BAR, name, tuple(map(_v2_bar, rows)))


def _v2_reply(message: JsonObject) -> VenueMessage:
    method = message.text("method")
    if message.get("success") is False or "error" in message:
        return VenueMessage(MessageKind.ERROR, method, text=str(message.get("error")))
    return VenueMessage(MessageKind.CONTROL, method)


def _rest(message: JsonObject) -> VenueMessage:
    errors = message.array("error")
    if errors:
        return VenueMessage(MessageKind.ERROR, "rest", text=", ".join(map(str, errors)))
    result = message.get("result")
    if type(result) is dict and result:
        first = next(iter(result.values()))
        if type(first) is dict and "pair_decimals" in first:
            return VenueMessage(MessageKind.INSTRUMENT, "AssetPairs", asset_pairs(message))
        if type(first) is dict and "bids" in first:
            return VenueMessage(MessageKind.OTHER, "Depth")
    return VenueMessage(MessageKind.OTHER, "rest")


def _object(message: JsonObject) -> VenueMessage:
    if "channel" in message:
        return _v2(message)
    if "event" in message:
        return _v1_event(message)
    if "method" in message:
        return _v2_reply(message)
    if "error" in message:
        return _rest(message)
    return VenueMessage(MessageKind.UNKNOWN, "object")


def decode(raw: _Raw) -> VenueMessage:
    """One message as it came, of either version of the stream or of REST. FileFormatError for bytes
    that are no message, and for a message of a known kind with a missing field, a wrong type, or a
    number that is none or fits no int64 mantissa. About 20 us and 1 us a level.
    """
    try:
        if bytes(raw[:1]) == b"[":
            parts = orjson.loads(raw)
            return _v1(parts)
        return _object(JsonObject.parse_exact(raw, _WHERE))
    except (FileFormatError, InputError, NumericError, orjson.JSONDecodeError) as error:
        raise refused(_WHERE, error) from None


def from_kraken_book(message: KrakenBook, *, symbol: str | None = None) -> BookUpdate:
    """The canonical BookUpdate; Kraken numbers no book messages, so `seq` is 0. InputError where
    the symbol has no canonical spelling and none is given.
    """
    if symbol is None:
        if message.version == 1:
            symbol = str(from_native(message.symbol, Exchange.KRAKEN, "v1"))
        else:
            symbol = canonical_symbol(message.symbol, Exchange.KRAKEN)
    return BookUpdate(
        exchange=Exchange.KRAKEN,
        symbol=symbol,
        timestamp=message.ts_event,
        bids=message.bids,
        asks=message.asks,
        is_snapshot=message.is_snapshot,
    )
