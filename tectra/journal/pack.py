"""Packing closed segments behind zstd, one at a time, so that a journal can be read at every step.

The packed file is written beside the plain one, synced, read back and compared; then the plain one
goes; then the manifest says so. Where this ends half-way, the plain file counts and packing is done
again. One packer at a time for a directory (compact.lock); a writer may be at work in it, whose
manifest is then left alone: a reader finds files by their names. About 300 MB/s.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec
import numpy as np

from tectra.core.errors import JournalCorruptError, JournalError
from tectra.core.lock_file import lock_file
from tectra.core.part_file import sync_directory
from tectra.journal.claim import LOCK_NAME
from tectra.journal.digest import Digest
from tectra.journal.manifest import MANIFEST_NAME, Manifest, SegmentEntry, naming
from tectra.journal.packed import PackedFile, write_packed
from tectra.journal.segment import (
    PACK_LOCK_NAME,
    PACKED_SUFFIX,
    SegmentFile,
    segment_name,
    segment_paths,
)

__all__ = [
    "PackLock",
    "no_writer",
    "pack_segment",
    "packing_steps",
    "save_packed",
    "unpack_segment",
]

PART_SUFFIX = ".part"


class PackLock:
    """Held while a directory is compacted: flock(2) on compact.lock, gone when the process ends.

    Raises JournalError when another process has it, or there is no such directory.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / PACK_LOCK_NAME
        self._fd = -1

    def __enter__(self) -> Self:
        fd = _flock(self._path)
        if fd is None:
            raise JournalError(
                f"{self._path.parent} is being compacted by another process; wait for it to end"
            )
        self._fd = fd
        for left in self._path.parent.glob(f"segment-*{PART_SUFFIX}"):
            left.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        _unlock(self._path, self._fd)
        self._fd = -1


def _flock(path: Path) -> int | None:
    """The descriptor of a lock file that is ours now; None when another has it. JournalError."""
    try:
        return lock_file(path)
    except OSError as error:
        raise JournalError(
            f"{path.parent} cannot be changed: {error.strerror}; give a journal's directory "
            "that can be written"
        ) from error


def _unlock(path: Path, fd: int) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
    os.close(fd)


def pack_segment(path: Path, *, level: int = 3) -> Path:
    """Put a closed segment behind zstd and return the new file. The caller has the PackLock.

    Does nothing more than finish when it was packed before. Raises JournalError for a segment that
    is not closed, JournalCorruptError for one that is damaged, OSError where the disk refuses; then
    the plain file is as it was.
    """
    for _ in packing_steps(path, level=level):
        pass
    return _packed_name(path)


def packing_steps(path: Path, *, level: int = 3) -> Iterator[str]:
    """pack_segment() step by step: gives the name of each step after it was done."""
    if path.suffix == PACKED_SUFFIX:
        return
    segment = SegmentFile(path)
    if segment.packed:
        return
    raw = _whole(segment)
    target = _packed_name(path)
    part = target.with_name(target.name + PART_SUFFIX)
    if not _same(target, raw):
        try:
            with naming(target), part.open("wb") as file:
                write_packed(file, raw, segment.head.segment_id, level=level)
                yield "written"
                file.flush()
                os.fsync(file.fileno())
            if not _same(part, raw):
                raise JournalError(
                    f"{part} does not read back as it was written; check the disk. {path.name} is "
                    "left as it was"
                )
            _keep_times(path, part)
            part.replace(target)
        except (Exception, KeyboardInterrupt):
            part.unlink(missing_ok=True)
            raise
        yield "named"
        sync_directory(path.parent)
        yield "synced"
    path.unlink(missing_ok=True)
    yield "removed"
    sync_directory(path.parent)
    yield "finished"


def _packed_name(path: Path) -> Path:
    return path if path.suffix == PACKED_SUFFIX else path.with_name(path.name + PACKED_SUFFIX)


