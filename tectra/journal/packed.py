"""A closed segment file behind zstd: how it lies on the disk, and reading it in place of the plain
one. Any thread; one PackedFile has one owner thread.

    head   a skippable frame of zstd, integers little-endian:
           0   frame u32 (0x184D2A50) | bytes of the frame behind this word u32
           8   magic (8) "TTPACK\\r\\n" | version u16 | reserved u16 | block_bytes u32
           24  raw_bytes u64 of the plain file | blocks u32 | segment_id u32
           40  for each block: stored bytes u32 | crc32c u32 of them
           ..  crc32c u32 of all before it
    body   one zstd frame for each block: the header page alone, then block_bytes at a time

So `zstd -d` gives the plain file back, byte for byte, and a damaged block costs that block only.
About 1 GB/s out of a block, once for each block that is read.
"""

import contextlib
import os
import struct
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tectra.core.errors import JournalError
from tectra.journal.fault import Cause
from tectra.journal.scan import PAGE_BYTES, crc32c

__all__ = ["BLOCK_BYTES", "PackedFile", "unpack_bytes", "write_packed"]

BLOCK_BYTES = 1 << 20
VERSION = 1
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_FRAME, _MAGIC = 0x184D2A50, b"TTPACK\r\n"
_HEAD = struct.Struct("<2I8s2HIQ2I")
_BLOCK = np.dtype([("stored", "<u4"), ("crc", "<u4")])
_RAW_MAX = 1 << 37  # more than a segment of the largest capacity
_LEVEL_MAX = 22


@cache
def _codec(level: int) -> Any:
    return pa.Codec("zstd", compression_level=level)


def _raw_blocks(raw_bytes: int, block_bytes: int) -> NDArray[np.int64]:
    """Edges of the blocks in the plain file."""
    edges = [0, *range(PAGE_BYTES, raw_bytes, block_bytes), raw_bytes]
    return np.array(edges, np.int64)


def write_packed(out: BinaryIO, raw: NDArray[np.uint8], segment_id: int, *, level: int = 3) -> None:
    """Write the packed form of a plain segment file to a new file, at its beginning.

    Raises OSError; JournalError for a level outside 1 to 22 or a file without a header page.
    """
    if not 1 <= level <= _LEVEL_MAX:
        raise JournalError(f"level: found {level}; allowed: 1 to {_LEVEL_MAX}")
    if len(raw) < PAGE_BYTES:
        raise JournalError(f"a segment file has a header of {PAGE_BYTES} bytes; found {len(raw)}")
    edges = _raw_blocks(len(raw), BLOCK_BYTES)
    table = np.zeros(len(edges) - 1, _BLOCK)
    size = _HEAD.size + table.nbytes + 4
    out.seek(size)
    for k, (start, stop) in enumerate(pairwise(edges.tolist())):
        stored: bytes = _codec(level).compress(raw[start:stop].data, asbytes=True)
        table[k] = len(stored), crc32c(stored)
        out.write(stored)
    head = _HEAD.pack(
        _FRAME, size - 8, _MAGIC, VERSION, 0, BLOCK_BYTES, len(raw), len(table), segment_id
    )
    head += table.tobytes()
    out.seek(0)
    out.write(head + struct.pack("<I", crc32c(head)))


