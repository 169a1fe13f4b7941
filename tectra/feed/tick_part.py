"""A part file of a tick store: blocks one behind the other and an index of them at the end. Written
whole under a temporary name and renamed; never changed after.

    blocks, each at a multiple of 64 | index rows (INDEX) | instrument sets, a bit an instrument
    footer of 64 bytes (FOOTER)
"""

import mmap
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tectra.core.crc32c import crc32c
from tectra.core.errors import FileFormatError
from tectra.feed.batch import Rows
from tectra.feed.selection import Selection, TimeBy, key_of
from tectra.feed.tick_block import Block, decode_block

__all__ = ["BlockFault", "PartBuilder", "PartFile", "PartInfo"]

INDEX = np.dtype(
    [
        ("offset", "<u8"),
        ("bytes", "<u4"),
        ("records", "<u4"),
        ("recv_first_ns", "<i8"),
        ("recv_last_ns", "<i8"),
        ("event_first_ns", "<i8"),
        ("event_last_ns", "<i8"),
        ("templates", "<u8"),
    ]
)
FOOTER = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u4"),
        ("blocks", "<u4"),
        ("index_offset", "<u8"),
        ("set_bytes", "<u4"),
        ("index_crc", "<u4"),
        ("reserved", "<u8", 3),
        ("crc", "<u4"),
        ("tail", "S4"),
    ]
)
_MAGIC, _TAIL, _VERSION = b"TTKPART\n", b"END\n", 1
_ALIGN = 64


class BlockFault(NamedTuple):
    """A block that cannot be read: which, which records would be in it, and why."""

    part: str
    block: int
    records: int
    first_ns: int
    last_ns: int
    detail: str

    def __str__(self) -> str:
        return (
            f"{self.part}, block {self.block}: {self.records:,} records of "
            f"[{self.first_ns}, {self.last_ns}] lost: {self.detail}"
        )


class PartInfo(NamedTuple):
    """What a manifest says of a part. Bounds are of the times that order the store."""

    records: int
    raw_bytes: int
    bytes: int
    first_ns: int
    last_ns: int
    index_crc: int
    instruments: int


