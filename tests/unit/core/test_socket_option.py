"""Socket options, read back from a connection to a server on this machine."""

import socket

import pytest

from tectra.core.errors import InputError
from tectra.core.socket_option import (
    SO_BUSY_POLL,
    SO_TIMESTAMPNS,
    SocketOptions,
    tune_socket,
)


@pytest.fixture
def pair():
    """The two ends of a TCP connection on 127.0.0.1."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        served, _ = server.accept()
        with served:
            yield client, served


def by_name(outcomes):
    return {o.wish.split(" = ")[0]: o for o in outcomes}


def test_nodelay_on_both_ends(pair):
    for sock in pair:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
        outcome = by_name(tune_socket(sock))["TCP_NODELAY"]
        assert outcome.done
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_busy_poll_is_applied_or_a_warning_says_why(pair, caplog):
    outcome = by_name(tune_socket(pair[0]))["SO_BUSY_POLL"]
    try:
        found = pair[0].getsockopt(socket.SOL_SOCKET, SO_BUSY_POLL)
    except OSError:
        found = -1
    if outcome.done:
        assert found == 50 and not caplog.records
    else:
        assert "SO_BUSY_POLL = 50: no, " in caplog.text
        assert found != 50


def test_a_refusal_says_what_to_do(pair, caplog, monkeypatch):
    class Refusing(socket.socket):
        def setsockopt(self, *args):
            if args[1] == SO_BUSY_POLL:
                raise PermissionError(1, "Operation not permitted")
            super().setsockopt(*args)

    with Refusing(socket.AF_INET, socket.SOCK_STREAM) as sock:
        outcome = by_name(tune_socket(sock))["SO_BUSY_POLL"]
    assert not outcome.done
    assert "CAP_NET_ADMIN" in outcome.detail and "net.core.busy_read" in caplog.text


def test_time_stamps_reach_the_reader():
    options = SocketOptions(timestamps=True, busy_poll_us=0)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
    ):
        here.bind(("127.0.0.1", 0))
        here.settimeout(4)
        outcomes = by_name(tune_socket(here, options))
        assert list(outcomes) == ["SO_TIMESTAMPNS"], "TCP_NODELAY is none of a datagram's"
        assert outcomes["SO_TIMESTAMPNS"].done
        there.sendto(b"x", here.getsockname())
        data, ancillary, _, _ = here.recvmsg(16, 64)
        assert data == b"x"
        assert [(level, kind, len(body)) for level, kind, body in ancillary] == [
            (socket.SOL_SOCKET, SO_TIMESTAMPNS, 16)
        ]


def test_buffers_are_as_large_as_asked_for_or_it_is_told(pair, caplog):
    small = by_name(tune_socket(pair[0], SocketOptions(receive_bytes=8192, send_bytes=8192)))
    assert small["SO_RCVBUF"].done and small["SO_SNDBUF"].done
    assert pair[0].getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 2 * 8192
    huge = by_name(tune_socket(pair[0], SocketOptions(send_bytes=1 << 29)))["SO_SNDBUF"]
    found = pair[0].getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 2
    assert huge.done == (found >= 1 << 29)
    assert huge.done or "wmem_max" in caplog.text


def test_nothing_asked_for_is_nothing_done(pair):
    options = SocketOptions(nodelay=False, busy_poll_us=0)
    assert tune_socket(pair[0], options) == ()
    assert pair[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0


def test_a_local_socket_has_no_nodelay():
    left, right = socket.socketpair()
    with left, right:
        assert "TCP_NODELAY" not in by_name(tune_socket(left))


@pytest.mark.parametrize("wrong", [{"busy_poll_us": -1}, {"receive_bytes": 1 << 31}], ids=str)
def test_options_are_checked(wrong):
    with pytest.raises(InputError, match="allowed: 0 to"):
        SocketOptions(**wrong)
