"""The messages of an ITCH 5.0 day file as they lie on the wire, one by one."""

from collections.abc import Iterator
from pathlib import Path

from tectra.core.closing import Closing
from tectra.core.errors import FileFormatError
from tectra.feed.binary_file import BinaryFile
from tectra.feed.itch_wire import SIZES

__all__ = ["ItchMessages"]


class ItchMessages(Closing):
    """Messages of one file without their framing, in file order, read once. Owned by one thread.

    For servers and tests: one object a message; what wants records takes ItchFeed. Ends at the end
    of session, or behind the last whole message: `trailing_bytes` says how many are left then.
    Raises InputError, FileFormatError and TruncatedInputError (gzip cut) as BinaryFile does.
    """

    def __init__(self, path: str | Path) -> None:
        self._file = BinaryFile(path)
        self.path = self._file.path
        self.trailing_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        left = b""
        for chunk in self._file.chunks():
            left += chunk
            at = 0
            while (size := self._size(left, at)) > 0 and at + 2 + size <= len(left):
                yield left[at + 2 : at + 2 + size]
                at += 2 + size
            left = left[at:]
            if size == 0:
                left = left[2:]
                break
        self.trailing_bytes = len(left)

    def _size(self, data: bytes, at: int) -> int:
        """Bytes of the message at `at`: 0 at the end of session, -1 when too little is there."""
        if len(data) - at < 3:
            return 0 if data[at:] == b"\0\0" and not self._file.by_type else -1
        if self._file.by_type:
            size = SIZES.get(chr(data[at + 2]))
            if size is None:
                raise FileFormatError(
                    f"{self.path}: no lengths, and a message of type {chr(data[at + 2])!r}, which "
                    "ITCH 5.0 does not have: the framing is lost"
                )
            return size
        return (data[at] << 8) | data[at + 1]

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes on disk that were read, and all of them."""
        return self._file.disk_position, self._file.disk_bytes

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._file.close()
