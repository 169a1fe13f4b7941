"""The life of one book: buffering, joining, every kind of trouble, and the way back."""

import itertools
import logging

import pytest
from assembly_scene import LAST, SECOND, SNAPSHOT, Scene, change, whole

from tectra.core.errors import InputError, StateError
from tectra.core.msg import BookReason, BookStatus, Template
from tectra.feed.assembly import AssemblyPolicy, AssemblyState, ChainRule, NumberRule, OrderBook
from tectra.feed.resync import ResyncPolicy

FETCHED = NumberRule(fetches_snapshot=True, overlaps=True)
STREAMED = NumberRule(fetches_snapshot=False, reset_seq=1)
CHAINED = ChainRule(fetches_snapshot=True)
BIDS, ASKS = ((100, 5), (99, 7)), ((101, 3), (102, 9))


def synced(rule=FETCHED, **policy):
    """A book at 10, with one change joined for rules that fetch."""
    scene = Scene(rule, **policy)
    if rule.fetches_snapshot:
        scene.apply_diff(change(9, 10, bids=[(100, 5)], prev=8))
        scene.apply_snapshot(whole(9, bids=BIDS, asks=ASKS))
    else:
        scene.apply_diff(whole(10, bids=BIDS, asks=ASKS))
    assert scene.book.state is AssemblyState.SYNCED
    assert scene.reader.is_valid and scene.book.seq == 10
    return scene


def test_snapshot_diffs_gap_resync_full_cycle() -> None:
    """Snapshot, changes, a gap, a request, a snapshot, changes."""
    scene = synced()
    assert scene.source.reasons == [BookReason.LINK]
    scene.apply_diff(change(11, bids=[(100, 0)], now=2))
    assert scene.reader.levels() == ([(99, 7)], [(101, 3), (102, 9)])
    scene.apply_diff(change(13, asks=[(101, 1)], now=SECOND))
    assert scene.book.state is AssemblyState.RECOVERING and scene.book.book is None
    assert scene.source.reasons == [BookReason.LINK, BookReason.GAP]
    scene.apply_diff(change(14, asks=[(101, 2)], now=SECOND + 1))
    scene.apply_snapshot(whole(12, bids=BIDS, asks=ASKS, now=SECOND + 2))
    assert scene.reader.is_valid and scene.book.seq == 14
    assert scene.reader.levels() == ([(100, 5), (99, 7)], [(101, 2), (102, 9)])
    scene.apply_diff(change(15, asks=[(101, 8)], now=SECOND + 3))
    assert scene.reader.asks[101] == 8 and scene.telemetry.counts()["book.resync"] == 1


def test_trouble_is_told_before_anything_else() -> None:
    scene = synced()
    scene.reader.told.clear()
    scene.apply_diff(change(12, bids=[(100, 77)], now=SECOND))
    assert scene.reader.told == [
        (Template.BOOK_STATUS, BookStatus.INVALID),
        (Template.BOOK_CLEAR, BookReason.GAP),
        (Template.BOOK_STATUS, BookStatus.RECOVERING),
    ]
    scene.reader.told.clear()
    scene.apply_snapshot(whole(12, bids=BIDS, asks=ASKS, now=SECOND + 1))
    scene.do_timers(5 * SECOND)
    assert scene.reader.told == [
        (Template.BOOK_CLEAR, BookReason.RECOVERED),
        *[(Template.BOOK_LEVEL, SNAPSHOT)] * 3,
        (Template.BOOK_LEVEL, SNAPSHOT | LAST),
        (Template.BOOK_STATUS, BookStatus.VALID),
    ]


def test_sequence_100_101_103_triggers_a_resync() -> None:
    scene = Scene(STREAMED)
    scene.apply_diff(whole(99, bids=BIDS, asks=ASKS))
    for seq in (100, 101):
        scene.apply_diff(change(seq, bids=[(98, seq)]))
        assert scene.reader.is_valid
    scene.apply_diff(change(103, bids=[(98, 3)]))
    assert not scene.reader.is_valid and scene.source.reasons == [BookReason.GAP]


