"""GLIMPSE: the state of a session over SoupBinTCP, for who joins a multicast feed late.

The snapshot is ITCH 5.0 messages, then `G` and twenty digits: the number of the first message of
the multicast feed that is not in it. Source: NASDAQ GLIMPSE 5.0; the layout of `G` is that of the
family of GLIMPSE products, and unconfirmed for this one.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from tectra.core.clock import Clock
from tectra.core.errors import (
    ClosedError,
    FileFormatError,
    InputError,
    StateError,
    SystemCallError,
    TruncatedInputError,
)
from tectra.core.secret import Secret
from tectra.feed.snapshot_state import SnapshotState
from tectra.protocol.soup import LoginRequest, parse_number
from tectra.protocol.soup_session import (
    Ended,
    LoginAsked,
    Lost,
    Rejected,
    Sequenced,
    SoupClient,
    SoupEvent,
    SoupServer,
    SoupState,
)

__all__ = ["GlimpseClient", "GlimpseServer", "GlimpseSnapshot", "fetch_snapshot"]

_CLIENTS_MAX = 16
_CHUNK = 1 << 16
_REASONS = {"A": "not authorized", "S": "no such session"}


class GlimpseSnapshot(NamedTuple):
    """Messages that rebuild the state, and the number of the message to go on with."""

    session: str
    messages: tuple[bytes, ...]
    next_sequence: int


class _Connection:
    def __init__(self, sock: socket.socket, now_ns: int) -> None:
        self.sock = sock
        self.session = SoupServer(now_ns)
        self.out = bytearray()


class GlimpseServer:
    """Gives the state to each client that logs in, then ends the session with it.

    `next_sequence` tells the number that belongs to `state`. `username` and `password` empty let
    everyone in. Port 0 lets the kernel choose; `address` says which. At most 16 clients at once;
    more wait in the kernel's queue. A worker, owned by the thread of the state.
    """

    def __init__(
        self,
        state: SnapshotState,
        next_sequence: Callable[[], int],
        session: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        username: str = "",
        password: Secret | None = None,
    ) -> None:
        self.snapshots = self.rejected = self.lost = 0
        self._state, self._next, self._session = state, next_sequence, session.strip(" ")
        self._username = username
        self._password = password if password is not None else Secret("")
        self._connections: list[_Connection] = []
        try:
            self._listener = socket.create_server((host, port))
        except OSError as error:
            raise SystemCallError(
                error.errno, f"cannot serve snapshots at {host}:{port}: {error.strerror}"
            ) from error
        self._listener.setblocking(False)
        self.address: tuple[str, int] = self._listener.getsockname()

    @property
    def clients(self) -> int:
        """Connections that are open."""
        return len(self._connections)

    def do_work(self, now_ns: int) -> int:
        """Accept, read, answer, send: a bounded amount for each client; returns how much it was."""
        if self._listener.fileno() < 0:
            raise ClosedError("GlimpseServer: used after close(); make a new one")
        work = self._accept(now_ns)
        for connection in list(self._connections):
            try:
                work += self._serve(connection, now_ns)
            except OSError:
                self.lost += 1
                self._drop(connection)
        return work

    def _accept(self, now_ns: int) -> int:
        if len(self._connections) >= _CLIENTS_MAX:
            return 0
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return 0
        sock.setblocking(False)
        self._connections.append(_Connection(sock, now_ns))
        return 1

    def _serve(self, connection: _Connection, now_ns: int) -> int:
        work, session = 0, connection.session
        try:
            data = connection.sock.recv(_CHUNK)
            events = session.receive_bytes(data, now_ns) if data else session.receive_eof()
            work += len(events)
            gone = not data
        except BlockingIOError:
            events, gone = [], False
        for event in [*events, *session.on_time(now_ns)]:
            if isinstance(event, LoginAsked):
                self._login(session, event.request, now_ns)
            elif isinstance(event, Lost):
                self.lost += 1
        connection.out += session.bytes_to_send()
        if connection.out and not gone:
            try:
                sent = connection.sock.send(bytes(connection.out[:_CHUNK]))
            except BlockingIOError:
                sent = 0
            del connection.out[:sent]
            work += sent
        if gone or (session.state is SoupState.CLOSED and not connection.out):
            self._drop(connection)
        return work

    def _login(self, session: SoupServer, request: LoginRequest, now_ns: int) -> None:
        known = not self._username or request.username == self._username
        if not known or (self._password and request.password != self._password):
            self.rejected += 1
            session.reject("A", now_ns)
            return
        if request.session not in ("", self._session) or request.sequence != 1:
            self.rejected += 1
            session.reject("S", now_ns)
            return
        self.snapshots += 1
        session.accept(self._session, 1, now_ns)
        for message in self._state.messages():
            session.send(message, now_ns)
        session.send(b"G%020d" % self._next(), now_ns)
        session.end(now_ns)

    def _drop(self, connection: _Connection) -> None:
        connection.sock.close()
        self._connections.remove(connection)

    def close(self) -> None:
        """Close every socket. May be called twice."""
        for connection in list(self._connections):
            self._drop(connection)
        self._listener.close()


class GlimpseClient:
    """Collects one snapshot, without sockets. Owned by one thread.

    connect(), then bytes in and out until `snapshot` is there. What goes wrong raises: StateError
    when the login is refused, TruncatedInputError when the link ends first, FileFormatError for an
    end of snapshot that cannot be read.
    """

    def __init__(self, username: str, password: Secret, *, session: str = "") -> None:
        self.snapshot: GlimpseSnapshot | None = None
        self._soup = SoupClient(username, password, session=session)
        self._messages: list[bytes] = []

    def connect(self, now_ns: int) -> None:
        """The socket is connected: log in. Raises StateError the second time."""
        self._soup.connect(now_ns)

    def bytes_to_send(self) -> bytes:
        """What is to be written to the socket now; it is handed out once."""
        return self._soup.bytes_to_send()

    def receive_bytes(self, data: bytes, now_ns: int) -> GlimpseSnapshot | None:
        """Take bytes as they came; returns the snapshot once it is whole."""
        return self._take(self._soup.receive_bytes(data, now_ns), now_ns)

    def receive_eof(self, now_ns: int) -> GlimpseSnapshot | None:
        """The server closed the connection."""
        return self._take(self._soup.receive_eof(), now_ns)

    def on_time(self, now_ns: int) -> GlimpseSnapshot | None:
        """Heartbeats and the dead link. Call it a few times a second."""
        return self._take(self._soup.on_time(now_ns), now_ns)

    def _take(self, events: list[SoupEvent], now_ns: int) -> GlimpseSnapshot | None:
        for event in events:
            if self.snapshot is not None:
                break
            if isinstance(event, Sequenced):
                self._on_message(event.message, now_ns)
            elif isinstance(event, Rejected):
                why = _REASONS.get(event.reason, "no known reason")
                raise StateError(
                    f"the snapshot server refuses the login: {event.reason}, {why}; check username,"
                    " password and session"
                )
            elif isinstance(event, Lost | Ended):
                why = event.reason if isinstance(event, Lost) else "the session ended"
                raise TruncatedInputError(
                    f"no whole snapshot: {why} after {len(self._messages):,} messages; ask again"
                )
        return self.snapshot

    def _on_message(self, message: bytes, now_ns: int) -> None:
        if message[:1] != b"G":
            self._messages.append(message)
            return
        if len(message) != 21:
            raise FileFormatError(f"an end of snapshot of {len(message)} bytes; allowed: 21")
        number = parse_number(message[1:])
        if number < 1:
            raise FileFormatError("an end of snapshot with number 0; the first message is 1")
        self.snapshot = GlimpseSnapshot(self._soup.session, tuple(self._messages), number)
        self._messages.clear()
        self._soup.logout(now_ns)


def fetch_snapshot(
    address: tuple[str, int], client: GlimpseClient, *, clock: Clock, timeout_ns: int
) -> GlimpseSnapshot:
    """Connect, collect one snapshot, close. Blocks its thread for at most about `timeout_ns`.

    Raises SystemCallError for a connection that fails or takes too long, and what `client` raises.
    """
    if timeout_ns <= 0:
        raise InputError(f"timeout_ns: found {timeout_ns}; allowed: above 0")
    end = clock.now_ns() + timeout_ns
    found = None
    try:
        with socket.create_connection(address, timeout_ns / 1e9) as sock:
            sock.settimeout(0.2)
            client.connect(clock.now_ns())
            while found is None:
                sock.sendall(client.bytes_to_send())
                if clock.now_ns() >= end:
                    raise TimeoutError("it takes too long")
                try:
                    data = sock.recv(_CHUNK)
                except TimeoutError:
                    found = client.on_time(clock.now_ns())
                    continue
                now_ns = clock.now_ns()
                found = client.receive_bytes(data, now_ns) if data else client.receive_eof(now_ns)
            with suppress(OSError):  # a goodbye; the server may have gone
                sock.sendall(client.bytes_to_send())
    except OSError as error:
        if isinstance(error, SystemCallError):
            raise
        raise SystemCallError(
            error.errno, f"no snapshot from {address[0]}:{address[1]}: {error.strerror or error}"
        ) from error
    return found
