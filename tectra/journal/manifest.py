"""manifest.json: what a journal directory holds, written whole or not at all.

A manifest names the run (session), lists the segments and says whether the journal was closed. It
is rewritten when a segment was made and at the end. After a crash it may lag behind the segment
files by one step; it is never ahead of them.
"""

import os
from pathlib import Path

import msgspec

from tectra.core.errors import JournalError
from tectra.journal.scan import crc32c

__all__ = [
    "CHECKPOINTS_NAME",
    "DURABILITY",
    "FORMAT_VERSION",
    "MANIFEST_NAME",
    "Manifest",
    "SegmentEntry",
]

MANIFEST_NAME = "manifest.json"
CHECKPOINTS_NAME = "checkpoints.jsonl"
FORMAT = "tectra-journal"
FORMAT_VERSION = 2  # 2: chain and fault of a segment
DURABILITY = {
    "page-cache": (
        "a record survives SIGKILL of the writer; power loss may take the tail not yet synced"
    ),
}
_NO_CRC = "00000000"


class SegmentEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One segment file. Counts, sequence numbers and digest are null while it is open.

    `merkle_root` and `chain` are hex; `compression` is "zstd" for a file that was packed; `fault`
    says why the writer could not make it durable.
    """

    segment_id: int
    file: str
    closed: bool
    base_ring_seq: int
    slots: int | None = None
    records: int | None = None
    first_ring_seq: int | None = None
    last_ring_seq: int | None = None
    digest: str | None = None
    merkle_root: str | None = None
    chain: str | None = None
    compression: str | None = None
    fault: str | None = None


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `crc32c` is over the text with that field set to eight zeros."""

    layout_version: int
    schema_id: int
    schema_version: int
    epoch: str
    run_seed: int
    clock_domain: str
    segment_slots: int
    durability: str
    session: dict[str, object]
    segments: list[SegmentEntry]
    closed: bool = False
    result: dict[str, object] | None = None
    index: str | None = None
    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    crc32c: str = _NO_CRC

    def text(self) -> bytes:
        """The file's bytes. Raises JournalError when session or result hold what JSON cannot."""
        try:
            body = msgspec.json.encode(msgspec.structs.replace(self, crc32c=_NO_CRC))
        except (TypeError, ValueError, OverflowError) as error:
            raise JournalError(
                "session and result of a journal must be plain JSON values "
                f"(text, numbers, lists, dicts): {error}"
            ) from error
        body = msgspec.json.format(body, indent=2) + b"\n"
        head, tail = body.rsplit(f'"{_NO_CRC}"'.encode(), 1)
        return head + f'"{crc32c(body):08x}"'.encode() + tail

    def save(self, directory: Path, *, sync: bool = True) -> None:
        """Write atomically: a reader sees the old file or this one. Raises OSError.

        `sync`: it is on the disk when this returns; otherwise it is there when the kernel likes.
        """
        target = directory / MANIFEST_NAME
        fresh = directory / f"{MANIFEST_NAME}.tmp"
        body = self.text()
        try:
            with fresh.open("wb") as file:
                file.write(body)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            fresh.replace(target)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        if sync:
            sync_file(directory)

    @classmethod
    def load(cls, directory: Path) -> "Manifest":
        """Read and check. Raises JournalError: no journal here, damaged, or of a newer format."""
        path = directory / MANIFEST_NAME
        try:
            body = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            what = "it does not exist"
            if directory.exists():
                is_dir = directory.is_dir()
                what = f"it has no {MANIFEST_NAME}" if is_dir else "it is not a directory"
            raise JournalError(
                f"no journal at {directory}: {what}; give the directory that a run wrote"
            ) from error
        except OSError as error:
            raise JournalError(
                f"{path} cannot be read: {error.strerror}; check its permissions"
            ) from error
        return cls.parse(body, str(path))

    @classmethod
    def parse(cls, body: bytes, name: str) -> "Manifest":
        """Decode the bytes of a manifest; `name` is for messages."""
        try:
            manifest = msgspec.json.decode(body, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise JournalError(
                f"{name} is damaged or not a journal manifest: {error}; "
                "`tectra journal verify` still checks the segments"
            ) from error
        if manifest.format != FORMAT or manifest.format_version > FORMAT_VERSION:
            raise JournalError(
                f"{name}: format {manifest.format!r} version {manifest.format_version}; "
                f"this build reads {FORMAT!r} up to version {FORMAT_VERSION}: use a newer tectra"
            )
        found = manifest.crc32c
        head, mark, tail = body.rpartition(f'"{found}"'.encode())
        plain = head + f'"{_NO_CRC}"'.encode() + tail
        if not mark or found != f"{crc32c(plain):08x}":
            raise JournalError(
                f"{name} was changed after it was written (checksum {found}); restore it, "
                "or read the segments with JournalReader(path, strict=False)"
            )
        return manifest


def sync_file(path: Path) -> None:
    """Make a file's content, or a directory's names, durable. Raises OSError."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
