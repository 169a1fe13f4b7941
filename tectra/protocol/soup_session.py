"""SoupBinTCP sessions without sockets: bytes in, events and replies out, time as an argument.

States, and what each does with what comes (a dash: the link is given up, with an event Lost):

  client         + debug   H heartbeat   A accepted   J rejected   S data       Z end        others
  IDLE           dropped   dropped       dropped      dropped      dropped      dropped      dropped
  LOGIN          Debug     fine          Accepted     Rejected     -            -            -
  OPEN           Debug     fine          -            -            Sequenced    Ended        -
  ENDED          Debug     fine          -            -            -            -            -
  CLOSED         dropped   dropped       dropped      dropped      dropped      dropped      dropped

  server         + debug   R heartbeat   L login      U data       O logout     others
  LOGIN          Debug     fine          LoginAsked   -            -            -
  ASKED          Debug     fine          -            -            LoggedOut    -
  OPEN           Debug     fine          -            Unsequenced  LoggedOut    -
  ENDED          Debug     fine          -            dropped      LoggedOut    -
  CLOSED         dropped   dropped       dropped      dropped      dropped      dropped

Each side sends a heartbeat when it sent nothing for a second, and takes the link for dead when
nothing arrived for fifteen. Whoever holds the socket closes it when `state` is CLOSED, after what
bytes_to_send() still gives. Source: SoupBinTCP 3.00.
"""

from abc import ABC, abstractmethod
from enum import Enum
from typing import NamedTuple

from tectra.core.errors import FileFormatError, InputError, StateError
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

__all__ = [
    "Accepted",
    "Debug",
    "Ended",
    "LoggedOut",
    "LoginAsked",
    "Lost",
    "Rejected",
    "Sequenced",
    "SoupClient",
    "SoupEvent",
    "SoupServer",
    "SoupState",
    "Unsequenced",
]

HEARTBEAT_NS = 1_000_000_000
DEAD_NS = 15_000_000_000


class SoupState(Enum):
    """Where a session stands."""

    IDLE = "idle"
    LOGIN = "login"
    ASKED = "asked"
    OPEN = "open"
    ENDED = "ended"
    CLOSED = "closed"


class Accepted(NamedTuple):
    """Client: the login holds; the next sequenced message has this number."""

    session: str
    sequence: int


class Rejected(NamedTuple):
    """Client: the login is refused. Reason A: not authorized; S: no such session."""

    reason: str


class Sequenced(NamedTuple):
    """Client: a numbered message."""

    sequence: int
    message: bytes


class Ended(NamedTuple):
    """Client: the session is over; `sequence` is one behind its last number."""

    sequence: int


class Debug(NamedTuple):
    """Text for people, from the other side."""

    text: bytes


class LoginAsked(NamedTuple):
    """Server: a client wants in. Answer with accept() or reject()."""

    request: LoginRequest


class Unsequenced(NamedTuple):
    """Server: a message of the client."""

    message: bytes


class LoggedOut(NamedTuple):
    """Server: the client said goodbye."""


class Lost(NamedTuple):
    """The link is of no use any more; `reason` is for people."""

    reason: str


SoupEvent = (
    Accepted | Rejected | Sequenced | Ended | Debug | LoginAsked | Unsequenced | LoggedOut | Lost
)


