"""The records of a damaged segment that can be trusted, and a segment file that holds them.

Pure functions; any thread; memory for one segment.
"""

import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tectra.core.msg import SCHEMA_ID
from tectra.journal.digest import Digest
from tectra.journal.fault import Cause
from tectra.journal.manifest import SegmentEntry
from tectra.journal.merkle import chain_head, merkle_root
from tectra.journal.salvage import Content, Run
from tectra.journal.scan import (
    CLOCK_DOMAINS,
    LAYOUT_VERSION,
    PAGE_BYTES,
    crc32c,
    record_bytes,
    slot_seed,
    slot_sums,
    slots_offset,
    walk,
)
from tectra.journal.segment import SLOT_BYTES, SegmentHead, Slots, column_u64, segment_name

__all__ = ["Break", "Image", "Kept", "keep_records", "make_segment"]

_MAGIC = b"TTJRNL\r\n"
_IDENTITY = struct.Struct("<8s4H2I3QB11x")
_CLOSING = struct.Struct("<2I3Q2q2Q32s32s")


@dataclass(frozen=True, slots=True)
class Break:
    """A place where records are missing: before the record `before`, or, None, at the end."""

    slot: int
    after: int | None
    before: int | None
    cause: Cause
    bytes: int


@dataclass(slots=True)
class Kept:
    """Records of one segment that are right and in order, and where some are missing."""

    slots: Slots
    records: int
    first_seq: int | None
    last_seq: int | None
    breaks: list[Break] = field(default_factory=list)
    refused: list[tuple[int, int]] = field(default_factory=list)  # (slot, ring_seq)


