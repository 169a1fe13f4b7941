"""UDP sockets as market data wants them: bound or joined to a group, tuned, every wish answered."""

import errno
import logging
import re
import socket
import struct
import sys
from ipaddress import AddressValueError, IPv4Address

import msgspec

from tectra.core.errors import InputError, SystemCallError
from tectra.core.outcome import Outcome, refused, told
from tectra.core.socket_option import SocketOptions, tune_socket

__all__ = ["UdpOptions", "UdpSender", "open_receiver", "parse_endpoint"]

_LOG = logging.getLogger("tectra.net.udp")
# From linux/in.h and asm-generic/socket.h; Python's socket module has none of them.
_IP_ADD_SOURCE_MEMBERSHIP = 39
_MCAST_JOIN_GROUP = 42
_MCAST_JOIN_SOURCE_GROUP = 46
_IP_MULTICAST_ALL = 49
_SO_RXQ_OVFL = 40
_DATAGRAM_MAX = 65_507
_FULL = frozenset({errno.EAGAIN, errno.ENOBUFS})
_LOST = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH})
_ENDPOINT = re.compile(r"([^:\s]+):(\d{1,5})")


class UdpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where to receive, and how.

    host: an IPv4 address of this machine, or a multicast group to join. port: 0 lets the kernel
    choose. interface: for a group, the address or the name of the network card (empty: the
    kernel's choice). source: for a group, the only sender to hear (source-specific multicast).
    receive_bytes: payload that the kernel shall hold while nobody polls; busy_poll_us: time that a
    poll spins on the card; 0 leaves either as the kernel has it. timestamps: ask the kernel when it
    took each datagram.
    """

    host: str
    port: int
    interface: str = ""
    source: str = ""
    receive_bytes: int = 4 << 20
    busy_poll_us: int = 0
    timestamps: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 0xFFFF:
            raise InputError(f"port: found {self.port}; allowed: 0 to 65535")
        host = _address("host", self.host)
        if not host.is_multicast and (self.interface or self.source):
            raise InputError(
                f"host: found {self.host}; interface and source are for groups, "
                "224.0.0.0 to 239.255.255.255"
            )
        if self.source and _address("source", self.source).is_multicast:
            raise InputError(f"source: found {self.source}; allowed: the address of one sender")

    @property
    def is_multicast(self) -> bool:
        """Whether host is a group."""
        return IPv4Address(self.host).is_multicast


def _address(name: str, text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise InputError(f"{name}: found {text!r}; allowed: an IPv4 address") from None


def parse_endpoint(text: str) -> tuple[str, int]:
    """Address and port of HOST:PORT; HOST is an IPv4 address or `localhost`. Raises InputError."""
    match = _ENDPOINT.fullmatch(text)
    if match is None or not 0 < int(match[2]) <= 0xFFFF:
        raise InputError(f"{text!r}: allowed is HOST:PORT, as in 127.0.0.1:26400")
    host = "127.0.0.1" if match[1] == "localhost" else match[1]
    return str(_address("host", host)), int(match[2])


def open_receiver(options: UdpOptions) -> tuple[socket.socket, tuple[Outcome, ...]]:
    """A non-blocking socket as `options` want it, and what became of each wish.

    Raises SystemCallError when it cannot be bound or cannot join the group. The caller closes it.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if options.is_multicast:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((options.host, options.port))
        if options.is_multicast:
            _join(sock, options)
    except OSError as error:
        sock.close()
        raise SystemCallError(
            error.errno, f"cannot receive at {options.host}:{options.port}: {error.strerror}"
        ) from error
    except BaseException:
        sock.close()
        raise
    wishes = SocketOptions(
        nodelay=False,
        busy_poll_us=options.busy_poll_us,
        timestamps=options.timestamps,
        receive_bytes=options.receive_bytes,
    )
    return sock, (*tune_socket(sock, wishes), told(_LOG, _count_drops(sock)))


def _count_drops(sock: socket.socket) -> Outcome:
    wish = "SO_RXQ_OVFL = 1"
    if not sys.platform.startswith("linux"):
        return Outcome(wish, False, "Linux only")
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
    except OSError as error:
        return refused(wish, error.errno or 0, {})
    return Outcome(wish, True, "set")


def _join(sock: socket.socket, options: UdpOptions) -> None:
    """Join the group. A socket bound to the group gets its datagrams whoever else joined what."""
    group = socket.inet_aton(options.host)
    source = socket.inet_aton(options.source) if options.source else b""
    sock.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
    if options.interface and not _is_address(options.interface):
        index = _index(options.interface)
        request = struct.pack("@I4x", index) + _sockaddr(group)
        kind = _MCAST_JOIN_SOURCE_GROUP if source else _MCAST_JOIN_GROUP
        sock.setsockopt(socket.IPPROTO_IP, kind, request + (_sockaddr(source) if source else b""))
        return
    local = socket.inet_aton(options.interface or "0.0.0.0")
    if source:
        sock.setsockopt(socket.IPPROTO_IP, _IP_ADD_SOURCE_MEMBERSHIP, group + local + source)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + local)


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


def _index(name: str) -> int:
    try:
        return socket.if_nametoindex(name)
    except OSError:
        known = ", ".join(sorted(n for _, n in socket.if_nameindex()))
        raise InputError(f"interface: found {name!r}; this machine has {known}") from None


def _sockaddr(address: bytes) -> bytes:
    """struct sockaddr_storage of an IPv4 address."""
    return struct.pack("@HH", socket.AF_INET, 0).ljust(4, b"\0") + address + bytes(120)


class UdpSender:
    """Sends datagrams to one address, unicast or a group. Owned by one thread; never waits.

    interface: for a group, the address of the network card to send from. ttl: routers that a
    datagram may pass; for a group 0 keeps it on this machine. `full` counts what the kernel had no
    room for, `refused` what found no way to the address: both are lost, as on a wire.
    """

    def __init__(
        self, host: str, port: int, *, interface: str = "", ttl: int = 1, send_bytes: int = 0
    ) -> None:
        group = _address("host", host).is_multicast
        if not 0 < port <= 0xFFFF:
            raise InputError(f"port: found {port}; allowed: 1 to 65535")
        if not 0 <= ttl <= 255:
            raise InputError(f"ttl: found {ttl}; allowed: 0 to 255")
        self.address = (host, port)
        self.datagrams = self.bytes_sent = self.full = self.refused = 0
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._sock.setblocking(False)
            if group:
                self._sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
            if group and interface:
                local = _address("interface", interface).packed
                self._sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, local)
        except BaseException:
            self._sock.close()
            raise
        wishes = SocketOptions(nodelay=False, busy_poll_us=0, send_bytes=send_bytes)
        self.outcomes = tune_socket(self._sock, wishes)

    def try_send(self, data: bytes) -> bool:
        """Hand one datagram of up to 65,507 bytes to the kernel; False when it is lost.

        Raises SystemCallError when this address can never be sent to, or after close().
        """
        if len(data) > _DATAGRAM_MAX:
            raise InputError(f"a datagram of {len(data)} bytes; allowed: up to {_DATAGRAM_MAX}")
        try:
            self._sock.sendto(data, self.address)
        except OSError as error:
            if error.errno in _FULL:
                self.full += 1
                return False
            if error.errno in _LOST:
                self.refused += 1
                return False
            raise SystemCallError(
                error.errno, f"cannot send to {self.address}: {error.strerror or error}"
            ) from error
        self.datagrams += 1
        self.bytes_sent += len(data)
        return True

    def close(self) -> None:
        """Close the socket. May be called twice."""
        self._sock.close()
