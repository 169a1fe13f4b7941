"""`tectra feed serve` in a process of its own, heard on this machine; `tectra itch extract`."""

import json
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tectra.core.clock import LiveClock
from tectra.core.errors import SystemCallError
from tectra.core.secret import Secret
from tectra.feed import GlimpseClient, ItchMessages, SnapshotState, fetch_snapshot
from tectra.net import UdpOptions, UdpReceiver
from tectra.protocol import CaptureWriter, UdpPayload, build_request, parse_packet

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

GROUP = "239.255.77.2"


@pytest.fixture(scope="module")
def messages(day: Path) -> list[bytes]:
    with ItchMessages(day) as file:
        return list(file)


@contextmanager
def serving(env: dict[str, str], *args: object) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-P", "-m", "tectra", "feed", "serve", *map(str, args)]
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def receiver(stack: ExitStack, host: str = "127.0.0.1") -> tuple[UdpReceiver, str]:
    interface = "127.0.0.1" if host == GROUP else ""
    made = stack.enter_context(UdpReceiver(UdpOptions(host=host, port=0, interface=interface)))
    assert made.address is not None
    return made, f"{host}:{made.address[1]}"


class Heard:
    """What the lines brought, by number."""

    def __init__(self, *lines: UdpReceiver) -> None:
        self.lines = lines
        self.numbered: list[dict[int, bytes]] = [{} for _ in lines]
        self.ended = [False for _ in lines]

    def until(self, condition: Callable[[], bool]) -> None:
        """Receive until `condition()`; 30 s at most."""
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "not within 30 s"
            select.select(self.lines, [], [], 0.1)
            for i, line in enumerate(self.lines):
                while line.poll():
                    for datagram in line.batch():
                        self._take(i, datagram.data)

    def _take(self, i: int, data: bytes) -> None:
        packet = parse_packet(data)
        self.ended[i] |= packet.is_end
        for n, message in enumerate(packet.messages, packet.sequence):
            self.numbered[i][n] = message

    def all_ended(self) -> bool:
        return all(self.ended)

    def union(self) -> dict[int, bytes]:
        return {n: m for one in self.numbered for n, m in one.items()}


def test_one_line_brings_every_message(day, messages, fresh_env):
    with ExitStack() as stack:
        line, to = receiver(stack)
        args = (day, "--to", to, "--rate", 30_000, "--end-seconds", 1, "--json")
        with serving(fresh_env, *args) as process:
            heard = Heard(line)
            heard.until(heard.all_ended)
            out, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        said = json.loads(out)
        assert heard.numbered[0] == dict(enumerate(messages, 1))
        assert said["messages"] == len(messages) and said["ended"]
        assert said["lines"][0]["sent"] == line.datagrams + line.dropped
        assert line.cut == 0


def test_two_lines_with_loss_and_the_requests_for_the_rest(day, messages, fresh_env):
    with ExitStack() as stack:
        (a, to_a), (b, to_b) = receiver(stack), receiver(stack)
        args = (day, "--to", to_a, "--to-b", to_b, "--rate", 40_000, "--loss", 0.3, "--seed", 5,
                "--reorder", 0.05, "--duplicate", 0.05, "--retransmit", 0, "--end-seconds", 3,
                "--json")  # fmt: skip
        with serving(fresh_env, *args) as process:
            assert process.stderr is not None
            where = re.search(r"re-requests at ([\d.]+):(\d+)", process.stderr.readline())
            assert where is not None
            heard = Heard(a, b)
            heard.until(lambda: any(heard.ended))
            found = heard.union()
            assert all(len(one) < len(found) < len(messages) for one in heard.numbered)
            for first in [n for n in range(1, len(messages) + 1) if n not in found]:
                if first not in heard.numbered[0]:
                    ask = build_request("TECTRA0001", first, 50)
                    assert a.send_to(ask, (where[1], int(where[2])))
                    heard.until(partial(heard.numbered[0].__contains__, first))
            out, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        assert heard.union() == dict(enumerate(messages, 1))
        said = json.loads(out)
        assert said["requests"]["answered"] > 0
        assert all(line["lost"] > 0 and line["duplicated"] > 0 for line in said["lines"])


