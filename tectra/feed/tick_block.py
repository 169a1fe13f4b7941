"""A block of records as a tick store keeps it: columns in byte planes behind a compressor, or the
records as they are, under one checksum. Any thread.

    0   head of 64 bytes (HEAD)
    64  column heads of 16 bytes each, then the payload; `none`: the records, then the ties

A block that does not match its checksum raises FileFormatError and gives nothing.
"""

from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tectra.core.crc32c import crc32c
from tectra.core.errors import FileFormatError, InputError, LayoutVersionError
from tectra.feed.batch import Rows, scan
from tectra.feed.column import (
    BESIDE,
    DELTA,
    HEAD_BYTES,
    RAW,
    decode_column,
    encode_column,
    plane_bytes,
)
from tectra.feed.protocol import Slots

__all__ = ["Block", "BlockEncoder", "Codec", "decode_block", "stored_bytes"]

Codec = Literal["none", "lz4", "zstd"]

SLOT = 64
BLOCK_VERSION = 1
HEAD = np.dtype(
    [
        ("magic", "S4"),
        ("version", "u1"),
        ("codec", "u1"),
        ("tie_form", "u1"),
        ("columns", "u1"),
        ("records", "<u4"),
        ("wide", "<u4"),
        ("slots", "<u4"),
        ("raw_bytes", "<u4"),
        ("stored_bytes", "<u4"),
        ("crc", "<u4"),
        ("tie_first", "<u8"),
        ("reserved", "<u8", 3),
    ]
)
_MAGIC = b"TTKB"
_CODECS: tuple[Codec, ...] = ("none", "lz4", "zstd")
_TIE_COUNTS, _TIE_STEPS = 0, 1
_NARROW_WORDS, _WIDE_WORDS = 8, 16
_SAMPLE = 2048


class Block(NamedTuple):
    """Records of a block, their columns, and the place of each among all of its source."""

    slots: Slots
    rows: Rows
    tie: NDArray[np.uint64]


@cache
def _codec(name: Codec, level: int | None) -> Any:
    if name == "zstd":
        return pa.Codec("zstd", compression_level=3 if level is None else level)
    return pa.Codec("lz4_raw")


