"""Capture files made by hand, byte for byte from the formats' descriptions."""

import struct

from tectra.protocol.frame import UdpPayload, build_udp_frame

__all__ = ["block", "enhanced", "interface", "option", "pcap", "section", "simple", "udp_frame"]


def udp_frame(data: bytes, port: int = 26400, source: str = "10.0.0.1") -> bytes:
    """An Ethernet frame with an IPv4 datagram."""
    return build_udp_frame(UdpPayload(0, source, 1234, "233.54.12.111", port, data))


def pcap(
    frames: list[tuple[int, bytes]], *, order: str = "<", nano: bool = True, link: int = 1
) -> bytes:
    """A pcap; times in nanoseconds."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for ts_ns, frame in frames:
        part = ts_ns % 10**9 // (1 if nano else 1000)
        out += struct.pack(order + "IIII", ts_ns // 10**9, part, len(frame), len(frame)) + frame
    return out


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """Any pcapng block."""
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(
    order: str = "<",
    *,
    link: int = 1,
    snap: int = 0,
    resolution: int | None = None,
    offset_s: int | None = None,
) -> bytes:
    body = struct.pack(order + "HHI", link, 0, snap) + option(2, b"eth0", order)
    if resolution is not None:
        body += option(9, bytes([resolution]), order)
    if offset_s is not None:
        body += option(14, struct.pack(order + "q", offset_s), order)
    return block(1, body + option(0, b"", order), order)


def enhanced(frame: bytes, ticks: int, order: str = "<", *, which: int = 0) -> bytes:
    head = struct.pack(order + "IIIII", which, ticks >> 32, ticks & 0xFFFFFFFF, len(frame),
                       len(frame))  # fmt: skip
    return block(6, head + frame + bytes(-len(frame) % 4), order)


def simple(frame: bytes, wire: int, order: str = "<") -> bytes:
    return block(3, struct.pack(order + "I", wire) + frame, order)
