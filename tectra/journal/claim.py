"""Claim of a directory by one writer: a lock for as long as it lives, and one run for ever.

The lock is flock(2) on journal.lock: the kernel drops it when the process ends, however it ends.
"""

import contextlib
import fcntl
import os
import re
from pathlib import Path

from tectra.core.errors import JournalError
from tectra.core.part_file import make_directory
from tectra.journal.manifest import MANIFEST_NAME
from tectra.journal.segment import segment_number

__all__ = ["LOCK_NAME", "Claim", "refuse_second_run", "remove_unfinished"]

LOCK_NAME = "journal.lock"
_UNFINISHED = re.compile(r"(segment-\d{6,}\.ttj|reserve-\d+|spare|manifest\.json)\.tmp")


def remove_unfinished(directory: Path) -> None:
    """Remove what a writer did not finish, and nothing else that somebody named *.tmp. OSError."""
    for path in directory.glob("*.tmp"):
        if _UNFINISHED.fullmatch(path.name):
            path.unlink(missing_ok=True)


def refuse_second_run(directory: Path) -> None:
    """JournalError when a directory holds a journal, or what is left of one."""
    if not directory.is_dir():
        return
    segments = [p for p in directory.iterdir() if segment_number(p.name) is not None]
    manifest = directory / MANIFEST_NAME
    if manifest.exists() or segments:
        raise JournalError(
            f"{directory} holds the journal of an earlier run ({len(segments)} segments"
            f"{'' if manifest.exists() else ', no manifest'}); a directory takes one run: "
            "give another directory, or move this one away"
        )


class Claim:
    """Held by the writer of a directory. Raises JournalError when another run has or had it."""

    def __init__(self, directory: Path) -> None:
        self._fd = -1
        self.directory = directory
        self.made = not directory.exists()
        try:
            make_directory(directory)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._fd = os.open(directory / LOCK_NAME, flags, 0o644)
        except (FileExistsError, NotADirectoryError) as error:
            raise JournalError(
                f"{directory} is not a directory; give a new or empty directory for the journal"
            ) from error
        except OSError as error:
            raise JournalError(
                f"cannot make a journal in {directory}: {error.strerror}; "
                "give a directory that can be written"
            ) from error
        try:
            self._lock()
        except BaseException:
            self._close()
            raise
        try:
            refuse_second_run(directory)
            remove_unfinished(directory)
        except BaseException:
            self.release()
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise JournalError(
                f"{self.directory} is being written by another process (pid {holder}); "
                "wait for it to end, or give another directory"
            ) from error
        with contextlib.suppress(OSError):  # a full disk: the pid is for people, the lock holds
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self, *, forget: bool = False) -> None:
        """Give the lock back. `forget`: nothing was written; remove the directory if we made it."""
        if self._fd < 0:
            return
        with contextlib.suppress(OSError):
            (self.directory / LOCK_NAME).unlink()
        if forget and self.made:
            with contextlib.suppress(OSError):
                self.directory.rmdir()
        self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        # A writer dropped without close() leaves its files as a crash would; the lock goes with it.
        self._close()
