"""The live feed: whatever its lines lose, the books end as the venue has them, or say so."""

import json

import pytest
from line_scene import (
    MS,
    SECOND,
    SESSION,
    Books,
    Glimpse,
    Server,
    beat,
    end,
    messages_of,
    moved,
    packet,
    packets_of,
    records,
)

from tectra.core.clock import FakeClock
from tectra.core.counters import Counters
from tectra.core.errors import ClosedError, InputError, StateError, UnknownSymbolError
from tectra.core.msg import BookReason, BookStatus, Template
from tectra.feed.arbiter import REPLY, ArbiterSettings, PacketKind
from tectra.feed.itch_line import ItchLineFeed
from tectra.feed.line_config import LineConfig
from tectra.feed.protocol import Feed
from tectra.feed.recovery import RecoveryPolicy
from tectra.feed.resync import ResyncPolicy
from tectra.feed.synthetic import generate_day

VALID, INVALID, RECOVERING = BookStatus.VALID, BookStatus.INVALID, BookStatus.RECOVERING
FAST = RecoveryPolicy(
    fill=ResyncPolicy(first_wait_ns=5 * MS, wait_max_ns=20 * MS, timeout_ns=10 * MS, settle_ns=0),
    snapshot=ResyncPolicy(first_wait_ns=20 * MS, wait_max_ns=200 * MS, timeout_ns=50 * MS),
)
SIZE = 7


@pytest.fixture(scope="module")
def day(tmp_path_factory) -> list[bytes]:
    path = tmp_path_factory.mktemp("line") / "day.itch.gz"
    generate_day(path, seed=7, symbols=("AAPL", "MSFT"), messages=2_000)
    return messages_of(path)[:1500]  # the books of a whole day end empty


@pytest.fixture(scope="module")
def lossless(day) -> dict:
    state = played(day, lambda line, i: True).books.state()
    assert len(state) == 2 and all(len(orders) > 5 for sides in state.values() for orders in sides)
    return state


class played:
    """A day played packet by packet, a millisecond apart; `keep(line, i)` lets packet i of a line
    through.
    """

    def __init__(self, day, keep, *, lines=1, last=True, config=None, **feed) -> None:
        self.day, self.clock = day, FakeClock(SECOND)
        config = LineConfig(recovery=FAST) if config is None else config
        settings = ArbiterSettings(lines=lines, window=256, hold_ns=20 * MS, dead_ns=3 * SECOND)
        self.feed = ItchLineFeed(
            config=LineConfig(**{**{n: getattr(config, n) for n in config.__struct_fields__},
                                 "arbiter": settings}),
            clock=self.clock, **feed,
        )  # fmt: skip
        self.books = Books()
        self.in_flight_max = 0
        self.glimpse = feed.get("snapshots")
        for i, data in enumerate(packets_of(day, SIZE)):
            if self.glimpse is not None:
                self.glimpse.position = min((i + 1) * SIZE, len(day))
            for line in range(lines):
                if keep(line, i):
                    self.feed.on_packet(line, data, SECOND)
            self.take()
            self.clock.advance(MS)
        for line in range(lines):
            if last:
                self.feed.on_packet(line, end(len(day) + 1), SECOND)
        for _ in range(2000 if last else 5):
            if not self.take():
                break
            self.clock.advance(MS)

    def take(self) -> bool:
        while (batch := self.feed.next_batch(64)) is not None:
            self.in_flight_max = max(self.in_flight_max, self.feed.recovery.in_flight)
            if not len(batch):
                return True
            self.books.apply(batch)
        return False

    def statuses(self) -> list[tuple[BookStatus, BookReason]]:
        return [(BookStatus(s), BookReason(r)) for _, s, r in self.books.statuses()]


def burst(*lost: int):
    return lambda _line, i: i not in lost


def test_a_lossless_day_is_the_file(day, tmp_path):
    from tectra.feed.itch import ItchFeed

    path = tmp_path / "day.itch.gz"
    generate_day(path, seed=7, symbols=("AAPL", "MSFT"), messages=2_000)
    with ItchFeed(path, date="2026-01-05") as file:
        wanted = b""
        while (batch := file.next_batch()) is not None:
            wanted += bytes(batch)
    feed = ItchLineFeed(config=LineConfig(date="2026-01-05"), clock=FakeClock(1))
    assert isinstance(feed, Feed)
    found = b""
    for data in packets_of(day, 33):
        feed.on_packet(0, data, 77)
        while len(batch := feed.next_batch(128)):
            found += bytes(batch)
    feed.on_packet(0, end(len(day) + 1), 78)
    assert feed.next_batch() is None
    pairs = list(zip(records(found), records(wanted), strict=False))
    assert len(pairs) == len(day)
    for (kind, ours), (other, theirs) in pairs:
        assert kind is other
        assert ours[:24] + ours[32:] == theirs[:24] + theirs[32:]  # all but the time of receipt
        assert int.from_bytes(ours[24:32], "little") == 77
    assert feed.instruments == {1: "AAPL", 2: "MSFT"}


def test_retransmission_gives_the_same_book(day, lossless):
    server = Server(day, fits=5)
    lost = (20, 21, 22, 60, 100)
    run = played(day, burst(*lost), retransmitter=server)
    assert run.books.state() == lossless
    assert run.books.records == len(day)
    assert run.books.gaps() == []
    assert (
        run.statuses()
        == [
            (INVALID, BookReason.GAP),
            (VALID, BookReason.RECOVERED),
        ]
        * 3
    )
    counts = run.feed.counts()
    assert (counts["gaps"], counts["lost"], counts["recovered"]) == (3, 0, len(lost) * SIZE)
    # 21 numbers in answers of 5: five requests; 7 numbers: two
    assert counts["resends_requested"] == len(server.asked) == 5 + 2 + 2
    assert counts["resends_received"] == len(lost) * SIZE
    assert run.in_flight_max <= 1


def test_invalid_comes_before_the_first_record_behind_a_gap(day):
    run = played(day, burst(30))
    told = [(t, raw) for t, raw in run.books.told]
    assert [t for t, _ in told] == [Template.BOOK_STATUS, Template.GAP]
    first = 30 * SIZE + 1
    assert run.books.gaps() == [(first, first + SIZE - 1)]
    status = told[0][1]
    assert int.from_bytes(status[40:48], "little") == first - 1
    assert int.from_bytes(status[48:56], "little") == first
    assert int.from_bytes(status[56:64], "little") == first + SIZE
    assert run.feed.health()["book_status"] == "INVALID"
    assert run.books.records == len(day) - SIZE


def test_the_gap_is_seen_at_the_same_packet(day):
    feed = ItchLineFeed(config=LineConfig(), clock=FakeClock(1))
    packets = list(packets_of(day, SIZE))
    feed.on_packet(0, packets[0], 5)
    assert feed.on_packet(0, packets[2], 6) is PacketKind.AHEAD
    kinds = [kind for kind, _ in records(feed.next_batch())]
    assert kinds[SIZE : SIZE + 2] == [Template.BOOK_STATUS, Template.GAP]
    assert len(kinds) == 2 * SIZE + 2


@pytest.mark.parametrize("late", [0, 1, 10])
def test_a_snapshot_gives_the_same_book(day, lossless, late):
    run = played(day, burst(30, 31, 90), snapshots=Glimpse(day, late=late))
    assert run.books.state() == lossless
    assert (
        run.statuses()
        == [
            (INVALID, BookReason.GAP),
            (RECOVERING, BookReason.GAP),
            (VALID, BookReason.RECOVERED),
        ]
        * 2
    )
    assert run.books.gaps() == [(211, 224), (631, 637)]
    counts = run.feed.counts()
    assert (counts["snapshots"], counts["lost"], counts["messages"]) == (2, 21, len(day) - 21)
    assert run.in_flight_max <= 1
    kinds = [kind for kind, _ in run.books.told][:4]
    assert kinds == [
        Template.BOOK_STATUS,
        Template.GAP,
        Template.BOOK_STATUS,
        Template.BOOK_CLEAR,
    ]


