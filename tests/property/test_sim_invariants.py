"""What holds for any own orders in any flow: no volume used twice, the same bits each time."""

import hashlib
import random
from collections import Counter, defaultdict
from decimal import Decimal

from fifo_matcher import FifoMatcher, flow
from hypothesis import given
from hypothesis import strategies as st
from sim_scene import Scene, free, record

from tectra.core.msg import FillReason, IntentAction, Liquidity, MarketFlag, Template
from tectra.sim import FeeConfig, LatencyConfig, SimConfig

TEMPLATES = {
    "add": Template.BOOK_ADD,
    "execute": Template.BOOK_EXECUTE,
    "reduce": Template.BOOK_CANCEL,
    "delete": Template.BOOK_DELETE,
    "replace": Template.BOOK_REPLACE,
    "trade": Template.TRADE,
}


def own_request(rng: random.Random, order_id: int, known: list[int]):
    """A random request: mostly new orders of all kinds, some cancels and replaces."""
    roll = rng.random()
    fields = {"instrument_id": 1, "px": 100 + rng.randint(-4, 4), "qty": rng.randint(1, 30)}
    if roll < 0.6 or not known:
        kind, tif = rng.choice((1, 1, 1, 2, 3)), rng.choice((1, 1, 2, 3, 4))
        new = {"order_id": order_id, "action": 1, "side": rng.choice((1, 2))}
        known.append(order_id)
        return record(Template.ORDER_SEND, **fields, **new, order_type=kind, tif=tif)
    action = IntentAction.CANCEL if roll < 0.8 else IntentAction.MODIFY
    return record(Template.ORDER_SEND, **fields, order_id=rng.choice(known), action=action)


def steps(seed: int, config: SimConfig):
    """Random own orders in a random flow; yields (exchange, record or None, reports) by step."""
    rng = random.Random(seed)
    history = FifoMatcher()
    for now, name, *args in flow(rng, 250, hidden=0.1, ioc=0.2):
        history.command(now, name, *args)
    scene, known = Scene(config), []
    sim = scene.sim
    for i, (now, kind, fields) in enumerate(history.records):
        if rng.random() < 0.4:
            sim.submit(own_request(rng, i + 1, known), now_ns=now - 5)
        while sim.next_arrival_ns is not None and sim.next_arrival_ns <= now:
            sim.arrive()
            sim.check()
            yield sim, None, sim.reports()
        more = {"flags": MarketFlag.HIDDEN} if kind == "trade" else {}
        row = record(TEMPLATES[kind], instrument_id=1, ts_event_ns=now, **fields, **more)
        sim.on_market(row)
        sim.check()
        yield sim, row, sim.reports()


def fees() -> FeeConfig:
    return FeeConfig(maker_rate=Decimal("-0.0001"), taker_rate=Decimal("0.0004"), per_unit=2)


@given(seed=st.integers(0, 2**32))
def test_no_volume_is_used_twice_and_no_order_overfilled(seed):
    left: dict[int, int] = {}
    done: set[int] = set()
    volume: dict[FillReason, Counter[str]] = defaultdict(Counter)
    for sim, row, reports in steps(seed, free(fees=fees())):
        given_qty = 0
        for r in reports:
            order_id, template = int(r["order_id"]), r["template_id"]
            if template == Template.ORDER_ACK:
                left[order_id] = int(r["leaves_qty"])
                assert r["leaves_qty"] > 0
                assert order_id not in done
            elif template == Template.ORDER_FILL:
                left[order_id] -= int(r["qty"])
                given_qty += int(r["qty"])
                assert r["leaves_qty"] == left[order_id] >= 0
                reason = FillReason(r["fill_reason"])
                maker = reason != FillReason.TOOK_LIQUIDITY
                assert (r["liquidity"] == Liquidity.MAKER) == maker == (row is not None)
                volume[reason]["n"] += 1
                if left[order_id] == 0:
                    done.add(order_id)
            elif template == Template.ORDER_CANCEL:
                assert r["qty"] == left.pop(order_id) > 0
                done.add(order_id)
        if row is not None:
            assert given_qty <= (int(row["qty"]) if "qty" in row.dtype.names else 0)
        resting = {o.order_id: o.leaves_qty for o in sim.open_orders()}
        assert resting == {i: q for i, q in left.items() if i not in done and q}


@given(seed=st.integers(0, 2**32))
def test_takers_get_no_more_than_the_book_shows(seed):
    """Between two changes of a level, all own orders together take at most what it shows."""
    taken: Counter[tuple[int, int]] = Counter()
    for sim, row, reports in steps(seed, free()):
        if row is not None:
            taken.clear()
            continue
        for r in reports:
            if r["template_id"] == Template.ORDER_FILL:
                other = 3 - int(r["side"])
                taken[other, int(r["px"])] += int(r["qty"])
        for (side, px), qty in taken.items():
            assert qty <= sim.book.level_qty(1, side, px)


@given(seed=st.integers(0, 2**32))
def test_reports_arrive_in_order_and_are_numbered(seed):
    latency = LatencyConfig(entry_ns=20, response_ns=10, jitter_ns=50, seed=seed)
    last_event = last_recv = execs = 0
    for _, _, reports in steps(seed, free(latency=latency)):
        for r in reports:
            assert r["ts_event_ns"] >= last_event
            assert r["ts_recv_ns"] >= max(last_recv, r["ts_event_ns"] + 10)
            last_event, last_recv = int(r["ts_event_ns"]), int(r["ts_recv_ns"])
            if r["template_id"] == Template.ORDER_FILL:
                execs += 1
                assert r["exec_id"] == execs


def digest(seed: int, latency_seed: int) -> str:
    out = hashlib.sha256()
    latency = LatencyConfig(entry_ns=20, response_ns=10, jitter_ns=80, seed=latency_seed)
    for _, _, reports in steps(seed, free(latency=latency, fees=fees())):
        for r in reports:
            out.update(r.tobytes())
    return out.hexdigest()


def test_the_same_run_gives_the_same_bits():
    assert digest(1, 1) == digest(1, 1)
    assert len({digest(1, 1), digest(1, 2), digest(2, 1)}) == 3
