"""Coinbase's level2 books for assembly. A book has neither numbers nor a checksum; Advanced Trade
numbers the messages of the whole connection, and a hole there makes every book of it invalid
(ConnectionSequence). The Exchange's level2 has nothing at all: delivery is the server's promise.
"""

from enum import IntEnum

from tectra.core.level import raw_pairs
from tectra.feed.assembly.delta import BookDelta
from tectra.feed.assembly.unnumbered import UnnumberedRule
from tectra.refdata.instrument import Instrument
from tectra.venue.coinbase.decode import CoinbaseBook

__all__ = ["ConnectionSequence", "SequenceVerdict", "coinbase_rule", "to_delta"]


class SequenceVerdict(IntEnum):
    """What a message is to its connection."""

    NEXT = 0
    """In order, or the first one."""
    GAP = 1
    """Messages before it are missing: no book of the connection can be trusted."""
    OLD = 2
    """Seen before: not to be applied."""
    RESTART = 3
    """The connection began anew: its books come again as snapshots."""


class ConnectionSequence:
    """The numbers of one Advanced Trade connection, which begin at 0. Owner: the feed's thread."""

    def __init__(self) -> None:
        self.expected: int | None = None
        self.gaps = 0
        self.lost = 0
        self.duplicates = 0

    def offer(self, seq: int) -> SequenceVerdict:
        """Judge the next message; a gap is counted and the count goes on behind it."""
        due, self.expected = self.expected, seq + 1
        if due is None or seq == due:
            return SequenceVerdict.NEXT
        if seq == 0:
            return SequenceVerdict.RESTART
        if seq < due:
            self.expected = due
            self.duplicates += 1
            return SequenceVerdict.OLD
        self.gaps += 1
        self.lost += seq - due
        return SequenceVerdict.GAP


def coinbase_rule() -> UnnumberedRule:
    """The rule of a level2 book."""
    return UnnumberedRule()


def to_delta(message: CoinbaseBook, instrument: Instrument, *, ts_recv_ns: int) -> BookDelta:
    """The message for a BookAssembler. InputError where the exponents cannot hold it."""
    exponents = (instrument.px_exponent, instrument.qty_exponent)
    return BookDelta(
        instrument_id=instrument.instrument_id,
        is_snapshot=message.is_snapshot,
        first_seq=0,
        last_seq=0,
        bids=raw_pairs(message.bids, exponents),
        asks=raw_pairs(message.asks, exponents),
        ts_recv_ns=ts_recv_ns,
        ts_event_ns=message.ts_event.ns,
    )
