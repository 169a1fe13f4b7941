"""L2Book beside two dicts: order of levels, removal, refusals, invariants."""

import hypothesis.strategies as st
import pytest
from book_records import book_level, clear
from hypothesis import given
from l2_model import ModelLevels

from tectra.book import BookState, L2Book
from tectra.core.errors import InputError
from tectra.core.msg import Side

prices = st.one_of(st.integers(-20, 200), st.sampled_from([2**63 - 1, -(2**63) + 1]))
updates = st.tuples(st.sampled_from([Side.BUY, Side.SELL]), prices, st.integers(0, 5))


def same(book: L2Book, model: ModelLevels) -> None:
    bids, asks = model.levels(Side.BUY), model.levels(Side.SELL)
    assert book.check()
    assert book.depth_at(10_000) == (bids, asks)
    assert book.best_bid() == (bids[0] if bids else None)
    assert book.best_ask() == (asks[0] if asks else None)
    both = bids and asks
    assert book.mid_price() == ((bids[0][0] + asks[0][0]) / 2 if both else None)
    assert book.spread() == (asks[0][0] - bids[0][0] if both else None)
    # bid < ask, or the book says that it is not
    if both and bids[0][0] >= asks[0][0]:
        assert book.state() in (BookState.LOCKED, BookState.CROSSED)
    assert bids == sorted(bids, reverse=True) and asks == sorted(asks)
    assert all(qty > 0 for _, qty in bids + asks)


@given(st.lists(updates, max_size=200))
def test_any_updates_equal_the_dicts(flow):
    book, model = L2Book(1), ModelLevels()
    for side, px, qty in flow:
        before = (book.best_bid(), book.best_ask())
        model.set(side, px, qty)
        changed = book.apply_update(side, px, qty)
        assert changed == (before != (book.best_bid(), book.best_ask()))
    same(book, model)
    from_records = L2Book(1)
    assert from_records.apply(b"".join(book_level(*u) for u in flow)) == len(flow)
    same(from_records, model)


@given(st.lists(updates, max_size=20), st.integers(-(2**63), -1))
def test_a_negative_quantity_is_refused_and_changes_nothing(flow, bad):
    book = L2Book(1)
    for side, px, qty in flow:
        book.apply_update(side, px, qty)
    before = book.depth_at(100)
    with pytest.raises(InputError, match="quantity of 0 or more"):
        book.apply_update(Side.BUY, 5, bad)
    assert book.depth_at(100) == before


@given(st.lists(st.one_of(updates, st.sampled_from([0, 1, 2])), max_size=60))
def test_clears_among_updates(flow):
    book, model = L2Book(1), ModelLevels()
    records = b""
    for step in flow:
        if isinstance(step, int):
            records += clear(step)
            model = ModelLevels() if step in (0, 1) else model
        else:
            records += book_level(*step)
            model.set(*step)
    book.apply(records)
    same(book, model)
