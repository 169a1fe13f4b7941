"""Claim of a directory by one writer: a lock for as long as it lives, and one run for ever.

The lock is flock(2) on journal.lock: the kernel drops it when the process ends, however it ends.
"""

import contextlib
import errno
import os
import re
from pathlib import Path

from tectra.core.errors import JournalError, JournalFullError
from tectra.core.lock_file import holder_of, lock_file
from tectra.journal.manifest import MANIFEST_NAME
from tectra.journal.place import dangling, make_directories, remove_made
from tectra.journal.segment import segment_number

__all__ = ["LOCK_NAME", "Claim", "refuse_second_run", "remove_unfinished"]

LOCK_NAME = "journal.lock"
_FULL = (errno.ENOSPC, errno.EDQUOT)
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
        self._fd = self._place = -1
        self.directory = directory
        self._made: list[Path] = []
        try:
            self._made = make_directories(directory)
            self._place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._was = os.fstat(self._place)  # its number is not given anew while we hold it open
            self._take_lock()
        except OSError as error:
            self._undo()
            raise self._refusal(error) from error
        except BaseException:
            self._undo()
            raise
        try:
            refuse_second_run(directory)
            remove_unfinished(directory)
        except BaseException:
            self.release()
            raise

    def _refusal(self, error: OSError) -> JournalError:
        if target := dangling(self.directory):
            return JournalError(
                f"{self.directory} is a link to {target}, which is not there: not a directory; "
                "give a new or empty directory for the journal"
            )
        if isinstance(error, (FileExistsError, NotADirectoryError)):
            return JournalError(
                f"{self.directory} is not a directory; "
                "give a new or empty directory for the journal"
            )
        what = f"cannot make a journal in {self.directory}: {error.strerror or error}"
        if error.errno in _FULL:
            return JournalFullError(f"{what}; free disk space or files (df -i), or give another")
        return JournalError(f"{what}; give a directory that can be written")

    def _take_lock(self) -> None:
        path = self.directory / LOCK_NAME
        fd = lock_file(path)
        if fd is None:
            raise JournalError(
                f"{self.directory} is being written by another process (pid {holder_of(path)}); "
                "wait for it to end, or give another directory"
            )
        self._fd = fd
        with contextlib.suppress(OSError):  # a full disk: the pid is for people, the lock holds
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def holds(self) -> bool:
        """Whether the directory is still where it was when it was claimed."""
        try:
            return os.path.samestat(self.directory.stat(), self._was)
        except OSError:
            return False

    def require(self) -> None:
        """Raise FileNotFoundError where the directory was deleted, moved or replaced: a new file
        would lie in nobody's directory, or in another run's.
        """
        if not self.holds():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.directory))

    def release(self, *, forget: bool = False) -> None:
        """Give the lock back. `forget`: nothing was written; remove what we made."""
        if self._fd < 0:
            return
        if self.holds():
            with contextlib.suppress(OSError):
                (self.directory / LOCK_NAME).unlink()
        if forget:
            remove_made(self._made)
        self._close()

    def _undo(self) -> None:
        """The lock was not had, or is another's: only directories go, those that are empty."""
        self._close()
        remove_made(self._made)

    def _close(self) -> None:
        for fd in (self._fd, self._place):
            if fd >= 0:
                os.close(fd)
        self._fd = self._place = -1

    def __del__(self) -> None:
        # A writer dropped without close() leaves its files as a crash would; the lock goes with it.
        self._close()
