"""The loop: simulated time, latency, and who goes first at one instant."""

from typing import Any

import numpy as np
import pytest
from engine_scene import Engine, Quiet
from sim_scene import free, record

from tectra.backtest.driver import BacktestDriver
from tectra.core.errors import InputError, StoppedError, StrategyCallbackError
from tectra.core.msg import Side, Template
from tectra.core.stop import clear_stop, request_stop
from tectra.sim import LatencyConfig, SimConfig, SimExchange

BUY, SELL = Side.BUY, Side.SELL


class Logs(Quiet):
    """Writes down what it hears and when; runs one action on the first tradeable book."""

    def __init__(self, action: Any = None) -> None:
        super().__init__()
        self.action = action
        self.log: list[tuple[str, int]] = []

    def on_start(self, ctx):
        self.ctx = ctx

    def on_book_update(self, ctx, book):
        self.log.append(("book", ctx.now_ns))
        if book.tradeable and self.action is not None:
            action, self.action = self.action, None
            action(ctx, book)

    def on_fill(self, ctx, fill):
        self.log.append(("fill", ctx.now_ns))

    def on_timer(self, ctx, timestamp):
        self.log.append(("timer", timestamp))


class Loop:
    def __init__(self, strategy: Any, config: SimConfig | None = None, **options: Any) -> None:
        self.engine = Engine(strategy)
        self.pipeline = self.engine.pipeline
        self.exchange = SimExchange(self.pipeline.book, config=config or free())
        self.driver = BacktestDriver(self.pipeline, self.exchange, **options)

    def feed(self, *rows: np.void) -> None:
        self.driver.run(np.frombuffer(b"".join(r.tobytes() for r in rows), dtype=np.uint8))


def add(ts: int, ref: int, side: Side, px: int, qty: int) -> np.void:
    fields = {"ts_event_ns": ts, "ts_recv_ns": ts, "instrument_id": 1}
    return record(Template.BOOK_ADD, order_ref=ref, side=side, px=px, qty=qty, **fields)


def delete(ts: int, ref: int) -> np.void:
    fields = {"ts_event_ns": ts, "ts_recv_ns": ts, "instrument_id": 1}
    return record(Template.BOOK_DELETE, order_ref=ref, **fields)


def late(entry_ns: int, response_ns: int) -> SimConfig:
    latency = LatencyConfig(entry_ns=entry_ns, response_ns=response_ns)
    return free(latency=latency)


def take(ctx: Any, book: Any) -> None:
    ctx.submit_order("AAPL", BUY, qty=5, px=1_100, tif="IOC")


QUOTES = (add(10_000, 1, BUY, 1_000, 50), add(10_000, 2, SELL, 1_100, 50))


def test_an_order_arrives_after_its_latency_and_its_report_after_the_other():
    logs = Logs(take)
    loop = Loop(logs, late(100, 40))
    loop.feed(*QUOTES, add(10_139, 3, BUY, 900, 1), add(10_141, 4, BUY, 900, 1))
    assert logs.log == [
        ("book", 10_000),
        ("book", 10_000),
        ("book", 10_139),
        ("fill", 10_140),
        ("book", 10_141),
    ]


def test_at_one_instant_report_then_timer_then_market():
    def act(ctx: Any, book: Any) -> None:
        take(ctx, book)
        ctx.set_timer(due_ns=10_140)

    logs = Logs(act)
    loop = Loop(logs, late(100, 40))
    loop.feed(*QUOTES, add(10_140, 3, BUY, 900, 1))
    assert logs.log[2:] == [("fill", 10_140), ("timer", 10_140), ("book", 10_140)]


@pytest.mark.parametrize(("gone_at", "fills"), [(10_099, 0), (10_100, 0), (10_101, 1)])
def test_at_one_instant_market_data_goes_before_our_order(gone_at: int, fills: int):
    """An order that arrives together with a record finds the book after that record."""
    logs = Logs(take)
    loop = Loop(logs, late(100, 40))
    loop.feed(*QUOTES, delete(gone_at, 2))
    loop.driver.finish()
    assert sum(name == "fill" for name, _ in logs.log) == fills


