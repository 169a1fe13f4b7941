"""Where log lines go: a stream, or a file that is rotated by size and by day.

One thread writes. A line is in exactly one file, whole: a write that the disk cuts short is taken
back, and the line goes into the next file or is reported as not written.
"""

import errno
import fcntl
import glob
import json
import os
import re
import stat
from pathlib import Path
from typing import Protocol, TextIO

from tectra.core.errors import ConfigError

__all__ = ["LineSink", "RotatingFile", "StreamSink"]

_DAY_NS = 86_400 * 1_000_000_000
_FILE_MODE = 0o640
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


class LineSink(Protocol):
    """Takes whole lines. Owner thread: the one that writes the log."""

    def write(self, data: bytes, timestamp_ns: int) -> bool:
        """Write one encoded line; False when it could not be written at all."""
        ...

    def sync(self) -> None:
        """Hand what is written to the disk."""
        ...

    def close(self) -> None:
        """Write nothing more. Idempotent."""
        ...


class StreamSink:
    """A text stream such as stderr. A stream that is closed or whose reader is gone takes nothing.

    Owner thread: the one that writes the log.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, data: bytes, timestamp_ns: int) -> bool:
        try:
            text = data.decode()
            try:
                self._stream.write(text)
            except UnicodeEncodeError:
                # A terminal that is not UTF-8: the escapes of JSON, which people can read too.
                self._stream.write(_BEYOND_ASCII.sub(lambda m: json.dumps(m[0])[1:-1], text))
            self._stream.flush()
        except (OSError, ValueError):
            return False
        return True

    def sync(self) -> None:
        pass

    def close(self) -> None:
        pass


class RotatingFile:
    """An append-only file, `name`, and its older parts `name.1` (the youngest) to `name.keep`.

    Rotated before a line that would pass `bytes_max` or that is of a later UTC day than the line
    before. Written by one process, which a lock on the file makes sure of. A file that an outside
    tool has moved away is noticed at the next line and made anew. Owner thread: the one that writes
    the log; about 5 us a line.
    """

    def __init__(self, path: Path, *, bytes_max: int, keep: int, daily: bool) -> None:
        self.path = path
        self.rotations = 0
        self._bytes_max = bytes_max
        self._keep = keep
        self._daily = daily
        self._day: int | None = None
        self._fd = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open()
        except OSError as error:
            raise ConfigError(
                f"log file {path}: {error.strerror}; allowed: a path that this user may write, "
                "without a link at its end"
            ) from None

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(self.path, flags, _FILE_MODE)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise ConfigError(
                    f"log file {self.path}: found something else than a file; allowed: a file or "
                    "nothing there; log to stderr, or name another path"
                )
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigError(
                    f"log file {self.path}: another process writes it; allowed: one writer a file; "
                    "give each process a file of its own"
                ) from None
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def write(self, data: bytes, timestamp_ns: int) -> bool:
        day = timestamp_ns // _DAY_NS
        try:
            size = self._size()
            if size and (size + len(data) > self._bytes_max or self._is_later(day)):
                size = self._rotate(size)
            code = self._append(data, size)
            if code == errno.EFBIG and size:
                # A limit on the size of one file, not a full disk: the next file takes the line.
                code = self._append(data, self._rotate(size))
        except (OSError, ConfigError):
            return False
        if code == 0:
            self._day = day
        return code == 0

    def _is_later(self, day: int) -> bool:
        if self._day is None:
            self._day = os.fstat(self._fd).st_mtime_ns // _DAY_NS
        return self._daily and day > self._day

    def _size(self) -> int:
        """Bytes in the file under the name; opens it again when that is another one now."""
        if self._fd < 0:
            self._open()
        mine = os.fstat(self._fd)
        try:
            there = self.path.lstat()
        except FileNotFoundError:
            there = None
        if there is None or (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino):
            self._reopen()
            return os.fstat(self._fd).st_size
        return mine.st_size

    def _reopen(self) -> None:
        os.close(self._fd)
        self._fd = -1
        self._open()

    def _append(self, data: bytes, size: int) -> int:
        """All of the line (0) or nothing of it (what the system said)."""
        at = 0
        while at < len(data):
            try:
                at += os.write(self._fd, data[at:])
            except OSError as error:
                if at:
                    os.ftruncate(self._fd, size)
                return error.errno or errno.EIO
        return 0

    def _rotate(self, size: int) -> int:
        """name.1 -> name.2 -> ..., name -> name.1, and a new file; the oldest is dropped. Bytes in
        the file that is written from now on: where names cannot be changed, the same as before.
        """
        try:
            for number in sorted(self._older(), reverse=True):
                if number >= self._keep:
                    self._part(number).unlink(missing_ok=True)
                else:
                    self._part(number).replace(self._part(number + 1))
            if self._keep:
                self.path.replace(self._part(1))
            else:
                self.path.unlink()
        except OSError:
            return size
        self._reopen()
        self.rotations += 1
        return 0

    def _older(self) -> set[int]:
        start = f"{self.path.name}."
        ends = {p.name.removeprefix(start) for p in self.path.parent.glob(f"{glob.escape(start)}*")}
        return {int(end) for end in ends if end.isdecimal() and end == str(int(end))}

    def _part(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def sync(self) -> None:
        if self._fd >= 0:
            os.fsync(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
