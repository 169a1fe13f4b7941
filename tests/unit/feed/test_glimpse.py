"""Snapshots: the state rebuilt equals the state that was, over SoupBinTCP, with every refusal."""

import socket
import threading
import time

import pytest

from tectra.core.clock import LiveClock
from tectra.core.errors import (
    FileFormatError,
    StateError,
    SystemCallError,
    TruncatedInputError,
)
from tectra.core.secret import Secret
from tectra.feed.glimpse import GlimpseClient, GlimpseServer, fetch_snapshot
from tectra.feed.itch_encode import encode
from tectra.feed.itch_messages import ItchMessages
from tectra.feed.snapshot_state import SnapshotState
from tectra.protocol.soup import build_accepted, build_packet

NONE = Secret("")


def state_of(messages) -> SnapshotState:
    state = SnapshotState()
    for message in messages:
        state.apply(message)
    return state


def add(ref: int, shares: int, *, price: int = 100, side: str = "B", at: int = 1) -> bytes:
    return encode("A", 1, at, ref, side, shares, "AAPL", price)


def test_what_is_kept_and_in_which_order():
    directory = encode("Y", 1, 2, "AAPL", "1")
    messages = [
        encode("S", 0, 1, "O"),
        directory,
        encode("Y", 1, 3, "AAPL", "0"),
        encode("N", 2, 3, "MSFT", "B"),
        encode("H", 2, 3, "MSFT", "T", " ", ""),
        add(1, 100),
        add(2, 50),
        encode("F", 1, 4, 3, "S", 70, "AAPL", 101, "VIRT"),
        encode("E", 1, 5, 1, 30, 9),
        encode("X", 1, 5, 1, 20),
        encode("U", 1, 6, 3, 4, 60, 102),
        encode("D", 1, 7, 2),
        encode("C", 1, 8, 4, 10, 11, "Y", 99),
        encode("S", 0, 9, "S"),
        encode("E", 1, 10, 77, 1, 12),
    ]
    state = state_of(messages)
    assert list(state.messages()) == [
        encode("S", 0, 9, "S"),
        encode("H", 2, 3, "MSFT", "T", " ", ""),
        encode("Y", 1, 3, "AAPL", "0"),
        encode("N", 2, 3, "MSFT", "B"),
        add(1, 50),
        encode("F", 1, 6, 4, "S", 50, "AAPL", 102, "VIRT"),
    ]
    assert (state.orders, state.unmatched, state.reused) == (2, 1, 0)


def test_an_empty_state_is_empty():
    assert list(SnapshotState().messages()) == []


def books(messages) -> dict[str, list[tuple]]:
    """Price and size of every level by symbol, and the queue of each, from plain dictionaries."""
    orders: dict[int, list] = {}
    for m in messages:
        kind, ref = m[:1], int.from_bytes(m[11:19], "big")
        if kind in (b"A", b"F"):
            orders[ref] = [m[24:32], m[19:20], int.from_bytes(m[32:36], "big"),
                           int.from_bytes(m[20:24], "big")]  # fmt: skip
        elif kind in (b"E", b"C", b"X"):
            orders[ref][3] -= int.from_bytes(m[19:23], "big")
            if not orders[ref][3]:
                del orders[ref]
        elif kind == b"D":
            del orders[ref]
        elif kind == b"U":
            stock, side, _, _ = orders.pop(ref)
            orders[int.from_bytes(m[19:27], "big")] = [
                stock, side, int.from_bytes(m[31:35], "big"), int.from_bytes(m[27:31], "big")
            ]  # fmt: skip
    out: dict[str, list[tuple]] = {}
    for ref, (stock, side, price, shares) in orders.items():
        out.setdefault(f"{stock}{side}{price}", []).append((ref, shares))
    return out


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_snapshot_and_the_rest_equal_the_whole(small_day, part):
    """At any moment: the queues of the snapshot are those of the day so far."""
    with ItchMessages(small_day) as day:
        messages = list(day)
    cut = int(len(messages) * part)
    snapshot = list(state_of(messages[:cut]).messages())
    assert books(snapshot) == books(messages[:cut])
    assert books(snapshot + messages[cut:]) == books(messages)