def test_an_order_that_comes_at_the_instant_of_a_timer_waits_for_it():
    seen: list[int] = []

    class Timed(Logs):
        def on_timer(self, ctx, timestamp):
            seen.append(ctx.get_order(1).cum_qty)

    def act(ctx: Any, book: Any) -> None:
        take(ctx, book)
        ctx.set_timer(due_ns=10_100)

    loop = Loop(Timed(act), late(100, 0))
    loop.feed(*QUOTES, add(10_200, 3, BUY, 900, 1))
    assert seen == [0]


def test_without_latency_a_report_still_comes_after_the_record_that_caused_it():
    logs = Logs(take)
    loop = Loop(logs)
    loop.feed(*QUOTES, add(10_001, 3, BUY, 900, 1))
    assert logs.log == [("book", 10_000), ("book", 10_000), ("fill", 10_000), ("book", 10_001)]


def test_a_repeating_timer_fires_at_its_times_in_a_long_silence():
    logs = Logs(lambda ctx, book: ctx.set_timer(interval_ns=100))
    loop = Loop(logs)
    loop.feed(*QUOTES, add(10_450, 3, BUY, 900, 1))
    assert [t for name, t in logs.log if name == "timer"] == [10_100, 10_200, 10_300, 10_400]


def test_finish_lets_arrive_what_is_on_its_way_and_no_more():
    logs = Logs(take)
    loop = Loop(logs, late(100, 40))
    loop.feed(*QUOTES)
    assert ("fill", 10_140) not in logs.log
    loop.driver.finish()
    assert logs.log[-1] == ("fill", 10_140)
    far = Logs(take)
    loop = Loop(far, late(100, 2_000_000_000))
    loop.feed(*QUOTES)
    loop.driver.finish()
    assert far.log[-1][0] == "book"


def test_a_callback_that_raises_at_the_very_end_is_named_too():
    class Raises(Logs):
        def on_fill(self, ctx, fill):
            raise ValueError("late")

    loop = Loop(Raises(take), late(100, 40))
    loop.feed(*QUOTES)
    with pytest.raises(StrategyCallbackError, match="on_fill raised at record"):
        loop.driver.finish()


def test_samples_follow_simulated_time():
    loop = Loop(Logs(take), sample_ns=1_000)
    loop.feed(*QUOTES, add(13_500, 3, BUY, 900, 1))
    loop.driver.finish()
    times = [s[0] for s in loop.driver.samples]
    assert times == [10_000, 11_000, 12_000, 13_000, 13_500]
    assert loop.driver.samples[0][1] == {} and loop.driver.samples[-1][1] == {0: 2_100}
    # Bought 5 at 1,100, marked at 1,050.
    assert loop.driver.samples[-1][2] == [(1, 0, 5, 0, -250, 0)]


@pytest.mark.parametrize("sample_ns", [0, -1])
def test_a_step_of_samples_that_is_none(sample_ns: int):
    with pytest.raises(InputError, match="sample_ns: found"):
        Loop(Logs(), sample_ns=sample_ns)


def test_a_stop_is_heard_after_the_record_at_hand():
    def act(ctx: Any, book: Any) -> None:
        request_stop()

    logs = Logs(act)
    loop = Loop(logs)
    try:
        with pytest.raises(StoppedError, match="stopped on request after record"):
            loop.feed(*QUOTES, add(10_500, 3, BUY, 900, 1))
    finally:
        clear_stop()
    assert len(logs.log) == 2


def test_a_stop_is_heard_inside_a_storm_of_timers():
    """A timer that sets itself again at the same instant never lets time go on."""

    class Storm(Logs):
        def on_timer(self, ctx, timestamp):
            self.log.append(("timer", timestamp))
            ctx.set_timer(due_ns=timestamp)
            if len(self.log) > 500:
                request_stop()

    loop = Loop(Storm(lambda ctx, book: ctx.set_timer(due_ns=10_100)))
    try:
        with pytest.raises(StoppedError):
            loop.feed(*QUOTES, add(20_000, 3, BUY, 900, 1))
    finally:
        clear_stop()


def test_nothing_is_nothing():
    loop = Loop(Logs())
    loop.driver.run(np.zeros(0, dtype=np.uint8))
    loop.driver.finish()
    assert loop.driver.records == 0 and len(loop.driver.samples) == 1
