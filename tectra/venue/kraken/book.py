"""Kraken's books for assembly: a snapshot, then changes without numbers, each with the checksum of
the book after it. Levels beyond the subscribed depth are cut off: no message removes them.
"""

from tectra.book.checksum import BoundChecksum, TextForm, checksum_algorithm
from tectra.core.errors import InputError
from tectra.core.level import BookLevel, raw_pairs
from tectra.feed.assembly.delta import BookDelta
from tectra.feed.assembly.unnumbered import UnnumberedRule
from tectra.refdata.instrument import Instrument
from tectra.venue.kraken.decode import KrakenBook

__all__ = ["DEPTHS", "depth_of", "find_places", "kraken_rule", "text_places", "to_delta"]

DEPTHS = (10, 25, 100, 500, 1000)
_PLACES_MAX = 12


def depth_of(snapshot: KrakenBook) -> int:
    """The depth subscribed to: as v1 says it, in v2 the least that has room for the snapshot."""
    if snapshot.depth:
        return snapshot.depth
    most = max(len(snapshot.bids), len(snapshot.asks))
    return next((depth for depth in DEPTHS if depth >= most), most)


def text_places(levels: tuple[BookLevel, ...]) -> tuple[int, int]:
    """Most places that a price and a quantity were written with."""
    return (
        max((level.price.scale for level in levels), default=0),
        max((level.quantity.scale for level in levels), default=0),
    )


def kraken_rule(
    instrument: Instrument, *, version: int, depth: int, places: tuple[int, int]
) -> UnnumberedRule:
    """The rule of one book. `places` are those of the text that the checksum is made of: as the
    messages have them in v1; `price_precision` and `qty_precision` of the instrument in v2.
    """
    form = TextForm(instrument.px_exponent, instrument.qty_exponent, *places)
    algorithm = checksum_algorithm(f"kraken-v{version}")
    return UnnumberedRule(depth_max=depth, checksum=BoundChecksum(algorithm, form))


def find_places(snapshot: KrakenBook) -> tuple[int, int] | None:
    """The places with which a v2 snapshot has the checksum that it says, for a recording without
    the instrument's definition whose numbers may have lost their last zeros. None: with no places.
    """
    levels = snapshot.bids + snapshot.asks
    least_px = max((v.price.normalize().scale for v in levels), default=0)
    least_qty = max((v.quantity.normalize().scale for v in levels), default=0)
    algorithm = checksum_algorithm("kraken-v2")
    for px in range(least_px, _PLACES_MAX + 1):
        for qty in range(_PLACES_MAX, least_qty - 1, -1):
            try:
                bids, asks = (
                    raw_pairs(side[: algorithm.levels], (-px, -qty))
                    for side in (snapshot.bids, snapshot.asks)
                )
            except (InputError, OverflowError):
                continue
            if algorithm.of(bids, asks, TextForm(-px, -qty)) == snapshot.checksum:
                return px, qty
    return None


def to_delta(message: KrakenBook, instrument: Instrument, *, ts_recv_ns: int) -> BookDelta:
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
        checksum=message.checksum,
    )
