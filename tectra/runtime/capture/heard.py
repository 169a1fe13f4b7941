"""What a venue's reader tells the check about one message."""

from dataclasses import dataclass
from typing import Any, Protocol

from tectra.core.level import BookLevel
from tectra.core.types import Exchange
from tectra.feed.assembly import BookDelta, BookRule
from tectra.feed.capture import CaptureLine
from tectra.feed.said import MessageKind
from tectra.refdata.definition import Definition
from tectra.refdata.instrument import Instrument

__all__ = ["BookHeard", "Heard", "TopHeard", "VenueReader", "number_only"]


@dataclass(frozen=True, slots=True)
class BookHeard:
    """A book message: the venue's own value, its levels, and the book that it belongs to.
    `is_fetched`: a snapshot that was asked for, beside the stream.
    """

    symbol: str
    channel: str
    is_snapshot: bool
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    message: Any
    is_fetched: bool = False


@dataclass(frozen=True, slots=True)
class TopHeard:
    """The venue's own best prices as of the number `seq` of its book: price and quantity of the
    bid, then of the ask, as text.
    """

    symbol: str
    seq: int
    texts: tuple[str, str, str, str]


@dataclass(slots=True)
class Heard:
    """One message. `seq` numbers the connection's, `product_seq` those about one product."""

    kind: MessageKind
    channel: str
    symbols: tuple[str, ...] = ()
    books: tuple[BookHeard, ...] = ()
    tops: tuple[TopHeard, ...] = ()
    definitions: tuple[Definition, ...] = ()
    seq: int | None = None
    product_seq: tuple[str, int] | None = None
    text: str = ""


class VenueReader(Protocol):
    """How the check reads one venue. Owner: the thread of the check."""

    @property
    def exchange(self) -> Exchange: ...

    @property
    def marks(self) -> tuple[bytes, ...]:
        """What a book message has in it: a refused one with such a mark makes books invalid."""
        ...

    @property
    def markets(self) -> set[str]:
        """`spot`, `linear`, `inverse`, `option`: those that the messages so far are of, as far as
        they show it.
        """
        ...

    def on_address(self, url: str) -> None:
        """The recorder says which address it is connected to."""
        ...

    def read(self, line: CaptureLine) -> Heard:
        """What a message says. FileFormatError, InputError where it cannot be taken."""
        ...

    def rule(self, book: BookHeard, instrument: Instrument) -> BookRule:
        """How the book's stream works, as seen from a snapshot of it."""
        ...

    def delta(self, book: BookHeard, instrument: Instrument | None, ts_recv_ns: int) -> BookDelta:
        """The message for an assembler; without an instrument its numbers alone."""
        ...

    def numbering(self, book: BookHeard) -> BookRule:
        """The rule by which the message's numbers follow each other."""
        ...


def number_only(
    book: BookHeard, *, first: int = 0, last: int = 0, prev: int | None = None, ts_ns: int = 0
) -> BookDelta:
    """A delta without levels."""
    return BookDelta(1, book.is_snapshot, first, last, (), (), ts_ns, prev_seq=prev)