def test_a_dead_server_of_requests_leads_to_a_snapshot(day, lossless):
    server = Server(day, deaf=True)
    run = played(day, burst(30), retransmitter=server, snapshots=Glimpse(day, late=3))
    assert run.books.state() == lossless
    assert len(server.asked) == FAST.tries
    assert run.feed.counts()["lost"] == SIZE
    assert run.in_flight_max == 1


def test_a_server_that_refuses_leads_to_a_snapshot(day, lossless):
    run = played(day, burst(30), retransmitter=Server(day, broken=True), snapshots=Glimpse(day))
    assert run.books.state() == lossless
    assert run.feed.health()["seq_state"] == "ENDED"


def test_failing_and_old_snapshots_are_asked_for_again_with_back_off(day, lossless):
    glimpse = Glimpse(day, failing=2, old=40)
    run = played(day, burst(30), snapshots=glimpse)
    assert run.books.state() == lossless
    counts = run.feed.counts()
    assert glimpse.requests == 4
    assert (counts["snapshots"], counts["snapshots_failed"], counts["snapshots_old"]) == (1, 3, 1)


def test_a_snapshot_that_never_comes_is_given_up_in_time(day):
    run = played(day, burst(30), snapshots=Glimpse(day, late=10**9))
    assert run.feed.health()["book_status"] == "INVALID"
    assert run.books.records == len(day) - SIZE  # and nothing else is held back
    assert 2 <= run.feed.counts()["snapshots_failed"] <= 20


def test_two_lines_with_losses_of_their_own_need_nobody(day, lossless):
    server = Server(day)
    run = played(day, lambda line, i: i % 5 != line, lines=2, retransmitter=server)
    assert run.books.state() == lossless
    assert (server.asked, run.books.told) == ([], [])
    a, b = (run.feed.stream.arbiter.line(i) for i in (0, 1))
    assert a.first > 3 * b.first > 0
    assert run.feed.counts()["gaps"] == 0 or run.feed.counts()["lost"] == 0


def test_two_lines_with_the_same_gap(day, lossless):
    run = played(day, burst(40), lines=2, retransmitter=Server(day))
    assert run.books.state() == lossless
    assert run.feed.counts()["recovered"] == SIZE


def test_one_line_dead_and_the_other_with_a_gap(day, lossless):
    run = played(
        day, lambda line, i: (line == 0 and i != 99) or i < 20, lines=2, retransmitter=Server(day)
    )
    assert run.books.state() == lossless
    assert run.feed.counts()["lost"] == 0


def test_a_window_that_overflows_ends_in_gap_records_or_a_snapshot(day, lossless):
    slow = RecoveryPolicy(
        fill=ResyncPolicy(first_wait_ns=SECOND, timeout_ns=30 * SECOND), snapshot=FAST.snapshot
    )
    run = played(
        day, burst(30), config=LineConfig(recovery=slow), retransmitter=Server(day, deaf=True),
        snapshots=Glimpse(day, late=60),
    )  # fmt: skip
    assert run.books.state() == lossless
    lost = {n for first, last in run.books.gaps() for n in range(first, last + 1)}
    assert len(lost) == run.feed.counts()["lost"]
    assert run.feed.counts()["messages"] + len(lost) == len(day)


def test_a_tail_gap_is_seen_by_the_heartbeat(day, lossless):
    packets = len(list(packets_of(day, SIZE)))
    run = played(day, burst(packets - 1), retransmitter=Server(day))
    assert run.books.state() == lossless
    assert run.feed.counts()["recovered"] == len(day) - (packets - 1) * SIZE


