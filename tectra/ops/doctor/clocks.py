"""Questions about clocks: what they cost, how fine they are, whether they are right."""

from tectra.core.tsc import tsc_support
from tectra.ops.doctor.item import Item, Machine, Question

__all__ = ["CHECKS"]

_CLOCKS = "sys/devices/system/clocksource/clocksource0"
_SOURCE = Question(
    "clocksource",
    "by any other source than the processor's counter each time stamp is a system call or worse",
)
_TSC = Question(
    "time stamp counter",
    "a counter that ticks at one rate in every power state tells the time in a few cycles",
)
_ERROR = Question(
    "counter against system",
    "time stamps from the counter are as right as its last comparison with the system's clock",
)
_RESOLUTION = Question("clock resolution", "two events that a clock cannot tell apart have no gap")
_COST = Question("cost of a time stamp", "the hot path takes several for each record it measures")
_SYNC = Question(
    "clock synchronization",
    "venues refuse requests whose time is off by more than a second or so, and latencies between "
    "machines mean nothing",
)
_DAEMON = "install and start chrony (chronyc tracking shows its state)"


def _source(m: Machine) -> Item:
    source = m.text(f"{_CLOCKS}/current_clocksource")
    if source is None:
        return _SOURCE.unreadable(f"/{_CLOCKS}")
    if source in ("tsc", "arch_sys_counter"):
        return _SOURCE.ok(source)
    choice = m.text(f"{_CLOCKS}/available_clocksource") or "not known"
    return _SOURCE.warn(
        f"{source} (available: {choice})",
        f"boot with clocksource=tsc, or: echo tsc > /{_CLOCKS}/current_clocksource",
    )


def _tsc(m: Machine) -> Item:
    support = tsc_support(m.root)
    if support.usable:
        return _TSC.ok("invariant")
    if m.text("proc/cpuinfo") is None:
        return _TSC.unreadable("/proc/cpuinfo")
    return _TSC.warn(
        support.reason, "nothing: clocks read the system instead, at a few times the cost"
    )


def _error(m: Machine) -> Item:
    if m.tsc_error_ns is None:
        return _ERROR.unreadable("the counter is not used here")
    found = f"within {m.tsc_error_ns:,} ns"
    if m.tsc_error_ns <= 1_000:
        return _ERROR.ok(found)
    return _ERROR.warn(found, "measure again on a quiet machine; else read the system's clock")


def _resolution(m: Machine) -> Item:
    if m.clock_resolution_ns is None:
        return _RESOLUTION.unreadable("clock_getres")
    found = f"{m.clock_resolution_ns:,} ns"
    if m.clock_resolution_ns <= 1:
        return _RESOLUTION.ok(found)
    return _RESOLUTION.warn(found, "boot a kernel with high-resolution timers (highres=on)")


def _cost(m: Machine) -> Item:
    if m.clock_read_ns is None:
        return _COST.unreadable("clock_gettime")
    found = f"{m.clock_read_ns:,} ns, measured from Python"
    if m.clock_read_ns <= 200:
        return _COST.ok(found)
    return _COST.warn(found, "the kernel is asked each time: see clocksource")


def _sync(m: Machine) -> Item:
    daemons = {"run/chrony": "chrony", "run/systemd/timesync": "systemd-timesyncd"}
    names = [name for path, name in daemons.items() if (m.root / path).exists()]
    by = f", by {' and '.join(names)}" if names else ", no time daemon seen"
    if m.sync is None:
        return _SYNC.unreadable("adjtimex")
    if m.sync.synchronized:
        found = f"within {m.sync.error_us_max / 1000:,.1f} ms{by}"
        if m.sync.error_us_max <= 100_000:
            return _SYNC.ok(found)
        return _SYNC.warn(found, _DAEMON)
    return _SYNC.warn(f"the kernel says: not synchronized{by}", _DAEMON)


CHECKS = (_source, _tsc, _error, _resolution, _cost, _sync)
"""One function a question, in the order in which they are asked."""
