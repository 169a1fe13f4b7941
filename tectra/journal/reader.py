"""Reading a journal: segments as zero-copy arrays, records by template, inputs and outputs apart.

Opens while a writer is active and after a crash. Every checksum is verified once, when a segment is
first touched; what cannot be trusted is never handed out. One thread at a time for each reader.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import JournalCorruptError, JournalError
from tectra.core.msg import DIRECTION, DTYPES, Template
from tectra.journal.fault import Cause, Fault
from tectra.journal.manifest import Manifest
from tectra.journal.segment import (
    SegmentFile,
    Slots,
    column_u64,
    segment_number,
    segment_paths,
)

__all__ = ["JournalReader", "Narrow", "Spans"]

Spans = list[tuple[int, int]]
Narrow = Callable[[SegmentFile], Spans | None]

_SEQ_MAX = 2**64 - 1
_TEMPLATES = {int(t): t for t in Template}
_BY_DIRECTION = {
    name: np.isin(np.arange(2**16), [int(t) for t, d in DIRECTION.items() if d == name])
    for name in ("input", "output", "note")
}


class JournalReader:
    """A journal directory as it was when opened (`refresh` looks again).

    `strict` (default): damage raises JournalCorruptError when reading reaches it, after everything
    before it was handed out. Not strict: reading ends there. Either way `damage` says what and
    where. The torn tail of a run that crashed is no damage: reading ends, and `tail` tells.
    A journal whose manifest is damaged is refused when strict.
    """

    def __init__(self, path: str | Path, *, strict: bool = True) -> None:
        self.path = Path(path)
        self.strict = strict
        self.manifest: Manifest | None = None
        self._segments: list[SegmentFile] = []
        self.damage: Fault | None = None
        self.tail: Fault | None = None
        self.refresh()

    def refresh(self) -> None:
        """Look at the directory again: new segments, more records. Arrays handed out stay valid."""
        self.damage = self.tail = None
        try:
            self.manifest = Manifest.load(self.path)
        except JournalError:
            if self.strict or not self.path.is_dir():
                raise
            self.manifest = None
        self.__dict__.pop("_counts", None)
        files = segment_paths(self.path)
        known = {s.head.segment_id: s for s in self._segments}
        self._segments = []
        self._end: Fault | None = None
        for number in range(1, max(files, default=0) + 1):
            path = files.get(number)
            if path is None:
                self._end = Fault(
                    number, f"segment {number}", None, None, Cause.MISSING, "the file is not there"
                )
                break
            try:
                self._segments.append(_opened(path, known.get(number)))
            except FileNotFoundError:  # it went after the directory was listed
                what = "the file is not there"
                self._end = Fault(number, path.name, None, None, Cause.MISSING, what)
                break
            except JournalError as error:
                self._end = Fault(number, path.name, 0, None, Cause.HEADER, str(error))
                break

    # ---- what kind of journal ----

    @property
    def session(self) -> dict[str, object]:
        """What the run wrote about itself; empty when the manifest is lost."""
        return {} if self.manifest is None else self.manifest.session

    @property
    def result(self) -> dict[str, object] | None:
        """What close() was given; None while open and after a crash."""
        return None if self.manifest is None else self.manifest.result

    @property
    def closed(self) -> bool:
        """Did the writer close the journal?"""
        return self.manifest is not None and self.manifest.closed

    @property
    def segment_count(self) -> int:
        """Segments that can be opened."""
        return len(self._segments)

    @property
    def segment_files(self) -> tuple[SegmentFile, ...]:
        """The segments that can be opened, in order; nothing of them is checked yet."""
        return tuple(self._segments)

    # ---- reading ----

    def _sound(self) -> Iterator[SegmentFile]:
        """Segments in order up to the first damage; of a damaged one the valid prefix counts."""
        for segment, _ in self.pieces():
            yield segment

    def pieces(
        self, narrow: Narrow | None = None, *, first: int = 1
    ) -> Iterator[tuple[SegmentFile, Spans | None]]:
        """Segments from number `first` on, up to the first damage; of a damaged one the valid
        prefix counts.

        Where `narrow` gives stretches of slots for a closed segment, that segment is not read here:
        whoever takes the stretches checks them (SegmentFile.sound_part). None: all of it is meant.
        """
        before: int | None = None
        for segment in self._segments[first - 1 :]:
            fault = self._link(before, segment)
            if fault is not None:
                self._stop(fault)
                return
            head = segment.head
            spans = narrow(segment) if narrow is not None and head.closed else None
            yield segment, spans
            if spans is not None:
                before = head.last_ring_seq if head.records else head.base_ring_seq
                segment.forget_bytes()
                continue
            fault = segment.damage()
            if fault is not None:
                if fault.cause is not Cause.TORN or segment is not self._segments[-1]:
                    self._stop(fault)
                    return
                self.tail = fault
            before = segment.last_ring_seq
            segment.forget()
        if self._end is not None:
            self._stop(self._end)

    def _link(self, before: int | None, segment: SegmentFile) -> Fault | None:
        """Does the segment continue after `before`, the last ring_seq so far?"""
        head, number = segment.head, segment_number(segment.path.name)
        if head.segment_id != number:
            cause, what = Cause.SEGMENT_ID, f"its header says it is segment {head.segment_id}"
        elif self.manifest is not None and f"{head.epoch:016x}" != self.manifest.epoch:
            cause, what = Cause.EPOCH, f"epoch {head.epoch:016x}, not {self.manifest.epoch}"
        elif before is not None and head.base_ring_seq != before:
            cause = Cause.GAP
            what = f"continues after {head.base_ring_seq}, but {before} came last"
        else:
            return None
        return Fault(number, segment.path.name, 0, None, cause, what)

    def _stop(self, fault: Fault) -> None:
        self.damage = fault
        if self.strict:
            raise JournalCorruptError(
                f"{self.path}: {fault}; run `tectra journal verify {self.path}` for the whole "
                "picture, or read the valid part with strict=False"
            )

    def segments(self) -> Iterator[tuple[SegmentFile, Slots]]:
        """Each segment with its valid slots, zero-copy and read-only, [n, 64]."""
        for segment in self._sound():
            yield segment, segment.slots

    def slots(self, start_seq: int | None = None, stop_seq: int | None = None) -> Iterator[Slots]:
        """Whole records with start_seq <= ring_seq < stop_seq as arrays of slots, zero-copy."""
        for segment in self._sound():
            part = _cut(segment, start_seq, stop_seq)
            if len(part):
                yield part
            if stop_seq is not None and segment.last_ring_seq + 1 >= stop_seq:
                return

    def records(
        self, start_seq: int | None = None, stop_seq: int | None = None
    ) -> Iterator[tuple[Template, memoryview]]:
        """(template, bytes) of each record; the view is zero-copy and read-only."""
        for segment in self._sound():
            first, last = _bounds(segment, start_seq, stop_seq)
            data = segment.slots.reshape(-1).data
            edges = [*segment.starts.tolist(), segment.valid]
            ids = _template_ids(segment).tolist()
            for k, (a, b) in enumerate(pairwise(edges[first : last + 1]), first):
                yield _TEMPLATES[ids[k]], data[a * 64 : b * 64]

    def column_view(
        self, template: Template, start_seq: int | None = None, stop_seq: int | None = None
    ) -> NDArray[np.void]:
        """All records of one template as a structured array (a copy) of DTYPES[template]."""
        dtype = DTYPES[template]
        parts = [np.empty((0, dtype.itemsize), np.uint8)]
        for segment in self._sound():
            first, last = _bounds(segment, start_seq, stop_seq)
            ids = _template_ids(segment)[first:last]
            at = segment.starts[first:last][ids == template]
            rows = segment.slots[at]
            if dtype.itemsize == 128:
                rows = np.concatenate([rows, segment.slots[at + 1]], axis=1)
            parts.append(rows)
        columns: NDArray[np.void] = np.concatenate(parts).reshape(-1).view(dtype)
        return columns

    def inputs(self, start_seq: int | None = None, stop_seq: int | None = None) -> Iterator[Slots]:
        """Input records only, in order, as arrays of slots (copies)."""
        return self._of_direction("input", start_seq, stop_seq)

    def outputs(self, start_seq: int | None = None, stop_seq: int | None = None) -> Iterator[Slots]:
        """Output records only, in order, as arrays of slots (copies)."""
        return self._of_direction("output", start_seq, stop_seq)

    def _of_direction(
        self, direction: str, start_seq: int | None, stop_seq: int | None
    ) -> Iterator[Slots]:
        wanted = _BY_DIRECTION[direction]
        for segment in self._sound():
            first, last = _bounds(segment, start_seq, stop_seq)
            if last == first:
                continue
            edges = np.append(segment.starts, segment.valid)[first : last + 1]
            keep = np.repeat(wanted[_template_ids(segment)[first:last]], np.diff(edges))
            part = segment.slots[edges[0] : edges[-1]][keep]
            if len(part):
                yield part

    # ---- counting ----

    @cached_property
    def _counts(self) -> dict[Template, int]:
        total = np.zeros(2**16, np.int64)
        for segment in self._sound():
            total += np.bincount(_template_ids(segment), minlength=2**16)
        return {_TEMPLATES[int(t)]: int(total[t]) for t in np.flatnonzero(total)}

    def count_by_template(self) -> dict[Template, int]:
        """How many records of each template; templates that do not occur are left out."""
        return dict(self._counts)

    @property
    def record_count(self) -> int:
        """Records that read back."""
        return sum(len(segment.starts) for segment in self._sound())

    @property
    def first_ring_seq(self) -> int | None:
        """ring_seq of the first record; None in an empty journal."""
        for segment in self._sound():
            if segment.valid:
                return int(segment.ring_seqs[0])
        return None

    @property
    def last_ring_seq(self) -> int | None:
        """ring_seq of the last record that reads back; None in an empty journal."""
        last = None
        for segment in self._sound():
            if segment.valid:
                last = segment.last_ring_seq
        return last


def _opened(path: Path, known: SegmentFile | None) -> SegmentFile:
    """The segment at a path; what was found out about it before is not done again."""
    if known is None:
        return SegmentFile(path)
    if known.head.closed:
        return known
    fresh = SegmentFile(path, checked=known.known_valid)
    return fresh if fresh.head.epoch == known.head.epoch else SegmentFile(path)


def _template_ids(segment: SegmentFile) -> NDArray[np.uint16]:
    """Template id of every record."""
    ids: NDArray[np.uint16] = segment.slots.view("<u2")[:, 1][segment.starts]
    return ids


def _bounds(segment: SegmentFile, start_seq: int | None, stop_seq: int | None) -> tuple[int, int]:
    """Record numbers [first, last) of a segment that fall into the wanted range."""
    count = len(segment.starts)
    if start_seq is None and stop_seq is None:
        return 0, count
    seqs = column_u64(segment.slots, 1)[segment.starts]
    first = 0 if start_seq is None else _place(seqs, start_seq)
    last = count if stop_seq is None else _place(seqs, stop_seq)
    return first, max(first, last)


def _place(seqs: NDArray[np.uint64], seq: int) -> int:
    """How many numbers are below `seq`, which may lie beyond all that 64 bits hold."""
    if seq > _SEQ_MAX:
        return len(seqs)
    return int(np.searchsorted(seqs, np.uint64(max(0, seq))))


def _cut(segment: SegmentFile, start_seq: int | None, stop_seq: int | None) -> Slots:
    if start_seq is None and stop_seq is None:
        return segment.slots
    first, last = _bounds(segment, start_seq, stop_seq)
    edges = np.append(segment.starts, segment.valid)
    return segment.slots[edges[first] : edges[last]]
