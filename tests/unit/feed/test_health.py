"""Silences: every mute channel and every stale symbol is found in time, and nothing else is."""

import random

import pytest
from line_scene import MS, SECOND, Books, beat, packet

from tectra.core.clock import FakeClock
from tectra.core.errors import InputError
from tectra.core.msg import BookReason, BookStatus
from tectra.feed.health import FeedHealth, StalePolicy
from tectra.feed.itch_encode import encode as itch
from tectra.feed.itch_line import ItchLineFeed
from tectra.feed.line_config import LineConfig
from tectra.feed.watch import FeedWatch

STALE = (BookStatus.STALE, BookReason.STALE)
BACK = (BookStatus.VALID, BookReason.RECOVERED)


class Venue:
    """A market of symbols, each with a pause between its messages, on a clock of its own."""

    def __init__(self, policy: StalePolicy, pauses: dict[int, int]) -> None:
        self.clock = FakeClock(SECOND)
        self.feed = ItchLineFeed(config=LineConfig(stale=policy, histograms=0), clock=self.clock)
        self.books = Books()
        self.pauses = pauses
        self.due = dict.fromkeys(pauses, SECOND)
        self.heard_ns = SECOND
        self.next = 1
        self.told: list[tuple[int, int, tuple[int, int]]] = []

    def run(self, for_ns, *, silent=(), mute=False, step=100 * MS) -> None:
        """Time goes on; `silent` symbols say nothing, and nobody when `mute`."""
        end = self.clock.now_ns() + for_ns
        while self.clock.now_ns() < end:
            now = self.clock.now_ns()
            for symbol, due in self.due.items():
                if due <= now:
                    self.due[symbol] = now + self.pauses[symbol]
                    if symbol not in silent and not mute:
                        message = itch("A", symbol, 0, self.next, "B", 100, f"S{symbol}", 100)
                        self.feed.on_packet(0, packet(self.next, [message]), SECOND)
                        self.next += 1
            if not mute and now - self.heard_ns >= SECOND:
                self.heard_ns = now
                self.feed.on_packet(0, beat(self.next), SECOND)
            batch = self.feed.next_batch()
            self.books.apply(batch)
            self.told += [(now, i, (s, r)) for i, s, r in self.books.statuses()]
            self.books.told.clear()
            self.clock.advance(step)

    def of(self, instrument: int) -> list[tuple[int, tuple[int, int]]]:
        return [(at, what) for at, i, what in self.told if i == instrument]


def test_a_mute_channel_is_stale_in_time_and_comes_back():
    venue = Venue(StalePolicy(), {1: 2 * SECOND})
    venue.run(10 * SECOND)
    assert venue.told == []
    start = venue.clock.now_ns()
    venue.run(6 * SECOND, mute=True)
    ((at, what),) = venue.of(0)
    assert what == STALE
    assert 2 * SECOND < at - start <= 3 * SECOND + 200 * MS
    assert venue.feed.health()["book_status"] == "STALE"
    assert venue.feed.health()["mute"]
    venue.run(2 * SECOND)
    assert venue.of(0)[-1][1] == BACK
    assert venue.of(1) == []  # the channel's silence said it
    assert venue.feed.counts()["turned_mute"] == 1


def test_heartbeats_without_data_leave_the_channel_alive_and_its_symbols_stale():
    venue = Venue(StalePolicy(), {1: 500 * MS, 2: 700 * MS})
    venue.run(10 * SECOND)
    venue.run(10 * SECOND, silent=(1, 2))
    assert [i for _, i, what in venue.told if what == STALE] == [1, 2]
    health = venue.feed.health()
    assert health["quiet"]
    assert not health["mute"]
    assert health["book_status"] == "VALID"
    assert health["stale_symbols"] == 2
    assert health["symbols"]["S1"]["stale"]
    venue.run(3 * SECOND)
    assert [what for _, what in venue.of(1)] == [STALE, BACK]
    assert venue.feed.health()["stale_symbols"] == 0


