"""The bytes of a state image: a head, a table, and named sections, each with its own checksum.

    head      64 bytes: magic, version, count, layout of the build, CRC-32C of head and table (with
              this field zero), ring_seq, total bytes
    table     48 bytes a section: name, version, CRC-32C, offset, length
    sections  each begins at a multiple of 64

Little-endian. Any thread; owns nothing.
"""

import struct
from collections.abc import Mapping
from hashlib import sha256

from tectra.core.crc32c import crc32c
from tectra.core.errors import FileFormatError, StateError, TruncatedInputError

__all__ = ["pack_sections", "ring_seq_of", "section_digest", "unpack_sections"]

MAGIC = b"TTIMAGE\0"
VERSION = 1
_HEAD = struct.Struct("<8sIIIIQQ24s")
_CRC_AT = 20
_ROW = struct.Struct("<24sIIQQ")
_ALIGN = 64


def pack_sections(sections: Mapping[str, bytes], *, layout: int, ring_seq: int) -> bytes:
    """One image of sections in their order."""
    at = _aligned(_HEAD.size + _ROW.size * len(sections))
    rows, body = bytearray(), []
    for name, content in sections.items():
        rows += _ROW.pack(name.encode(), 1, crc32c(content), at, len(content))
        body += [content, bytes(_aligned(len(content)) - len(content))]
        at += _aligned(len(content))
    head = _HEAD.pack(MAGIC, VERSION, len(sections), layout, 0, ring_seq, at, b"")
    front = bytearray(head + rows)
    front += bytes(_aligned(len(front)) - len(front))
    struct.pack_into("<I", front, _CRC_AT, crc32c(bytes(front)))
    return b"".join([front, *body])


def _aligned(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _front(image: memoryview) -> tuple[int, int, int]:
    """(layout, ring_seq, sections) of a head that is whole, its table with it."""
    if len(image) < _HEAD.size:
        raise TruncatedInputError(f"image: found {len(image)} bytes; allowed: {_HEAD.size} or more")
    magic, version, count, layout, crc, ring_seq, total, _ = _HEAD.unpack_from(image)
    if magic != MAGIC:
        raise FileFormatError("image: these bytes are no image of an engine's state")
    if version != VERSION:
        raise StateError(
            f"image: found version {version}; this build reads {VERSION}: make it anew"
        )
    end = _aligned(_HEAD.size + _ROW.size * count)
    if total != len(image) or end > total:
        raise TruncatedInputError(f"image: found {len(image)} bytes; its head says {total}")
    front = bytearray(image[:end])
    struct.pack_into("<I", front, _CRC_AT, 0)
    if crc32c(bytes(front)) != crc:
        raise FileFormatError("image: the checksum of its head does not hold; take an older one")
    return layout, ring_seq, count


def ring_seq_of(image: bytes | memoryview) -> int:
    """Number of the last record that an image stands behind."""
    return _front(memoryview(image))[1]


def unpack_sections(
    image: bytes | memoryview, *, layout: int | None = None
) -> dict[str, memoryview]:
    """Sections by name, in their order, each checked; read-only views of the image.

    FileFormatError (TruncatedInputError) for damage; StateError for another version or, when
    `layout` is given, another build.
    """
    view = memoryview(image).toreadonly()
    found, _, count = _front(view)
    if layout is not None and found != layout:
        raise StateError(
            f"image: of a build that lays its state out otherwise ({found:08x}, this one "
            f"{layout:08x}); use the build that wrote it, or replay the journal"
        )
    out = {}
    for index in range(count):
        raw, version, crc, at, length = _ROW.unpack_from(view, _HEAD.size + _ROW.size * index)
        name = raw.rstrip(b"\0").decode("ascii", "replace")
        if version != 1:
            raise StateError(f"image: section {name} has version {version}; allowed: 1")
        part = view[at : at + length]
        if at % _ALIGN or len(part) != length or crc32c(part) != crc:
            raise FileFormatError(
                f"image: the checksum of section {name} does not hold; take an older image"
            )
        out[name] = part
    return out


def section_digest(image: bytes | memoryview, *, without: tuple[str, ...] = ()) -> str:
    """SHA-256 of the sections, names and lengths included, those of `without` left out."""
    out = sha256()
    for name, part in unpack_sections(image).items():
        if name not in without:
            out.update(f"{name} {len(part)}\n".encode())
            out.update(part)
    return out.hexdigest()
