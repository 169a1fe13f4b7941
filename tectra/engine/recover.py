"""From the files that a run left to an engine that could go on: newest whole snapshot, and the tail
of the journal on top of it.

Nothing is written: whoever is killed here starts again and comes to the same bytes. What comes out
is disarmed: its kill word is set, and no order but a cancel passes the gate, until what the journal
says is open and held was compared with what the venue says.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tectra.core.clock import Clock
from tectra.core.errors import (
    FileFormatError,
    InputError,
    JournalError,
    ReplayMismatchError,
    StateError,
    TectraError,
)
from tectra.core.kill import KillReason, KillWord
from tectra.core.msg import KillAction, Template
from tectra.core.record import encode
from tectra.core.ring import SpscRing
from tectra.engine.compare import Comparator
from tectra.engine.image import load_state, save_state
from tectra.engine.parts import OUTPUT_MASK
from tectra.engine.pipeline import Pipeline
from tectra.engine.reconcile import (
    HeldPosition,
    Mismatch,
    OpenOrder,
    VenueOrder,
    differences,
    open_orders_of,
    positions_of,
)
from tectra.engine.session import SessionSpec, keep_sources
from tectra.engine.snapshot import SnapshotStore, snapshots_of
from tectra.engine.snapshot_file import EngineSnapshot
from tectra.journal.claim import refuse_second_run
from tectra.journal.digest import Digest
from tectra.journal.fault import Fault
from tectra.journal.manifest import Manifest
from tectra.journal.options import epoch_of
from tectra.journal.reader import JournalReader
from tectra.journal.writer import JournalWriter

__all__ = ["Recovered", "RefusedSnapshot", "continue_journal", "make_snapshot", "recover"]

Progress = Callable[[int, int], None]
_OUT_SLOTS = 4096
_CONTINUES = "continues"


@dataclass(frozen=True)
class RefusedSnapshot:
    """A snapshot that was passed over, and why."""

    path: Path
    reason: str


@dataclass
class Recovered:
    """An engine as the journal leaves it, disarmed. The thread that steps it owns it.

    `ring_seq` is the engine's last record, `journal_seq` the last one in the journal. A run that
    died while it said something is ahead of its journal by what it says again: `unsaid` are those
    records; none of their orders was sent. `damage`: what lies behind the last record that was
    taken, where recover() was told to stop there.
    """

    directory: Path
    spec: SessionSpec
    pipeline: Pipeline
    kill: KillWord
    epoch: int
    journal_seq: int
    clock_domain: str
    snapshot: EngineSnapshot | None
    refused: tuple[RefusedSnapshot, ...]
    tail_records: int
    damage: Fault | None
    unsaid: bytes
    raised: str | None
    duration_ns: int
    classes: Sequence[type[Any]] = field(repr=False)
    _agreed: tuple[object, ...] | None = None
    _latch: int | None = None  # version of the risk chain once recovery's kill is in it
    _attempts: int = 0

    @property
    def ring_seq(self) -> int:
        """Number of the engine's last record."""
        return self.pipeline.ring_seq

    @property
    def armed(self) -> bool:
        """May new orders leave?"""
        return not self.kill.is_set

    @property
    def open_orders(self) -> tuple[OpenOrder, ...]:
        """Orders in flight: everything that has not ended, as far as the journal tells."""
        return open_orders_of(self.pipeline)

    @property
    def positions(self) -> tuple[HeldPosition, ...]:
        """Positions of the account (strategy 0) and of the strategies."""
        return positions_of(self.pipeline)

    def reconcile(
        self, *, positions: Mapping[str, int], open_orders: Iterable[VenueOrder]
    ) -> tuple[Mismatch, ...]:
        """Compare with what the venue says: net quantity by symbol, and every open order.

        What differs is returned; nothing means that arm() may be called. To settle a difference
        step the report that was missed (a fill, a cancel), and reconcile again.
        """
        found = differences(self.pipeline, positions, open_orders)
        self._agreed = None if found else (self.positions, self.open_orders)
        return found

    def arm(self) -> None:
        """Let new orders out. StateError before reconcile() agreed, when orders or positions
        changed since, and when somebody set the kill word beside recovery: clear() it first.

        The engine's own latch is taken back with it unless it was there before, or another kill or
        limit was said meanwhile: then a control_kill record that clears is for whoever said it.
        """
        if self._agreed is None:
            raise StateError(
                "arm: this engine was not reconciled with its venue; call "
                "reconcile(positions=, open_orders=) until it finds no difference"
            )
        if self._agreed != (self.positions, self.open_orders):
            raise StateError("arm: orders or positions changed since; reconcile again")
        now = self.pipeline.now_ns
        if self.kill.is_set:
            self._require_own_kill()
            self.kill.clear(self.kill.epoch, now_ns=max(1, now))
            if self.kill.attempts != self._attempts:
                # Said between the look and the clear: it must not be lost.
                self.kill.set(KillReason.RECOVERY, now_ns=max(1, now))
                self._require_own_kill()
        if self.pipeline.risk.killed and self.pipeline.risk.version == self._latch:
            # The engine saw the word of recovery while it stepped, and latched it.
            self.pipeline.step_record(
                encode(
                    Template.CONTROL_KILL,
                    ts_event_ns=now,
                    ts_recv_ns=now,
                    action=KillAction.CLEAR,
                    reason=b"reconciled",
                )
            )

    def _require_own_kill(self) -> None:
        """The first reason stays in the word: that it was set again shows in the attempts only."""
        if self.kill.reason != KillReason.RECOVERY:
            raise StateError(
                f"arm: the kill word is set for another reason ({self.kill.reason!r}); clear that "
                "kill first"
            )
        if self.kill.attempts != self._attempts:
            raise StateError(
                "arm: the kill word was set again since recovery began; find out by whom and why, "
                "then clear() it"
            )

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "path": str(self.directory),
            "epoch": f"{self.epoch:016x}",
            "ring_seq": self.ring_seq,
            "journal_seq": self.journal_seq,
            "now_ns": self.pipeline.now_ns,
            "snapshot": None if self.snapshot is None else self.snapshot.path.name,
            "snapshot_seq": None if self.snapshot is None else self.snapshot.ring_seq,
            "refused": [{"snapshot": r.path.name, "reason": r.reason} for r in self.refused],
            "tail_records": self.tail_records,
            "damage": None if self.damage is None else self.damage.as_dict(),
            "unsaid_bytes": len(self.unsaid),
            "raised": self.raised,
            "duration_ns": self.duration_ns,
            "armed": self.armed,
            "output_digest": self.pipeline.summary.output_digest,
            "open_orders": [
                {**asdict(o), "side": o.side.name, "state": o.state.name} for o in self.open_orders
            ],
            "positions": [asdict(p) for p in self.positions],
        }


