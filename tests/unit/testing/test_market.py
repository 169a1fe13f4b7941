"""The market and the venue of a seed: consistent, equal for equal seeds, and what they say of
themselves decodes to what they have.
"""

import pytest

from tectra.book.l3 import L3Book
from tectra.core.clock import SimClock
from tectra.core.msg import Side
from tectra.feed.itch import decode_message
from tectra.testing.fault import Fault, FaultCounts, Faults
from tectra.testing.market import Market
from tectra.testing.plain_book import PlainBook
from tectra.testing.venue import SESSION, Venue


def market(seed: int, steps: int = 1_000, **faults: float) -> tuple[Market, FaultCounts]:
    counts = FaultCounts()
    return Market(seed, steps, Faults(**faults), counts), counts


def test_a_market_is_its_seed():
    one, again, other = (market(seed)[0] for seed in (4, 4, 5))
    assert one.messages == again.messages and one.times_ns == again.times_ns
    assert one.messages != other.messages
    assert len(one.messages) == len(one.records) == len(one.times_ns) == 1_000
    assert one.times_ns == sorted(one.times_ns)


def test_halts_are_counted_and_said():
    made, counts = market(4, 3_000, halt=1.0)
    said = [m for m in made.messages if m[:1] == b"H" and m[19:20] == b"H"]
    assert len(said) > 3
    assert counts[Fault.HALT] - len(said) in (0, 1)  # the last may lie behind the end


@pytest.mark.parametrize("seed", range(4))
def test_a_snapshot_is_the_book(seed):
    made, counts = market(seed)
    clock = SimClock(made.times_ns[0])
    venue = Venue(made, seed, Faults(), counts, clock)
    first = venue.publish(700)
    assert first[:18] == SESSION + (1).to_bytes(8, "big") and venue.sent == 700
    clock.set(made.times_ns[699])
    book, at, image = L3Book(len(made.symbols)), 0, venue.image()
    while at < len(image):
        size = int.from_bytes(image[at : at + 2], "big")
        if image[at + 2 : at + 3] == b"A":
            book.apply_record(bytes(decode_message(image[at + 2 : at + 2 + size])))
        at += 2 + size
    for instrument in made.instruments:
        for side in (Side.BUY, Side.SELL):
            names = ["order_ref", "px", "qty"]
            rows = [b.orders(instrument.instrument_id, side)[names] for b in (book, venue.book)]
            assert rows[0].tolist() == rows[1].tolist() and len(rows[0])


@pytest.mark.parametrize("seed", range(4))
def test_a_dict_and_a_book_agree(seed):
    made, _ = market(seed, 3_000, halt=0.5)
    plain, book = PlainBook(), L3Book(len(made.symbols))
    for message, record in zip(made.messages, made.records, strict=True):
        plain.take(message)
        book.apply_record(record)
    kinds = {m[:1] for m in made.messages}
    assert kinds >= {b"A", b"E", b"X", b"D", b"U"}, kinds
    for instrument in made.instruments:
        for side in (Side.BUY, Side.SELL):
            rows = book.orders(instrument.instrument_id, side)[["order_ref", "px", "qty"]].tolist()
            assert plain.orders(instrument.instrument_id, side) == rows and rows
