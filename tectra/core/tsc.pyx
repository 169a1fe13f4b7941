"""The time stamp counter as a live clock, where the machine has one that can be trusted."""
# Owns the line from ticks to nanoseconds. One owner thread: a reading may move the line's anchor.
# 10 to 20 ns a reading against 20 to 50 of the system's clock. Wraps ext/tectra/tsc.h.

import logging
import platform
from pathlib import Path
from typing import NamedTuple

from cython cimport final
from libc.stdint cimport int64_t

from tectra.core.clock cimport Clock, tt_mono_ns, tt_tsc_calibrate, tt_tsc_given_up, tt_tsc_now
from tectra.core.rc cimport check_with

from tectra.core.clock import ClockDomain, LiveClock
from tectra.core.errors import InputError, StateError

__all__ = ["TscCheck", "TscClock", "TscSupport", "live_clock", "tsc_support"]

_LOG = logging.getLogger("tectra.core.tsc")
_ROOT = Path("/")
_SOURCES = ("system", "tsc", "auto")
_CLOCKSOURCE = "sys/devices/system/clocksource/clocksource0/current_clocksource"


class TscSupport(NamedTuple):
    """May the counter be used as a clock here? `reason` says why not, and what to do."""

    usable: bool
    reason: str
    clocksource: str


class TscCheck(NamedTuple):
    """How far the counter's clock stood outside two readings of the system's clock around it, and
    the widest such pair, both in nanoseconds.
    """

    error_ns: int
    bracket_ns: int


def _text(path):
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def tsc_support(root=_ROOT):
    """What the processor and the kernel say of the counter: it must tick at one rate in every power
    state, and the kernel must keep its own time by it.
    """
    source = _text(root / _CLOCKSOURCE).strip()
    if platform.machine() == "aarch64":
        if source == "arch_sys_counter":
            return TscSupport(True, "", source)
        return TscSupport(
            False, f"the kernel keeps time by {source or 'an unknown source'}", source
        )
    flags = set()
    for line in _text(root / "proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            flags = set(value.split())
            break
    missing = [flag for flag in ("constant_tsc", "nonstop_tsc") if flag not in flags]
    if missing:
        return TscSupport(
            False, f"the processor does not say {' and '.join(missing)} (/proc/cpuinfo)", source
        )
    if source != "tsc":
        return TscSupport(
            False,
            f"the kernel keeps time by {source or 'an unknown source'}, not by the counter; boot "
            "with clocksource=tsc if the machine is known to be good",
            source,
        )
    return TscSupport(True, "", source)


@final
cdef class TscClock(Clock):
    """Tells CLOCK_MONOTONIC or the wall clock from the time stamp counter, to within error_ns.

    One owner thread. Calibrated by `span_ns` of busy waiting, compared with the system's clock and
    anchored to it anew every `every_ns` at the latest. MONOTONIC never goes back; REALTIME follows
    a step of the wall clock at the next anchor. Where the counter stops agreeing with the system's
    clock, the system's is read from then on and `given_up` is true. StateError where
    tsc_support() refuses.
    """

    def __cinit__(self, domain=ClockDomain.REALTIME, *, int64_t span_ns=10_000_000,
                  int64_t every_ns=1_000_000_000, root=_ROOT):
        cdef int rc
        if domain not in (ClockDomain.REALTIME, ClockDomain.MONOTONIC):
            raise InputError(
                f"domain: found {domain}; allowed: ClockDomain.REALTIME, ClockDomain.MONOTONIC"
            )
        support = tsc_support(root)
        if not support.usable:
            raise StateError(
                f"the time stamp counter is no clock here: {support.reason}; use LiveClock"
            )
        self.monotonic = domain is ClockDomain.MONOTONIC
        with nogil:
            rc = tt_tsc_calibrate(&self.line, span_ns, every_ns)
        check_with(rc, f"calibration over {span_ns} ns, anchored every {every_ns} ns (allowed: "
                       "0.1 ms to 10 s, and no more often than it is calibrated)")

    cdef int64_t c_now(self) noexcept nogil:
        cdef int64_t now = tt_tsc_now(&self.line)
        return now if self.monotonic else now + self.line.wall_offset_ns

    @property
    def domain(self):
        """ClockDomain of now_ns()."""
        return ClockDomain.MONOTONIC if self.monotonic else ClockDomain.REALTIME

    @property
    def ticks_per_ns(self) -> float:
        """Rate of the counter between the last two anchors."""
        return 4294967296.0 / self.line.ns_per_2_32

    @property
    def error_ns(self) -> int:
        """Largest distance from the system's clock that an anchor showed, with what the comparison
        itself may be wrong by.
        """
        return self.line.error_ns

    @property
    def anchors(self) -> int:
        """Times the clock was compared and anchored anew."""
        return self.line.anchors

    @property
    def skipped(self) -> int:
        """Comparisons that were interrupted and did not count."""
        return self.line.skipped

    @property
    def given_up(self) -> bool:
        """True once the counter disagreed with the system's clock and is not read any more."""
        return tt_tsc_given_up(&self.line) != 0

    def check(self, int readings=1000):
        """Compare with the system's monotonic clock now: a TscCheck over that many readings."""
        cdef int64_t before, now, after
        cdef int64_t error = 0, bracket = 0
        cdef int _i
        for _i in range(readings):
            before = tt_mono_ns()
            now = tt_tsc_now(&self.line)
            after = tt_mono_ns()
            error = max(error, before - now, now - after)
            bracket = max(bracket, after - before)
        return TscCheck(error, bracket)


def live_clock(domain=ClockDomain.REALTIME, *, source="system"):
    """A clock of the machine: source "system" (LiveClock, any thread), "tsc" (TscClock, one owner
    thread, StateError where it is refused) or "auto" (the counter where it may be used, else the
    system with a line in the log).
    """
    if source not in _SOURCES:
        raise InputError(f"source: found {source!r}; allowed: {', '.join(_SOURCES)}")
    if source == "system":
        return LiveClock(domain)
    if source == "auto":
        support = tsc_support()
        if not support.usable:
            _LOG.warning("live clock reads the system: %s", support.reason)
            return LiveClock(domain)
    return TscClock(domain)
