"""Durable snapshots of books and warm start: written on a cadence, kept by number, read back whole.

A snapshot is written to a temporary name, synced and renamed, so that a kill at any moment leaves
the directory with every whole snapshot it had. Time is that of the records: nothing here asks the
machine.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tectra.book.image import ImageStamp, Trust
from tectra.book.l2 import L2Book
from tectra.book.l3 import L3Book
from tectra.book.snapshot_file import BookSnapshot, encode_snapshot, read_snapshot
from tectra.core.errors import FileFormatError, InputError, StateError, SystemCallError
from tectra.core.lock_file import lock_file
from tectra.core.part_file import sync_directory

__all__ = ["BookStore", "DamagedSnapshot"]

_NAME = re.compile(r"books-(\d{12})\.tts")
_TEMPORARY = ".tmp"
_LOCK = "books.lock"


class DamagedSnapshot(NamedTuple):
    """A snapshot that was passed over, and what is wrong with it."""

    path: Path
    reason: str


class BookStore:
    """Snapshots of the books of one engine in one directory. One writer; any number of readers.

    A snapshot is due every `every_records` records or `every_ns` nanoseconds, whichever comes first
    (0: not counted), from the first `offer` on. `keep`: how many are kept.
    """

    def __init__(
        self, directory: Path | str, *, every_records: int = 0, every_ns: int = 0, keep: int = 3
    ) -> None:
        if every_records < 0 or every_ns < 0 or keep < 1:
            raise InputError(
                f"snapshots: found every {every_records} records, {every_ns} ns, keep {keep}; "
                "allowed: 0 or more, 0 or more, 1 or more"
            )
        self.directory = Path(directory)
        self.damaged: tuple[DamagedSnapshot, ...] = ()
        self._every_records = every_records
        self._every_ns = every_ns
        self._keep = keep
        self._last: ImageStamp | None = None

    def paths(self) -> list[Path]:
        """The snapshots that are there, oldest first. Their number counts writes, not records."""
        try:
            found = [path for path in self.directory.iterdir() if _NAME.fullmatch(path.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SystemCallError(
                error.errno, f"{self.directory}: {error.strerror}; give a directory of snapshots"
            ) from error
        return sorted(found)

    def is_due(self, stamp: ImageStamp) -> bool:
        """True when a snapshot at this point would be written by offer()."""
        last = self._last
        if last is None:
            return False
        return bool(
            (self._every_records and stamp.ring_seq - last.ring_seq >= self._every_records)
            or (self._every_ns and stamp.ts_ns - last.ts_ns >= self._every_ns)
        )

    def offer(
        self,
        stamp: ImageStamp,
        *,
        l3: L3Book | None = None,
        l2: Sequence[L2Book] = (),
        trust: Mapping[int, Trust] | None = None,
        session: str = "",
        symbols: Mapping[int, str] | None = None,
    ) -> Path | None:
        """Write a snapshot if one is due; the first call starts the count."""
        if self._last is None:
            self._last = stamp
        if not self.is_due(stamp):
            return None
        return self.write(stamp, l3=l3, l2=l2, trust=trust, session=session, symbols=symbols)

    def write(
        self,
        stamp: ImageStamp,
        *,
        l3: L3Book | None = None,
        l2: Sequence[L2Book] = (),
        trust: Mapping[int, Trust] | None = None,
        session: str = "",
        symbols: Mapping[int, str] | None = None,
    ) -> Path:
        """Write a snapshot now: the books as they stand behind record stamp.ring_seq.

        StateError when another writer is at work, SystemCallError when the disk refuses; whatever
        was there before is there still. The books must not change meanwhile.
        """
        parts = encode_snapshot(stamp, l3=l3, l2=l2, trust=trust, session=session, symbols=symbols)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            lock = self._lock()
            try:
                path = self._put(parts)
                self._prune()
            finally:
                os.close(lock)
        except OSError as error:
            if isinstance(error, SystemCallError):
                raise
            raise SystemCallError(
                error.errno,
                f"no snapshot in {self.directory}: {error.strerror}; free space or permissions",
            ) from error
        self._last = stamp
        return path

    def _lock(self) -> int:
        fd = lock_file(self.directory / _LOCK)
        if fd is None:
            raise StateError(
                f"{self.directory}: another writer is at work; one engine has one directory"
            )
        return fd

    def _put(self, parts: Iterable[bytes | memoryview]) -> Path:
        there = self.paths()
        number = int(_NAME.fullmatch(there[-1].name)[1]) + 1 if there else 1  # type: ignore[index]
        path = self.directory / f"books-{number:012d}.tts"
        fresh = path.with_suffix(_TEMPORARY)
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            try:
                for part in parts:
                    _write_all(fd, part)
                os.fsync(fd)
            finally:
                os.close(fd)
            fresh.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise
        sync_directory(self.directory)
        return path

    def _prune(self) -> None:
        """Drop what is beyond `keep`, and what killed writers left. The newest was just written, so
        a whole one always remains.
        """
        for path in self.paths()[: -self._keep]:
            path.unlink()
        for left in self.directory.glob(f"books-*{_TEMPORARY}"):
            left.unlink()

    def load(self) -> BookSnapshot | None:
        """The latest whole snapshot; None when there is none at all.

        Damaged ones are passed over and listed in `damaged`; FileFormatError when no other is left.
        """
        damaged = []
        for path in reversed(self.paths()):
            try:
                found = read_snapshot(path)
            except (FileFormatError, SystemCallError) as error:
                damaged.append(DamagedSnapshot(path, str(error)))
                continue
            self.damaged = tuple(damaged)
            return found
        self.damaged = tuple(damaged)
        if damaged:
            raise FileFormatError(
                f"{self.directory}: none of {len(damaged)} snapshots is whole "
                f"({damaged[0].reason}); build the books from the feed"
            )
        return None


def _write_all(fd: int, part: bytes | memoryview) -> None:
    view = memoryview(part)
    while view.nbytes:
        view = view[os.write(fd, view) :]
