"""OKX's public market data, API v5: books, trades, tickers, candles.

A book message has its place in the chain (`seqId` after `prevSeqId`; recordings before 2023 have
neither) and a checksum, which is 0 since 2026: not supplied. Source: OKX documentation v5, "Order
book channel".
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

from tectra.core.errors import FileFormatError, InputError, NumericError
from tectra.core.event import TickerPayload, TradePayload
from tectra.core.fixed import Price
from tectra.core.json_object import JsonObject
from tectra.core.level import BookLevel, parse_levels
from tectra.core.market import BookUpdate
from tectra.core.types import Exchange, Timestamp
from tectra.core.value import I64, Value
from tectra.feed.said import (
    MessageKind,
    Said,
    VenueMessage,
    bar_of,
    price_of,
    quantity_of,
    refused,
    side_of,
)
from tectra.venue.okx.symbols import canonical, definitions

__all__ = ["OkxBook", "decode", "from_okx_book"]

_Raw: TypeAlias = bytes | bytearray | memoryview
_WHERE = "okx"
_I32_MAX = (1 << 31) - 1
_I64_MAX = (1 << 63) - 1
_NS_PER_MS = 1_000_000
# Channels whose every message is the whole of what they show.
_WHOLE = ("books5", "bbo-tbt")
_BOOKS = ("books", "books-l2-tbt", "books50-l2-tbt", *_WHOLE)
_INTERVAL = re.compile(r"(?:mark-price-|index-)?candle(\d+)([smHDWM])(?:utc)?", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "H": 3600, "D": 86400, "W": 7 * 86400}
_EVENTS = ("subscribe", "unsubscribe", "login", "notice", "channel-conn-count")


@dataclass(frozen=True, slots=True)
class OkxBook(Value):
    """One book message. `seq_id` and `prev_seq_id` are None where the message has none; a
    snapshot's prev_seq_id is -1. `checksum` is of the book after this message, signed, None where
    not supplied.
    """

    symbol: str
    channel: str
    ts_event: Timestamp
    seq_id: I64 | None
    prev_seq_id: I64 | None
    checksum: I64 | None
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    is_snapshot: bool


def _stamp(fields: JsonObject, name: str) -> Timestamp:
    """Milliseconds as text."""
    return _stamp_of(fields.text(name))


def _stamp_of(text: object) -> Timestamp:
    if type(text) is not str or not (text.isascii() and text.isdigit()) or len(text) > 13:
        raise FileFormatError(f"ts: found {text!r:.60}; allowed: milliseconds as text")
    return Timestamp(int(text) * _NS_PER_MS)


def _levels(rows: list[object]) -> tuple[BookLevel, ...]:
    """[price, size, "0", orders]; what stands behind the size is not read."""
    for row in rows:
        if type(row) is not list or not 2 <= len(row) <= 6:
            raise FileFormatError(f"level: found {row!r:.60}; allowed: [price, size, ...]")
    return parse_levels([row[:2] for row in rows], plain=True)  # type: ignore[index]


def _book(fields: JsonObject, channel: str, symbol: str, *, is_snapshot: bool) -> OkxBook:
    low, high = -_I32_MAX - 1, _I32_MAX
    checksum = fields.integer("checksum", low=low, high=high) if "checksum" in fields else 0
    ids = {
        name: fields.integer(name, low=-1, high=_I64_MAX) if name in fields else None
        for name in ("seqId", "prevSeqId")
    }
    return OkxBook(
        symbol=symbol,
        channel=channel,
        ts_event=_stamp(fields, "ts"),
        seq_id=ids["seqId"],
        prev_seq_id=ids["prevSeqId"],
        checksum=checksum or None,
        bids=_levels(fields.array("bids")),
        asks=_levels(fields.array("asks")),
        is_snapshot=is_snapshot,
    )


def _trade(fields: JsonObject, symbol: str) -> Said:
    text = fields.text("tradeId")
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        raise FileFormatError(f"tradeId: found {text!r:.60}; allowed: digits")
    trade_id = int(text)
    payload = TradePayload(
        _stamp(fields, "ts"),
        price_of(fields.get("px")),
        quantity_of(fields.get("sz")),
        side_of(fields.get("side"), "buy", "sell"),
        trade_id,
    )
    return Said(symbol, payload, trade_id)


def _price(fields: JsonObject, name: str) -> Price | None:
    """An empty text is a price that there is not."""
    value = fields.get(name)
    return None if value == "" else price_of(value)


def _ticker(fields: JsonObject, symbol: str) -> Said:
    sizes = {name: fields.get(name) or "0" for name in ("bidSz", "askSz", "lastSz", "vol24h")}
    payload = TickerPayload(
        _stamp(fields, "ts"),
        bid_price=_price(fields, "bidPx"),
        bid_quantity=quantity_of(sizes["bidSz"]),
        ask_price=_price(fields, "askPx"),
        ask_quantity=quantity_of(sizes["askSz"]),
        last_price=_price(fields, "last"),
        last_quantity=quantity_of(sizes["lastSz"]),
        high_price=_price(fields, "high24h"),
        low_price=_price(fields, "low24h"),
        volume=quantity_of(sizes["vol24h"]),
    )
    return Said(symbol, payload)


def _bars(rows: list[object], symbol: str, seconds: int) -> tuple[Said, ...]:
    """[ts, open, high, low, close, volume, ..., confirm]; confirm "1" closes the bar."""
    out = []
    for row in rows:
        if type(row) is not list or len(row) < 6:
            raise FileFormatError(f"candle: found {row!r:.60}; allowed: at least six values")
        prices = (row[1], row[2], row[3], row[4])
        closed = len(row) > 8 and row[8] == "1"
        bar = bar_of(_stamp_of(row[0]), seconds, prices, row[5], is_closed=closed)
        out.append(Said(symbol, bar))
    return tuple(out)


def _books(message: JsonObject, channel: str, symbol: str) -> VenueMessage:
    whole = channel in _WHOLE
    if not whole:
        action = message.one_of("action", ("snapshot", "update"))
        whole = action == "snapshot"
    books = tuple(
        _book(row, channel, symbol, is_snapshot=whole) for row in message.children("data")
    )
    return VenueMessage(MessageKind.BOOK, f"{channel} {'snapshot' if whole else 'update'}", books)


def _push(message: JsonObject) -> VenueMessage:
    arg = message.child("arg")
    channel = arg.text("channel")
    if channel == "instruments":
        found = definitions(message.children("data"))
        return VenueMessage(MessageKind.INSTRUMENT, channel, found)
    candle = _INTERVAL.fullmatch(channel)
    known = channel in _BOOKS or channel in ("trades", "trades-all", "tickers") or candle
    if not known:
        return VenueMessage(MessageKind.OTHER, channel)
    symbol = arg.text("instId")
    if channel in _BOOKS:
        return _books(message, channel, symbol)
    if candle:
        seconds = int(candle[1][:6]) * _SECONDS.get(candle[2], 0)
        plain = channel.startswith("candle") and seconds
        if not plain:
            return VenueMessage(MessageKind.OTHER, channel)
        return VenueMessage(MessageKind.BAR, channel, _bars(message.array("data"), symbol, seconds))
    rows = message.children("data")
    if channel == "tickers":
        return VenueMessage(MessageKind.TICKER, channel, tuple(_ticker(r, symbol) for r in rows))
    return VenueMessage(MessageKind.TRADE, channel, tuple(_trade(r, symbol) for r in rows))


def _rest(message: JsonObject) -> VenueMessage:
    if message.get("code") != "0":
        return VenueMessage(MessageKind.ERROR, "rest", text=str(message.get("msg")))
    rows = message.array("data")
    first = rows[0] if rows and type(rows[0]) is dict else {}
    if "instType" in first and "tickSz" in first:
        found = definitions(message.children("data"))
        return VenueMessage(MessageKind.INSTRUMENT, "instruments", found)
    return VenueMessage(MessageKind.OTHER, "rest books" if "bids" in first else "rest")


def decode(raw: _Raw) -> VenueMessage:
    """One message as it came, of the stream or of REST; `pong` too. FileFormatError for bytes that
    are no message, and for a message of a known kind with a missing field, a wrong type, or a
    number that is none or fits no int64 mantissa. About 10 us and 0.4 us a level.
    """
    if bytes(raw[:5]).strip() in (b"pong", b"ping"):
        return VenueMessage(MessageKind.HEARTBEAT, "pong")
    message = JsonObject.parse(raw, _WHERE)
    try:
        if "event" in message:
            event = message.text("event")
            if event == "error":
                return VenueMessage(MessageKind.ERROR, event, text=str(message.get("msg")))
            known = event in _EVENTS
            return VenueMessage(MessageKind.CONTROL if known else MessageKind.UNKNOWN, event)
        if "arg" in message:
            return _push(message)
        if "code" in message and "data" in message:
            return _rest(message)
    except (FileFormatError, InputError, NumericError) as error:
        raise refused(_WHERE, error) from None
    return VenueMessage(MessageKind.UNKNOWN, "object")


def from_okx_book(message: OkxBook, *, symbol: str | None = None) -> BookUpdate:
    """The canonical BookUpdate; `seq` is its seqId, 0 where there is none. InputError where the
    symbol has no canonical spelling and none is given.
    """
    return BookUpdate(
        exchange=Exchange.OKX,
        symbol=canonical(message.symbol) if symbol is None else symbol,
        timestamp=message.ts_event,
        bids=message.bids,
        asks=message.asks,
        is_snapshot=message.is_snapshot,
        seq=max(message.seq_id or 0, 0),
    )
