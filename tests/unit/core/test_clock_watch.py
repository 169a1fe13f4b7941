"""The watch over the machine's clocks, fed with readings of a made-up machine."""

from collections.abc import Iterator

import pytest

from tectra.core.clock import ClockReadings, read_clocks
from tectra.core.clock_watch import (
    ClockEventKind,
    ClockWatch,
    ClockWatchCounts,
    ClockWatchLimits,
)
from tectra.core.errors import InputError

MS, S = 1_000_000, 1_000_000_000


class Machine:
    """Clocks that do what a test says."""

    def __init__(self) -> None:
        self.wall, self.mono, self.boot, self.raw = 1_700_000_000 * S, 50 * S, 60 * S, 49 * S
        self.width = 0

    def run(self, ns: int, *, ppm: int = 0) -> None:
        """Time passes; the kernel slews wall and monotonic time together."""
        slewed = ns + ns * ppm // 1_000_000
        self.raw += ns
        self.wall += slewed
        self.mono += slewed
        self.boot += slewed

    def read(self) -> ClockReadings:
        return ClockReadings(self.wall, self.mono, self.boot, self.raw, self.width)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def kinds(watch: ClockWatch) -> list[tuple[ClockEventKind, int]]:
    return [(e.kind, e.size_ns) for e in watch.events]


def ticks(machine: Machine, watch: ClockWatch, n: int, *, ppm: int = 0) -> int:
    found = 0
    for _ in range(n):
        machine.run(100 * MS, ppm=ppm)
        found += watch.do_work()
    return found


def test_nothing_happens_on_a_sound_machine(machine):
    watch = ClockWatch(read=machine.read)
    assert watch.do_work() == 0
    assert ticks(machine, watch, 500, ppm=40) == 0
    counts = watch.counts
    assert counts == ClockWatchCounts(501, 0, 0, 0, 0, 0, 0, 0, 0, counts.slew_ppm)
    assert counts.slew_ppm == pytest.approx(40)


@pytest.mark.parametrize("size", [S, -S, 3600 * S, -3600 * S, 2 * MS, -2 * MS], ids=str)
def test_a_step_of_the_wall_clock(machine, size, caplog):
    seen = []
    watch = ClockWatch(read=machine.read, on_event=seen.append)
    ticks(machine, watch, 10)
    machine.wall += size
    assert ticks(machine, watch, 1) == 1
    assert ticks(machine, watch, 300) == 0, "a step is told once, and is no slew"
    assert kinds(watch) == [(ClockEventKind.STEP, size)]
    assert seen == list(watch.events)
    assert (watch.counts.steps, watch.counts.step_ns_max) == (1, size)
    assert seen[0].wall_ns == machine.wall - 300 * 100 * MS
    assert "clock step" in caplog.text


def test_a_leap_second_is_a_step_of_one_second(machine):
    watch = ClockWatch(read=machine.read)
    ticks(machine, watch, 1)
    machine.wall -= S  # 23:59:60 is 23:59:59 a second time
    ticks(machine, watch, 1)
    assert kinds(watch) == [(ClockEventKind.STEP, -S)]


def test_a_step_below_the_noise_of_reading_is_none(machine):
    watch = ClockWatch(read=machine.read)
    machine.width = MS
    ticks(machine, watch, 2)
    machine.wall += 2 * MS
    assert ticks(machine, watch, 1) == 0
    machine.wall += 3 * MS
    assert ticks(machine, watch, 1) == 1


@pytest.mark.parametrize("ppm", [500, -500, 100_000])
def test_a_slew_is_told_once_a_window(machine, ppm):
    limits = ClockWatchLimits(step_ns_min=50 * MS)
    watch = ClockWatch(limits, read=machine.read)
    watch.do_work()
    assert ticks(machine, watch, 99, ppm=ppm) == 0
    assert ticks(machine, watch, 1, ppm=ppm) == 1
    assert ticks(machine, watch, 100, ppm=ppm) == 1
    assert [e.kind for e in watch.events] == [ClockEventKind.SLEW] * 2
    assert watch.events[0].ppm == pytest.approx(ppm)
    assert watch.events[0].size_ns == 10 * S * ppm // 1_000_000
    ticks(machine, watch, 100)
    assert (watch.counts.slews, watch.counts.slew_ppm) == (2, 0)


def test_a_process_that_stood_still(machine):
    watch = ClockWatch(read=machine.read)
    ticks(machine, watch, 1)
    machine.run(30 * S)
    assert watch.do_work() == 1
    assert kinds(watch) == [(ClockEventKind.STALL, 30 * S)]
    assert watch.counts.stall_ns_max == 30 * S


def test_a_machine_that_slept(machine):
    watch = ClockWatch(read=machine.read)
    ticks(machine, watch, 1)
    machine.boot += 30 * S
    machine.wall += 30 * S
    assert ticks(machine, watch, 1) == 1
    assert kinds(watch) == [(ClockEventKind.SUSPEND, 30 * S)]
    assert ticks(machine, watch, 200) == 0, "what was slept is no slew"


def test_a_paused_guest_whose_wall_clock_is_set_afterwards(machine):
    """The guest's clocks stood too; only the time daemon brings the wall clock forward."""
    watch = ClockWatch(read=machine.read)
    ticks(machine, watch, 5)
    machine.wall += 30 * S
    machine.run(2 * S)
    assert watch.do_work() == 2
    assert set(kinds(watch)) == {(ClockEventKind.STALL, 2 * S), (ClockEventKind.STEP, 30 * S)}


def test_time_that_goes_back_is_told_and_survived(machine):
    watch = ClockWatch(read=machine.read)
    ticks(machine, watch, 5)
    machine.mono -= 5
    assert watch.do_work() == 1
    assert watch.counts.backward == 1
    assert ticks(machine, watch, 5) == 0


def test_events_are_bounded_and_the_counts_are_not(machine):
    watch = ClockWatch(read=machine.read)
    for n in range(400):
        machine.wall += S
        assert ticks(machine, watch, 1) == (n > 0)
    assert len(watch.events) == 256
    assert watch.counts.steps == 399


@pytest.mark.parametrize(
    "wrong", [{"step_ns_min": 0}, {"window_ns": -1}, {"slew_ppm_max": float("nan")}], ids=str
)
def test_limits_are_checked(wrong):
    with pytest.raises(InputError, match="allowed: above 0"):
        ClockWatchLimits(**wrong)


def test_the_machine_s_own_clocks():
    def readings() -> Iterator[ClockReadings]:
        while True:
            yield read_clocks()

    source = readings()
    watch = ClockWatch(
        ClockWatchLimits(stall_ns_min=3600 * S, suspend_ns_min=S, step_ns_min=S),
        read=lambda: next(source),
    )
    assert [watch.do_work() for _ in range(100)] == [0] * 100
    now = read_clocks()
    assert now.boot_ns >= now.mono_ns - now.width_ns > 0
    assert now.width_ns >= 0 and now.raw_ns > 0
