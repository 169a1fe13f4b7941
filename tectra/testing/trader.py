"""The platform under test: feed, engine, journal and snapshots, one life after the other.

A life begins with a new journal or behind the one that the last life left; it ends with a crash or
with the session. Owner thread: the simulation's.
"""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tectra.core.clock import SimClock
from tectra.core.kill import KillWord
from tectra.core.msg import (
    IntentAction,
    OrderState,
    RejectReason,
    SessionKind,
    Side,
    Template,
)
from tectra.core.record import encode
from tectra.core.rng import Random
from tectra.engine import Pipeline, SessionSpec
from tectra.engine.image import save_state, state_digest
from tectra.engine.reconcile import VenueOrder
from tectra.engine.recover import Recovered, continue_journal, recover
from tectra.engine.session import open_journal
from tectra.engine.snapshot import SnapshotKeeper, SnapshotSchedule, snapshots_of
from tectra.feed.arbiter import ArbiterSettings
from tectra.feed.itch_line import ItchLineFeed
from tectra.feed.line_config import LineConfig
from tectra.feed.recovery import Phase, RecoveryPolicy
from tectra.feed.resync import ResyncPolicy
from tectra.journal.reader import JournalReader
from tectra.journal.scan import walk
from tectra.testing.crash import copy_files, cut_tail, damage_newest, lose_tail
from tectra.testing.fault import Fault, FaultCounts
from tectra.testing.market import DATE
from tectra.testing.oracle import WATCHED, Oracle, requests_of, require
from tectra.testing.venue import LINES, Resender, Snapshots, Venue

__all__ = ["Crashed", "Trader"]

_SEGMENT_SLOTS = 4_096
_BATCH_SLOTS = 256
_MARKET = int(Template.BOOK_REPLACE)


class Crashed(Exception):
    """The process of the trader died here."""