class _Side(ABC):
    """What both sides share: framing, heartbeats, the dead link."""

    _heartbeat = ""

    def __init__(self) -> None:
        self.state = SoupState.IDLE
        self.dropped = 0
        self._splitter = SoupSplitter()
        self._out = bytearray()
        self._sent_ns = self._heard_ns = 0

    def bytes_to_send(self) -> bytes:
        """What is to be written to the socket now; it is handed out once."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def receive_bytes(self, data: bytes, now_ns: int) -> list[SoupEvent]:
        """Take bytes as they came; returns what they mean, in order. How they were cut makes no
        difference. Bytes for a session without a link are counted in `dropped`.
        """
        if self.state in (SoupState.IDLE, SoupState.CLOSED):
            self.dropped += len(data)
            return []
        if data:
            self._heard_ns = now_ns
        out: list[SoupEvent] = []
        packets, wrong = self._splitter.feed(data)
        for packet in packets:
            # Read through a call: the state changes while packets are taken.
            if self._is_closed():
                self.dropped += 3 + len(packet.payload)
                continue
            try:
                out += self._on_packet(packet, now_ns)
            except FileFormatError as error:
                out.append(self._lose(str(error)))
        if wrong is not None and not self._is_closed():
            out.append(self._lose(str(wrong)))
        return out

    def receive_eof(self) -> list[SoupEvent]:
        """The other side closed the connection, or it broke."""
        if self.state in (SoupState.IDLE, SoupState.CLOSED):
            return []
        if self.state is SoupState.ENDED:
            self.state = SoupState.CLOSED
            return []
        cut = self._splitter.pending
        inside = f" inside a packet, {cut} bytes of it are here" if cut else ""
        return [self._lose(f"the connection ended{inside}")]

    def on_time(self, now_ns: int) -> list[SoupEvent]:
        """Heartbeats and the dead link. Call it a few times a second."""
        if self.state in (SoupState.IDLE, SoupState.CLOSED):
            return []
        if now_ns - self._heard_ns >= DEAD_NS:
            return [self._lose(f"nothing came for {DEAD_NS // 10**9} s")]
        if now_ns - self._sent_ns >= HEARTBEAT_NS and self._may_beat():
            self._put(build_packet(self._heartbeat), now_ns)
        return []

    def send_debug(self, text: bytes, now_ns: int) -> None:
        """Send a text for people. Raises StateError without a link, InputError when too long."""
        self._need("debug packets", SoupState.LOGIN, SoupState.ASKED, SoupState.OPEN)
        self._put(build_packet("+", text), now_ns)

    def _may_beat(self) -> bool:
        return self.state is not SoupState.LOGIN

    def _is_closed(self) -> bool:
        return self.state is SoupState.CLOSED

    @abstractmethod
    def _on_packet(self, packet: SoupPacket, now_ns: int) -> list[SoupEvent]:
        """What a whole packet means in the state that the session is in."""

    def _start(self, now_ns: int) -> None:
        self._splitter = SoupSplitter()
        self._out.clear()
        self._sent_ns = self._heard_ns = now_ns
        self.state = SoupState.LOGIN

    def _put(self, data: bytes, now_ns: int) -> None:
        self._out += data
        self._sent_ns = now_ns

    def _lose(self, reason: str) -> Lost:
        self.state = SoupState.CLOSED
        return Lost(reason)

    def _refuse(self, packet: SoupPacket) -> list[SoupEvent]:
        return [self._lose(f"packet {packet.kind!r} in state {self.state.value}: not allowed")]

    def _need(self, what: str, *states: SoupState) -> None:
        if self.state not in states:
            allowed = ", ".join(s.value for s in states)
            raise StateError(f"{what} in state {self.state.value}; allowed: {allowed}")


class SoupClient(_Side):
    """The client's side. After a lost link, connect() logs in to the same session at the number
    that comes next, so that no sequenced message is missed or seen twice.

    `sequence` is the first number wanted: 1 for all, 0 for the newest on. Owned by one thread.
    """

    _heartbeat = "R"

    def __init__(
        self, username: str, password: Secret, *, session: str = "", sequence: int = 1
    ) -> None:
        super().__init__()
        self._username, self._password = username, password
        self.session = session
        self.next_sequence = sequence
        build_login(self._request())  # refuses what no login can carry

    def __repr__(self) -> str:
        return (
            f"SoupClient({self._username!r}, session={self.session!r}, "
            f"next_sequence={self.next_sequence}, state={self.state.value})"
        )

    def _request(self) -> LoginRequest:
        return LoginRequest(self._username, self._password, self.session, self.next_sequence)

    def connect(self, now_ns: int) -> None:
        """The socket is connected: log in. Raises StateError while a link stands."""
        self._need("connect()", SoupState.IDLE, SoupState.CLOSED)
        self._start(now_ns)
        self._put(build_login(self._request()), now_ns)

    def send(self, message: bytes, now_ns: int) -> None:
        """Send an unsequenced message. Raises StateError when not logged in: it would be lost."""
        self._need("send()", SoupState.OPEN)
        self._put(build_packet("U", message), now_ns)

    def logout(self, now_ns: int) -> None:
        """Say goodbye and give up the link; nothing that still comes counts."""
        self._need("logout()", SoupState.OPEN, SoupState.ENDED)
        self._put(build_packet("O"), now_ns)
        self.state = SoupState.CLOSED

    def _on_packet(self, packet: SoupPacket, now_ns: int) -> list[SoupEvent]:
        kind, payload = packet
        if kind == "+":
            return [Debug(payload)]
        if kind == "H":
            return []
        if self.state is SoupState.LOGIN and kind == "A":
            return self._on_accepted(payload)
        if self.state is SoupState.LOGIN and kind == "J":
            self.state = SoupState.CLOSED
            return [Rejected(payload.decode("latin-1"))]
        if self.state is SoupState.OPEN and kind == "S":
            number = self.next_sequence
            self.next_sequence += 1
            return [Sequenced(number, payload)]
        if self.state is SoupState.OPEN and kind == "Z":
            self.state = SoupState.ENDED
            return [Ended(self.next_sequence)]
        return self._refuse(packet)

    def _on_accepted(self, payload: bytes) -> list[SoupEvent]:
        session, sequence = parse_accepted(payload)
        wanted = self.next_sequence
        if self.session and session != self.session:
            return [self._lose(f"session {session!r} accepted, {self.session!r} was asked for")]
        if sequence == 0 or (wanted and sequence != wanted):
            return [self._lose(f"messages from number {sequence} on, {wanted} was asked for")]
        self.session, self.next_sequence = session, sequence
        self.state = SoupState.OPEN
        return [Accepted(session, sequence)]


class SoupServer(_Side):
    """The server's side of one connection. Sequenced messages are numbered from what accept() said;
    whoever owns the messages sends them again to a client that comes back. Owned by one thread.
    """

    _heartbeat = "H"

    def __init__(self, now_ns: int) -> None:
        super().__init__()
        self.session = ""
        self.next_sequence = 0
        self._start(now_ns)

    def accept(self, session: str, sequence: int, now_ns: int) -> None:
        """Let the client in; the next send() has number `sequence`, at least 1."""
        self._need("accept()", SoupState.ASKED)
        if sequence < 1:
            raise InputError(f"sequence {sequence}: allowed is 1 or more")
        self._put(build_accepted(session, sequence), now_ns)
        self.session, self.next_sequence = session, sequence
        self.state = SoupState.OPEN

    def reject(self, reason: str, now_ns: int) -> None:
        """Refuse: A, not authorized; S, no such session. The connection is to be closed."""
        self._need("reject()", SoupState.ASKED)
        if reason not in ("A", "S"):
            raise InputError(f"reason {reason!r}: allowed are A (not authorized), S (no session)")
        self._put(build_packet("J", reason.encode()), now_ns)
        self.state = SoupState.CLOSED

    def send(self, message: bytes, now_ns: int) -> int:
        """Send a sequenced message; returns its number."""
        self._need("send()", SoupState.OPEN)
        self._put(build_packet("S", message), now_ns)
        number = self.next_sequence
        self.next_sequence += 1
        return number

    def end(self, now_ns: int) -> None:
        """Say that the session is over. The client logs out or closes."""
        self._need("end()", SoupState.OPEN)
        self._put(build_packet("Z"), now_ns)
        self.state = SoupState.ENDED

    def _on_packet(self, packet: SoupPacket, now_ns: int) -> list[SoupEvent]:
        kind, payload = packet
        if kind == "+":
            return [Debug(payload)]
        if kind == "R":
            return []
        if self.state is SoupState.LOGIN and kind == "L":
            request = parse_login(payload)
            self.state = SoupState.ASKED
            return [LoginAsked(request)]
        if self.state is not SoupState.LOGIN and kind == "O":
            self.state = SoupState.CLOSED
            return [LoggedOut()]
        if self.state is SoupState.OPEN and kind == "U":
            return [Unsequenced(payload)]
        if self.state is SoupState.ENDED and kind == "U":
            self.dropped += 3 + len(payload)
            return []
        return self._refuse(packet)
