"""NASDAQ BinaryFILE day files on disk: plain or gzip, checked before the first message is read.

A record is a two-byte big-endian length and a message; a zero length ends the session. Some
published files carry a zero before every message instead: `by_type` says so.
"""

import mmap
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tectra.core.closing import Closing
from tectra.core.errors import ClosedError, FileFormatError, InputError, TruncatedInputError
from tectra.feed.itch_wire import SIZES

__all__ = ["CHUNK_BYTES", "BinaryFile"]

CHUNK_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"
_HEAD_BYTES = 1 << 16
_HEAD_MESSAGES = 64


class BinaryFile(Closing):
    """One day file, opened for one pass. Owned by one thread.

    Raises InputError for what is no readable file, FileFormatError for what is no ITCH 5.0, and
    TruncatedInputError while reading where a gzip stream ends too early.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file = self._open()
        self._inflate = None
        self._pending = b""
        try:
            start = self._file.read(512)
            self._file.seek(0)
            magic = start[:2]
            self.compressed = magic == _GZIP
            self.original_name = _gzip_name(start) if self.compressed else ""
            if self.path.suffix == ".gz" and not self.compressed:
                raise FileFormatError(
                    f"{self.path}: named .gz, but starts with {magic.hex(' ')} and not with "
                    "1f 8b; give it its right name, or download it again"
                )
            if self.compressed:
                self._inflate = zlib.decompressobj(wbits=31)
            self.by_type = self._check_head()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> BinaryIO:
        path = self.path
        if path.is_dir():
            raise InputError(f"{path} is a directory; give one ITCH file, plain or .gz")
        try:
            self.disk_bytes = path.stat().st_size
            file = path.open("rb")
        except FileNotFoundError:
            raise InputError(f"no such file: {path}") from None
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error
        if self.disk_bytes == 0:
            file.close()
            raise FileFormatError(f"{path} is empty: an ITCH file holds at least one message")
        return file

    @property
    def disk_position(self) -> int:
        """Bytes of the file on disk that were read so far."""
        return 0 if self._file.closed else self._file.tell()

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """Up to `size` bytes of messages (decompressed); empty at the end."""
        if self._file.closed:
            raise ClosedError(f"{self.path} is closed")
        if self._pending:
            out, self._pending = self._pending[:size], self._pending[size:]
            return out
        if self._inflate is None:
            return self._file.read(size)
        return self._read_gzip(self._inflate, size)

    def _read_gzip(self, stream: "zlib._Decompress", size: int) -> bytes:
        while True:
            raw = stream.unconsumed_tail
            if stream.eof:
                raw = stream.unused_data or self._file.read(CHUNK_BYTES)
                if not raw.strip(b"\0"):
                    return b""
                stream = self._inflate = zlib.decompressobj(wbits=31)
            elif not raw:
                raw = self._file.read(CHUNK_BYTES)
            try:
                # Without input it gives out what an earlier limit made it keep.
                out = stream.decompress(raw, size)
            except zlib.error as error:
                raise FileFormatError(f"{self.path}: damaged gzip stream: {error}") from error
            if out:
                return out
            if not raw and not stream.eof:
                raise TruncatedInputError(
                    f"{self.path}: the gzip stream ends after {self.disk_bytes:,} bytes, "
                    "before its end mark; download it again"
                )

    def chunks(self, size: int = CHUNK_BYTES) -> Iterator[bytes]:
        """All that is left, piece by piece. Pieces do not end where messages end."""
        while data := self.read(size):
            yield data

    def map(self) -> mmap.mmap:
        """The whole plain file as memory. The file must not shrink meanwhile."""
        if self.compressed:
            raise InputError(f"{self.path} is compressed and cannot be mapped; use read()")
        mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        mapped.madvise(mmap.MADV_SEQUENTIAL)
        return mapped

    def _check_head(self) -> bool:
        """Whether lengths come from the types. Raises when this is no ITCH 5.0."""
        head = b""
        try:
            while len(head) < _HEAD_BYTES and (data := self.read(_HEAD_BYTES)):
                head += data
        except (TruncatedInputError, FileFormatError):
            if not head:
                raise
        if self._inflate is None:
            self._file.seek(0)
        else:
            self._pending = head
        if not head:
            raise FileFormatError(f"{self.path}: empty after decompression")
        if head[:2] == b"\0\0":
            size = SIZES.get(chr(head[2])) if len(head) > 2 else None
            return size is not None and head[2 + size : 4 + size] in (b"\0\0", b"\0", b"")
        if not _looks_like_itch(head):
            raise FileFormatError(
                f"{self.path} is not an ITCH 5.0 BinaryFILE: it starts with {head[:12]!r}; each "
                "message wants a two-byte length and one of the types " + "".join(sorted(SIZES))
            )
        return False

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._file.close()


def _gzip_name(start: bytes) -> str:
    """The name that gzip keeps of the file it packed (RFC 1952, section 2.3), or nothing."""
    at = 10
    if len(start) < 12 or not start[3] & 0x08:
        return ""
    if start[3] & 0x04:
        at += 2 + int.from_bytes(start[10:12], "little")
    return start[at:].split(b"\0", 1)[0].decode("latin-1")


def _looks_like_itch(head: bytes) -> bool:
    """Whether at least one of the first whole messages, or the cut first one, is well-formed."""
    at = whole = 0
    while whole < _HEAD_MESSAGES and at + 3 <= len(head):
        size = int.from_bytes(head[at : at + 2], "big")
        if size == 0:
            break
        if SIZES.get(chr(head[at + 2])) == size:
            return True
        at += 2 + size
        whole += 1
    return len(head) < 3 and head[:1] == b"\0"
