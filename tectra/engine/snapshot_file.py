"""The file of one durable snapshot: a head, and the engine's image as it is or packed.

    head   256 bytes: magic, version, compression, CRC-32C of the head (with this field zero), epoch
           of the journal, ring_seq, time, bytes of the image, bytes stored, digests of all inputs
           and outputs, SHA-256 of what is stored
    image  as tectra.engine.image made it, zstd if the head says so

Little-endian. Any thread; owns nothing.
"""

import struct
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from tectra.core.crc32c import crc32c
from tectra.core.errors import (
    FileFormatError,
    InputError,
    LayoutVersionError,
    SystemCallError,
    TruncatedInputError,
)
from tectra.engine.image import image_info
from tectra.engine.sections import ring_seq_of

__all__ = ["COMPRESSIONS", "EngineSnapshot", "encode_snapshot", "epoch_of_file", "read_snapshot"]

COMPRESSIONS = ("none", "zstd")
MAGIC = b"TTSNAP\0\0"
VERSION = 1
HEAD_BYTES = 256
_HEAD = struct.Struct("<8sIIIIQQqQQ32s32s32s")
_CRC_AT = 16
# A head may lie about the size of what it packs; nothing is allocated beyond this.
_IMAGE_MAX = 1 << 36


@dataclass(frozen=True)
class EngineSnapshot:
    """One snapshot as it was read and checked: the state behind record `ring_seq`."""

    path: Path
    epoch: int
    ring_seq: int
    ts_ns: int
    input_digest: str
    output_digest: str
    compression: str
    stored_bytes: int
    image: bytes = field(repr=False)


def encode_snapshot(image: bytes, *, epoch: int, compression: str = "none") -> list[bytes]:
    """Head and content of a snapshot file. The same image gives the same bytes."""
    if compression not in COMPRESSIONS:
        raise InputError(f"compression: found {compression!r}; allowed: {', '.join(COMPRESSIONS)}")
    info = image_info(image)
    stored = image
    if compression == "zstd":
        stored = pa.Codec("zstd", compression_level=3).compress(image, asbytes=True)
    head = bytearray(
        _HEAD.pack(
            MAGIC,
            VERSION,
            COMPRESSIONS.index(compression),
            0,
            HEAD_BYTES,
            epoch,
            info.ring_seq,
            info.now_ns,
            len(image),
            len(stored),
            info.input_digest.encode(),
            info.output_digest.encode(),
            sha256(stored).digest(),
        ).ljust(HEAD_BYTES, b"\0")
    )
    struct.pack_into("<I", head, _CRC_AT, crc32c(bytes(head)))
    return [bytes(head), stored]


def epoch_of_file(path: Path) -> int | None:
    """Epoch of the journal that a snapshot's head names; None where no head can be read."""
    try:
        with path.open("rb") as file:
            return int(_checked(file.read(HEAD_BYTES), path)[5])
    except (OSError, FileFormatError):
        return None


def _checked(raw: bytes, path: Path) -> tuple[Any, ...]:
    """Fields of a head that matches its checksum."""
    if len(raw) < HEAD_BYTES:
        raise TruncatedInputError(f"{path.name}: found {len(raw)} bytes of {HEAD_BYTES} and more")
    head = bytearray(raw[:HEAD_BYTES])
    fields = _HEAD.unpack_from(head)
    if fields[0] != MAGIC:
        raise FileFormatError(f"{path.name}: is no snapshot of an engine")
    struct.pack_into("<I", head, _CRC_AT, 0)
    if crc32c(bytes(head)) != fields[3]:
        raise FileFormatError(f"{path.name}: the checksum of its head does not hold")
    return fields


def _head(raw: bytes, path: Path) -> tuple[Any, ...]:
    """Fields of a head that is whole and ours."""
    fields = _checked(raw, path)
    if fields[1] != VERSION or fields[2] >= len(COMPRESSIONS):
        raise LayoutVersionError(
            f"{path.name}: found version {fields[1]}, compression {fields[2]}; this build reads "
            f"version {VERSION}"
        )
    if fields[8] > _IMAGE_MAX or fields[9] != len(raw) - HEAD_BYTES:
        raise TruncatedInputError(
            f"{path.name}: found {len(raw)} bytes; its head says {HEAD_BYTES + fields[9]}"
        )
    return fields


def read_snapshot(path: Path) -> EngineSnapshot:
    """Read and check a snapshot. FileFormatError (TruncatedInputError, LayoutVersionError) for what
    is none or damaged, SystemCallError when it cannot be read.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SystemCallError(error.errno, f"{path}: {error.strerror}") from error
    fields = _head(raw, path)
    compression = COMPRESSIONS[fields[2]]
    image = raw[HEAD_BYTES:]
    if sha256(image).digest() != fields[12]:
        raise FileFormatError(f"{path.name}: the SHA-256 of its content does not hold")
    if compression == "zstd":
        try:
            image = pa.Codec("zstd").decompress(image, fields[8], asbytes=True)
        except (OSError, pa.ArrowException) as error:
            raise FileFormatError(f"{path.name}: what it packs cannot be unpacked") from error
    if len(image) != fields[8] or ring_seq_of(image) != fields[6]:
        raise FileFormatError(f"{path.name}: holds another image than its head says")
    return EngineSnapshot(
        path=path,
        epoch=fields[5],
        ring_seq=fields[6],
        ts_ns=fields[7],
        input_digest=fields[10].decode(),
        output_digest=fields[11].decode(),
        compression=compression,
        stored_bytes=len(raw),
        image=image,
    )
