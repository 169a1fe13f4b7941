"""Datagrams through io_uring, where the kernel permits it."""

import socket
import subprocess
import sys
import time

import pytest

from tectra.core.errors import ClosedError, InputError
from tectra.core.uring import UringReceiver, uring_support


@pytest.fixture
def line():
    """A bound socket and one that sends to it."""
    support = uring_support()
    if not support.usable:
        pytest.skip(f"no io_uring here: {support.reason}")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
    ):
        here.bind(("127.0.0.1", 0))
        here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        there.connect(here.getsockname())
        yield here, there


def take(receiver: UringReceiver, n: int) -> list[bytes]:
    found: list[bytes] = []
    deadline = time.monotonic() + 4
    while len(found) < n:
        assert time.monotonic() < deadline, f"{len(found)} of {n} came"
        found += receiver.poll()
    return found


def test_datagrams_come_whole_and_in_order(line):
    here, there = line
    sent = [n.to_bytes(4, "little") * (1 + n % 200) for n in range(1000)]
    with UringReceiver(here, slots=16) as receiver:
        found = []
        for at in range(0, 1000, 50):
            for body in sent[at : at + 50]:
                there.send(body)
            found += take(receiver, 50)
        assert found == sent
        assert (receiver.received, receiver.truncated, receiver.errors) == (1000, 0, 0)
        assert receiver.poll() == []
        assert receiver.submits <= 1001


def test_what_does_not_fit_is_counted(line):
    here, there = line
    with UringReceiver(here, slots=2, slot_bytes=100) as receiver:
        for size in (100, 101, 0, 1400, 7):
            there.send(b"x" * size)
        assert [len(body) for body in take(receiver, 3)] == [100, 0, 7]
        assert receiver.truncated == 2


def test_a_limit_leaves_the_rest(line):
    here, there = line
    with UringReceiver(here, slots=8) as receiver:
        for n in range(6):
            there.send(bytes([n]))
        first = take(receiver, 1)
        while len(first) < 6:
            more = receiver.poll(2)
            assert len(more) <= 2
            first += more
        assert first == [bytes([n]) for n in range(6)]


def test_closing_gives_the_socket_back(line):
    here, there = line
    receiver = UringReceiver(here, slots=8)
    receiver.close()
    receiver.close()
    with pytest.raises(ClosedError, match="used after close"):
        receiver.poll()
    there.send(b"after")
    here.settimeout(4)
    assert here.recv(100) == b"after", "no receive is left in the kernel"


def test_receivers_come_and_go(line):
    here, there = line
    for n in range(50):
        receiver = UringReceiver(here, slots=4)
        there.send(bytes([n]))
        assert take(receiver, 1) == [bytes([n])]
        del receiver


def test_wrong_use(line):
    here, _ = line
    for wrong in ({"slots": 0}, {"slots": 3}, {"slots": 4096}, {"slot_bytes": 0}):
        with pytest.raises(InputError, match="allowed"):
            UringReceiver(here, **wrong)
    here.settimeout(1)
    with pytest.raises(InputError, match="allowed: a blocking one"):
        UringReceiver(here)


def test_nobody_imports_it_unasked(fresh_env):
    script = (
        "import sys, tectra.core, tectra.ops.cli.main, tectra.core.runner\n"
        "assert 'tectra.core.uring' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env=fresh_env, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_support_says_why_not():
    usable, reason = uring_support()
    assert usable == (not reason)
