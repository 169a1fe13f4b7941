"""A directory that is whole or not there: written under another name, synced, renamed.

One owner thread; a second one on the same name is refused by lock.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from tectra.core.errors import JournalError, JournalFullError
from tectra.core.lock_file import lock_file
from tectra.core.part_file import sync_directory
from tectra.journal.claim import LOCK_NAME
from tectra.journal.manifest import MANIFEST_NAME
from tectra.journal.place import dangling, remove_made
from tectra.journal.segment import is_companion, segment_number

__all__ = ["KEPT_NAME", "Outlet", "writer_absent"]

KEPT_NAME = re.compile(r"damaged-(\d+)")  # what a repair in place keeps of the original
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def writer_absent(directory: Path) -> Iterator[None]:
    """Hold the journal's lock, if it has one. Raises JournalError when a writer does."""
    try:
        fd = os.open(directory / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # never locked, or no journal: the caller says which
        yield
        return
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalError(
                f"{directory} is being written by another process; wait for it to end"
            ) from error
        yield
    finally:
        os.close(fd)


class Outlet:
    """Files for `target`, which is new, empty, or with `replace` `source` itself (then publish()
    puts them in its place and keeps what was there). Used by `with`; left without publish(),
    nothing is left.

    Raises JournalError when `target` is taken or cannot be written, JournalFullError.
    """

    def __init__(self, source: Path, target: Path, *, replace: bool = False) -> None:
        self.source = source.resolve()
        self._link = (target, dangling(target))
        self.target = target.resolve()
        self.replace = replace
        self.part = self.target.with_name(self.target.name + ".part")
        self._fd = -1

    def __enter__(self) -> Self:
        if self._link[1]:
            raise JournalError(
                f"{self._link[0]} is a link to {self._link[1]}, which is not there; give a new or "
                "empty directory"
            )
        if not self.replace:
            self._refuse_taken()
        known = self.part.exists()
        try:
            self._claim()
        except OSError as error:
            if not known:
                remove_made([self.part])
            raise self._explained(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._fd >= 0:
            shutil.rmtree(self.part, ignore_errors=True)
            self._release()
        if isinstance(error, OSError):
            raise self._explained(error) from error

    def _explained(self, error: OSError) -> JournalError:
        what = f"cannot write {self.target}: {error.strerror or error}"
        if error.errno in _FULL:
            return JournalFullError(f"{what}; free disk space, or give another disk")
        return JournalError(f"{what}; give a directory that can be written")

    def _refuse_taken(self) -> None:
        if self.target.is_relative_to(self.source):
            raise JournalError(f"{self.target} lies in the journal itself; give another directory")
        taken = self.target.exists() or self.target.is_symlink()
        if taken and not (self.target.is_dir() and not any(self.target.iterdir())):
            raise JournalError(f"{self.target} exists; give a new or empty directory")

    def _claim(self) -> None:
        """Make the directory of the parts ours and empty."""
        self.part.mkdir(exist_ok=True)
        alien = [p.name for p in self.part.iterdir() if not _ours(p.name)]
        if alien:
            raise JournalError(
                f"{self.part} holds {alien[0]}, which is not of a repair; move it away"
            )
        fd = lock_file(self.part / LOCK_NAME)
        if fd is None:
            raise JournalError(
                f"{self.part} is being written by another repair; wait for it to end"
            )
        self._fd = fd
        for left in self.part.iterdir():  # of a repair that was killed
            if left.is_dir():
                shutil.rmtree(left)
            elif left.name != LOCK_NAME:
                left.unlink()

    def write(self, name: str, *parts: bytes) -> None:
        """Write and sync one file. Raises OSError; leaving the `with` explains it."""
        with (self.part / name).open("xb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())

    def publish(self) -> None:
        """Give the result its name, in one step. Raises OSError; leaving the `with` explains it."""
        if self.replace:
            self._keep_original()
        (self.part / LOCK_NAME).unlink()
        sync_directory(self.part)
        if self.replace:
            self._exchange()
            shutil.rmtree(self.part)  # the original's names; damaged-<n> has its files
        else:
            self.part.rename(self.target)
        sync_directory(self.target.parent)
        self._release()

    def _keep_original(self) -> None:
        """Every file of the source under damaged-<n>, as another name of the same bytes."""
        kept = [m for p in self.source.iterdir() if (m := KEPT_NAME.fullmatch(p.name))]
        number = max((int(m[1]) for m in kept), default=0) + 1
        fresh = self.part / f"damaged-{number}"
        fresh.mkdir()
        for path in sorted(self.source.iterdir()):
            below = self.part if KEPT_NAME.fullmatch(path.name) else fresh
            if path.is_dir() and not path.is_symlink():
                shutil.copytree(path, below / path.name, copy_function=os.link, symlinks=True)
            else:
                os.link(path, below / path.name, follow_symlinks=False)
        sync_directory(fresh)

    def _exchange(self) -> None:
        """Swap the directories' names in one step of the kernel."""
        libc = ctypes.CDLL(None, use_errno=True)
        old, new = os.fsencode(self.target), os.fsencode(self.part)
        if libc.renameat2(_AT_FDCWD, new, _AT_FDCWD, old, _RENAME_EXCHANGE) != 0:
            code = ctypes.get_errno()
            raise JournalError(
                f"{self.target} cannot be replaced in one step: {os.strerror(code)}; "
                "repair into another directory with -o"
            )

    def _release(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._fd)
        self._fd = -1


def _ours(name: str) -> bool:
    """Can a repair have made this name?"""
    fixed = name in (MANIFEST_NAME, f"{MANIFEST_NAME}.tmp", LOCK_NAME)
    segment = segment_number(name) is not None or is_companion(name)
    return fixed or segment or KEPT_NAME.fullmatch(name) is not None
