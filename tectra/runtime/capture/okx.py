"""How the check reads OKX."""

from tectra.core.types import Exchange
from tectra.feed.assembly import BookDelta, BookRule
from tectra.feed.capture import CaptureLine
from tectra.feed.said import MessageKind
from tectra.refdata.instrument import Instrument
from tectra.runtime.capture.heard import BookHeard, Heard, number_only
from tectra.venue.okx import decode
from tectra.venue.okx.book import OkxRule, okx_rule, to_delta

__all__ = ["OkxReader"]

_WHOLE = OkxRule()


class OkxReader:
    """Books of every channel, each apart. Owner: the thread of the check."""

    exchange = Exchange.OKX
    marks = (b'"books', b'"bbo-tbt"')

    def __init__(self) -> None:
        self.markets: set[str] = set()

    def on_address(self, url: str) -> None:
        """Symbols say what the market is."""

    def read(self, line: CaptureLine) -> Heard:
        """What a message says."""
        message = decode(line.data)
        heard = Heard(message.kind, message.channel, text=message.text)
        if message.kind is MessageKind.BOOK:
            heard.books = tuple(
                BookHeard(b.symbol, b.channel, b.is_snapshot, b.bids, b.asks, b)
                for b in message.items
            )
        elif message.kind is MessageKind.INSTRUMENT:
            heard.definitions = message.items
        elif message.items:
            heard.symbols = tuple(item.symbol for item in message.items)
        self.markets.update(map(_market_of, heard.symbols or [b.symbol for b in heard.books]))
        return heard

    def rule(self, book: BookHeard, instrument: Instrument) -> BookRule:
        """With the exponents of the instrument."""
        return okx_rule(instrument, channel=book.channel)

    def delta(self, book: BookHeard, instrument: Instrument | None, ts_recv_ns: int) -> BookDelta:
        """The message for an assembler."""
        if instrument is not None:
            return to_delta(book.message, instrument, ts_recv_ns=ts_recv_ns)
        seq, prev = book.message.seq_id or 0, book.message.prev_seq_id
        first = prev is None or prev < 0 or book.is_snapshot
        return number_only(book, first=seq, last=seq, prev=None if first else prev)

    def numbering(self, book: BookHeard) -> BookRule:
        """seqId after prevSeqId, where there are any."""
        return _WHOLE


def _market_of(symbol: str) -> str:
    """BTC-USDT, BTC-USDT-SWAP, BTC-USD-220527, BTC-USD-220527-30000-C."""
    parts = symbol.split("-")
    if len(parts) < 3:
        return "spot"
    if len(parts) > 3:
        return "option"
    return "inverse" if parts[1] == "USD" else "linear"