class BlockEncoder:
    """Makes blocks; finds the form of each column on the first one and again every `retry` blocks.

    `level` is zstd's, 3 by default. One thread.
    """

    def __init__(self, codec: Codec = "zstd", level: int | None = None, retry: int = 64) -> None:
        if codec not in _CODECS:
            raise InputError(f"codec: found {codec!r}; allowed: {', '.join(_CODECS)}")
        if level is not None and (codec != "zstd" or not 1 <= level <= 22):
            raise InputError(f"level: found {level}; allowed: 1 to 22, for zstd alone")
        self.codec, self._retry = codec, retry
        self._codec = None if codec == "none" else _codec(codec, level)
        self._forms: dict[tuple[int, int], int] = {}
        self._blocks = 0

    def encode(self, slots: Slots, rows: Rows, tie: NDArray[np.uint64]) -> bytes:
        """The stored bytes of whole records, at least one."""
        head = np.zeros((), HEAD)
        head["magic"], head["version"] = _MAGIC, BLOCK_VERSION
        head["codec"] = _CODECS.index(self.codec)
        head["records"], head["slots"] = len(rows.slot), len(slots) // SLOT
        wide = rows.width == 2
        head["wide"] = np.count_nonzero(wide)
        head["tie_first"] = tie[0]
        steps = np.diff(tie)
        ties = b""
        if not (steps == 1).all():
            head["tie_form"] = _TIE_STEPS
            ties = steps.astype("<u4").tobytes()
        if self._codec is None:
            heads, payload = b"", slots.tobytes() + ties
            head["raw_bytes"] = len(payload)
        else:
            heads, planes = self._columns(slots, rows, wide)
            flags = np.packbits(wide).tobytes() if 0 < head["wide"] < len(wide) else b""
            raw = b"".join((flags, ties, *planes))
            head["raw_bytes"] = len(raw)
            payload = self._packed(raw)
        head["columns"] = len(heads) // HEAD_BYTES
        head["stored_bytes"] = len(payload)
        body = heads + payload
        head["crc"] = crc32c(body, crc32c(head.tobytes()))
        self._blocks += 1
        return head.tobytes() + body

    def _packed(self, raw: bytes) -> bytes:
        if self._codec is None or not raw:
            return raw
        packed: bytes = self._codec.compress(raw, asbytes=True)
        return packed

    def _columns(
        self, slots: Slots, rows: Rows, wide: NDArray[np.bool_]
    ) -> tuple[bytes, list[bytes]]:
        heads, planes = [], []
        for words, mask in ((_NARROW_WORDS, ~wide), (_WIDE_WORDS, wide)):
            at = rows.slot[mask]
            if not len(at):
                continue
            for word in range(words):
                form = self._form(slots, at, words, word)
                head, data = encode_column(slots, at, word, form)
                heads.append(head)
                planes.append(data.tobytes())
        return b"".join(heads), planes

    def _form(self, slots: Slots, at: NDArray[np.uint32], words: int, word: int) -> int:
        """The form that compresses a sample best; kept for the blocks that follow."""
        key = (words, word)
        if key not in self._forms or self._blocks % self._retry == 0:
            middle = max(0, len(at) // 2 - _SAMPLE // 2)
            sample = at[middle : middle + _SAMPLE]
            sizes = {}
            for form in (RAW, DELTA, BESIDE):
                if form == BESIDE and word == 0:
                    continue
                data = encode_column(slots, sample, word, form)[1]
                sizes[form] = len(self._packed(data.tobytes()))
            self._forms[key] = min(sizes, key=lambda form: (sizes[form], form))
        return self._forms[key]


def stored_bytes(head: bytes) -> int:
    """Whole size of the block with this head, as far as the head can be believed."""
    fields = np.frombuffer(head, HEAD, 1)[0]
    return SLOT + int(fields["columns"]) * HEAD_BYTES + int(fields["stored_bytes"])


def decode_block(stored: NDArray[np.uint8], where: str) -> Block:
    """The records of a block. `where` is for the message of FileFormatError. Records of a block
    without compression are a view of `stored`.
    """
    if len(stored) < SLOT or stored[:4].tobytes() != _MAGIC:
        raise FileFormatError(f"{where}: no block begins here; restore the file, or import again")
    head = stored[:SLOT].view(HEAD)[0].copy()
    if int(head["version"]) > BLOCK_VERSION:
        raise LayoutVersionError(
            f"{where}: found block version {head['version']}; allowed: up to {BLOCK_VERSION}; "
            "use a newer tectra"
        )
    crc = int(head["crc"])
    head["crc"] = 0
    size = stored_bytes(head.tobytes())
    if size != len(stored) or crc32c(stored[SLOT:].data, crc32c(head.tobytes())) != crc:
        raise FileFormatError(
            f"{where}: its bytes do not match their checksum; restore the file, or import again"
        )
    if int(head["codec"]) == 0:
        slots, ties = _plain(stored, head)
    else:
        slots, ties = _unpacked(stored, head)
    rows = scan(slots)
    if len(rows.slot) != int(head["records"]):
        raise FileFormatError(
            f"{where}: found {len(rows.slot)} records; the head says {head['records']}"
        )
    return Block(slots, rows, _ties(head, ties))


def _ties(head: Any, steps: bytes) -> NDArray[np.uint64]:
    first, count = int(head["tie_first"]), int(head["records"])
    if int(head["tie_form"]) == _TIE_COUNTS:
        return np.arange(first, first + count, dtype=np.uint64)
    out = np.empty(count, np.uint64)
    out[0] = first
    out[1:] = first + np.cumsum(np.frombuffer(steps, "<u4"), dtype=np.uint64)
    return out


def _tie_bytes(head: Any) -> int:
    return 4 * (int(head["records"]) - 1) if int(head["tie_form"]) == _TIE_STEPS else 0


def _plain(stored: NDArray[np.uint8], head: Any) -> tuple[Slots, bytes]:
    size = int(head["slots"]) * SLOT
    slots = stored[SLOT : SLOT + size]
    return slots, stored[SLOT + size : SLOT + size + _tie_bytes(head)].tobytes()


def _unpacked(stored: NDArray[np.uint8], head: Any) -> tuple[Slots, bytes]:
    heads_end = SLOT + int(head["columns"]) * HEAD_BYTES
    heads = stored[SLOT:heads_end].tobytes()
    raw = b""
    if int(head["raw_bytes"]):
        packed = _codec(_CODECS[int(head["codec"])], None)
        raw = packed.decompress(stored[heads_end:], int(head["raw_bytes"]), asbytes=True)
    data = np.frombuffer(raw, np.uint8)
    records, wides = int(head["records"]), int(head["wide"])
    wide = np.full(records, wides == records)
    at = 0
    if 0 < wides < records:
        at = (records + 7) // 8
        wide = np.unpackbits(data[:at], count=records).astype(np.bool_)
    ties = data[at : at + _tie_bytes(head)].tobytes()
    at += len(ties)
    widths = 1 + wide.astype(np.uint32)
    starts = (np.cumsum(widths, dtype=np.uint32) - widths).astype(np.uint32)
    slots = np.empty(int(head["slots"]) * SLOT, np.uint8)
    index = 0
    for words, mask in ((_NARROW_WORDS, ~wide), (_WIDE_WORDS, wide)):
        places = np.ascontiguousarray(starts[mask])
        if not len(places):
            continue
        for word in range(words):
            column = heads[index : index + HEAD_BYTES]
            size = plane_bytes(column, len(places))
            decode_column(slots, places, word, column, data[at : at + size])
            at += size
            index += HEAD_BYTES
    return slots, ties
