"""Multi-level features and order flow beside values worked out by hand and exact fractions."""

import math
from fractions import Fraction
from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from book_records import add, cancel, clear, delete
from hypothesis import given
from l3_model import ModelBook

from tectra.book import (
    FEATURES,
    FeatureFiller,
    L2Book,
    L3Book,
    OrderFlow,
    book_features,
    book_metrics,
    flow_dtype,
)
from tectra.core.errors import InputError, NumericOverflowError
from tectra.core.msg import MarketFlag, Side

BUY, SELL = Side.BUY, Side.SELL
NAMES = {1: "imbalance_1", 5: "imbalance_5", 10: "imbalance_10", 20: "imbalance_20"}


def l3_of(bids, asks) -> L3Book:
    book = L3Book(1)
    book.add_instrument(1)
    flow = [(BUY, *b) for b in bids] + [(SELL, *a) for a in asks]
    for ref, (side, px, qty) in enumerate(flow, 1):
        book.apply(add(ref, side, px, qty))
    return book


def test_golden_values():
    book = l3_of([(100, 10), (100, 20), (99, 10)], [(102, 10), (104, 30)])
    row = book_features(book, 1, levels=2)
    assert row.dtype == FEATURES
    assert row["imbalance_1"] == (30 - 10) / 40
    assert row["imbalance_5"] == row["imbalance_20"] == 0.0
    assert (row["bid_qty"], row["ask_qty"]) == (40, 40)
    assert (row["bid_orders"], row["ask_orders"]) == (3, 2)
    assert row["bid_order_qty"] == pytest.approx(40 / 3)
    assert row["ask_order_qty"] == 20.0
    # means 99.75 and 103.5, equal weights
    assert row["depth_mid"] == (99.75 + 103.5) / 2
    assert (row["levels"], row["bid_levels"], row["ask_levels"]) == (2, 2, 2)
    one = book_features(book, 1, levels=1)
    assert one["depth_mid"] == book_metrics(book, 1, 1)["microprice"]


def test_empty_sides_are_undefined():
    row = book_features(l3_of([(100, 10)], []), 1)
    assert row["imbalance_1"] == 1.0 and row["ask_orders"] == 0
    assert math.isnan(row["depth_mid"]) and math.isnan(row["ask_order_qty"])
    nothing = book_features(L2Book(7))
    assert nothing["instrument_id"] == 7
    assert all(math.isnan(nothing[name]) for name in NAMES.values())


def test_a_book_by_level_knows_no_orders():
    order_book = l3_of([(100, 10), (99, 5)], [(102, 7)])
    order_row = book_features(order_book, 1)
    level_row = book_features(L2Book.from_l3(order_book, 1))
    same = [n for n in FEATURES.names if "order" not in n]
    assert [order_row[n] for n in same] == [level_row[n] for n in same]
    assert level_row["bid_orders"] == 0 and math.isnan(level_row["bid_order_qty"])


def test_refusals():
    for make in (FeatureFiller, OrderFlow, flow_dtype):
        for levels in (0, 65):
            with pytest.raises(InputError, match="1 to 64"):
                make(levels)
    with pytest.raises(InputError, match="name one"):
        FeatureFiller().fill(L3Book(1))
    book = set_levels(L2Book(1), [(1, 2**62), (2, 2**62)], [])
    with pytest.raises(NumericOverflowError):
        book_features(book)


depth = st.dictionaries(st.integers(1, 10**6), st.integers(1, 10**6), max_size=30)


@given(depth, depth, st.integers(1, 30))
def test_formulas_in_exact_fractions(below, above, levels):
    bids = sorted(((10**6 - px, qty) for px, qty in below.items()), reverse=True)
    asks = sorted((10**6 + px, qty) for px, qty in above.items())
    row = book_features(l3_of(bids, asks), 1, levels=levels)
    for n, name in NAMES.items():
        b, a = (sum(q for _, q in side[:n]) for side in (bids, asks))
        want = float(Fraction(b - a, b + a)) if a + b else math.nan
        assert row[name] == pytest.approx(want, abs=1e-12, nan_ok=True)
    b, a = (sum(q for _, q in side[:levels]) for side in (bids, asks))
    assert (row["bid_qty"], row["ask_qty"]) == (b, a)
    assert (row["bid_orders"], row["ask_orders"]) == (len(bids[:levels]), len(asks[:levels]))
    want = math.nan
    if a and b:
        pb, pa = (Fraction(sum(p * q for p, q in s[:levels]), n) for s, n in ((bids, b), (asks, a)))
        want = float((pb * a + pa * b) / (a + b))
    assert row["depth_mid"] == pytest.approx(want, rel=1e-12, nan_ok=True)


# Order flow


def set_levels(book: L2Book, bids, asks) -> L2Book:
    book.clear()
    for side, levels in ((BUY, bids), (SELL, asks)):
        for px, qty in levels:
            book.apply_update(side, px, qty)
    return book


