"""Frames of a capture to the UDP payloads inside: link layers, VLAN tags, IPv4, IPv6.

Headers are read as far as a payload needs them. Checksums are not verified: network cards fill them
in behind the place where captures are taken. What carries no whole UDP payload gives a reason.
"""

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

__all__ = ["LinkType", "Skip", "UdpPayload", "build_udp_frame", "udp_of_frame"]


class Skip(StrEnum):
    """Why a frame gives no payload."""

    LINK_TYPE = "link type not known"
    NOT_IP = "not IP"
    NOT_UDP = "not UDP"
    FRAGMENT = "IP fragment"
    CUT = "captured in part"
    MALFORMED = "malformed header"


class LinkType:
    """The link types that are read, by their numbers in capture files."""

    NULL = 0
    ETHERNET = 1
    RAW = frozenset({12, 14, 101})
    LOOP = 108
    LINUX_SLL = 113
    IPV4 = 228
    IPV6 = 229
    LINUX_SLL2 = 276


class UdpPayload(NamedTuple):
    """What one datagram carried. `ts_ns`: capture time, nanoseconds since the epoch UTC."""

    ts_ns: int
    source: str
    source_port: int
    destination: str
    destination_port: int
    data: bytes


_IPV4, _IPV6 = 0x0800, 0x86DD
_VLANS = frozenset({0x8100, 0x88A8, 0x9100})
_UDP, _FRAGMENT, _AUTHENTICATION = 17, 44, 51
# IPv6 headers that say their own length: hop-by-hop, routing, destination options, mobility,
# identity, multihoming.
_EXTENSIONS = frozenset({0, 43, 60, 135, 139, 140})
# Address families of IPv6 in BSD loopback frames, by system; IPv4 is 2 everywhere.
_BSD_IPV6 = frozenset({10, 24, 28, 30})
_EXTENSIONS_MAX = 16


def _u16(data: bytes, at: int) -> int:
    return (data[at] << 8) | data[at + 1]


def udp_of_frame(link: int, frame: bytes, ts_ns: int = 0) -> UdpPayload | Skip:
    """The UDP payload of one frame, or why there is none. Never raises."""
    found = _network(link, frame)
    if isinstance(found, Skip):
        return found
    protocol, at = found
    for _ in range(4):
        if protocol not in _VLANS:
            break
        if len(frame) < at + 4:
            return Skip.CUT
        protocol, at = _u16(frame, at + 2), at + 4
    if protocol == _IPV4:
        return _ipv4(frame, at, ts_ns)
    if protocol == _IPV6:
        return _ipv6(frame, at, ts_ns)
    return Skip.NOT_IP


def _network(link: int, frame: bytes) -> tuple[int, int] | Skip:
    """Ethernet type of what the frame carries, and where that starts."""
    if link == LinkType.ETHERNET:
        return (_u16(frame, 12), 14) if len(frame) >= 14 else Skip.CUT
    if link == LinkType.LINUX_SLL:
        return (_u16(frame, 14), 16) if len(frame) >= 16 else Skip.CUT
    if link == LinkType.LINUX_SLL2:
        return (_u16(frame, 0), 20) if len(frame) >= 20 else Skip.CUT
    if link in (LinkType.NULL, LinkType.LOOP):
        if len(frame) < 4:
            return Skip.CUT
        # NULL is in the order of the machine that captured; a family is less than 256.
        family = int.from_bytes(frame[:4], "big")
        family = family if family < 1 << 16 else int.from_bytes(frame[:4], "little")
        if family == 2:
            return _IPV4, 4
        return (_IPV6, 4) if family in _BSD_IPV6 else Skip.NOT_IP
    if link == LinkType.IPV4:
        return _IPV4, 0
    if link == LinkType.IPV6:
        return _IPV6, 0
    if link in LinkType.RAW:
        if not frame:
            return Skip.CUT
        return {4: (_IPV4, 0), 6: (_IPV6, 0)}.get(frame[0] >> 4, Skip.NOT_IP)
    return Skip.LINK_TYPE


