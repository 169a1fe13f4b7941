"""Files that appear under their name only when they are whole."""

import errno
import gzip
import os
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tectra.core.errors import ClosedError, InputError

__all__ = ["PartFile", "Whole", "sync_directory"]


class Whole(ABC):
    """Something that is finished by close(), or at the end of a `with` block that raised nothing,
    and dropped by abort() otherwise.
    """

    @abstractmethod
    def close(self) -> None:
        """Finish. May be called twice."""

    @abstractmethod
    def abort(self) -> None:
        """Drop what was written."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.abort()
            return
        try:
            self.close()
        except BaseException:
            self.abort()
            raise


class PartFile(Whole):
    """Bytes for a file, written beside it as NAME.part; gzip when the name ends in .gz, without a
    time stamp, so that the same bytes give the same file. `name` is what gzip keeps as the original
    name, `head` what the file begins with. Owned by one thread.

    InputError where it cannot be written, or where a device, a pipe or a directory has the name.
    """

    def __init__(
        self, path: str | Path, *, level: int = 6, name: str = "", head: bytes = b""
    ) -> None:
        self.path = Path(path)
        if "\0" in str(path):
            raise InputError(f"cannot write {str(path)!r}: allowed: a name without null characters")
        if self.path.exists() and not self.path.is_file():
            raise InputError(f"cannot write {self.path}: it is there, and no plain file")
        if not self.path.parent.is_dir():
            raise InputError(f"cannot write {self.path}: {os.strerror(errno.ENOENT)}")
        self._part = self.path.with_name(self.path.name + ".part")
        self._level, self._name, self._head = level, name, head
        self._file: IO[bytes] | None = None
        self._out: IO[bytes] | gzip.GzipFile | None = None
        self.closed = False

    def require(self) -> None:
        """ClosedError once it was finished or dropped."""
        if self.closed:
            raise ClosedError(f"{self.path} is closed")

    def write(self, data: bytes | bytearray) -> None:
        """Append bytes. ClosedError once it was finished or dropped."""
        self._opened().write(data)

    def close(self) -> None:
        """Finish the file and give it its name. May be called twice."""
        if self.closed:
            return
        self._opened().close()
        if self._file is not None:
            self._file.close()
        self._part.replace(self.path)
        self.closed = True

    def abort(self) -> None:
        """Drop what was written."""
        if not self.closed:
            self.closed = True
            for file in (self._out, self._file):
                if file is not None:
                    with suppress(
                        OSError
                    ):  # what a full disk does not take is dropped all the same
                        file.close()
            self._part.unlink(missing_ok=True)

    def _opened(self) -> IO[bytes] | gzip.GzipFile:
        # Not in the constructor: Ctrl-C between it and the `with` would leave the part behind.
        self.require()
        if self._out is None:
            try:
                self._file = self._part.open("wb")
            except OSError as error:
                raise InputError(f"cannot write {self.path}: {error.strerror}") from error
            packed = self.path.suffix == ".gz"
            self._out = (
                gzip.GzipFile(self._name, "wb", self._level, self._file, mtime=0)
                if packed
                else self._file
            )
            self._out.write(self._head)
        return self._out


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
