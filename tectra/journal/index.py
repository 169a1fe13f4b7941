"""The index of a closed segment: which blocks of records can hold what a query wants.

A block is 256 records. For each one the index knows its times, its first ring_seq and slot; for
each order, instrument, record type and strategy the blocks in which it occurs. An index narrows a
query and never answers it: the records of the blocks are read, summed and compared. It names the
digest of its segment, and one that is of another segment or damaged is not used.

    0    magic (8) "TTINDEX\\n" | version u16 | reserved u16 | block_records u32
    16   segment_id u32 | blocks u32 | epoch u64 | records u64 | slots u32 | sections u32
    48   digest (16)
    64   for each section: keys u32 | postings u32; then crc32c u32 of the body, crc32c u32 of the
         head up to here; then zeros up to a multiple of 8
    ..   body: ts_min i64[blocks] | ts_max i64[blocks] | first_ring_seq u64[blocks]
         | slot u32[blocks + 1]; for each section: key u64[keys] | edge u32[keys + 1]
         | block u32[postings]; each array padded with zeros to a multiple of 8 bytes

Little-endian; keys rise, and so do the blocks of a key. Any thread. Some 100 ns a record to build.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import JournalError
from tectra.journal.column import column, template_ids
from tectra.journal.manifest import naming
from tectra.journal.scan import crc32c
from tectra.journal.segment import SegmentFile, column_u64, index_name

__all__ = [
    "BLOCK_RECORDS",
    "SECTIONS",
    "SegmentIndex",
    "build_index",
    "index_path",
    "index_state",
    "load_index",
]

BLOCK_RECORDS = 256
SECTIONS = ("order_id", "instrument_id", "template_id", "strategy_id")
VERSION = 1
_MAGIC = b"TTINDEX\n"
_HEAD = struct.Struct("<8s2H3I2Q2I16s")
_ALIGN = 8


@dataclass(frozen=True, slots=True)
class Postings:
    """Sorted keys, and for key i the blocks[edges[i]:edges[i + 1]] in which it occurs."""

    keys: NDArray[np.uint64]
    edges: NDArray[np.uint32]
    blocks: NDArray[np.uint32]

    @classmethod
    def of(cls, values: NDArray[Any], *, skip_zero: bool) -> Self:
        """Of a value for each record, in the order of the records."""
        block = (np.arange(len(values)) // BLOCK_RECORDS).astype(np.uint32)
        if skip_zero:
            kept = values != 0
            values, block = values[kept], block[kept]
        order = np.argsort(values, kind="stable")
        values, block = values[order], block[order]
        fresh = np.ones(len(values), np.bool_)
        fresh[1:] = (values[1:] != values[:-1]) | (block[1:] != block[:-1])
        values, block = values[fresh], block[fresh]
        keys, first = np.unique(values, return_index=True)
        edges = np.append(first, len(values)).astype(np.uint32)
        return cls(keys.astype(np.uint64), edges, block)

    def mark(self, key: int, out: NDArray[np.bool_]) -> None:
        """Set the blocks of one key."""
        i = int(np.searchsorted(self.keys, np.uint64(key)))
        if i < len(self.keys) and int(self.keys[i]) == key:
            out[self.blocks[int(self.edges[i]) : int(self.edges[i + 1])]] = True


@dataclass(frozen=True, slots=True)
class SegmentIndex:
    """An index in memory or mapped."""

    segment_id: int
    epoch: int
    records: int
    used: int
    digest: str
    ts_min: NDArray[np.int64]
    ts_max: NDArray[np.int64]
    first_ring_seq: NDArray[np.uint64]
    slot: NDArray[np.uint32]
    sections: dict[str, Postings]

    @classmethod
    def of(cls, segment: SegmentFile) -> Self:
        """From the records of a closed segment that is in order. JournalError for any other."""
        head, fault = segment.head, segment.damage()
        if not head.closed or fault is not None:
            what = fault or f"{segment.path.name} is not closed"
            raise JournalError(f"{segment.path.parent}: {what}; only a whole segment has an index")
        slots, starts = segment.slots, segment.starts
        first = np.arange(0, len(starts), BLOCK_RECORDS)
        ids = template_ids(slots, starts)
        ts = slots.view("<i8")[starts, 3]
        values = {
            name: column(slots, starts, ids, name) for name in SECTIONS if name != "template_id"
        }
        values["template_id"] = ids
        return cls(
            segment_id=head.segment_id,
            epoch=head.epoch,
            records=len(starts),
            used=head.used,
            digest=head.digest,
            ts_min=np.minimum.reduceat(ts, first) if len(first) else ts,
            ts_max=np.maximum.reduceat(ts, first) if len(first) else ts,
            first_ring_seq=column_u64(slots, 1)[starts[first]],
            slot=np.append(starts[first], head.used).astype(np.uint32),
            sections={
                name: Postings.of(values[name], skip_zero=name in ("order_id", "strategy_id"))
                for name in SECTIONS
            },
        )

    def fits(self, segment: SegmentFile) -> bool:
        """Is it of this very segment?"""
        head = segment.head
        mine = (self.segment_id, self.epoch, self.records, self.used, self.digest)
        return mine == (head.segment_id, head.epoch, head.records, head.used, head.digest)

    # ---- as bytes ----

    def to_bytes(self) -> bytes:
        """The file."""
        arrays: list[NDArray[Any]] = [self.ts_min, self.ts_max, self.first_ring_seq, self.slot]
        for name in SECTIONS:
            part = self.sections[name]
            arrays += [part.keys, part.edges, part.blocks]
        body = b"".join(_padded(a.tobytes()) for a in arrays)
        head = _HEAD.pack(
            _MAGIC, VERSION, 0, BLOCK_RECORDS, self.segment_id, len(self.ts_min), self.epoch,
            self.records, self.used, len(SECTIONS), bytes.fromhex(self.digest),
        )  # fmt: skip
        for name in SECTIONS:
            part = self.sections[name]
            head += struct.pack("<2I", len(part.keys), len(part.blocks))
        head += struct.pack("<I", crc32c(body))
        return _padded(head + struct.pack("<I", crc32c(head))) + body

    @classmethod
    def parse(cls, data: NDArray[np.uint8], name: str) -> Self:
        """Read the file's bytes in place. Raises JournalError naming what is wrong with it."""
        size = _HEAD.size + 8 * len(SECTIONS) + 8
        raw = data[:size].tobytes()
        if len(raw) < size or raw[:8] != _MAGIC:
            raise JournalError(f"{name}: not an index of a segment, or cut; it is built again")
        _, version, _, per_block, segment_id, blocks, epoch, records, used, sections, digest = (
            _HEAD.unpack_from(raw)
        )
        if (version, per_block, sections) != (VERSION, BLOCK_RECORDS, len(SECTIONS)):
            raise JournalError(f"{name}: index version {version}; this build has {VERSION}")
        body_crc, head_crc = struct.unpack_from("<2I", raw, size - 8)
        body = data[-(-size // _ALIGN) * _ALIGN :]
        if crc32c(raw[:-4]) != head_crc or crc32c(body.data) != body_crc:
            raise JournalError(f"{name}: the index does not match its checksum")
        take = _taker(body, name)
        times = (take("<i8", blocks), take("<i8", blocks))
        seqs, slot = take("<u8", blocks), take("<u4", blocks + 1)
        parts = {}
        for i, section in enumerate(SECTIONS):
            keys, posts = struct.unpack_from("<2I", raw, _HEAD.size + 8 * i)
            part = Postings(take("<u8", keys), take("<u4", keys + 1), take("<u4", posts))
            if part.edges.max() > posts or (posts and part.blocks.max() >= blocks):
                raise JournalError(f"{name}: {section} points beyond the index; it is built again")
            parts[section] = part
        return cls(segment_id, epoch, records, used, digest.hex(), *times, seqs, slot, parts)

    # ---- narrowing ----

    def spans(self, blocks: NDArray[np.bool_]) -> list[tuple[int, int]]:
        """The slots of some blocks as stretches, neighbors joined."""
        edges = np.diff(np.concatenate([[False], blocks, [False]]).astype(np.int8))
        first, last = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        return list(zip(self.slot[first].tolist(), self.slot[last].tolist(), strict=True))


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGN)


def _taker(body: NDArray[np.uint8], name: str) -> Any:
    """take(kind, count): the next array of a body whose checksum held, in place. What makes a
    checksum fit may still lie about its counts.
    """
    at = 0

    def take(kind: str, count: int) -> NDArray[Any]:
        nonlocal at
        size = np.dtype(kind).itemsize * count
        if at + size > len(body):
            raise JournalError(f"{name}: the index is shorter than it says; it is built again")
        part = body[at : at + size].view(kind)
        at += -(-size // _ALIGN) * _ALIGN
        return part

    return take


def index_path(directory: Path, segment_id: int) -> Path:
    """Where the index of a segment lies."""
    return directory / index_name(segment_id)


def build_index(segment: SegmentFile) -> Path:
    """Write the index of a closed segment, whole or not at all. Raises JournalError, OSError."""
    target = index_path(segment.path.parent, segment.head.segment_id)
    part = target.with_name(target.name + ".part")
    body = SegmentIndex.of(segment).to_bytes()
    try:
        # Not synced: what a power cut leaves does not match its checksum, and is built again.
        with naming(target):
            part.write_bytes(body)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return target


def load_index(segment: SegmentFile) -> SegmentIndex | None:
    """The mapped index of a segment; None when there is none. Raises JournalError for one that is
    damaged or of another segment.
    """
    path = index_path(segment.path.parent, segment.head.segment_id)
    try:
        with path.open("rb") as file:
            data = np.frombuffer(
                mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ), np.uint8
            )
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        raise JournalError(f"{path.name}: the index cannot be read: {error}") from error
    index = SegmentIndex.parse(data, path.name)
    if not index.fits(segment):
        raise JournalError(f"{path.name}: the index is not of this segment, but of an earlier one")
    return index


def index_state(segment: SegmentFile) -> str:
    """What can be said of the index of a segment: "ok", "none", or what is wrong with it."""
    try:
        return "none" if load_index(segment) is None else "ok"
    except JournalError as error:
        return str(error)
