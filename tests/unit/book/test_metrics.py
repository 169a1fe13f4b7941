"""Derived metrics against values worked out by hand, and exact fractions over random depths."""

import math
from fractions import Fraction

import hypothesis.strategies as st
import pytest
from book_records import add
from hypothesis import given

from tectra.book import NO_PX, L2Book, L3Book, MetricsFiller, book_metrics
from tectra.core.errors import InputError, NumericOverflowError
from tectra.core.msg import Side, Template

BUY, SELL = Side.BUY, Side.SELL


def book_of(bids, asks) -> L2Book:
    book = L2Book(9)
    for side, levels in ((BUY, bids), (SELL, asks)):
        for px, qty in levels:
            book.apply_update(side, px, qty)
    return book


def test_golden_values():
    # mid 101: distances 1, 2 on the bids and 1, 3 on the asks
    row = book_metrics(book_of([(100, 30), (99, 10)], [(102, 10), (104, 30)]), levels=2)
    assert (row["bid_px"], row["bid_qty"], row["ask_px"], row["ask_qty"]) == (100, 30, 102, 10)
    assert row["mid_px2"] == 202
    assert row["spread_px"] == 2
    assert row["imbalance"] == 0.0  # 40 against 40
    assert row["microprice"] == (100 * 10 + 102 * 30) / 40 == 101.5
    assert row["vwap"] == (100 * 30 + 99 * 10 + 102 * 10 + 104 * 30) / 80 == 101.625
    assert row["pressure"] == pytest.approx((35 - 20) / (35 + 20), abs=1e-15)
    assert row["levels"] == 2 and row["instrument_id"] == 9
    assert row["template_id"] == Template.BOOK_METRICS


def test_one_level_of_the_same_book():
    row = book_metrics(book_of([(100, 30), (99, 10)], [(102, 10), (104, 30)]), levels=1)
    assert row["imbalance"] == 0.5
    assert row["vwap"] == (100 * 30 + 102 * 10) / 40
    assert row["pressure"] == 0.5


def test_empty_sides_say_so():
    row = book_metrics(book_of([(100, 30)], []))
    assert row["mid_px2"] == row["spread_px"] == row["ask_px"] == NO_PX
    assert row["imbalance"] == 1.0 and row["vwap"] == 100.0
    assert math.isnan(row["microprice"]) and math.isnan(row["pressure"])
    nothing = book_metrics(book_of([], []))
    assert math.isnan(nothing["imbalance"]) and math.isnan(nothing["vwap"])


def test_crossed_book_has_no_pressure():
    row = book_metrics(book_of([(102, 5)], [(100, 5)]))
    assert row["spread_px"] == -2 and math.isnan(row["pressure"])


def test_order_by_order_and_price_level_books_agree():
    source = L3Book(2)
    for ref, (side, px) in enumerate([(BUY, 10), (BUY, 9), (SELL, 12), (SELL, 13), (BUY, 10)], 1):
        source.apply_record(add(ref, side, px, 10 * ref, 5))
    filler = MetricsFiller(3)
    row = filler.fill(source, 5, ts_event_ns=77, ring_seq=3)[0].tolist()
    other = MetricsFiller(3).fill(L2Book.from_l3(source, 5), ts_event_ns=77, ring_seq=3)[0].tolist()
    assert row == other
    assert filler.array["ts_event_ns"][0] == 77


def test_refusals():
    with pytest.raises(InputError, match="1 to 64"):
        MetricsFiller(65)
    with pytest.raises(InputError, match="L3Book, L2Book"):
        book_metrics("book")
    with pytest.raises(NumericOverflowError):
        book_metrics(book_of([(2**63 - 2, 1)], [(2**63 - 1, 1)]))


depth = st.dictionaries(st.integers(1, 10**6), st.integers(1, 10**6), min_size=1, max_size=12)


@given(depth, depth, st.integers(1, 10))
def test_formulas_in_exact_fractions(below, above, levels):
    bids = sorted(((10**6 - px, qty) for px, qty in below.items()), reverse=True)
    asks = sorted((10**6 + px, qty) for px, qty in above.items())
    row = book_metrics(book_of(bids, asks), levels=levels)
    bids, asks = bids[:levels], asks[:levels]
    mid = Fraction(bids[0][0] + asks[0][0], 2)
    b, a = sum(q for _, q in bids), sum(q for _, q in asks)
    pb, pa = (sum(q / abs(px - mid) for px, q in side) for side in (bids, asks))
    micro = Fraction(bids[0][0] * asks[0][1] + asks[0][0] * bids[0][1], bids[0][1] + asks[0][1])
    vwap = Fraction(sum(px * q for px, q in bids + asks), a + b)
    assert row["mid_px2"] == 2 * mid
    assert row["imbalance"] == pytest.approx(float(Fraction(b - a, b + a)), abs=1e-12)
    assert row["microprice"] == pytest.approx(float(micro), rel=1e-12)
    assert row["vwap"] == pytest.approx(float(vwap), rel=1e-12)
    assert row["pressure"] == pytest.approx(float((pb - pa) / (pb + pa)), abs=1e-9)
