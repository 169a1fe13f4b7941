"""Datagrams and MoldUDP64 packets, against what the standard library would do."""

import socket
import struct
from collections.abc import Callable, Iterator

import gate as gates
import pytest
from conftest import Gate

from tectra.net import UdpOptions, UdpReceiver
from tectra.protocol import build_packet, parse_packet

HERE = "127.0.0.1"
# Fits the receive buffer that any machine gives.
BURST = gates.size(128, 8)
DATA = build_packet("000000001A", 1, [bytes([n]) * (19 + n % 22) for n in range(36)])


def by_hand(data: bytes) -> tuple[bytes, int, list[bytes]]:
    """The packet in Python, lengths trusted."""
    session, sequence, count = struct.unpack_from(">10sQH", data)
    at, out = 20, []
    for _ in range(count):
        size = (data[at] << 8) | data[at + 1]
        out.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    return session, sequence, out


def test_parse_packet(gate: Gate) -> None:
    """Messages as Python objects: compiled with every check, and by hand without any."""
    assert list(parse_packet(DATA).messages) == by_hand(DATA)[2]
    gate(lambda: parse_packet(DATA), lambda: by_hand(DATA), "mold.packet_to_python")


@pytest.fixture
def sender() -> Iterator[Callable[[tuple[str, int]], None]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:

        def send(address: tuple[str, int]) -> None:
            for _ in range(BURST):
                sock.sendto(DATA, address)

        yield send


def test_receive(gate: Gate, sender: Callable[[tuple[str, int]], None]) -> None:
    """A burst that lies in the kernel, taken in batches with times and in place, or one by one by
    socket.recvfrom. Sending is not counted.
    """
    with (
        UdpReceiver(UdpOptions(host=HERE, port=0)) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain,
    ):
        plain.setblocking(False)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        plain.bind((HERE, 0))

        def batches() -> None:
            taken = 0
            while taken < BURST:
                taken += receiver.poll()

        def one_by_one() -> None:
            for _ in range(BURST):
                plain.recvfrom(2048)

        address = receiver.address
        assert address is not None
        batches.prepare = lambda: sender(address)  # type: ignore[attr-defined]
        one_by_one.prepare = lambda: sender(plain.getsockname())  # type: ignore[attr-defined]
        gate(batches, one_by_one, "udp.recvmmsg_to_recvfrom")
        assert (receiver.cut, receiver.dropped) == (0, 0)
