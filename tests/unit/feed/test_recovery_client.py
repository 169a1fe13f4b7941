"""Re-requests and snapshots over sockets of this machine, between the feed's packets."""

import socket
import time

import pytest
from line_scene import SESSION, Books, messages_of

from tectra.core.clock import ClockDomain, LiveClock
from tectra.core.errors import ClosedError, SystemCallError, TectraError
from tectra.core.secret import Secret
from tectra.feed.glimpse import GlimpseClient, GlimpseServer
from tectra.feed.itch_line import ItchLineFeed
from tectra.feed.line_config import LineConfig
from tectra.feed.recovery_client import GlimpseSource, MoldRetransmitter
from tectra.feed.snapshot_state import SnapshotState
from tectra.feed.synthetic import generate_day
from tectra.net.udp_socket import UdpOptions

CLOCK = LiveClock(ClockDomain.MONOTONIC)


@pytest.fixture(scope="module")
def day(tmp_path_factory) -> list[bytes]:
    path = tmp_path_factory.mktemp("client") / "day.itch.gz"
    generate_day(path, seed=7, symbols=("AAPL", "MSFT"), messages=2_000)
    return messages_of(path)[:800]


def until(poll, step=lambda: None):
    end = time.monotonic() + 4
    while time.monotonic() < end:
        step()
        found = poll()
        if found:
            return found
    raise AssertionError("nothing came within 4 s")


def test_a_request_leaves_and_its_answer_comes():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(4)
        asker = MoldRetransmitter(server.getsockname())
        asker.request(SESSION, 12, 3)
        wish, address = server.recvfrom(100)
        assert wish == SESSION + (12).to_bytes(8, "big") + (3).to_bytes(2, "big")
        server.sendto(b"an answer", ("127.0.0.1", address[1]))
        ((data, ts_recv_ns),) = until(asker.poll)
        assert data == b"an answer"
        assert ts_recv_ns > 10**18
        asker.close()
        asker.close()


def client() -> GlimpseClient:
    return GlimpseClient("", Secret(""))


def test_a_snapshot_comes_over_a_connection(day):
    state = SnapshotState()
    for message in day:
        state.apply(message)
    server = GlimpseServer(state, lambda: len(day) + 1, SESSION.decode())
    source = GlimpseSource(server.address, client)
    with pytest.raises(ClosedError, match="request"):
        source.poll()
    source.request()
    found = until(source.poll, lambda: server.do_work(CLOCK.now_ns()))
    assert found.next_seq == len(day) + 1
    feed = ItchLineFeed(config=LineConfig())
    books = Books()
    feed.stream.load(found.messages)
    books.apply(feed.stream.records(1 << 16))
    lossless = Books()
    feed.stream.load(b"".join(len(m).to_bytes(2, "big") + m for m in day))
    lossless.apply(feed.stream.records(1 << 16))
    assert books.state() == lossless.state() != {}
    source.cancel()
    server.close()


def test_a_server_that_is_not_there_fails_the_request():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = taken.getsockname()  # bound, and nobody listens
        source = GlimpseSource(address, client)

        def fails() -> bool:
            try:
                source.request()
                while True:
                    source.poll()
            except SystemCallError as error:
                return "ECONNREFUSED" in str(error)

        assert until(fails)
        source.cancel()


def test_a_server_that_hangs_up_fails_the_snapshot():
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = GlimpseSource(server.getsockname(), client)
        source.request()
        server.accept()[0].close()
        with pytest.raises(TectraError):
            until(source.poll)
        source.cancel()


def test_sockets_of_a_feed_are_opened_anew():
    feed = ItchLineFeed(
        [UdpOptions(host="127.0.0.1", port=0)], config=LineConfig(wait_ns=1_000_000)
    )
    assert len(feed.next_batch()) == 0
    feed.reconnect()
    feed.reconnect(0)
    assert feed.counts()["reconnects"] == 2
    assert feed.socket_counts()["datagrams"] == 0
    feed.close()