@dataclass
class PartBuilder:
    """Blocks in memory until the part is written. One thread."""

    by: TimeBy
    blocks: list[bytes] = field(default_factory=list)
    index: list[tuple[Any, ...]] = field(default_factory=list)
    sets: list[NDArray[np.uint8]] = field(default_factory=list)
    records: int = 0
    raw_bytes: int = 0
    first_ns: int = 0
    last_ns: int = 0
    _offset: int = 0
    _instruments: set[int] = field(default_factory=set)

    def add(self, stored: bytes, rows: Rows, raw_bytes: int) -> None:
        """One encoded block and the columns of its records."""
        templates = np.bitwise_or.reduce(np.uint64(1) << rows.template_id.astype(np.uint64))
        recv, event = rows.ts_recv_ns, rows.ts_event_ns
        bounds = (recv.min(), recv.max(), event.min(), event.max())
        self.index.append((self._offset, len(stored), len(recv), *bounds, templates))
        ids = np.unique(rows.instrument_id)
        self._instruments.update(ids.tolist())
        bits = np.zeros(int(ids[-1]) + 1, np.uint8)
        bits[ids] = 1
        self.sets.append(np.packbits(bits, bitorder="little"))
        self.blocks.append(stored)
        self._offset += -(-len(stored) // _ALIGN) * _ALIGN
        key = key_of(rows, self.by)
        if not self.records:
            self.first_ns = int(key[0])
        self.last_ns = int(key[-1])
        self.records += len(recv)
        self.raw_bytes += raw_bytes

    def write(self, path: Path) -> PartInfo:
        """Write and make durable; the caller renames. OSError."""
        index = np.array(self.index, INDEX).tobytes()
        width = max(map(len, self.sets))
        sets = np.zeros((len(self.sets), width), np.uint8)
        for row, bits in zip(sets, self.sets, strict=True):
            row[: len(bits)] = bits
        tables = index + sets.tobytes()
        footer = np.zeros((), FOOTER)
        footer["magic"], footer["tail"], footer["version"] = _MAGIC, _TAIL, _VERSION
        footer["blocks"], footer["set_bytes"] = len(self.blocks), width
        footer["index_offset"], footer["index_crc"] = self._offset, crc32c(tables)
        footer["crc"] = crc32c(footer.tobytes())
        with path.open("wb") as file:
            for block in self.blocks:
                file.write(block)
                file.write(bytes(-len(block) % _ALIGN))
            file.write(tables)
            file.write(footer.tobytes())
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        first, last, crc = self.first_ns, self.last_ns, int(footer["index_crc"])
        count = len(self._instruments)
        return PartInfo(self.records, self.raw_bytes, size, first, last, crc, count)


class PartFile:
    """A part opened for reading. FileFormatError when its index cannot be trusted. One thread."""

    def __init__(self, path: Path, name: str, by: TimeBy, index_crc: int | None = None) -> None:
        self.path, self.name, self.by = path, name, by
        self._map: NDArray[np.uint8] | None = None
        try:
            with path.open("rb") as file:
                self.size = os.fstat(file.fileno()).st_size
                self._read_index(file.fileno())
        except OSError as error:
            raise FileFormatError(
                f"{name}: cannot be read: {error.strerror}; restore it"
            ) from error
        if index_crc is not None and self.index_crc != index_crc:
            raise FileFormatError(f"{name}: another file than the store's manifest tells of")

    def _read_index(self, fd: int) -> None:
        damaged = FileFormatError(f"{self.name}: its index is damaged or cut; restore the file")
        raw = os.pread(fd, FOOTER.itemsize, max(0, self.size - FOOTER.itemsize))
        if len(raw) < FOOTER.itemsize:
            raise damaged
        footer = np.frombuffer(raw, FOOTER)[0].copy()
        crc = int(footer["crc"])
        footer["crc"] = 0
        good = footer["magic"] == _MAGIC and crc32c(footer.tobytes()) == crc
        if not good or int(footer["version"]) > _VERSION:
            raise damaged
        blocks, width = int(footer["blocks"]), int(footer["set_bytes"])
        length = blocks * (INDEX.itemsize + width)
        tables = os.pread(fd, length, int(footer["index_offset"]))
        if len(tables) < length or crc32c(tables) != int(footer["index_crc"]):
            raise damaged
        self.index_crc = int(footer["index_crc"])
        self.index = np.frombuffer(tables, INDEX, blocks)
        self.sets = np.frombuffer(tables, np.uint8, offset=blocks * INDEX.itemsize)
        self.sets = self.sets.reshape(blocks, width)

    def wanted(self, selection: Selection, ids: NDArray[np.uint32] | None) -> NDArray[np.intp]:
        """Numbers of the blocks that can hold records that are meant."""
        index = self.index
        first, last = f"{selection.by}_first_ns", f"{selection.by}_last_ns"
        keep = np.ones(len(index), np.bool_)
        if selection.from_ns is not None:
            keep &= index[last] >= selection.from_ns
        if selection.to_ns is not None:
            keep &= index[first] < selection.to_ns
        if selection.types is not None:
            bits = np.uint64(sum(1 << int(t) for t in selection.types))
            keep &= (index["templates"] & bits) != 0
        if ids is not None:
            every = np.concatenate((np.zeros(1, np.uint32), ids))
            inside = every[every < self.sets.shape[1] * 8]
            held = self.sets[:, inside >> 3] >> (inside & 7).astype(np.uint8) & 1
            keep &= held.any(axis=1)
        return np.flatnonzero(keep)

    def block(self, number: int) -> Block:
        """The records of a block. FileFormatError when it is damaged. A block without compression
        is a view of the mapped file.
        """
        row = self.index[number]
        start, size = int(row["offset"]), int(row["bytes"])
        where = f"{self.name}, block {number}"
        if start + size > self.size:
            raise FileFormatError(f"{where}: the file ends before it; restore it")
        return decode_block(self._mapped()[start : start + size], where)

    def _mapped(self) -> NDArray[np.uint8]:
        if self._map is None:
            with self.path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), self.size, mmap.MAP_SHARED, mmap.PROT_READ)
            self._map = np.frombuffer(mapped, np.uint8)
        return self._map

    def forget(self) -> None:
        """Let the mapping go; arrays handed out keep theirs."""
        self._map = None

    def fault(self, number: int, detail: str) -> BlockFault:
        """What is lost with a block."""
        row = self.index[number]
        first, last = int(row[f"{self.by}_first_ns"]), int(row[f"{self.by}_last_ns"])
        return BlockFault(self.name, number, int(row["records"]), first, last, detail)

    def faults(self, numbers: Sequence[int] | None = None) -> Iterator[BlockFault]:
        """Every block that cannot be read, or those of `numbers`."""
        for number in range(len(self.index)) if numbers is None else numbers:
            try:
                self.block(int(number))
            except FileFormatError as error:
                yield self.fault(int(number), str(error))
