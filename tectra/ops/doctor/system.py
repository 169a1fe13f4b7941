"""Questions about the network stack, limits, Python and where all this runs."""

from tectra.ops.doctor.item import Item, Machine, Question, size_text

__all__ = ["CHECKS"]

MB = 1 << 20
_POLL = Question(
    "busy polling",
    "a read that spins on the network card for 50 us saves the interrupt and the wake-up",
)
_BUFFERS = Question(
    "socket buffer limits",
    "a burst that does not fit the receive buffer is lost (UDP) or stops the venue (TCP)",
)
_FASTOPEN = Question("TCP fast open", "a reconnect carries its first request in the first packet")
_FILES = Question(
    "file descriptors", "each connection, segment and journal file takes one; none left is a halt"
)
_PYTHON = Question("Python", "a debug build is many times slower; its figures mean nothing")
_PLACE = Question(
    "environment",
    "a virtual machine is paused and moved by its host, and a container may hide what it is like",
)
_SYSCTL = "install infra/host/99-tectra.conf in /etc/sysctl.d and run sysctl --system"


def _poll(m: Machine) -> Item:
    names = ("busy_read", "busy_poll")
    values = {n: m.number(f"proc/sys/net/core/{n}") for n in names}
    if None in values.values():
        return _POLL.unreadable("/proc/sys/net/core/busy_read")
    found = ", ".join(f"net.core.{n} = {v}" for n, v in values.items())
    if all(v for v in values.values()):
        return _POLL.ok(found)
    return _POLL.warn(found, _SYSCTL)


def _buffers(m: Machine) -> Item:
    read, write = (m.number(f"proc/sys/net/core/{n}") for n in ("rmem_max", "wmem_max"))
    if read is None or write is None:
        return _BUFFERS.unreadable("/proc/sys/net/core/rmem_max")
    found = f"receive {size_text(read)}, send {size_text(write)}"
    if read >= 4 * MB and write >= MB:
        return _BUFFERS.ok(found)
    return _BUFFERS.warn(found, "sysctl net.core.rmem_max=16777216 net.core.wmem_max=4194304")


def _fastopen(m: Machine) -> Item:
    value = m.number("proc/sys/net/ipv4/tcp_fastopen")
    if value is None:
        return _FASTOPEN.unreadable("/proc/sys/net/ipv4/tcp_fastopen")
    if value & 3 == 3:
        return _FASTOPEN.ok(f"{value}: client and server")
    return _FASTOPEN.warn(f"{value}: {'client only' if value & 1 else 'off'}", _SYSCTL)


def _files(m: Machine) -> Item:
    limit = m.limit("Max open files")
    if limit is None:
        return _FILES.unreadable("/proc/self/limits")
    if limit < 0 or limit >= 4096:
        return _FILES.ok("unlimited" if limit < 0 else str(limit))
    return _FILES.warn(str(limit), "raise nofile: `ulimit -n 65536`, LimitNOFILE= of the service")


def _python(m: Machine) -> Item:
    found = f"{m.python}, {'with' if m.has_gil else 'without'} the GIL"
    if m.is_debug:
        return _PYTHON.warn(f"{found}, a debug build", "use a release build")
    return _PYTHON.ok(found)


def _place(m: Machine) -> Item:
    containers = {".dockerenv": "Docker", "run/.containerenv": "Podman"}
    found = [name for path, name in containers.items() if (m.root / path).exists()]
    info = m.text("proc/cpuinfo")
    vendor = m.text("sys/class/dmi/id/sys_vendor") or ""
    if info is None and not found:
        return _PLACE.unreadable("/proc/cpuinfo")
    flags = next((x for x in (info or "").splitlines() if x.startswith("flags")), "")
    if "hypervisor" in flags.split():
        found.append(f"virtual machine{f' ({vendor})' if vendor else ''}")
    if not found:
        return _PLACE.ok("this hardware itself" + (f" ({vendor})" if vendor else ""))
    return _PLACE.warn(
        ", ".join(found), "trade on dedicated cores of known hardware; compare ratios, not times"
    )


CHECKS = (_poll, _buffers, _fastopen, _files, _python, _place)
"""One function a question, in the order in which they are asked."""