def test_flow_by_hand():
    """Every case of the definition: better, equal and worse prices on both sides."""
    flow, book = OrderFlow(1), L2Book(1)
    steps = [
        (([(100, 5)], [(102, 5)]), 0),
        (([(100, 8)], [(102, 5)]), 3),  # the bid grew by 3
        (([(101, 4)], [(102, 5)]), 4),  # a better bid of 4
        (([(100, 8)], [(102, 5)]), -4),  # it left
        (([(100, 8)], [(102, 9)]), -4),  # the offer grew by 4
        (([(100, 8)], [(101, 2)]), -2),  # a better offer of 2
        (([(100, 8)], [(102, 9)]), 2),  # it left
        (([], [(102, 9)]), -8),
        (([], []), 9),
        (([(99, 1)], [(103, 2)]), 1 - 2),
    ]
    for (bids, asks), want in steps:
        assert flow.update(set_levels(book, bids, asks)).tolist() == [want]
    assert flow.total().tolist() == [sum(want for _, want in steps)] == flow.take().tolist()
    assert flow.total().tolist() == [0]
    assert flow.update(set_levels(book, [(99, 2)], [(103, 2)])).tolist() == [1]
    flow.reset()
    assert (flow.updates, flow.levels) == (0, 1)
    assert flow.update(set_levels(book, [(99, 50)], [])).tolist() == [0]


def plain_flow(before, after, n: int) -> int:
    """The definition, with absent levels behind every price."""
    e = 0
    for side, sign in ((0, 1), (1, -1)):
        p, q = before[side][n] if n < len(before[side]) else (-sign * math.inf, 0)
        p2, q2 = after[side][n] if n < len(after[side]) else (-sign * math.inf, 0)
        e += sign * (q2 if sign * p2 >= sign * p else 0) - sign * (
            q if sign * p2 <= sign * p else 0
        )
    return e


states = st.tuples(
    st.dictionaries(st.integers(1, 8), st.integers(1, 9), max_size=6),
    st.dictionaries(st.integers(9, 16), st.integers(1, 9), max_size=6),
)


@given(st.lists(states, min_size=2, max_size=8), st.integers(1, 5))
def test_flow_of_any_states(pictures, levels):
    flow, book = OrderFlow(levels), L2Book(1)
    last, sums = None, [0] * levels
    for below, above in pictures:
        now = (sorted(below.items(), reverse=True), sorted(above.items()))
        found = flow.update(set_levels(book, *now)).tolist()
        want = [0 if last is None else plain_flow(last, now, n) for n in range(levels)]
        assert found == want
        sums = [a + b for a, b in zip(sums, want, strict=True)]
        last = now
    assert flow.total().tolist() == sums


@given(
    st.lists(
        st.tuples(
            st.integers(1, 12), st.sampled_from([BUY, SELL]), st.integers(1, 9), st.integers(1, 9)
        ),
        max_size=40,
    ),
    st.integers(1, 3),
)
def test_following_records_equals_the_states_of_a_model(orders, levels):
    """Rows exist where the top levels changed; their flow is that of the model's states."""
    book, model, flow = L3Book(2), ModelBook(), OrderFlow(levels)
    raw, states = b"", []
    for seq, (ref, side, px, qty) in enumerate(orders, 1):
        if ref in model.by_ref:
            model.delete(ref)
            raw += delete(ref, ring_seq=seq)
        else:
            model.add(ref, side, px, qty)
            raw += add(ref, side, px, qty, ring_seq=seq)
        states.append((seq, tuple(model.levels(1, s)[:levels] for s in (BUY, SELL))))
    rows = flow.follow(book, raw, instrument_id=1)
    by_seq = {int(r["ring_seq"]): r["flow"].tolist() for r in rows}
    for (_, before), (seq, now) in pairwise(states):
        want = [plain_flow(before, now, n) for n in range(levels)]
        if before != now:
            assert by_seq[seq] == want
        else:
            assert not any(want) and not any(by_seq.get(seq, [0]))


def test_a_snapshot_is_no_flow():
    flow, book = OrderFlow(1), L3Book(2)
    snapshot = {"flags": int(MarketFlag.SNAPSHOT)}
    flow.follow(book, add(1, BUY, 5, 5) + add(2, SELL, 7, 5), instrument_id=1)
    raw = clear(1) + add(3, BUY, 6, 50, **snapshot) + add(4, SELL, 7, 50, **snapshot)
    assert len(flow.follow(book, raw, instrument_id=1)) == 0
    rows = flow.follow(book, cancel(3, 10, ring_seq=5) + add(9, BUY, 9, 9, 2), instrument_id=1)
    assert rows.tolist() == [(0, 5, [-10])] or rows["flow"].tolist() == [[-10]]
    assert rows["ring_seq"].tolist() == [5]


def test_a_flow_that_does_not_fit():
    flow, book = OrderFlow(1), L2Book(1)
    flow.update(book)
    flow.update(set_levels(book, [(1, 2**62)], []))
    before = flow.total().tolist()
    flow.update(set_levels(book, [(2, 2**62 - 1)], []))
    with pytest.raises(NumericOverflowError):
        flow.update(set_levels(book, [(3, 1)], []))
    assert flow.total().tolist() == [before[0] + 2**62 - 1]


def test_arrays_are_of_their_type():
    assert FeatureFiller(3).array.dtype == FEATURES
    assert OrderFlow(2).total().dtype == np.int64
