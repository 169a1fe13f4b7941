"""Questions about cores: who may run there, who disturbs them, how fast they are."""

from tectra.core.cpu import (
    governor,
    isolated_cores,
    nohz_full_cores,
    numa_node,
    numa_nodes,
    rcu_nocbs_cores,
    smt_siblings,
)
from tectra.ops.doctor.item import Item, Machine, Question, cores_text

__all__ = ["CHECKS"]

_COUNT = Question(
    "cores",
    "market data and strategy spin on a core each; the rest of the machine needs others",
)
_ISOLATED = Question(
    "isolated cores",
    "whatever else the kernel runs on a trading core delays an order by up to milliseconds",
)
_NOHZ = Question(
    "nohz_full cores",
    "the timer tick interrupts a spinning thread 100 to 1000 times a second",
)
_RCU = Question(
    "rcu_nocbs cores",
    "the kernel's deferred frees run on the core that caused them unless they are moved away",
)
_GOVERNOR = Question(
    "frequency governor",
    "a core that clocks down between ticks is slow exactly when one comes",
)
_SMT = Question(
    "SMT siblings",
    "two hardware threads share caches and units: a neighbor takes up to half of them",
)
_FIFO = Question(
    "SCHED_FIFO",
    "an ordinary thread gives way to others; one of SCHED_FIFO runs until it yields",
)
_NUMA = Question(
    "NUMA",
    "memory of another node costs about twice as much on each miss",
)
_CAP_SYS_NICE = 23
_BOOT = "boot with isolcpus={0} nohz_full={0} rcu_nocbs={0} (infra/host/tune.sh)"


def _count(m: Machine) -> Item:
    found = f"{len(m.cores)}: {cores_text(m.cores)}"
    missing = [core for core in m.trading_cores if core not in m.cores]
    if missing:
        return _COUNT.warn(
            found,
            f"production pins to cores {cores_text(m.trading_cores)}: give the process "
            f"{cores_text(missing)}, or name other cores in the configuration",
        )
    if len(m.cores) < len(m.trading_cores) + 2:
        return _COUNT.warn(found, f"have two cores beside {cores_text(m.trading_cores)}")
    return _COUNT.ok(found)


def _listed(q: Question, m: Machine, cores: tuple[int, ...], path: str) -> Item:
    if not (m.root / path).exists() and not cores:
        return q.unreadable(f"/{path}")
    if set(m.trading_cores) <= set(cores):
        return q.ok(cores_text(cores))
    return q.warn(cores_text(cores), _BOOT.format(cores_text(m.trading_cores)))


def _isolated(m: Machine) -> Item:
    return _listed(_ISOLATED, m, isolated_cores(m.root), "sys/devices/system/cpu/isolated")


def _nohz(m: Machine) -> Item:
    return _listed(_NOHZ, m, nohz_full_cores(m.root), "proc/cmdline")


def _rcu(m: Machine) -> Item:
    return _listed(_RCU, m, rcu_nocbs_cores(m.root), "proc/cmdline")


def _governor(m: Machine) -> Item:
    found = {core: governor(core, m.root) for core in m.trading_cores}
    if not any(found.values()):
        return _GOVERNOR.unreadable("/sys/devices/system/cpu/cpu*/cpufreq")
    text = ", ".join(f"{core}: {name or 'unknown'}" for core, name in found.items())
    if set(found.values()) == {"performance"}:
        return _GOVERNOR.ok(text)
    return _GOVERNOR.warn(text, "cpupower frequency-set -g performance")


def _smt(m: Machine) -> Item:
    pairs = {core: smt_siblings(core, m.root) for core in m.trading_cores}
    control = m.text("sys/devices/system/cpu/smt/control")
    if control is None and not any(pairs.values()):
        return _SMT.unreadable("/sys/devices/system/cpu/smt/control")
    busy = [c for siblings in pairs.values() for c in siblings]
    if control in ("off", "forceoff", "notsupported", "notimplemented") or not busy:
        return _SMT.ok(f"none ({control or 'one thread a core'})")
    names = ", ".join(f"{core} with {cores_text(s)}" for core, s in pairs.items() if s)
    offline = "; ".join(f"echo 0 > /sys/devices/system/cpu/cpu{c}/online" for c in busy)
    return _SMT.warn(names, f"take the siblings offline: {offline}")


def _fifo(m: Machine) -> Item:
    limit = m.limit("Max realtime priority")
    if limit is None:
        return _FIFO.unreadable("/proc/self/limits")
    if limit != 0:
        return _FIFO.ok("unlimited" if limit < 0 else f"priorities up to {limit}")
    if m.may(_CAP_SYS_NICE):
        return _FIFO.ok("permitted by CAP_SYS_NICE")
    return _FIFO.warn(
        "not permitted to this user",
        "raise rtprio in /etc/security/limits.d, or LimitRTPRIO=50 of the service",
    )


def _numa(m: Machine) -> Item:
    nodes = numa_nodes(m.root)
    if not nodes:
        return _NUMA.unreadable("/sys/devices/system/node/online")
    if len(nodes) == 1:
        return _NUMA.ok("one node")
    homes = {core: numa_node(core, m.root) for core in m.trading_cores}
    found = f"{len(nodes)} nodes; " + ", ".join(f"core {c}: node {n}" for c, n in homes.items())
    if len(set(homes.values())) == 1:
        return _NUMA.ok(found)
    return _NUMA.warn(found, "choose trading cores of one node, the network card's")


CHECKS = (_count, _isolated, _nohz, _rcu, _governor, _smt, _fifo, _numa)
"""One function a question, in the order in which they are asked."""
