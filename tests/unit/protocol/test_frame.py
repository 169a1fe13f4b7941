"""Frames to UDP payloads: link layers, tags, IPv4, IPv6, and a reason for everything else."""

import struct
from ipaddress import IPv6Address

import captures
import pytest

from tectra.protocol.frame import LinkType, Skip, UdpPayload, build_udp_frame, udp_of_frame

ETHERNET = captures.udp_frame(b"payload")
IP4 = ETHERNET[14:]
WANT4 = UdpPayload(0, "10.0.0.1", 1234, "233.54.12.111", 26400, b"payload")
UDP = IP4[20:]
HERE, THERE = IPv6Address("fe80::1"), IPv6Address("ff02::1:3")
WANT6 = UdpPayload(0, "fe80::1", 1234, "ff02::1:3", 26400, b"payload")


def ip6(*extensions: tuple[int, bytes], body: bytes = UDP, last: int = 17) -> bytes:
    """An IPv6 packet. Each extension: its number and its bytes behind the next-header byte."""
    numbers = [number for number, _ in extensions] + [last]
    chain = b"".join(
        bytes([after]) + rest for (_, rest), after in zip(extensions, numbers[1:], strict=True)
    )
    head = struct.pack(">IHBB", 6 << 28, len(chain) + len(body), numbers[0], 64)
    return head + HERE.packed + THERE.packed + chain + body


def patched(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


TAG = b"\x81\0\0\x05"
QINQ = b"\x88\xa8\0\x07" + TAG
OPTIONS = bytes([0x46]) + IP4[1:2] + (len(IP4) + 4).to_bytes(2, "big") + IP4[4:20] + bytes(4) + UDP


@pytest.mark.parametrize(
    ("link", "frame", "want"),
    [
        (1, ETHERNET, WANT4),
        (1, ETHERNET + b"padding of a short frame", WANT4),
        (1, ETHERNET[:12] + TAG + ETHERNET[12:], WANT4),
        (1, ETHERNET[:12] + QINQ + ETHERNET[12:], WANT4),
        (1, ETHERNET[:12] + b"\x86\xdd" + ip6(), WANT6),
        (1, ETHERNET[:14] + OPTIONS, WANT4),
        (113, bytes(14) + b"\x08\0" + IP4, WANT4),
        (113, bytes(14) + b"\x81\0\0\1\x08\0" + IP4, WANT4),
        (276, b"\x08\0" + bytes(18) + IP4, WANT4),
        (276, b"\x86\xdd" + bytes(18) + ip6(), WANT6),
        (101, IP4, WANT4),
        (101, ip6(), WANT6),
        (12, IP4, WANT4),
        (228, IP4, WANT4),
        (229, ip6(), WANT6),
        (0, b"\2\0\0\0" + IP4, WANT4),
        (0, b"\0\0\0\2" + IP4, WANT4),
        (0, b"\x1e\0\0\0" + ip6(), WANT6),
        (108, b"\0\0\0\2" + IP4, WANT4),
        (108, b"\0\0\0\x18" + ip6(), WANT6),
        (101, ip6((0, b"\0" + bytes(6)), (60, b"\1" + bytes(14))), WANT6),
        (101, ip6((43, b"\0" + bytes(6)), (51, b"\4" + bytes(22))), WANT6),
        (101, ip6((44, bytes(7))), WANT6),
        (101, patched(IP4, 2, b"\0\0"), WANT4),
    ],
)
def test_what_has_a_payload(link, frame, want):
    assert udp_of_frame(link, frame) == want


@pytest.mark.parametrize(
    ("link", "frame", "want"),
    [
        (105, ETHERNET, Skip.LINK_TYPE),
        (1, bytes(12) + b"\x08\x06" + bytes(28), Skip.NOT_IP),
        (1, bytes(12) + TAG * 5 + b"\x08\0" + IP4, Skip.NOT_IP),
        (1, bytes(13), Skip.CUT),
        (1, bytes(12) + b"\x81\0\0", Skip.CUT),
        (0, b"\2\0\0", Skip.CUT),
        (0, b"\7\0\0\0" + IP4, Skip.NOT_IP),
        (101, b"", Skip.CUT),
        (101, b"\x50" + bytes(40), Skip.NOT_IP),
        (101, patched(IP4, 9, b"\x06"), Skip.NOT_UDP),
        (101, patched(IP4, 6, b"\x20\0"), Skip.FRAGMENT),
        (101, patched(IP4, 6, b"\0\x01"), Skip.FRAGMENT),
        (101, patched(IP4, 0, b"\x44"), Skip.MALFORMED),
        (228, patched(IP4, 0, b"\x55"), Skip.MALFORMED),
        (101, patched(IP4, 2, b"\0\x13"), Skip.MALFORMED),
        (101, patched(IP4, 2, b"\0\x1a"), Skip.MALFORMED),
        (101, patched(IP4, 24, b"\0\7"), Skip.MALFORMED),
        (101, patched(IP4, 24, b"\0\x10"), Skip.MALFORMED),
        (101, ip6((44, b"\0\0\x01" + bytes(4))), Skip.FRAGMENT),
        (101, ip6((44, b"\0\1\0" + bytes(4))), Skip.FRAGMENT),
        (101, ip6(last=58), Skip.NOT_UDP),
        (101, ip6((0, b"\0" + bytes(6)), last=59), Skip.NOT_UDP),
        (101, ip6((0, b"\xff" + bytes(6)), body=UDP), Skip.MALFORMED),
        (101, ip6(*[(0, b"\0" + bytes(6))] * 16), Skip.MALFORMED),
        (229, patched(ip6(), 0, b"\x45"), Skip.MALFORMED),
    ],
)
def test_what_has_none(link, frame, want):
    assert udp_of_frame(link, frame) is want


@pytest.mark.parametrize("packet", [IP4, OPTIONS, ip6((60, b"\0" + bytes(6)), (44, bytes(7)))])
def test_captured_in_part(packet):
    for size in range(len(packet)):
        assert udp_of_frame(101, packet[:size]) is Skip.CUT
    assert not isinstance(udp_of_frame(101, packet), Skip)


@pytest.mark.parametrize("data", [b"", b"x", b"xy" * 700])
def test_checksums_of_a_frame_add_up(data):
    frame = build_udp_frame(WANT4._replace(data=data))
    assert udp_of_frame(LinkType.ETHERNET, frame) == WANT4._replace(data=data)
    head, udp = frame[14:34], frame[34:]

    def total(raw: bytes) -> int:
        value = sum(struct.unpack(f">{len(raw) // 2}H", raw))
        return value % 0xFFFF

    pseudo = head[12:20] + b"\0\x11" + len(udp).to_bytes(2, "big")
    assert total(head) == 0
    assert total(pseudo + udp + bytes(len(udp) % 2)) == 0
    assert frame[:6] == b"\x01\x00\x5e\x36\x0c\x6f"
