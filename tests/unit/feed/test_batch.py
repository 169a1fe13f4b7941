"""Columns of batches, chosen records, new numbers."""

import numpy as np
import pytest
from feed_records import START, level, quote, trade

from tectra.core.errors import FileFormatError, InputError, StateError, TruncatedInputError
from tectra.core.msg import DTYPES, Side, Template
from tectra.feed.batch import LaneMerger, gather, renumber, scan

MIX = [level(START, Side.BUY, 10, 1), quote(START + 1, 10, 11, i=2), trade(START + 2, 10, i=70_000)]
SLOTS = np.frombuffer(b"".join(MIX), np.uint8)


def test_columns_say_what_the_records_say() -> None:
    rows = scan(SLOTS)
    assert rows.slot.tolist() == [0, 1, 3] and rows.width.tolist() == [1, 2, 1]
    kinds = [Template.BOOK_LEVEL, Template.QUOTE, Template.TRADE]
    assert rows.template_id.tolist() == kinds
    assert rows.instrument_id.tolist() == [1, 2, 70_000] and rows.venue_id.tolist() == [1, 1, 1]
    assert rows.ts_recv_ns.tolist() == [START, START + 1, START + 2]
    assert len(scan(b"").slot) == 0


def test_venue_lies_at_one_place_in_every_record_of_market_data() -> None:
    for template in [t for t in Template if t <= Template.BOOK_CLEAR]:
        assert DTYPES[template].fields["venue_id"][1] == 38, template


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (SLOTS.tobytes()[:70], TruncatedInputError),
        (bytes(64), FileFormatError),
        (MIX[1][:64], FileFormatError),
    ],
)
def test_what_is_no_batch(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        scan(data)


def test_gather_copies_in_the_order_asked_for() -> None:
    assert gather(SLOTS, [3, 1, 1]).tobytes() == MIX[2] + MIX[1] + MIX[1]
    assert len(gather(SLOTS, [])) == 0
    for wrong in ([2], [4], [2**31]):
        with pytest.raises(InputError):
            gather(SLOTS, wrong)


def test_renumber_writes_ids_and_nothing_else() -> None:
    copy = SLOTS.copy()
    renumber(copy, scan(SLOTS).slot, [7, 8, 9])
    assert scan(copy).instrument_id.tolist() == [7, 8, 9]
    renumber(copy, scan(SLOTS).slot, [1, 2, 70_000])
    assert copy.tobytes() == SLOTS.tobytes()
    with pytest.raises(InputError):
        renumber(copy, [9], [1])
    with pytest.raises(InputError):
        renumber(copy, [0, 1], [1])


def test_a_lane_is_fed_when_it_is_empty_and_not_after_its_end() -> None:
    merger = LaneMerger(1)
    rows = scan(SLOTS)
    assert merger.take(16)[1] == 0
    merger.feed(0, SLOTS, rows, rows.ts_recv_ns)
    with pytest.raises(StateError, match="not used yet"):
        merger.feed(0, SLOTS, rows, rows.ts_recv_ns)
    out, dry = merger.take(3)
    assert out.tobytes() == MIX[0] + MIX[1] and dry is None
    assert merger.take(3)[0].tobytes() == MIX[2]
    merger.end(0)
    assert merger.take(3)[1] is None
    with pytest.raises(StateError, match="ended"):
        merger.feed(0, SLOTS, rows, rows.ts_recv_ns)
    with pytest.raises(InputError, match="room"):
        merger.take(1)
