"""Watches the machine's clocks for what breaks assumptions: the wall clock set, slewed, or a
process that stood still.
"""

import logging
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import msgspec

from tectra.core.clock import ClockReadings, read_clocks
from tectra.core.errors import InputError

__all__ = ["ClockEvent", "ClockEventKind", "ClockWatch", "ClockWatchCounts", "ClockWatchLimits"]

_LOG = logging.getLogger("tectra.core.clock_watch")
_S = 1_000_000_000
EVENTS_MAX = 256


class ClockEventKind(Enum):
    """What a clock did."""

    STEP = "step"  # the wall clock was set: it moved against boot time
    SLEW = "slew"  # the wall clock runs at another rate than the oscillator
    STALL = "stall"  # nobody called for longer than allowed: stopped, starved or paused
    SUSPEND = "suspend"  # the machine slept: boot time went on, monotonic did not
    BACKWARD = "backward"  # monotonic or boot time went back: the machine lies


class ClockEvent(NamedTuple):
    """One thing seen at `mono_ns`: size_ns is signed for a step (forward is positive), the length
    of a stall or suspension, and the time gained over the window for a slew, whose rate is `ppm`.
    """

    kind: ClockEventKind
    mono_ns: int
    wall_ns: int
    size_ns: int
    ppm: float = 0.0


class ClockWatchLimits(msgspec.Struct, frozen=True, kw_only=True):
    """From when something counts. A step below step_ns_min drowns in the noise of reading; the
    kernel slews by 500 ppm at most, a time daemon in normal times by less than 100.
    """

    step_ns_min: int = 1_000_000
    stall_ns_min: int = 500_000_000
    suspend_ns_min: int = 1_000_000
    slew_ppm_max: float = 200.0
    window_ns: int = 10 * _S

    def __post_init__(self) -> None:
        for name in ("step_ns_min", "stall_ns_min", "suspend_ns_min", "window_ns"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name}: found {getattr(self, name)}; allowed: above 0")
        if not self.slew_ppm_max > 0:
            raise InputError(f"slew_ppm_max: found {self.slew_ppm_max}; allowed: above 0")


class ClockWatchCounts(NamedTuple):
    """What was seen since the start. Sizes are the largest of their kind, in nanoseconds; slew_ppm
    is the rate over the last whole window.
    """

    checks: int
    steps: int
    slews: int
    stalls: int
    suspends: int
    backward: int
    step_ns_max: int
    stall_ns_max: int
    suspend_ns_max: int
    slew_ppm: float


class ClockWatch:
    """Compares wall, monotonic, boot and raw time at every call of do_work(). One owner thread.

    A step is what the wall clock moved against boot time between two calls; a leap second that is
    not smeared is a step of one second. Both monotonic and wall time are slewed by the kernel, so
    a rate is taken against the raw clock, without steps and suspensions, over windows of
    `window_ns`. A call costs about 2 us: once a millisecond is often enough, and no more often
    than the slowest caller is too rare for stall_ns_min.
    """

    def __init__(
        self,
        limits: ClockWatchLimits | None = None,
        *,
        read: Callable[[], ClockReadings] = read_clocks,
        on_event: Callable[[ClockEvent], object] | None = None,
    ) -> None:
        self.limits = limits if limits is not None else ClockWatchLimits()
        self._read = read
        self._on_event = on_event
        self._last: ClockReadings | None = None
        self._window_raw_ns = 0
        self._window_gain_ns = 0
        self._checks = 0
        self._seen = dict.fromkeys(ClockEventKind, 0)
        self._largest = dict.fromkeys(ClockEventKind, 0)
        self._slew_ppm = 0.0
        self.events: deque[ClockEvent] = deque(maxlen=EVENTS_MAX)

    def do_work(self) -> int:
        """Read the clocks; returns how many events that showed."""
        now, last = self._read(), self._last
        self._last = now
        self._checks += 1
        if last is None:
            return 0
        mono, boot = now.mono_ns - last.mono_ns, now.boot_ns - last.boot_ns
        if mono < 0 or boot < 0:
            return self._note(ClockEventKind.BACKWARD, now, min(mono, boot))
        limits, found = self.limits, 0
        noise = last.width_ns + now.width_ns
        slept = boot - mono
        if slept >= limits.suspend_ns_min + noise:
            found += self._note(ClockEventKind.SUSPEND, now, slept)
        else:
            slept = 0
        if mono >= limits.stall_ns_min:
            found += self._note(ClockEventKind.STALL, now, mono)
        moved = now.wall_ns - last.wall_ns - boot
        if abs(moved) >= limits.step_ns_min + noise:
            found += self._note(ClockEventKind.STEP, now, moved)
        else:
            moved = 0
        advanced = now.wall_ns - last.wall_ns - slept - moved
        return found + self._rate(now, advanced, now.raw_ns - last.raw_ns)

    def _rate(self, now: ClockReadings, advanced_ns: int, raw_ns: int) -> int:
        self._window_raw_ns += raw_ns
        self._window_gain_ns += advanced_ns - raw_ns
        if self._window_raw_ns < self.limits.window_ns:
            return 0
        gain = self._window_gain_ns
        self._slew_ppm = gain * 1e6 / self._window_raw_ns
        self._window_raw_ns = self._window_gain_ns = 0
        if abs(self._slew_ppm) <= self.limits.slew_ppm_max:
            return 0
        return self._note(ClockEventKind.SLEW, now, gain, self._slew_ppm)

    def _note(self, kind: ClockEventKind, now: ClockReadings, size_ns: int, ppm: float = 0) -> int:
        event = ClockEvent(kind, now.mono_ns, now.wall_ns, size_ns, ppm)
        self._seen[kind] += 1
        self._largest[kind] = max(self._largest[kind], size_ns, key=abs)
        self.events.append(event)
        _LOG.warning("clock %s: %+d ns (%.1f ppm)", kind.value, size_ns, ppm)
        if self._on_event is not None:
            self._on_event(event)
        return 1

    @property
    def counts(self) -> ClockWatchCounts:
        """What was seen so far."""
        seen, largest = self._seen, self._largest
        return ClockWatchCounts(
            checks=self._checks,
            steps=seen[ClockEventKind.STEP],
            slews=seen[ClockEventKind.SLEW],
            stalls=seen[ClockEventKind.STALL],
            suspends=seen[ClockEventKind.SUSPEND],
            backward=seen[ClockEventKind.BACKWARD],
            step_ns_max=largest[ClockEventKind.STEP],
            stall_ns_max=largest[ClockEventKind.STALL],
            suspend_ns_max=largest[ClockEventKind.SUSPEND],
            slew_ppm=self._slew_ppm,
        )
