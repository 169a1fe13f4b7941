"""Books assembled from seeded schedules: late and early snapshots, lost, repeated, reordered and
old changes, restarts, failed checksums. Checked message by message against a plain reader of the
venue's description, and against what the venue really had.
"""

import itertools
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from assembly_scene import SECOND, Scene, change, whole
from book_feed_model import (
    PLAIN,
    ChainVenue,
    Event,
    NumberVenue,
    PlainBook,
    StreamVenue,
    Venue,
)

from tectra.core.msg import BookReason
from tectra.core.rng import Random
from tectra.feed.assembly import AssemblyState, NumberRule
from tectra.feed.resync import ResyncPolicy
from tectra.venue.binance import FUTURES_BOOK, SPOT_BOOK
from tectra.venue.bybit import STREAM_BOOK

RULES: list[Any] = [
    pytest.param(NumberVenue, SPOT_BOOK, id="binance-spot"),
    pytest.param(ChainVenue, FUTURES_BOOK, id="binance-futures"),
    pytest.param(StreamVenue, STREAM_BOOK, id="bybit"),
]
AT_ONCE = ResyncPolicy(first_wait_ns=1, wait_max_ns=1, jitter=0.0, timeout_ns=1 << 60)
PATIENT = {"refresh_ns": 0, "stale_ns": 1 << 60, "join_wait_ns": 1 << 60}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of troubles are meant here."""
    logger = logging.getLogger("tectra.feed.assembly")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


class Schedule:
    """One seed: a venue, a line that damages what it carries, and two readers behind it."""

    def __init__(self, venue: type[Venue], rule: Any, seed: int) -> None:
        self.rng = Random(seed)
        self.venue = venue(self.rng)
        self.plain: PlainBook = PLAIN[venue]()
        self.scene = Scene(rule, resync=AT_ONCE, **PATIENT)
        self.is_streamed = not rule.fetches_snapshot
        self.now = SECOND
        self.sent: list[Event] = []
        # The numbers at which a snapshot may be taken: of what was, and of what is to come.
        self.asked = 0

    def tick(self) -> int:
        self.now += SECOND // 1000
        return self.now

    def deliver(self, event: Event) -> None:
        first, last, prev, ts, bids, asks = event
        delta = change(first, last, bids=bids, asks=asks, now=self.tick(), ts=ts, prev=prev)
        self.scene.apply_diff(delta)
        self.plain.on_event(event)
        self.check()

    def snapshot(self, seq: int) -> None:
        bids, asks = self.venue.at[seq]
        made = whole(seq, bids=bids, asks=asks, now=self.tick())
        take = self.scene.apply_diff if self.is_streamed else self.scene.apply_snapshot
        take(made)
        self.plain.on_snapshot(seq, (bids, asks))
        self.check()

    def check(self) -> None:
        """Both readers say the same; what they hold is what the venue had at that number."""
        reader = self.scene.reader
        assert reader.is_valid == (self.plain.levels is not None)
        if self.plain.levels is None:
            assert not reader.bids and not reader.asks
            return
        assert self.scene.book.seq == self.plain.seq
        assert (reader.bids, reader.asks) == self.plain.levels
        bids, asks = reader.levels()
        assert (tuple(bids), tuple(asks)) == self.venue.at[self.plain.seq]

    def answer(self) -> None:
        """A snapshot if one was asked for: older, as it is, or newer than what came so far."""
        self.scene.do_timers(self.tick())
        if self.scene.book.resyncs.in_flight and self.rng.chance(0.6):
            known = sorted(self.venue.at)
            back = self.rng.integers(0, min(len(known), 12))
            self.snapshot(known[-1 - (back if self.rng.chance(0.5) else 0)])

    def run(self, length: int) -> None:
        """Events with faults, then sound ones until the book must be whole again."""
        queue: list[Event] = []
        if self.is_streamed and self.rng.chance(0.7):
            self.snapshot(self.venue.seq)
        for _ in range(length):
            event = self.venue.event()
            self.sent.append(event)
            fault = self.rng.uniform()
            if fault < 0.08:
                continue  # lost
            queue.append(event)
            if fault < 0.16:
                queue.append(event)
            elif fault < 0.22:
                queue.append(self.sent[self.rng.integers(0, len(self.sent))])
            elif fault < 0.34:
                continue  # held back: snapshots may overtake it
            if fault > 0.92 and len(queue) > 1:
                queue[-2:] = queue[-1], queue[-2]
            while queue:
                self.deliver(queue.pop(0))
                self.answer()
        for _ in range(8):
            self.deliver(self.venue.event())
            self.scene.do_timers(self.tick())
            if self.scene.book.resyncs.in_flight:
                self.snapshot(self.venue.seq)
        assert self.scene.reader.is_valid and self.scene.book.seq == self.venue.seq


def schedules(venue: type[Venue], rule: Any, count: int) -> None:
    for seed in range(count):
        try:
            Schedule(venue, rule, seed).run(18)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.parametrize(("venue", "rule"), RULES)
def test_schedules(venue: type[Venue], rule: Any) -> None:
    schedules(venue, rule, 60)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("venue", "rule"), RULES)
def test_ten_thousand_schedules(venue: type[Venue], rule: Any) -> None:
    schedules(venue, rule, 10_000)


FAULTS = ("gap", "repeated", "reordered", "old", "reset")


def inject(venue: type[Venue], rule: Any, count: int) -> dict[str, int]:
    """Faults one at a time into a sound book; each is seen at the message that shows it."""
    run = Schedule(venue, rule, 5)
    done = dict.fromkeys(FAULTS, 0)
    while sum(done.values()) < count:
        if not run.scene.reader.is_valid:
            run.snapshot(run.venue.seq)
            run.deliver(run.venue.event())
            continue
        for _ in range(2):
            run.sent = [*run.sent[-20:], run.venue.event()]
            run.deliver(run.sent[-1])
        assert run.scene.reader.is_valid and not run.scene.book.resyncs.in_flight
        kind = FAULTS[run.rng.integers(0, len(FAULTS))]
        done[kind] += 1
        before = len(run.scene.source.reasons)
        seq = run.scene.book.seq
        if kind in ("repeated", "old"):
            run.deliver(run.sent[-1 if kind == "repeated" else run.rng.integers(0, len(run.sent))])
            assert run.scene.reader.is_valid and run.scene.book.seq == seq
            continue
        reason = BookReason.GAP
        if kind == "gap":
            run.venue.event()
            run.deliver(run.venue.event())
        elif kind == "reordered":
            late = run.venue.event()
            run.deliver(run.venue.event())
            assert run.scene.book.resyncs.reason is reason
            run.deliver(late)
        else:
            reason = BookReason.RESET
            restart(run)
        assert not run.scene.reader.is_valid
        run.scene.do_timers(run.tick())
        assert run.scene.source.reasons[before:] == [reason]  # one, and one in flight
        assert run.scene.book.resyncs.in_flight
        if len(run.venue.at) > 500:
            run.venue.at = {run.venue.seq: run.venue.at[run.venue.seq]}
    return done


def restart(run: Schedule) -> None:
    """The venue counts anew without saying so: low numbers, and a time that is new."""
    first = run.venue.event()
    low = Event(3, 4, 2 if first.prev is not None else None, first.ts, first.bids, first.asks)
    delta = change(
        low.first,
        low.last,
        bids=low.bids,
        asks=low.asks,
        now=run.tick(),
        ts=low.ts,
        prev=low.prev,
    )
    run.scene.apply_diff(delta)
    # The plain reader would take it for an old one, and never know.
    run.plain.levels, run.plain.waiting = None, []
    run.scene.invalidate(BookReason.LINK, run.tick())
    run.check()


@pytest.mark.parametrize(("venue", "rule"), RULES)
def test_faults_are_seen_at_that_same_message(venue: type[Venue], rule: Any) -> None:
    assert min(inject(venue, rule, 600).values()) > 50


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("venue", "rule"), RULES)
def test_a_hundred_thousand_faults(venue: type[Venue], rule: Any) -> None:
    assert sum(inject(venue, rule, 100_000).values()) == 100_000


@pytest.mark.parametrize(
    "count", [300, pytest.param(10_000, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]
)
def test_restarts_of_a_stream(count: int) -> None:
    """Bybit's u = 1: invalid, and whole again, within that one message."""
    run = Schedule(StreamVenue, STREAM_BOOK, 9)
    run.snapshot(run.venue.seq)
    for _ in range(count):
        for _ in range(run.rng.integers(1, 4)):
            run.deliver(run.venue.event())
        assert isinstance(run.venue, StreamVenue)
        run.venue.restart()
        told = len(run.scene.reader.told)
        run.snapshot(1)
        assert run.scene.reader.is_valid and not run.scene.source.reasons
        statuses = [v for _, v in run.scene.reader.told[told:]]
        assert statuses[0] == 2 and statuses[-1] == 1
        run.venue.at = {1: run.venue.at[1]}
        run.scene.reader.told.clear()


