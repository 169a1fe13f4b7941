"""store.json: what a tick store holds, written whole or not at all. A reader sees the store as of
one moment; part files that no manifest names do not exist for it.
"""

import os
from pathlib import Path
from typing import Literal

import msgspec

from tectra.core.crc32c import crc32c
from tectra.core.errors import FileFormatError, InputError, LayoutVersionError
from tectra.core.msg import SCHEMA_VERSION
from tectra.core.part_file import sync_directory
from tectra.feed.selection import TimeBy
from tectra.feed.tick_block import Codec

__all__ = ["MANIFEST_NAME", "InstrumentEntry", "Manifest", "PartEntry", "Partition", "SourceEntry"]

MANIFEST_NAME = "store.json"
FORMAT = "tectra-ticks"
FORMAT_VERSION = 1
Partition = Literal["date", "symbol"]
_NO_CRC = "00000000"


class InstrumentEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An instrument under the store's own number; `definition` is null where no source gave one."""

    instrument_id: int
    symbol: str
    venue_id: int
    definition: dict[str, int | str] | None = None


class SourceEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that was taken in, or is being taken in: `records` of it are in the parts."""

    name: str
    digest: str
    bytes: int
    selection: dict[str, object]
    records: int = 0
    commits: int = 0
    finished: bool = False


class PartEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One part file. `group` is the symbol's number, or 0 for a part with all symbols."""

    file: str
    source: int
    group: int
    records: int
    raw_bytes: int
    bytes: int
    first_ns: int
    last_ns: int
    index_crc: int


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `crc32c` is over the text with that field set to eight zeros."""

    by: TimeBy
    partition: Partition
    codec: Codec
    schema_version: int = SCHEMA_VERSION
    instruments: list[InstrumentEntry] = msgspec.field(default_factory=list)
    sources: list[SourceEntry] = msgspec.field(default_factory=list)
    parts: list[PartEntry] = msgspec.field(default_factory=list)
    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    crc32c: str = _NO_CRC

    def save(self, directory: Path) -> None:
        """Write so that a reader sees the old file or this one, durably. OSError."""
        body = msgspec.json.encode(msgspec.structs.replace(self, crc32c=_NO_CRC))
        body = msgspec.json.format(body, indent=1) + b"\n"
        head, tail = body.rsplit(f'"{_NO_CRC}"'.encode(), 1)
        fresh = directory / f"{MANIFEST_NAME}.tmp"
        try:
            with fresh.open("wb") as file:
                file.write(head + f'"{crc32c(body):08x}"'.encode() + tail)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(directory / MANIFEST_NAME)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        sync_directory(directory)

    @classmethod
    def load(cls, directory: Path) -> "Manifest":
        """Read and check. InputError: no store here; FileFormatError: damaged;
        LayoutVersionError: of a newer tectra.
        """
        path = directory / MANIFEST_NAME
        try:
            body = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            what = f"it has no {MANIFEST_NAME}" if directory.is_dir() else "no such directory"
            raise InputError(
                f"no tick store at {directory}: {what}; `tectra import SRC --into {directory}` "
                "makes one"
            ) from None
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        try:
            manifest = msgspec.json.decode(body, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FileFormatError(
                f"{path} is damaged or no manifest of a store: {error}; restore it, or import again"
            ) from error
        if manifest.format != FORMAT:
            raise FileFormatError(f"{path}: found format {manifest.format!r}; allowed: {FORMAT}")
        if manifest.format_version > FORMAT_VERSION or manifest.schema_version > SCHEMA_VERSION:
            raise LayoutVersionError(
                f"{path}: found version {manifest.format_version}, records "
                f"{manifest.schema_version}; allowed: up to {FORMAT_VERSION} and {SCHEMA_VERSION}; "
                "use the tectra that wrote it, or a newer one"
            )
        head, mark, tail = body.rpartition(f'"{manifest.crc32c}"'.encode())
        plain = head + f'"{_NO_CRC}"'.encode() + tail
        if not mark or manifest.crc32c != f"{crc32c(plain):08x}":
            raise FileFormatError(
                f"{path} was changed after it was written; restore it, or import again"
            )
        return manifest
