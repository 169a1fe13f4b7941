"""The file of one snapshot of all books: a header, what it stands for, records, priorities.

    header      128 bytes, little-endian: magic, versions, lengths, sequence, time, checksums
    about       JSON: session, symbols, which instruments are price-level books
    records     the images of all books, whole 64-byte slots (tectra.book.image)
    priorities  one uint64 for each order of the order-by-order books

CRC-32C over everything behind the header, and over the header. Any thread; owns nothing.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tectra.book.image import ImageStamp, Trust, l2_image, l3_image, restore
from tectra.book.l2 import L2Book
from tectra.book.l3 import L3Book
from tectra.core.crc32c import crc32c
from tectra.core.errors import (
    FileFormatError,
    InputError,
    LayoutVersionError,
    SystemCallError,
    TruncatedInputError,
)
from tectra.core.msg import DTYPES, SCHEMA_VERSION, BookReason, BookStatus, Template

__all__ = ["BookSnapshot", "SnapshotAbout", "encode_snapshot", "read_snapshot"]

MAGIC = b"TTBOOKS\0"
VERSION = 1
HEADER_BYTES = 128
# magic, version, header bytes, schema version, body CRC, ring_seq, ts_ns, next priority, lengths of
# about, order-by-order records, price-level records, priorities, digest of the books, then padding
_HEADER = struct.Struct("<8sIIIIQqQQQQQ32s")
_CRC = struct.Struct("<I")
_NO_DIGEST = "0" * 32


class SnapshotAbout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a snapshot stands for beside its sequence number and time."""

    session: str = ""
    symbols: dict[int, str] = {}
    level_books: list[int] = []


@dataclass(frozen=True)
class BookSnapshot:
    """One snapshot as it was read: every book as it stood behind record `ring_seq`.

    `records` are the images of all books one behind the other, a read-only view of the file: step
    them through an engine, or hand them to any reader of records.
    """

    path: Path
    ring_seq: int
    ts_ns: int
    about: SnapshotAbout
    digest: str
    records: NDArray[np.uint8]
    priorities: NDArray[np.uint64]
    next_priority: int
    order_slots: int = field(repr=False)

    @property
    def trust(self) -> dict[int, Trust]:
        """What the snapshot says of each instrument: status, reason, the venue's last number."""
        rows = self.records.view(DTYPES[Template.BOOK_STATUS])
        rows = rows[rows["template_id"] == Template.BOOK_STATUS]
        return {
            int(r["instrument_id"]): Trust(
                BookStatus(int(r["status"])), BookReason(int(r["reason"])), int(r["seq"])
            )
            for r in rows
        }

    def l3_book(self, *, instruments_max: int = 65_536) -> L3Book:
        """The order-by-order books, with the slots, queues and priorities they had.

        FileFormatError when what comes out is not what was written.
        """
        book = restore(
            self.records[: self.order_slots * 64],
            self.priorities,
            next_priority=self.next_priority,
            instruments_max=instruments_max,
        )
        if book.digest() != self.digest:
            raise FileFormatError(
                f"{self.path}: the books built from it have digest {book.digest()}, written was "
                f"{self.digest}; take an older snapshot and report this"
            )
        return book

    def l2_books(self) -> dict[int, L2Book]:
        """The price-level books by instrument id."""
        out = {}
        for instrument_id in self.about.level_books:
            out[instrument_id] = L2Book(instrument_id)
            out[instrument_id].apply(self._part_of(instrument_id))
        return out

    def _part_of(self, instrument_id: int) -> bytes:
        rows = self.records[self.order_slots * 64 :].view(DTYPES[Template.BOOK_STATUS])
        return bytes(rows[rows["instrument_id"] == instrument_id].tobytes())


