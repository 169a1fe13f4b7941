"""The time stamp counter as a clock: compared with the system's, and refused where it must be."""

import logging

import pytest

from tectra.core.clock import ClockDomain, LiveClock
from tectra.core.errors import InputError, StateError
from tectra.core.tsc import TscClock, live_clock, tsc_support

MS, S = 1_000_000, 1_000_000_000
CLOCKSOURCE = "sys/devices/system/clocksource/clocksource0/current_clocksource"
GOOD = "processor\t: 0\nflags\t\t: fpu tsc constant_tsc nonstop_tsc sse4_2\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Writes the files of a made-up x86 machine; returns its root."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")

    def make(cpuinfo: str | None = GOOD, source: str | None = "tsc"):
        (tmp_path / "proc").mkdir()
        (tmp_path / CLOCKSOURCE).parent.mkdir(parents=True)
        if cpuinfo is not None:
            (tmp_path / "proc/cpuinfo").write_text(cpuinfo)
        if source is not None:
            (tmp_path / CLOCKSOURCE).write_text(source + "\n")
        return tmp_path

    return make


@pytest.fixture
def usable() -> None:
    support = tsc_support()
    if not support.usable:
        pytest.skip(f"no counter to be used here: {support.reason}")


def test_a_good_machine(machine):
    assert tsc_support(machine()) == (True, "", "tsc")


@pytest.mark.parametrize(
    ("cpuinfo", "source", "reason"),
    [
        (GOOD.replace("nonstop_tsc", ""), "tsc", "does not say nonstop_tsc"),
        (GOOD.replace("constant_tsc", ""), "tsc", "does not say constant_tsc"),
        (None, "tsc", "constant_tsc and nonstop_tsc"),
        (GOOD, "hpet", "keeps time by hpet"),
        (GOOD, "kvm-clock", "keeps time by kvm-clock"),
        (GOOD, None, "an unknown source"),
    ],
)
def test_a_machine_that_is_refused(machine, cpuinfo, source, reason):
    root = machine(cpuinfo, source)
    support = tsc_support(root)
    assert not support.usable and reason in support.reason
    with pytest.raises(StateError, match=reason):
        TscClock(root=root)


def test_it_agrees_with_the_system(usable):
    clock, system = TscClock(ClockDomain.MONOTONIC), LiveClock(ClockDomain.MONOTONIC)
    for _ in range(200):
        before = system.now_ns()
        now = clock.now_ns()
        after = system.now_ns()
        # A reading that was interrupted proves nothing beyond its own bracket.
        assert before - 20_000 <= now <= after + 20_000
    found = clock.check(500)
    assert found.error_ns <= 20_000 + found.bracket_ns
    assert 0 < clock.error_ns < MS
    assert clock.ticks_per_ns > 0.01
    assert not clock.given_up


def test_it_never_goes_back_over_many_anchors(usable):
    clock, system = TscClock(ClockDomain.MONOTONIC, span_ns=MS, every_ns=MS), LiveClock()
    start = system.now_ns()
    last = 0
    while clock.anchors + clock.skipped < 20 and system.now_ns() - start < 3 * S:
        now = clock.now_ns()
        assert now >= last
        last = now
    assert clock.anchors + clock.skipped >= 20


def test_wall_time(usable):
    clock, system = TscClock(), LiveClock()
    assert clock.domain is ClockDomain.REALTIME
    before = system.now_ns()
    assert before - MS <= clock.now_ns() <= system.now_ns() + MS


@pytest.mark.parametrize(
    ("span", "every"), [(1, 1), (10 * MS, MS), (MS, 11 * S), (-MS, S)], ids=str
)
def test_spans_are_checked(usable, span, every):
    with pytest.raises(InputError, match="allowed"):
        TscClock(span_ns=span, every_ns=every)


def test_choice_of_the_source(caplog):
    assert isinstance(live_clock(), LiveClock)
    with pytest.raises(InputError, match="allowed: system, tsc, auto"):
        live_clock(source="sundial")
    with pytest.raises(InputError, match="VIRTUAL"):
        live_clock(ClockDomain.VIRTUAL)
    with caplog.at_level(logging.WARNING):
        clock = live_clock(ClockDomain.MONOTONIC, source="auto")
    assert clock.domain is ClockDomain.MONOTONIC
    assert isinstance(clock, TscClock) == tsc_support().usable == (not caplog.records)
