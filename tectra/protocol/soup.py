"""SoupBinTCP 3.00 packets: bytes to packets however the network cut them, and packets to bytes.

A packet is a two-byte big-endian length, which counts what follows it, a letter and a payload.
Sessions over them: tectra.protocol.soup_session.
"""

from typing import NamedTuple

from tectra.core.errors import FileFormatError, InputError
from tectra.core.secret import Secret

__all__ = [
    "LoginRequest",
    "PAYLOAD_MAX",
    "SoupPacket",
    "SoupSplitter",
    "build_accepted",
    "build_login",
    "build_packet",
    "parse_accepted",
    "parse_login",
]

PAYLOAD_MAX = 0xFFFE
_U64_MAX = (1 << 64) - 1
# Letter -> bytes of payload; None: any number. Source: SoupBinTCP 3.00, section 2.
_SIZES = {
    "+": None,
    "A": 30,
    "J": 1,
    "S": None,
    "H": 0,
    "Z": 0,
    "L": 46,
    "U": None,
    "R": 0,
    "O": 0,
}


class SoupPacket(NamedTuple):
    """A letter and what follows it."""

    kind: str
    payload: bytes


class LoginRequest(NamedTuple):
    """What a client asks for. Session "" is the current one; sequence 1 is the first message, 0
    the newest on.
    """

    username: str
    password: Secret
    session: str
    sequence: int


def build_packet(kind: str, payload: bytes = b"") -> bytes:
    """One packet. Raises InputError for a letter or a length that the protocol does not have."""
    if kind not in _SIZES:
        raise InputError(f"no SoupBinTCP packet is {kind!r}; allowed: {' '.join(_SIZES)}")
    want = _SIZES[kind]
    if len(payload) > PAYLOAD_MAX or (want is not None and len(payload) != want):
        allowed = f"up to {PAYLOAD_MAX}" if want is None else str(want)
        raise InputError(f"packet {kind!r} with {len(payload)} bytes; allowed: {allowed}")
    return (1 + len(payload)).to_bytes(2, "big") + kind.encode() + payload


class SoupSplitter:
    """Cuts a byte stream into packets. Holds at most one cut packet, 65,537 bytes.

    Owned by one thread.
    """

    def __init__(self) -> None:
        self._left = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of a packet that is not whole yet."""
        return len(self._left)

    def feed(self, data: bytes) -> tuple[list[SoupPacket], FileFormatError | None]:
        """The packets that are whole now, and what is wrong with the one behind them, if anything.

        After an error the stream has no framing any more: nothing fed later gives packets.
        """
        out: list[SoupPacket] = []
        left = self._left
        left += data
        at = 0
        wrong = None
        while len(left) - at >= 2 and wrong is None:
            size = (left[at] << 8) | left[at + 1]
            wrong = _fault(left, at, size)
            if wrong is not None or len(left) - at - 2 < size:
                break
            out.append(SoupPacket(chr(left[at + 2]), bytes(left[at + 3 : at + 2 + size])))
            at += 2 + size
        del left[:at]
        return out, wrong


def _fault(data: bytearray, at: int, size: int) -> FileFormatError | None:
    """What is wrong with a packet of which at least the length is there."""
    if size == 0:
        return FileFormatError("a SoupBinTCP packet of length 0: each has a letter at least")
    if len(data) - at < 3:
        return None
    kind = chr(data[at + 2])
    if kind not in _SIZES:
        return FileFormatError(f"no SoupBinTCP packet is {kind!r}; allowed: {' '.join(_SIZES)}")
    want = _SIZES[kind]
    if want is not None and size != 1 + want:
        return FileFormatError(f"SoupBinTCP packet {kind!r} of length {size}; allowed: {1 + want}")
    return None


def _field(name: str, text: str, width: int) -> bytes:
    if len(text) > width or not text.isascii():
        raise InputError(f"{name} of {len(text)} letters; allowed are up to {width} of ASCII")
    return text.encode()


def _number(sequence: int) -> bytes:
    if not 0 <= sequence <= _U64_MAX:
        raise InputError(f"sequence {sequence}: allowed is 0 to 2^64 - 1")
    return str(sequence).rjust(20).encode()


def parse_number(raw: bytes) -> int:
    """A number of ASCII digits, spaces on its left. Raises FileFormatError."""
    digits = raw.lstrip(b" ")
    if not digits.isdigit() or int(digits) > _U64_MAX:
        raise FileFormatError(f"sequence number {raw!r}: allowed are digits, padded on the left")
    return int(digits)


def build_login(request: LoginRequest) -> bytes:
    """Packet L. Raises InputError for a field that is too long or not ASCII."""
    return build_packet(
        "L",
        _field("username", request.username, 6).ljust(6)
        + _field("password", request.password.reveal(), 10).ljust(10)
        + _field("session", request.session, 10).rjust(10)
        + _number(request.sequence),
    )


def parse_login(payload: bytes) -> LoginRequest:
    """The payload of packet L. Raises FileFormatError."""
    if len(payload) != 46:
        raise FileFormatError(f"a login request of {len(payload)} bytes; allowed: 46")
    text = _ascii(payload[:26])
    return LoginRequest(
        text[:6].rstrip(" "),
        Secret(text[6:16].rstrip(" ")),
        text[16:26].strip(" "),
        parse_number(payload[26:]),
    )


def build_accepted(session: str, sequence: int) -> bytes:
    """Packet A: the session, and the number of the sequenced message that comes next."""
    return build_packet("A", _field("session", session, 10).rjust(10) + _number(sequence))


def parse_accepted(payload: bytes) -> tuple[str, int]:
    """Session and next number of packet A. Raises FileFormatError."""
    if len(payload) != 30:
        raise FileFormatError(f"a login acceptance of {len(payload)} bytes; allowed: 30")
    return _ascii(payload[:10]).strip(" "), parse_number(payload[10:])


def _ascii(raw: bytes) -> str:
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError:
        raise FileFormatError("a login with letters that are not ASCII") from None
