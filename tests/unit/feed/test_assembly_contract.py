"""What holds for the book of every venue, and for the books of one connection together."""

from typing import Any

import pytest
from assembly_scene import ID, INSTRUMENT, SECOND, Asked, Reader, Scene, change, whole

from tectra.core.counters import Counters
from tectra.core.errors import DuplicateError, InputError, UnknownSymbolError
from tectra.core.msg import BookReason, BookStatus, Template
from tectra.core.record import encode
from tectra.core.rng import Random
from tectra.feed.assembly import (
    AssemblyState,
    AssemblyTelemetry,
    BookAssembler,
    BookGroup,
    ChainRule,
    NumberRule,
    RecordBatch,
    Refused,
    compare_levels,
)
from tectra.refdata.instrument import Instrument
from tectra.venue.binance import FUTURES_BOOK, PARTIAL_BOOK, SPOT_BOOK
from tectra.venue.bybit import STREAM_BOOK

RULES = [
    pytest.param(SPOT_BOOK, id="binance-spot"),
    pytest.param(FUTURES_BOOK, id="binance-futures"),
    pytest.param(STREAM_BOOK, id="bybit"),
]
BIDS, ASKS = ((100, 5), (99, 7)), ((101, 3), (102, 9))


def snapshot(scene: Scene, seq: int, **more: Any) -> None:
    """A snapshot on the way that the venue sends it."""
    made = whole(seq, **{"bids": BIDS, "asks": ASKS} | more)
    (scene.apply_snapshot if scene.book.rule.fetches_snapshot else scene.apply_diff)(made)


def synced(rule: Any, **policy: Any) -> Scene:
    scene = Scene(rule, **policy)
    if rule.fetches_snapshot:
        scene.apply_diff(change(11, prev=10))
    snapshot(scene, 10)
    if not rule.fetches_snapshot:
        scene.apply_diff(change(11, prev=10))
    assert scene.reader.is_valid and scene.book.seq == 11
    return scene


