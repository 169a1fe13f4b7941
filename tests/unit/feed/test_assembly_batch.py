"""The batch that assembly writes into: levels, other records between them, memory that grows."""

import numpy as np
import pytest

from tectra.core.errors import InputError
from tectra.core.msg import MarketFlag, Side, Template
from tectra.core.record import decode, encode, iter_records
from tectra.feed.assembly import RecordBatch

HEAD = {"ts_event_ns": 5, "ts_recv_ns": 6, "instrument_id": 7, "venue_id": 1, "seq": 8}


def test_levels_equal_records_made_one_by_one() -> None:
    out = RecordBatch(1)
    bids, asks = [(100, 1), (99, 0)], [(101, 3)]
    assert out.add_levels(bids, asks, snapshot=False, head=HEAD) == 3 == len(out)
    want = b"".join(
        encode(Template.BOOK_LEVEL, side=side, px=px, qty=qty, flags=flags, **HEAD)
        for side, px, qty, flags in (
            (Side.BUY, 100, 1, 0),
            (Side.BUY, 99, 0, 0),
            (Side.SELL, 101, 3, MarketFlag.LAST),
        )
    )
    slots = out.take()
    assert slots is not None and slots.dtype == np.uint8 and bytes(slots) == want
    assert out.take() is None and len(out) == 0


def test_a_batch_used_again_keeps_nothing_of_before() -> None:
    out = RecordBatch(4)
    out.append(b"\xff" * 128)
    out.take()
    out.add_levels([(1, 1)], [], snapshot=True, head=HEAD)
    flags = MarketFlag.SNAPSHOT | MarketFlag.LAST
    want = encode(Template.BOOK_LEVEL, side=Side.BUY, px=1, qty=1, flags=flags, **HEAD)
    assert bytes(out.take()) == want


def test_an_empty_snapshot_has_an_end_and_an_empty_change_is_nothing() -> None:
    out = RecordBatch()
    assert out.add_levels([], [], snapshot=False, head=HEAD) == 0
    assert out.add_levels([], [], snapshot=True, head=HEAD) == 1
    record = decode(bytes(out.take()))
    assert (record.get_int("px"), record.get_int("qty")) == (0, 0)
    assert record.get_int("flags") == MarketFlag.SNAPSHOT | MarketFlag.LAST


def test_records_of_both_lengths_keep_their_order() -> None:
    out = RecordBatch(1)
    for i in range(40):
        out.add(Template.QUOTE, seq=i)
        out.add(Template.TRADE, match_id=i)
        out.add_levels([(i + 1, 1)], [(i + 2, 1)], snapshot=False, head=HEAD)
    found = [r.template for r in iter_records(out.take())]
    assert found == [Template.QUOTE, Template.TRADE, *[Template.BOOK_LEVEL] * 2] * 40


def test_misuse() -> None:
    with pytest.raises(InputError, match="whole 64-byte"):
        RecordBatch().append(b"x" * 65)
    with pytest.raises(InputError, match="0 slots"):
        RecordBatch(0)
