"""The seeded simulation: the same seed is the same run, and what is planted is found."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from engine_scene import Quiet
from journal_image import scratch

from tectra.backtest import StrategyRun
from tectra.core.errors import InputError, SimulationError, StoppedError
from tectra.core.msg import IntentAction, RiskRule, Side, Template
from tectra.core.record import encode
from tectra.core.stop import StopSignals, request_stop
from tectra.feed.recovery import LineRecovery
from tectra.testing import Fault, Faults, simulate
from tectra.testing import trader as trader_module
from tectra.testing.oracle import Oracle, requests_of
from tectra.testing.plain_book import PlainBook
from tectra.testing.trader import Trader

FAULTY = Faults(
    loss=0.1, duplicate=0.1, reorder=0.1, damage=0.03, down=0.005, resend=0.4, snapshot=0.3,
    halt=0.3, limit=0.01, kill=0.04, crash=0.03, slow=1.0,
)  # fmt: skip


@pytest.fixture
def where() -> Iterator[Path]:
    with scratch() as path:
        yield path


def run(where: Path, seed: int, **more: Any):
    return simulate(seed, where / "run", **{"steps": 600, **more})


def test_a_seed_is_a_run(where: Path) -> None:
    first, again, other = (run(where, seed, faults=FAULTY) for seed in (11, 11, 4))
    assert first == again
    assert first.trace != other.trace
    assert first.lives > 1 and first.sends > 50 and first.fills > 0 and first.looks > 3
    assert str(first) == str(again)
    assert "seed 11: 600 messages" in str(first) and "line_loss=" in str(first)
    assert list((where / "run").iterdir()) == []


def test_a_calm_market_loses_nothing(where: Path) -> None:
    report = run(where, 5, faults=Faults())
    assert report.lost == 0 and report.lives == 1
    assert {f for f in report.faults if report.faults[f]} <= {
        Fault.VENUE_REJECT, Fault.PARTIAL_FILL, Fault.RISK_REJECT,
    }  # fmt: skip


def test_only_what_is_asked_for_goes_wrong(where: Path) -> None:
    report = run(where, 6, faults=Faults(loss=0.3))
    assert report.faults[Fault.LINE_LOSS] > 20 and report.faults[Fault.GAP]
    assert not report.faults[Fault.LINE_DUPLICATE] and not report.faults[Fault.CRASH_KILL]


@pytest.mark.timeout(30)
def test_another_process_and_hash_seed_are_the_same_run(
    fresh_env: dict[str, str], where: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tectra", "simulate", "--seed", "9", "--steps", "400",
         "--json", "--out", where / "other"],
        env={**fresh_env, "PYTHONHASHSEED": "77"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (said,) = json.loads(done.stdout)["seeds"]
    mine = run(where, 9, steps=400)
    assert (said["trace"], said["records"]) == (mine.trace, mine.records)


# ---- what is planted is found ----


def lying_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that says a sync is done and has not written its last sectors."""
    lose = trader_module.lose_tail
    monkeypatch.setattr(
        trader_module, "lose_tail", lambda path, seq, dice: lose(path, max(1, seq - 200), dice)
    )


def forgotten_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A feed that goes on behind a gap as if nothing were missing."""

    def give_up(self: Any, now_ns: int, last: int) -> None:
        self._stream.give_up(last)

    monkeypatch.setattr(LineRecovery, "_give_up", give_up)


def deaf_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that was wired to another kill word than the operator's."""
    start = Trader._start

    def wired(self: Trader) -> None:
        start(self)
        self.kill = type(self.kill).private()

    monkeypatch.setattr(Trader, "_start", wired)


def lost_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that drops one fill in ten."""
    step = Trader.step

    def drop(self: Trader, record: bytes) -> None:
        if record[2] == Template.ORDER_FILL and record[40] % 10 == 0:
            self.oracle.reported.add(record[16:])
            return
        step(self, record)

    monkeypatch.setattr(Trader, "step", drop)


def renumbered_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that gives one fill in ten twice, with another execution id."""
    step = Trader.step

    def twice(self: Trader, record: bytes) -> None:
        step(self, record)
        if record[2] == Template.ORDER_FILL and record[40] % 10 == 0:
            step(self, record[:72] + (1 << 40).to_bytes(8, "little") + record[80:])

    monkeypatch.setattr(Trader, "step", twice)