def test_a_snapshot_joins_the_feed_late(day, messages, fresh_env):
    """Snapshot and what follows its number are the whole day's orders."""
    with ExitStack() as stack:
        line, to = receiver(stack)
        args = (day, "--to", to, "--rate", 15_000, "--glimpse", 0, "--end-seconds", 1, "--json")
        with serving(fresh_env, *args) as process:
            assert process.stderr is not None
            where = re.search(r"snapshots at ([\d.]+):(\d+)", process.stderr.readline())
            assert where is not None
            heard = Heard(line)
            heard.until(lambda: len(heard.numbered[0]) > 5000)
            snapshot = fetch_snapshot(
                (where[1], int(where[2])),
                GlimpseClient("user", Secret("")),
                clock=LiveClock(),
                timeout_ns=10_000_000_000,
            )
            heard.until(heard.all_ended)
        at = snapshot.next_sequence - 1
        assert 5000 < at < len(messages)
        assert [heard.numbered[0][n + 1] for n in range(at, len(messages))] == messages[at:]
        state = SnapshotState()
        for message in messages[:at]:
            state.apply(message)
        assert list(snapshot.messages) == list(state.messages())
        assert state.orders > 0


def test_a_group_on_loopback(day, messages, fresh_env):
    with ExitStack() as stack:
        try:
            line, to = receiver(stack, GROUP)
        except SystemCallError as error:
            pytest.skip(f"this machine joins no group on loopback: {error}")
        args = (day, "--to", to, "--interface", "127.0.0.1", "--ttl", 0, "--rate", 30_000,
                "--end-seconds", 1)  # fmt: skip
        with serving(fresh_env, *args) as process:
            heard = Heard(line)
            heard.until(heard.all_ended)
            _, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        assert heard.numbered[0] == dict(enumerate(messages, 1))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped(day, fresh_env, number):
    with ExitStack() as stack:
        line, to = receiver(stack)
        with serving(fresh_env, day, "--to", to, "--rate", 10, "--json") as process:
            heard = Heard(line)
            heard.until(lambda: bool(heard.numbered[0]))
            process.send_signal(number)
            out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert json.loads(out)["ended"] is False
    assert f"stopped by {number.name}" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("args", "words", "code"),
    [
        (("--to", "nowhere"), "HOST:PORT", 1),
        (("--to", "127.0.0.1:9", "--to-b", "1.2.3:4"), "IPv4", 1),
        (("--to", "127.0.0.1:9", "--speed", "fast"), "max", 2),
        (("--to", "127.0.0.1:9", "--speed", "0"), "above 0", 2),
        (("--to", "127.0.0.1:9", "--loss", "2"), "0<=x<=1", 2),
        (("--to", "127.0.0.1:9", "--session", "much too long"), "10", 1),
        (("--to", "127.0.0.1:9", "--bind", "203.0.113.9", "--retransmit", "0"), "203.0.113.9", 1),
        ((), "--to", 2),
    ],
)
def test_wrong_usage(cli, day, args, words, code):
    cli("feed", "serve", day, *args).explained(words, code=code)


def test_no_file(cli, tmp_path):
    cli("feed", "serve", tmp_path / "no", "--to", "127.0.0.1:9").explained("no such file")
    cli("feed", "serve", tmp_path, "--to", "127.0.0.1:9").explained("is a directory")


def test_help_lists_what_there_is(cli):
    assert "serve" in cli("feed", "--help").out
    assert "--to-b" in cli("feed", "serve", "--help").out


@pytest.fixture
def recorded(tmp_path: Path, messages: list[bytes]) -> Path:
    """A capture of 100 packets of one message, the 40th and the 41st missing."""
    path = tmp_path / "day.pcap"
    with CaptureWriter(path) as out:
        for n, message in enumerate(messages[:100], 1):
            if n not in (40, 41):
                size = len(message).to_bytes(2, "big")
                data = b"SESSION 01" + n.to_bytes(8, "big") + b"\0\1" + size + message
                out.write_udp(UdpPayload(n, "10.0.0.1", 1, "233.54.12.111", 26400, data))
    return path


def test_extract(cli, recorded, tmp_path, messages):
    done = cli("itch", "extract", recorded, "-o", "out.itch", "--json")
    assert done.code == 0
    assert done.json["messages"] == 98 and done.json["gaps"] == [{"first": 40, "count": 2}]
    assert "2 messages are missing in 1 gaps: 40-41" in done.err
    with ItchMessages(tmp_path / "out.itch") as file:
        assert list(file) == messages[:39] + messages[41:100]
    text = cli("itch", "extract", recorded, "-o", "text.itch")
    assert re.search(r"missing +2 in 1 gaps", text.out) and text.code == 0


def test_extract_strict_fails_and_leaves_no_file(cli, recorded, tmp_path):
    cli("itch", "extract", recorded, "-o", "out.itch", "--strict").explained("40-41")
    assert not list(tmp_path.glob("out*"))


def test_extract_of_what_is_no_capture(cli, day, recorded, tmp_path):
    cli("itch", "extract", day, "-o", "out.itch").explained("is no capture")
    cli("itch", "extract", "nowhere", "-o", "out.itch").explained("no such file")
    cli("itch", "extract", recorded, "-o", tmp_path / "no" / "x").explained("cannot write")
    cli("itch", "extract", day).explained("--out", code=2)
