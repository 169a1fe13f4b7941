"""One book of one venue, from snapshots and changes to records that never show a wrong book as a
right one.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from tectra.book.l2 import L2Book
from tectra.core.errors import InputError, StateError
from tectra.core.msg import BookReason, BookStatus
from tectra.core.rng import Random
from tectra.feed.assembly.batch import RecordBatch
from tectra.feed.assembly.build import Build, Step
from tectra.feed.assembly.delta import BookDelta, OrderBook, RawLevels
from tectra.feed.assembly.ladder import BookDifference, compare_levels
from tectra.feed.assembly.policy import AssemblyPolicy, AssemblyState
from tectra.feed.assembly.rule import BookRule
from tectra.feed.assembly.telemetry import AssemblyTelemetry
from tectra.feed.assembly.teller import BookTeller
from tectra.feed.resync import Resync
from tectra.refdata.instrument import Instrument

__all__ = ["BookAssembler", "SnapshotSource"]

_S = AssemblyState
_REFRESH_LEAST_NS = 120_000_000_000


class SnapshotSource(Protocol):
    """Whoever can get a snapshot: a REST client, or a stream that is subscribed anew."""

    def request(self, instrument_id: int, reason: BookReason) -> None:
        """Ask, and return at once. The answer comes to apply_snapshot() or, where the venue sends
        it within the stream, to apply_diff(); a failure to snapshot_failed().
        """
        ...


class BookAssembler:
    """Builds the book of one instrument and tells every change in records.

    Records go to the batch that each call is given. After any trouble `book_status` INVALID and
    `book_clear` come before anything else; a book that is whole again comes as `book_clear`,
    `book_level` with SNAPSHOT, `book_status` VALID. The levels of a message that proved wrong
    (a gap, a checksum, a crossed book) are never told.

    Where a snapshot has a limit, a price beyond its worst one is not known. A book whose best price
    comes near that asks for another snapshot; one whose best price is there is wrong.

    Times come in with messages and calls, on one clock. Owner thread: the feed's.
    """

    def __init__(
        self,
        instrument: Instrument,
        rule: BookRule,
        *,
        source: SnapshotSource,
        random: Random,
        policy: AssemblyPolicy | None = None,
        telemetry: AssemblyTelemetry | None = None,
    ) -> None:
        self.instrument = instrument
        self.rule = rule
        self.difference: BookDifference | None = None
        self._policy = AssemblyPolicy() if policy is None else policy
        self._telemetry = AssemblyTelemetry() if telemetry is None else telemetry
        self._source = source
        self._random = random
        self._resync = Resync(self._policy.resync, random)
        self._teller = BookTeller(instrument)
        self._state = _S.EMPTY
        self._live: Build | None = None
        self._candidate: Build | None = None
        # Changes that a snapshot may still have to be joined with.
        self._buffer: deque[BookDelta] = deque(maxlen=self._policy.buffer_max)
        self._started_ns: int | None = None
        self._updated_ns = 0
        self._refresh_at_ns: int | None = None

    # Reading

    @property
    def state(self) -> AssemblyState:
        """Where the assembly stands."""
        return self._state

    @property
    def status(self) -> BookStatus:
        """What the records have said last."""
        return self._state.status

    @property
    def seq(self) -> int:
        """The venue's number of the last update in the book; 0 without a book."""
        return 0 if self._live is None else self._live.seq

    @property
    def resyncs(self) -> Resync:
        """The requests: how many, whether one is in flight, when the next may leave."""
        return self._resync

    @property
    def buffered(self) -> int:
        """Changes that wait for a snapshot."""
        return len(self._buffer)

    @property
    def book(self) -> L2Book | None:
        """The levels, to be read until the next call; None unless SYNCED or STALE."""
        return None if self._live is None else self._live.ladder.book

    def order_book(self, levels: int = 1000) -> OrderBook:
        """The best `levels` of each side as a value. StateError without a book."""
        return self._teller.order_book(self._known(), levels)

    def verify_checksum(self, expected: int) -> bool:
        """Whether the book's checksum is the one that the venue says, as apply_diff() does for
        every message that has one. InputError where the venue has no checksum, StateError without a
        book.
        """
        return self._known().computed_checksum() == expected

    def _known(self) -> Build:
        if self._live is None:
            raise StateError(
                f"{self.instrument.symbol}: found a book that is {self._state.name}; wait for "
                "SYNCED"
            )
        return self._live

    # Messages

    def apply_diff(self, delta: BookDelta, out: RecordBatch) -> AssemblyState:
        """Take a message of the stream: a change, or a snapshot where the venue sends it there.

        InputError for another instrument's; nothing changes then.
        """
        self._check(delta)
        if delta.is_snapshot:
            return self._take_streamed(delta, out)
        if self._live is None:
            return self._take_waiting(delta, out)
        step = self._live.offer(delta)
        if step.reason is not BookReason.NONE:
            self._fail(step, delta, out)
        elif step.is_taken:
            self._tell(delta, step, out)
            if self._candidate is not None or self._resync.in_flight:
                self._buffer.append(delta)
                if self._candidate is not None and self._advance(delta, delta.ts_recv_ns, out):
                    self._settle(delta.ts_recv_ns, out)
        else:
            self._telemetry.count("book.duplicates")
        return self._state

    def apply_snapshot(self, snapshot: BookDelta, out: RecordBatch) -> AssemblyState:
        """Take the answer to a request. Without a valid book it is joined with the changes that
        waited; beside a valid one the two are compared at the same number.
        """
        self._check(snapshot)
        if not snapshot.is_snapshot:
            raise InputError(f"{self.instrument.symbol}: found a change; allowed: a snapshot")
        self._hold(snapshot, out)
        return self._state

    def snapshot_failed(
        self, now_ns: int, out: RecordBatch, *, retry_after_ns: int = 0
    ) -> AssemblyState:
        """The request had no answer; the venue may say how long to wait."""
        self._give_up(now_ns, out, retry_after_ns)
        return self._state

    # Orders

    def start(self, now_ns: int) -> None:
        """The stream is subscribed. A snapshot is asked for soon, even if no change comes."""
        self._started_ns = now_ns

    def resync(self, now_ns: int, out: RecordBatch) -> AssemblyState:
        """Throw the book away and build it anew."""
        return self.invalidate(BookReason.REQUEST, now_ns, out)

    def refresh_snapshot(self, now_ns: int, out: RecordBatch) -> AssemblyState:
        """Ask for a snapshot to compare the book with; the book stays what it is meanwhile."""
        self._resync.want(now_ns, BookReason.REFRESH)
        self._ask(now_ns, out)
        return self._state

    def invalidate(self, reason: BookReason, now_ns: int, out: RecordBatch) -> AssemblyState:
        """Say from outside that the book cannot be right: the link went, or a message of it could
        not be read.
        """
        if self._live is not None:
            self._trouble(Step(is_taken=False, reason=reason), now_ns, out)
        else:
            if reason is not BookReason.REQUEST:
                self._buffer.clear()
                self._candidate = None
            self._resync.want(now_ns, reason)
        self._ask(now_ns, out)
        return self._state

    def do_timers(self, now_ns: int, out: RecordBatch) -> AssemblyState:
        """Do what is due: staleness, the periodic refresh, requests. Call a few times a second."""
        policy = self._policy
        if self._state is _S.SYNCED and now_ns - self._updated_ns >= policy.stale_ns:
            self._set(_S.STALE, BookReason.STALE, now_ns, out)
            self._say_resync(BookReason.STALE)
            self._resync.want(now_ns, BookReason.STALE)
        if self._refresh_at_ns is not None and now_ns >= self._refresh_at_ns:
            self._refresh_at_ns = now_ns + policy.refresh_ns
            self._telemetry.count("book.refreshes")
            self._resync.want(now_ns, BookReason.REFRESH)
        if self._state is _S.EMPTY and self._started_ns is not None:
            patience = (
                policy.join_wait_ns if self.rule.fetches_snapshot else policy.resync.timeout_ns
            )
            if now_ns - self._started_ns >= patience:
                self._resync.want(now_ns, BookReason.LINK)
        held = self._candidate
        if held is not None and now_ns - held.snapshot.ts_recv_ns >= policy.join_wait_ns:
            self._settle(now_ns, out, is_believed=True)
        self._ask(now_ns, out)
        return self._state

    # A book that is not there yet

    def _take_waiting(self, delta: BookDelta, out: RecordBatch) -> AssemblyState:
        now_ns = delta.ts_recv_ns
        if self.rule.covers(delta) is not None:
            if self._buffer and _counts_anew(self._buffer[-1], delta):
                self._buffer.clear()
            self._buffer.append(delta)
            if self._candidate is not None and self._advance(delta, delta.ts_recv_ns, out):
                self._settle(now_ns, out)
        if self._state is _S.EMPTY:
            self._state = _S.BUFFERING
        if self._live is None:
            self._resync.want(now_ns, BookReason.LINK)
            self._ask(now_ns, out)
        return self._state

    def _hold(self, snapshot: BookDelta, out: RecordBatch) -> None:
        """Begin a second book with a snapshot, and join what waited to it."""
        now_ns = snapshot.ts_recv_ns
        build = Build(snapshot, self.rule)
        step = build.begin()
        if step.reason is not BookReason.NONE:
            self._note(step)
            self._give_up(now_ns, out)
            return
        self._candidate = build
        # A change that overtook another is put back in its place.
        for delta in sorted(self._buffer, key=_last_seq):
            if not self._advance(delta, now_ns, out):
                return
        self._settle(now_ns, out)

    def _advance(self, delta: BookDelta, now_ns: int, out: RecordBatch) -> bool:
        """Bring the second book on by one message; False when that was the end of it."""
        if self._candidate is None:
            return False
        step = self._candidate.offer(delta)
        if step.reason is BookReason.NONE:
            return True
        self._note(step)
        self._give_up(now_ns, out)
        return False

    def _settle(self, now_ns: int, out: RecordBatch, *, is_believed: bool = False) -> None:
        """Let the second book be the book, compare it with the book, or let it wait."""
        made, live = self._candidate, self._live
        if made is None:
            return
        if live is None:
            if made.is_joined or is_believed or not self.rule.fetches_snapshot:
                self._promote(made, now_ns, out)
        elif made.seq < live.seq:
            self._give_up(now_ns, out)  # what lies between is not at hand
        elif made.seq == live.seq or is_believed:
            reason = BookReason.DRIFT if made.seq == live.seq else BookReason.STALE
            self._compare(live, made, reason, now_ns, out)

    def _promote(self, made: Build, now_ns: int, out: RecordBatch) -> None:
        self._live, self._candidate = made, None
        self._buffer.clear()
        self._telemetry.count("book.recovered")
        self._teller.whole(out, made, reason=BookReason.RECOVERED, now_ns=now_ns)
        self._set(_S.SYNCED, BookReason.RECOVERED, now_ns, out)
        self._sound(now_ns)
        if self._refresh_at_ns is None and self._policy.refresh_ns:
            # Spread, so that a thousand books do not ask at the same moment.
            first = self._random.uniform(_REFRESH_LEAST_NS, self._policy.refresh_ns)
            self._refresh_at_ns = now_ns + int(first)

    # A book beside a snapshot

    def _take_streamed(self, snapshot: BookDelta, out: RecordBatch) -> AssemblyState:
        """A snapshot that the stream itself sent."""
        live, now_ns = self._live, snapshot.ts_recv_ns
        if live is None:
            self._hold(snapshot, out)
            return self._state
        is_numbered = self.rule.covers(snapshot) is not None
        again = Step(
            is_taken=False,
            reason=BookReason.RESET,
            expected=live.seq + 1,
            found=snapshot.last_seq,
        )
        if self.rule.is_reset(snapshot) and snapshot.last_seq != live.seq:
            self._trouble(again, now_ns, out)
            self._hold(snapshot, out)
        elif is_numbered and snapshot.last_seq < live.seq:
            self._trouble(again, now_ns, out)
            self._ask(now_ns, out)
        elif is_numbered and snapshot.last_seq == live.seq:
            self._hold(snapshot, out)
        else:
            self._replace(snapshot, out)
        return self._state

    def _replace(self, snapshot: BookDelta, out: RecordBatch) -> None:
        """A newer snapshot takes the place of a valid book."""
        made = Build(snapshot, self.rule)
        step = made.begin()
        if step.reason is not BookReason.NONE:
            self._fail(step, snapshot, out)
            return
        self._live, self._candidate = made, None
        self._buffer.clear()
        self._telemetry.count("book.updates")
        self._teller.whole(out, made, reason=BookReason.REFRESH, now_ns=snapshot.ts_recv_ns)
        self._sound(snapshot.ts_recv_ns)
        self._revive(snapshot.ts_recv_ns, out)

    def _compare(
        self, live: Build, made: Build, reason: BookReason, now_ns: int, out: RecordBatch
    ) -> None:
        """Two books that should be one."""
        worst = (
            _nearer(live.worst_bid, made.worst_bid, max),
            _nearer(live.worst_ask, made.worst_ask, min),
        )
        found = compare_levels(live.ladder.levels(), made.ladder.levels(), worst=worst)
        self.difference = found
        self._candidate = None
        self._buffer.clear()
        if found.first is None:
            self._extend(live, made, now_ns, out)
            self._sound(now_ns)
            self._revive(now_ns, out)
            return
        self._telemetry.count("book.drifts")
        _, _, ours, theirs = found.first
        step = Step(is_taken=False, reason=reason, expected=theirs, found=ours)
        self._trouble(step, now_ns, out)
        self._promote(made, now_ns, out)

    def _extend(self, live: Build, made: Build, now_ns: int, out: RecordBatch) -> None:
        """Learn the levels which only the snapshot reaches."""
        bids, asks = made.ladder.levels()
        more_bids: RawLevels = ()
        more_asks: RawLevels = ()
        if live.worst_bid is not None:
            more_bids = [level for level in bids if level[0] < live.worst_bid]
            live.worst_bid = _farther(live.worst_bid, made.worst_bid, min)
        if live.worst_ask is not None:
            more_asks = [level for level in asks if level[0] > live.worst_ask]
            live.worst_ask = _farther(live.worst_ask, made.worst_ask, max)
        live.ladder.apply(more_bids, more_asks)
        live.find_edges()
        self._teller.more(out, made, bids=more_bids, asks=more_asks, now_ns=now_ns)

    # Trouble

    def _fail(self, step: Step, delta: BookDelta, out: RecordBatch) -> None:
        """A message that the book cannot take."""
        self._note(step)
        self._trouble(step, delta.ts_recv_ns, out)
        keep = step.reason is not BookReason.MALFORMED and not delta.is_snapshot
        if keep and self.rule.covers(delta) is not None:
            self._buffer.append(delta)
        self._ask(delta.ts_recv_ns, out)

    def _note(self, step: Step) -> None:
        if step.reason is BookReason.CHECKSUM:
            made = self.instrument
            self._telemetry.on_checksum_failed(
                made.exchange, made.symbol, expected=step.expected, found=step.found
            )

    def _trouble(self, step: Step, now_ns: int, out: RecordBatch) -> None:
        """The book is wrong: say so before anything else, and want another."""
        seq = self.seq
        self._telemetry.count("book.invalid")
        self._set(_S.INVALID, step.reason, now_ns, out, step)
        self._teller.clear(out, reason=step.reason, now_ns=now_ns, seq=seq)
        self._live = self._candidate = None
        self._buffer.clear()
        self._say_resync(step.reason)
        self._resync.want(now_ns, step.reason)

    def _ask(self, now_ns: int, out: RecordBatch) -> None:
        """Send a request when it is time for one."""
        was_in_flight = self._resync.in_flight
        if self._resync.due(now_ns):
            self._telemetry.count("book.requests")
            if self._live is not None:
                self._buffer.clear()
            elif self._state is _S.INVALID:
                self._set(_S.RECOVERING, self._resync.reason, now_ns, out)
            self._source.request(self.instrument.instrument_id, self._resync.reason)
        elif was_in_flight and not self._resync.in_flight:
            self._lapse(now_ns, out)

    def _give_up(self, now_ns: int, out: RecordBatch, retry_after_ns: int = 0) -> None:
        """The answer was none, or useless."""
        if self._resync.is_wanted:
            self._resync.fail(now_ns, retry_after_ns=retry_after_ns)
        self._lapse(now_ns, out)

    def _lapse(self, now_ns: int, out: RecordBatch) -> None:
        self._candidate = None
        if self._live is not None:
            self._buffer.clear()
        elif self._state is _S.RECOVERING:
            self._set(_S.INVALID, self._resync.reason, now_ns, out)

    # Telling

    def _tell(self, delta: BookDelta, step: Step, out: RecordBatch) -> None:
        """A change that the book has taken."""
        now_ns = delta.ts_recv_ns
        self._updated_ns = now_ns
        self._telemetry.count("book.updates")
        self._teller.change(out, delta, step)
        if self._resync.reason is BookReason.STALE and not self._resync.in_flight:
            self._resync.done(now_ns)
        self._revive(now_ns, out)
        if self._live is not None and self._live.is_near_edge:
            self._resync.want(now_ns, BookReason.REFRESH)
            self._ask(now_ns, out)

    def _revive(self, now_ns: int, out: RecordBatch) -> None:
        if self._state is _S.STALE:
            self._set(_S.SYNCED, BookReason.RECOVERED, now_ns, out)

    def _sound(self, now_ns: int) -> None:
        """The venue has just confirmed the book."""
        self._updated_ns = now_ns
        if self._resync.is_wanted:
            self._resync.done(now_ns)

    def _set(
        self,
        state: AssemblyState,
        reason: BookReason,
        now_ns: int,
        out: RecordBatch,
        step: Step | None = None,
    ) -> None:
        self._state = state
        self._teller.status(
            out, state.status, reason=reason, now_ns=now_ns, seq=self.seq, step=step
        )

    def _say_resync(self, reason: BookReason) -> None:
        self._telemetry.on_resync(self.instrument.exchange, self.instrument.symbol, reason)

    def _check(self, delta: BookDelta) -> None:
        if delta.instrument_id != self.instrument.instrument_id:
            raise InputError(
                f"{self.instrument.symbol}: found a message of instrument {delta.instrument_id}; "
                f"allowed: {self.instrument.instrument_id}"
            )


def _last_seq(delta: BookDelta) -> int:
    return delta.last_seq


def _counts_anew(before: BookDelta, delta: BookDelta) -> bool:
    """Whether numbers fall while time goes on."""
    return delta.last_seq < before.last_seq and 0 < before.ts_event_ns < delta.ts_event_ns


def _nearer(a: int | None, b: int | None, inner: Callable[[int, int], int]) -> int | None:
    """Of two limits, None for no limit, the one closer to the best price."""
    if a is None or b is None:
        return b if a is None else a
    return inner(a, b)


def _farther(a: int, b: int | None, outer: Callable[[int, int], int]) -> int | None:
    return None if b is None else outer(a, b)
