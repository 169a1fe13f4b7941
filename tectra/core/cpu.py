"""Which cores there are, which are kept free for us, and how a thread is pinned to one. Linux."""

import os
from pathlib import Path

from tectra.core.errors import InputError, SystemCallError

__all__ = ["allowed_cores", "governor", "isolated_cores", "parse_cores", "pin_to_core"]

_CPU = Path("/sys/devices/system/cpu")


def parse_cores(text: str) -> tuple[int, ...]:
    """Cores of a kernel list such as "0-3,8": (0, 1, 2, 3, 8)."""
    out: list[int] = []
    for part in filter(None, text.strip().split(",")):
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise InputError(f"cores: found {text!r}; allowed: a list such as '0-3,8'")
        out.extend(range(int(first), int(last or first) + 1))
    return tuple(out)


def allowed_cores() -> tuple[int, ...]:
    """Cores that the calling thread may run on, in order."""
    return tuple(sorted(os.sched_getaffinity(0)))


def isolated_cores() -> tuple[int, ...]:
    """Cores that the kernel keeps other work away from (isolcpus=); often none."""
    try:
        return parse_cores((_CPU / "isolated").read_text())
    except OSError:
        return ()


def governor(core: int) -> str:
    """Frequency governor of a core, or "" where the machine does not say."""
    try:
        return (_CPU / f"cpu{core}" / "cpufreq" / "scaling_governor").read_text().strip()
    except OSError:
        return ""


def pin_to_core(core: int) -> None:
    """Keep the calling thread on one core. Raises InputError if the core is not among
    allowed_cores().
    """
    allowed = allowed_cores()
    if core not in allowed:
        raise InputError(f"core: found {core}; allowed here: {', '.join(map(str, allowed))}")
    try:
        os.sched_setaffinity(0, {core})
    except OSError as error:
        raise SystemCallError(
            f"cannot pin to core {core}: {error}; check cgroup and taskset limits"
        ) from error