class Total:
    """A checksum over the best ten levels of each side."""

    levels = 10

    def __call__(self, bids: Any, asks: Any) -> int:
        return sum(7 * px + qty for px, qty in [*bids, *asks]) & 0xFFFFFFFF


def mismatches(count: int) -> tuple[list[int], int]:
    """Every recovery is followed by a checksum that fails; the times of all requests."""
    rule = NumberRule(fetches_snapshot=False, checksum=Total())
    venue, total = StreamVenue(Random(3)), Total()
    scene = Scene(rule, resync=ResyncPolicy(jitter=0.0), **PATIENT)
    now, asked, failed = SECOND, [], 0
    bids, asks = venue.at[venue.seq]
    scene.apply_diff(whole(venue.seq, bids=bids, asks=asks, now=now, checksum=total(bids, asks)))
    while failed < count:
        assert scene.reader.is_valid
        event = venue.event()
        bids, asks = venue.at[venue.seq]
        wrong = total(bids, asks) ^ (1 << (failed % 32))
        seen = len(scene.source.reasons)
        now += SECOND // 10
        levels = {"bids": event.bids, "asks": event.asks}
        scene.apply_diff(change(event.last, **levels, now=now, ts=event.ts, checksum=wrong))
        failed += 1
        assert not scene.reader.is_valid and not scene.reader.bids  # within one message
        assert scene.book.resyncs.reason is BookReason.CHECKSUM
        while len(scene.source.reasons) == seen:
            due = scene.book.resyncs.next_ns
            assert due is not None
            now = max(now, due)
            scene.do_timers(now)
        assert len(scene.source.reasons) == seen + 1
        asked.append(now)
        proof = total(bids, asks)
        made = whole(venue.seq, bids=bids, asks=asks, now=now, checksum=proof)
        scene.apply_diff(made)
        venue.at = {venue.seq: venue.at[venue.seq]}
        scene.reader.told.clear()
    return asked, scene.telemetry.counts()["checksum.failed"]


