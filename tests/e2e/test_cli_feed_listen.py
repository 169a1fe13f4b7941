"""`tectra feed listen` beside `tectra feed serve`: the books at the end are those of the file."""

import json
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest

from tectra.feed.itch import ItchFeed
from tectra.feed.live_book import LiveBooks

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


def free_ports(count: int) -> list[str]:
    with ExitStack() as stack:
        out = []
        for _ in range(count):
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.bind(("127.0.0.1", 0))
            out.append(f"127.0.0.1:{sock.getsockname()[1]}")
    return out


@pytest.fixture(scope="module")
def morning(raw_day: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first part of the day: its books are full."""
    at = 0
    for _ in range(9_000):
        at += 2 + int.from_bytes(raw_day[at : at + 2], "big")
    path = tmp_path_factory.mktemp("morning") / "morning.itch"
    path.write_bytes(raw_day[:at])
    return path


@pytest.fixture(scope="module")
def digest(morning: Path) -> str:
    books = LiveBooks()
    with ItchFeed(morning) as feed:
        while (batch := feed.next_batch()) is not None:
            books.apply(batch)
    assert books.book.live_orders > 50
    return books.book.digest(priorities=False)


class Listening:
    """A listener that is ready before anything is sent."""

    def __init__(self, env: dict[str, str], *args: object) -> None:
        command = [sys.executable, "-P", "-m", "tectra", "feed", "listen", *map(str, args)]
        self.process = subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        self.first = self.process.stderr.readline()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def end(self) -> tuple[int, dict, str]:
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, json.loads(out), err


def serve(cli, morning: Path, *args: object) -> None:
    done = cli("feed", "serve", morning, "--rate", 6000, "--end-seconds", 2, "--json", *args)
    assert done.code == 0, done.err


def test_losses_on_both_lines_are_asked_for_again(cli, morning, digest, fresh_env, tmp_path):
    a, b, requests = free_ports(3)
    journal = tmp_path / "journal"
    with Listening(fresh_env, "--a", a, "--b", b, "--retransmit", requests, "--journal", journal,
                   "--date", "2026-01-05", "--json") as listening:  # fmt: skip
        assert listening.first.startswith("listening at")
        serve(cli, morning, "--to", a, "--to-b", b, "--loss", 0.2, "--reorder", 0.05,
              "--duplicate", 0.05, "--seed", 3, "--retransmit", requests.split(":")[1])  # fmt: skip
        code, found, err = listening.end()
    assert code == 0, err
    counts = found["counters"]
    assert found["book_digest"] == digest
    assert (counts["lost"], counts["messages"], found["book_status"]) == (0, 9_000, "VALID")
    assert counts["resends_requested"] > 0 and counts["recovered"] > 0
    assert all(line["first"] > 0 and line["lost"] > 0 for line in found["lines"])
    assert [top["symbol"] for top in found["tops"]]
    verified = cli("journal", "verify", journal)
    assert verified.code == 0, verified.err


def test_a_snapshot_mends_the_books_and_the_loss_is_told(cli, morning, digest, fresh_env):
    a, snapshots = free_ports(2)
    with Listening(fresh_env, "--a", a, "--glimpse", snapshots, "--json") as listening:
        serve(cli, morning, "--to", a, "--loss", 0.003, "--seed", 4,
              "--glimpse", snapshots.split(":")[1])  # fmt: skip
        code, found, err = listening.end()
    counts = found["counters"]
    assert counts["lost"] > 0
    assert (code, counts["messages"] + counts["lost"]) == (1, 9_000)
    assert "lost for good" in err
    assert counts["snapshots"] > 0, err
    assert found["book_status"] == "VALID"
    assert found["book_digest"] == digest


def test_a_listener_stops_after_its_time_and_at_a_signal(cli, fresh_env):
    (a,) = free_ports(1)
    done = cli("feed", "listen", "--a", a, "--for", 0.2)
    assert done.code == 0, done.err
    assert "nothing heard yet" in done.out
    with Listening(fresh_env, "--a", a, "--json") as listening:
        listening.process.send_signal(signal.SIGINT)
        code, found, err = listening.end()
    assert (code, found["expected"]) == (130, 1)
    assert "stopped by SIGINT" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--a", "nowhere"), ("HOST:PORT",)),
        (("--a", "127.0.0.1:1", "--symbols", "A,,B"), ("--symbols",)),
        (("--a", "127.0.0.1:27999", "--date", "today"), ("YYYY-MM-DD",)),
        (("--a", "192.0.2.1:9999"), ("cannot receive",)),
    ],
)
def test_wrong_options_are_explained(cli, args, words):
    cli("feed", "listen", *args).explained(*words)


def test_two_listeners_of_one_port(cli, fresh_env):
    (a,) = free_ports(1)
    with Listening(fresh_env, "--a", a, "--json"):
        cli("feed", "listen", "--a", a).explained("cannot receive", a)