def _whole(segment: SegmentFile) -> np.ndarray:
    """The bytes of a closed segment that is in order, without unused space behind its slots."""
    head, where = segment.head, segment.path
    if not head.closed:
        raise JournalError(f"{where} is not closed; only closed segments can be packed")
    digest = Digest()
    digest.update(segment.slots)
    fault = segment.damage()
    if fault is not None or digest.hexdigest() != head.digest:
        what = fault or f"{where.name}: its digest is {digest.hexdigest()}, not {head.digest}"
        raise JournalCorruptError(
            f"{where.parent}: {what}; a damaged segment is not packed: run "
            f"`tectra journal verify {where.parent}`"
        )
    end = segment.offset_of(head.used)
    behind = segment.read(end, max(0, segment.size - end))
    if any(behind):
        raise JournalCorruptError(
            f"{where}: {len(behind)} bytes behind the last slot; a damaged segment is not packed"
        )
    with where.open("rb") as file:
        return np.fromfile(file, np.uint8, end)


def _keep_times(old: Path, new: Path) -> None:
    """A packed segment is as old as the plain one: retention goes by age."""
    stat = old.stat()
    os.utime(new, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _same(path: Path, raw: np.ndarray) -> bool:
    """Is there a packed file at a path that gives these bytes?"""
    try:
        packed = PackedFile(path)
        return packed.size == len(raw) and not packed.faults and _equal(packed, raw)
    except (JournalError, OSError):
        return False


def _equal(packed: PackedFile, raw: np.ndarray) -> bool:
    return bool(np.array_equal(packed.view(0, packed.size), raw)) and not packed.faults


def unpack_segment(path: Path) -> Path:
    """Put the plain file back in place of a packed one and return it. The caller has the PackLock;
    readers of the packed file have to open the journal anew.

    Raises JournalCorruptError naming what is damaged; then the packed file is as it was.
    """
    packed = PackedFile(path)
    packed.check()
    if packed.faults:
        cause, offset, what = packed.faults[0]
        raise JournalCorruptError(
            f"{path}, offset {offset}: {cause}: {what}; restore the file, or read what is left "
            "with JournalReader(path, strict=False)"
        )
    target = path.with_suffix("")
    part = target.with_name(target.name + PART_SUFFIX)
    try:
        with naming(target), part.open("wb") as file:
            file.write(packed.view(0, packed.size).data)
            file.flush()
            os.fsync(file.fileno())
        _keep_times(path, part)
        part.replace(target)
    except (Exception, KeyboardInterrupt):
        part.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
    path.unlink()
    sync_directory(path.parent)
    return target


@contextlib.contextmanager
def no_writer(directory: Path) -> Iterator[bool]:
    """False while a writer has the directory; otherwise none can begin or repair meanwhile."""
    path = directory / LOCK_NAME
    fd = _flock(path)
    try:
        yield fd is not None
    finally:
        if fd is not None:
            _unlock(path, fd)


def save_packed(directory: Path) -> bool:
    """Let the manifest say which segments are packed. False while a writer has the directory: it
    holds the manifest, and the files are found by their names meanwhile.
    """
    with no_writer(directory) as mine:
        if not mine:
            return False
        manifest = Manifest.load(directory)
        files = segment_paths(directory)
        entries = [_entry(e, files) for e in manifest.segments]
        if entries != manifest.segments:
            was = (directory / MANIFEST_NAME).stat()
            msgspec.structs.replace(manifest, segments=entries).save(directory)
            os.utime(directory / MANIFEST_NAME, ns=(was.st_atime_ns, was.st_mtime_ns))
        return True


def _entry(entry: SegmentEntry, files: dict[int, Path]) -> SegmentEntry:
    path = files.get(entry.segment_id)
    if path is None:
        return entry
    packed = path.suffix == PACKED_SUFFIX
    return msgspec.structs.replace(
        entry,
        file=segment_name(entry.segment_id) + (PACKED_SUFFIX if packed else ""),
        compression="zstd" if packed else None,
    )
