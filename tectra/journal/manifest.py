"""manifest.json: what a journal directory holds, written whole or not at all.

A manifest names the run (session), lists the segments and says whether the journal was closed. It
is rewritten when a segment was made and at the end. Beside a writer and after a crash it may lag
behind the segment files; it is never ahead of them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tectra.core.errors import JournalError
from tectra.core.part_file import sync_directory
from tectra.journal.scan import crc32c

__all__ = [
    "CHECKPOINTS_NAME",
    "DURABILITY",
    "FORMAT_VERSION",
    "Hole",
    "MANIFEST_NAME",
    "Manifest",
    "Repair",
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
    "group-commit": (
        "a record survives SIGKILL of the writer; power loss may take those appended since the "
        "last sync, which another thread begins every so many microseconds or records"
    ),
    "sync": "no order leaves before its records are on the disk; power loss takes none of them",
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


class Hole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Records that a repair could not bring back: those between ring_seq `after` and `before`.

    `after` is null when nothing is known before the hole, `before` when it is the end of the
    journal and the last number is not known. `offset` and `bytes` are of the file that was damaged;
    `cause` is the text of a Cause.
    """

    segment_id: int
    offset: int | None
    after: int | None
    before: int | None
    cause: str
    bytes: int

    @property
    def records(self) -> int | None:
        """How many are missing; None when that cannot be known."""
        if self.after is None or self.before is None:
            return None
        return self.before - self.after - 1

    def __str__(self) -> str:
        plural = "" if self.records == 1 else "s"
        count = "records" if self.records is None else f"{self.records} record{plural}"
        if self.before is None:
            return f"{count} after ring_seq {self.after} missing"
        if self.after is None:
            return f"{count} before ring_seq {self.before} missing"
        return f"{count} missing between {self.after} and {self.before}"


class Repair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a repair did: was the journal closed before, and what could not be recovered."""

    was_closed: bool
    holes: list[Hole]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `crc32c` is over the text with that field set to eight zeros. `commit_us` and
    `commit_records` are the loss window of group-commit.
    """

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
    commit_us: int | None = None
    commit_records: int | None = None
    closed: bool = False
    result: dict[str, object] | None = None
    repair: Repair | None = None
    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    crc32c: str = _NO_CRC

    def promise(self) -> str:
        """The durability mode and what it promises, in one sentence."""
        text = f"{self.durability}: {DURABILITY.get(self.durability, 'not known to this build')}"
        if self.commit_us is None:
            return text
        return f"{text} (here {self.commit_us:,} us or {self.commit_records:,} records)"

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

    def save(self, directory: Path, *, sync: bool = True, whole: bool = True) -> None:
        """Write atomically: a reader sees the old file or this one. Raises OSError.

        `sync`: it is on the disk when this returns; otherwise it is there when the kernel likes.
        `whole`: then power loss, too, leaves the old one or this one; without, perhaps none.
        """
        target = directory / MANIFEST_NAME
        fresh = directory / f"{MANIFEST_NAME}.tmp"
        body = self.text()
        try:
            with naming(target), fresh.open("wb") as file:
                file.write(body)
                if sync or whole:
                    file.flush()
                    os.fsync(file.fileno())
            fresh.replace(target)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        if sync:
            sync_directory(directory)

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
            fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
            # Older builds wrote a field that never held anything.
            if bytes(fields.get("index", b"")) == b"null":
                del fields["index"]
            manifest = msgspec.json.decode(msgspec.json.encode(fields), type=cls)
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


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an OSError out of the `with` say which file it was: a write and a sync do not."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise
