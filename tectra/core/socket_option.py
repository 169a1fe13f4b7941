"""Socket options of connections that trade: set, read back, and reported."""

import errno
import logging
import socket
import sys
from pathlib import Path

import msgspec

from tectra.core.errors import InputError
from tectra.core.outcome import Outcome, refused, told

__all__ = ["SO_BUSY_POLL", "SO_TIMESTAMPNS", "SocketOptions", "tune_socket"]

# From asm-generic/socket.h; Python's socket module has neither.
SO_BUSY_POLL = 46
SO_TIMESTAMPNS = 35
_SO_RCVBUFFORCE = 33

_LOG = logging.getLogger("tectra.core.socket_option")
_BUSY = {
    errno.EPERM: "raising it needs CAP_NET_ADMIN, or net.core.busy_read set to as much",
    errno.ENOPROTOOPT: "this kernel polls no sockets (CONFIG_NET_RX_BUSY_POLL)",
}


class SocketOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection asks for. Zero leaves an option as the kernel has it.

    busy_poll_us: time that a read spins on the network card before it sleeps. receive_bytes and
    send_bytes: payload that the buffers shall hold, before the kernel's own doubling.
    """

    nodelay: bool = True
    busy_poll_us: int = 50
    timestamps: bool = False
    receive_bytes: int = 0
    send_bytes: int = 0

    def __post_init__(self) -> None:
        for name in ("busy_poll_us", "receive_bytes", "send_bytes"):
            if not 0 <= getattr(self, name) < 1 << 30:
                raise InputError(f"{name}: found {getattr(self, name)}; allowed: 0 to 1073741823")


def tune_socket(sock: socket.socket, options: SocketOptions | None = None) -> tuple[Outcome, ...]:
    """Set the options on a socket of any family; returns an Outcome for each that was asked for.

    What the kernel refuses is logged, never raised. Cold path: once a connection.
    """
    want = options if options is not None else SocketOptions()
    out = []
    if want.nodelay and sock.family in (socket.AF_INET, socket.AF_INET6) and _is_stream(sock):
        out.append(_set(sock, socket.IPPROTO_TCP, socket.TCP_NODELAY, 1, "TCP_NODELAY"))
    if want.busy_poll_us:
        out.append(
            _set(sock, socket.SOL_SOCKET, SO_BUSY_POLL, want.busy_poll_us, "SO_BUSY_POLL", _BUSY)
        )
    if want.timestamps:
        out.append(_set(sock, socket.SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS"))
    if want.receive_bytes:
        out.append(_buffer(sock, socket.SO_RCVBUF, want.receive_bytes, "rmem_max"))
    if want.send_bytes:
        out.append(_buffer(sock, socket.SO_SNDBUF, want.send_bytes, "wmem_max"))
    return tuple(told(_LOG, one) for one in out)


def _is_stream(sock: socket.socket) -> bool:
    return sock.type & ~(socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) == socket.SOCK_STREAM


def _set(
    sock: socket.socket,
    level: int,
    option: int,
    value: int,
    name: str,
    advice: dict[int, str] | None = None,
) -> Outcome:
    wish = f"{name} = {value}"
    if not sys.platform.startswith("linux"):
        return Outcome(wish, False, "Linux only")
    try:
        sock.setsockopt(level, option, value)
        found = sock.getsockopt(level, option)
    except OSError as error:
        return refused(wish, error.errno or 0, advice or {})
    if found != value and not (value == 1 and found):
        return Outcome(wish, False, f"the kernel says {found}")
    return Outcome(wish, True, "set")


def _buffer(sock: socket.socket, option: int, size: int, limit: str) -> Outcome:
    """The kernel doubles what it is told, and cuts it to its limit without a word."""
    name = "SO_RCVBUF" if option == socket.SO_RCVBUF else "SO_SNDBUF"
    wish = f"{name} = {size}"
    try:
        sock.setsockopt(socket.SOL_SOCKET, option, size)
        found = sock.getsockopt(socket.SOL_SOCKET, option) // 2
        if found < size and option == socket.SO_RCVBUF:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
            found = sock.getsockopt(socket.SOL_SOCKET, option) // 2
    except PermissionError:
        pass  # only the force needs a permission
    except OSError as error:
        return refused(wish, error.errno or 0, {})
    if found < size:
        most = _limit(limit)
        return Outcome(wish, False, f"the kernel gives {found}; raise net.core.{limit} ({most})")
    return Outcome(wish, True, "set")


def _limit(name: str) -> str:
    try:
        return Path("/proc/sys/net/core", name).read_text().strip()
    except OSError:
        return "not readable here"
