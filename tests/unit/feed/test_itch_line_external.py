"""The live feed on recorded data: lines that lose of a real day, mended to the same books."""

import random
from pathlib import Path

import pytest
from line_scene import MS, SECOND, Server, end, packets_of

from tectra.core.clock import FakeClock
from tectra.feed.arbiter import ArbiterSettings
from tectra.feed.itch_line import ItchLineFeed
from tectra.feed.itch_messages import ItchMessages
from tectra.feed.line_config import LineConfig
from tectra.feed.live_book import LiveBooks
from tectra.feed.recovery import Snapshot
from tectra.feed.snapshot_state import SnapshotState

FILES = [
    ("ritch_ex20101224.TEST_ITCH_50.gz", 12_000),
    ("itch50_session_open_1mb.itch", 60_000),
    ("derived_AAPL_2012-06-21_0930-1000_from_lobster.itch.gz", 20_000),
]


class Glimpse:
    """Snapshots at the number that the venue has reached, by the server's own state."""

    def __init__(self, messages: list[bytes]) -> None:
        self.messages = messages
        self.position = self.applied = 0
        self.state = SnapshotState()

    def request(self) -> None:
        pass

    def poll(self) -> Snapshot:
        for message in self.messages[self.applied : self.position]:
            self.state.apply(message)
        self.applied = self.position
        framed = b"".join(len(m).to_bytes(2, "big") + m for m in self.state.messages())
        return Snapshot(framed, self.position + 1)

    def cancel(self) -> None:
        pass


def play(messages: list[bytes], loss: float, *, lines: int = 1, **servers) -> tuple:
    dice = random.Random(5)
    clock = FakeClock(SECOND)
    feed = ItchLineFeed(
        config=LineConfig(arbiter=ArbiterSettings(lines=lines, hold_ns=50 * MS)),
        clock=clock,
        **servers,
    )
    books = LiveBooks()

    def take() -> bool:
        while (batch := feed.next_batch(1 << 16)) is not None:
            if not len(batch):
                return True
            books.apply(batch)
        return False

    for i, data in enumerate(packets_of(messages, 25)):
        if "snapshots" in servers:
            servers["snapshots"].position = min((i + 1) * 25, len(messages))
        for line in range(lines):
            if dice.random() >= loss:
                feed.on_packet(line, data, SECOND)
        take()
        clock.advance(MS)
    for line in range(lines):
        feed.on_packet(line, end(len(messages) + 1), SECOND)
    for _ in range(5000):
        if not take():
            break
        clock.advance(10 * MS)
    return feed, books


@pytest.fixture(scope="module", params=FILES, ids=lambda f: f[0][:12])
def recorded(request, test_data: Path) -> tuple[list[bytes], str]:
    name, count = request.param
    with ItchMessages(test_data / "itch" / name) as file:
        messages = [m for m, _ in zip(file, range(count), strict=False)]
    feed, books = play(messages, 0.0)
    assert feed.counts()["messages"] == len(messages)
    return messages, books.book.digest(priorities=False)


@pytest.mark.timeout(30)
def test_retransmission(recorded):
    messages, digest = recorded
    feed, books = play(messages, 0.05, retransmitter=Server(messages, fits=30))
    assert books.book.digest(priorities=False) == digest
    assert feed.counts()["lost"] == 0 < feed.counts()["recovered"]


@pytest.mark.timeout(30)
def test_both_lines(recorded):
    messages, digest = recorded
    feed, books = play(messages, 0.1, lines=2, retransmitter=Server(messages, fits=30))
    assert books.book.digest(priorities=False) == digest
    assert feed.counts()["lost"] == 0


@pytest.mark.timeout(30)
def test_snapshots(recorded):
    messages, digest = recorded
    feed, books = play(messages, 0.01, snapshots=Glimpse(messages))
    counts = feed.counts()
    assert books.book.digest(priorities=False) == digest
    assert counts["messages"] + counts["lost"] == len(messages)
    assert 0 < counts["snapshots"] <= books.clears