def _ipv4(frame: bytes, at: int, ts_ns: int) -> UdpPayload | Skip:
    if len(frame) < at + 20:
        return Skip.CUT
    head = (frame[at] & 15) * 4
    # 0 where a network card splits large sends: all that is there belongs to it.
    total = _u16(frame, at + 2) or len(frame) - at
    if frame[at] >> 4 != 4 or head < 20 or total < head:
        return Skip.MALFORMED
    if _u16(frame, at + 6) & 0x3FFF:  # more fragments follow, or this is not the first
        return Skip.FRAGMENT
    if frame[at + 9] != _UDP:
        return Skip.NOT_UDP
    source, target = frame[at + 12 : at + 16], frame[at + 16 : at + 20]
    found = _udp(frame, at + head, at + total)
    if isinstance(found, Skip):
        return found
    ports, data = found
    return UdpPayload(
        ts_ns, str(IPv4Address(source)), ports[0], str(IPv4Address(target)), ports[1], data
    )


def _ipv6(frame: bytes, at: int, ts_ns: int) -> UdpPayload | Skip:
    if len(frame) < at + 40:
        return Skip.CUT
    if frame[at] >> 4 != 6:
        return Skip.MALFORMED
    end = at + 40 + (_u16(frame, at + 4) or len(frame) - at - 40)
    protocol, body = frame[at + 6], at + 40
    for _ in range(_EXTENSIONS_MAX):
        if protocol == _UDP:
            break
        step = _extension(frame, body, protocol)
        if isinstance(step, Skip):
            return step
        if body + step > end:
            return Skip.MALFORMED
        protocol, body = frame[body], body + step
    else:
        return Skip.MALFORMED
    found = _udp(frame, body, end)
    if isinstance(found, Skip):
        return found
    ports, data = found
    source, target = frame[at + 8 : at + 24], frame[at + 24 : at + 40]
    return UdpPayload(
        ts_ns, str(IPv6Address(source)), ports[0], str(IPv6Address(target)), ports[1], data
    )


def _extension(frame: bytes, at: int, protocol: int) -> int | Skip:
    """Bytes of one extension header."""
    if protocol not in _EXTENSIONS and protocol not in (_FRAGMENT, _AUTHENTICATION):
        return Skip.NOT_UDP
    if len(frame) < at + 8:
        return Skip.CUT
    if protocol == _FRAGMENT:
        # One that is first and last at once holds a whole datagram.
        return Skip.FRAGMENT if _u16(frame, at + 2) & 0xFFF9 else 8
    return (frame[at + 1] + 2) * 4 if protocol == _AUTHENTICATION else (frame[at + 1] + 1) * 8


def _udp(frame: bytes, at: int, end: int) -> tuple[tuple[int, int], bytes] | Skip:
    """Ports and payload of the UDP header at `at` in an IP packet that ends at `end`."""
    if end - at < 8:
        return Skip.MALFORMED
    if len(frame) < at + 8:
        return Skip.CUT
    size = _u16(frame, at + 4)
    if size < 8 or at + size > end:
        return Skip.MALFORMED
    if at + size > len(frame):
        return Skip.CUT
    return (_u16(frame, at), _u16(frame, at + 2)), frame[at + 8 : at + size]


def _checksum(data: bytes) -> int:
    """Internet checksum (RFC 1071) of an even number of bytes."""
    total = sum(_u16(data, i) for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def build_udp_frame(payload: UdpPayload) -> bytes:
    """An Ethernet frame with an IPv4 datagram, addresses of the link made from those of IP."""
    source, target = IPv4Address(payload.source), IPv4Address(payload.destination)
    ports = payload.source_port.to_bytes(2, "big") + payload.destination_port.to_bytes(2, "big")
    size = (8 + len(payload.data)).to_bytes(2, "big")
    pseudo = source.packed + target.packed + bytes((0, _UDP)) + size + ports + size + b"\0\0"
    padding = bytes(len(payload.data) % 2)
    check = _checksum(pseudo + payload.data + padding) or 0xFFFF
    udp = ports + size + check.to_bytes(2, "big") + payload.data
    head = bytearray(20)
    head[0], head[8], head[9] = 0x45, 64, _UDP
    head[2:4] = (20 + len(udp)).to_bytes(2, "big")
    head[12:16], head[16:20] = source.packed, target.packed
    head[10:12] = _checksum(bytes(head)).to_bytes(2, "big")
    group = b"\x01\x00\x5e" + bytes((target.packed[1] & 0x7F,)) + target.packed[2:]
    to = group if target.is_multicast else b"\x02\0" + target.packed
    return to + b"\x02\0" + source.packed + b"\x08\0" + bytes(head) + udp
