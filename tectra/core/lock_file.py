"""A file that one process at a time holds, however that process ends."""

import fcntl
import os
from pathlib import Path

__all__ = ["lock_file"]


def lock_file(path: Path) -> int | None:
    """A descriptor that holds the lock of a file, which is made where there is none; None while
    another has it. Close it to give the lock back; the kernel does when the process ends. Raises
    OSError.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    return fd
