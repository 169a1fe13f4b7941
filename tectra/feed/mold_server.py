"""A MoldUDP64 server for tests, demonstrations and operators: messages of a day, numbered, packed,
paced and sent on one or two lines; and the server that sends them again to whoever asks.
"""

import socket
from collections.abc import Callable, Iterable, Sequence

import msgspec

from tectra.core.errors import ClosedError, FileFormatError, InputError, SystemCallError
from tectra.feed.mold_line import Line
from tectra.feed.mold_store import MessageStore
from tectra.protocol.mold import PAYLOAD_MAX, PacketBuilder, parse_request

__all__ = ["MoldOptions", "MoldServer", "RequestServer"]

_NS = 1_000_000_000
_REQUESTS_A_ROUND = 64
_REQUEST_BYTES = 64


class MoldOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to send. Without speed and rate, as fast as do_work() is called.

    speed: 1 keeps the distances between the time stamps of the messages, 10 is ten times as fast.
    rate: so many messages a second instead. heartbeat_ns: silence before a heartbeat, and distance
    between the `end_packets` that say that the session is over. packets_max: most packets of
    messages in one round.
    """

    session: str = "TECTRA0001"
    sequence: int = 1
    payload_max: int = PAYLOAD_MAX
    speed: float = 0.0
    rate: int = 0
    heartbeat_ns: int = _NS
    end_packets: int = 5
    packets_max: int = 16

    def __post_init__(self) -> None:
        if self.speed < 0 or self.rate < 0 or (self.speed and self.rate):
            raise InputError(
                f"speed {self.speed}, rate {self.rate}; allowed: one of them above 0, or neither"
            )
        for name in ("sequence", "heartbeat_ns", "end_packets", "packets_max"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}: found {getattr(self, name)}; allowed: 1 or more")


def _message_ns(message: bytes) -> int:
    """Time of an ITCH message, nanoseconds since midnight; 0 for one that is too short."""
    return int.from_bytes(message[5:11], "big") if len(message) >= 11 else 0


class MoldServer:
    """Sends `messages` on all `lines`, then the end of the session. A worker: call do_work often.

    `store` (shared with a RequestServer) and `observe` are given each message as it is numbered.
    `done` says that everything was sent, delayed packets included, and that the last end of session
    is as old as the distance between them: until then who missed something may ask. Owned by one
    thread, together with lines, store and whatever `observe` belongs to.
    """

    def __init__(
        self,
        messages: Iterable[bytes],
        lines: Sequence[Line],
        options: MoldOptions | None = None,
        *,
        store: MessageStore | None = None,
        observe: Callable[[bytes], object] | None = None,
    ) -> None:
        self.options = options if options is not None else MoldOptions()
        if not lines:
            raise InputError("lines: found none; allowed: one or more")
        self.lines = tuple(lines)
        self.packets = self.heartbeats = self.ends = 0
        self._store, self._observe = store, observe
        self._builder = PacketBuilder(
            self.options.session,
            sequence=self.options.sequence,
            payload_max=self.options.payload_max,
        )
        if store is not None and store.next_sequence != self.options.sequence:
            raise InputError(
                f"the store goes on at {store.next_sequence}, the session at "
                f"{self.options.sequence}; allowed: the same number"
            )
        self._messages = iter(messages)
        self._next = next(self._messages, None)
        self._start_ns = self._base_ns = self._sent_ns = 0
        self._started = self._over = False
        self._taken = 0

    @property
    def next_sequence(self) -> int:
        """Number that the next message will have."""
        return self._builder.next_sequence

    @property
    def messages(self) -> int:
        """Messages numbered so far."""
        return self._taken

    @property
    def ended(self) -> bool:
        """Whether every message was sent."""
        return self._next is None and not self._builder.pending

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self._over and not any(line.waiting for line in self.lines)

    def do_work(self, now_ns: int) -> int:
        """Send what is due, a bounded number of packets; returns how many left, on all lines."""
        before = sum(line.sent for line in self.lines)
        if not self._started:
            self._start(now_ns)
        for line in self.lines:
            line.do_work(now_ns)
        if not self.ended:
            self._send_due(now_ns)
        silent = now_ns - self._sent_ns >= self.options.heartbeat_ns
        if self.ended and self.ends < self.options.end_packets and (silent or not self.ends):
            self.ends += 1
            self._publish(self._builder.end(), now_ns)
        elif silent and self.ended:
            self._over = True
        elif silent:
            self.heartbeats += 1
            self._publish(self._builder.heartbeat(), now_ns)
        return sum(line.sent for line in self.lines) - before

    def _start(self, now_ns: int) -> None:
        self._started = True
        self._start_ns = self._sent_ns = now_ns
        self._base_ns = _message_ns(self._next) if self._next is not None else 0

    def _send_due(self, now_ns: int) -> None:
        last = self.packets + self.options.packets_max
        while self._next is not None and self.packets < last and self._is_due(self._next, now_ns):
            message = self._next
            self._put(self._builder.add(message), now_ns)
            self._taken += 1
            if self._store is not None:
                self._store.append(message)
            if self._observe is not None:
                self._observe(message)
            self._next = next(self._messages, None)
        if self.packets < last:
            self._put(self._builder.flush(), now_ns)

    def _is_due(self, message: bytes, now_ns: int) -> bool:
        passed = now_ns - self._start_ns
        if self.options.rate:
            return self._taken * _NS <= passed * self.options.rate
        if self.options.speed:
            return _message_ns(message) - self._base_ns <= passed * self.options.speed
        return True

    def _put(self, packet: bytes | None, now_ns: int) -> None:
        if packet is not None:
            self.packets += 1
            self._publish(packet, now_ns)

    def _publish(self, packet: bytes, now_ns: int) -> None:
        self._sent_ns = now_ns
        for line in self.lines:
            line.publish(packet, now_ns)


class RequestServer:
    """Answers request packets with messages of a store, as many whole ones as fit a packet.

    Port 0 lets the kernel choose; `address` says which. Counts: `answered`, `unknown` (another
    session, or numbers that are not there), `damaged` (no request packet), `failed` (the kernel
    took no answer). A worker, owned by the thread of the store.
    """

    def __init__(
        self,
        store: MessageStore,
        session: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        payload_max: int = PAYLOAD_MAX,
    ) -> None:
        self.answered = self.unknown = self.damaged = self.failed = 0
        self.messages = 0
        self._store, self._session, self._payload_max = store, session.rstrip(" "), payload_max
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._sock.setblocking(False)
            self._sock.bind((host, port))
        except OSError as error:
            self._sock.close()
            raise SystemCallError(
                error.errno, f"cannot answer requests at {host}:{port}: {error.strerror}"
            ) from error
        self.address: tuple[str, int] = self._sock.getsockname()

    def do_work(self, now_ns: int) -> int:
        """Answer what has come, a bounded number; returns how many datagrams that was."""
        if self._sock.fileno() < 0:
            raise ClosedError("RequestServer: used after close(); make a new one")
        for taken in range(_REQUESTS_A_ROUND):
            try:
                data, where = self._sock.recvfrom(_REQUEST_BYTES)
            except BlockingIOError:
                return taken
            except ConnectionError:
                continue  # an answer found nobody
            self._answer(data, where)
        return _REQUESTS_A_ROUND

    def _answer(self, data: bytes, where: tuple[str, int]) -> None:
        try:
            request = parse_request(data)
        except FileFormatError:
            self.damaged += 1
            return
        packet = None
        if request.session == self._session:
            packet = self._store.packet(
                self._session,
                request.sequence,
                count=request.wanted,
                payload_max=self._payload_max,
            )
        if packet is None:
            self.unknown += 1
            return
        try:
            self._sock.sendto(packet, where)
        except OSError:
            self.failed += 1
            return
        self.answered += 1
        self.messages += int.from_bytes(packet[18:20], "big")

    def close(self) -> None:
        """Close the socket. May be called twice."""
        self._sock.close()