def test_checksum_verification_and_resync(caplog: pytest.LogCaptureFixture) -> None:
    """A venue's checksum that fails: told, logged, counted, and a snapshot asked for."""
    scene = synced(checksummed(fetches_snapshot=False))
    good = sum((101, 3, 102, 9, 99, 7, 100, 6))
    scene.apply_diff(change(11, bids=[(100, 6)], checksum=good, now=2))
    assert scene.reader.is_valid and scene.book.verify_checksum(good)
    assert scene.book.order_book().checksum == good
    with caplog.at_level(logging.WARNING, "tectra.feed.assembly"):
        scene.apply_diff(change(12, bids=[(100, 6)], checksum=good + 1, now=3))
    assert scene.book.state is AssemblyState.RECOVERING
    assert scene.source.reasons == [BookReason.CHECKSUM]
    said = {r.message: r for r in caplog.records}
    failed, resync = said["checksum.failed"], said["book.resync"]
    assert (failed.expected, failed.found, failed.symbol) == (good + 1, good, "BTCUSDT")
    assert (resync.provider, resync.symbol, resync.reason) == ("Binance", "BTCUSDT", "CHECKSUM")
    counts = scene.telemetry.counts()
    assert (counts["checksum.failed"], counts["book.resync"]) == (1, 1)
    scene.apply_diff(whole(13, bids=BIDS, asks=ASKS, checksum=good - 1, now=4))
    assert scene.reader.is_valid
    with pytest.raises(InputError, match="publishes none"):
        synced().book.verify_checksum(1)


class Sum:
    """A checksum that people can do in their heads."""

    levels = 10

    def __call__(self, bids, asks) -> int:
        return sum(px + qty for px, qty in [*bids, *asks])


def checksummed(*, fetches_snapshot: bool) -> NumberRule:
    return NumberRule(fetches_snapshot=fetches_snapshot, checksum=Sum())


def test_staleness_at_five_minutes_and_proactive_refresh() -> None:
    scene = synced(refresh_ns=0)
    at = 1 + 300 * SECOND
    scene.do_timers(at - 1)
    assert scene.reader.is_valid
    scene.do_timers(at)
    assert scene.reader.status is BookStatus.STALE and scene.book.resyncs.reason is BookReason.STALE
    assert scene.reader.levels()[0] == list(BIDS)  # marked, not gone
    scene.apply_snapshot(whole(10, bids=BIDS, asks=ASKS, now=at + 1))
    assert scene.reader.is_valid and scene.book.difference.is_equal
    scene.do_timers(at + 299 * SECOND)
    assert scene.reader.is_valid
    scene.do_timers(at + 301 * SECOND)
    assert scene.reader.status is BookStatus.STALE
    scene.apply_diff(change(11, bids=[(100, 1)], now=at + 302 * SECOND))
    assert scene.reader.is_valid and scene.reader.bids[100] == 1


