"""Metrics as they happen: one record for each record that changed the top levels, and no other."""

import hypothesis.strategies as st
import pytest
from book_records import add, cancel, clear, delete, execute
from hypothesis import given

from tectra.book import NO_PX, L3Book, MetricsPublisher, book_metrics
from tectra.core.errors import InputError
from tectra.core.msg import Side, Template

BUY, SELL = Side.BUY, Side.SELL
steps = st.tuples(
    st.integers(1, 15), st.sampled_from([BUY, SELL]), st.integers(1, 12), st.integers(1, 5)
)


def picture(row) -> tuple:
    """Everything but the head; NaN compares as text."""
    return tuple(str(row[n]) for n in row.dtype.names if n not in HEAD)


HEAD = ("ring_seq", "ts_event_ns", "ts_recv_ns", "venue_id", "version")


@given(st.lists(steps, max_size=60), st.integers(1, 4))
def test_a_record_for_each_change_and_no_other(flow, levels):
    publisher, plain = MetricsPublisher(L3Book(2), levels), L3Book(2)
    raw, want, live = b"", [], set()
    plain.add_instrument(1)
    for seq, (ref, side, px, qty) in enumerate(flow, 1):
        record = delete(ref, ring_seq=seq) if ref in live else add(ref, side, px, qty, ring_seq=seq)
        live ^= {ref}
        before = picture(book_metrics(plain, 1, levels)), plain.levels(1, levels).tolist()
        plain.apply(record)
        after = picture(book_metrics(plain, 1, levels)), plain.levels(1, levels).tolist()
        raw += record
        if before != after:
            want.append((seq, after[0]))
    found = {int(r["ring_seq"]): picture(r) for r in publisher.apply(raw)}
    for seq, metrics in want:
        assert found[seq] == metrics
    assert publisher.book.digest() == plain.digest()
    # what else there is differs in nothing that metrics show: counts of orders only
    assert set(found) >= {seq for seq, _ in want}


def test_stamps_are_those_of_the_cause():
    publisher = MetricsPublisher(L3Book(2), 1)
    more = {"ring_seq": 9, "ts_event_ns": 5, "ts_recv_ns": 7, "venue_id": 6}
    (row,) = publisher.apply(add(1, BUY, 5, 5, **more))
    assert {n: int(row[n]) for n in more} == more
    assert (row["template_id"], row["instrument_id"]) == (Template.BOOK_METRICS, 1)


def test_what_is_behind_or_refused_is_silent():
    publisher = MetricsPublisher(L3Book(2), 2)
    publisher.apply(b"".join(add(n, BUY, 100 - n, 5) for n in range(1, 5)))
    assert len(publisher.apply(add(9, BUY, 50, 5) + cancel(3, 1) + delete(4))) == 0
    assert len(publisher.apply(execute(77, 5) + cancel(1, 50))) == 0
    assert publisher.book.fault_report().total == 2
    assert len(publisher.apply(cancel(2, 1) + delete(1))) == 2


def test_clears():
    publisher = MetricsPublisher(L3Book(4), 2)
    publisher.apply(b"".join(add(n, BUY, 5, 5, n) for n in (1, 2, 3)))
    (row,) = publisher.apply(clear(2, ring_seq=4))
    assert (row["instrument_id"], row["bid_px"], row["ring_seq"]) == (2, NO_PX, 4)
    rows = publisher.apply(clear(0, ring_seq=5) + add(9, BUY, 7, 7, 1, ring_seq=6))
    assert [(int(r["instrument_id"]), int(r["ring_seq"])) for r in rows] == [
        (1, 5),
        (2, 5),
        (3, 5),
        (1, 6),
    ]


def test_more_than_one_chunk():
    publisher = MetricsPublisher(L3Book(2), 1)
    rows = publisher.apply(b"".join(add(n, BUY, n, 1, ring_seq=n) for n in range(1, 10_001)))
    assert rows["ring_seq"].tolist() == list(range(1, 10_001))
    assert rows["bid_px"].tolist() == list(range(1, 10_001))


def test_refusals():
    with pytest.raises(InputError, match="1 to 64"):
        MetricsPublisher(L3Book(1), 0)
    with pytest.raises(TypeError):
        MetricsPublisher(None)