class Trader:
    """Everything between the lines and the exchange.

    `lives`: directories of the journals so far; those of lives that crashed are as the crash left
    them.
    """

    def __init__(
        self,
        spec: SessionSpec,
        classes: Sequence[type[Any]],
        directory: Path,
        venue: Venue,
        *,
        seed: int,
        servers: tuple[Resender | None, Snapshots | None],
        careful: frozenset[int],
    ) -> None:
        self.spec, self.classes, self.directory = spec, classes, directory
        self.venue, self.seed, self.servers = venue, seed, servers
        self.counts: FaultCounts = venue.counts
        self.clock: SimClock = venue.clock
        self.dice = Random(seed).spawn(6)
        self.ids = tuple(i.instrument_id for i in venue.market.instruments)
        self.careful = careful
        self.oracle = Oracle(self.ids, careful)
        self.durability = self.dice.choice(("page-cache", "sync"))
        self.every = self.dice.choice((0, 300, 2_000))
        self.window = self.dice.choice((64, 256, 1_024))
        self.lives: list[Path] = []
        self.unsaid: list[bool] = []
        self.doomed = ""
        self.armed = self.up = True
        self._expected: str | None = None
        self._power = False
        self.safe_seq = 0
        self.is_over = False  # the session ended: timers do not fire any more
        self.received = 0  # reports of the venue that were handed on
        self.trace = hashlib.blake2b(digest_size=16)
        self._start()

    # ---- a life begins ----

    def _start(self) -> None:
        path = self.directory / "life-1" / "journal"
        path.parent.mkdir(parents=True)
        self.kill = KillWord.private()
        self.pipeline: Pipeline = self.spec.make_pipeline(
            self.classes, capture_mask=WATCHED, kill=self.kill
        )
        self.journal = open_journal(
            path, self.spec, self.classes, segment_slots=_SEGMENT_SLOTS, durability=self.durability
        )
        self.pipeline.attach_journal(self.journal)
        self._begin(path)
        now = self.clock.now_ns()
        for record in self.spec.limit_records(now):
            self.step(record)
        self.step(self._session(SessionKind.START))
        self.journal.flush()  # a recovered engine is not started again

    def _begin(self, path: Path) -> None:
        self.lives.append(path)
        self.unsaid.append(False)
        self.keeper = None
        if self.every:
            schedule = SnapshotSchedule(every_records=self.every)
            self.keeper = SnapshotKeeper.beside(self.pipeline, schedule)
        self.feed = self._feed()

    def _feed(self) -> ItchLineFeed:
        unit = self.venue.market.gap_ns
        again = ResyncPolicy(
            first_wait_ns=unit, wait_max_ns=4 * unit, timeout_ns=6 * unit, settle_ns=0
        )
        resender, snapshots = self.servers
        return ItchLineFeed(
            config=LineConfig(
                date=DATE,
                seed=self.seed,
                histograms=1,
                arbiter=ArbiterSettings(
                    lines=LINES, window=self.window, hold_ns=6 * unit, dead_ns=200 * unit
                ),
                recovery=RecoveryPolicy(
                    fill=again,
                    fill_pause_ns=40 * unit,
                    snapshot=replace(again, wait_max_ns=20 * unit, timeout_ns=100 * unit),
                ),
                end_wait_ns=4_000 * unit,
            ),
            retransmitter=resender,
            snapshots=snapshots,
            clock=self.clock,
            wall=self.clock,
        )

    def _session(self, kind: SessionKind) -> bytes:
        now = self.clock.now_ns()
        return encode(
            Template.SESSION,
            ts_event_ns=now,
            ts_recv_ns=now,
            kind=kind,
            mode=b"b",
            strategies=len(self.classes),
            seed=self.spec.seed,
        )

    # ---- work ----

    def step(self, record: bytes) -> None:
        """One input of the operator's or the venue's, and what it causes."""
        self.pipeline.step_record(record)
        self.flush()

    def on_packet(self, line: int, data: bytes) -> None:
        """A datagram of a line."""
        self.feed.on_packet(line, data, self.clock.now_ns())
        self.poll()

    def poll(self) -> None:
        """Whatever the feed has."""
        while True:
            batch = self.feed.next_batch(_BATCH_SLOTS)
            if batch is None or not len(batch):
                return
            self._step_batch(np.ascontiguousarray(batch).reshape(-1))

    def _step_batch(self, slots: Any) -> None:
        raw = slots.tobytes()
        starts = [*(walk(slots)[0].astype(int) * 64).tolist(), len(raw)]
        step = self.pipeline.step_record
        for begin, end in pairwise(starts):
            step(raw[begin:end])
        self.flush()
        if self.keeper is not None:
            self.keeper.offer()

    def flush(self) -> None:
        """Send what waits in the out ring, behind the journal; then see that all is right."""
        ring = self.pipeline.out
        assert ring is not None
        if self.doomed == Fault.CRASH_TORN and ring.depth:
            raise Crashed
        sent: list[bytes] = []
        if ring.depth:
            if self.durability == "sync":
                self.journal.commit()
            buffer = np.zeros(64 * ring.depth, np.uint8)
            raw = buffer[: 64 * ring.drain_into(buffer)].tobytes()
            sent = [raw[at : at + 128] for at in range(0, len(raw), 128)]
            stopped = self.kill.is_set
            for request in sent:
                require(
                    not stopped or request[88] == IntentAction.CANCEL,
                    f"order {int.from_bytes(request[40:48], 'little')} left after the kill word",
                )
                self.venue.take(request)
        captured = self.pipeline.captured()
        require(sent == requests_of(captured), "what left is not what the journal says was sent")
        if captured:
            self.trace.update(captured)
            self.oracle.look(captured)
            self.pipeline.drop_captured()
        self.safe_seq = self.pipeline.ring_seq

    def work(self) -> None:
        """Reports, timers, and the feed's own waits."""
        now = self.clock.now_ns()
        while self.received < len(self.venue.log):
            self.received += 1
            self.step(self.venue.log[self.received - 1])
        while not self.is_over and (timer := self.pipeline.due_timer(now)) is not None:
            self.step(timer)
        self.poll()
        if not self.armed and self.venue.next_ns is None:
            self._arm()

    @property
    def troubled(self) -> bool:
        """The feed waits for something: poll it soon."""
        feed = self.feed
        recovery = feed.recovery
        return (
            recovery.phase is not Phase.LIVE
            or recovery.is_wanted
            or feed.stream.missing(self.clock.now_ns()) is not None
        )

    # ---- a life ends ----

    def crash(self, kind: Fault) -> None:
        """Die: only files are left, of the last records perhaps a part."""
        self.counts[kind] += 1
        self.up = False
        path = self.lives[-1]
        left = path.parent.with_name(path.parent.name + "-left")
        copy_files(path.parent, left)
        durable = self.journal.durable_seq
        ring = self.pipeline.out
        assert ring is not None
        self.counts[Fault.REQUEST_LOST] += ring.depth // 2
        self.close()
        shutil.rmtree(path.parent)
        self.lives[-1] = left / "journal"
        lost = 0
        if kind is Fault.CRASH_TORN:
            lost = cut_tail(self.lives[-1], self.safe_seq, self.dice)
        elif kind is Fault.CRASH_POWER:
            lost = lose_tail(self.lives[-1], durable, self.dice)
        if self.every and self.dice.chance(0.3):
            self.counts[Fault.IMAGE_DAMAGED] += damage_newest(
                snapshots_of(self.lives[-1]), self.dice
            )
        self._power = kind is Fault.CRASH_POWER
        self._expected = None if lost else state_digest(save_state(self.pipeline))

    def restart(self) -> None:
        """Recover from what is left, and go on in a new journal."""
        path = self.lives[-1]
        found = recover(path, classes=self.classes, until_damage=self._power)
        self.counts[Fault.TAIL_DAMAGED] += found.damage is not None
        digest = state_digest(save_state(found.pipeline))
        if len(self.lives) == 1:
            plain = recover(
                path, classes=self.classes, use_snapshots=False, until_damage=self._power
            )
            require(
                digest == state_digest(save_state(plain.pipeline)),
                "recovered from a snapshot and from the whole journal: the states differ",
            )
        require(
            self._expected in (None, digest), "recovered state is not that of the engine that died"
        )
        self._go_on(found)

    def close(self) -> None:
        """Let go of files and threads, as at the end of a process."""
        if self.keeper is not None:
            self.keeper.close()
        self.feed.close()
        self.journal.close()

    def _go_on(self, found: Recovered) -> None:
        number = len(self.lives) + 1
        path = self.directory / f"life-{number}" / "journal"
        path.parent.mkdir()
        self.journal = continue_journal(found, path, segment_slots=_SEGMENT_SLOTS)
        self.unsaid[-1] = bool(found.unsaid)
        self.found = found
        self.pipeline = found.pipeline
        self.kill = found.kill
        self.armed, self.up = False, True
        self.doomed = ""
        self.pipeline.capture_templates(WATCHED)
        self._look_again()
        self._begin(path)
        known = len(self.oracle.reported)
        repeated = min(known, self.dice.integers(0, 4))
        self.counts[Fault.REPORT_MISSED] += len(self.venue.log) - known
        self.counts[Fault.REPORT_REPEATED] += repeated
        self.received = known - repeated
        if self.servers[1] is not None:
            self.feed.resync()
        self.poll()

    def _look_again(self) -> None:
        """The oracle forgets what the journals do not hold."""
        self.oracle = Oracle(self.ids, self.careful)
        for path in self.lives:
            for slots in JournalReader(path, strict=False).slots():
                self.oracle.look(_watched(np.asarray(slots)))

    def _arm(self) -> None:
        """Settle what the venue does not know, compare, and let orders out again."""
        resting = {o.order_id: o for o in self.venue.exchange.open_orders()}
        for order in self.found.open_orders:
            action = None
            if order.order_id not in resting:
                action = IntentAction.SUBMIT
            elif order.state is OrderState.CANCEL_SENT:
                action = IntentAction.CANCEL
            if action is not None:
                self._refuse(order.order_id, action)
        symbols = {i.instrument_id: i.symbol for i in self.venue.market.instruments}
        positions = dict.fromkeys(symbols.values(), 0)
        for report in self.venue.log:
            if report[2] == Template.ORDER_FILL:
                qty = int.from_bytes(report[56:64], "little")
                symbol = symbols[int.from_bytes(report[32:36], "little")]
                positions[symbol] += qty if report[36] == Side.BUY else -qty
        orders = [
            VenueOrder(symbols[o.instrument_id], o.side, o.leaves_qty, order_id=o.order_id)
            for o in resting.values()
        ]
        found = self.found.reconcile(positions=positions, open_orders=orders)
        require(not found, f"after recovery: {'; '.join(map(str, found))}")
        self.found.arm()
        self.armed = True
        self.flush()

    def _refuse(self, order_id: int, action: IntentAction) -> None:
        now = self.clock.now_ns()
        order = self.pipeline.orders.find(order_id)
        assert order is not None
        self.step(
            encode(
                Template.ORDER_REJECT,
                ts_event_ns=now,
                ts_recv_ns=now,
                instrument_id=order.instrument_id,
                side=order.side,
                reason=RejectReason.UNKNOWN_ORDER,
                order_id=order_id,
                action=action,
                text=b"settled: never came in",
            )
        )

    # ---- the end ----

    def state(self) -> str:
        """Where it stands, in one line."""
        feed = self.feed
        return (
            f"up {self.up}, armed {self.armed}, feed {feed.recovery.phase.name}, expects "
            f"{feed.stream.expected} of {self.venue.sent}, ended {feed.ended}"
        )

    def end(self) -> None:
        """Close the session and its journal."""
        self.step(self._session(SessionKind.END))
        self.close()
        self.up = False


def _watched(slots: Any) -> bytes:
    """Records of the templates that the oracle looks at."""
    starts = walk(slots.reshape(-1))[0].astype(np.int64)
    templates = slots.reshape(-1).view("<u2")[starts * 32 + 1].astype(np.uint64)
    kept = np.flatnonzero((np.uint64(WATCHED) >> templates) & np.uint64(1))
    raw = slots.reshape(-1).tobytes()
    ends = [*starts.tolist()[1:], len(raw) // 64]
    return b"".join(raw[int(starts[i]) * 64 : ends[i] * 64] for i in kept.tolist())
