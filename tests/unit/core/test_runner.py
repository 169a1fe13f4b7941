"""Runners: where their threads run, how they end, and that no exception is lost."""

import os
import threading
import time
from pathlib import Path

import pytest

from tectra.core.clock_watch import ClockWatch
from tectra.core.cpu import PRODUCTION_CORES, allowed_cores, core_map
from tectra.core.errors import InputError, StateError
from tectra.core.runner import IdleStrategy, Runner, Worker, YieldIdle, make_runners
from tectra.core.stop import clear_stop, request_stop


class Counter:
    """Works `n` times, then has nothing to do."""

    def __init__(self, n: int = 0) -> None:
        self.left, self.calls = n, 0
        self.thread = 0

    def do_work(self) -> int:
        self.thread = threading.get_native_id()
        self.calls += 1
        if self.left:
            self.left -= 1
            return 1
        return 0


class Idle:
    """Notes what it is told; naps, so that tests do not spin."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def step(self, work: int) -> None:
        if len(self.told) < 1000:
            self.told.append(work)
        time.sleep(0.0002)


def until(condition, what: str) -> None:
    deadline = time.monotonic() + 4
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.001)


@pytest.fixture(autouse=True)
def no_stop():
    clear_stop()
    yield
    clear_stop()


def test_the_thread_is_pinned_and_named():
    before = os.sched_getaffinity(0)
    core = allowed_cores()[-1]
    worker = Counter()
    with Runner("market_data", [worker], core=core, idle=Idle()) as runner:
        assert os.sched_getaffinity(runner.native_id) == {core}
        comm = Path(f"/proc/self/task/{runner.native_id}/comm").read_text().strip()
        assert comm == "market_data"
        until(lambda: worker.calls > 3, "the worker works")
        assert worker.thread == runner.native_id
    assert not runner.running
    assert os.sched_getaffinity(0) == before
    assert [o.done for o in runner.outcomes] == [True, True]


def test_threads_of_a_core_map():
    allowed = allowed_cores()
    wanted = {"market_data": allowed[0], "strategy": allowed[-1]}
    fallback = "refuse" if len(allowed) > 1 else "share"
    cores = core_map(wanted, fallback=fallback)
    assert cores == wanted
    runners = make_runners({n: [Counter()] for n in wanted}, cores)
    for runner in runners.values():
        runner.idle = Idle()
        runner.start()
    try:
        for name, runner in runners.items():
            assert os.sched_getaffinity(runner.native_id) == {wanted[name]}
    finally:
        for runner in runners.values():
            runner.stop()
            runner.join(4)


def test_production_takes_cores_2_and_3(caplog):
    assert dict(PRODUCTION_CORES) == {"market_data": 2, "strategy": 3}
    assert core_map(allowed=(0, 1, 2, 3)) == {"market_data": 2, "strategy": 3}
    with pytest.raises(InputError, match=r"cores.market_data: core 2 is not among .*\(0, 1\)"):
        core_map(allowed=(0, 1))
    assert core_map(allowed=(0, 1), fallback="unpinned") == {"market_data": None, "strategy": None}
    assert "left to the scheduler" in caplog.text
    assert core_map(allowed=(0, 1), fallback="share") == {"market_data": 0, "strategy": 1}
    assert "shares core 1" in caplog.text
    with pytest.raises(InputError, match="core 2 is taken"):
        core_map({"a": 2, "b": 2}, allowed=(2, 3))
    with pytest.raises(InputError, match="allowed: refuse, share, unpinned"):
        core_map(fallback="maybe")


def test_a_core_that_is_not_there_fails_the_start():
    runner = Runner("x", [Counter()], core=9999)
    with pytest.raises(InputError, match="core: found 9999"):
        runner.start()
    assert not runner.running and runner.rounds == 0


def test_the_idle_policy_hears_the_work_of_each_round():
    idle, workers = Idle(), [Counter(2), Counter(1)]
    with Runner("x", workers, idle=idle) as runner:
        until(lambda: runner.rounds >= 4, "four rounds")
    assert idle.told[:4] == [2, 1, 0, 0]
    assert runner.work == 3
    assert workers[0].calls == workers[1].calls == runner.rounds


def test_the_idle_policy_is_exchanged_while_it_runs():
    first, second = Idle(), Idle()
    with Runner("x", [Counter()], idle=first) as runner:
        until(lambda: first.told, "the first policy is asked")
        assert not second.told
        runner.idle = second
        until(lambda: second.told, "the second policy is asked")
        asked = len(first.told)
        seen = len(second.told)
        until(lambda: len(second.told) > seen + 3, "and asked again")
        assert len(first.told) == asked


def test_an_exception_is_logged_at_once_and_raised_by_join(caplog):
    class Bad:
        def do_work(self) -> int:
            raise ValueError("broken feed")

    runner = Runner("feed", [Counter(), Bad()], idle=Idle())
    runner.start()
    until(lambda: not runner.running, "the thread ends")
    assert "runner feed ended by an exception" in caplog.text and "broken feed" in caplog.text
    with pytest.raises(ValueError, match="broken feed") as caught:
        runner.join()
    assert caught.value.__notes__ == ["runner feed, round 0: worker Bad"]
    with pytest.raises(ValueError, match="broken feed"), Runner("feed", [Bad()], idle=Idle()):
        pass


def test_the_exception_of_the_block_goes_first(caplog):
    class Bad:
        def do_work(self) -> int:
            raise ValueError("inner")

    def block() -> None:
        with Runner("x", [Bad()], idle=Idle()) as runner:
            until(lambda: not runner.running, "the thread ends")
            raise RuntimeError("outer")

    with pytest.raises(RuntimeError, match="outer"):
        block()
    assert "inner" in caplog.text


def test_an_idle_policy_that_breaks_is_named():
    class Broken:
        def step(self, work: int) -> None:
            raise OSError("no")

    runner = Runner("x", [Counter()], idle=Broken())
    with pytest.raises(OSError, match="no") as caught:
        runner.run()
    assert "its idle policy" in caught.value.__notes__[0]


def test_the_stop_flag_of_the_process_ends_it():
    runner = Runner("x", [Counter()], idle=Idle())
    runner.start()
    request_stop()
    runner.join(4)
    assert not runner.running and runner.error is None


def test_a_runner_on_the_calling_thread():
    class Once:
        def __init__(self, runner_of) -> None:
            self.runner_of = runner_of

        def do_work(self) -> int:
            self.runner_of[0].stop()
            return 5

    box: list[Runner] = []
    runner = Runner("pytest", [Once(box)])
    box.append(runner)
    name = Path("/proc/thread-self/comm")
    before = name.read_text()
    runner.run()
    name.write_text(before.strip())
    assert (runner.rounds, runner.work) == (1, 5)


def test_wrong_use():
    with pytest.raises(InputError, match="found no workers"):
        Runner("x", [])
    with pytest.raises(InputError, match=r"has no do_work"):
        Runner("x", [object()])
    with pytest.raises(InputError, match="cores: found none for b"):
        make_runners({"a": [Counter()], "b": [Counter()]}, {"a": None})
    runner = Runner("x", [Counter()], idle=Idle())
    runner.join()
    runner.start()
    with pytest.raises(StateError, match="started before"):
        runner.start()
    with pytest.raises(StateError, match="still runs after"):
        runner.join(0.01)
    runner.stop()
    runner.join(4)


def test_fifo_is_asked_for_and_reported(caplog):
    with Runner("x", [Counter()], fifo_priority=1, idle=Idle()) as runner:
        outcome = runner.outcomes[-1]
        policy = os.sched_getscheduler(runner.native_id)
    assert outcome.done == (policy == os.SCHED_FIFO)
    assert outcome.done or "ulimit -r" in caplog.text


def test_a_clock_watch_is_a_worker():
    watch = ClockWatch()
    with Runner("clock", [watch], idle=Idle()) as runner:
        until(lambda: watch.counts.checks > 5, "the clocks are read")
    assert watch.counts.checks == runner.rounds


def test_protocols():
    assert isinstance(Counter(), Worker) and not isinstance(object(), Worker)
    assert isinstance(YieldIdle(), IdleStrategy)
    assert YieldIdle().step(0) is None and YieldIdle().step(3) is None
