"""Our book beside a venue's: equal, different, and whether they speak of the same moment."""

import pytest
from book_records import add

from tectra.book import BookPicture, L2Book, L3Book, LevelDifference, Moment, compare_books
from tectra.core.errors import InputError
from tectra.core.msg import Side

BUY, SELL = Side.BUY, Side.SELL
BIDS = [(100, 5), (99, 7), (97, 1)]
ASKS = [(101, 2), (103, 9)]


def ours(**more) -> BookPicture:
    return BookPicture(BIDS, ASKS, **more)


def test_equal_books():
    found = compare_books(ours(seq=9), ours(seq=9))
    assert found.is_equal and not found.is_drift
    assert (found.moment, found.equal_levels, found.differences) == (Moment.SAME, 5, ())
    assert str(found) == "5 levels equal (same moment)"


def test_injected_drift_is_named_price_by_price():
    """OB-07: a changed, a missing and an extra level."""
    theirs = BookPicture([(100, 6), (99, 7), (98, 4), (97, 1)], [(103, 9)], seq=9)
    found = compare_books(ours(seq=9), theirs)
    assert found.is_drift and found.equal_levels == 3
    assert found.differences == (
        LevelDifference(BUY, 100, 5, 6),
        LevelDifference(BUY, 98, 0, 4),
        LevelDifference(SELL, 101, 2, 0),
    )
    assert "3 levels differ, 3 are equal" in str(found)
    assert "first: BUY 100: ours 5, theirs 6" in str(found)


@pytest.mark.parametrize(
    ("mine", "other", "moment"),
    [
        (0, 0, Moment.UNKNOWN),
        (5, 0, Moment.UNKNOWN),
        (5, 6, Moment.OURS_OLDER),
        (6, 5, Moment.OURS_NEWER),
    ],
)
def test_another_moment_is_no_drift(mine, other, moment):
    theirs = BookPicture([(100, 6)], ASKS, seq=other)
    found = compare_books(ours(seq=mine), theirs)
    assert found.moment is moment and not found.is_equal and not found.is_drift


def test_a_shallow_picture_says_nothing_of_what_lies_behind():
    theirs = BookPicture(BIDS[:2], ASKS[:1], seq=9, depth=2)
    found = compare_books(ours(seq=9), theirs)
    # of the offers it shows fewer than its depth: so there is no second one
    assert found.differences == (LevelDifference(SELL, 103, 9, 0),)
    assert found.equal_levels == 3
    assert compare_books(ours(), BookPicture(BIDS[:2], ASKS, depth=2)).is_equal
    swapped = compare_books(theirs, ours(seq=9))
    assert swapped.differences == (LevelDifference(SELL, 103, 0, 9),)


def test_pictures_of_books():
    level_book, order_book = L2Book(1), L3Book(1)
    for ref, (side, (px, qty)) in enumerate([(BUY, b) for b in BIDS] + [(SELL, a) for a in ASKS]):
        level_book.apply_update(side, px, qty)
        order_book.apply(add(ref + 1, side, px, qty))
    for picture in (BookPicture.of(level_book, seq=3), BookPicture.of(order_book, 1, seq=3)):
        assert compare_books(picture, ours(seq=3)).is_equal
    with pytest.raises(InputError, match="an L3Book and an instrument_id"):
        BookPicture.of(order_book)


@pytest.mark.parametrize(
    ("bids", "asks", "what"),
    [
        ([(99, 1), (100, 1)], [], "bids: found 99 before 100"),
        ([], [(5, 1), (5, 1)], "asks: found 5 before 5"),
        ([(99, 0)], [], "quantities above 0"),
    ],
)
def test_a_picture_that_cannot_be_is_refused(bids, asks, what):
    with pytest.raises(InputError, match=what):
        BookPicture(bids, asks)
