"""Derived metrics, features and order flow on recorded books, beside plain NumPy and fractions.

The truth is LOBSTER's own book after each event: the references read nothing of ours.
"""

from fractions import Fraction

import numpy as np
import pytest
from book_records import clear, itch_records, lobster_rows, seed_records

from tectra.book import (
    L2Book,
    L3Book,
    MetricsPublisher,
    OrderFlow,
    book_features,
    book_metrics,
    cumulative_depth,
    depth_near,
    sweep,
)
from tectra.core.msg import Side

DERIVED = "itch/derived_AAPL_2012-06-21_0930-1000_from_lobster.itch.gz"
BOOK_50 = "lobster/MSFT_2012-06-21_orderbook_50_1000rows.csv"
BOOK_10 = "lobster/AAPL_2012-06-21_orderbook_10_first999.csv"
OPEN_NS = 34_200 * 10**9


def sides(row: list[int]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    cells = [row[n : n + 4] for n in range(0, len(row), 4)]
    return [(b, q) for _, _, b, q in cells if q > 0], [(a, q) for a, q, _, _ in cells if q > 0]


@pytest.fixture(scope="module")
def fifty(test_data) -> list[list[int]]:
    return [[int(c) for c in row] for row in lobster_rows(test_data / BOOK_50)][::20]


def test_metrics_and_features_of_fifty_levels(fifty):
    """Exact fractions over every twentieth of a thousand recorded books."""
    book = L3Book(1)
    for row in fifty:
        book.apply(clear(0) + b"".join(seed_records(row)))
        bids, asks = sides(row)
        metrics, features = book_metrics(book, 1, 10), book_features(book, 1, levels=10)
        b, a = (sum(q for _, q in s[:10]) for s in (bids, asks))
        mid = Fraction(bids[0][0] + asks[0][0], 2)
        press = [sum(q / abs(p - mid) for p, q in s[:10]) for s in (bids, asks)]
        assert metrics["mid_px2"] == 2 * mid and metrics["spread_px"] == asks[0][0] - bids[0][0]
        assert metrics["imbalance"] == pytest.approx(float(Fraction(b - a, b + a)), abs=1e-14)
        money = sum(p * q for s in (bids, asks) for p, q in s[:10])
        assert metrics["vwap"] == pytest.approx(float(Fraction(money, a + b)), rel=1e-14)
        want = float((press[0] - press[1]) / (press[0] + press[1]))
        assert metrics["pressure"] == pytest.approx(want, abs=1e-12)
        for n in (1, 5, 10, 20):
            b, a = (sum(q for _, q in s[:n]) for s in (bids, asks))
            want = float(Fraction(b - a, b + a))
            assert features[f"imbalance_{n}"] == pytest.approx(want, abs=1e-14)
        (b, pb), (a, pa) = (
            (n := sum(q for _, q in s[:10]), Fraction(sum(p * q for p, q in s[:10]), n))
            for s in (bids, asks)
        )
        want = float((pb * a + pa * b) / (a + b))
        assert features["depth_mid"] == pytest.approx(want, rel=1e-14)
        orders = book.levels(1, 10)["bid_orders"].sum()
        assert features["bid_orders"] == orders
        assert features["bid_order_qty"] == pytest.approx(b / orders)


def test_depth_and_sweeps_of_fifty_levels(fifty):
    book = L2Book(1)
    for row in fifty:
        book.clear()
        bids, asks = sides(row)
        for side, levels in ((Side.BUY, bids), (Side.SELL, asks)):
            for px, qty in levels:
                book.apply_update(side, px, qty)
        px, qty = (np.array(x) for x in zip(*asks, strict=True))
        for wanted in (100, 5_000, 100_000):
            taken = np.diff(np.minimum(np.cumsum(qty), wanted), prepend=0)
            found = sweep(book, Side.BUY, qty=wanted)
            assert found.notional == int((taken * px).sum())
            assert found.filled_qty == int(taken.sum())
        assert depth_near(book, distance_px=500).ask_qty == int(qty[px - px[0] <= 500].sum())
        mid = (bids[0][0] + asks[0][0]) / 2
        near = abs(px - mid) * 10_000 <= 10 * mid
        assert depth_near(book, bps=10).ask_qty == int(qty[near].sum())
        assert cumulative_depth(book, 50)["ask_qty"][: len(qty)].tolist() == qty.cumsum().tolist()


def test_order_flow_of_ten_levels_after_every_event(test_data):
    """Sums over the first 999 events of AAPL: the flow telescopes over states, so the events that
    change none of the ten levels make no difference.
    """
    truth = np.array([[int(c) for c in row] for row in lobster_rows(test_data / BOOK_10)])
    ask_px, ask_qty, bid_px, bid_qty = (truth[:, n::4] for n in range(4))

    def one_side(px, qty, sign):
        up, down = sign * px[1:] >= sign * px[:-1], sign * px[1:] <= sign * px[:-1]
        return np.where(up, qty[1:], 0) - np.where(down, qty[:-1], 0)

    want = one_side(bid_px, bid_qty, 1) - one_side(ask_px, ask_qty, -1)
    want = want[want.any(axis=1)]
    records = itch_records(test_data / DERIVED)
    before = [r for r in records if int.from_bytes(r[16:24], "little") < OPEN_NS]
    instrument = int.from_bytes(records[0][32:36], "little")
    book, flow = L3Book(4), OrderFlow(10)
    book.apply(b"".join(before))
    # the first state of the file is known before the first difference
    book.apply(records[len(before)])
    flow.update(book, instrument)
    rows = flow.follow(book, b"".join(records[len(before) + 1 :]), instrument_id=instrument)
    found = rows["flow"][rows["flow"].any(axis=1)][: len(want)]
    assert len(want) > 700
    assert np.array_equal(found, want)


def test_published_metrics_of_half_an_hour(test_data):
    """PF-14: after every record, the same as the metrics of the book at that moment."""
    records = itch_records(test_data / DERIVED)[:12_000]
    publisher, plain = MetricsPublisher(L3Book(4), 5), L3Book(4)
    rows = publisher.apply(b"".join(records))
    assert len(rows) > 5_000
    at = {int(r["ring_seq"]): r for r in rows}
    (instrument,) = publisher.book.instrument_ids
    names = [n for n in rows.dtype.names if n not in ("ring_seq", "ts_event_ns", "ts_recv_ns")]
    silent, last = 0, None
    for n, record in enumerate(records):
        plain.apply(record)
        seq = int.from_bytes(record[8:16], "little")
        if n % 11:
            last = at.get(seq, last)
            continue
        silent += seq not in at
        last = at.get(seq, last)
        now = book_metrics(plain, instrument, 5)
        assert [str(last[name]) for name in names] == [str(now[name]) for name in names]
    assert silent > 10
