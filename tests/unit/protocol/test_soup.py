"""SoupBinTCP packets: the worked login, every cut, everything that is refused, real captures."""

import struct
from pathlib import Path

import pytest

from tectra.core.errors import FileFormatError, InputError
from tectra.core.secret import Secret
from tectra.protocol.soup import (
    LoginRequest,
    SoupPacket,
    SoupSplitter,
    build_accepted,
    build_login,
    build_packet,
    parse_accepted,
    parse_login,
)

WORKED = bytes.fromhex("002f4c" + "757365722020" + "73656372657420202020") + b" " * 29 + b"1"


def login(sequence: int = 1, session: str = "") -> LoginRequest:
    return LoginRequest("user", Secret("secret"), session, sequence)


def test_worked_login():
    assert build_login(login()) == WORKED
    assert parse_login(WORKED[3:]) == login()
    assert "secret" not in repr(parse_login(WORKED[3:]))


def test_accepted():
    data = build_accepted("ABC", 42)
    assert data == b"\0\x1fA       ABC" + b"42".rjust(20)
    assert parse_accepted(data[3:]) == ("ABC", 42)


STREAM = (
    build_packet("+", b"hello")
    + build_accepted("ABC", 7)
    + build_packet("S", b"x" * 40)
    + build_packet("S")
    + build_packet("H")
    + build_packet("U", b"y" * 300)
    + build_packet("Z")
)


def test_every_cut_gives_the_same_packets():
    whole, wrong = SoupSplitter().feed(STREAM)
    assert wrong is None
    assert [p.kind for p in whole] == list("+ASSHUZ")
    for at in range(len(STREAM) + 1):
        splitter = SoupSplitter()
        first, _ = splitter.feed(STREAM[:at])
        second, _ = splitter.feed(STREAM[at:])
        assert first + second == whole
        assert splitter.pending == 0
    splitter = SoupSplitter()
    assert [p for b in STREAM for p in splitter.feed(bytes([b]))[0]] == whole


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\0\0", "length 0"),
        (b"\0\1?", "'\\?'"),
        (b"\xff\xff\0", "'\\\\x00'"),
        (b"\0\2H.", "'H' of length 2; allowed: 1"),
        (b"\0\1L", "'L' of length 1; allowed: 47"),
        (b"\0\3JAA", "'J' of length 3; allowed: 2"),
    ],
)
def test_lost_framing_is_told_behind_what_was_whole(data, words):
    splitter = SoupSplitter()
    packets, wrong = splitter.feed(build_packet("S", b"good") + data)
    assert packets == [SoupPacket("S", b"good")]
    with pytest.raises(FileFormatError, match=words):
        raise wrong
    packets, wrong = splitter.feed(build_packet("S", b"more"))
    assert packets == [] and wrong is not None


def test_the_longest_packet():
    data = build_packet("S", bytes(65_534))
    assert len(data) == 65_537
    assert SoupSplitter().feed(data)[0] == [SoupPacket("S", bytes(65_534))]
    with pytest.raises(InputError, match="65534"):
        build_packet("S", bytes(65_535))


@pytest.mark.parametrize(("kind", "payload"), [("X", b""), ("H", b"1"), ("A", b""), ("J", b"")])
def test_packets_that_are_none(kind, payload):
    with pytest.raises(InputError):
        build_packet(kind, payload)


@pytest.mark.parametrize(
    "request_",
    [
        LoginRequest("toolong", Secret(""), "", 1),
        LoginRequest("u", Secret("12345678901"), "", 1),
        LoginRequest("u", Secret(""), "12345678901", 1),
        LoginRequest("u\xe9", Secret(""), "", 1),
        LoginRequest("u", Secret(""), "", -1),
        LoginRequest("u", Secret(""), "", 1 << 64),
    ],
)
def test_logins_that_no_packet_holds(request_):
    with pytest.raises(InputError):
        build_login(request_)


@pytest.mark.parametrize("number", [b"", b"x", b"-1", b"1 ", b"1_0", b"18446744073709551616"])
def test_numbers_that_are_none(number):
    with pytest.raises(FileFormatError, match="sequence number"):
        parse_accepted(b" " * 10 + number.rjust(20))


def test_payloads_of_another_length():
    for size in (0, 29, 31):
        with pytest.raises(FileFormatError):
            parse_accepted(bytes(size))
    for size in (0, 45, 47):
        with pytest.raises(FileFormatError):
            parse_login(bytes(size))
    with pytest.raises(FileFormatError, match="ASCII"):
        parse_login(b"\xff" * 26 + b"1".rjust(20))


def tcp_payloads(path: Path) -> list[bytes]:
    """TCP payloads of a little-endian pcap of Ethernet and IPv4, read by hand."""
    data = path.read_bytes()
    at, out = 24, []
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        frame, at = data[at + 16 : at + 16 + size], at + 16 + size
        ip = frame[frame.index(b"\x08\x00\x45", 12) + 2 :]
        ip = ip[: struct.unpack_from(">H", ip, 2)[0]]
        tcp = ip[(ip[0] & 15) * 4 :]
        out.append(tcp[(tcp[12] >> 4) * 4 :])
    return out


def test_captured_ouch(test_data: Path):
    """Each capture is one packet on its own; what it is called says which."""
    kinds = {
        "CancelOrderMessage": "U",
        "CanceledMessage": "S",
        "ClientHeartbeatPacket": "R",
        "EnterOrderMessage": "U",
        "OrderAcceptedMessage": "S",
        "ServerHeartbeatPacket": "H",
    }
    seen = 0
    for name, kind in kinds.items():
        for payload in tcp_payloads(test_data / "ouch" / "nasdaq_ouch50" / f"{name}.pcap"):
            packets, wrong = SoupSplitter().feed(payload)
            assert wrong is None
            assert {p.kind for p in packets} == {kind}
            assert b"".join(build_packet(*p) for p in packets) == payload
            seen += len(packets)
    assert seen >= len(kinds)
