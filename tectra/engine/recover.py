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
from tectra.core.crc32c import crc32c
from tectra.core.errors import FileFormatError, InputError, JournalError, StateError, TectraError
from tectra.core.kill import KillReason, KillWord
from tectra.core.msg import KillAction, Template
from tectra.core.record import encode
from tectra.core.ring import SpscRing
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
from tectra.engine.tail import TailStepper
from tectra.journal.fault import Fault
from tectra.journal.manifest import Manifest
from tectra.journal.options import SEGMENT_SLOTS
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
    records; none of their orders was sent. `durability`: options of the journal, as its writer had
    them. `damage`: what lies behind the last record that was taken, where recover() was told to
    stop there.
    """

    directory: Path
    spec: SessionSpec
    pipeline: Pipeline
    kill: KillWord
    epoch: int
    journal_seq: int
    clock_domain: str
    durability: dict[str, Any]
    snapshot: EngineSnapshot | None
    refused: tuple[RefusedSnapshot, ...]
    tail_records: int
    damage: Fault | None
    unsaid: bytes
    raised: str | None
    duration_ns: int
    classes: Sequence[type[Any]] = field(repr=False)
    _agreed: tuple[object, ...] | None = None
    _latched: bool = False

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
        """Let new orders out. StateError before reconcile() agreed, and when orders or positions
        changed since; a kill that somebody else set stays.
        """
        if self._agreed is None:
            raise StateError(
                "arm: this engine was not reconciled with its venue; call "
                "reconcile(positions=, open_orders=) until it finds no difference"
            )
        if self._agreed != (self.positions, self.open_orders):
            raise StateError("arm: orders or positions changed since; reconcile again")
        if self.kill.is_set and self.kill.reason != KillReason.RECOVERY:
            raise StateError(
                f"arm: the kill word is set for another reason ({self.kill.reason!r}); clear that "
                "kill first"
            )
        self.kill.clear(self.kill.epoch, now_ns=max(1, self.pipeline.now_ns))
        if self.pipeline.risk.killed and not self._latched:
            # The engine saw the word of recovery while it stepped, and latched it.
            now = self.pipeline.now_ns
            self.pipeline.step_record(
                encode(
                    Template.CONTROL_KILL,
                    ts_event_ns=now,
                    ts_recv_ns=now,
                    action=KillAction.CLEAR,
                    reason=b"reconciled",
                )
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


def _durability(manifest: Manifest | None) -> dict[str, Any]:
    """What a journal that continues this one takes over."""
    if manifest is None:
        return {}
    names = ("durability", "commit_us", "commit_records")
    return {n: getattr(manifest, n) for n in names if getattr(manifest, n) is not None}


class _Attempt:
    """One way to the state: a snapshot, or the beginning."""

    def __init__(self, reader: JournalReader, spec: SessionSpec, classes: Any) -> None:
        self.reader = reader
        self.spec = spec
        self.classes = classes
        self.clock_domain = "" if reader.manifest is None else reader.manifest.clock_domain
        self.durability = _durability(reader.manifest)
        self.snapshot: EngineSnapshot | None = None
        self.refused: list[RefusedSnapshot] = []
        self.last_seq = 0
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
                load_state(self.pipeline, snapshot.image)
            except Exception as error:  # noqa: BLE001 - a strategy's load_state() may raise any
                said = str(error) if isinstance(error, TectraError) else f"{error!r}"
                self.refused.append(RefusedSnapshot(path, said))
                self.pipeline = self._fresh()
                continue
            self.snapshot = snapshot
            return

    def step_tail(self, until: int | None, progress: Progress | None) -> TailStepper:
        """Step what the journal has behind the state."""
        stepper = TailStepper(self.pipeline)
        stop = None if until is None else until + 1
        parts = self.reader.slots(self.pipeline.ring_seq + 1, stop)
        for done, slots in enumerate(parts, start=1):
            if stepper.records == 0:
                self.require_next(int(slots[0].view("<u8")[1]))
            stepper.run(slots.reshape(-1))
            if progress is not None:
                progress(done, self.reader.segment_count)
        return stepper

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
) -> tuple[_Attempt, TailStepper, int]:
    """The pipeline behind record `until` or the last one, and the epoch of the journal."""
    reader = JournalReader(directory, strict=strict)
    if reader.manifest is None:
        raise JournalError(f"{directory}: has no manifest; run `tectra journal verify {directory}`")
    spec = SessionSpec.from_journal(reader.session)
    epoch = int(reader.manifest.epoch, 16)
    found = spec.load_classes(directory) if classes is None else classes
    attempt = _Attempt(reader, spec, found)
    base = reader.manifest.segments[0].base_ring_seq if reader.manifest.segments else 0
    attempt.last_seq = max(base, reader.last_ring_seq or 0)
    if use_snapshots or base:
        attempt.take_newest(SnapshotStore(snapshots_of(directory), epoch=epoch), until)
    if attempt.snapshot is None:
        attempt.require_next(base + 1)
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
    attempt, stepper, epoch = _replay(
        path,
        classes,
        until=None,
        use_snapshots=use_snapshots,
        strict=not until_damage,
        progress=progress,
    )
    pipeline = attempt.pipeline
    unsaid = stepper.rest()
    stepper.close()
    kill = KillWord.private()
    kill.set(KillReason.RECOVERY, now_ns=max(1, pipeline.now_ns))
    latched = pipeline.risk.killed
    pipeline.attach_exit(SpscRing.private(_OUT_SLOTS, stamp=False), kill)
    return Recovered(
        directory=path,
        spec=attempt.spec,
        pipeline=pipeline,
        kill=kill,
        epoch=epoch,
        journal_seq=attempt.last_seq,
        clock_domain=attempt.clock_domain,
        durability=attempt.durability,
        snapshot=attempt.snapshot,
        refused=tuple(attempt.refused),
        tail_records=stepper.records,
        damage=attempt.reader.damage,
        unsaid=unsaid,
        raised=None if stepper.raised is None else str(stepper.raised),
        duration_ns=0 if clock is None else clock.now_ns() - start,
        classes=attempt.classes,
        _latched=latched,
    )


def continue_journal(
    recovered: Recovered,
    directory: Path | str,
    *,
    segment_slots: int = SEGMENT_SLOTS,
    **options: Any,
) -> JournalWriter:
    """A new journal that goes on where a recovered engine stands; the old one is not touched.
    Durability is that of the old one; `options`: see JournalOptions.

    First the engine's state as a snapshot, then the journal, whose session says which journal and
    record it continues: killed in between, it can be done again in the same directory.
    """
    target, pipeline = Path(directory), recovered.pipeline
    if target.resolve() == recovered.directory.resolve():
        raise InputError(f"{target}: holds the journal that is continued; give a new directory")
    if pipeline.journal is not None:
        raise StateError(f"this engine is journaled in {pipeline.journal.path} already")
    session = _continuing(recovered).to_journal()
    text = msgspec.json.encode(session, order="sorted")
    epoch = crc32c(text) << 32 | crc32c(text, 0x9E3779B9)
    with SnapshotStore(snapshots_of(target), epoch=epoch) as store:
        store.write(save_state(pipeline))
    if target.resolve().parent != recovered.directory.resolve().parent:
        keep_sources(recovered.classes, target)
    writer = JournalWriter(
        target,
        session=session,
        segment_slots=segment_slots,
        clock_domain=recovered.clock_domain,
        run_seed=recovered.spec.seed,
        epoch=epoch,
        base_ring_seq=pipeline.ring_seq,
        **{**recovered.durability, **options},
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
    attempt, stepper, epoch = _replay(path, None, until=until, progress=progress)
    if stepper.rest():  # the run died in the middle of this step
        before = stepper.last_input - 1
        attempt, stepper, epoch = _replay(path, None, until=before, progress=progress)
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
