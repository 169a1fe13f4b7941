"""Raw captures: files of the messages that came over a connection, one a line, as they came.

    1723161255030314667 {"e":"depthUpdate",...}        receive time in nanoseconds, and the message
    2019-06-01T00:00:28.619994Z {"topic":...}          the time as ISO 8601
    {"t":"recv","conn":"X.ws.1","ts":1618678132.83,"data":"..."}      cryptofeed's form, with what
                                       was sent, REST answers (`http`) and connections beside it
    {"channel":"book",...}                             the message alone: no receive time

Forms may be mixed; empty lines and Windows line ends are passed over. Plain, gzip or zstd, by
content, whatever the name says. A file that was cut (a recorder killed, a disk full) is read as far
as it goes; `cut` then says what is missing.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa

from tectra.core.closing import Closing
from tectra.core.errors import FileFormatError, InputError
from tectra.core.types import Timestamp
from tectra.feed.importer.source import compression_of

__all__ = ["CaptureKind", "CaptureLine", "CaptureReader"]

_CHUNK = 1 << 16
_LINE_MAX = 1 << 28
_BOM = b"\xef\xbb\xbf"
_COMPRESSIONS = {"": "none", "gz": "gzip", "zst": "zstd"}


class CaptureKind(StrEnum):
    """What a line of a capture is."""

    RECV = "recv"
    """A message that came over a stream."""
    HTTP = "http"
    """The answer of a REST call."""
    SEND = "send"
    """What the recorder sent: requests are no data."""
    CONNECT = "connect"
    """A connection was made: numbers of the connection start again."""
    HEADER = "header"
    """What the recorder says of itself."""
    OTHER = "other"
    """A kind of line that is not known here."""


_WRAPPED = {
    "recv": CaptureKind.RECV,
    "http": CaptureKind.HTTP,
    "send": CaptureKind.SEND,
    "connect": CaptureKind.CONNECT,
    "header": CaptureKind.HEADER,
}


@dataclass(frozen=True, slots=True)
class CaptureLine:
    """One line: its number from 1, what it is, when it came (0: not said), over which connection,
    from which address, and the message. `fault` says why a line is none; then there is no message.
    """

    number: int
    kind: CaptureKind
    ts_ns: int = 0
    connection: str = ""
    url: str = ""
    data: bytes = b""
    fault: str = ""


def _seconds_ns(value: object) -> int:
    """Nanoseconds of seconds as a number, by its decimal digits."""
    if type(value) not in (int, float):
        raise InputError(f"ts: found {value!r:.40}; allowed: seconds as a number")
    ns = int(Decimal(repr(value)).scaleb(9))
    if not 0 <= ns < 1 << 63:
        raise InputError(f"ts: found {value!r:.40}; allowed: seconds since the epoch")
    return ns


def _stamp(token: bytes) -> int:
    """Nanoseconds of what stands ahead of a message: a count or ISO 8601."""
    if token.isdigit():
        if len(token) > 19 or int(token) >> 63:
            raise InputError(f"time: found {token[:40]!r}; allowed: nanoseconds since the epoch")
        return int(token)
    return Timestamp.from_iso(token.decode("ascii", "replace")).ns


def _wrapped(number: int, found: dict[str, Any]) -> CaptureLine:
    """A line in cryptofeed's form."""
    kind = _WRAPPED.get(str(found["t"]), CaptureKind.OTHER)
    data = found.get("data", "")
    if kind in (CaptureKind.RECV, CaptureKind.HTTP):
        if isinstance(data, (dict, list)):
            data = orjson.dumps(data).decode()
        if type(data) is not str or not data:
            raise InputError(f"data: found {data!r:.40}; allowed: the message as text")
    return CaptureLine(
        number,
        kind,
        _seconds_ns(found["ts"]) if "ts" in found else 0,
        str(found.get("conn", "")),
        str(found.get("url", found.get("addr", ""))),
        data.encode() if type(data) is str else b"",
    )


def _is_json(text: bytes) -> bool:
    """Whether a text begins as messages do."""
    return text[:1] in (b"{", b"[")


def _split(line: bytes) -> tuple[bytes, bytes]:
    """The time and the message of a line that begins with a time."""
    token, _, rest = line.partition(b" ")
    if b"\t" in token or not rest:
        token, _, rest = line.partition(b"\t")
    return token, rest.strip()