class _Attempt:
    """One way to the state: a snapshot, or the beginning."""

    def __init__(self, reader: JournalReader, spec: SessionSpec, classes: Any) -> None:
        self.reader = reader
        self.spec = spec
        self.classes = classes
        self.clock_domain = "" if reader.manifest is None else reader.manifest.clock_domain
        self.snapshot: EngineSnapshot | None = None
        self.refused: list[RefusedSnapshot] = []
        listed = [] if reader.manifest is None else reader.manifest.segments
        self.base = listed[0].base_ring_seq if listed else 0
        self.last_seq = max(self.base, reader.last_ring_seq or 0)
        self.pipeline = self._fresh()

    def _fresh(self) -> Pipeline:
        return self.spec.make_pipeline(self.classes, capture_mask=OUTPUT_MASK, with_out_ring=False)

    def take_newest(self, store: SnapshotStore, until: int | None) -> None:
        """Put the newest snapshot that is whole into the pipeline; name those that are not."""
        for path in store.paths():
            try:
                snapshot = store.read(path)
                if until is not None and snapshot.ring_seq > until:
                    continue
                if snapshot.ring_seq > self.last_seq:
                    raise FileFormatError(
                        f"stands behind record {snapshot.ring_seq}, but the journal ends with "
                        f"{self.last_seq}"
                    )
                self._require_same_run(snapshot)
                load_state(self.pipeline, snapshot.image)
            except Exception as error:  # noqa: BLE001 - a strategy's load_state() may raise any
                said = str(error) if isinstance(error, TectraError) else f"{error!r}"
                self.refused.append(RefusedSnapshot(path, said))
                self.pipeline = self._fresh()
                continue
            self.snapshot = snapshot
            return

    def _require_same_run(self, snapshot: EngineSnapshot) -> None:
        """FileFormatError for a snapshot of other records: runs of equal sessions, one after the
        other in one place, have one epoch. A continued journal's epoch tells by itself.
        """
        if self.base:
            return
        digest = Digest()
        for slots in self.reader.inputs(None, snapshot.ring_seq + 1):
            digest.update(slots)
        if digest.state_hex != snapshot.input_digest:
            raise FileFormatError(
                f"was made of other inputs (digest {snapshot.input_digest[:12]}) than this journal "
                f"has up to record {snapshot.ring_seq} ({digest.state_hex[:12]})"
            )

    def step_tail(self, until: int | None, progress: Progress | None) -> Comparator:
        """Step what the journal has behind the state; every output must be the journal's."""
        comparator = Comparator(self.pipeline)
        stop = None if until is None else until + 1
        parts = self.reader.slots(self.pipeline.ring_seq + 1, stop)
        for done, slots in enumerate(parts, start=1):
            if comparator.records == 0:
                self.require_next(int(slots[0].view("<u8")[1]))
            if not comparator.run(slots.reshape(-1)):
                raise ReplayMismatchError(
                    f"{comparator.divergence}; the state or the code is not what wrote the "
                    "journal: recover without snapshots, or with that build"
                )
            if progress is not None:
                progress(done, self.reader.segment_count)
        return comparator

    def require_next(self, first: int) -> None:
        """JournalError unless this record follows the state."""
        if first == self.pipeline.ring_seq + 1:
            return
        before = self.spec.data.get(f"{_CONTINUES}_path")
        hint = f"; it continues {before}: recover that one" if before else ""
        tried = "".join(f"; {r.path.name}: {r.reason}" for r in self.refused)
        raise JournalError(
            f"{self.reader.path}: begins with record {first}, and no whole snapshot leads to "
            f"it{tried}{hint}"
        )