def test_a_feed_that_joins_late_takes_a_snapshot(day, lossless):
    config = LineConfig(recovery=RecoveryPolicy(fill_messages=100, snapshot=FAST.snapshot))
    run = played(
        day, lambda _, i: i >= 100, config=config, retransmitter=Server(day),
        snapshots=Glimpse(day),
    )  # fmt: skip
    assert run.books.state() == lossless
    assert run.books.gaps()[0] == (1, 700)
    assert run.feed.counts()["resends_requested"] == 0


def test_a_new_session_begins_with_empty_books(day, lossless):
    run = played(day, burst(30), last=False)
    other = b"0000000002"
    for i in range(0, len(day), SIZE):
        run.feed.on_packet(0, packet(i + 1, day[i : i + SIZE], other), SECOND)
        run.take()
    assert run.feed.on_packet(0, packet(1, day[:1]), SECOND) is PacketKind.STRAY
    assert run.books.state() == lossless
    assert run.statuses()[-1] == (VALID, BookReason.RESET)
    assert run.feed.counts()["sessions"] == 1


def test_what_lacked_of_the_old_session_is_in_a_gap_record(day):
    feed = ItchLineFeed(config=LineConfig(arbiter=ArbiterSettings(lines=2)), clock=FakeClock(1))
    feed.on_packet(0, packet(1, day[:1]), 1)
    feed.on_packet(0, packet(4, day[3:5]), 1)  # 2 and 3 may come on the other line
    feed.on_packet(0, beat(9), 1)
    feed.on_packet(0, packet(1, day[:1], b"0000000002"), 1)
    books = Books()
    books.apply(feed.next_batch())
    assert books.gaps() == [(2, 3), (6, 8)]


def test_resync_on_request_rebuilds_one_book(day, lossless):
    glimpse = Glimpse(day, late=1)
    run = played(day, lambda *_: True, last=False, snapshots=glimpse)
    run.books._clear(1)
    assert run.books.state() != lossless
    run.feed.resync([1])
    for _ in range(5):
        run.take()
        run.clock.advance(MS)
    assert run.books.state() == lossless
    assert run.books.statuses() == [
        (1, INVALID, BookReason.REQUEST),
        (1, RECOVERING, BookReason.REQUEST),
        (1, VALID, BookReason.RECOVERED),
    ]
    assert run.feed.counts()["snapshots"] == 1


def test_books_are_refreshed_at_a_cadence(day, lossless):
    run = played(day, lambda *_: True, last=False, snapshots=Glimpse(day))
    run.feed.refresh_every(100 * MS)
    for _ in range(350):
        run.clock.advance(MS)
        run.take()
    # at the first look, then every 100 ms, but no sooner than the back-off lets
    assert 3 <= run.feed.counts()["snapshots"] <= 4
    assert run.books.state() == lossless


def test_select_lets_symbols_in_and_out(day, lossless):
    run = played(
        day, lambda *_: True, last=False, snapshots=Glimpse(day),
        config=LineConfig(symbols=("AAPL",), recovery=FAST),
    )  # fmt: skip
    assert list(run.books.state()) == [1]
    run.feed.select(["MSFT"])
    for _ in range(5):
        run.take()
        run.clock.advance(MS)
    assert run.books.state() == {2: lossless[2]}
    assert run.feed.instruments == {2: "MSFT"}
    with pytest.raises(UnknownSymbolError, match="MSTF"):
        run.feed.select(["MSTF"])
    run.feed.select(None)
    assert run.feed.instruments == {1: "AAPL", 2: "MSFT"}


def test_select_without_a_source_of_snapshots_says_that_books_are_invalid(day):
    run = played(day, lambda *_: True, last=False, config=LineConfig(symbols=("AAPL",)))
    run.feed.select(["AAPL", "MSFT"])
    run.take()
    assert run.books.statuses() == [(2, INVALID, BookReason.REQUEST)]
    with pytest.raises(StateError, match="snapshots"):
        run.feed.resync()