def encode_snapshot(
    stamp: ImageStamp,
    *,
    l3: L3Book | None = None,
    l2: Sequence[L2Book] = (),
    trust: Mapping[int, Trust] | None = None,
    session: str = "",
    symbols: Mapping[int, str] | None = None,
) -> list[bytes | memoryview]:
    """The parts of a snapshot file, in their order."""
    ids = [int(book.instrument_id) for book in l2]
    if len(set(ids)) != len(ids):
        raise InputError(f"l2: found {len(ids)} books of {len(set(ids))} instruments")
    orders = l3_image(l3 if l3 is not None else L3Book(1), stamp, trust=trust)
    levels = [l2_image(b, stamp, trust=(trust or {}).get(i)) for i, b in zip(ids, l2, strict=True)]
    about = msgspec.json.encode(
        SnapshotAbout(session=session, symbols=dict(symbols or {}), level_books=ids)
    )
    about += b" " * (-len(about) % 64)
    body: list[bytes | memoryview] = [about, orders.records.data]
    body += [part.data for part in levels]
    body.append(orders.priorities.view(np.uint8).data)
    crc = 0
    for part in body:
        crc = crc32c(part, crc)
    header = _HEADER.pack(
        MAGIC,
        VERSION,
        HEADER_BYTES,
        SCHEMA_VERSION,
        crc,
        stamp.ring_seq,
        stamp.ts_ns,
        orders.next_priority,
        len(about),
        len(orders.records),
        sum(map(len, levels)),
        len(orders.priorities) * 8,
        (l3.digest() if l3 is not None else _NO_DIGEST).encode(),
    )
    header += bytes(HEADER_BYTES - len(header) - _CRC.size)
    return [header + _CRC.pack(crc32c(header)), *body]


def _header(raw: bytes, path: Path) -> tuple[Any, ...]:
    """The fields of a header that is whole and ours."""
    if len(raw) < HEADER_BYTES:
        raise TruncatedInputError(f"{path}: found {len(raw)} bytes; a snapshot has {HEADER_BYTES}+")
    fields = _HEADER.unpack_from(raw)
    if fields[0] != MAGIC:
        raise FileFormatError(f"{path} is not a snapshot of books")
    (crc,) = _CRC.unpack_from(raw, HEADER_BYTES - _CRC.size)
    if crc != crc32c(raw[: HEADER_BYTES - _CRC.size]):
        raise FileFormatError(f"{path}: the checksum of its header does not hold")
    if fields[1] != VERSION or fields[3] > SCHEMA_VERSION:
        raise LayoutVersionError(
            f"{path}: found version {fields[1]}, records {fields[3]}; this build reads version "
            f"{VERSION}, records up to {SCHEMA_VERSION}: use the build that wrote it, or a newer"
        )
    return fields


def read_snapshot(path: Path) -> BookSnapshot:
    """Read and check a snapshot file.

    FileFormatError (TruncatedInputError, LayoutVersionError) for what is not a whole one,
    SystemCallError when it cannot be read.
    """
    try:
        raw = np.fromfile(path, np.uint8)
    except OSError as error:
        raise SystemCallError(error.errno, f"{path}: {error.strerror}") from error
    raw.flags.writeable = False
    fields = _header(raw[:HEADER_BYTES].tobytes(), path)
    crc, ring_seq, ts_ns, next_priority = fields[4:8]
    about_bytes, order_bytes, level_bytes, priority_bytes = fields[8:12]
    ends = np.cumsum([HEADER_BYTES, about_bytes, order_bytes + level_bytes, priority_bytes])
    if int(ends[-1]) != len(raw) or (order_bytes | level_bytes) % 64 or priority_bytes % 8:
        raise TruncatedInputError(f"{path}: found {len(raw)} bytes; its header says {ends[-1]}")
    if crc32c(raw[HEADER_BYTES:].data) != crc:
        raise FileFormatError(f"{path}: the checksum of its content does not hold")
    about, records, priorities = (raw[a:b] for a, b in pairwise(ends))
    try:
        told = msgspec.json.decode(about.tobytes(), type=SnapshotAbout)
    except msgspec.DecodeError as error:
        raise FileFormatError(f"{path}: cannot read what it stands for: {error}") from error
    return BookSnapshot(
        path=path,
        ring_seq=ring_seq,
        ts_ns=ts_ns,
        about=told,
        digest=fields[12].decode("ascii", "replace"),
        records=records,
        priorities=priorities.view(np.uint64),
        next_priority=next_priority,
        order_slots=order_bytes // 64,
    )
