"""Any losses, on any lines, with any servers: the books end as the venue has them, or are INVALID,
and every number was delivered or stands in a gap record.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from line_scene import MS, SECOND, Books, Glimpse, Server, beat, end, messages_of, packets_of

from tectra.core.clock import FakeClock
from tectra.core.msg import BookStatus, Template
from tectra.feed.arbiter import ArbiterSettings
from tectra.feed.itch_line import ItchLineFeed
from tectra.feed.line_config import LineConfig
from tectra.feed.recovery import RecoveryPolicy
from tectra.feed.resync import ResyncPolicy
from tectra.feed.synthetic import generate_day

COUNT = 600
SCENES = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10**9),
        "loss": st.sampled_from([0.0, 0.05, 0.3]),
        "lines": st.integers(1, 2),
        "size": st.integers(1, 12),
        "skew": st.integers(0, 6),
        "window": st.sampled_from([16, 64, 1024]),
        "server": st.sampled_from(["none", "good", "deaf", "broken"]),
        "glimpse": st.sampled_from(["none", "good", "late", "failing", "old"]),
    }
)


class Short:
    """What Hypothesis prints of a fixture when an example fails."""

    def __repr__(self) -> str:
        return type(self).__name__


class Day(Short, list[bytes]):
    pass


class State(Short, dict):
    pass


@pytest.fixture(scope="module")
def day(tmp_path_factory) -> list[bytes]:
    path = tmp_path_factory.mktemp("recovery") / "day.itch.gz"
    generate_day(path, seed=11, symbols=("AAPL", "MSFT"), messages=2_000)
    return Day(messages_of(path)[:COUNT])


class Watcher(Books):
    """Also sees that no record behind a gap comes before INVALID, and none of a snapshot without
    RECOVERING and book_clear.
    """

    def __init__(self) -> None:
        super().__init__()
        self.status = BookStatus.VALID

    def apply(self, batch) -> None:
        before = len(self.told)
        super().apply(batch)
        for template, raw in self.told[before:]:
            if template is Template.BOOK_STATUS and raw[32:36] == bytes(4):
                self.status = BookStatus(raw[36])
            elif template is Template.GAP:
                assert self.status in (BookStatus.INVALID, BookStatus.RECOVERING)
            elif template is Template.BOOK_CLEAR:
                assert self.status is BookStatus.RECOVERING


def servers(day, scene):
    kinds = {"good": {}, "deaf": {"deaf": True}, "broken": {"broken": True}}
    snaps = {"good": {}, "late": {"late": 9}, "failing": {"failing": 2}, "old": {"old": 30}}
    server = Server(day, fits=6, **kinds[scene["server"]]) if scene["server"] != "none" else None
    glimpse = Glimpse(day, **snaps[scene["glimpse"]]) if scene["glimpse"] != "none" else None
    return server, glimpse


def play(day, scene) -> tuple[ItchLineFeed, Watcher]:
    import random

    dice = random.Random(scene["seed"])
    clock = FakeClock(SECOND)
    server, glimpse = servers(day, scene)
    feed = ItchLineFeed(
        config=LineConfig(
            arbiter=ArbiterSettings(
                lines=scene["lines"], window=scene["window"], hold_ns=20 * MS, dead_ns=50 * MS
            ),
            recovery=RecoveryPolicy(
                fill=ResyncPolicy(first_wait_ns=2 * MS, wait_max_ns=4 * MS, timeout_ns=4 * MS),
                fill_pause_ns=80 * MS,
                snapshot=ResyncPolicy(first_wait_ns=9 * MS, wait_max_ns=40 * MS, settle_ns=0),
            ),
            end_wait_ns=60 * SECOND,
        ),
        clock=clock, retransmitter=server, snapshots=glimpse,
    )  # fmt: skip
    books = Watcher()
    arrivals: list[tuple[int, int, int, bytes]] = []
    for line in range(scene["lines"]):
        dies = COUNT
        if scene["loss"] and dice.random() < 0.2:
            dies = dice.randrange(COUNT)
        arrivals += [
            (i + line * scene["skew"], line, i, data)
            for i, data in enumerate(packets_of(day, scene["size"]))
            for _ in range(1 + (dice.random() < 0.05))
            if dice.random() >= scene["loss"] and i * scene["size"] <= dies
        ]
    arrivals.sort(key=lambda a: a[:3])
    for _, line, i, data in arrivals:
        if glimpse is not None:
            glimpse.position = max(glimpse.position, min((i + 1) * scene["size"], COUNT))
        feed.on_packet(line, data, SECOND)
        step(feed, books)
        clock.advance(MS)
    if glimpse is not None:
        glimpse.position = COUNT
    for line in range(scene["lines"]):
        feed.on_packet(line, beat(COUNT + 1), SECOND)
        feed.on_packet(line, end(COUNT + 1), SECOND)
    for _ in range(6000):
        if not step(feed, books):
            break
        clock.advance(MS)
    return feed, books


def step(feed, books) -> bool:
    while (batch := feed.next_batch(16)) is not None:
        assert feed.recovery.in_flight <= 1
        if not len(batch):
            return True
        books.apply(batch)
    return False


def check(day, scene, lossless) -> None:
    feed, books = play(day, scene)
    assert feed.ended
    counts = feed.counts()
    lost = [n for first, last in books.gaps() for n in range(first, last + 1)]
    assert len(lost) == len(set(lost)) == counts["lost"]
    assert counts["messages"] + len(lost) == COUNT
    assert feed.stream.expected == COUNT + 1
    sound = books.status is BookStatus.VALID
    assert sound == (feed.health()["book_status"] == "VALID")
    if scene["glimpse"] != "none" or not lost:
        assert sound
    if sound:
        assert books.state() == lossless
    if scene["server"] == "good" and scene["window"] == 1024:
        assert not lost


@pytest.fixture(scope="module")
def lossless(day) -> dict:
    calm = {"seed": 1, "loss": 0.0, "lines": 1, "size": 5, "skew": 0, "window": 64}
    feed, books = play(day, calm | {"server": "none", "glimpse": "none"})
    assert feed.counts()["messages"] == COUNT
    return State(books.state())


@given(scene=SCENES)
@settings(max_examples=40)
def test_nothing_is_lost_in_silence(day, lossless, scene) -> None:
    check(day, scene, lossless)


@pytest.mark.soak
@pytest.mark.timeout(300)
@given(scene=SCENES)
@settings(max_examples=1000)
def test_nothing_is_lost_in_silence_a_thousand_times(day, lossless, scene) -> None:
    check(day, scene, lossless)
