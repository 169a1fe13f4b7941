"""How the check reads Bybit v5."""

import re
from typing import Any

import orjson

from tectra.core.errors import FileFormatError
from tectra.core.level import raw_pairs
from tectra.core.types import Exchange
from tectra.feed.assembly import BookDelta, BookRule, NumberRule
from tectra.feed.capture import CaptureLine
from tectra.feed.said import MessageKind, price_of, quantity_of
from tectra.refdata.instrument import Instrument
from tectra.runtime.capture.heard import BookHeard, Heard, number_only
from tectra.venue.bybit import BybitBookUpdate, decode_book

__all__ = ["BybitReader"]

_KINDS = {
    "tickers": MessageKind.TICKER,
    "kline": MessageKind.BAR,
    "publicTrade": MessageKind.TRADE,
    "liquidation": MessageKind.OTHER,
    "allLiquidation": MessageKind.OTHER,
    "lt": MessageKind.OTHER,
    "insurance": MessageKind.OTHER,
    "adlAlert": MessageKind.OTHER,
    "priceLimit": MessageKind.OTHER,
}
_ADDRESS = re.compile(r"/v5/public/(spot|linear|inverse|option)\b")
_INVERSE = re.compile(r"[A-Z0-9]+USD(?:[FGHJKMNQUVXZ]\d\d)?", re.ASCII)
_OPTION = re.compile(r".+-[CP](?:-USDT)?", re.ASCII)
_RULE = NumberRule(fetches_snapshot=False, reset_seq=1)


class BybitReader:
    """Books by symbol and depth. Owner: the thread of the check."""

    exchange = Exchange.BYBIT
    marks = (b'"orderbook.',)

    def __init__(self) -> None:
        self._addressed: set[str] = set()
        self._shown: set[str] = set()

    @property
    def markets(self) -> set[str]:
        """As the addresses say; without them as the messages show. Books of spot and of linear
        contracts look alike: then it is not known.
        """
        return self._addressed or self._shown

    def on_address(self, url: str) -> None:
        """Every market has an address of its own."""
        found = _ADDRESS.search(url)
        if found is not None:
            self._addressed.add(found[1])

    def _show(self, symbol: str, data: object) -> None:
        """Contracts have an open interest and the direction of a tick; a spot market has not."""
        rows = data if type(data) is list else [data]
        if _INVERSE.fullmatch(symbol):
            self._shown.add("inverse")
        elif _OPTION.fullmatch(symbol):
            self._shown.add("option")
        elif any(type(r) is dict and ("openInterest" in r or "L" in r) for r in rows):
            self._shown.add("linear")

    def read(self, line: CaptureLine) -> Heard:
        """What a message says."""
        try:
            message = orjson.loads(line.data)
        except orjson.JSONDecodeError as error:
            raise FileFormatError(f"bybit: {error}; found {line.data[:40]!r}") from None
        if type(message) is not dict:
            raise FileFormatError(f"bybit: found {type(message).__name__}; allowed: an object")
        topic = message.get("topic")
        if type(topic) is str:
            return self._topic(line, message, topic)
        if "retCode" in message:
            if message["retCode"] != 0:
                return Heard(MessageKind.ERROR, "rest", text=str(message.get("retMsg")))
            listed = b'"priceFilter"' in line.data
            return Heard(MessageKind.INSTRUMENT if listed else MessageKind.OTHER, "rest")
        op = message.get("op")
        if op in ("ping", "pong") or message.get("ret_msg") == "pong":
            return Heard(MessageKind.HEARTBEAT, "pong")
        if message.get("success") is False:
            return Heard(MessageKind.ERROR, str(op), text=str(message.get("ret_msg")))
        known = "success" in message or op in ("subscribe", "unsubscribe", "auth")
        return Heard(MessageKind.CONTROL if known else MessageKind.UNKNOWN, str(op))

    def _topic(self, line: CaptureLine, message: dict[str, Any], topic: str) -> Heard:
        name = topic.partition(".")[0]
        if name == "orderbook" and topic.split(".")[1] not in ("rpi", "full"):
            update = decode_book(line.data)
            self._show(update.symbol, None)
            channel = f"orderbook.{update.depth}"
            book = BookHeard(
                update.symbol, channel, update.is_snapshot, update.bids, update.asks, update
            )
            kind = "snapshot" if update.is_snapshot else "delta"
            return Heard(MessageKind.BOOK, f"{channel} {kind}", books=(book,))
        symbol = topic.rpartition(".")[2]
        self._show(symbol, message.get("data"))
        if name == "publicTrade":
            rows = message.get("data")
            if type(rows) is not list or any(type(row) is not dict for row in rows):
                raise FileFormatError("publicTrade: found no list of trades in data")
            for row in rows:
                price_of(row.get("p"))
                quantity_of(row.get("v"))
        if name == "orderbook":
            return Heard(MessageKind.OTHER, topic.rpartition(".")[0], (symbol,))
        return Heard(_KINDS.get(name, MessageKind.UNKNOWN), name, (symbol,))

    def numbering(self, book: BookHeard) -> BookRule:
        """u, one more each time; 1 begins anew."""
        return _RULE

    def rule(self, book: BookHeard, instrument: Instrument) -> BookRule:
        """The same."""
        return _RULE

    def delta(self, book: BookHeard, instrument: Instrument | None, ts_recv_ns: int) -> BookDelta:
        """The message for an assembler."""
        update: BybitBookUpdate = book.message
        if instrument is None:
            return number_only(book, first=update.update_id, last=update.update_id)
        exponents = (instrument.px_exponent, instrument.qty_exponent)
        return BookDelta(
            instrument_id=instrument.instrument_id,
            is_snapshot=update.is_snapshot,
            first_seq=update.update_id,
            last_seq=update.update_id,
            bids=raw_pairs(update.bids, exponents),
            asks=raw_pairs(update.asks, exponents),
            ts_recv_ns=ts_recv_ns,
            ts_event_ns=(update.ts_match if update.ts_match.ns else update.ts_system).ns,
        )
