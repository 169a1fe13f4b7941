"""Which cores there are, which are kept free for us, and how a thread is pinned to one. Linux.

Readers take the root of the file system they read, so that another machine's files can be asked.
"""

import errno
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tectra.core.errors import InputError, SystemCallError
from tectra.core.outcome import Outcome, refused, told

__all__ = [
    "PRODUCTION_CORES",
    "allowed_cores",
    "core_map",
    "governor",
    "isolated_cores",
    "nohz_full_cores",
    "numa_node",
    "numa_nodes",
    "parse_cores",
    "pin_to_core",
    "rcu_nocbs_cores",
    "smt_siblings",
    "use_fifo",
]

_LOG = logging.getLogger("tectra.core.cpu")
_ROOT = Path("/")
_CPU = "sys/devices/system/cpu"
_FIFO = {
    errno.EPERM: "raise the limit: `ulimit -r`, LimitRTPRIO= of the service, or CAP_SYS_NICE",
}
FALLBACKS = ("refuse", "share", "unpinned")

PRODUCTION_CORES: Mapping[str, int] = MappingProxyType({"market_data": 2, "strategy": 3})
"""Core of each thread in production: two that the kernel keeps free (isolcpus=2,3)."""


def _text(path: Path) -> str:
    """A small file, "" where the machine does not have it."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _boot_cores(name: str, root: Path) -> tuple[int, ...]:
    """Cores that a boot parameter lists; flags such as `managed_irq,` before them are skipped."""
    for word in _text(root / "proc/cmdline").split():
        key, _, value = word.partition("=")
        if key == name:
            parts = [p for p in value.split(",") if p[:1].isdigit()]
            try:
                return parse_cores(",".join(parts))
            except InputError:
                return ()
    return ()


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


def isolated_cores(root: Path = _ROOT) -> tuple[int, ...]:
    """Cores that the kernel keeps other work away from (isolcpus=); often none."""
    return parse_cores(_text(root / _CPU / "isolated"))


def nohz_full_cores(root: Path = _ROOT) -> tuple[int, ...]:
    """Cores whose timer tick stops while one thread runs there (nohz_full=)."""
    text = _text(root / _CPU / "nohz_full")
    return parse_cores(text) if text[:1].isdigit() else _boot_cores("nohz_full", root)


def rcu_nocbs_cores(root: Path = _ROOT) -> tuple[int, ...]:
    """Cores that are spared the kernel's deferred frees (rcu_nocbs=)."""
    return _boot_cores("rcu_nocbs", root)


def governor(core: int, root: Path = _ROOT) -> str:
    """Frequency governor of a core, or "" where the machine does not say."""
    return _text(root / _CPU / f"cpu{core}/cpufreq/scaling_governor")


def smt_siblings(core: int, root: Path = _ROOT) -> tuple[int, ...]:
    """The other hardware threads of a core's physical core, which share its caches and units."""
    text = _text(root / _CPU / f"cpu{core}/topology/thread_siblings_list")
    return tuple(c for c in parse_cores(text) if c != core)


def numa_nodes(root: Path = _ROOT) -> tuple[int, ...]:
    """NUMA nodes of the machine; () where the kernel does not say."""
    return parse_cores(_text(root / "sys/devices/system/node/online"))


def numa_node(core: int, root: Path = _ROOT) -> int | None:
    """NUMA node of a core, None where the kernel does not say."""
    for node in numa_nodes(root):
        if core in parse_cores(_text(root / f"sys/devices/system/node/node{node}/cpulist")):
            return node
    return None


def core_map(
    wanted: Mapping[str, int] = PRODUCTION_CORES,
    *,
    fallback: str = "refuse",
    allowed: tuple[int, ...] | None = None,
) -> dict[str, int | None]:
    """Core of each named thread, checked against what this process may use (`allowed`).

    A core that is not there is refused (InputError), or by `fallback` replaced with a line in the
    log: "share" spreads such threads over the allowed cores, "unpinned" leaves them to the
    scheduler (None). So are two threads on one core.
    """
    if fallback not in FALLBACKS:
        raise InputError(f"fallback: found {fallback!r}; allowed: {', '.join(FALLBACKS)}")
    cores = allowed_cores() if allowed is None else allowed
    out: dict[str, int | None] = {}
    for name, core in wanted.items():
        problem = ""
        if core not in cores:
            problem = f"core {core} is not among those allowed here ({_list(cores)})"
        elif core in out.values():
            problem = f"core {core} is taken by another thread"
        if not problem:
            out[name] = core
            continue
        if fallback == "refuse":
            raise InputError(
                f"cores.{name}: {problem}; name another core, or a fallback (share, unpinned)"
            )
        out[name] = cores[len(out) % len(cores)] if fallback == "share" else None
        _LOG.warning("cores.%s: %s; %s", name, problem, _instead(out[name]))
    return out


def _list(cores: tuple[int, ...]) -> str:
    return ", ".join(map(str, cores))


def _instead(core: int | None) -> str:
    return "left to the scheduler" if core is None else f"shares core {core} instead"


def use_fifo(priority: int) -> Outcome:
    """Schedule the calling thread before all ordinary ones (SCHED_FIFO): an Outcome. A spinning
    thread of this kind starves whatever else runs on its core: give it a core of its own.
    """
    low, high = os.sched_get_priority_min(os.SCHED_FIFO), os.sched_get_priority_max(os.SCHED_FIFO)
    if not low <= priority <= high:
        raise InputError(f"priority: found {priority}; allowed: {low} to {high}")
    wish = f"SCHED_FIFO {priority}"
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError as error:
        return told(_LOG, refused(wish, error.errno or 0, _FIFO))
    return Outcome(wish, True, "set")


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
