"""L3Book: what each record does, what each reader says, growth, refusals, faults."""

import numpy as np
import pytest
from book_records import add, cancel, delete, execute, execute_priced, replace

from tectra.book import NO_PX, BookState, L3Book
from tectra.core.errors import (
    CapacityError,
    DuplicateError,
    InputError,
    TruncatedInputError,
    UnknownOrderError,
    UnknownSymbolError,
)
from tectra.core.msg import Side

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
def book() -> L3Book:
    made = L3Book(8)
    flow = [
        add(1, BUY, 1_502_500, 100),
        add(2, BUY, 1_502_500, 50),
        add(3, BUY, 1_502_400, 70),
        add(4, SELL, 1_502_700, 30),
        add(5, SELL, 1_502_800, 40),
    ]
    assert made.apply(b"".join(flow)) == 5
    return made


def test_readers(book):
    assert book.best_bid(1) == (1_502_500, 150)
    assert book.best_ask(1) == (1_502_700, 30)
    assert book.mid_price(1) == 1_502_600.0
    assert book.spread(1) == 200
    assert book.top(1) == (1_502_500, 150, 1_502_700, 30, 2, 1)
    assert book.top(1).mid_px2 == 3_005_200
    assert book.depth_at(1, 1) == ([(1_502_500, 150)], [(1_502_700, 30)])
    assert book.level_qty(1, BUY, 1_502_400) == 70
    assert book.level_qty(1, SELL, 1_502_400) == 0
    assert book.order(2) == (1, BUY, 1_502_500, 50, 2)
    assert book.queue_ahead(2) == 100
    assert book.queue_ahead(1) == 0
    assert book.instrument_ids == [1]
    assert book.live_orders == 5
    assert book.state(1) == 0 and book.top(1).tradeable
    assert book.check() and book.check(1)


def test_levels_come_as_one_array(book):
    rows = book.levels(1, 3)
    assert rows["bid_px"].tolist() == [1_502_500, 1_502_400, NO_PX]
    assert rows["bid_qty"].tolist() == [150, 70, 0]
    assert rows["bid_orders"].tolist() == [2, 1, 0]
    assert rows["ask_px"].tolist() == [1_502_700, 1_502_800, NO_PX]
    assert rows["ask_qty"].tolist() == [30, 40, 0]


def test_orders_stand_first_come_first(book):
    rows = book.orders(1, BUY)
    assert rows["order_ref"].tolist() == [1, 2, 3]
    assert rows["qty"].tolist() == [100, 50, 70]
    assert book.orders(1, SELL)["px"].tolist() == [1_502_700, 1_502_800]


def test_execution_takes_from_the_orders_own_price(book):
    book.apply_record(execute(1, 40))
    assert book.best_bid(1) == (1_502_500, 110)
    book.apply_record(execute_priced(1, 60, 1_502_650))
    assert book.best_bid(1) == (1_502_500, 50)
    assert book.queue_ahead(2) == 0
    with pytest.raises(UnknownOrderError):
        book.order(1)


def test_partial_cancel_keeps_the_place(book):
    book.apply_record(cancel(1, 99))
    assert book.orders(1, BUY)["order_ref"].tolist() == [1, 2, 3]
    assert book.queue_ahead(2) == 1


def test_replace_keeps_side_and_goes_to_the_tail(book):
    book.apply_record(replace(1, 9, 1_502_500, 10))
    assert book.orders(1, BUY)["order_ref"].tolist() == [2, 9, 3]
    instrument, side, px, qty, prio = book.order(9)
    assert (instrument, side, px, qty) == (1, BUY, 1_502_500, 10)
    assert prio == 6
    book.apply_record(replace(9, 9, 1_502_600, 11))
    assert book.best_bid(1) == (1_502_600, 11)