def check_detection(scenes: int, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(scenes):
        learned = dice.random() < 0.5
        pause = dice.randrange(50, 3000) * MS
        floor = dice.randrange(200, 2000) * MS
        policy = StalePolicy(
            floor_ns=floor, symbol_interval_ns=None if learned else pause,
            check_ns=dice.randrange(10, 200) * MS,
        )  # fmt: skip
        venue = Venue(policy, {1: pause, 2: pause})
        step = max(10 * MS, pause // 20)
        venue.run(6 * pause, step=step)
        assert venue.told == []
        last = int(venue.feed.stream.watch.entries["seen_ns"][1])
        venue.run(max(floor, 3 * pause) + pause + SECOND, silent=(1,), step=step)
        ((at, what),) = venue.of(1)
        interval = int(venue.feed.stream.watch.entries["interval_ns"][1]) if learned else pause
        limit = max(floor, 3 * interval)
        assert what == STALE
        assert limit < at - last <= limit + policy.check_ns + 2 * step
        assert venue.of(2) == []


def test_a_symbol_that_falls_silent_is_found_in_time():
    check_detection(25, 1)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_thousand_symbols_that_fall_silent_are_all_found_in_time():
    check_detection(1000, 2)


def test_a_halted_symbol_is_not_stale():
    venue = Venue(StalePolicy(symbol_interval_ns=100 * MS), {1: 100 * MS})
    venue.run(2 * SECOND)
    halt = itch("H", 1, 0, "S1", "H", "", "LUDP")
    venue.feed.on_packet(0, packet(venue.next, [halt]), SECOND)
    venue.next += 1
    venue.run(5 * SECOND, silent=(1,))
    assert venue.told == []
    assert venue.feed.health()["symbols"]["S1"]["halted"]


def test_a_closed_market_is_not_stale():
    venue = Venue(StalePolicy(symbol_interval_ns=100 * MS), {1: 100 * MS})
    venue.run(2 * SECOND)
    venue.feed.on_packet(0, packet(venue.next, [itch("S", 0, 0, "M")]), SECOND)
    venue.next += 1
    venue.run(5 * SECOND, silent=(1,))
    assert venue.told == []


def test_a_numbering_that_starts_again_is_a_silence():
    """The venue counts from 1 again within its session: nothing of it is new."""
    venue = Venue(StalePolicy(), {1: 100 * MS})
    venue.run(3 * SECOND)
    venue.next = 1
    venue.run(2 * SECOND)
    assert venue.of(0) == []
    venue.next = 1
    venue.run(2 * SECOND)
    venue.next = 1
    venue.run(2500 * MS, step=50 * MS)
    assert [what for _, what in venue.of(0)][:1] == [STALE]


def test_latency_is_kept_per_symbol_in_bounded_memory():
    watch = FeedWatch(histograms=3)
    feed = ItchLineFeed(
        config=LineConfig(histograms=3, date="2026-01-05"), clock=FakeClock(1), wall=FakeClock(0)
    )
    messages = [itch("A", i, 1000 * i, i, "B", 1, f"S{i}", 1) for i in range(1, 6)]
    feed.on_packet(0, packet(1, messages), 0)
    rows = feed.health()["symbols"]
    assert [rows[f"S{i}"]["latency_ns"]["shared"] for i in range(1, 6)] == [
        False, False, True, True, True,
    ]  # fmt: skip
    assert rows["S5"]["latency_ns"]["event_to_receipt"]["count"] == 3
    assert feed.stream.watch.histograms == 3
    assert watch.latency(1) == {}
    midnight = 1767589200 * SECOND
    late = ItchLineFeed(
        config=LineConfig(date="2026-01-05"), clock=FakeClock(1),
        wall=FakeClock(midnight + 7 * MS),
    )  # fmt: skip
    late.on_packet(0, packet(1, [itch("A", 1, 2 * MS, 1, "B", 1, "S1", 1)]), midnight + 5 * MS)
    row = late.health()["symbols"]["S1"]
    assert row["lag_ms"] == 3.0
    assert 2.9 * MS < row["latency_ns"]["event_to_receipt"]["p50"] < 3.3 * MS
    assert 1.9 * MS < row["latency_ns"]["dispatch"]["max"] < 2.2 * MS
    assert late.health()["lag_ms"] == 3.0


def test_a_venue_whose_clock_is_ahead_is_counted():
    feed = ItchLineFeed(config=LineConfig(date="2026-01-05"), clock=FakeClock(1))
    feed.on_packet(0, packet(1, [itch("A", 1, 10**12, 1, "B", 1, "S1", 1)]), 1767589200 * SECOND)
    assert feed.counts()["future"] == 1
    assert feed.health()["lag_ms"] == -(10**6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"factor": 0.5},
        {"floor_ns": 0},
        {"channel_interval_ns": 0},
        {"check_ns": 0},
        {"symbol_interval_ns": -1},
    ],
)
def test_policies_that_are_none_are_refused(wrong):
    with pytest.raises(InputError, match="allowed"):
        StalePolicy(**wrong)


def test_nothing_is_stale_before_anything_was_heard_but_the_channel():
    health = FeedHealth(StalePolicy(), FeedWatch(histograms=0), 0)
    assert health.check(2 * SECOND) == []
    assert health.check(4 * SECOND) == [(0, True)]
    assert not health.is_quiet(4 * SECOND)
    with pytest.raises(InputError, match="histograms"):
        FeedWatch(histograms=70_000)
