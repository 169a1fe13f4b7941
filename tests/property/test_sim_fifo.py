"""The simulated exchange against an exact matcher that has the own order in its queue.

Until an own order trades, the world with it and the recorded world without it are the same: so the
first event that fills it, and what it gets from it, must agree exactly, whatever its size. For an
order of one unit that is its whole life. That holds for flow that a record shows: an
immediate-or-cancel order that found nothing left no trace, and hidden orders show only when they
trade; with those the simulation may be late, never early.
"""

import random

import pytest
from fifo_matcher import BUY, SELL, FifoMatcher, Resting, flow
from hypothesis import given
from hypothesis import strategies as st
from sim_scene import Scene, free, record

from tectra.core.msg import IntentAction, MarketFlag, Template, TimeInForce
from tectra.sim import SimExchange

TEMPLATES = {
    "add": Template.BOOK_ADD,
    "execute": Template.BOOK_EXECUTE,
    "reduce": Template.BOOK_CANCEL,
    "delete": Template.BOOK_DELETE,
    "replace": Template.BOOK_REPLACE,
    "trade": Template.TRADE,
}
OWN = 1_000_000


def rows(history: FifoMatcher) -> list:
    out = []
    for now, kind, fields in history.records:
        more = {"flags": MarketFlag.HIDDEN} if kind == "trade" else {}
        template = TEMPLATES[kind]
        out.append(record(template, instrument_id=1, ts_event_ns=now, **fields, **more))
    return out


def recorded(commands: list[tuple]) -> FifoMatcher:
    history = FifoMatcher()
    for now, name, *args in commands:
        history.command(now, name, *args)
    return history


def simulated(history: FifoMatcher, requests: list) -> tuple[list[tuple], SimExchange]:
    """Own fills (time, order, price, quantity) when `requests` meet the recording."""
    scene = Scene(free())
    sim, waiting = scene.sim, list(requests)
    for row in rows(history):
        while waiting and waiting[0][0] <= row["ts_event_ns"]:
            now, request = waiting.pop(0)
            sim.submit(request, now_ns=now)
            sim.arrive()
        sim.on_market(row)
        sim.check()
    for now, request in waiting:
        sim.submit(request, now_ns=now)
        sim.arrive()
    fills = [r for r in sim.reports() if r["template_id"] == Template.ORDER_FILL]
    return [(int(r["ts_event_ns"]), OWN, int(r["px"]), int(r["qty"])) for r in fills], sim


def real(commands: list[tuple], own: list[tuple]) -> list[tuple]:
    """Own fills when the own commands are part of the flow."""
    world = FifoMatcher()
    for now, name, *args in sorted([*commands, *own], key=lambda c: c[0]):
        world.now = now
        if name == "own":
            side, px, qty, rests = args
            world.limit(Resting(OWN, side, px, qty, 0, own=True), rests)
        else:
            world.command(now, name, *args)
    return world.own_fills


def first_event(fills: list[tuple]) -> list[tuple]:
    """What the first event that filled the order gave, by price."""
    got: dict[int, int] = {}
    for now, _, px, qty in fills:
        if now == fills[0][0]:
            got[px] = got.get(px, 0) + qty
    return [(fills[0][0], *got.items())] if fills else []


class Case:
    """A flow, and one own order in it with an optional cancel or replace later."""

    def __init__(self, seed: int, qty: int, hidden: float = 0.0, ioc: float = 0.0) -> None:
        rng = random.Random(seed)
        self.commands = flow(rng, 300, hidden, ioc)
        start = rng.randrange(20, 200)
        self.at = 1_005 + 10 * start
        self.side = rng.choice((BUY, SELL))
        self.px = 100 + rng.randint(-3, 3)
        self.qty = qty
        self.rests = rng.random() < 0.85
        self.end = self.at + 10 * rng.randrange(5, 100) if rng.random() < 0.5 else None
        self.history = recorded(self.commands)

    def request(self, now: int, **fields: int) -> tuple:
        base = {"instrument_id": 1, "order_id": OWN, "order_type": 1, "action": 1, "tif": 1}
        return now, record(Template.ORDER_SEND, **{**base, **fields})

    def run(self) -> tuple[list[tuple], list[tuple]]:
        tif = TimeInForce.DAY if self.rests else TimeInForce.IOC
        shape = {"side": self.side, "px": self.px, "qty": self.qty, "tif": tif}
        requests = [self.request(self.at, **shape)]
        own = [(self.at, "own", self.side, self.px, self.qty, self.rests)]
        if self.end is not None:
            requests.append(self.request(self.end, action=IntentAction.CANCEL))
            own.append((self.end, "delete", OWN))
        return simulated(self.history, requests)[0], real(self.commands, own)


@given(seed=st.integers(0, 2**32))
def test_an_order_of_one_unit_lives_the_same_life(seed):
    simulated_fills, real_fills = Case(seed, 1).run()
    assert simulated_fills == real_fills


@given(seed=st.integers(0, 2**32), qty=st.integers(2, 60))
def test_the_first_fill_of_any_order_is_exact(seed, qty):
    simulated_fills, real_fills = Case(seed, qty).run()
    assert first_event(simulated_fills) == first_event(real_fills)


@given(seed=st.integers(0, 2**32))
def test_what_no_record_shows_never_makes_it_optimistic(seed):
    case = Case(seed, 1, hidden=0.3, ioc=0.3)
    simulated_fills, real_fills = case.run()
    if simulated_fills:
        assert real_fills
        assert real_fills[0][0] <= simulated_fills[0][0]
        better = real_fills[0][2] - simulated_fills[0][2]
        assert better <= 0 if case.side == BUY else better >= 0


def test_the_cases_say_something():
    """Of 200 orders a good part fill, and late: the comparison is not between empty lists."""
    filled = late = 0
    for seed in range(200):
        case = Case(seed, 1)
        fills = case.run()[1]
        filled += bool(fills)
        late += bool(fills) and fills[0][0] > case.at
    assert filled > 80
    assert late > 40


@pytest.mark.parametrize("seed", range(20))
def test_a_replace_that_loses_its_place_is_exact(seed):
    case = Case(seed, 1)
    case.rests = True
    when, px = case.at + 200, case.px + (seed % 3 - 1)
    shape = {"side": case.side, "px": case.px, "qty": 1}
    requests = [
        case.request(case.at, **shape),
        case.request(when, px=px, qty=1, action=IntentAction.MODIFY),
    ]
    own = [(case.at, "own", case.side, case.px, 1, True), (when, "move", OWN, OWN, px, 1)]
    assert simulated(case.history, requests)[0] == real(case.commands, own)
