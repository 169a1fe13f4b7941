"""book_clear in books by order and by level: one instrument, all, none; and what others hear."""

import numpy as np
import pytest
from book_records import add, book_level, clear, delete, execute

from tectra.book import L2Book, L3Book
from tectra.core.msg import Side, Template

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
def book() -> L3Book:
    made = L3Book(4)
    flow = [add(n, BUY if n % 2 else SELL, 100 + n % 5, n, 1 + n % 3) for n in range(1, 40)]
    far = [add(2**64 - n, BUY, 90, 1, 1) for n in range(1, 20)]
    assert made.apply(b"".join(flow + far)) == 58
    return made


def test_one_instrument_leaves_the_others_alone(book):
    others = [book.orders(i, side).tolist() for i in (2, 3) for side in (BUY, SELL)]
    assert book.apply_record(clear(1))
    assert book.depth_at(1, 100) == ([], [])
    assert book.top(1) == (None, 0, None, 0, 0, 0)
    assert [book.orders(i, side).tolist() for i in (2, 3) for side in (BUY, SELL)] == others
    assert book.live_orders == sum(map(len, others))
    assert book.check()
    # every reference of it is free again, the far ones as well
    assert book.apply_record(add(3, SELL, 7, 7, 1))
    assert book.apply_record(add(2**64 - 3, SELL, 7, 7, 1))
    assert book.orders(1, SELL)["order_ref"].tolist() == [3, 2**64 - 3]


def test_all_instruments(book):
    assert book.apply_record(clear(0))
    assert book.live_orders == 0
    assert book.instrument_ids == [2, 3, 1]
    assert book.check()
    assert not book.apply_record(clear(0))


def test_nothing_to_clear_changes_nothing(book):
    assert not book.apply_record(clear(99))
    assert 99 not in book.instrument_ids
    assert book.apply(clear(1) + clear(1)) == 1
    book.apply_record(delete(2, 3))
    assert book.live_orders


def test_what_was_refused_before_is_forgiven(book):
    book.apply(execute(999, 5, 1) + execute(998, 5, 2))
    assert (book.faults_of(1), book.faults_of(2)) == (1, 1)
    book.apply(clear(1))
    assert (book.faults_of(1), book.faults_of(2)) == (0, 1)
    assert book.fault_report().total == 2


def test_published_levels_carry_the_clear(book):
    levels = L2Book.from_l3(book, 1)
    rows = book.level_updates(add(500, BUY, 1, 1, 1) + clear(1) + add(501, BUY, 2, 2, 1))
    ids = rows["template_id"].tolist()
    assert ids == [Template.BOOK_LEVEL, Template.BOOK_CLEAR, Template.BOOK_LEVEL]
    assert levels.apply(rows) == 3
    assert levels.depth_at(10) == book.depth_at(1, 10) == ([(2, 2)], [])


@pytest.mark.parametrize("who", [0, 1])
def test_a_watcher_sees_the_empty_book(book, who):
    rows = book.record_changes(clear(who, ring_seq=9) + add(500, BUY, 2, 2, 1), 1, 2)
    assert rows["bid_qty"].tolist() == [[0, 0], [2, 0]]
    assert rows["ring_seq"].tolist() == [9, 0]


def test_level_books():
    book = L2Book(1)
    flow = book_level(BUY, 5, 5) + book_level(SELL, 7, 7) + book_level(BUY, 1, 1, 2)
    assert book.apply(flow + clear(2)) == 2
    assert book.depth_at(5) == ([(5, 5)], [(7, 7)])
    assert book.apply(clear(1) + book_level(BUY, 4, 4)) == 2
    assert book.depth_at(5) == ([(4, 4)], [])
    assert book.apply(clear(0)) == 1
    assert book.depth_at(5) == ([], [])


def test_a_cut_clear_is_refused(book):
    cut = bytearray(clear(1))
    cut[0:2] = (0).to_bytes(2, "little")
    book.apply(bytes(cut))
    assert book.fault_report().by_name == {"LENGTH": 1}
    assert book.depth_at(1, 1) != ([], [])


def test_a_small_book_in_a_large_set_again_and_again():
    book = L3Book(2)
    flow = np.concatenate([np.frombuffer(add(n, BUY, n, 1, 1), np.uint8) for n in range(1, 20_001)])
    book.apply(flow)
    for round_ in range(200):
        assert book.apply(add(30_000 + round_, SELL, 1, 1, 2) + clear(2)) == 2
    assert book.live_orders == 20_000 and book.check()