@pytest.mark.parametrize("minutes", [2, 5])
def test_periodic_refresh_at_its_bounds(minutes: int) -> None:
    period = minutes * 60 * SECOND
    scene = synced(refresh_ns=period, stale_ns=1000 * period)
    asked, now = [], 0
    while len(asked) < 4:
        now += SECOND // 4
        scene.do_timers(now)
        if len(scene.source.reasons) > 1 + len(asked):
            asked.append(now)
            assert scene.source.reasons[-1] is BookReason.REFRESH and scene.reader.is_valid
            scene.apply_snapshot(whole(10, bids=BIDS, asks=ASKS, now=now))
    assert 120 * SECOND <= asked[0] <= period + SECOND
    assert all(abs(b - a - period) <= SECOND // 4 for a, b in itertools.pairwise(asked))
    for bad in (119 * SECOND, 301 * SECOND, -1):
        with pytest.raises(InputError, match="refresh_ns"):
            AssemblyPolicy(refresh_ns=bad)


def test_a_refresh_finds_drift() -> None:
    """A level that went wrong unseen: told by the comparison at the same number."""
    scene = synced()
    scene.refresh_snapshot(10 * SECOND)
    scene.apply_diff(change(11, bids=[(100, 4)], now=11 * SECOND))
    scene.apply_snapshot(whole(10, bids=[(100, 5), (99, 8)], asks=ASKS, now=12 * SECOND))
    found = scene.book.difference
    assert (found.equal, found.missing, found.extra, found.changed) == (3, 0, 0, 1)
    assert found.first == (1, 99, 7, 8)
    assert [value for t, value in scene.reader.told if t is Template.BOOK_STATUS][-2:] == [
        BookStatus.INVALID,
        BookStatus.VALID,
    ]
    assert scene.reader.bids == {100: 4, 99: 8} and scene.telemetry.counts()["book.drifts"] == 1


def test_a_refresh_ahead_of_the_stream_waits_for_it() -> None:
    scene = synced()
    scene.refresh_snapshot(10 * SECOND)
    bids = [(100, 4), (99, 7)]
    scene.apply_snapshot(whole(12, bids=bids, asks=ASKS, now=10 * SECOND))
    assert scene.book.difference is None
    scene.apply_diff(change(11, bids=[(100, 3)], now=11 * SECOND))
    assert scene.book.difference is None
    scene.apply_diff(change(12, bids=[(100, 4)], now=11 * SECOND))
    assert scene.book.difference.is_equal and scene.reader.is_valid


def test_a_stream_that_stands_while_the_venue_moves_on() -> None:
    scene = synced()
    scene.refresh_snapshot(10 * SECOND)
    scene.apply_snapshot(whole(15, bids=[(100, 1)], asks=ASKS, now=10 * SECOND))
    scene.do_timers(13 * SECOND)
    assert scene.reader.is_valid and scene.book.seq == 15 and scene.reader.bids == {100: 1}
    assert scene.telemetry.counts()["book.invalid"] == 1


def test_a_snapshot_older_than_the_buffer_is_asked_for_again() -> None:
    scene = Scene(FETCHED)
    scene.apply_diff(change(20, bids=[(100, 5)]))
    scene.apply_snapshot(whole(15, bids=BIDS, asks=ASKS, now=2))
    assert scene.book.state is AssemblyState.BUFFERING and scene.book.resyncs.failures == 1
    scene.do_timers(SECOND)
    assert scene.source.reasons == [BookReason.LINK] * 2
    scene.apply_snapshot(whole(19, bids=[(99, 7)], asks=ASKS, now=SECOND))
    assert scene.reader.is_valid and scene.reader.levels()[0] == [(100, 5), (99, 7)]


def test_out_of_order_buffered_diffs_give_the_right_book() -> None:
    scene = Scene(FETCHED)
    for seq in (12, 11, 14, 13, 12):
        scene.apply_diff(change(seq, bids=[(100, seq)]))
    scene.apply_snapshot(whole(11, bids=BIDS, asks=ASKS))
    assert scene.reader.is_valid and scene.book.seq == 14 and scene.reader.bids[100] == 14


def test_a_snapshot_that_no_change_confirms_is_believed_after_a_while() -> None:
    scene = Scene(FETCHED)
    scene.book.start(0)
    scene.do_timers(SECOND)
    assert not scene.source.reasons
    scene.do_timers(2 * SECOND)
    assert scene.source.reasons == [BookReason.LINK]
    scene.apply_snapshot(whole(10, bids=BIDS, asks=ASKS, now=3 * SECOND))
    assert not scene.reader.is_valid
    scene.do_timers(4 * SECOND)
    assert not scene.reader.is_valid
    scene.do_timers(5 * SECOND)
    assert scene.reader.is_valid
    scene.apply_diff(change(13, now=6 * SECOND))
    assert not scene.reader.is_valid  # it was too old after all, seen at that same message


def test_repeated_and_old_changes_are_left_out() -> None:
    scene = synced()
    for seq in (10, 9, 10):
        scene.apply_diff(change(seq, bids=[(100, 1)]))
    assert scene.reader.bids[100] == 5 and scene.telemetry.counts()["book.duplicates"] == 3


def test_old_numbers_with_a_new_time_are_a_reset() -> None:
    scene = synced()
    scene.apply_diff(change(11, bids=[(100, 6)], ts=1000))
    scene.apply_diff(change(11, bids=[(100, 6)], ts=1000))
    assert scene.reader.is_valid
    scene.apply_diff(change(3, bids=[(100, 1)], ts=1001))
    assert not scene.reader.is_valid and scene.book.resyncs.reason is BookReason.RESET


def test_a_reset_of_a_streamed_book() -> None:
    scene = synced(STREAMED)
    scene.apply_diff(whole(1, bids=[(50, 1)], asks=[(51, 1)], now=2))
    assert scene.reader.is_valid and scene.reader.levels() == ([(50, 1)], [(51, 1)])
    statuses = [v for t, v in scene.reader.told if t is Template.BOOK_STATUS]
    assert statuses == [BookStatus.VALID, BookStatus.INVALID, BookStatus.VALID]
    scene.apply_diff(change(2, bids=[(50, 2)]))
    assert scene.reader.bids == {50: 2}


def test_snapshots_in_the_stream() -> None:
    """A newer one replaces, the same one is a sign of life, an older one is trouble."""
    scene = synced(STREAMED)
    scene.apply_diff(whole(12, bids=[(90, 1)], asks=ASKS, now=2))
    assert scene.reader.is_valid and scene.reader.bids == {90: 1}
    scene.apply_diff(whole(12, bids=[(90, 1)], asks=ASKS, now=3))
    assert scene.reader.is_valid and scene.book.difference.is_equal
    scene.apply_diff(whole(11, bids=[(90, 1)], asks=ASKS, now=4))
    assert not scene.reader.is_valid and scene.source.reasons == [BookReason.RESET]


def test_chained_changes() -> None:
    scene = synced(CHAINED)
    scene.apply_diff(change(15, 17, prev=10, bids=[(100, 1)]))
    scene.apply_diff(change(17, 17, prev=17))  # no news
    assert scene.reader.is_valid and scene.book.seq == 17
    scene.apply_diff(change(3, 3, prev=17, bids=[(100, 2)]))  # numbers begin anew, the book goes on
    assert scene.reader.is_valid and scene.book.seq == 3
    scene.apply_diff(change(9, 9, prev=5, bids=[(100, 3)]))
    assert not scene.reader.is_valid
    for prev in (9, 11):
        scene = synced(CHAINED)
        scene.apply_diff(change(12, 15, prev=prev, bids=[(100, 1)]))
        assert not scene.reader.is_valid and scene.book.resyncs.reason is BookReason.GAP


@pytest.mark.parametrize(
    ("delta", "reason"),
    [
        (change(11, bids=[(103, 1)]), BookReason.CROSSED),
        (change(11, bids=[(100, -1)]), BookReason.MALFORMED),
        (change(11, asks=[(-(1 << 63), 1)]), BookReason.MALFORMED),
        (change(11, asks=[(1 << 63, 1)]), BookReason.MALFORMED),
        (change(11, (1 << 64) - 1), BookReason.MALFORMED),
        (change(12, 11), BookReason.MALFORMED),
    ],
)
def test_what_is_no_book(delta, reason) -> None:
    scene = synced()
    scene.apply_diff(delta)
    assert not scene.reader.is_valid and scene.book.resyncs.reason is reason


def test_a_crossed_snapshot_is_no_answer() -> None:
    scene = Scene(FETCHED)
    scene.apply_diff(change(10))
    scene.apply_snapshot(whole(9, bids=[(100, 1)], asks=[(99, 1)]))
    assert not scene.reader.is_valid and scene.book.resyncs.failures == 1


def test_levels_beyond_the_depth_are_dropped_and_told() -> None:
    scene = synced(NumberRule(fetches_snapshot=False, depth_max=2))
    scene.apply_diff(change(11, bids=[(100, 6), (98, 1), (101, 0)], asks=[(101, 0), (103, 4)]))
    assert scene.reader.levels() == ([(100, 6), (99, 7)], [(102, 9), (103, 4)])


def test_what_a_limited_snapshot_does_not_know() -> None:
    """A refresh adds what lies deeper, and does not take the unknown for a difference."""
    rule = NumberRule(fetches_snapshot=True, snapshot_levels=2)
    scene = synced(rule)
    scene.apply_diff(change(11, bids=[(100, 0)], asks=[(90, 0)]))
    scene.refresh_snapshot(10 * SECOND)
    scene.apply_snapshot(whole(11, bids=[(99, 7), (97, 4)], asks=ASKS, now=10 * SECOND))
    assert scene.book.difference.is_equal and scene.reader.bids == {99: 7, 97: 4}
    scene.apply_diff(change(12, bids=[(99, 0), (97, 0), (96, 2)]))
    assert not scene.reader.is_valid and scene.book.resyncs.reason is BookReason.DRIFT


def test_by_hand_and_from_outside() -> None:
    scene = synced()
    scene.resync(2 * SECOND)
    assert not scene.reader.is_valid and scene.book.resyncs.reason is BookReason.REQUEST
    scene.apply_snapshot(whole(12, bids=BIDS, asks=ASKS, now=3 * SECOND))
    scene.do_timers(6 * SECOND)
    assert scene.reader.is_valid
    scene.invalidate(BookReason.LINK, 70 * SECOND)
    scene.invalidate(BookReason.MALFORMED, 70 * SECOND)
    assert not scene.reader.is_valid and scene.book.resyncs.reason is BookReason.LINK
    assert len(scene.source.reasons) == 3


def test_no_endless_loop_of_requests() -> None:
    """Snapshots that never satisfy are asked for at waits that grow."""
    patience = ResyncPolicy(first_wait_ns=SECOND, wait_max_ns=8 * SECOND, jitter=0.0)
    scene = synced(checksummed(fetches_snapshot=False), resync=patience, refresh_ns=0)
    asked = []
    for tick in range(600):
        now = 10 * SECOND + tick * SECOND // 10
        before = len(scene.source.reasons)
        scene.do_timers(now)
        if len(scene.source.reasons) > before:
            scene.apply_diff(whole(11 + tick, bids=BIDS, asks=ASKS, now=now))
        if scene.book.state is AssemblyState.SYNCED:
            scene.apply_diff(change(scene.book.seq + 1, bids=[(100, 6)], checksum=1, now=now))
            assert not scene.reader.is_valid
            if len(scene.source.reasons) > before + 1:
                before += 1
        if len(scene.source.reasons) > before:
            asked.append(tick)
    assert len(asked) <= 11 and scene.telemetry.counts()["checksum.failed"] <= 11


def test_order_book_as_its_provider_has_it() -> None:
    book = synced().book.order_book(1)
    assert list(OrderBook.__dataclass_fields__) == [
        "provider",
        "symbol",
        "seq",
        "checksum",
        "bids",
        "asks",
    ]
    assert (book.provider.label, book.symbol, book.seq) == ("Binance", "BTCUSDT", 10)
    assert str(book.bids[0].price) == "1.00" and str(book.asks[0].quantity) == "0.003"
    assert OrderBook.from_dict(book.to_dict()) == book
    with pytest.raises(StateError, match="EMPTY"):
        Scene(FETCHED).book.order_book()


def test_misuse() -> None:
    scene = Scene(FETCHED)
    other = change(1)
    object.__setattr__(other, "instrument_id", 8)
    with pytest.raises(InputError, match="instrument 8"):
        scene.apply_diff(other)
    with pytest.raises(InputError, match="allowed: a snapshot"):
        scene.apply_snapshot(change(1))
    for bad in ({"stale_ns": 0}, {"buffer_max": 0}, {"join_wait_ns": -1}):
        with pytest.raises(InputError, match="assembly"):
            AssemblyPolicy(**bad)
    with pytest.raises(InputError, match="depth_max"):
        NumberRule(fetches_snapshot=True, depth_max=-1)
    assert not scene.reader.told


def test_the_buffer_is_bounded() -> None:
    scene = Scene(FETCHED, buffer_max=3)
    for seq in range(10, 20):
        scene.apply_diff(change(seq))
    assert scene.book.buffered == 3
    scene.apply_snapshot(whole(15, bids=BIDS, asks=ASKS))
    assert not scene.reader.is_valid
    scene.do_timers(SECOND)
    scene.apply_snapshot(whole(17, bids=BIDS, asks=ASKS, now=SECOND))
    assert scene.reader.is_valid and scene.book.buffered == 0


def test_a_market_on_its_way_out_of_what_is_known_asks_in_time() -> None:
    rule = NumberRule(fetches_snapshot=True, snapshot_levels=4)
    scene = Scene(rule)
    deep = [(px, 1) for px in (100, 80, 79, 60)]
    scene.apply_diff(change(10))
    scene.apply_snapshot(whole(9, bids=deep, asks=ASKS))
    scene.apply_diff(change(11, bids=[(100, 0)], now=2 * SECOND))
    assert scene.source.reasons == [BookReason.LINK]
    scene.apply_diff(change(12, bids=[(80, 0)], now=3 * SECOND))
    assert scene.reader.is_valid and scene.source.reasons[-1] is BookReason.REFRESH
    more = [(px, 1) for px in (79, 60, 40, 20)]
    scene.apply_snapshot(whole(12, bids=more, asks=ASKS, now=5 * SECOND))
    assert scene.reader.is_valid and scene.reader.levels()[0] == more
    scene.apply_diff(change(13, bids=[(79, 0)], now=6 * SECOND))
    assert scene.reader.is_valid and not scene.book.resyncs.is_wanted


def test_a_first_snapshot_that_is_sent_again_is_no_reset() -> None:
    """Bybit repeats the snapshot of a quiet book of depth 1 every 3 s, also that of number 1."""
    scene = Scene(STREAMED)
    scene.apply_diff(whole(1, bids=BIDS, asks=ASKS))
    told = list(scene.reader.told)
    scene.apply_diff(whole(1, bids=BIDS, asks=ASKS, now=3 * SECOND))
    assert scene.reader.told == told and scene.reader.is_valid
    assert scene.telemetry.counts()["book.invalid"] == 0 and not scene.source.reasons
    scene.apply_diff(whole(1, bids=[(90, 1)], asks=[(91, 1)], now=5 * SECOND))
    assert scene.reader.is_valid and scene.reader.bids == {90: 1}
    assert scene.telemetry.counts()["book.invalid"] == 1
