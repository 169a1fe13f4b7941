"""Verification of a journal directory: every byte is checked, every finding says where.

Unlike the reader it goes on behind damage. Read-only; any thread; bound by memory bandwidth.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import JournalError
from tectra.journal.claim import LOCK_NAME
from tectra.journal.digest import Digest
from tectra.journal.fault import Cause, Fault
from tectra.journal.manifest import CHECKPOINTS_NAME, MANIFEST_NAME, Manifest, SegmentEntry
from tectra.journal.outlet import KEPT_NAME
from tectra.journal.scan import PAGE_BYTES, crc_scan, record_bytes, walk
from tectra.journal.segment import (
    SLOT_BYTES,
    SegmentFile,
    Slots,
    column_u64,
    is_companion,
    segment_name,
    segment_number,
    segment_paths,
)
from tectra.journal.verify_seal import Seal, durable_findings, repair_findings

__all__ = ["VerifyReport", "verify"]

FAULTS_MAX = 1000  # a file full of zeros shall not make a list of millions
CHUNK = 1 << 20
_OWN_FILES = (MANIFEST_NAME, LOCK_NAME, CHECKPOINTS_NAME)

Crcs = NDArray[np.uint32]


@dataclass(slots=True)
class VerifyReport:
    """What was checked and what was found. `warnings` are the marks of a crash, not of damage;
    `clock_domain` is what the records' times count, "" when no header could be read; `durability`
    is the mode and what it promised, "" without a manifest.
    """

    path: str
    segments: int = 0
    records: int = 0
    slots: int = 0
    bytes: int = 0
    first_ring_seq: int | None = None
    last_ring_seq: int | None = None
    clock_domain: str = ""
    durability: str = ""
    closed: bool = False
    faults: list[Fault] = field(default_factory=list)
    faults_dropped: int = 0
    warnings: list[Fault] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """No damage; a journal that was only not closed is ok."""
        return not self.faults

    def add(self, fault: Fault) -> None:
        """Keep a fault, or count it when the list is long enough."""
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(fault)
        else:
            self.faults_dropped += 1

    def as_dict(self) -> dict[str, object]:
        """Plain values."""
        return {
            "path": self.path,
            "ok": self.ok,
            "segments": self.segments,
            "records": self.records,
            "bytes": self.bytes,
            "first_ring_seq": self.first_ring_seq,
            "last_ring_seq": self.last_ring_seq,
            "clock_domain": self.clock_domain,
            "durability": self.durability,
            "closed": self.closed,
            "faults": [f.as_dict() for f in self.faults],
            "faults_dropped": self.faults_dropped,
            "warnings": [w.as_dict() for w in self.warnings],
        }

    def lines(self) -> Iterator[str]:
        """The report as text, one line for each finding."""
        span = ""
        if self.first_ring_seq is not None:
            span = f", ring_seq {self.first_ring_seq} to {self.last_ring_seq}"
        yield (
            f"{self.path}: {self.segments} segments, {self.records} records, "
            f"{self.bytes} bytes{span}, clock {self.clock_domain or 'not known'}, "
            f"{'closed' if self.closed else 'not closed'}"
        )
        if self.durability:
            yield f"durability {self.durability}"
        for fault in self.faults:
            yield f"FAULT {fault}"
        if self.faults_dropped:
            yield f"FAULT and {self.faults_dropped} more"
        for warning in self.warnings:
            yield f"warning {warning}"
        yield "ok" if self.ok else f"{len(self.faults) + self.faults_dropped} faults"


def verify(path: str | Path, progress: Callable[[int, int], object] | None = None) -> VerifyReport:
    """Check a journal: manifest, headers, checksums, order, gaps, digests, stray files.

    `progress(done, total)` is called after each segment. Raises JournalError only when there is no
    journal at `path` at all.
    """
    directory = Path(path)
    report = VerifyReport(str(directory))
    manifest: Manifest | None = None
    try:
        # Before the files are listed: a live writer names a file first and lists it then.
        manifest = Manifest.load(directory)
    except JournalError as error:
        if not _segment_files(directory):
            raise
        report.add(Fault(None, MANIFEST_NAME, None, None, Cause.MANIFEST, str(error)))
    files = _segment_files(directory)
    entries = {} if manifest is None else {e.segment_id: e for e in manifest.segments}
    _check_files(report, directory, closed=manifest is None or manifest.closed)
    last = max([*files, *entries], default=0)
    last_seq: int | None = None
    seal = Seal(manifest)
    for number in _numbers(report, [*files, *entries]):
        entry = entries.get(number)
        if number in files:
            check = _SegmentCheck(report, files[number], number, manifest, seal)
            last_seq = check.run(last_seq, is_last=number == last)
        else:
            _missing(report, number, entry)
            seal.skip(number)
            last_seq = None
        if progress is not None:
            progress(number, last)
    for fault in seal.findings:
        report.add(fault)
    report.closed = manifest is not None and manifest.closed
    if manifest is not None:
        report.durability = manifest.promise()
        report.warnings += [*durable_findings(manifest), *repair_findings(manifest)]
    if manifest is not None and not manifest.closed:
        what = "the run did not close its journal: it is still running, or it crashed"
        report.warnings.append(Fault(None, MANIFEST_NAME, None, None, Cause.NOT_CLOSED, what))
    return report


def _numbers(report: VerifyReport, known: list[int]) -> Iterator[int]:
    """1 to the last segment; of a long stretch that is missing only so many as are told."""
    expected = 1
    for number in sorted(set(known)):
        yield from range(expected, min(number, expected + FAULTS_MAX))
        report.faults_dropped += max(0, number - expected - FAULTS_MAX)
        yield number
        expected = number + 1


def _segment_files(directory: Path) -> dict[int, Path]:
    return segment_paths(directory) if directory.is_dir() else {}


def _check_files(report: VerifyReport, directory: Path, *, closed: bool) -> None:
    """Files that do not belong here. Unfinished ones are the next segment and the reserve of a
    writer at work, or the mark of a crash.
    """
    for path in sorted(directory.iterdir()):
        if path.name in _OWN_FILES or segment_number(path.name):
            continue
        if KEPT_NAME.fullmatch(path.name) and path.is_dir():
            continue  # what a repair in place kept
        if is_companion(path.name) or (path.suffix == ".tmp" and not closed):
            continue
        if path.suffix in (".tmp", ".part"):
            what = "left by a writer that ended while it made the file; it holds no records"
            report.warnings.append(Fault(None, path.name, None, None, Cause.EXTRA_FILE, what))
        else:
            what = "no part of the journal; move it away"
            report.add(Fault(None, path.name, None, None, Cause.EXTRA_FILE, what))


def _missing(report: VerifyReport, number: int, entry: SegmentEntry | None) -> None:
    lost = "" if entry is None or entry.records is None else f" with {entry.records} records"
    seq = None if entry is None else entry.first_ring_seq
    what = f"the file{lost} is not there"
    report.add(Fault(number, segment_name(number), None, seq, Cause.MISSING, what))


class _SegmentCheck:
    """The checks of one segment file."""

    def __init__(
        self,
        report: VerifyReport,
        path: Path,
        number: int,
        manifest: Manifest | None,
        seal: Seal,
    ) -> None:
        self.report = report
        self.path = path
        self.number = number
        self.manifest = manifest
        self.entry = seal.entries.get(number)
        self.seal = seal
        self.records = 0

    def finding(
        self, cause: Cause, detail: str, slot: int | None = None, ring_seq: int | None = None
    ) -> Fault:
        offset = 0 if slot is None else self.file.offset_of(slot)
        return Fault(self.number, self.path.name, offset, ring_seq, cause, detail)

    def fault(
        self, cause: Cause, detail: str, slot: int | None = None, ring_seq: int | None = None
    ) -> None:
        self.report.add(self.finding(cause, detail, slot, ring_seq))

    def run(self, last_seq: int | None, *, is_last: bool) -> int | None:
        """Check everything; returns the last ring_seq, None when damage hides it."""
        report = self.report
        report.segments += 1
        try:
            self.file = SegmentFile(self.path)
        except (JournalError, OSError) as error:
            report.bytes += self.path.stat().st_size
            report.add(Fault(self.number, self.path.name, 0, None, Cause.HEADER, str(error)))
            self.seal.skip(self.number)
            return None
        self.path = self.file.path
        report.bytes += self.file.stored_bytes
        for fault in self.file.packing_faults():
            report.add(fault)
        if not self._identity():
            self.seal.skip(self.number)
            return None
        self._header(is_last=is_last)
        claimed = self.file.claimed
        count = min(claimed, self.file.slots_in_file)
        crcs = self.file.crcs(count)
        slots = self.file.map(count)
        bad = self._bad_slots(slots, crcs)
        last = self._records(slots, bad, last_seq)
        if count < claimed:
            what = f"the file ends behind {count} of {claimed} slots"
            self.fault(Cause.TRUNCATED, what, count, None if last is None else last + 1)
            last = None
        sound = not bad and count == claimed
        self.seal.check(self.file, slots if sound else None)
        if self.file.head.closed:
            self._behind_closed()
            if sound:
                self._summary(slots, last)
        else:
            self._behind_open(claimed, count)
        return last

    # ---- header ----

    def _identity(self) -> bool:
        head = self.file.head
        if head.segment_id != self.number:
            what = f"its header says it is segment {head.segment_id}: renamed, swapped or copied"
            self.fault(Cause.SEGMENT_ID, what)
            return False
        if self.manifest is not None and f"{head.epoch:016x}" != self.manifest.epoch:
            what = f"its epoch is {head.epoch:016x}, the run's is {self.manifest.epoch}"
            self.fault(Cause.EPOCH, what)
            return False
        return True

    def _header(self, *, is_last: bool) -> None:
        head, manifest, entry = self.file.head, self.manifest, self.entry
        self.report.clock_domain = self.report.clock_domain or head.clock_domain
        if head.closing_damaged:
            self.fault(Cause.HEADER, "its closing block or reserved bytes are damaged")
        if head.published is None:
            self.fault(Cause.HEADER, "its published count is damaged")
        elif not head.closed and not is_last and not head.closing_damaged:
            self._open_before_others()
        if manifest is None:
            return
        if entry is None and manifest.closed:
            self.fault(Cause.EXTRA_FILE, "the manifest does not list this segment")
        if entry is not None and entry.closed and not head.closed and not head.closing_damaged:
            self.fault(Cause.MANIFEST, "the manifest says closed, the header does not")
        if (head.run_seed, head.clock_domain) != (manifest.run_seed, manifest.clock_domain):
            self.fault(Cause.MANIFEST, "seed or clock domain differ from the manifest")

    def _open_before_others(self) -> None:
        """A segment is closed behind the writer's back, while it goes on in the next."""
        manifest, entry = self.manifest, self.entry
        if manifest is not None and not manifest.closed:
            what = "full, but not yet closed: the writer is at it, or ended before it was"
            self.report.warnings.append(self.finding(Cause.NOT_CLOSED, what))
        elif entry is None or entry.fault is None:
            self.fault(Cause.NOT_CLOSED, "not closed, though another segment follows")

    # ---- records ----

    def _bad_slots(self, slots: Slots, crcs: Crcs) -> list[int]:
        """Slots that do not match their checksums; at most a little more than are reported."""
        bad: list[int] = []
        at = 0
        while len(bad) <= FAULTS_MAX:
            at = crc_scan(slots, crcs, self.file.seed, at)
            if at >= len(slots):
                break
            bad.append(at)
            at += 1
        return bad

    def _records(self, slots: Slots, bad: list[int], last_seq: int | None) -> int | None:
        """Walk the stretches between bad slots. Returns the last ring_seq if it is certain."""
        base = self.file.head.base_ring_seq
        if last_seq is not None and base != last_seq:
            self.fault(Cause.GAP, f"continues after ring_seq {base}, but {last_seq} came last")
        head = self.file.head
        last: int | None = base or None
        if head.closed and head.records:
            last = head.first_ring_seq - 1  # the very first record may have any number
            if base and last != base and not self.seal.declared(base, last + 1):
                what = f"begins with ring_seq {last + 1}, the last one before was {base}"
                self.fault(Cause.GAP, what, 0, last + 1)
        at, in_step = 0, True
        for stop in [*bad, len(slots)]:
            while at < stop:
                at, last, whole = self._stretch(slots, at, stop, last)
                if not whole:
                    in_step = False
                    at, last = self._resync(slots, at, stop, last)
                    in_step = at < stop or in_step
            if stop < len(slots):
                expected = last + 1 if in_step and last is not None else None
                self._bad_sum(slots, stop, expected)
                next_stop = next((b for b in bad if b > stop), len(slots))
                at, last = self._resync(slots, stop + 1, next_stop, last)
                in_step = at < next_stop
        return last if in_step else None

    def _stretch(
        self, slots: Slots, at: int, stop: int, last: int | None
    ) -> tuple[int, int | None, bool]:
        """Intact records from `at`: (where they end, the last ring_seq, is the end sound)."""
        starts, used = walk(slots[at:stop])
        end = at + used
        if len(starts):
            last = self._sequence(slots, starts + np.uint32(at), last)
            self.report.slots += used
        if end == stop:
            return end, last, True
        cut = record_bytes(slots[end]) > (stop - end) * SLOT_BYTES
        if cut and stop < len(slots):
            return stop, last, True  # its second half is the bad slot, reported as such
        what = "the record is cut" if cut else "no record of this schema begins here"
        self.fault(Cause.RECORD, what, end, None if last is None else last + 1)
        return end + 1, last, False

    def _sequence(self, slots: Slots, starts: NDArray[np.uint32], last: int | None) -> int:
        """Sequence numbers of a run of intact records rise by one."""
        seqs = column_u64(slots, 1)[starts]
        report = self.report
        self.records += len(starts)
        report.records += len(starts)
        if report.first_ring_seq is None:
            report.first_ring_seq = int(seqs[0])
        report.last_ring_seq = int(seqs[-1])
        before = int(seqs[0]) - 1 if last is None else last
        steps = np.diff(seqs, prepend=np.uint64(before)).view(np.int64)
        for k in np.flatnonzero(steps != 1).tolist():
            self._step(int(seqs[k]), int(steps[k]), int(starts[k]))
        return int(seqs[-1])

    def _step(self, seq: int, step: int, slot: int) -> None:
        before = seq - step
        if step > 1 and self.seal.declared(before, seq):
            return
        if step > 1:
            cause, what = Cause.GAP, f"{step - 1} records between {before} and {seq} are missing"
        elif step == 0:
            cause, what = Cause.DUPLICATE, f"ring_seq {seq} twice"
        else:
            cause, what = Cause.ORDER, f"ring_seq {seq} after {before}"
        self.fault(cause, what, slot, seq)

    def _bad_sum(self, slots: Slots, slot: int, expected: int | None) -> None:
        """A slot that does not match its checksum: damaged, or whole but from elsewhere."""
        found = int(column_u64(slots, 1)[slot])
        if expected is not None and record_bytes(slots[slot]):
            # One flipped bit in ring_seq is damage; more, near by, is another record's block.
            moved = (found ^ expected).bit_count() > 1
            if moved and abs(found - expected) <= 2 * self.file.head.capacity:
                what = f"slot {slot} holds ring_seq {found}: a swapped, copied or stale block"
                self.fault(Cause.MISPLACED, what, slot, expected)
                return
        self.fault(Cause.CRC, f"slot {slot} does not match its checksum", slot, expected)

    def _resync(self, slots: Slots, at: int, stop: int, last: int | None) -> tuple[int, int | None]:
        """First slot in [at, stop) that can begin the next record. What damage hid is no gap."""
        for k in range(at, stop):
            seq = int(column_u64(slots, 1)[k])
            near = last is None or last < seq <= last + len(slots)
            if near and record_bytes(slots[k]):
                return k, seq - 1
        return stop, last

    # ---- what stands behind the records ----

    def _behind_closed(self) -> None:
        file = self.file
        end = file.offset_of(file.head.used)
        if any(self._nonzero(PAGE_BYTES + 4 * file.head.used, file.slots_offset)):
            self.fault(Cause.TRAILING, "checksums behind the last slot")
        if file.size <= end:
            return
        full = file.offset_of(file.head.capacity)
        if file.size == full and not any(self._nonzero(end, full)):
            what = "closed, but the writer ended before it cut the unused space off"
            self.report.warnings.append(self.finding(Cause.NOT_CLOSED, what, file.head.used))
        else:
            what = f"{file.size - end} bytes behind the last slot"
            self.fault(Cause.TRAILING, what, file.head.used)

    def _behind_open(self, claimed: int, count: int) -> None:
        """Behind the published count lie zeros, but for a record that was being written."""
        file = self.file
        full = file.offset_of(file.head.capacity)
        if file.head.closing_damaged:
            full = file.offset_of(claimed)
        if file.size < full and count == claimed:
            what = f"the file has {file.size} bytes of the {full} it was made with"
            self.fault(Cause.TRUNCATED, what, file.slots_in_file)
        if file.head.published is None or count < claimed:
            return
        end = max(file.valid, claimed)
        if end > claimed:
            what = f"{end - claimed} slots are whole but were not yet counted"
            self.report.warnings.append(self.finding(Cause.UNPUBLISHED, what, claimed))
        slots = self._nonzero(file.offset_of(end), file.size)
        sums = self._nonzero(PAGE_BYTES + 4 * end, file.slots_offset)
        far_slots = [at for at in slots if at >= file.offset_of(end + 2)]
        far_sums = [at for at in sums if at >= PAGE_BYTES + 4 * (end + 2)]
        if SegmentFile(self.path).head.published != file.head.published:
            return  # a writer is at work: what lies there now is its business
        if far_slots or far_sums:
            what = "bytes that no record explains behind the last one"
            at = min(far_slots + far_sums)
            self.report.add(Fault(self.number, self.path.name, at, None, Cause.TRAILING, what))
        elif slots or sums:
            what = "a record that was being written when the writer ended; it was never whole"
            self.report.warnings.append(self.finding(Cause.TORN, what, end))

    def _nonzero(self, start: int, stop: int) -> list[int]:
        """First and last offset in [start, stop) of a byte that is not zero; empty when all are."""
        first: int | None = None
        last = 0
        for at in range(start, stop, CHUNK):
            body = np.frombuffer(self.file.read(at, min(CHUNK, stop - at)), np.uint8)
            if body.any():
                found = np.flatnonzero(body)
                first = at + int(found[0]) if first is None else first
                last = at + int(found[-1])
        return [] if first is None else [first, last]

    # ---- summary ----

    def _summary(self, slots: Slots, last: int | None) -> None:
        """Header and manifest against what was read."""
        head, entry = self.file.head, self.entry
        digest = Digest()
        digest.update(slots)
        if digest.hexdigest() != head.digest:
            self.fault(Cause.HEADER, f"digest {digest.hexdigest()}, the header says {head.digest}")
        if head.records != self.records or (self.records and head.last_ring_seq != last):
            what = (
                f"{self.records} records up to ring_seq {last}; the header says {head.records} "
                f"up to {head.last_ring_seq}"
            )
            self.fault(Cause.HEADER, what)
        if entry is None or not entry.closed:
            return
        found = (head.used, head.records, head.digest, head.base_ring_seq)
        listed = (entry.slots, entry.records, entry.digest, entry.base_ring_seq)
        if found != listed:
            what = f"slots, records, digest, base are {found}, the manifest says {listed}"
            self.fault(Cause.MANIFEST, what)
