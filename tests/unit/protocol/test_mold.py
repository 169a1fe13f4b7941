"""MoldUDP64: the worked bytes of the protocol page, round trips, everything that is refused."""

from itertools import pairwise

import pytest

from tectra.core.errors import FileFormatError, InputError, TruncatedInputError
from tectra.protocol.mold import (
    MoldPacket,
    MoldRequest,
    PacketBuilder,
    build_end,
    build_heartbeat,
    build_packet,
    build_request,
    parse_packet,
    parse_request,
)

TOP = (1 << 64) - 1
SESSION = "000000001A"
EXECUTED = bytes.fromhex("450001 0002 1f1ad635bde7 00000000000003e9 00000028 000000000000004d")
WORKED = bytes.fromhex("30303030303030303141 000000000000000c 0001 001f") + EXECUTED


def test_worked_packet():
    want = MoldPacket(SESSION, 12, (EXECUTED,), is_heartbeat=False, is_end=False)
    assert parse_packet(WORKED) == want
    assert build_packet(SESSION, 12, [EXECUTED]) == WORKED


def test_worked_heartbeat_and_end():
    head = "30303030303030303141000000000000000d"
    assert build_heartbeat(SESSION, 13).hex() == head + "0000"
    assert build_end(SESSION, 13).hex() == head + "ffff"
    assert parse_packet(bytes.fromhex(head + "0000")) == (SESSION, 13, (), True, False)
    assert parse_packet(bytes.fromhex(head + "ffff")) == (SESSION, 13, (), False, True)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer(kind):
    assert parse_packet(kind(WORKED)).messages == (EXECUTED,)


def test_messages_of_length_zero_count():
    data = build_packet("", 1, [b"", b"a", b""])
    assert parse_packet(data).messages == (b"", b"a", b"")
    assert parse_packet(data).session == ""


def test_session_of_any_bytes_comes_back():
    data = b"\0\xff 4567890" + bytes(10)
    packet = parse_packet(data)
    assert build_heartbeat(packet.session, 0) == data


@pytest.mark.parametrize("size", range(len(WORKED)))
def test_cut_at_every_byte(size):
    with pytest.raises(TruncatedInputError, match=f"packet of {size} bytes"):
        parse_packet(WORKED[:size])


def test_bytes_left_over():
    for more in (b"\0", b"\0\0", WORKED):
        with pytest.raises(FileFormatError, match="CORRUPT"):
            parse_packet(WORKED + more)
    with pytest.raises(FileFormatError):
        parse_packet(build_heartbeat(SESSION, 1) + b"x")


def test_numbers_end_at_2_64():
    assert parse_packet(build_packet("s", TOP - 1, [b"x"])).sequence == TOP - 1
    assert parse_packet(build_end("s", TOP)).sequence == TOP
    with pytest.raises(FileFormatError):
        parse_packet(build_packet("s", 5, [b"x"]).replace((5).to_bytes(8, "big"), b"\xff" * 8))
    with pytest.raises(InputError, match="pass 2"):
        build_packet("s", TOP, [b"x"])
    for number in (-1, 1 << 64):
        with pytest.raises(InputError, match="sequence"):
            build_heartbeat("s", number)


def test_what_no_packet_holds():
    with pytest.raises(InputError, match="0 messages"):
        build_packet("s", 1, [])
    with pytest.raises(InputError, match="65535 messages"):
        build_packet("s", 1, [b""] * 65_535)
    with pytest.raises(InputError, match="no datagram"):
        build_packet("s", 1, [bytes(65_507)])
    with pytest.raises(InputError, match="10 letters"):
        build_packet("12345678901", 1, [b""])
    with pytest.raises(InputError, match="10 letters"):
        build_packet("\u20ac", 1, [b""])


def test_request():
    data = build_request(SESSION, 7, 3)
    assert data == b"000000001A" + (7).to_bytes(8, "big") + (3).to_bytes(2, "big")
    assert parse_request(data) == MoldRequest(SESSION, 7, 3)
    for wanted in (0, 0xFFFF):
        with pytest.raises(InputError, match="count"):
            build_request(SESSION, 7, wanted)
        with pytest.raises(FileFormatError, match=f"for {wanted} messages"):
            parse_request(data[:18] + wanted.to_bytes(2, "big"))
    for size in (0, 19):
        with pytest.raises(TruncatedInputError):
            parse_request(data[:size])
    with pytest.raises(FileFormatError):
        parse_request(data + b"\0")


def packed(messages, **options):
    builder = PacketBuilder("s", **options)
    out = [p for m in messages if (p := builder.add(m)) is not None]
    last = builder.flush()
    return builder, out + ([last] if last else [])


@pytest.mark.parametrize("payload_max", [23, 61, 100, 1400, 9000])
def test_builder_keeps_every_message_in_order(payload_max):
    messages = [bytes([n % 256]) * (n % min(40, payload_max - 21)) for n in range(500)]
    builder, packets = packed(messages, sequence=11, payload_max=payload_max)
    got, number = [], 11
    for packet in map(parse_packet, packets):
        assert packet.sequence == number
        number += len(packet.messages)
        got += packet.messages
    assert got == messages
    assert builder.next_sequence == number == 511
    assert all(len(p) <= payload_max for p in packets)
    # No packet could have taken the first message of the one behind it.
    for packet, behind in pairwise(packets):
        assert len(packet) + 2 + len(parse_packet(behind).messages[0]) > payload_max
    assert builder.heartbeat() == build_heartbeat("s", number)
    assert builder.end() == build_end("s", number)
    assert builder.flush() is None


def test_builder_refuses_without_a_trace():
    builder = PacketBuilder("s", payload_max=30)
    builder.add(b"12345678")
    with pytest.raises(InputError, match="hold 8"):
        builder.add(b"123456789")
    assert (builder.pending, builder.next_sequence) == (1, 2)
    assert parse_packet(builder.flush()).messages == (b"12345678",)
    with pytest.raises(TypeError):
        builder.add("text")


def test_builder_at_the_end_of_numbers():
    builder = PacketBuilder("s", sequence=TOP - 1)
    builder.add(b"last")
    with pytest.raises(InputError, match="2\\^64"):
        builder.add(b"one more")
    assert parse_packet(builder.flush()).sequence == TOP - 1


@pytest.mark.parametrize("payload_max", [22, 65_508, -1])
def test_builder_of_no_size(payload_max):
    with pytest.raises(InputError, match="payload_max"):
        PacketBuilder("s", payload_max=payload_max)
