"""How the check reads Binance: spot, USD-M and COIN-M."""

import re
from dataclasses import replace
from typing import Any

import orjson

from tectra.core.errors import FileFormatError, InputError
from tectra.core.level import raw_pairs
from tectra.core.types import Exchange
from tectra.feed.assembly import BookDelta, BookRule, ChainRule, NumberRule
from tectra.feed.capture import CaptureKind, CaptureLine
from tectra.feed.said import MessageKind, price_of, quantity_of
from tectra.refdata.instrument import Instrument
from tectra.runtime.capture.heard import BookHeard, Heard, TopHeard, number_only
from tectra.venue.binance import BinanceDepthUpdate, decode_depth
from tectra.venue.binance.book import FUTURES_BOOK, SPOT_BOOK

__all__ = ["BinanceReader"]

# COIN-M: BTCUSD_PERP, BTCUSD_240927; USD-M has quarters too, but of BTCUSDT.
_INVERSE = re.compile(r".+USD_(?:PERP|\d{6})", re.ASCII)
_SYMBOL = re.compile(r"[?&]symbol=([A-Za-z0-9_]+)")
_TOP = ("u", "s", "b", "B", "a", "A")
_KINDS = {
    "trade": MessageKind.TRADE,
    "aggTrade": MessageKind.TRADE,
    "blockTrade": MessageKind.TRADE,
    "kline": MessageKind.BAR,
    "continuous_kline": MessageKind.BAR,
    "24hrTicker": MessageKind.TICKER,
    "24hrMiniTicker": MessageKind.TICKER,
    "serverShutdown": MessageKind.CONTROL,
}
_OTHER = {
    "markPriceUpdate", "forceOrder", "compositeIndex", "avgPrice", "referencePrice",
    "contractInfo", "assetIndexUpdate", "1hTicker", "4hTicker", "1dTicker", "executionReport",
    "outboundAccountPosition", "balanceUpdate", "indexPriceUpdate",
}  # fmt: skip


def _head(raw: bytes) -> tuple[Any, str]:
    """The message within a combined stream's envelope, and the stream's name."""
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise FileFormatError(f"binance: {error}; found {raw[:40]!r}") from None
    if type(found) is dict and type(found.get("stream")) is str and "data" in found:
        return found["data"], found["stream"]
    return found, ""