def test_the_worked_example_of_the_format():
    book = L3Book(1)
    book.apply_record(add(1001, BUY, 1_502_500, 100))
    book.apply_record(execute(1001, 40))
    book.apply_record(replace(1001, 1002, 1_502_600, 60))
    assert book.depth_at(1, 5) == ([(1_502_600, 60)], [])


def test_deleting_the_best_level_shows_the_next(book):
    book.apply_record(delete(4))
    assert book.best_ask(1) == (1_502_800, 40)
    book.apply_record(delete(5))
    assert book.best_ask(1) is None
    assert book.mid_price(1) is None and book.spread(1) is None
    assert book.state(1) == BookState.NO_ASK


@pytest.mark.parametrize(
    ("px", "state"), [(1_502_700, BookState.LOCKED), (1_502_750, BookState.CROSSED)]
)
def test_locked_and_crossed_books_are_flagged(book, px, state):
    book.apply_record(add(6, BUY, px, 1))
    assert book.state(1) == state
    assert not book.top(1).tradeable
    assert book.check()


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (add(1, BUY, 5, 5), DuplicateError),
        (add(9, BUY, 5, 0), InputError),
        (add(9, BUY, 5, -1), InputError),
        (add(9, Side.NONE, 5, 1), InputError),
        (add(9, BUY, NO_PX, 1), InputError),
        (execute(99, 1), UnknownOrderError),
        (execute(1, 101), InputError),
        (execute(1, 0), InputError),
        (cancel(1, 101), InputError),
        (delete(99), UnknownOrderError),
        (delete(1, 2), UnknownSymbolError),
        (delete(1, side=SELL), InputError),
        (replace(1, 2, 5, 5), DuplicateError),
        (replace(1, 9, 5, 0), InputError),
    ],
)
def test_a_contradiction_raises_counts_and_changes_nothing(book, record, error):
    before = (book.levels(1, 4).tolist(), book.orders(1, BUY).tolist(), book.live_orders)
    with pytest.raises(error):
        book.apply_record(record)
    assert (book.levels(1, 4).tolist(), book.orders(1, BUY).tolist(), book.live_orders) == before
    assert book.check()
    assert book.fault_report().total == 1


def test_a_level_sum_that_leaves_int64_is_refused(book):
    book.apply_record(add(7, BUY, 5, 2**63 - 1))
    with pytest.raises(OverflowError):
        book.apply_record(add(8, BUY, 5, 1))
    assert book.level_qty(1, BUY, 5) == 2**63 - 1


def test_faults_in_a_batch_are_counted_and_kept(book):
    flow = [execute(90 + i, 1, ring_seq=500 + i, ts_event_ns=7) for i in range(20)]
    assert book.apply(b"".join([*flow, add(6, SELL, 1_502_900, 1), add(6, SELL, 1, 1)])) == 1
    report = book.fault_report()
    assert report.total == 21
    assert report.by_name == {"UNKNOWN_ORDER": 20, "DUPLICATE": 1}
    assert [f.ring_seq for f in report.first] == list(range(500, 516))
    assert report.first[0].order_ref == 90 and report.first[0].name == "UNKNOWN_ORDER"
    assert book.faults_of(1) == 21


def test_a_record_that_lies_about_its_length_is_not_read(book):
    short = bytearray(replace(1, 9, 5, 5)[:64])
    assert book.apply(bytes(short)) == 0
    short[0:2] = (56).to_bytes(2, "little")
    assert book.apply(bytes(short)) == 0
    assert book.fault_report().by_name == {"LENGTH": 2}
    with pytest.raises(TruncatedInputError):
        book.apply(add(10, BUY, 5, 5)[:63])
    with pytest.raises(TruncatedInputError):
        book.apply_record(bytes(short))
    with pytest.raises(TruncatedInputError):
        book.apply_record(b"")


def test_other_records_pass_without_effect(book):
    from_records = np.zeros(64, np.uint8)
    from_records[0], from_records[2] = 56, 8
    assert book.apply(from_records) == 0
    assert book.fault_report().total == 0