class Loop:
    """The server on a thread of its own, as a runner would have it."""

    def __init__(self, server: GlimpseServer) -> None:
        self.server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._over.is_set():
            if self.server.do_work(time.monotonic_ns()) == 0:
                self._over.wait(0.001)

    def __enter__(self) -> GlimpseServer:
        self._thread.start()
        return self.server

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.server.close()


def fetch(server: GlimpseServer, client: GlimpseClient, timeout_ns: int = 4_000_000_000):
    return fetch_snapshot(server.address, client, clock=LiveClock(), timeout_ns=timeout_ns)


@pytest.mark.parametrize("orders", [0, 1, 30_000])
def test_over_tcp(orders):
    state = state_of([encode("S", 0, 1, "O"), *(add(n + 1, 5) for n in range(orders))])
    with Loop(GlimpseServer(state, lambda: orders + 2, "TECTRA0001")) as server:
        got = fetch(server, GlimpseClient("user", NONE))
        assert got.next_sequence == orders + 2 and got.session == "TECTRA0001"
        assert list(got.messages) == list(state.messages())
        assert fetch(server, GlimpseClient("other", NONE, session="TECTRA0001")) == got
    assert server.snapshots == 2


def test_logins_that_are_refused():
    server = GlimpseServer(
        SnapshotState(), lambda: 1, "S1", username="user", password=Secret("right")
    )
    with Loop(server):
        for client, reason in (
            (GlimpseClient("user", Secret("wrong")), "not authorized"),
            (GlimpseClient("nobody", Secret("right")), "not authorized"),
            (GlimpseClient("user", Secret("right"), session="S2"), "no such session"),
        ):
            with pytest.raises(StateError, match=reason):
                fetch(server, client)
        assert fetch(server, GlimpseClient("user", Secret("right"))).next_sequence == 1
    assert (server.rejected, server.snapshots) == (3, 1)


def test_clients_that_leave_or_talk_nonsense_do_not_stop_it():
    state = state_of([add(n + 1, 5) for n in range(50_000)])
    with Loop(GlimpseServer(state, lambda: 2, "S1")) as server:
        with socket.create_connection(server.address) as rude:
            rude.sendall(b"GET / HTTP/1.1\r\n\r\n")
            rude.settimeout(4)
            assert rude.recv(100) == b""
        with socket.create_connection(server.address) as gone:
            client = GlimpseClient("user", NONE)
            client.connect(0)
            gone.sendall(client.bytes_to_send())
            gone.recv(10)
        assert len(fetch(server, GlimpseClient("user", NONE)).messages) == 50_000


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = GlimpseClient("user", NONE)
        with pytest.raises(SystemCallError, match="too long"):
            fetch_snapshot(silent.getsockname(), client, clock=LiveClock(), timeout_ns=300_000_000)
        address = silent.getsockname()
    with pytest.raises(SystemCallError, match="no snapshot from 127"):
        fetch_snapshot(address, GlimpseClient("u", NONE), clock=LiveClock(), timeout_ns=10**9)


def answers(*packets: bytes):
    client = GlimpseClient("user", NONE)
    client.connect(0)
    return client.receive_bytes(build_accepted("S1", 1) + b"".join(packets), 0)


def test_the_end_of_a_snapshot():
    message = build_packet("S", b"a message")
    for end in (b"G%020d" % 42, b"G" + b"42".rjust(20)):
        assert answers(message, build_packet("S", end)) == ("S1", (b"a message",), 42)
    assert answers(message) is None
    for end in (b"G", b"G" + b"x" * 20, b"G%020d" % 0, b"G%021d" % 7):
        with pytest.raises(FileFormatError):
            answers(build_packet("S", end))
    with pytest.raises(TruncatedInputError, match="the session ended after 1 messages"):
        answers(message, build_packet("Z"))


def test_a_snapshot_that_stops():
    client = GlimpseClient("user", NONE)
    client.connect(0)
    with pytest.raises(TruncatedInputError, match="connection ended after 0 messages"):
        client.receive_eof(0)
    client = GlimpseClient("user", NONE)
    client.connect(0)
    with pytest.raises(TruncatedInputError, match="nothing came for 15 s"):
        client.on_time(15_000_000_000)
