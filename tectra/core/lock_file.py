"""A file or a directory that a process holds, however that process ends."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

__all__ = ["holder_of", "lock_directory", "lock_file"]


def lock_file(path: Path) -> int | None:
    """A descriptor that holds the lock of a file, which is made where there is none; None while
    another has it. Close it to give the lock back, after removing the file if it is to go; the
    kernel does when the process ends. A link is not followed. Raises OSError.
    """
    return _hold(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, fcntl.LOCK_EX)


def lock_directory(path: Path, *, shared: bool) -> int | None:
    """A descriptor that holds a directory itself, alone or with others who share it; None while
    that cannot be had. Nothing is made, so one that is only read can be held. Close it to give the
    directory back; the kernel does when the process ends. A link is followed. Raises OSError.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    return _hold(path, os.O_RDONLY | os.O_DIRECTORY, kind)


def holder_of(path: Path) -> str:
    """What the holder of a lock wrote into its file for people: its pid; "unknown" without it."""
    with suppress(OSError):
        return path.read_bytes()[:32].decode("ascii", "replace").strip() or "unknown"
    return "unknown"


def _hold(path: Path, flags: int, kind: int) -> int | None:
    followed = not flags & os.O_NOFOLLOW
    while True:
        fd = os.open(path, flags | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
            # Whoever had it before may have removed the name since, or put another in its place:
            # what is locked would then be nothing that anybody else sees.
            with suppress(FileNotFoundError):
                if os.path.samestat(path.stat(follow_symlinks=followed), os.fstat(fd)):
                    return fd
        except BlockingIOError:
            os.close(fd)
            return None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
