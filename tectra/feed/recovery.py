"""How a numbered stream gets back what it missed: by retransmission, else by a snapshot, else it
says what is lost. One request in flight, ever.

    LIVE ──gap──► FILL ──filled──► LIVE            the books are INVALID from the gap on
                   │ given up: a gap record
                   ▼
                  WAIT ──back-off over──► SNAPSHOT ──it came──► LOAD ──► LIVE
                   ▲                         │ failed, late, or too old
                   └─────────────────────────┘

In FILL, SNAPSHOT and LOAD what comes is held; in WAIT it goes out, while the books are INVALID.
"""

from enum import IntEnum
from typing import NamedTuple, Protocol

import msgspec

from tectra.core.errors import InputError, StateError, TectraError
from tectra.core.msg import BookReason, BookStatus
from tectra.core.rng import Random
from tectra.feed.resync import Resync, ResyncPolicy

__all__ = [
    "LineRecovery",
    "Phase",
    "RecoveryPolicy",
    "Retransmitter",
    "Snapshot",
    "SnapshotSource",
    "Stream",
]

_MS = 1_000_000
REQUEST_MAX = 0xFFFE
CHUNK_BYTES = 1 << 18


class Phase(IntEnum):
    """Where recovery stands."""

    LIVE = 0
    """Nothing was asked for."""
    FILL = 1
    """Retransmission was asked for; later messages are held."""
    WAIT = 2
    """A snapshot is wanted, and its back-off is not over."""
    SNAPSHOT = 3
    """A snapshot is on its way; messages are held."""
    LOAD = 4
    """A snapshot came, and is being handed on."""


class Snapshot(NamedTuple):
    """The state of every book, as messages framed like BinaryFILE (a length and a message each),
    and the number of the stream's message that follows it.
    """

    messages: bytes
    next_seq: int


class SnapshotSource(Protocol):
    """Asks for snapshots without waiting. Any TectraError it raises means: this one failed."""

    def request(self) -> None:
        """Ask for one; forget what was asked for before."""
        ...

    def poll(self) -> Snapshot | None:
        """The snapshot, once it is whole."""
        ...

    def cancel(self) -> None:
        """Give up what was asked for, and the connection. May be called twice."""
        ...


class Retransmitter(Protocol):
    """Asks for numbers again. Any TectraError it raises means: this request failed."""

    def request(self, session: bytes, first: int, count: int) -> None:
        """Ask for `count` messages from number `first` on."""
        ...

    def poll(self) -> list[tuple[bytes, int]]:
        """Packets that came in answer, with their times of receipt."""
        ...

    def close(self) -> None:
        """Give up the connection. May be called twice."""
        ...


class Stream(Protocol):
    """What recovery asks of the stream that it mends."""

    @property
    def expected(self) -> int: ...
    @property
    def highest(self) -> int: ...
    @property
    def session(self) -> bytes: ...
    @property
    def window(self) -> int: ...
    def gap(self, now_ns: int) -> tuple[int, int] | None: ...
    def missing(self, now_ns: int) -> tuple[int, int] | None: ...
    def drain_to(self, seq: int) -> None: ...
    def give_up(self, last: int) -> None: ...
    def announce(self, next_seq: int) -> None: ...
    def hold(self, on: bool) -> None: ...
    def load(self, messages: bytes) -> None: ...
    def put_clear(self, instrument_id: int, reason: BookReason) -> None: ...
    def put_status(
        self,
        instrument_id: int,
        status: BookStatus,
        reason: BookReason,
        *,
        expected: int = 0,
        found: int = 0,
    ) -> None: ...


class RecoveryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`fill`: waits of retransmission requests; `tries`: requests without progress before it is
    given up; `fill_pause_ns`: how long nothing is asked for then, so that a dead server does not
    hold the stream at every gap; `fill_messages`: a longer gap goes to the snapshot at once.
    `snapshot`: waits of snapshot requests; `refresh_ns`: one without need as often, 0 never (the
    stream is held while it is on its way).
    """

    fill: ResyncPolicy = ResyncPolicy(
        first_wait_ns=50 * _MS, wait_max_ns=1000 * _MS, timeout_ns=250 * _MS, settle_ns=0
    )
    tries: int = 3
    fill_pause_ns: int = 5_000 * _MS
    fill_messages: int = 65_536
    snapshot: ResyncPolicy = ResyncPolicy()
    refresh_ns: int = 0

    def __post_init__(self) -> None:
        if self.tries < 1 or min(self.fill_messages, self.refresh_ns, self.fill_pause_ns) < 0:
            raise InputError(
                f"recovery: found {self.tries} tries, {self.fill_messages} messages, refresh "
                f"{self.refresh_ns} ns, pause {self.fill_pause_ns} ns; allowed: 1 try or more, 0 "
                "or more of the others"
            )


class LineRecovery:
    """Mends one stream. tend() is called after packets and in between; times are of one clock that
    never steps. Owner thread: the feed's.
    """

    def __init__(
        self,
        stream: Stream,
        policy: RecoveryPolicy,
        *,
        retransmitter: Retransmitter | None = None,
        snapshots: SnapshotSource | None = None,
        dice: Random,
    ) -> None:
        self._stream, self._policy = stream, policy
        self.retransmitter, self.snapshots = retransmitter, snapshots
        self._fill = Resync(policy.fill, dice.spawn(1))
        self._resync = Resync(policy.snapshot, dice.spawn(2))
        self._asked = self._fill_last = self._failed_before = 0
        self._scope: frozenset[int] = frozenset()  # instruments of the snapshot; empty: all
        self._snapshot: Snapshot | None = None
        self._loaded = 0
        self._refreshed_ns: int | None = None
        self._no_fill_before_ns = 0
        self._pending_ns: int | None = None  # when the request left whose answer is awaited
        self.refresh_ns = policy.refresh_ns
        self.phase = Phase.LIVE
        self.status = BookStatus.VALID
        self.broken = False
        self.requested = self.snapshots_loaded = self.snapshots_failed = self.snapshots_old = 0

    @property
    def in_flight(self) -> int:
        """Requests on their way: 0 or 1."""
        return (self._pending_ns is not None) + self._resync.in_flight

    @property
    def is_pending(self) -> bool:
        """An answer of the retransmitter may still come."""
        return self._pending_ns is not None

    def on_answer(self) -> None:
        """An answer of the retransmitter was offered to the stream."""
        self._pending_ns = None

    @property
    def is_wanted(self) -> bool:
        """A snapshot is wanted or on its way."""
        return self._resync.is_wanted

    def resync(self, now_ns: int, instruments: frozenset[int], reason: BookReason) -> None:
        """Ask for a snapshot of these instruments, of all when empty. StateError: no source."""
        if self.snapshots is None:
            raise StateError("feed: no source of snapshots; configure one to resync")
        if self._resync.is_wanted and self._scope:
            self._scope = self._scope | instruments if instruments else frozenset()
        elif not self._resync.is_wanted:
            self._scope = instruments
        if reason is not BookReason.REFRESH:
            for instrument in sorted(instruments):
                self._stream.put_status(instrument, BookStatus.INVALID, reason)
            if not instruments:
                self._say(BookStatus.INVALID, reason)
        self._resync.want(now_ns, reason)
        if self.phase is Phase.LIVE:
            self.phase = Phase.WAIT

    def start_session(self) -> None:
        """The stream began anew at its first number: what was wrong before is past."""
        if self.phase in (Phase.SNAPSHOT, Phase.LOAD):
            self._stop_snapshot()
        self._fill.done(0)
        self._resync.done(0)
        self._snapshot = None
        self.phase, self.broken = Phase.LIVE, False
        self._stream.put_clear(0, BookReason.RESET)
        self._say(BookStatus.VALID, BookReason.RESET)

    def tend(self, now_ns: int) -> None:
        """Do what is due now."""
        asked_ns = self._pending_ns
        if asked_ns is not None and now_ns - asked_ns >= self._policy.fill.timeout_ns:
            self._pending_ns = None
        before = None
        while before != (self.phase, self._stream.expected):
            before = self.phase, self._stream.expected
            self._step(now_ns)
            if self.phase is Phase.LOAD and self._snapshot is not None and self._loaded:
                return  # the rest of a snapshot has the next call

    def _step(self, now_ns: int) -> None:
        if self.phase is Phase.LIVE:
            self._live(now_ns)
        elif self.phase is Phase.FILL:
            self._filling(now_ns)
        elif self.phase is Phase.WAIT:
            self._waiting(now_ns)
        elif self.phase is Phase.SNAPSHOT:
            self._coming(now_ns)
        else:
            self._loading(now_ns)

    def _say(
        self, status: BookStatus, reason: BookReason, *, expected: int = 0, found: int = 0
    ) -> None:
        if status is not self.status:
            self.status = status
            self._stream.put_status(0, status, reason, expected=expected, found=found)

    def _live(self, now_ns: int) -> None:
        gap = self._stream.gap(now_ns)
        if gap is not None:
            self._gap(now_ns, *gap)
        elif self._resync.is_wanted:
            self.phase = Phase.WAIT
        elif self._stream.missing(now_ns) is None and not self.broken:
            self._say(BookStatus.VALID, BookReason.RECOVERED)
            if self.refresh_ns and self.snapshots is not None:
                if self._refreshed_ns is None:
                    self._refreshed_ns = now_ns
                if now_ns - self._refreshed_ns >= self.refresh_ns:
                    self._refreshed_ns = now_ns
                    self.resync(now_ns, frozenset(), BookReason.REFRESH)

    def _gap(self, now_ns: int, first: int, last: int) -> None:
        self._say(BookStatus.INVALID, BookReason.GAP, expected=first, found=last + 1)
        if (
            self.retransmitter is None
            or now_ns < self._no_fill_before_ns
            or last - first >= self._policy.fill_messages
        ):
            self._give_up(now_ns, last)
            return
        self.phase = Phase.FILL
        self._fill_last, self._asked = last, 0
        self._failed_before = self._fill.failures
        self._fill.want(now_ns, BookReason.GAP)

    def _filling(self, now_ns: int) -> None:
        missing = self._stream.missing(now_ns)
        if missing is None or missing[0] > self._fill_last:
            self._fill.done(now_ns)
            self.phase = Phase.LIVE
            return
        first, last = missing[0], min(missing[1], self._fill_last)
        full = self._stream.highest - self._stream.expected >= self._stream.window
        late = self._fill.is_expired(now_ns)
        if full or self._fill.failures + late - self._failed_before >= self._policy.tries:
            self._fill.fail(now_ns)
            self._fill.done(now_ns)
            self.phase, self._pending_ns = Phase.LIVE, None
            self._no_fill_before_ns = now_ns if full else now_ns + self._policy.fill_pause_ns
            self._give_up(now_ns, last)
        elif self._pending_ns is not None:
            return
        elif self._asked and first > self._asked and self._fill.in_flight:
            self._failed_before = self._fill.failures
            self._fill.extend(now_ns)
            self._ask(now_ns, first, last)
        elif self._fill.due(now_ns):
            self._ask(now_ns, first, last)

    def _ask(self, now_ns: int, first: int, last: int) -> None:
        """As many as a request can name; what the answer has no room for is asked for again."""
        assert self.retransmitter is not None
        self._asked, self._pending_ns = first, now_ns
        self.requested += 1
        try:
            self.retransmitter.request(
                self._stream.session, first, min(last - first + 1, REQUEST_MAX)
            )
        except TectraError:
            self._pending_ns = None
            self._fill.fail(now_ns)

    def _give_up(self, now_ns: int, last: int) -> None:
        self._stream.give_up(last)
        self.broken = True
        if self.snapshots is not None:
            self._scope = frozenset()
            self._resync.want(now_ns, BookReason.GAP)
            self.phase = Phase.WAIT

    def _waiting(self, now_ns: int) -> None:
        gap = self._stream.gap(now_ns)
        if gap is not None:
            self._say(BookStatus.INVALID, BookReason.GAP, expected=gap[0], found=gap[1] + 1)
            self._give_up(now_ns, gap[1])
        elif self._pending_ns is None and self._resync.due(now_ns):
            assert self.snapshots is not None
            self._stream.hold(True)
            self.phase = Phase.SNAPSHOT
            try:
                self.snapshots.request()
            except TectraError:
                self._fail(now_ns)

    def _stop_snapshot(self) -> None:
        assert self.snapshots is not None
        self.snapshots.cancel()
        self._stream.hold(False)

    def _fail(self, now_ns: int) -> None:
        """The snapshot failed: the stream goes on, and another is asked for later."""
        self.snapshots_failed += 1
        self._stop_snapshot()
        self._resync.fail(now_ns)
        self.phase = Phase.WAIT

    def _coming(self, now_ns: int) -> None:
        assert self.snapshots is not None
        try:
            snapshot = self.snapshots.poll()
        except TectraError:
            self._fail(now_ns)
            return
        if snapshot is None:
            if self._resync.is_expired(now_ns):
                self._fail(now_ns)
            elif self._stream.highest - self._stream.expected > self._stream.window // 4 * 3:
                self._make_room(self._stream.highest - self._stream.window // 2)
        elif snapshot.next_seq < self._stream.expected:
            self.snapshots_old += 1
            self._fail(now_ns)
        else:
            self._snapshot, self._loaded = snapshot, 0
            self._stream.announce(snapshot.next_seq)
            self.phase = Phase.LOAD

    def _make_room(self, upto: int) -> None:
        """The window fills: its oldest messages go out, although the books are INVALID."""
        while self._stream.expected < upto:
            self._stream.drain_to(upto)
            missing = self._stream.missing(0)
            if missing is None or self._stream.expected >= upto:
                return
            self._stream.give_up(min(missing[1], upto - 1))
            self.broken = True

    def _loading(self, now_ns: int) -> None:
        assert self._snapshot is not None
        messages, next_seq = self._snapshot
        if not self._loaded:
            self._stream.drain_to(next_seq)
            if self._stream.expected < next_seq:
                gap = self._stream.gap(now_ns)
                if gap is not None:
                    self._stream.give_up(min(gap[1], next_seq - 1))
                return
            self._begin_load()
        end = min(self._loaded + CHUNK_BYTES, len(messages))
        at = self._loaded
        while at < end:
            at += 2 + int.from_bytes(messages[at : at + 2], "big")
        self._stream.load(self._wanted(messages[self._loaded : at]))
        self._loaded = max(at, 1)
        if at >= len(messages):
            self._end_load(now_ns)

    def _begin_load(self) -> None:
        reason = self._resync.reason
        for instrument in sorted(self._scope) or [0]:
            if instrument:
                self._stream.put_status(instrument, BookStatus.RECOVERING, reason)
            else:
                self._say(BookStatus.RECOVERING, reason)
            self._stream.put_clear(instrument, reason)

    def _wanted(self, messages: bytes) -> bytes:
        if not self._scope:
            return messages
        out, at = [], 0
        while at < len(messages):
            size = 2 + int.from_bytes(messages[at : at + 2], "big")
            if int.from_bytes(messages[at + 3 : at + 5], "big") in self._scope:
                out.append(messages[at : at + size])
            at += size
        return b"".join(out)

    def _end_load(self, now_ns: int) -> None:
        for instrument in sorted(self._scope):
            self._stream.put_status(instrument, BookStatus.VALID, BookReason.RECOVERED)
        self.broken = self.broken and bool(self._scope)
        self._snapshot, self._loaded = None, 0
        self.snapshots_loaded += 1
        self._resync.done(now_ns)
        self.phase = Phase.LIVE
        self._stream.hold(False)
        if self.broken:
            self.resync(now_ns, frozenset(), BookReason.GAP)
