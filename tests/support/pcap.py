"""Reads packet captures just far enough to get at UDP payloads and MoldUDP64 messages."""

import struct
from collections.abc import Iterator
from pathlib import Path

__all__ = ["mold_messages", "udp_payloads"]


def udp_payloads(path: Path) -> Iterator[bytes]:
    """UDP payloads of a classic pcap of Ethernet frames (with or without a VLAN tag)."""
    data = path.read_bytes()
    magic = data[:4]
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}[magic]
    at = 24
    while at < len(data):
        captured = struct.unpack_from(order + "I", data, at + 8)[0]
        frame = data[at + 16 : at + 16 + captured]
        assert len(frame) == captured
        at += 16 + captured
        ether = 12
        while frame[ether : ether + 2] == b"\x81\x00":
            ether += 4
        assert frame[ether : ether + 2] == b"\x08\x00"
        ip = frame[ether + 2 :]
        assert ip[9] == 17
        udp = ip[(ip[0] & 15) * 4 :]
        yield udp[8 : struct.unpack_from(">H", udp, 4)[0]]


def mold_messages(payload: bytes) -> tuple[int, list[bytes], int]:
    """Count the header announces, messages, bytes left over of one MoldUDP64 packet."""
    count = struct.unpack_from(">H", payload, 18)[0]
    out = []
    at = 20
    while len(out) < (0 if count == 0xFFFF else count):
        size = struct.unpack_from(">H", payload, at)[0]
        out.append(payload[at + 2 : at + 2 + size])
        assert len(out[-1]) == size
        at += 2 + size
    return count, out, len(payload) - at