def _parse(number: int, line: bytes) -> CaptureLine:
    if _is_json(line):
        # Only a wrapped line has "t" that says one of these; messages of venues are left as they
        # are, whatever their fields.
        if line[:1] == b"{" and b'"t"' in line[:200]:
            found = orjson.loads(line)
            kind = found.get("t")
            if type(kind) is str and kind in _WRAPPED and ("ts" in found or kind == "header"):
                return _wrapped(number, found)
        return CaptureLine(number, CaptureKind.RECV, data=line)
    token, rest = _split(line)
    if not rest:
        raise InputError(
            f"found {line[:60]!r}; allowed: TIME JSON, or a JSON object; see tectra.feed.capture"
        )
    return CaptureLine(number, CaptureKind.RECV, _stamp(token), data=rest)


class CaptureReader(Closing):
    """The lines of one file, in order. Iterate once; one thread.

    `bytes_done` of `bytes_total` is how far the file itself is read. After the last line `cut` says
    what the end of the file lacks, "" when nothing. OSError where the file cannot be read,
    InputError for a pipe, FileFormatError for one that is packed in another way.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.cut = ""
        self.lines = 0
        self.bytes_total = self.path.stat().st_size
        if self.path.is_fifo():
            raise InputError(
                f"{self.path}: found a pipe; allowed: a file, as it is read more than once"
            )
        self._raw: IO[bytes] = self.path.open("rb")
        packing = compression_of(self._raw.read(8))
        self._raw.seek(0)
        if packing not in _COMPRESSIONS:
            self._raw.close()
            raise FileFormatError(
                f"{self.path}: found a file packed as {packing}; allowed: plain, gzip or zstd"
            )
        self.compression = _COMPRESSIONS[packing]

    @property
    def bytes_done(self) -> int:
        """Bytes of the file read so far."""
        return self.bytes_total if self._raw.closed else self._raw.tell()

    def close(self) -> None:
        """Give up the file. May be called twice."""
        self._raw.close()

    def _chunks(self) -> Iterator[bytes]:
        """Unpacked bytes; what cannot be unpacked any more ends them, and `cut` says so."""
        if self.compression == "gzip":
            return self._gzip()
        return self._zstd() if self.compression == "zstd" else iter(self._read, b"")

    def _read(self) -> bytes:
        return self._raw.read(_CHUNK)

    def _gzip(self) -> Iterator[bytes]:
        """Member by member; gzip.open() would give nothing of a stream's last, cut part."""
        packed = self._read()
        while packed:
            stream = zlib.decompressobj(wbits=31)
            while packed and not stream.eof:
                try:
                    yield stream.decompress(packed)
                except zlib.error as error:
                    self.cut = f"the compressed stream is damaged: {error}"
                    return
                packed = stream.unused_data or (b"" if stream.eof else self._read())
            if not stream.eof:
                self.cut = "the compressed stream has no end: the file was cut"
                return
            # Zeros behind the last member are padding.
            packed = (packed or self._read()).lstrip(b"\0")

    def _zstd(self) -> Iterator[bytes]:
        stream = pa.CompressedInputStream(pa.PythonFile(self._raw, mode="r"), "zstd")
        while True:
            try:
                chunk = stream.read(_CHUNK)
            except OSError as error:
                self.cut = f"the compressed stream is cut or damaged: {error}"
                return
            if not chunk:
                return
            yield chunk

    def _texts(self) -> Iterator[bytes]:
        """Lines without their ends."""
        rest = b""
        for chunk in self._chunks():
            first, mark, more = chunk.partition(b"\n")
            rest += first
            if not mark:
                if len(rest) > _LINE_MAX:
                    raise FileFormatError(
                        f"{self.path}: found a line of more than {_LINE_MAX >> 20} MiB; allowed: a "
                        "message a line; is this a capture?"
                    )
                continue
            yield rest
            parts = more.split(b"\n")
            rest = parts.pop()
            yield from parts
        if rest and not self._is_cut(rest):
            yield rest

    def _is_cut(self, last: bytes) -> bool:
        """Whether the last line, which has no end, is a part of a message only."""
        line = last.strip()
        message = line if _is_json(line) else _split(line)[1]
        if message and not _is_json(message):
            return False  # such as `pong`
        try:
            orjson.loads(message)
        except orjson.JSONDecodeError:
            self.cut = self.cut or "the last line ends inside a message: the file was cut"
            return True
        return False

    def __iter__(self) -> Iterator[CaptureLine]:
        for text in self._texts():
            self.lines += 1
            line = (text.removeprefix(_BOM) if self.lines == 1 else text).strip()
            if not line:
                continue
            try:
                found = _parse(self.lines, line)
            except (InputError, orjson.JSONDecodeError, ArithmeticError) as error:
                found = CaptureLine(self.lines, CaptureKind.OTHER, fault=str(error))
            yield found
