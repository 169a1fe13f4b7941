"""Ladders, depth and sweeps beside plain sums over lists of levels; tops of a whole market."""

from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pytest
from book_records import add
from hypothesis import given

from tectra.book import (
    CUMULATIVE,
    NO_PX,
    TOPS,
    BookState,
    L2Book,
    L3Book,
    cumulative_depth,
    depth_near,
    ladder_window,
    sweep,
)
from tectra.core.errors import InputError, NumericOverflowError
from tectra.core.msg import Side

BUY, SELL = Side.BUY, Side.SELL
sides = st.dictionaries(st.integers(1, 60), st.integers(1, 50), max_size=12)


def books(below: dict[int, int], above: dict[int, int]) -> tuple[L2Book, L3Book]:
    """The same levels, bids at 1000 - k, offers at 1000 + k, in both kinds of book."""
    level_book, order_book = L2Book(1), L3Book(2)
    order_book.add_instrument(1)
    ref = 0
    for side, sign, levels in ((BUY, -1, below), (SELL, 1, above)):
        for distance, qty in levels.items():
            level_book.apply_update(side, 1_000 + sign * distance, qty)
            for part in (1, qty - 1):  # two orders, where there is enough for two
                ref += 1
                if part:
                    order_book.apply(add(ref, side, 1_000 + sign * distance, part))
    assert order_book.depth_at(1, 99) == level_book.depth_at(99)
    return level_book, order_book


@given(sides, sides, st.integers(0, 70), st.integers(0, 800))
def test_depth_near(below, above, distance, bps):
    level_book, order_book = books(below, above)
    bids, asks = level_book.depth_at(99)
    near = [[(p, q) for p, q in s if abs(p - s[0][0]) <= distance] for s in (bids, asks)]
    want = tuple(sum(q for _, q in s) for s in near) + tuple(map(len, near))
    assert depth_near(level_book, distance_px=distance) == want
    assert depth_near(order_book, 1, distance_px=distance) == want
    mid = Fraction(bids[0][0] + asks[0][0], 2) if bids and asks else None
    near = [
        [(p, q) for p, q in s if mid is not None and abs(p - mid) * 10_000 <= bps * mid]
        for s in (bids, asks)
    ]
    want = tuple(sum(q for _, q in s) for s in near) + tuple(map(len, near))
    assert depth_near(level_book, bps=bps) == depth_near(order_book, 1, bps=bps) == want


@given(sides, sides, st.sampled_from([BUY, SELL]), st.integers(1, 400), st.integers(-70, 70))
def test_sweep(below, above, side, qty, off):
    level_book, order_book = books(below, above)
    bids, asks = level_book.depth_at(99)
    for limit in (None, 1_000 + off):
        left, worst, notional, levels = qty, None, 0, 0
        for px, there in asks if side is BUY else bids:
            beyond = limit is not None and (px > limit if side is BUY else px < limit)
            if left == 0 or beyond:
                break
            take = min(left, there)
            left, worst, notional, levels = left - take, px, notional + px * take, levels + 1
        want = (qty - left, notional, worst, levels)
        assert sweep(level_book, side, qty=qty, limit_px=limit) == want
        found = sweep(order_book, side, qty=qty, instrument_id=1, limit_px=limit)
        assert found == want
        assert found.average_px == (notional / want[0] if want[0] else None)


def test_sweep_of_absurd_prices_is_exact():
    book = L2Book(1)
    book.apply_update(SELL, 2**62, 2**62)
    book.apply_update(BUY, -(2**62), 2**62)
    assert sweep(book, BUY, qty=2**62).notional == 2**124
    assert sweep(book, SELL, qty=2**62).notional == -(2**124)


