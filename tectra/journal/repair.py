"""Repair of a damaged journal: a new one that verifies, with every record that can be trusted.

Nothing is guessed: a record is kept when its checksum is right for its place in its run; what is
missing is declared as holes, in the report and in the manifest. The result is written beside and
renamed, so that it is whole or not there. Any thread; no writer may be at work on the journal.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np

from tectra.core.errors import JournalError
from tectra.core.msg import SCHEMA_ID
from tectra.journal.claim import LOCK_NAME
from tectra.journal.fault import Cause, Fault
from tectra.journal.index import SegmentIndex
from tectra.journal.manifest import (
    MANIFEST_NAME,
    Hole,
    Manifest,
    Repair,
    SegmentEntry,
)
from tectra.journal.merkle import CHAIN_START
from tectra.journal.options import epoch_of
from tectra.journal.outlet import KEPT_NAME, Outlet, writer_absent
from tectra.journal.place import held_alone
from tectra.journal.rebuild import Break, Image, Kept, keep_records, make_segment
from tectra.journal.salvage import (
    Content,
    content_of,
    find_segments,
    identify,
    match_strays,
    run_of,
)
from tectra.journal.scan import LAYOUT_VERSION, slots_offset
from tectra.journal.segment import (
    PACKED_SUFFIX,
    SLOT_BYTES,
    SegmentFile,
    index_name,
    is_companion,
    segment_name,
)
from tectra.journal.verify import verify

__all__ = ["RepairReport", "repair"]

_FAR = 1000  # so many missing segments for each that is there are no journal any more


@dataclass(slots=True)
class RepairReport:
    """What a repair found and did. `holes` are the records it could not bring back, `recovered` the
    slots it found in the wrong place, `kept_as_is` the segments copied byte for byte; when nothing
    `changed` the result is a copy.
    """

    path: str
    out: str | None
    records: int = 0
    segments: int = 0
    kept_as_is: int = 0
    recovered: int = 0
    first_ring_seq: int | None = None
    last_ring_seq: int | None = None
    changed: bool = False
    holes: list[Hole] = field(default_factory=list)
    findings: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Records known to be missing; a hole whose end is not known counts one."""
        return sum(1 if h.records is None else h.records for h in self.holes)

    def as_dict(self) -> dict[str, object]:
        """Plain values."""
        return {
            "path": self.path,
            "out": self.out,
            "changed": self.changed,
            "segments": self.segments,
            "kept_as_is": self.kept_as_is,
            "records": self.records,
            "first_ring_seq": self.first_ring_seq,
            "last_ring_seq": self.last_ring_seq,
            "recovered_slots": self.recovered,
            "lost_records": self.lost,
            "holes": [msgspec.to_builtins(h) | {"records": h.records} for h in self.holes],
            "findings": [f.as_dict() for f in self.findings],
            "notes": self.notes,
        }

    def lines(self) -> Iterator[str]:
        """The report as text."""
        for finding in self.findings:
            yield f"found {finding}"
        yield from self.notes
        for hole in self.holes:
            where = "" if hole.offset is None else f", offset {hole.offset}"
            yield (
                f"HOLE {segment_name(hole.segment_id)}{where}: {hole}: "
                f"{hole.cause}, {hole.bytes} bytes"
            )
        span = ""
        if self.first_ring_seq is not None:
            span = f", ring_seq {self.first_ring_seq} to {self.last_ring_seq}"
        yield (
            f"{self.records} records in {self.segments} segments{span}; "
            f"{self.kept_as_is} segments as they were, {self.recovered} slots found elsewhere, "
            f"{len(self.holes)} holes"
        )
        yield "nothing written (dry run)" if self.out is None else f"written to {self.out}"


