"""OKX's books for assembly: a snapshot, then changes that say the message before (`prevSeqId`), and
a checksum of the book after each, in recordings from before 2026.
"""

from dataclasses import dataclass

from tectra.book.checksum import CRC_MAX, BoundChecksum, TextForm, checksum_algorithm
from tectra.core.level import raw_pairs
from tectra.feed.assembly.delta import BookDelta
from tectra.feed.assembly.rule import BookChecksum
from tectra.refdata.instrument import Instrument
from tectra.venue.okx.decode import OkxBook

__all__ = ["OkxRule", "okx_rule", "to_delta"]


@dataclass(frozen=True, slots=True)
class OkxRule:
    """Each message names the one before; numbers have holes. What has no number (recordings from
    before 2023) follows whatever was applied, and its checksum proves it.
    """

    checksum: BookChecksum | None = None
    depth_max: int = 0
    fetches_snapshot: bool = False
    snapshot_levels: int = 0
    overlaps: bool = False

    def covers(self, delta: BookDelta) -> tuple[int, int] | None:
        """Everything after the message before; a message without news covers what was there."""
        if not delta.last_seq:
            return None
        if delta.prev_seq is None:
            return delta.first_seq, delta.last_seq
        return min(delta.prev_seq + 1, delta.last_seq), delta.last_seq

    def is_reset(self, delta: BookDelta) -> bool:
        """True for numbers that fall: the count began anew."""
        return delta.prev_seq is not None and 0 < delta.last_seq < delta.prev_seq


def okx_rule(instrument: Instrument, *, channel: str = "books") -> OkxRule:
    """The rule of one book of a channel; those that send all of it each time have no checksum."""
    if channel in ("books5", "bbo-tbt"):
        return OkxRule()
    form = TextForm(instrument.px_exponent, instrument.qty_exponent)
    return OkxRule(checksum=BoundChecksum(checksum_algorithm("okx"), form))


def to_delta(message: OkxBook, instrument: Instrument, *, ts_recv_ns: int) -> BookDelta:
    """The message for a BookAssembler. InputError where the exponents cannot hold it."""
    exponents = (instrument.px_exponent, instrument.qty_exponent)
    seq = max(message.seq_id or 0, 0)
    prev = message.prev_seq_id
    return BookDelta(
        instrument_id=instrument.instrument_id,
        is_snapshot=message.is_snapshot,
        first_seq=seq,
        last_seq=seq,
        bids=raw_pairs(message.bids, exponents),
        asks=raw_pairs(message.asks, exponents),
        ts_recv_ns=ts_recv_ns,
        ts_event_ns=message.ts_event.ns,
        prev_seq=None if prev is None or prev < 0 or message.is_snapshot else prev,
        checksum=None if message.checksum is None else message.checksum & CRC_MAX,
    )