@given(sides, sides, st.integers(0, 30), st.integers(1, 7))
def test_ladder_window(below, above, ticks, tick):
    level_book, order_book = books(below, above)
    bids, asks = level_book.depth_at(99)
    best = [s[0][0] for s in (bids, asks) if s]
    if not best:
        with pytest.raises(InputError, match="the book is empty"):
            ladder_window(level_book, ticks, tick=tick)
        return
    middle = sum(best) // len(best) // tick * tick
    found = ladder_window(level_book, ticks, tick=tick)
    assert found["px"].tolist() == [middle + tick * k for k in range(-ticks, ticks + 1)]
    lows, ups = ({}, {})
    for px, qty in bids:
        lows[px // tick * tick] = lows.get(px // tick * tick, 0) + qty
    for px, qty in asks:
        ups[-(-px // tick) * tick] = ups.get(-(-px // tick) * tick, 0) + qty
    assert found["bid_qty"].tolist() == [lows.get(px, 0) for px in found["px"].tolist()]
    assert found["ask_qty"].tolist() == [ups.get(px, 0) for px in found["px"].tolist()]
    other = ladder_window(order_book, ticks, tick=tick, instrument_id=1)
    assert (other == found).all()


@given(sides, sides, st.integers(1, 15))
def test_cumulative_depth_and_levels(below, above, n):
    level_book, order_book = books(below, above)
    bids, asks = level_book.depth_at(99)
    found = cumulative_depth(level_book, n)
    assert found.dtype == CUMULATIVE
    for name, side in (("bid", bids), ("ask", asks)):
        assert found[f"{name}_px"].tolist() == [
            side[k][0] if k < len(side) else NO_PX for k in range(n)
        ]
        sums = np.cumsum([q for _, q in side][:n]).tolist()
        whole = sums + [sums[-1] if sums else 0] * (n - len(sums))
        assert found[f"{name}_qty"].tolist() == whole
    assert (cumulative_depth(order_book, n, instrument_id=1) == found).all()
    ladder, other = level_book.levels(n), order_book.levels(1, n)
    for name in ("bid_px", "bid_qty", "ask_px", "ask_qty"):
        assert ladder[name].tolist() == other[name].tolist()
    assert not ladder["bid_orders"].any() and not ladder["ask_orders"].any()


def test_tops_of_a_market():
    book = L3Book(8)
    assert len(book.tops()) == 0
    flow = [(70_000, BUY, 10, 3), (5, BUY, 9, 1), (5, SELL, 9, 2), (5, SELL, 9, 4), (6, SELL, 1, 1)]
    for ref, (instrument, side, px, qty) in enumerate(flow, 1):
        book.apply(add(ref, side, px, qty, instrument))
    book.add_instrument(7)
    found = book.tops()
    assert found.dtype == TOPS
    assert found.tolist() == [
        (70_000, BookState.NO_ASK, 10, 3, NO_PX, 0, 1, 0),
        (5, BookState.LOCKED, 9, 1, 9, 6, 1, 2),
        (6, BookState.NO_BID, NO_PX, 0, 1, 1, 0, 1),
        (7, BookState.NO_BID | BookState.NO_ASK, NO_PX, 0, NO_PX, 0, 0, 0),
    ]
    book.apply(add(99, BUY, 11, 1, 70_000))
    assert found["bid_px"][0] == 10  # a copy, not a view


def test_refusals():
    book = L2Book(1)
    with pytest.raises(InputError, match="either distance_px or bps"):
        depth_near(book)
    with pytest.raises(InputError, match="either distance_px or bps"):
        depth_near(book, distance_px=1, bps=1)
    with pytest.raises(InputError, match="allowed: 0 to 1000000"):
        depth_near(book, bps=-1)
    with pytest.raises(InputError, match="name one"):
        depth_near(L3Book(1), distance_px=1)
    with pytest.raises(InputError, match="L3Book, L2Book"):
        depth_near({}, distance_px=1)
    with pytest.raises(InputError, match="qty: found 0"):
        sweep(book, BUY, qty=0)
    with pytest.raises(InputError, match=r"Side\.BUY, Side\.SELL"):
        sweep(book, 0, qty=1)
    with pytest.raises(InputError, match="tick: found 0"):
        ladder_window(book, 1, tick=0, center_px=1)
    with pytest.raises(InputError, match="ticks: found -1"):
        ladder_window(book, -1, tick=1, center_px=1)
    with pytest.raises(InputError, match="those of an int64"):
        ladder_window(book, 10, tick=1, center_px=2**63 - 5)
    with pytest.raises(InputError, match="levels: found 0"):
        cumulative_depth(book, 0)
    book.apply_update(BUY, 1, 2**62)
    book.apply_update(BUY, 2, 2**62)
    for call in (
        lambda: depth_near(book, distance_px=5),
        lambda: cumulative_depth(book, 5),
        lambda: ladder_window(book, 1, tick=4),
    ):
        with pytest.raises(NumericOverflowError):
            call()
    book.apply_update(SELL, 2**63 - 1, 1)
    book.apply_update(BUY, 2**63 - 2, 1)
    with pytest.raises(NumericOverflowError, match="twice the middle"):
        depth_near(book, bps=1)
