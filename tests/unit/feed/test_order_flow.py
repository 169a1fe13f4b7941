"""Order flow in regimes, and recordings of two venues."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tectra.book.l2 import L2Book
from tectra.book.l3 import L3Book
from tectra.core.errors import FileFormatError, InputError
from tectra.core.msg import DTYPES, HEAD, MarketFlag, Template
from tectra.feed.flow_gen import FlowGenerator, Regime, decode_framed
from tectra.feed.order_flow import REGIMES, OrderFlow
from tectra.feed.protocol import Feed
from tectra.feed.recording import VenueRecording, snapshot_records
from tectra.journal.scan import walk

S = 1_000_000_000


def drain(flow: OrderFlow, max_slots: int = 2048) -> NDArray[np.uint8]:
    parts = []
    while (batch := flow.next_batch(max_slots)) is not None:
        assert 0 < len(batch) <= max(2, max_slots) * 64
        parts.append(batch)
    return np.concatenate(parts)


def looked_at(regime: str) -> dict[str, float]:
    """Mean spread and depth, crossed tops, trades and the fair path of ten seconds."""
    flow = OrderFlow(["A"], seed=5, schedule=[(0, "calm"), (5 * S, regime)], span_ns=15 * S,
                     rate=5000.0)  # fmt: skip
    book, spreads, depth, crossed = L3Book(), [], [], 0
    trades = 0
    while (batch := flow.next_batch(512)) is not None:
        if not book.apply(batch):
            continue  # the definitions
        starts, _ = walk(batch)
        heads = batch.reshape(-1, 64)[starts].view(HEAD).reshape(-1)
        late = heads["ts_event_ns"] > flow.midnight_ns + 8 * S
        trades += int((np.isin(heads["template_id"], (3, 4, 8)) & late).sum())
        bid, ask = book.best_bid(1), book.best_ask(1)
        if bid and ask and late.all():
            spreads.append(ask[0] - bid[0])
            depth.append(book.live_orders)
            crossed += bid[0] >= ask[0]
    assert book.fault_report().total == 0 and book.check()
    fair = flow.truth["fair_price"][80:]
    return {
        "spread": float(np.mean(spreads)), "depth": float(np.mean(depth)),
        "crossed": float(crossed), "trades": float(trades), "drift": float(fair[-1] - fair[0]),
        "noise": float(np.abs(np.diff(fair)).mean()),
    }  # fmt: skip


def test_regimes_are_what_they_say() -> None:
    seen = {name: looked_at(name) for name in REGIMES}
    calm = seen["calm"]
    assert seen["volatile"]["noise"] > 2 * calm["noise"]
    assert seen["volatile"]["spread"] > calm["spread"]
    assert seen["thin"]["depth"] < calm["depth"] / 3
    assert seen["thin"]["spread"] > calm["spread"]
    assert seen["trending"]["drift"] > 1.0 > -1.0 > seen["falling"]["drift"]
    assert abs(seen["mean_reverting"]["drift"]) < 0.5
    assert seen["crossed"]["crossed"] > 0
    assert all(s["crossed"] == 0 for name, s in seen.items() if name != "crossed")
    assert all(s["trades"] > 10 for s in seen.values())


def test_truth_and_labels() -> None:
    schedule = [(0, "calm"), (2 * S, "thin"), (3 * S + 1, "calm")]
    flow = OrderFlow(["A", "B"], schedule=schedule, span_ns=4 * S, prices=[50.0, 80.0])
    assert isinstance(flow, Feed)
    records = drain(flow)
    truth = flow.truth
    assert truth["fair_price"][:2].tolist() == [50.0, 80.0]
    assert len(truth) == 2 * 41
    labels = [flow.label(int(r)) for r in truth["regime"][::2]]
    assert labels[:20] == ["calm"] * 20 and labels[20:31] == ["thin"] * 11
    assert labels[31:] == ["calm"] * 10
    # The book follows the truth.
    book = L3Book()
    book.apply(records)
    for number in (1, 2):
        fair = truth[truth["instrument_id"] == number]["fair_price"][-1]
        bid, ask = book.best_bid(number), book.best_ask(number)
        assert bid is not None and ask is not None
        assert abs((bid[0] + ask[0]) / 2e4 - fair) < 0.2


def test_same_seed_same_records_whatever_the_batches() -> None:
    def run(seed: int, size: int) -> bytes:
        return drain(OrderFlow(["A", "B"], seed=seed, span_ns=2 * S), size).tobytes()

    assert run(1, 64) == run(1, 2) == run(1, 100_000)
    assert run(1, 64) != run(2, 64)


def test_flow_refuses() -> None:
    for bad in (
        {"schedule": []}, {"schedule": [(1, "calm")]}, {"schedule": [(0, "calm"), (0, "thin")]},
        {"schedule": [(0, "x")]}, {"span_ns": 0}, {"rate": 0}, {"symbols": []},
        {"symbols": ["A", "A"]}, {"prices": [1.0, 2.0]}, {"prices": [0.0]}, {"seed": -1},
        {"symbols": ["TOOLONGNAME"]}, {"truth_ns": 0},
    ):  # fmt: skip
        with pytest.raises(InputError):
            OrderFlow(**bad)
    with pytest.raises(InputError):
        FlowGenerator(["A"], [100], [Regime(orders=0)], seed=1, start_ns=0)
    gen = FlowGenerator(["A"], [100], [Regime()], seed=1, start_ns=0)
    for call in (
        lambda: gen.cross(1, "O"),
        lambda: gen.imbalances("O", 0, 2),
        lambda: gen.best(-1),
    ):
        with pytest.raises(InputError):
            call()
    with pytest.raises(FileFormatError):
        decode_framed(np.frombuffer(b"\0\x05ABCDE", np.uint8), 0, 0)


def test_a_small_pool_is_survived() -> None:
    """Orders that find no room are not sent; the flow goes on and stays true."""
    gen = FlowGenerator(["A", "B"], [5000, 5000], [Regime()], seed=1, start_ns=0, orders_max=20)
    book, done = L3Book(), False
    while not done:
        data, _, done = gen.run(5 * S, 100_000.0)
        book.apply(decode_framed(data, 0, 0))
    assert book.fault_report().total == 0
    assert book.live_orders == gen.live_orders < 20


def chunks(**how: Any) -> list[Any]:
    return list(VenueRecording(**{"span_ns": 3 * 3600 * S, **how}).chunks())


def test_recording_is_whole() -> None:
    made = chunks()
    assert [c.venue for c in made] == ["binance", "bybit"] * 3
    for venue in ("binance", "bybit"):
        rows = np.concatenate([c.snapshots for c in made if c.venue == venue])
        trades = np.concatenate([c.trades for c in made if c.venue == venue])
        assert len(rows) == 3 * 3600
        assert (np.diff(rows["seq"].astype(int)) == 1).all()
        assert (np.diff(trades["trade_id"].astype(int)) == 1).all()
        assert (np.diff(rows["ts_event_ns"]) > 0).all() and (
            np.diff(trades["ts_event_ns"]) >= 0
        ).all()
        assert (rows["ts_recv_ns"] > rows["ts_event_ns"]).all()
        assert (np.diff(rows["bid_px"], axis=1) < 0).all()
        assert (np.diff(rows["ask_px"], axis=1) > 0).all()
        assert (rows["bid_px"][:, 0] < rows["ask_px"][:, 0]).all()
        assert (rows["bid_qty"] > 0).all() and (rows["ask_qty"] > 0).all()
        assert rows["bid_px"].shape[1] == 20
    again = chunks()
    assert all(
        a.snapshots.tobytes() == b.snapshots.tobytes() for a, b in zip(made, again, strict=True)
    )
    assert chunks(seed=2)[0].snapshots.tobytes() != made[0].snapshots.tobytes()


def test_recording_has_the_gaps_asked_for() -> None:
    made = chunks(gaps=[("bybit", 100 * S, 160 * S)])
    rows = np.concatenate([c.snapshots for c in made if c.venue == "bybit"])
    jumps = np.flatnonzero(np.diff(rows["seq"].astype(int)) != 1)
    assert len(jumps) == 1
    assert int(rows["seq"][jumps[0] + 1]) - int(rows["seq"][jumps[0]]) == 61
    assert len(np.concatenate([c.snapshots for c in made if c.venue == "binance"])) == 3 * 3600
    for bad in (
        {"venues": []}, {"every_ns": 7 * S}, {"span_ns": 0}, {"levels": 0}, {"seed": -1},
        {"gaps": [("kraken", 0, 1)]}, {"gaps": [("bybit", 5, 5)]},
    ):  # fmt: skip
        with pytest.raises(InputError):
            chunks(**bad)


def test_snapshots_as_records() -> None:
    rows = chunks(span_ns=2 * S)[0].snapshots
    slots = snapshot_records(rows)
    levels = slots.view(DTYPES[Template.BOOK_LEVEL])
    assert len(levels) == 2 * 40
    assert (levels["flags"] & MarketFlag.LAST > 0).sum() == 2
    book = L2Book()
    book.apply(slots[: 40 * 64])
    assert levels["px"][0] == rows["bid_px"][0, 0]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_weeks() -> None:
    seen = dict.fromkeys(("binance", "bybit"), 0)
    for chunk in VenueRecording(span_ns=14 * 86_400 * S).chunks():
        assert int(chunk.snapshots["seq"][0]) == seen[chunk.venue] + 1
        seen[chunk.venue] = int(chunk.snapshots["seq"][-1])
    assert set(seen.values()) == {14 * 86_400}
