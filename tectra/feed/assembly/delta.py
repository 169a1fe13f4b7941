"""What every venue's decoder gives about a book, and what a book looks like to people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tectra.core.level import BookLevel
from tectra.core.market import checked_symbol
from tectra.core.types import Exchange
from tectra.core.value import U32, U64, Value

__all__ = ["BookDelta", "OrderBook", "RawLevels", "Refused"]

RawLevels: TypeAlias = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class BookDelta:
    """One book message of any venue: the levels that changed, or with `is_snapshot` all there are.

    `bids` and `asks` are (px, qty), mantissas at the instrument's exponents; a quantity is the
    whole one of its level, 0 removes it. The message covers the venue's numbers `first_seq` to
    `last_seq` (0: the venue has none); `prev_seq` is the last number of the message before, where
    the venue says it. `checksum` is that of the book after this message. Times are nanoseconds
    since the epoch, UTC; `ts_event_ns` 0 where the venue says none.
    """

    instrument_id: int
    is_snapshot: bool
    first_seq: int
    last_seq: int
    bids: RawLevels
    asks: RawLevels
    ts_recv_ns: int
    ts_event_ns: int = 0
    prev_seq: int | None = None
    checksum: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that a decoder could not take, and why: nothing of it was used.

    `instrument_id` is 0 where the message does not say, or says it in a way that cannot be trusted.
    `is_book`: the message was about a book, or it cannot be told what it was about.
    """

    instrument_id: int
    reason: str
    ts_recv_ns: int
    is_book: bool = True


@dataclass(frozen=True, slots=True)
class OrderBook(Value):
    """A book as its provider has it, best levels first. `seq` and `checksum` are the provider's, 0
    where it has none.
    """

    provider: Exchange
    symbol: str
    seq: U64
    checksum: U32
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        checked_symbol(self.symbol)
