"""The two ways back to what was missed, over the network: a MoldUDP64 re-request server and a
GLIMPSE server. Neither waits: they are asked by the feed's thread between its packets.
"""

import errno
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from tectra.core.clock import Clock, ClockDomain, LiveClock
from tectra.core.errors import ClosedError, SystemCallError
from tectra.feed.recovery import Snapshot
from tectra.net.udp import UdpReceiver
from tectra.net.udp_socket import UdpOptions

__all__ = ["GlimpseSource", "MoldRetransmitter", "SnapshotClient"]

_CHUNK = 1 << 18
_READS = 8  # of a chunk each, in one poll


class MoldRetransmitter:
    """Asks a MoldUDP64 re-request server; the answers come back to its own port. Raises
    SystemCallError where no port can be had, or the request cannot be sent.
    """

    def __init__(self, server: tuple[str, int], *, host: str = "0.0.0.0") -> None:
        self._server = server
        self._receiver = UdpReceiver(UdpOptions(host=host, port=0))

    def request(self, session: bytes, first: int, count: int) -> None:
        """Ask for `count` messages from number `first` on."""
        wish = session + first.to_bytes(8, "big") + count.to_bytes(2, "big")
        self._receiver.send_to(wish, self._server)

    def poll(self) -> list[tuple[bytes, int]]:
        """Packets that came in answer, with their times of receipt."""
        self._receiver.poll()
        return [(d.data, d.ts_kernel_ns or d.ts_recv_ns) for d in self._receiver.batch()]

    def close(self) -> None:
        """Give up the port. May be called twice."""
        self._receiver.close()


class _Found(Protocol):
    @property
    def messages(self) -> tuple[bytes, ...]: ...
    @property
    def next_sequence(self) -> int: ...


class SnapshotClient(Protocol):
    """A snapshot protocol without sockets: GlimpseClient is one."""

    def connect(self, now_ns: int) -> None: ...
    def bytes_to_send(self) -> bytes: ...
    def receive_bytes(self, data: bytes, now_ns: int) -> _Found | None: ...
    def receive_eof(self, now_ns: int) -> _Found | None: ...
    def on_time(self, now_ns: int) -> _Found | None: ...


class GlimpseSource:
    """A connection for each snapshot, closed behind it. `make_client` makes the protocol's side.

    Owner thread: the feed's. SystemCallError: the connection failed; what the client raises is
    raised on.
    """

    def __init__(
        self,
        server: tuple[str, int],
        make_client: Callable[[], SnapshotClient],
        *,
        clock: Clock | None = None,
    ) -> None:
        self._server, self._make = server, make_client
        self._clock = LiveClock(ClockDomain.MONOTONIC) if clock is None else clock
        self._sock: socket.socket | None = None
        self._client: SnapshotClient | None = None
        self._out = b""

    def request(self) -> None:
        """Begin to connect; what was on its way is given up."""
        self.cancel()
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        code = sock.connect_ex(self._server)
        if code not in (0, errno.EINPROGRESS):
            sock.close()
            raise self._refused(code)
        self._sock = sock

    def _refused(self, code: int) -> SystemCallError:
        host, port = self._server
        return SystemCallError(code, f"snapshot from {host}:{port}: {errno.errorcode.get(code)}")

    def poll(self) -> Snapshot | None:
        """Go on as far as the network lets it; the snapshot once it is whole."""
        if self._sock is None:
            raise ClosedError("snapshot: none was asked for; call request()")
        now = self._clock.now_ns()
        try:
            if self._client is None:
                if not self._is_connected(self._sock):
                    return None
                self._client = self._make()
                self._client.connect(now)
            return self._exchange(self._sock, self._client, now)
        except OSError as error:
            if isinstance(error, SystemCallError):
                raise
            raise self._refused(error.errno or 0) from error

    def _is_connected(self, sock: socket.socket) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_WRITE)
            if not selector.select(0):
                return False
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise self._refused(code)
        return True

    def _exchange(self, sock: socket.socket, client: SnapshotClient, now: int) -> Snapshot | None:
        found = client.on_time(now)
        for _ in range(_READS):
            self._out += client.bytes_to_send()
            if self._out:
                with suppress(BlockingIOError):
                    self._out = self._out[sock.send(self._out) :]
            try:
                data = sock.recv(_CHUNK)
            except BlockingIOError:
                break
            found = client.receive_bytes(data, now) if data else client.receive_eof(now)
            if found is not None or not data:
                break
        if found is None:
            return None
        self.cancel()
        framed = b"".join(len(m).to_bytes(2, "big") + m for m in found.messages)
        return Snapshot(framed, found.next_sequence)

    def cancel(self) -> None:
        """Close the connection. May be called twice."""
        if self._sock is not None:
            self._sock.close()
        self._sock, self._client, self._out = None, None, b""
