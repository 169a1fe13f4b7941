"""Bytes of a file, plain or compressed, with a position for progress and an error that says where.

The kind of compression is told from the first bytes, never from the name.
"""

import bz2
import gzip
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from tectra.core.closing import Closing
from tectra.core.errors import ClosedError, FileFormatError, InputError, TruncatedInputError

__all__ = ["BLOCK_BYTES", "HEAD_BYTES", "ByteSource", "Head", "compression_of", "read_head"]

BLOCK_BYTES = 1 << 20
HEAD_BYTES = 1 << 16

_MAGIC = {
    b"\x1f\x8b": "gz",
    b"\x28\xb5\x2f\xfd": "zst",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bz2",
    b"PK\x03\x04": "zip",
}
# Frames that zstd passes over, which stand ahead of the data of some packers: 0x184d2a50 to 5f.
_SKIPPED, _SKIPPED_FIRST = b"\x2a\x4d\x18", range(0x50, 0x60)
_DAMAGE = (zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowInvalid, OSError)


def compression_of(start: bytes) -> str:
    """gz, zst, xz, bz2 or zip by the first bytes of a file; nothing for a plain one."""
    if start[1:4] == _SKIPPED and start[0] in _SKIPPED_FIRST:
        return "zst"
    return next((name for magic, name in _MAGIC.items() if start.startswith(magic)), "")


class ByteSource(Closing):
    """One file read once from its start, decompressed on the way. Owned by one thread.

    Memory is bounded by the size asked for, whatever the file says of itself. Raises InputError for
    what is no readable file, TruncatedInputError for a stream that ends early, FileFormatError for
    a damaged one.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.offset = 0
        if self.path.is_dir():
            raise InputError(f"{self.path} is a directory; give one file")
        try:
            self.size = self.path.stat().st_size
            self._file = self.path.open("rb")
        except FileNotFoundError:
            raise InputError(f"no such file: {self.path}") from None
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror}") from error
        try:
            self.compression = compression_of(self._file.read(8))
            self._file.seek(0)
            self._stream = self._unpack()
        except BaseException:
            self._file.close()
            raise

    def _unpack(self) -> IO[bytes] | Any:
        if self.compression == "gz":
            return gzip.GzipFile(fileobj=self._file, mode="rb")
        if self.compression == "xz":
            return lzma.LZMAFile(self._file)
        if self.compression == "bz2":
            return bz2.BZ2File(self._file)
        if self.compression == "zst":
            return pa.CompressedInputStream(pa.PythonFile(self._file, mode="r"), "zstd")
        if self.compression == "zip":
            return self._only_member()
        return self._file

    def _only_member(self) -> IO[bytes]:
        try:
            archive = zipfile.ZipFile(self._file)
            names = [m for m in archive.namelist() if not m.endswith("/")]
            if len(names) != 1:
                raise FileFormatError(
                    f"{self.path}: found {len(names)} files in the archive; allowed: one; unpack it"
                )
            return archive.open(names[0])
        # RuntimeError: zipfile's word for a locked member, and for a packing that it cannot undo.
        except (*_DAMAGE, RuntimeError) as error:
            raise FileFormatError(f"{self.path}: damaged zip archive: {error}") from error

    @property
    def position(self) -> int:
        """Bytes of the file on disk that were read so far; `size` when it is closed."""
        return self.size if self._file.closed else min(self._file.tell(), self.size)

    @property
    def closed(self) -> bool:
        """Was the file given up?"""
        return self._file.closed

    def read(self, size: int = BLOCK_BYTES) -> bytes:
        """Up to `size` bytes of content, fewer only at the end; empty there."""
        if self._file.closed:
            raise ClosedError(f"{self.path} is closed")
        parts: list[bytes] = []
        left = size
        while left:
            data = self._read_some(left)
            if not data:
                break
            parts.append(data)
            left -= len(data)
        out = b"".join(parts)
        self.offset += len(out)
        return out

    def _read_some(self, size: int) -> bytes:
        try:
            return bytes(self._stream.read(size))
        except EOFError as error:
            raise self._truncated() from error
        except _DAMAGE as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise InputError(f"cannot read {self.path}: {error.strerror}") from error
            if "runcated" in str(error) or "end-of-stream" in str(error):
                raise self._truncated() from error
            raise FileFormatError(
                f"{self.path}: damaged {self.compression or 'file'} stream behind offset "
                f"{self.offset:,}: {error}"
            ) from error

    def _truncated(self) -> TruncatedInputError:
        return TruncatedInputError(
            f"{self.path}: the {self.compression} stream ends after {self.size:,} bytes, before "
            "its end mark; download it again"
        )

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._file.close()


class Head:
    """What a format is told by: the path and the first 64 KiB of content, decompressed.

    A directory has no bytes; a damaged stream has those that could be read.
    """

    def __init__(self, path: Path, data: bytes, *, directory: bool = False) -> None:
        self.path = path
        self.data = data
        self.directory = directory

    @property
    def name(self) -> str:
        """File name without directories."""
        return self.path.name

    @property
    def lines(self) -> list[str]:
        """First whole lines as text, at most 20; none when the bytes are no text."""
        text = self.data[:8192]
        if b"\0" in text:
            return []
        found = text.decode("utf-8-sig", "replace").splitlines()
        whole = found if len(self.data) <= 8192 else found[:-1]
        return [line for line in whole[:20] if line.strip()]


def read_head(path: str | Path) -> Head:
    """The head of a file or a directory. Raises InputError when it cannot be read."""
    where = Path(path)
    if where.is_dir():
        return Head(where, b"", directory=True)
    with ByteSource(where) as source:
        data = bytearray()
        try:
            while len(data) < HEAD_BYTES and (more := source.read(4096)):
                data += more
        except FileFormatError:
            if not data:
                raise
        return Head(where, bytes(data))