def test_counters_are_published_under_the_feeds_name(day):
    page = Counters.private(64)
    run = played(day, burst(30), counters=page, retransmitter=Server(day))
    found = {k.removeprefix("feed.itch."): v for k, v in page.snapshot().items()}
    counts = run.feed.counts()
    assert counts.items() <= found.items()
    assert found["recovered"] == SIZE
    assert found["expected"] == len(day) + 1


def test_health_is_json_and_says_lag_and_sequence_state(day):
    run = played(day, burst(30), last=False, retransmitter=Server(day, deaf=True))
    found = json.loads(json.dumps(run.feed.health(symbols_max=1)))
    assert found["seq_state"] in ("SYNCED", "FILL", "WAIT")
    assert isinstance(found["lag_ms"], float)
    assert len(found["symbols"]) == 1
    (row,) = found["symbols"].values()
    assert row["latency_ns"]["event_to_receipt"]["count"] == row["records"]
    assert found["lines"][0]["packets"] == run.feed.stream.arbiter.line(0).packets


def test_damage_is_counted_and_never_stops_the_feed(day, lossless):
    feed = ItchLineFeed(config=LineConfig(), clock=FakeClock(1))
    assert feed.on_packet(0, b"nonsense", 1) is None
    assert feed.on_packet(0, packet(1, [b"", b"Zoo", day[0]]), 1) is PacketKind.NEW
    assert [kind for kind, _ in records(feed.next_batch())] == [Template.STATUS]
    counts = feed.counts()
    assert (counts["malformed_packets"], counts["malformed"], counts["unknown"]) == (1, 1, 1)
    assert counts["messages"] == 3


@pytest.mark.parametrize("step", [SECOND, -SECOND, 3600 * SECOND, -3600 * SECOND, -(10**18)])
def test_steps_of_the_wall_clock_change_no_order(day, lossless, step):
    feed = ItchLineFeed(config=LineConfig(date="2026-01-05"), clock=FakeClock(1))
    books = Books()
    for i, data in enumerate(packets_of(day, SIZE)):
        feed.on_packet(0, data, 10**18 + (step if i > 20 else 0))
        books.apply(feed.next_batch(1 << 16))
    assert books.state() == lossless
    assert books.told == []


def test_a_pause_of_the_process_is_told_and_over_when_packets_come(day):
    clock = FakeClock(SECOND)
    feed = ItchLineFeed(config=LineConfig(), clock=clock)
    packets = list(packets_of(day, SIZE))
    books = Books()
    for data in packets[:20]:
        feed.on_packet(0, data, 1)
        books.apply(feed.next_batch())
        clock.advance(MS)
    clock.advance(30 * SECOND)
    feed.next_batch()
    moved(clock, clock.now_ns() + SECOND)
    for data in packets[20:]:
        feed.on_packet(0, data, 1)
        books.apply(feed.next_batch())
        clock.advance(MS)
    assert feed.counts()["lost"] == 0
    assert feed.health()["book_status"] == "VALID"


def test_wrong_calls_are_refused(day):
    feed = ItchLineFeed(config=LineConfig(), clock=FakeClock(1))
    with pytest.raises(InputError, match="line 1"):
        feed.on_packet(1, beat(1), 1)
    with pytest.raises(InputError, match="allowed"):
        feed.resync([77])
    with pytest.raises(InputError, match="refresh"):
        feed.refresh_every(-1)
    with pytest.raises(InputError, match="line 0"):
        feed.reconnect(0)
    with pytest.raises(InputError, match="slots"):
        feed.next_batch(1)
    assert feed.on_packet(REPLY, beat(1), 1) is PacketKind.BEAT
    feed.close()
    feed.close()
    with pytest.raises(ClosedError, match="closed"):
        feed.next_batch()
    with pytest.raises(ClosedError, match="closed"):
        feed.on_packet(0, beat(1), 1)
    for wrong in ({"name": "A.B"}, {"start": 0}, {"wait_ns": -1}):
        with pytest.raises(InputError, match="allowed"):
            LineConfig(**wrong)
    assert SESSION == b"0000000001"
