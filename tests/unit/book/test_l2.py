"""L2Book: each method, removal by quantity 0, refusals, book_level records."""

import pytest
from book_records import add, book_level

from tectra.book import BookState, L2Book, L3Book
from tectra.core.errors import InputError
from tectra.core.msg import Side

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
def book() -> L2Book:
    made = L2Book(3)
    for side, px, qty in [(BUY, 99, 5), (BUY, 98, 7), (SELL, 101, 4), (SELL, 103, 2)]:
        made.apply_update(side, px, qty)
    return made


def test_readers(book):
    assert book.best_bid() == (99, 5)
    assert book.best_ask() == (101, 4)
    assert book.mid_price() == 100.0
    assert book.spread() == 2
    assert book.depth_at(2) == ([(99, 5), (98, 7)], [(101, 4), (103, 2)])
    assert book.depth_at(1) == ([(99, 5)], [(101, 4)])
    assert book.top() == (99, 5, 101, 4, 0, 0)
    assert book.level_qty(BUY, 98) == 7 and book.level_qty(SELL, 98) == 0
    assert book.state() == 0
    assert book.check()


def test_quantity_zero_removes_the_level(book):
    assert book.apply_update(BUY, 99, 0) is True
    assert book.best_bid() == (98, 7)
    assert book.apply_update(BUY, 55, 0) is False
    assert book.depth_at(5)[0] == [(98, 7)]


def test_true_means_that_the_top_changed(book):
    assert book.apply_update(BUY, 99, 6) is True
    assert book.apply_update(BUY, 99, 6) is False
    assert book.apply_update(BUY, 97, 1) is False
    assert book.apply_update(SELL, 100, 1) is True


def test_empty_locked_and_crossed(book):
    book.apply_update(BUY, 101, 1)
    assert book.state() == BookState.LOCKED and book.spread() == 0
    book.apply_update(BUY, 102, 1)
    assert book.state() == BookState.CROSSED and book.spread() == -1
    book.clear()
    assert book.state() == BookState.NO_BID | BookState.NO_ASK
    assert book.best_bid() is None and book.mid_price() is None and book.depth_at(3) == ([], [])


@pytest.mark.parametrize(
    ("side", "px", "qty"), [(BUY, 5, -1), (BUY, -(2**63), 1), (Side.NONE, 5, 1), (3, 5, 1)]
)
def test_refusals_change_nothing(book, side, px, qty):
    with pytest.raises(InputError):
        book.apply_update(side, px, qty)
    assert book.depth_at(9) == ([(99, 5), (98, 7)], [(101, 4), (103, 2)])


def test_records_of_other_instruments_and_kinds_pass_by(book):
    flow = [book_level(BUY, 99, 0, 3), book_level(BUY, 200, 1, 4), add(1, BUY, 300, 1, 3)]
    assert book.apply(b"".join(flow)) == 1
    assert book.best_bid() == (98, 7)
    with pytest.raises(InputError):
        book.apply(book_level(BUY, 99, -1, 3))


def test_a_thousand_levels_grow():
    book = L2Book()
    for px in range(1000):
        book.apply_update(SELL, px * 7 % 1000, 1 + px)
    assert [px for px, _ in book.depth_at(5000)[1]] == list(range(1000))
    assert book.check()


def test_taken_from_an_order_by_order_book():
    source = L3Book(1)
    for ref, px in enumerate([10, 10, 11, 12], start=1):
        source.apply_record(add(ref, BUY, px, ref))
    assert L2Book.from_l3(source, 1).depth_at(9) == ([(12, 4), (11, 3), (10, 3)], [])