class PackedFile:
    """A packed segment read as if it were the plain file; a block is unpacked when it is wanted.

    A block that is damaged or not there reads as zeros, which no checksum of a slot passes, and
    `faults` names it. Raises JournalError when the head cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self.stored_bytes = os.fstat(file.fileno()).st_size
            self._parse(file)
        self.faults: list[tuple[Cause, int, str]] = []
        self._raw: NDArray[np.uint8] | None = None
        self._ready = np.zeros(len(self._table), np.bool_)
        end = int(self._places[-1])
        if self.stored_bytes > end:
            what = f"{self.stored_bytes - end} bytes behind the last block"
            self.faults.append((Cause.TRAILING, end, what))

    def _parse(self, file: BinaryIO) -> None:
        name = self.path.name
        fixed = file.read(_HEAD.size)
        if len(fixed) < _HEAD.size:
            raise JournalError(
                f"{name}: {len(fixed)} bytes, less than the head of a packed segment; "
                "the file was cut: restore it"
            )
        frame, size, magic, version, _, block_bytes, raw_bytes, blocks, self.segment_id = (
            _HEAD.unpack(fixed)
        )
        if (frame, magic) != (_FRAME, _MAGIC):
            raise JournalError(f"{name}: not a packed segment (magic {magic!r}); restore the file")
        if version > VERSION:
            raise JournalError(
                f"{name}: packed by version {version}; this build reads up to {VERSION}: "
                "use a newer tectra"
            )
        rest = file.read(8 * blocks + 4) if size == _HEAD.size - 4 + 8 * blocks else b""
        whole = len(rest) == 8 * blocks + 4 and blocks > 0
        if not whole or struct.unpack("<I", rest[-4:])[0] != crc32c(fixed + rest[:-4]):
            raise JournalError(
                f"{name}: the head of the packed segment does not match its checksum; "
                "restore the file"
            )
        fits = PAGE_BYTES <= raw_bytes < _RAW_MAX and block_bytes >= PAGE_BYTES
        edges = _raw_blocks(raw_bytes if fits else PAGE_BYTES, max(block_bytes, PAGE_BYTES))
        if not fits or len(edges) != blocks + 1:
            raise JournalError(f"{name}: {blocks} blocks for {raw_bytes} bytes; restore the file")
        self.size: int = raw_bytes
        self._edges = edges
        self._table = np.frombuffer(rest[:-4], _BLOCK)
        places = np.cumsum(self._table["stored"], dtype=np.int64) + _HEAD.size + len(rest)
        self._places = np.concatenate([[_HEAD.size + len(rest)], places])

    def read(self, offset: int, count: int) -> bytes:
        """Bytes of the plain file; fewer at its end."""
        stop = min(self.size, offset + count)
        return self._unpacked(offset, stop)[offset:stop].tobytes() if stop > offset else b""

    def view(self, offset: int, stop: int) -> NDArray[np.uint8]:
        """Bytes [offset, stop) of the plain file, read-only; kept as long as they are used."""
        part = self._unpacked(offset, stop)[offset:stop]
        part.flags.writeable = False
        return part

    def check(self) -> None:
        """Unpack every block, so that `faults` is complete."""
        self._unpacked(0, self.size)

    def forget(self) -> None:
        """Let what was unpacked go; arrays handed out keep theirs."""
        self._raw = None
        self._ready[:] = False

    def _unpacked(self, start: int, stop: int) -> NDArray[np.uint8]:
        """The plain file with the blocks of [start, stop) in place."""
        if self._raw is None:
            self._raw = np.zeros(self.size, np.uint8)
        first = int(np.searchsorted(self._edges, start, side="right")) - 1
        last = int(np.searchsorted(self._edges, stop, side="left"))
        wanted = [k for k in range(first, last) if not self._ready[k]]
        if wanted:
            with self.path.open("rb") as file:
                for k in wanted:
                    self._block(file, k, self._raw)
                    self._ready[k] = True
        return self._raw

    def _block(self, file: BinaryIO, k: int, raw: NDArray[np.uint8]) -> None:
        start, stop = int(self._edges[k]), int(self._edges[k + 1])
        at, size = int(self._places[k]), int(self._table["stored"][k])
        stored = os.pread(file.fileno(), size, at)
        where = f"block {k} of {len(self._table)}, bytes {start} to {stop} of the plain file,"
        if len(stored) < size:
            self._note(Cause.TRUNCATED, at, f"{where} is cut off: the file ends before it does")
        elif crc32c(stored) != int(self._table["crc"][k]):
            self._note(Cause.CRC, at, f"{where} does not match its checksum")
        else:
            try:
                plain = _codec(3).decompress(stored, stop - start, asbytes=False)
                raw[start:stop] = np.frombuffer(plain, np.uint8)
            except (OSError, ValueError) as error:
                self._note(Cause.CRC, at, f"{where} cannot be unpacked: {error}")

    def _note(self, cause: Cause, offset: int, what: str) -> None:
        if (cause, offset, what) not in self.faults:
            self.faults.append((cause, offset, what))


def unpack_bytes(path: Path) -> NDArray[np.uint8]:
    """All of the plain file that can be had: zeros for damaged blocks. Where even the head is
    damaged, the blocks are unpacked one behind the other up to the first that cannot be.
    """
    try:
        file = PackedFile(path)
    except JournalError:
        return _unpack_without_head(path.read_bytes())
    file.check()
    return file.view(0, file.size)


def _unpack_without_head(stored: bytes) -> NDArray[np.uint8]:
    out = bytearray()
    at = stored.find(_ZSTD_MAGIC)
    if at >= 0:
        stream = pa.CompressedInputStream(pa.BufferReader(stored[at:]), "zstd")
        with contextlib.suppress(OSError):
            while piece := stream.read(PAGE_BYTES):
                out += piece
    return np.frombuffer(out, np.uint8)