def rule_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A risk chain that looks at no quantity."""
    start = Trader._start

    def switched(self: Trader) -> None:
        start(self)
        self.pipeline.step_record(
            encode(Template.CONTROL_LIMIT, rule=RiskRule.MAX_QTY, new_value=-2)  # off
        )

    monkeypatch.setattr(Trader, "_start", switched)


def lost_delete(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every book of the code takes a message for another than it is."""
    take = PlainBook.take

    def other(self: PlainBook, message: bytes) -> None:
        if message[:1] != b"D" or message[18] % 16:
            take(self, message)

    monkeypatch.setattr(PlainBook, "take", other)


def forgotten_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order table that no longer has an order whose quantity is still reserved."""
    check = Oracle.check

    def forget(self: Oracle, pipeline: Any) -> None:
        orders = pipeline.orders.open_orders()
        table = SimpleNamespace(
            verify=pipeline.orders.verify, find=pipeline.orders.find, open_orders=lambda: orders[1:]
        )
        check(self, SimpleNamespace(orders=table, portfolio=pipeline.portfolio))

    monkeypatch.setattr(Oracle, "check", forget)


PLANTED = [
    (lying_disk, "after recovery|never made|differ|StrategyCallbackError"),
    (forgotten_gap, "is called sound|sent on a book|not valid"),
    (deaf_kill, "left after the kill word"),
    (lost_report, "open orders|positions|after recovery"),
    (renumbered_fill, "positions|after recovery"),
    (rule_off, "sent beyond its limit, MAX_QTY"),
    (lost_delete, "is called sound|not what its messages say"),
    (forgotten_order, "reserved"),
]


def test_a_request_that_the_gate_refused_did_not_leave() -> None:
    names = [(5, IntentAction.SUBMIT), (5, IntentAction.CANCEL), (6, IntentAction.SUBMIT)]
    sends = [encode(Template.ORDER_SEND, order_id=n, action=a) for n, a in names]
    gate = encode(
        Template.ORDER_REJECT, order_id=6, action=IntentAction.SUBMIT, text=b"gate: killed"
    )
    venue = encode(Template.ORDER_REJECT, order_id=5, action=IntentAction.SUBMIT, text=b"no")
    assert requests_of(b"".join([*sends, gate, venue])) == sends[:2]


def first_failure(where: Path, **more: Any) -> SimulationError:
    """Of at most 20 seeds."""
    for seed in range(20):
        try:
            simulate(seed, where / f"seed-{seed}", **{"steps": 400, "faults": FAULTY, **more})
        except SimulationError as error:
            return error
    raise AssertionError("nothing found in 20 seeds")


@pytest.mark.parametrize(("plant", "said"), PLANTED, ids=[p.__name__ for p, _ in PLANTED])
def test_what_is_planted_is_found(plant, said, where, monkeypatch) -> None:
    plant(monkeypatch)
    failure = first_failure(where)
    assert any(word in str(failure) for word in said.split("|")), str(failure)
    again = f"`simulate({failure.seed}, DIRECTORY, steps=400)` with the same faults"
    assert str(failure).endswith(f"repeat it with {again}")
    assert failure.trace and any("crash" in note or "=" in note for note in failure.__notes__)
    # What was on the disk is there to look at.
    assert any((where / f"seed-{failure.seed}").iterdir())


@pytest.mark.timeout(60)
def test_a_failing_seed_fails_a_hundred_times_the_same(where, monkeypatch) -> None:
    forgotten_gap(monkeypatch)
    first = first_failure(where)
    for number in range(100):
        with pytest.raises(SimulationError) as found:
            simulate(first.seed, where / f"again-{number}", steps=400, faults=FAULTY)
        assert (str(found.value), found.value.trace) == (str(first), first.trace)


class Careless(Quiet):
    """Looks at prices and not at whether they are to be trusted."""

    def on_start(self, ctx):
        self.updates = 0

    def on_book_update(self, ctx, book):
        self.updates += 1
        if book.ask_px and self.updates % 5 == 0:
            ctx.submit_order(book.instrument, Side.BUY, qty=100, px=book.ask_px)


class Raising(Quiet):
    def on_fill(self, ctx, fill):
        raise ValueError("on purpose")

    def on_book_update(self, ctx, book):
        if book.tradeable:
            ctx.submit_order(book.instrument, Side.BUY, qty=100, px=book.ask_px)


def test_a_careless_strategy_is_named(where: Path) -> None:
    careless = {"strategies": [StrategyRun(Careless)], "faults": Faults(halt=1.0), "steps": 1_500}
    failure = first_failure(where, **careless)
    assert "sent on a book that is NONE, state b'H'" in str(failure)
    assert f"`simulate({failure.seed}, DIRECTORY, steps=1500)`" in str(failure)
    assert str(failure).endswith("with the same strategies and faults")
    assert simulate(failure.seed, where / "wanted", careful=(), **careless).sends > 10


def test_what_a_strategy_raises_is_said(where: Path) -> None:
    with pytest.raises(SimulationError, match=r"StrategyCallbackError.*on_fill.*on purpose"):
        run(where, 1, strategies=[StrategyRun(Raising)], faults=Faults())


MINE = """
import tectra as tt


