"""Asks the kernel and takes the few measurements; the rest of the doctor only reads files."""

import ctypes
import os
import struct
import sys
import sysconfig
import time
from pathlib import Path

from tectra.core.clock import ClockDomain, LiveClock
from tectra.core.cpu import allowed_cores
from tectra.core.errors import TectraError
from tectra.core.memory import page_fault_ns
from tectra.core.shm import Segment, segments
from tectra.core.tsc import TscClock
from tectra.ops.doctor.item import ClockSync, Machine

__all__ = ["probe_machine"]

# struct timex of 64-bit Linux: modes, offset, freq, maxerror, esterror, status, and more.
_TIMEX = struct.Struct("I4xqqqqi")
_STA_UNSYNC = 0x0040
_READINGS = 2000


def probe_machine(journal: Path | None = None, *, root: Path = Path("/")) -> Machine:
    """This machine as it is now; takes about 20 ms of measuring. `journal` is where journals go:
    the working directory unless told.
    """
    where = (journal if journal is not None else Path.cwd()).resolve()
    shm = _space(Path("/dev/shm"))
    disk = _space(_existing(where))
    return Machine(
        root=root,
        cores=allowed_cores(),
        journal=where,
        python=f"{sys.implementation.name} {sys.version.split()[0]}",
        has_gil=getattr(sys, "_is_gil_enabled", lambda: True)(),
        is_debug=bool(sysconfig.get_config_var("Py_DEBUG")),
        clock_resolution_ns=round(time.clock_getres(time.CLOCK_MONOTONIC) * 1e9),
        clock_read_ns=_clock_read_ns(),
        tsc_error_ns=_tsc_error_ns(),
        sync=_sync(),
        page_fault_ns=page_fault_ns(),
        shm_total=None if shm is None else shm[0],
        shm_free=None if shm is None else shm[1],
        segments=_segments(),
        journal_free=None if disk is None else disk[1],
    )


def _existing(path: Path) -> Path:
    return next(p for p in (path, *path.parents) if p.exists())


def _space(path: Path) -> tuple[int, int] | None:
    """Bytes in all and free to this user."""
    try:
        stat = os.statvfs(path)
    except OSError:
        return None
    return stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize


def _segments() -> tuple[Segment, ...] | None:
    try:
        return tuple(segments())
    except OSError:
        return None


def _clock_read_ns() -> int:
    """Mean cost of reading the monotonic clock, with the call from Python."""
    clock = LiveClock(ClockDomain.MONOTONIC)
    start = clock.now_ns()
    for _ in range(_READINGS):
        clock.now_ns()
    return (clock.now_ns() - start) // _READINGS


def _tsc_error_ns() -> int | None:
    """What the counter's clock may be wrong by, None where it is refused."""
    try:
        clock = TscClock(ClockDomain.MONOTONIC)
        return max(clock.check().error_ns, clock.error_ns)
    except TectraError:
        return None


def _sync() -> ClockSync | None:
    """What the kernel says of its clock, without changing it."""
    timex = ctypes.create_string_buffer(512)
    try:
        if ctypes.CDLL(None, use_errno=True).adjtimex(timex) < 0:
            return None
    except (OSError, AttributeError):
        return None
    _, _, _, error_us, _, status = _TIMEX.unpack_from(timex.raw)
    return ClockSync(not status & _STA_UNSYNC, error_us)