def repair(
    path: str | Path,
    out: str | Path | None = None,
    *,
    in_place: bool = False,
    dry_run: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> RepairReport:
    """Make a journal at `out` that verifies, from the one at `path`, which is not changed.

    `in_place` puts the result in the place of `path`, with every original file in
    `path`/damaged-<n>. `dry_run` only reports. `progress(done, total)` is called after each
    segment. A journal without damage is copied as it is.

    Raises JournalError when nothing tells which run this is, a writer is at work, or `out` exists
    or cannot be written; then nothing is left behind.
    """
    source = Path(path)
    if not dry_run and (out is None) != in_place:
        raise JournalError("give either a directory for the repaired journal or in_place")
    with writer_absent(source), held_alone(source) if in_place else contextlib.nullcontext():
        job = _Job(source, progress)
        if dry_run:
            for _ in job.images():
                pass
            job.finish()
            return job.report
        target = source if in_place else Path(out or "")
        job.report.out = str(target)
        with Outlet(source, target, replace=in_place) as outlet:
            for image in job.images():
                outlet.write(image.entry.file, *image.parts)
                job.copy_index(image.entry, outlet)
            outlet.write(MANIFEST_NAME, job.finish())
            _must_verify(outlet.part)
            if job.report.changed or not in_place:
                outlet.publish()
    return job.report


def _must_verify(directory: Path) -> None:
    """The last look before the result gets its name."""
    report = verify(directory)
    if not report.ok:
        raise JournalError(
            f"the repaired journal would not verify ({report.faults[0]}); nothing was written. "
            "Read what is valid with JournalReader(path, strict=False) and report this"
        )


class _Job:
    """One repair: what was found, and the journal that comes of it."""

    def __init__(self, source: Path, progress: Callable[[int, int], object] | None) -> None:
        self.source = source
        self.progress = progress
        found = verify(source)
        self.report = RepairReport(str(source), None)
        self.report.findings = [*found.faults, *found.warnings]
        self.body = _read(source / MANIFEST_NAME)
        self.manifest = _manifest(self.body)
        self.files = find_segments(source)
        self.run, listed = run_of(self.manifest, self.files)
        if not listed:
            what = "lost or damaged" if self.manifest is None else "of another run"
            self.report.notes.append(f"{MANIFEST_NAME} is {what}: made anew")
            self.manifest = None
        listing = [] if self.manifest is None else self.manifest.segments
        self.entries = {e.segment_id: e for e in listing}
        self.last_id = self._identify(source)
        self.base, self.last = self._start()
        self.chain = CHAIN_START if self._has_chain() else b""
        before = None if self.manifest is None else self.manifest.repair
        self.holes = [] if before is None else list(before.holes)
        self.was_closed = before.was_closed if before else bool(listing) and found.closed
        self.pending: Hole | None = None
        self.listed: list[SegmentEntry] = []
        self._left_out(source)

    def _identify(self, source: Path) -> int:
        """Which segment each file is; returns the number of the last one."""
        heads = [f.head.segment_id for f in self.files if f.head is not None]
        named = max([*heads, *self.entries, len(self.files)], default=0)
        for file in self.files:
            identify(file, self.run, named)
        ids = [f.segment_id for f in self.files if f.segment_id is not None]
        last = max([*ids, *self.entries], default=0)
        if last > _FAR * (len(self.files) + len(self.entries) + 1):
            raise JournalError(
                f"{source}: a segment says it is number {last}, of {len(self.files)} files; "
                "move it away, then repair"
            )
        return last

    def _left_out(self, source: Path) -> None:
        """What lies there and does not go into the result."""
        known = {f.path.name: f for f in self.files}
        for name in sorted(p.name for p in source.iterdir()):
            fixed = name in (MANIFEST_NAME, LOCK_NAME) or is_companion(name)
            if fixed or KEPT_NAME.fullmatch(name):
                continue
            found = known.get(name)
            if found is None:
                self.report.notes.append(f"{name}: left out")
            elif found.segment_id is None:
                self.report.notes.append(f"{name}: {found.problem}: left out")

    def _start(self) -> tuple[int, int | None]:
        """(base_ring_seq of the first segment, the number before the first record if known)."""
        head = next((f.head for f in self.files if f.segment_id == 1 and f.head), None)
        entry = self.entries.get(1)
        base = head.base_ring_seq if head else entry.base_ring_seq if entry else 0
        if base:
            return base, base
        if head is not None and head.closed and head.records:
            return 0, head.first_ring_seq - 1
        if entry is not None and entry.first_ring_seq is not None:
            return 0, entry.first_ring_seq - 1
        return 0, None

    def _has_chain(self) -> bool:
        if any(e.chain for e in self.entries.values()):
            return True
        return any(f.head and f.head.closed and f.head.chain.strip("0") for f in self.files)

    # ---- segments ----

    def images(self) -> Iterator[Image]:
        """The segments of the new journal, one by one."""
        moved = self._moved()
        for number in range(1, self.last_id + 1):
            content = self._content(number)
            for place, slot in moved.get(number, {}).items():
                content.put(place, slot)
            yield self._image(number, content)
            if self.progress is not None:
                self.progress(number, self.last_id)
        self._end()

    def _content(self, number: int) -> Content:
        sources = [f for f in self.files if f.segment_id == number]
        content = content_of(self.run, number, sources)
        entry = self.entries.get(number)
        if entry is not None and entry.closed and entry.slots is not None:
            content.claimed = min(max(content.claimed, entry.slots), self.run.capacity)
        return content

    def _moved(self) -> dict[int, dict[int, bytes]]:
        """Slots that lie elsewhere than they belong, by segment and place."""
        broken = {}
        for number in range(1, self.last_id + 1):
            content = self._content(number)
            if not content.sources or not content.good[: content.claimed].all():
                broken[number] = content
        out: dict[int, dict[int, bytes]] = {}
        if broken:
            for (number, place), slot in match_strays(self.run, broken, self.files).items():
                out.setdefault(number, {})[place] = slot
        return out

    def _image(self, number: int, content: Content) -> Image:
        report = self.report
        kept = keep_records(content, self.last)
        for slot, seq in kept.refused:
            report.notes.append(
                f"{segment_name(number)}, slot {slot}: ring_seq {seq} is right in itself but does "
                "not come after those before it: left out"
            )
        self._find_holes(number, content, kept)
        version = next((f.schema_version for f in content.sources if f.head), None)
        run = self.run if version is None else replace(self.run, schema_version=version)
        image = make_segment(run, number, kept, self.base, content=content, chain=self.chain)
        entry = self.entries.get(number)
        if entry is not None:
            image = Image(image.parts, msgspec.structs.replace(image.entry, fault=entry.fault))
        same = _same_file(image, content)
        if same is not None:
            report.kept_as_is += 1
            image = same
        else:
            report.notes.append(f"{segment_name(number)}: made anew with {kept.records} records")
            report.changed = True
        report.recovered += content.recovered
        report.segments += 1
        report.records += kept.records
        if kept.records:
            if report.first_ring_seq is None:
                report.first_ring_seq = kept.first_seq
            report.last_ring_seq = kept.last_seq
            self.base, self.last = kept.last_seq or 0, kept.last_seq
        self.chain = bytes.fromhex(image.entry.chain or "")
        self.listed.append(image.entry)
        return image

    def copy_index(self, entry: SegmentEntry, outlet: Outlet) -> None:
        """The index of a segment that is what it was goes with it; others are built again."""
        index = self.source / index_name(entry.segment_id)
        if not index.exists():
            return
        with contextlib.suppress(JournalError, OSError):
            body = index.read_bytes()
            found = SegmentIndex.parse(np.frombuffer(body, np.uint8), index.name)
            if found.fits(SegmentFile(outlet.part / entry.file)):
                outlet.write(index.name, body)

    # ---- what is missing ----

    def _find_holes(self, number: int, content: Content, kept: Kept) -> None:
        entry = self.entries.get(number)
        empty = entry is not None and entry.closed and entry.records == 0
        if not content.sources and not empty and self.pending is None:
            self.pending = Hole(number, None, self.last, None, str(Cause.MISSING), 0)
        fresh = kept.records > 0
        for brk in kept.breaks:
            hole = self._hole(number, content, brk)
            if self.pending is not None and brk.after == self.last:
                wait = self.pending
                hole = msgspec.structs.replace(
                    wait, after=brk.after, before=brk.before, bytes=wait.bytes + brk.bytes
                )
                self.pending = None
            if hole.before is None:
                self.pending = hole
            else:
                self._declare(hole)
            fresh = fresh and brk.after != self.last
        if self.pending is not None and fresh and not any(b.before is None for b in kept.breaks):
            self._settle(kept)

    def _settle(self, kept: Kept) -> None:
        """Records follow what was awaited: without a gap nothing was missing after all."""
        assert self.pending is not None
        if self.pending.after is None:
            self._declare(msgspec.structs.replace(self.pending, before=kept.first_seq))
        self.pending = None

    def _hole(self, number: int, content: Content, brk: Break) -> Hole:
        cause = brk.cause
        if cause is Cause.CRC:
            cause = self._cause(number, content, brk)
        offset = slots_offset(self.run.capacity) + SLOT_BYTES * brk.slot
        there = offset if content.sources else None
        return Hole(number, there, brk.after, brk.before, str(cause), brk.bytes)

    def _cause(self, number: int, content: Content, brk: Break) -> Cause:
        """Why slots are not right, as far as the files tell."""
        if not content.sources:
            foreign = any(f.number == number for f in self.files)
            return Cause.EPOCH if foreign else Cause.MISSING
        end = slots_offset(self.run.capacity) + SLOT_BYTES * brk.slot + brk.bytes
        if all(f.size < end for f in content.sources):
            return Cause.TRUNCATED
        return Cause.CRC

    def _end(self) -> None:
        """What was known to follow the last record that was kept."""
        ends = [e.last_ring_seq for e in self.entries.values() if e.last_ring_seq is not None]
        ends += [
            f.head.last_ring_seq
            for f in self.files
            if f.segment_id is not None and f.head and f.head.closed and f.head.records
        ]
        last = max(ends, default=None)
        hole = self.pending
        if last is not None and self.last is not None and last > self.last:
            known = hole or Hole(self.last_id, None, self.last, None, str(Cause.TRUNCATED), 0)
            self._declare(msgspec.structs.replace(known, before=last + 1))
        elif hole is not None and (last is None or last != self.last):
            self._declare(hole)

    def _declare(self, hole: Hole) -> None:
        """Add a hole; one that was declared before stays as it was, or is swallowed."""
        span = (hole.after, hole.before)
        if span in {(h.after, h.before) for h in self.holes}:
            return
        self.holes = [h for h in self.holes if not _within(h, hole)]
        self.holes.append(hole)

    # ---- manifest ----

    def finish(self) -> bytes:
        """The manifest's bytes; the old ones when nothing changed."""
        report = self.report
        report.holes = self.holes
        known = self.manifest
        if known is None:
            report.changed = True
            known = self._anew()
        elif not known.closed or known.segments != self.listed or list(self._old_holes()):
            report.changed = True
        if not report.changed:
            assert self.body is not None
            return self.body
        return msgspec.structs.replace(
            known,
            segments=self.listed,
            closed=True,
            repair=Repair(was_closed=self.was_closed, holes=self.holes),
        ).text()

    def _old_holes(self) -> Iterator[Hole]:
        """Holes that the manifest does not declare yet."""
        before = None if self.manifest is None else self.manifest.repair
        declared = [] if before is None else before.holes
        return (h for h in self.holes if h not in declared)

    def _anew(self) -> Manifest:
        run = self.run
        session = _proven_session(self.body, run.epoch)
        if session is None:
            what = "what the run said about itself (session) cannot be proven: left empty"
            self.report.notes.append(what)
        return Manifest(
            layout_version=LAYOUT_VERSION,
            schema_id=SCHEMA_ID,
            schema_version=run.schema_version,
            epoch=f"{run.epoch:016x}",
            run_seed=run.run_seed,
            clock_domain=run.clock_domain,
            segment_slots=run.capacity,
            durability="page-cache",
            session=session or {},
            segments=[],
        )


def _within(old: Hole, new: Hole) -> bool:
    """Is all of an old hole inside a new one?"""
    starts = new.after is None or (old.after is not None and old.after >= new.after)
    ends = new.before is None or (old.before is not None and old.before <= new.before)
    return starts and ends


def _same_file(image: Image, content: Content) -> Image | None:
    """The segment's file as it lies there, plain or packed, if it holds just these bytes."""
    name, size = image.entry.file, sum(map(len, image.parts))
    for found in content.sources:
        if found.size != size or found.path.name not in (name, name + PACKED_SUFFIX):
            continue
        if found.data().tobytes() != b"".join(image.parts):
            continue
        if found.path.name == name:
            return image
        if _packed_well(found.path):
            entry = msgspec.structs.replace(image.entry, file=found.path.name, compression="zstd")
            return Image((found.path.read_bytes(),), entry)
    return None


def _packed_well(path: Path) -> bool:
    try:
        return not SegmentFile(path).packing_faults()
    except JournalError:
        return False


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _manifest(body: bytes | None) -> Manifest | None:
    try:
        return None if body is None else Manifest.parse(body, MANIFEST_NAME)
    except JournalError:
        return None


def _proven_session(body: bytes | None, epoch: int) -> dict[str, object] | None:
    """The session in a damaged manifest, if the run's epoch follows from it: then it is whole."""
    try:
        found = msgspec.json.decode(body or b"")
        session = found["session"]
        return session if epoch_of(session) == epoch else None
    except (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError, JournalError):
        return None