def _replay(
    directory: Path,
    classes: Sequence[type[Any]] | None,
    *,
    until: int | None,
    use_snapshots: bool = True,
    strict: bool = True,
    progress: Progress | None = None,
) -> tuple[_Attempt, Comparator, int]:
    """The pipeline behind record `until` or the last one, and the epoch of the journal."""
    reader = JournalReader(directory, strict=strict)
    if reader.manifest is None:
        raise JournalError(f"{directory}: has no manifest; run `tectra journal verify {directory}`")
    spec = SessionSpec.from_journal(reader.session)
    epoch = int(reader.manifest.epoch, 16)
    found = spec.load_classes(directory) if classes is None else classes
    attempt = _Attempt(reader, spec, found)
    if use_snapshots or attempt.base:
        attempt.take_newest(SnapshotStore(snapshots_of(directory), epoch=epoch), until)
    if attempt.snapshot is None:
        attempt.require_next(attempt.base + 1)
    return attempt, attempt.step_tail(until, progress), epoch


def recover(
    directory: Path | str,
    *,
    classes: Sequence[type[Any]] | None = None,
    use_snapshots: bool = True,
    until_damage: bool = False,
    clock: Clock | None = None,
    progress: Progress | None = None,
) -> Recovered:
    """The engine of a journal's run as it stood at the last record; see Recovered.

    `classes`: of the strategies, by default those kept beside the journal. `clock` times it. Every
    output is compared with the journal's: ReplayMismatchError names the first record that differs.
    JournalCorruptError for damage before the end (the torn tail of a crash is none), JournalError
    when the files do not lead to a state.

    A loss of power leaves sectors in any order, and what was not synced may look like damage with
    whole records behind it. `until_damage`: take what lies before it and say so (`damage`).
    """
    path = Path(directory)
    start = 0 if clock is None else clock.now_ns()
    attempt, comparator, epoch = _replay(
        path,
        classes,
        until=None,
        use_snapshots=use_snapshots,
        strict=not until_damage,
        progress=progress,
    )
    pipeline = attempt.pipeline
    unsaid = comparator.rest()
    comparator.close()
    kill = KillWord.private()
    kill.set(KillReason.RECOVERY, now_ns=max(1, pipeline.now_ns))
    latch = None if pipeline.risk.killed else pipeline.risk.version + 1
    pipeline.attach_exit(SpscRing.private(_OUT_SLOTS, stamp=False), kill)
    return Recovered(
        directory=path,
        spec=attempt.spec,
        pipeline=pipeline,
        kill=kill,
        epoch=epoch,
        journal_seq=attempt.last_seq,
        clock_domain=attempt.clock_domain,
        snapshot=attempt.snapshot,
        refused=tuple(attempt.refused),
        tail_records=comparator.records,
        damage=attempt.reader.damage,
        unsaid=unsaid,
        raised=None if comparator.raised is None else str(comparator.raised),
        duration_ns=0 if clock is None else clock.now_ns() - start,
        classes=attempt.classes,
        _latch=latch,
        _attempts=kill.attempts,
    )


