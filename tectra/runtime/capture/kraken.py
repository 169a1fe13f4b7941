"""How the check reads Kraken."""

from tectra.core.errors import FileFormatError
from tectra.core.json_object import JsonObject
from tectra.core.types import Exchange
from tectra.feed.assembly import BookDelta, BookRule
from tectra.feed.assembly.unnumbered import UnnumberedRule
from tectra.feed.capture import CaptureLine
from tectra.feed.said import MessageKind
from tectra.refdata.definition import Definition
from tectra.refdata.instrument import Instrument
from tectra.runtime.capture.heard import BookHeard, Heard, number_only
from tectra.venue.kraken import decode
from tectra.venue.kraken.book import depth_of, find_places, kraken_rule, text_places, to_delta

__all__ = ["KrakenReader"]


class KrakenReader:
    """v1 and v2. Learns the depth of v2 books from the answers to subscriptions, and the places of
    their numbers from the channel `instrument`. Owner: the thread of the check.
    """

    exchange = Exchange.KRAKEN
    marks = (b'"book', b'"book-')

    def __init__(self) -> None:
        self._depths: dict[str, int] = {}
        self._definitions: dict[str, Definition] = {}

    @property
    def markets(self) -> set[str]:
        """Nothing: there is one address for all."""
        return set()

    def on_address(self, url: str) -> None:
        """It says nothing about the market."""

    def read(self, line: CaptureLine) -> Heard:
        """What a message says."""
        message = decode(line.data)
        heard = Heard(message.kind, message.channel, text=message.text)
        if message.kind is MessageKind.BOOK:
            heard.books = tuple(
                BookHeard(
                    b.symbol,
                    f"book-{b.depth}" if b.version == 1 else "book",
                    b.is_snapshot,
                    b.bids,
                    b.asks,
                    b,
                )
                for b in message.items
            )
        elif message.kind is MessageKind.INSTRUMENT:
            heard.definitions = message.items
            self._definitions |= {d.native: d for d in message.items}
        elif message.kind is MessageKind.CONTROL and message.channel == "subscribe":
            self._note_depth(line.data)
        elif message.items:
            heard.symbols = tuple(item.symbol for item in message.items)
        return heard

    def _note_depth(self, raw: bytes) -> None:
        try:
            result = JsonObject.parse(raw, "kraken").child("result")
            if result.get("channel") == "book" and "depth" in result:
                self._depths[result.text("symbol")] = result.integer("depth", low=1, high=1000)
        except FileFormatError:
            return  # a request that a recorder wrote down among the answers

    def rule(self, book: BookHeard, instrument: Instrument) -> BookRule:
        """With the depth and the places of this book."""
        message = book.message
        depth = self._depths.get(message.symbol, 0) if message.version == 2 else 0
        return kraken_rule(
            instrument,
            version=message.version,
            depth=depth or depth_of(message),
            places=self._places(book),
        )

    def _places(self, book: BookHeard) -> tuple[int, int]:
        message = book.message
        if message.version == 2:
            said = self._definitions.get(message.symbol)
            if said is not None and said.px_places is not None and said.qty_places is not None:
                return said.px_places, said.qty_places
            found = find_places(message)
            if found is not None:
                return found
        return text_places(book.bids + book.asks)

    def delta(self, book: BookHeard, instrument: Instrument | None, ts_recv_ns: int) -> BookDelta:
        """The message for an assembler."""
        if instrument is None:
            return number_only(book)
        return to_delta(book.message, instrument, ts_recv_ns=ts_recv_ns)

    def numbering(self, book: BookHeard) -> BookRule:
        """There is none."""
        return UnnumberedRule()