@pytest.mark.parametrize("rule", RULES)
class TestEveryVenue:
    """ApplyDiff, VerifyChecksum, RefreshSnapshot."""

    def test_apply_diff(self, rule: Any) -> None:
        scene = synced(rule)
        scene.apply_diff(change(12, prev=11, bids=[(100, 0), (98, 4)], asks=[(101, 1)]))
        assert scene.reader.levels() == ([(99, 7), (98, 4)], [(101, 1), (102, 9)])
        assert scene.book.order_book().seq == scene.reader.seq == 12

    def test_verify_checksum(self, rule: Any) -> None:
        """None of these venues publishes one; numbers and snapshots prove their books."""
        assert rule.checksum is None
        with pytest.raises(InputError, match="publishes none"):
            synced(rule).book.verify_checksum(1)

    def test_refresh_snapshot(self, rule: Any) -> None:
        scene = synced(rule)
        scene.refresh_snapshot(SECOND)
        assert scene.source.reasons[-1] is BookReason.REFRESH and scene.reader.is_valid
        snapshot(scene, 11, now=2 * SECOND)
        assert scene.book.difference.is_equal and not scene.book.resyncs.is_wanted
        assert scene.reader.is_valid

    @pytest.mark.parametrize("reason", ["gap", "staleness", "drift"])
    def test_a_snapshot_is_asked_for(self, rule: Any, reason: str) -> None:
        scene = synced(rule, refresh_ns=0)
        now = 400 * SECOND
        if reason == "gap":
            scene.apply_diff(change(14, prev=13, now=now))
            assert scene.source.reasons[-1] is BookReason.GAP and not scene.reader.is_valid
        elif reason == "staleness":
            scene.do_timers(now)
            assert scene.source.reasons[-1] is BookReason.STALE
            assert scene.reader.status is BookStatus.STALE
        else:
            scene.refresh_snapshot(now)
            snapshot(scene, 11, now=now, bids=((100, 5),))
            assert not scene.book.difference.is_equal and scene.reader.bids == {100: 5}
        counts = scene.telemetry.counts()
        assert counts["book.resync"] == 1

    def test_nothing_is_valid_before_a_snapshot(self, rule: Any) -> None:
        scene = Scene(rule)
        for seq in (10, 11, 12):
            scene.apply_diff(change(seq, prev=seq - 1, bids=[(100, 1)]))
        assert scene.book.state is AssemblyState.BUFFERING
        assert not scene.reader.told and scene.reader.status is BookStatus.NONE

    def test_requests_are_one_at_a_time_with_longer_waits(self, rule: Any) -> None:
        scene = synced(rule, refresh_ns=0)
        scene.apply_diff(change(20, prev=19, now=100 * SECOND))
        for tick in range(600):
            scene.do_timers(100 * SECOND + tick * SECOND // 2)
        asked = len(scene.source.reasons)
        assert 5 < asked < 30  # ten seconds without an answer, then waits up to a minute
        scene.snapshot_failed(500 * SECOND, retry_after_ns=90 * SECOND)
        scene.do_timers(560 * SECOND)
        assert len(scene.source.reasons) == asked
        scene.do_timers(600 * SECOND)
        assert len(scene.source.reasons) == asked + 1


def test_partial_books_replace_each_other() -> None:
    scene = Scene(PARTIAL_BOOK)
    for seq in (10, 14, 19):
        scene.apply_diff(whole(seq, bids=[(100, seq)], asks=ASKS))
        assert scene.reader.is_valid and scene.reader.bids == {100: seq}
    assert not scene.source.reasons


def test_rules_are_checked() -> None:
    for rule in (NumberRule, ChainRule):
        with pytest.raises(InputError, match="snapshot_levels"):
            rule(fetches_snapshot=True, snapshot_levels=-1)
    assert ChainRule(fetches_snapshot=True).covers(change(5, 9)) == (5, 9)  # says no number before


def test_compare_levels() -> None:
    same = compare_levels((BIDS, ASKS), (BIDS, ASKS))
    assert same.is_equal and same.equal == 4
    found = compare_levels((BIDS, ASKS), (((100, 6),), (*ASKS, (103, 1))))
    assert (found.equal, found.missing, found.extra, found.changed) == (2, 1, 1, 1)
    assert found.first == (1, 100, 5, 6)
    near = compare_levels((BIDS, ASKS), (((100, 5),), ASKS[:1]), worst=(100, 101))
    assert near.is_equal and near.equal == 2


def group(*ids: int) -> tuple[BookGroup, Asked]:
    source = Asked()
    made = [Instrument(i, f"S{i}", INSTRUMENT.exchange, -2, -3) for i in ids]
    books = [BookAssembler(i, STREAM_BOOK, source=source, random=Random(1)) for i in made]
    return BookGroup(books), source


def test_messages_find_their_book() -> None:
    books, _ = group(ID, 8)
    out, reader = RecordBatch(), Reader()
    books.on_decoded(whole(5, bids=BIDS, asks=ASKS), out)
    books.on_decoded(None, out)
    reader.read(out.take())
    assert reader.is_valid and books[8].state is AssemblyState.EMPTY and len(books) == 2
    quote = encode(Template.QUOTE, seq=5)
    books.on_decoded(quote, out)
    assert bytes(out.take()) == quote
    with pytest.raises(UnknownSymbolError, match="one of 2"):
        books[99]
    with pytest.raises(DuplicateError, match="twice"):
        books.add(books[8])


def test_what_was_refused_invalidates_what_it_may_be_about() -> None:
    books, _ = group(ID)
    out, reader = RecordBatch(), Reader()

    def valid_after(refused: Refused) -> bool:
        books.on_decoded(whole(books[ID].seq + 5, bids=BIDS, asks=ASKS), out)
        books.on_decoded(refused, out)
        reader.read(out.take())
        return reader.is_valid

    assert valid_after(Refused(ID, "a trade", 1, is_book=False))
    assert not valid_after(Refused(ID, "its book", 2))
    assert books[ID].resyncs.reason is BookReason.MALFORMED
    assert not valid_after(Refused(0, "who knows", 3))
    assert not valid_after(Refused(ID, "", 4))
    assert books.refusals == 4 and books.refused[0].reason == "a trade"
    for _ in range(200):
        books.on_decoded(Refused(ID, "", 5, is_book=False), out)
    assert books.refusals == 204 and len(books.refused) == 100


def test_answers_timers_and_the_link() -> None:
    books, _ = group(ID)
    out, reader = RecordBatch(), Reader()
    books.on_snapshot(whole(5, bids=BIDS, asks=ASKS), out)
    reader.read(out.take())
    assert reader.is_valid
    books.invalidate(BookReason.LINK, SECOND, out)
    reader.read(out.take())
    assert not reader.is_valid and books[ID].resyncs.in_flight
    books.on_snapshot(Refused(ID, "HTTP 503", 2 * SECOND), out)
    assert not books[ID].resyncs.in_flight and books.refusals == 1
    books.do_timers(3 * SECOND, out)
    assert books[ID].resyncs.in_flight


def test_counters_of_many_books_are_on_one_page() -> None:
    page = Counters.private()
    telemetry = AssemblyTelemetry(page)
    telemetry.count("book.updates")
    assert page["book.updates"] == 1 and telemetry.counts()["checksum.failed"] == 0