@pytest.mark.parametrize(
    "count", [500, pytest.param(10_000, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]
)
def test_failed_checksums_do_not_loop(count: int) -> None:
    asked, failed = mismatches(count)
    assert failed == len(asked) == count
    waits = [b - a for a, b in itertools.pairwise(asked)]
    assert all(wait >= SECOND // 2 for wait in waits)
    assert waits[0] < 2 * SECOND and min(waits[10:]) >= 60 * SECOND  # half a second to a minute


@pytest.mark.parametrize(
    "count", [8_000, pytest.param(1_000_000, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]
)
def test_what_crosses_is_never_valid(count: int) -> None:
    """Levels at random, so that bids cross asks now and then: a valid book never does, and equals
    a dict; an invalid one has no levels at all.
    """
    rng, scene = Random(11), Scene(STREAM_BOOK, resync=AT_ONCE, **PATIENT)
    seq, now, crossings = 10, SECOND, 0
    model: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for _ in range(count):
        now, seq = now + 1000, seq + 1
        if scene.book.state is not AssemblyState.SYNCED:
            model = ({90 - i: 5 for i in range(3)}, {110 + i: 5 for i in range(3)})
            sides = [tuple(side.items()) for side in model]
            scene.apply_diff(whole(seq, bids=sides[0], asks=sides[1], now=now))
            continue
        side, px = rng.integers(0, 2), 85 + rng.integers(0, 30)
        qty = rng.integers(0, 3)
        model[side][px] = qty
        if not qty:
            del model[side][px]
        levels = {("bids", "asks")[side]: [(px, qty)]}
        scene.apply_diff(change(seq, **levels, now=now))
        crossed = bool(model[0] and model[1]) and max(model[0]) > min(model[1])
        assert scene.reader.is_valid == (not crossed)
        if crossed:
            crossings += 1
            assert scene.book.resyncs.reason is BookReason.CROSSED and not scene.reader.bids
        else:
            assert (scene.reader.bids, scene.reader.asks) == model
        scene.reader.told.clear()
        scene.source.reasons.clear()
    assert crossings > count // 100
