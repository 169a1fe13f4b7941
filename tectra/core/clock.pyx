"""Clocks: the machine's (live), the records' (simulation and replay), and one that tests move by
hand.
"""
# Owns no machine state. A SimClock or FakeClock has one owner thread; a LiveClock any. One vtable
# call from Cython; about 20 ns more for the machine's clocks. Wraps ext/tectra/clock.h. Nothing
# else in tectra asks the machine for the time.

from enum import Enum
from heapq import heappop, heappush
from typing import NamedTuple

from cython cimport final
from libc.stdint cimport int64_t

from tectra.core.rc cimport check

from tectra.core.errors import InputError

__all__ = [
    "Clock",
    "ClockDomain",
    "ClockReadings",
    "FakeClock",
    "LiveClock",
    "SimClock",
    "read_clocks",
    "tsc_ticks_per_ns",
]


class ClockDomain(Enum):
    """What a clock's nanoseconds count. Times of different domains are never compared."""

    REALTIME = "realtime"
    MONOTONIC = "monotonic"
    VIRTUAL = "virtual"


cdef class Clock:
    """Something that tells the time in int64 nanoseconds. REALTIME and VIRTUAL count from the
    epoch, UTC.
    """

    cdef int64_t c_now(self) noexcept nogil:
        return 0

    @property
    def domain(self):
        """ClockDomain of now_ns()."""
        return ClockDomain.VIRTUAL

    def now_ns(self) -> int:
        """Nanoseconds now."""
        return self.c_now()


@final
cdef class LiveClock(Clock):
    """The machine's clock. REALTIME may step; use MONOTONIC for differences."""

    def __cinit__(self, domain=ClockDomain.REALTIME):
        if domain not in (ClockDomain.REALTIME, ClockDomain.MONOTONIC):
            raise InputError(
                f"domain: found {domain}; allowed: ClockDomain.REALTIME, ClockDomain.MONOTONIC"
            )
        self.monotonic = domain is ClockDomain.MONOTONIC

    cdef int64_t c_now(self) noexcept nogil:
        return tt_mono_ns() if self.monotonic else tt_now_ns()

    @property
    def domain(self):
        """ClockDomain of now_ns()."""
        return ClockDomain.MONOTONIC if self.monotonic else ClockDomain.REALTIME


@final
cdef class SimClock(Clock):
    """Stands where the last record put it. Time never goes back: an earlier record is counted in
    `regressions`.
    """

    def __cinit__(self, int64_t start_ns=0):
        self.now = start_ns
        self.regressions = 0

    cdef int64_t c_now(self) noexcept nogil:
        return self.now

    cdef void c_set(self, int64_t ts_ns) noexcept nogil:
        if ts_ns >= self.now:
            self.now = ts_ns
        else:
            self.regressions = self.regressions + 1

    def set(self, int64_t ts_ns) -> None:
        """Move to a record's time."""
        self.c_set(ts_ns)


@final
cdef class FakeClock(Clock):
    """A clock that moves only by advance(), and fires timers as it passes them: by due time, then
    in the order they were set.

    A callback gets the time it was due and sees the clock stand there; timers it sets fire in the
    same advance if they are due within it. An exception leaves the clock at that time, with the
    later timers still pending.
    """

    def __cinit__(self, int64_t start_ns=0):
        self.now = start_ns
        self.added = 0
        self.heap = []
        self.live = set()

    cdef int64_t c_now(self) noexcept nogil:
        return self.now

    @property
    def pending(self) -> int:
        """Timers that will still fire."""
        return len(self.live)

    @property
    def next_due_ns(self):
        """Time of the next timer, or None."""
        self._drop_cancelled()
        return self.heap[0][0] if self.heap else None

    def set_timer(self, int64_t due_ns, callback, *, int64_t interval_ns=0) -> int:
        """Call `callback(due_ns)` at due_ns, then every interval_ns if that is positive. Returns
        the id to cancel it by.
        """
        if due_ns < self.now:
            raise InputError(f"due_ns: found {due_ns}; allowed: {self.now} (now) or later")
        if interval_ns < 0:
            raise InputError(f"interval_ns: found {interval_ns}; allowed: 0 (once) or more")
        self.added += 1
        self.live.add(self.added)
        heappush(self.heap, (due_ns, self.added, self.added, callback, interval_ns))
        return self.added

    def cancel_timer(self, timer_id: int) -> bool:
        """True if the timer was pending."""
        if timer_id not in self.live:
            return False
        self.live.remove(timer_id)
        return True

    def advance(self, int64_t delta_ns) -> int:
        """Move forward by delta_ns; returns how many timers fired."""
        if delta_ns < 0:
            raise InputError(
                f"delta_ns: found {delta_ns}; allowed: 0 or more (time never goes back)"
            )
        return self.advance_to(self.now + delta_ns)

    def advance_to(self, int64_t ts_ns) -> int:
        """Move forward to ts_ns; returns how many timers fired."""
        cdef int fired = 0
        if ts_ns < self.now:
            raise InputError(f"ts_ns: found {ts_ns}; allowed: {self.now} (now) or later")
        self._drop_cancelled()
        while self.heap and self.heap[0][0] <= ts_ns:
            due, _, timer_id, callback, interval = heappop(self.heap)
            self.now = due
            if interval > 0:
                self.added += 1
                heappush(self.heap, (due + interval, self.added, timer_id, callback, interval))
            else:
                self.live.discard(timer_id)
            fired += 1
            callback(due)
            self._drop_cancelled()
        self.now = ts_ns
        return fired

    def _drop_cancelled(self):
        while self.heap and self.heap[0][2] not in self.live:
            heappop(self.heap)


def tsc_ticks_per_ns():
    """Rate of the time stamp counter on this machine, measured over 10 ms of busy waiting."""
    cdef tt_tsc_clock calibrated
    check(tt_tsc_calibrate(&calibrated, 10_000_000, 10_000_000))
    return 4294967296.0 / calibrated.ns_per_2_32


class ClockReadings(NamedTuple):
    """The machine's clocks at one moment, in nanoseconds: wall (UTC), monotonic (stands while the
    machine is suspended), boot (does not) and raw (monotonic that nothing slews). They were read
    within width_ns of each other.
    """

    wall_ns: int
    mono_ns: int
    boot_ns: int
    raw_ns: int
    width_ns: int = 0


def read_clocks():
    """The machine's clocks at one moment: the narrowest of three readings. About 0.5 us; any
    thread.
    """
    cdef int64_t before, wall, boot, raw, after
    cdef int64_t best = -1
    out = None
    for _ in range(3):
        before = tt_mono_ns()
        wall = tt_now_ns()
        boot = tt_boot_ns()
        raw = tt_raw_ns()
        after = tt_mono_ns()
        if best < 0 or after - before < best:
            best = after - before
            out = ClockReadings(wall, before + best // 2, boot, raw, best)
    return out