class BinanceReader:
    """Diff books by symbol. A REST snapshot that names no symbol belongs to the only one there is.

    Owner: the thread of the check.
    """

    exchange = Exchange.BINANCE
    marks = (b'"depthUpdate"', b'"lastUpdateId"')

    def __init__(self, symbol: str = "") -> None:
        self._symbol = symbol
        self._books: set[str] = set()
        # Symbols whose diffs say the number before: futures.
        self._chained: set[str] = set()

    @property
    def markets(self) -> set[str]:
        """What the changes show: those of futures say `pu`, those of COIN-M are of such symbols."""
        futures = {"inverse" if _INVERSE.fullmatch(s) else "linear" for s in self._chained}
        return futures | ({"spot"} if self._books - self._chained else set())

    def on_address(self, url: str) -> None:
        """Messages say what the market is."""

    def read(self, line: CaptureLine) -> Heard:
        """What a message says."""
        message, stream = _head(line.data)
        if type(message) is list:
            return Heard(MessageKind.OTHER, stream or "array")
        if type(message) is not dict:
            raise FileFormatError(f"binance: found {type(message).__name__}; allowed: an object")
        event = message.get("e")
        if event == "depthUpdate":
            return self._diff(line)
        if "lastUpdateId" in message:
            return self._snapshot(line, stream)
        if event == "bookTicker" or (event is None and all(k in message for k in _TOP)):
            return self._top(message)
        if type(event) is str:
            return self._event(message, event)
        if "symbols" in message and "timezone" in message:
            return Heard(MessageKind.INSTRUMENT, "exchangeInfo")
        if "code" in message and "msg" in message:
            return Heard(MessageKind.ERROR, "error", text=str(message["msg"]))
        if "error" in message:
            return Heard(MessageKind.ERROR, "error", text=str(message["error"]))
        if "result" in message or "method" in message:
            return Heard(MessageKind.CONTROL, "reply")
        if line.kind is CaptureKind.HTTP:
            return Heard(MessageKind.OTHER, "rest")
        return Heard(MessageKind.UNKNOWN, stream.partition("@")[2] or "object")

    def _diff(self, line: CaptureLine) -> Heard:
        update = decode_depth(line.data)
        self._books.add(update.symbol)
        if update.prev_id:
            self._chained.add(update.symbol)
        book = BookHeard(update.symbol, "depth", False, update.bids, update.asks, update)
        return Heard(MessageKind.BOOK, "depthUpdate", books=(book,))

    def _snapshot(self, line: CaptureLine, stream: str) -> Heard:
        update = decode_depth(line.data)
        if stream:
            return Heard(MessageKind.OTHER, "partial depth", symbols=(update.symbol,))
        match = _SYMBOL.search(line.url)
        symbol = match[1].upper() if match else update.symbol or self._symbol
        if not symbol:
            if len(self._books) > 1:
                raise InputError(
                    f"snapshot: found no symbol, and {len(self._books)} books; allowed: one book, "
                    "or give --symbol"
                )
            symbol = next(iter(self._books), "")
        book = BookHeard(symbol, "depth", True, update.bids, update.asks, update, is_fetched=True)
        return Heard(MessageKind.BOOK, "depth snapshot", books=(book,))

    def _top(self, message: dict[str, Any]) -> Heard:
        seq, symbol = message.get("u"), message.get("s")
        if type(seq) is not int or type(symbol) is not str:
            raise FileFormatError(f"bookTicker: found u {seq!r:.40}, s {symbol!r:.40}")
        prices = [price_of(message.get(k)) for k in ("b", "a")]
        sizes = [quantity_of(message.get(k)) for k in ("B", "A")]
        if prices[0].mantissa < 0 or not sizes[0] or not sizes[1]:
            return Heard(MessageKind.TICKER, "bookTicker", (symbol,))
        texts = (message["b"], message["B"], message["a"], message["A"])
        top = TopHeard(symbol, seq, texts)
        return Heard(MessageKind.TICKER, "bookTicker", (symbol,), tops=(top,))

    def _event(self, message: dict[str, Any], event: str) -> Heard:
        symbol = message.get("s")
        symbols = (symbol,) if type(symbol) is str else ()
        if event in ("trade", "aggTrade"):
            price_of(message.get("p"))
            quantity_of(message.get("q"))
        kind = _KINDS.get(event, MessageKind.OTHER if event in _OTHER else MessageKind.UNKNOWN)
        return Heard(kind, event, symbols)

    def numbering(self, book: BookHeard) -> BookRule:
        """U to u; on futures each message after the last u (`pu`)."""
        return self._rule_of(book.symbol)

    def _rule_of(self, symbol: str) -> ChainRule | NumberRule:
        return FUTURES_BOOK if symbol in self._chained else SPOT_BOOK

    def rule(self, book: BookHeard, instrument: Instrument) -> BookRule:
        """The same. A recording cannot ask for a deeper snapshot when the market leaves the one it
        has, so no limit is set; the comparison with bookTicker tells whether the best prices hold.
        """
        return replace(self._rule_of(book.symbol), snapshot_levels=0)

    def delta(self, book: BookHeard, instrument: Instrument | None, ts_recv_ns: int) -> BookDelta:
        """The message for an assembler."""
        update: BinanceDepthUpdate = book.message
        prev = update.prev_id if book.symbol in self._chained and not book.is_snapshot else None
        if instrument is None:
            return number_only(book, first=update.first_id, last=update.final_id, prev=prev)
        exponents = (instrument.px_exponent, instrument.qty_exponent)
        return BookDelta(
            instrument_id=instrument.instrument_id,
            is_snapshot=book.is_snapshot,
            first_seq=update.first_id,
            last_seq=update.final_id,
            bids=raw_pairs(update.bids, exponents),
            asks=raw_pairs(update.asks, exponents),
            ts_recv_ns=ts_recv_ns,
            ts_event_ns=(update.ts_match if update.ts_match.ns else update.ts_event).ns,
            prev_seq=prev,
        )
