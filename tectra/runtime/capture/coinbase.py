"""How the check reads Coinbase."""

from tectra.core.types import Exchange
from tectra.feed.assembly import BookDelta, BookRule
from tectra.feed.capture import CaptureLine
from tectra.feed.said import MessageKind
from tectra.refdata.instrument import Instrument
from tectra.runtime.capture.heard import BookHeard, Heard, number_only
from tectra.venue.coinbase import CoinbaseOrder, decode
from tectra.venue.coinbase.book import coinbase_rule, to_delta

__all__ = ["CoinbaseReader"]


class CoinbaseReader:
    """Both interfaces. Owner: the thread of the check."""

    exchange = Exchange.COINBASE
    marks = (b'"l2_data"', b'"l2update"', b'"snapshot"')

    def __init__(self) -> None:
        # Products with the full channel: there alone a match is one of its numbered messages.
        self._full: set[str] = set()

    @property
    def markets(self) -> set[str]:
        """Nothing: there is one address for all."""
        return set()

    def on_address(self, url: str) -> None:
        """It says nothing about the market."""

    def read(self, line: CaptureLine) -> Heard:
        """What a message says."""
        message = decode(line.data)
        heard = Heard(message.kind, message.channel, seq=message.seq, text=message.text)
        if message.kind is MessageKind.BOOK:
            heard.books = tuple(
                BookHeard(b.symbol, "level2", b.is_snapshot, b.bids, b.asks, b)
                for b in message.items
            )
        elif message.kind is MessageKind.INSTRUMENT:
            heard.definitions = message.items
        elif message.items:
            heard.symbols = tuple(item.symbol for item in message.items)
            last = message.items[-1]
            if isinstance(last, CoinbaseOrder) and last.sequence:
                if last.kind != "match":
                    self._full.add(last.symbol)
                if last.symbol in self._full:
                    heard.product_seq = (last.symbol, last.sequence)
        return heard

    def rule(self, book: BookHeard, instrument: Instrument) -> BookRule:
        """Neither numbers nor a checksum."""
        return coinbase_rule()

    def delta(self, book: BookHeard, instrument: Instrument | None, ts_recv_ns: int) -> BookDelta:
        """The message for an assembler."""
        if instrument is None:
            return number_only(book)
        return to_delta(book.message, instrument, ts_recv_ns=ts_recv_ns)

    def numbering(self, book: BookHeard) -> BookRule:
        """Of books there is none."""
        return coinbase_rule()
