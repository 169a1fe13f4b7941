"""Clocks. FakeClock is checked against a plain list of timers."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.clock import ClockDomain, FakeClock, LiveClock, SimClock
from tectra.core.errors import InputError


def test_domains_are_fixed():
    assert [d.name for d in ClockDomain] == ["REALTIME", "MONOTONIC", "VIRTUAL"]
    assert LiveClock().domain is ClockDomain.REALTIME
    assert LiveClock(ClockDomain.MONOTONIC).domain is ClockDomain.MONOTONIC
    assert SimClock().domain is ClockDomain.VIRTUAL
    assert FakeClock().domain is ClockDomain.VIRTUAL
    with pytest.raises(InputError, match=r"VIRTUAL.*allowed"):
        LiveClock(ClockDomain.VIRTUAL)


@pytest.mark.parametrize(
    ("domain", "reference"),
    [(ClockDomain.REALTIME, time.time_ns), (ClockDomain.MONOTONIC, time.monotonic_ns)],
)
def test_live_clock_is_the_machine_s(domain, reference):
    before = reference()
    now = LiveClock(domain).now_ns()
    assert before <= now <= reference()


def test_sim_clock_is_set_by_records_and_never_goes_back():
    clock = SimClock(100)
    assert clock.now_ns() == 100
    clock.set(250)
    clock.set(200)
    clock.set(250)
    assert clock.now_ns() == 250
    assert clock.regressions == 1


def test_timers_fire_in_order_of_time_then_of_setting():
    clock, log = FakeClock(1_000), []
    clock.set_timer(1_030, lambda t: log.append(("c", t, clock.now_ns())))
    clock.set_timer(1_010, lambda t: log.append(("a", t, clock.now_ns())))
    clock.set_timer(1_010, lambda t: log.append(("b", t, clock.now_ns())))
    assert clock.next_due_ns == 1_010
    assert clock.advance(9) == 0
    assert clock.advance(1) == 2
    assert clock.pending == 1
    assert clock.advance(100) == 1
    assert log == [("a", 1_010, 1_010), ("b", 1_010, 1_010), ("c", 1_030, 1_030)]
    assert clock.now_ns() == 1_110
    assert clock.next_due_ns is None


def test_interval_and_cancel_from_inside():
    clock, log = FakeClock(), []

    def tick(due):
        log.append(due)
        if len(log) == 3:
            clock.cancel_timer(timer)

    timer = clock.set_timer(10, tick, interval_ns=10)
    assert clock.advance(1_000) == 3
    assert log == [10, 20, 30]
    assert clock.cancel_timer(timer) is False
    assert clock.pending == 0


def test_a_timer_set_by_a_timer_fires_in_the_same_advance():
    clock, log = FakeClock(), []
    clock.set_timer(5, lambda t: clock.set_timer(t + 5, log.append))
    assert clock.advance(10) == 2
    assert log == [10]


def test_an_exception_leaves_the_clock_there():
    clock, log = FakeClock(), []
    clock.set_timer(5, lambda t: 1 // 0)
    clock.set_timer(7, log.append)
    with pytest.raises(ZeroDivisionError):
        clock.advance(10)
    assert (clock.now_ns(), clock.pending) == (5, 1)
    clock.advance_to(10)
    assert log == [7]


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 30)), max_size=8),
    st.lists(st.integers(0, 40), max_size=6),
    st.sets(st.integers(0, 7)),
)
def test_against_a_plain_list(timers, steps, cancelled):
    clock, log = FakeClock(), []
    ids = [
        clock.set_timer(due, lambda t, i=i: log.append((t, i)), interval_ns=interval)
        for i, (due, interval) in enumerate(timers)
    ]
    for i in cancelled:
        if i < len(ids):
            assert clock.cancel_timer(ids[i])
    for step in steps:
        clock.advance(step)
    clock.advance(0)
    end = sum(steps)
    expected = []
    for i, (due, interval) in enumerate(timers):
        if i not in cancelled:
            times = range(due, end + 1, interval) if interval else [due] if due <= end else []
            expected += [(t, i) for t in times]
    assert [t for t, _ in log] == sorted(t for t, _ in expected)
    assert sorted(log) == sorted(expected)


@pytest.mark.parametrize(
    "run",
    [
        lambda c: c.advance(-1),
        lambda c: c.advance_to(49),
        lambda c: c.set_timer(49, print),
        lambda c: c.set_timer(60, print, interval_ns=-1),
    ],
)
def test_time_never_goes_back(run):
    with pytest.raises(InputError, match="allowed"):
        run(FakeClock(50))