class Mine(tt.Strategy):
    def on_start(self, ctx):
        raise ValueError("on purpose")

    on_book_update = on_trade = on_fill = lambda self, ctx, what: None

    def on_timer(self, ctx, timestamp):
        pass

    def on_params_update(self, params):
        pass
"""


@pytest.mark.parametrize(
    ("more", "again"),
    [
        ({}, "`tectra simulate --seed 2 --steps 600 '{}'`"),
        ({"faults": Faults()}, "`tectra simulate --seed 2 --steps 600 --calm '{}'`"),
        ({"faults": FAULTY}, "`simulate(2, DIRECTORY, steps=600)` with the same faults"),
        ({"careful": ()}, "`simulate(2, DIRECTORY, steps=600)` with the same careful"),
    ],
)
def test_what_is_said_repeats_it(more: dict[str, Any], again: str, where: Path) -> None:
    path = where / "my own.py"
    path.write_text(MINE)
    with pytest.raises(SimulationError, match="on purpose") as found:
        run(where, 2, strategies=[StrategyRun(str(path))], **more)
    assert str(found.value).endswith(f"repeat it with {again.format(path)}")


@pytest.mark.parametrize("more", [{}, {"faults": Faults()}])
def test_a_seed_that_is_stopped_says_so_and_leaves_nothing(
    more: dict[str, Any], where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = Trader.poll

    def stop(self: Trader) -> None:
        poll(self)
        if self.venue.sent > 200:
            request_stop()

    monkeypatch.setattr(Trader, "poll", stop)
    with StopSignals(), pytest.raises(StoppedError) as found:
        run(where, 8, **more)
    said = str(found.value)
    assert re.search(
        r"^stopped on request in seed 8, at message 2\d\d of 600; repeat it with", said
    )
    assert said.endswith(f"`tectra simulate --seed 8 --steps 600{' --calm' if more else ''}`")
    assert list((where / "run").iterdir()) == []


@pytest.mark.parametrize(("seed", "steps"), [(-1, 600), (1, 99), (1 << 62, 600)])
def test_wrong_numbers(seed: int, steps: int, where: Path) -> None:
    with pytest.raises(InputError, match="allowed"):
        run(where, seed, steps=steps)
    assert not (where / "run").exists()


def test_a_directory_in_use_is_left_alone(where: Path) -> None:
    (where / "run").mkdir()
    (where / "run" / "mine").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        run(where, 1)
    assert os.listdir(where / "run") == ["mine"]  # noqa: PTH208


@pytest.mark.parametrize("name", Faults.__struct_fields__)
def test_a_rate_is_a_probability(name: str) -> None:
    assert getattr(Faults(**{name: 1.0}), name) == 1.0
    for wrong in (-0.1, 1.1):
        with pytest.raises(InputError, match=name):
            Faults(**{name: wrong})
