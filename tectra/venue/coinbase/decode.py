"""Coinbase's market data of both interfaces: the Exchange (`level2`, `level2_batch`, `full`,
`ticker`, `matches`) and Advanced Trade (`level2`, `market_trades`, `ticker`, `candles`).

Neither has a book checksum. Advanced Trade numbers the messages of a connection (`sequence_num`);
the Exchange numbers those of the `full` channel for each product, and level2 not at all. The side
of `match` and of `market_trades` is the maker's: the documentation says so of the former, and
recordings of the latter show it (sells print at the ask). Source: Coinbase documentation, Exchange
and Advanced Trade WebSocket channels.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from tectra.core.errors import FileFormatError, InputError, NumericError
from tectra.core.event import TickerPayload, TradePayload
from tectra.core.fixed import Price, Quantity
from tectra.core.json_object import JsonObject
from tectra.core.level import BookLevel, parse_levels
from tectra.core.market import BookUpdate
from tectra.core.types import Exchange, Side, Timestamp
from tectra.core.value import Value
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
from tectra.venue.coinbase.full import FULL_TYPES, decode_order
from tectra.venue.coinbase.symbols import canonical, products

__all__ = ["CoinbaseBook", "decode", "from_coinbase_book"]

_Raw: TypeAlias = bytes | bytearray | memoryview
_WHERE = "coinbase"
_UNSAID = Timestamp(0)
_CANDLE_S = 300
_OTHER = {"user", "futures_balance_summary", "status", "rfq_matches", "auctionfeed", "balance"}


@dataclass(frozen=True, slots=True)
class CoinbaseBook(Value):
    """One change of a book, or all of it. Coinbase numbers no book: what is missing shows in
    `sequence_num` of the connection, which VenueMessage.seq has.
    """

    symbol: str
    ts_event: Timestamp
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    is_snapshot: bool


def _trade_id(value: object) -> int:
    """Exchange: a number; Advanced Trade: its text. 0 for an id that is no number (futures)."""
    if type(value) is int and value >= 0:
        return value
    if type(value) is str and value:
        return int(value) if value.isascii() and value.isdigit() and len(value) < 20 else 0
    raise FileFormatError(f"trade_id: found {value!r:.60}; allowed: a number")


# Advanced Trade


def _l2_event(event: JsonObject) -> CoinbaseBook:
    kind = event.one_of("type", ("snapshot", "update"))
    sides: dict[str, list[tuple[str, str]]] = {"bid": [], "offer": []}
    last = ""
    for update in event.array("updates"):
        fields = JsonObject(update, "update")
        side = fields.one_of("side", ("bid", "offer"))
        sides[side].append((fields.text("price_level"), fields.text("new_quantity")))
        # Text of one form and zone: the order of text is that of time, but for cut zeros.
        last = max(last, fields.text("event_time"))
    return CoinbaseBook(
        symbol=event.text("product_id"),
        ts_event=Timestamp.from_iso(last) if last else _UNSAID,
        bids=parse_levels(sides["bid"], plain=True),
        asks=parse_levels(sides["offer"], plain=True),
        is_snapshot=kind == "snapshot",
    )


def _market_trade(fields: JsonObject) -> Said:
    trade_id = _trade_id(fields.get("trade_id"))
    # The maker's side: the aggressor is the other one.
    aggressor = side_of(fields.get("side"), "SELL", "BUY")
    payload = TradePayload(
        fields.stamp_iso("time"),
        price_of(fields.get("price")),
        quantity_of(fields.get("size")),
        aggressor,
        trade_id,
    )
    return Said(fields.text("product_id"), payload, trade_id)


def _maybe(fields: JsonObject, name: str) -> Price | None:
    """An empty or missing text is a price that there is not."""
    return price_of(fields.get(name)) if fields.get(name) else None


def _size(fields: JsonObject, name: str) -> Quantity:
    return quantity_of(fields.get(name) or "0")


def _summary(fields: JsonObject, ts: Timestamp, names: dict[str, str], *, seq: int = 0) -> Said:
    payload = TickerPayload(
        ts,
        bid_price=_maybe(fields, "best_bid"),
        bid_quantity=_size(fields, names["bid"]),
        ask_price=_maybe(fields, "best_ask"),
        ask_quantity=_size(fields, names["ask"]),
        last_price=price_of(fields.get("price")),
        last_quantity=_size(fields, "last_size"),
        high_price=_maybe(fields, names["high"]),
        low_price=_maybe(fields, names["low"]),
        volume=_size(fields, names["volume"]),
    )
    return Said(fields.text("product_id"), payload, seq)


_ADVANCED = {
    "bid": "best_bid_quantity",
    "ask": "best_ask_quantity",
    "high": "high_24_h",
    "low": "low_24_h",
    "volume": "volume_24_h",
}
_EXCHANGE = {
    "bid": "best_bid_size",
    "ask": "best_ask_size",
    "high": "high_24h",
    "low": "low_24h",
    "volume": "volume_24h",
}


def _candle(fields: JsonObject) -> Said:
    start = fields.text("start")
    if not (start.isascii() and start.isdigit()) or len(start) > 10:
        raise FileFormatError(f"start: found {start!r:.60}; allowed: seconds as text")
    o, h, low, c = (fields.text(name) for name in ("open", "high", "low", "close"))
    opens = Timestamp.from_s(int(start))
    bar = bar_of(opens, _CANDLE_S, (o, h, low, c), fields.text("volume"), is_closed=False)
    return Said(fields.text("product_id"), bar)


def _advanced(message: JsonObject) -> VenueMessage:
    channel = message.text("channel")
    seq = message.integer("sequence_num")
    events = message.children("events")
    if channel == "heartbeats":
        return VenueMessage(MessageKind.HEARTBEAT, channel, seq=seq)
    if channel == "subscriptions":
        return VenueMessage(MessageKind.CONTROL, channel, seq=seq)
    if channel in _OTHER:
        return VenueMessage(MessageKind.OTHER, channel, seq=seq)
    if channel not in ("l2_data", "market_trades", "ticker", "ticker_batch", "candles"):
        return VenueMessage(MessageKind.UNKNOWN, channel, seq=seq)
    kinds = {event.text("type") for event in events}
    name = f"{channel} {'/'.join(sorted(kinds))}"
    items: tuple[Any, ...]
    if channel == "l2_data":
        return VenueMessage(MessageKind.BOOK, name, tuple(map(_l2_event, events)), seq)
    if channel == "market_trades":
        items = tuple(_market_trade(t) for e in events for t in e.children("trades"))
        return VenueMessage(MessageKind.TRADE, name, items, seq)
    if channel == "candles":
        items = tuple(_candle(c) for e in events for c in e.children("candles"))
        return VenueMessage(MessageKind.BAR, name, items, seq)
    ts = message.stamp_iso("timestamp")
    items = tuple(_summary(t, ts, _ADVANCED) for e in events for t in e.children("tickers"))
    return VenueMessage(MessageKind.TICKER, name, items, seq)


# Exchange


def _snapshot(message: JsonObject) -> CoinbaseBook:
    return CoinbaseBook(
        symbol=message.text("product_id"),
        ts_event=message.stamp_iso("time") if "time" in message else _UNSAID,
        bids=parse_levels(message.array("bids"), plain=True),
        asks=parse_levels(message.array("asks"), plain=True),
        is_snapshot=True,
    )


def _l2update(message: JsonObject) -> CoinbaseBook:
    sides: dict[Side, list[tuple[Any, Any]]] = {Side.BUY: [], Side.SELL: []}
    for change in message.array("changes"):
        if type(change) is not list or len(change) != 3:
            raise FileFormatError(f"change: found {change!r:.60}; allowed: [side, price, size]")
        sides[side_of(change[0], "buy", "sell")].append((change[1], change[2]))
    return CoinbaseBook(
        symbol=message.text("product_id"),
        ts_event=message.stamp_iso("time"),
        bids=parse_levels(sides[Side.BUY], plain=True),
        asks=parse_levels(sides[Side.SELL], plain=True),
        is_snapshot=False,
    )


def _match(message: JsonObject) -> Said:
    payload = TradePayload(
        message.stamp_iso("time"),
        price_of(message.get("price")),
        quantity_of(message.get("size")),
        side_of(message.get("side"), "sell", "buy"),
        _trade_id(message.get("trade_id")),
    )
    seq = message.integer("sequence") if "sequence" in message else 0
    return Said(message.text("product_id"), payload, seq)


def _exchange(message: JsonObject) -> VenueMessage:
    kind = message.text("type")
    match kind:
        case "snapshot":
            return VenueMessage(MessageKind.BOOK, "level2 snapshot", (_snapshot(message),))
        case "l2update":
            return VenueMessage(MessageKind.BOOK, "level2 update", (_l2update(message),))
        case "last_match":
            return VenueMessage(MessageKind.TRADE, kind, (_match(message),))
        case "match":
            # Of the `matches` channel a print, of the `full` channel a change of the book as well.
            return VenueMessage(MessageKind.TRADE, kind, (_match(message), decode_order(message)))
        case "ticker":
            ts = message.stamp_iso("time") if "time" in message else _UNSAID
            seq = message.integer("sequence") if "sequence" in message else 0
            return VenueMessage(
                MessageKind.TICKER, kind, (_summary(message, ts, _EXCHANGE, seq=seq),)
            )
        case "heartbeat":
            return VenueMessage(MessageKind.HEARTBEAT, kind)
        case "error":
            text = f"{message.get('message')}: {message.get('reason')}"
            return VenueMessage(MessageKind.ERROR, kind, text=text)
        case "subscriptions" | "subscribe" | "unsubscribe":
            return VenueMessage(MessageKind.CONTROL, kind)
        case "status":
            found = products(message.children("products"))
            return VenueMessage(MessageKind.INSTRUMENT, kind, found)
    if kind in FULL_TYPES:
        return VenueMessage(MessageKind.ORDER, kind, (decode_order(message),))
    return VenueMessage(MessageKind.OTHER if kind in _OTHER else MessageKind.UNKNOWN, kind)


def _rest(message: JsonObject) -> VenueMessage:
    if "products" in message:
        return VenueMessage(
            MessageKind.INSTRUMENT, "products", products(message.children("products"))
        )
    if "pricebook" in message:
        return VenueMessage(MessageKind.OTHER, "product_book")
    if "bids" in message and "sequence" in message:
        return VenueMessage(MessageKind.OTHER, "book")
    if "message" in message:
        return VenueMessage(MessageKind.ERROR, "rest", text=message.text("message"))
    if "product_id" in message and "base_increment" in message:
        return VenueMessage(MessageKind.INSTRUMENT, "product", products([message]))
    return VenueMessage(MessageKind.UNKNOWN, "object")


def decode(raw: _Raw) -> VenueMessage:
    """One message as it came, of either interface or of REST. FileFormatError for bytes that are no
    message, and for a message of a known kind with a missing field, a wrong type, or a number that
    is none or fits no int64 mantissa. About 10 us and 1 us a level.
    """
    try:
        if bytes(raw[:1]) == b"[":
            rows = orjson.loads(raw)
            found = [JsonObject(row, f"{_WHERE}[{i}]") for i, row in enumerate(rows)]
            if found and "base_increment" in found[0]:
                return VenueMessage(MessageKind.INSTRUMENT, "products", products(found))
            return VenueMessage(MessageKind.UNKNOWN, "array")
        message = JsonObject.parse(raw, _WHERE)
        if "channel" in message and "events" in message:
            return _advanced(message)
        if "type" in message and type(message.get("type")) is str:
            return _exchange(message)
        return _rest(message)
    except (FileFormatError, InputError, NumericError, orjson.JSONDecodeError) as error:
        raise refused(_WHERE, error) from None


def from_coinbase_book(
    message: CoinbaseBook, *, symbol: str | None = None, seq: int = 0
) -> BookUpdate:
    """The canonical BookUpdate; `seq` is the connection's number of the message, where it has one.
    InputError where the symbol has no canonical spelling and none is given.
    """
    return BookUpdate(
        exchange=Exchange.COINBASE,
        symbol=canonical(message.symbol) if symbol is None else symbol,
        timestamp=message.ts_event,
        bids=message.bids,
        asks=message.asks,
        is_snapshot=message.is_snapshot,
        seq=seq,
    )