def continue_journal(recovered: Recovered, directory: Path | str, **options: Any) -> JournalWriter:
    """A new journal that goes on where a recovered engine stands; the old one is not touched.

    First the engine's state as a snapshot, then the journal, whose session says which journal and
    record it continues: killed in between, it can be done again in the same directory. It is as
    durable as the old one, and a disk that fails it sets the engine's kill word; `options` say
    otherwise: see JournalOptions. JournalError when the directory holds a journal; then nothing is
    written.
    """
    target, pipeline = Path(directory), recovered.pipeline
    if target.resolve() == recovered.directory.resolve():
        raise InputError(f"{target}: holds the journal that is continued; give a new directory")
    if pipeline.journal is not None:
        raise StateError(f"this engine is journaled in {pipeline.journal.path} already")
    refuse_second_run(target)
    session = _continuing(recovered).to_journal()
    epoch = epoch_of(session)
    before = Manifest.load(recovered.directory)
    kept = {
        "segment_slots": before.segment_slots,
        "durability": before.durability,
        "commit_us": before.commit_us,
        "commit_records": before.commit_records,
        "kill": recovered.kill,
    }
    with SnapshotStore(snapshots_of(target), epoch=epoch) as store:
        store.write(save_state(pipeline))
    if target.resolve().parent != recovered.directory.resolve().parent:
        keep_sources(recovered.classes, target)
    writer = JournalWriter(
        target,
        session=session,
        clock_domain=recovered.clock_domain,
        run_seed=recovered.spec.seed,
        epoch=epoch,
        base_ring_seq=pipeline.ring_seq,
        **{name: value for name, value in {**kept, **options}.items() if value is not None},
    )
    pipeline.attach_journal(writer)
    return writer


def _continuing(recovered: Recovered) -> SessionSpec:
    """The session of a journal that continues another."""
    spec = recovered.spec
    said = {
        f"{_CONTINUES}_path": str(recovered.directory),
        f"{_CONTINUES}_epoch": f"{recovered.epoch:016x}",
        f"{_CONTINUES}_ring_seq": recovered.ring_seq,
        f"{_CONTINUES}_digest": recovered.pipeline.summary.output_digest,
    }
    return msgspec.structs.replace(spec, data={**spec.data, **said})


def make_snapshot(
    directory: Path | str,
    *,
    at: int | None = None,
    compression: str = "none",
    progress: Progress | None = None,
) -> EngineSnapshot:
    """A snapshot from a journal alone: the state behind its last whole step, or behind the step
    that record `at` is part of. Outputs are compared on the way, as recover() does; no snapshot
    that is there is dropped. InputError when the journal does not hold `at`.
    """
    path = Path(directory)
    until = None if at is None else _end_of_step(path, at)
    attempt, comparator, epoch = _replay(path, None, until=until, progress=progress)
    if comparator.rest():  # the run died in the middle of this step
        before = comparator.last_input - 1
        attempt, comparator, epoch = _replay(path, None, until=before, progress=progress)
    with SnapshotStore(
        snapshots_of(path), epoch=epoch, keep=1 << 30, compression=compression
    ) as store:
        return store.read(store.write(save_state(attempt.pipeline)))


def _end_of_step(directory: Path, at: int) -> int:
    """Last record of the step that record `at` is part of."""
    reader = JournalReader(directory)
    last = reader.last_ring_seq
    if last is None or not 1 <= at <= last:
        raise InputError(f"at: found record {at}; allowed in {directory}: 1 to {last or 0}")
    for slots in reader.inputs(at + 1):
        return int(slots[0].view("<u8")[1]) - 1
    return last