class _Walk:
    """One pass over a segment's slots. Records behind damage are taken up again at the first slot
    that can only be a record's first one.
    """

    def __init__(self, content: Content, last: int | None) -> None:
        self.content = content
        self.seqs = column_u64(content.slots, 1)
        self.parts: list[Slots] = []
        self.kept = Kept(content.slots[:0], 0, None, last)
        self.hole_at: int | None = None

    def run(self) -> Kept:
        good = self.content.good[: self.content.claimed]
        edges = np.flatnonzero(np.diff(np.concatenate(([0], good.view(np.int8), [0]))))
        end = 0
        for start, stop in edges.reshape(-1, 2).tolist():
            if start > end:
                self._hole(end)
            self._stretch(start, stop)
            end = stop
        if end < self.content.claimed:
            self._hole(end)
        if self.hole_at is not None:
            lost = (self.content.claimed - self.hole_at) * SLOT_BYTES
            self._break(self.hole_at, None, Cause.CRC, lost)
        if self.parts:
            self.kept.slots = np.concatenate(self.parts)
        return self.kept

    def _hole(self, slot: int) -> None:
        self.hole_at = slot if self.hole_at is None else self.hole_at

    def _break(self, slot: int, before: int | None, cause: Cause, lost: int) -> None:
        self.kept.breaks.append(Break(slot, self.kept.last_seq, before, cause, lost))

    def _stretch(self, at: int, stop: int) -> None:
        """Right slots; what they begin with may be the second half of a record that is lost."""
        slots = self.content.slots
        while at < stop:
            if self.hole_at is not None:
                found = self._resume(self.hole_at, at, stop)
                if found is None:
                    return
                at = found
            starts, used = walk(slots[at:stop])
            if len(starts):
                self._take(at, starts, used)
            at += used
            if at < stop:  # its second half is wrong, or it is no record of this schema
                self._hole(at)
                at += 1

    def _resume(self, hole: int, at: int, stop: int) -> int | None:
        """The first slot from `at` that begins a record whose number fits what was lost."""
        loose: int | None = None
        last = self.kept.last_seq
        for k in range(at, stop):
            if not record_bytes(self.content.slots[k]):
                continue
            seq = int(self.seqs[k])
            lost = seq - last - 1 if last is not None else None
            if lost is not None and -(-(k - hole) // 2) <= lost <= k - hole:
                return k
            if loose is None and (last is None or seq > last) and self._goes_on(k, stop, seq):
                loose = k
            if k > at + 1 and loose is not None:
                break
        return loose

    def _goes_on(self, k: int, stop: int, seq: int) -> bool:
        """Is the slot behind this record the next record, or nothing?"""
        behind = k + record_bytes(self.content.slots[k]) // SLOT_BYTES
        if behind >= stop:
            return behind == stop
        return bool(record_bytes(self.content.slots[behind])) and int(self.seqs[behind]) > seq

    def _take(self, at: int, starts: NDArray[np.uint32], used: int) -> None:
        """Records from slot `at`; those that do not come after what was kept are refused."""
        kept, seqs = self.kept, self.seqs[at : at + used][starts]
        edges = np.append(starts, used)
        lost = 0 if self.hole_at is None else (at - self.hole_at) * SLOT_BYTES
        if kept.last_seq is None:
            if self.hole_at is not None:
                self._break(self.hole_at, int(seqs[0]), Cause.CRC, lost)
            kept.last_seq = int(seqs[0]) - 1
            self.hole_at = None
        steps = np.diff(seqs, prepend=np.uint64(kept.last_seq)).view(np.int64)
        begins = np.union1d([0], np.flatnonzero(steps != 1))
        for i, stop in zip(begins.tolist(), [*begins[1:].tolist(), len(starts)], strict=True):
            late = min(stop - i, max(0, kept.last_seq + 1 - int(seqs[i])))
            kept.refused += [(at + int(edges[k]), int(seqs[k])) for k in range(i, i + late)]
            first = i + late
            if first == stop:
                continue
            if int(seqs[first]) != kept.last_seq + 1:
                cause = Cause.GAP if self.hole_at is None else Cause.CRC
                slot = at + int(edges[first]) if self.hole_at is None else self.hole_at
                self._break(slot, int(seqs[first]), cause, lost)
            self.hole_at, lost = None, 0
            begin = int(edges[first])
            self._add(at + begin, int(edges[stop]) - begin, seqs[first:stop])

    def _add(self, at: int, used: int, seqs: NDArray[np.uint64]) -> None:
        kept = self.kept
        self.parts.append(self.content.slots[at : at + used])
        kept.records += len(seqs)
        kept.first_seq = int(seqs[0]) if kept.first_seq is None else kept.first_seq
        kept.last_seq = int(seqs[-1])


def keep_records(content: Content, last_seq: int | None) -> Kept:
    """The records of a segment that follow `last_seq` (None: anything may come first)."""
    return _Walk(content, last_seq).run()


# ---- files ----


@dataclass(frozen=True, slots=True)
class Image:
    """A closed segment: the file's bytes, and what the manifest says about it."""

    parts: tuple[bytes, ...]
    entry: SegmentEntry


def make_segment(
    run: Run, segment_id: int, kept: Kept, base: int, *, content: Content, chain: bytes
) -> Image:
    """A segment file that holds these records from its first slot on. `content` gives what its old
    header knew; `chain` is the head of the chain before it, empty when the journal has none.
    """
    head = next((f.head for f in content.sources if f.head is not None), None)
    used = len(kept.slots)
    if used > run.capacity:
        raise AssertionError(f"{used} slots for a segment of {run.capacity}")
    slots = np.ascontiguousarray(kept.slots)
    digest, seed = Digest(), slot_seed(run.epoch, segment_id, run.capacity)
    digest.update(slots)
    body = slots.tobytes()
    root = merkle_root(body) if chain else bytes(32)
    link = chain_head(chain, run.epoch, segment_id, root) if chain else bytes(32)
    times = _times(kept, slots)
    page = _page(run, segment_id, base, head)
    page[64:72] = (used | (~used & 0xFFFFFFFF) << 32).to_bytes(8, "little")
    _CLOSING.pack_into(
        page, 128, 1, used, kept.records, kept.first_seq or 0, kept.last_seq if used else 0,
        *times, *digest.value(), root, link,
    )  # fmt: skip
    page[-4:] = crc32c(bytes(page[:-4])).to_bytes(4, "little")
    table = slot_sums(slots, seed).tobytes().ljust(slots_offset(run.capacity) - PAGE_BYTES, b"\0")
    entry = SegmentEntry(
        segment_id=segment_id,
        file=segment_name(segment_id),
        closed=True,
        base_ring_seq=base,
        slots=used,
        records=kept.records,
        first_ring_seq=kept.first_seq,
        last_ring_seq=kept.last_seq if used else None,
        digest=digest.hexdigest(),
        merkle_root=root.hex() if chain else None,
        chain=link.hex() if chain else None,
    )
    return Image((bytes(page), table, body), entry)


def _page(run: Run, segment_id: int, base: int, head: SegmentHead | None) -> bytearray:
    """A header page with its identity; the rest is zero."""
    page = bytearray(PAGE_BYTES)
    clock = run.clock_domain if head is None else head.clock_domain
    _IDENTITY.pack_into(
        page, 0, _MAGIC, LAYOUT_VERSION, SCHEMA_ID, run.schema_version, SLOT_BYTES, segment_id,
        run.capacity, run.epoch, base, run.run_seed if head is None else head.run_seed,
        CLOCK_DOMAINS.index(clock) if clock in CLOCK_DOMAINS else int(clock),
    )  # fmt: skip
    page[60:64] = crc32c(bytes(page[:60])).to_bytes(4, "little")
    return page


def _times(kept: Kept, slots: Slots) -> tuple[int, int]:
    """ts_recv_ns of the first and the last record."""
    if not kept.records:
        return 0, 0
    last = int(walk(slots)[0][-1])
    column = slots.view("<i8")[:, 3]
    return int(column[0]), int(column[last])