def test_unknown_instruments():
    book = L3Book(2)
    with pytest.raises(UnknownSymbolError, match="instrument_ids"):
        book.top(1)
    assert book.add_instrument(7) == 0
    assert book.add_instrument(4_000_000_000) == 1
    assert book.add_instrument(7) == 0
    assert book.top(7) == (None, 0, None, 0, 0, 0)
    with pytest.raises(CapacityError, match="instruments_max"):
        book.add_instrument(8)
    with pytest.raises(UnknownSymbolError):
        book.apply_record(add(1, BUY, 5, 5, 8))
    assert book.apply_record(add(1, BUY, 5, 5, 4_000_000_000))
    with pytest.raises(InputError):
        L3Book(0)


@pytest.mark.parametrize("spread", [1, 4096, 1_000_003, 2**40 + 1])
def test_memory_grows_with_the_flow(spread):
    book = L3Book(64)
    n = 40_000  # past the point where batches stage their prefetches
    flow = [add(1 + i * spread, BUY, 100 + i % 5000, 1 + i % 7, 1 + i % 50) for i in range(n)]
    assert book.apply(b"".join(flow)) == n
    assert book.live_orders == n
    assert book.check()
    gone = [delete(1 + i * spread, 1 + i % 50) for i in range(n) if i % 3]
    assert book.apply(b"".join(gone)) == len(gone)
    assert book.check()
    assert book.fault_report().total == 0


def test_a_reference_moves_from_the_table_to_a_page():
    # sparse references fill the index allowance, so the next one of a new run goes to the table
    book = L3Book(1)
    run = 4096
    sparse = [add(1 + i * run, BUY, 5, 1) for i in range(400)]
    first = 1000 * run + 1
    dense = [add(2 + i, BUY, 5, 1) for i in range(4000)] + [
        add(run + 2 + i, BUY, 5, 1) for i in range(4000)
    ]
    flow = [*sparse, add(first, SELL, 9, 1), *dense, add(first + 1, SELL, 9, 1)]
    assert book.apply(b"".join(flow)) == len(flow)
    book.apply_record(replace(first, first, 8, 2))
    assert book.order(first)[2:4] == (8, 2)
    book.apply_record(delete(first))
    with pytest.raises(UnknownOrderError):
        book.order(first)
    assert book.check()
    assert book.depth_at(1, 1) == ([(5, 8400)], [(9, 1)])


def test_changes_are_rows_with_their_time(book):
    flow = [
        add(6, BUY, 1_502_600, 5, ts_event_ns=10, ring_seq=1),
        add(7, BUY, 1_502_000, 5, ts_event_ns=11, ring_seq=2),
        execute(6, 5, ts_event_ns=12, ring_seq=3),
    ]
    rows = book.record_changes(b"".join(flow), 1, 1)
    assert rows["ts_event_ns"].tolist() == [10, 12]
    assert rows["ring_seq"].tolist() == [1, 3]
    assert rows["bid_px"].ravel().tolist() == [1_502_600, 1_502_500]
    assert book.record_changes(b"", 1, 2).shape == (0,)
    with pytest.raises(InputError, match="levels"):
        book.record_changes(b"", 1, 0)


def test_level_updates_are_whole_quantities(book):
    rows = book.level_updates(replace(1, 9, 1_502_600, 10, ring_seq=77, ts_event_ns=5))
    assert rows["px"].tolist() == [1_502_600, 1_502_500]
    assert rows["qty"].tolist() == [10, 50]
    assert rows["flags"].tolist() == [0, 2]
    assert rows["seq"].tolist() == [77, 77]


def test_arrays_and_views_are_accepted():
    flow = np.frombuffer(add(1, BUY, 5, 5) + add(2, BUY, 6, 5), np.uint8)
    book = L3Book(1)
    assert book.apply(flow) == 2
    with pytest.raises(InputError, match="aligned"):
        book.apply(np.frombuffer(b"x" + bytes(flow), np.uint8)[1:65])
