"""Capture files, pcap and pcapng, plain or gzip: frames with their times, and the UDP inside.

A file is read front to back in one pass and never held whole. Sources: pcap-savefile(5); PCAP Next
Generation, draft-ietf-opsawg-pcapng.
"""

import gzip
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from tectra.core.closing import Closing
from tectra.core.errors import ClosedError, FileFormatError, InputError, TruncatedInputError
from tectra.core.part_file import PartFile, Whole
from tectra.protocol.frame import LinkType, Skip, UdpPayload, build_udp_frame, udp_of_frame

__all__ = ["CaptureReader", "CaptureWriter", "Frame", "Skip", "UdpPayload"]

_GZIP = b"\x1f\x8b"
_SECTION = b"\x0a\x0d\x0d\x0a"
# Magic number -> byte order, nanoseconds of one unit of the second word.
_PCAP = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
# A frame, or a block that is read whole, may not be longer: a length beyond it is no length.
_FRAME_MAX = 1 << 20
_SKIP_STEP = 1 << 16
_NS = 1_000_000_000
_IDB, _OPB, _SPB, _EPB = 1, 2, 3, 6


class Frame(NamedTuple):
    """One captured frame. `ts_ns` is 0 in a simple packet block, which has no time; `wire_bytes`
    is its length on the wire, of which `data` may be the first part only.
    """

    ts_ns: int
    link_type: int
    data: bytes
    wire_bytes: int


class _Interface(NamedTuple):
    link_type: int
    snap_bytes: int
    units_per_s: int
    offset_s: int


class CaptureReader(Closing):
    """One capture file, read once. Owned by one thread.

    `frames`, `payloads` and `skipped` count what was met so far; `untimed` frames without a time.
    Raises InputError for what is no readable file, FileFormatError for what is no capture, and
    while reading, after everything whole, TruncatedInputError with the offset where the file is
    cut. Offsets count decompressed bytes.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.frames = self.payloads = self.untimed = 0
        self.skipped: Counter[Skip] = Counter()
        self.offset = 0
        self._file = self._open()
        try:
            self._magic = self._take(4, "the magic number")
            if self._magic not in _PCAP and self._magic != _SECTION:
                raise FileFormatError(
                    f"{self.path} is no capture: it starts with {self._magic.hex(' ')}; allowed "
                    "are pcap and pcapng, plain or .gz"
                )
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> BufferedReader | gzip.GzipFile:
        path = self.path
        if path.is_dir():
            raise InputError(f"{path} is a directory; give one capture file, plain or .gz")
        try:
            file = path.open("rb")
            packed = file.read(2) == _GZIP
            file.seek(0)
        except FileNotFoundError:
            raise InputError(f"no such file: {path}") from None
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error
        if not packed:
            return file
        file.close()
        return gzip.open(path, "rb")

    def _read(self, size: int) -> bytes:
        """Up to `size` bytes, fewer only at the end."""
        if self._file.closed:
            raise ClosedError(f"{self.path} is closed")
        try:
            data = self._file.read(size)
        except EOFError:
            raise TruncatedInputError(
                f"{self.path}: the gzip stream ends before its end mark, in the bytes behind "
                f"offset {self.offset:,}; {self.frames:,} whole frames before"
            ) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise FileFormatError(f"{self.path}: damaged gzip stream: {error}") from error
        self.offset += len(data)
        return data

    def _take(self, size: int, what: str) -> bytes:
        """Exactly `size` bytes."""
        start = self.offset
        data = self._read(size)
        if len(data) < size:
            raise TruncatedInputError(
                f"{self.path}: cut inside {what} at offset {start:,}: {len(data)} of {size} bytes "
                f"are here; {self.frames:,} whole frames before"
            )
        return data

    def _wrong(self, text: str) -> FileFormatError:
        return FileFormatError(f"{self.path}, offset {self.offset:,}: {text}")

    def __iter__(self) -> Iterator[Frame]:
        """Frames in file order. A second pass needs a new reader."""
        source = self._pcapng() if self._magic == _SECTION else self._pcap()
        for frame in source:
            self.frames += 1
            yield frame

    def udp(self) -> Iterator[UdpPayload]:
        """UDP payloads in file order; everything else is counted in `skipped`."""
        for ts_ns, link, data, _ in self:
            found = udp_of_frame(link, data, ts_ns)
            if isinstance(found, Skip):
                self.skipped[found] += 1
            else:
                self.payloads += 1
                yield found

    def _pcap(self) -> Iterator[Frame]:
        order, unit = _PCAP[self._magic]
        major, _, _, _, _, link = struct.unpack(order + "HHiIII", self._take(20, "the head"))
        if major != 2:
            raise self._wrong(f"pcap version {major}; allowed: 2")
        link &= 0x0FFFFFFF  # above: how long the check sequence at the end of frames is
        record = struct.Struct(order + "IIII")
        while head := self._read(16):
            if len(head) < 16:
                raise TruncatedInputError(
                    f"{self.path}: cut inside the head of a frame at offset "
                    f"{self.offset - len(head):,}; {self.frames:,} whole frames before"
                )
            seconds, part, size, wire = record.unpack(head)
            if size > _FRAME_MAX or part * unit >= _NS:
                raise self._wrong(
                    f"a frame of {size:,} bytes at {seconds} s and {part}: the framing is lost"
                )
            yield Frame(seconds * _NS + part * unit, link, self._take(size, "a frame"), wire)

    def _pcapng(self) -> Iterator[Frame]:
        order = ""
        interfaces: list[_Interface] = []
        head = self._magic + self._take(4, "a block")
        while True:
            if head[:4] == _SECTION:
                order = self._section(head)
                interfaces = []
            else:
                kind, size = struct.unpack(order + "II", head)
                if size < 12 or size % 4:
                    raise self._wrong(f"a block of {size} bytes: the framing is lost")
                if kind in (_IDB, _OPB, _SPB, _EPB):
                    body = self._block(order, size)
                    if kind == _IDB:
                        interfaces.append(self._interface(order, body))
                    else:
                        yield self._packet(order, kind, body, interfaces)
                else:
                    self._pass(order, size)
            head = self._read(8)
            if not head:
                return
            if len(head) < 8:
                raise TruncatedInputError(
                    f"{self.path}: cut inside the head of a block at offset "
                    f"{self.offset - len(head):,}; {self.frames:,} whole frames before"
                )

    def _section(self, head: bytes) -> str:
        """Byte order of the section that starts here."""
        magic = self._take(4, "a section header")
        order = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}.get(magic)
        if order is None:
            raise self._wrong(f"byte-order magic {magic.hex(' ')}: this is no pcapng section")
        size = struct.unpack(order + "I", head[4:])[0]
        if size < 28 or size % 4:
            raise self._wrong(f"a section header of {size} bytes; allowed: 28 or more")
        major = struct.unpack(order + "H", self._take(2, "a section header"))[0]
        if major != 1:
            raise self._wrong(f"pcapng version {major}; allowed: 1")
        self._pass(order, size, done=14)
        return order

    def _block(self, order: str, size: int) -> bytes:
        """Body of a block, its length confirmed by the one behind it."""
        if size > _FRAME_MAX:
            raise self._wrong(f"a block of {size:,} bytes: the framing is lost")
        body = self._take(size - 12, "a block")
        self._tail(order, size)
        return body

    def _pass(self, order: str, size: int, *, done: int = 8) -> None:
        """Skip what is left of a block, whatever its length, in little memory."""
        left = size - done - 4
        while left > 0:
            left -= len(self._take(min(left, _SKIP_STEP), "a block"))
        self._tail(order, size)

    def _tail(self, order: str, size: int) -> None:
        again = struct.unpack(order + "I", self._take(4, "a block"))[0]
        if again != size:
            raise self._wrong(f"a block says {size} bytes in front and {again} behind")

    def _interface(self, order: str, body: bytes) -> _Interface:
        if len(body) < 8:
            raise self._wrong("an interface block without its fields")
        link, _, snap = struct.unpack_from(order + "HHI", body)
        units, offset, at = 1_000_000, 0, 8
        while at + 4 <= len(body):
            code, size = struct.unpack_from(order + "HH", body, at)
            value = body[at + 4 : at + 4 + size]
            if len(value) < size:
                raise self._wrong("an option that is longer than its block")
            if code == 0:
                break
            if code == 9 and size == 1:
                power = value[0] & 0x7F
                units = 1 << power if value[0] & 0x80 else 10**power
            if code == 14 and size == 8:
                offset = struct.unpack(order + "q", value)[0]
            at += 4 + (size + 3) // 4 * 4
        return _Interface(link, snap, units, offset)

    def _packet(self, order: str, kind: int, body: bytes, interfaces: list[_Interface]) -> Frame:
        """The frame of an enhanced, a simple or an obsolete packet block."""
        fixed = {_EPB: "IIIII", _OPB: "HHIIII", _SPB: "I"}[kind]
        if len(body) < struct.calcsize(order + fixed):
            raise self._wrong("a packet block without its fields")
        fields = struct.unpack_from(order + fixed, body)
        data = body[struct.calcsize(order + fixed) :]
        which = fields[0] if kind != _SPB else 0
        if which >= len(interfaces):
            raise self._wrong(f"a packet of interface {which}; {len(interfaces)} are described")
        interface = interfaces[which]
        if kind == _SPB:
            self.untimed += 1
            wire = fields[0]
            size = min(wire, interface.snap_bytes or wire)
            ts_ns = 0
        else:
            high, low, size, wire = fields[-4:]
            ts_ns = ((high << 32 | low) * _NS) // interface.units_per_s
            ts_ns += interface.offset_s * _NS
        if size > len(data):
            raise self._wrong(f"a packet of {size:,} bytes in a block with {len(data):,}")
        return Frame(ts_ns, interface.link_type, data[:size], wire)

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._file.close()


class CaptureWriter(Whole):
    """Writes a pcap with nanosecond times, gzip when the name ends in .gz. Owned by one thread.

    The file appears under its name only when it is complete: close(), or the end of a `with` block
    that raised nothing.
    """

    def __init__(self, path: str | Path, *, link_type: int = LinkType.ETHERNET) -> None:
        self.path = Path(path)
        self.frames = 0
        head = b"\x4d\x3c\xb2\xa1" + struct.pack("<HHiIII", 2, 4, 0, 0, _FRAME_MAX, link_type)
        self._file = PartFile(self.path, head=head)

    def write(self, ts_ns: int, frame: bytes) -> None:
        """Append one frame. `ts_ns`: nanoseconds since the epoch UTC, before the year 2106."""
        self._file.require()
        seconds, rest = divmod(ts_ns, _NS)
        if not 0 <= seconds < 1 << 32 or len(frame) > _FRAME_MAX:
            raise InputError(
                f"a frame of {len(frame)} bytes at {ts_ns} ns; allowed are {_FRAME_MAX} bytes, "
                "and times of 1970 to 2106"
            )
        self._file.write(struct.pack("<IIII", seconds, rest, len(frame), len(frame)) + frame)
        self.frames += 1

    def write_udp(self, payload: UdpPayload) -> None:
        """Append an IPv4 datagram in an Ethernet frame."""
        self.write(payload.ts_ns, build_udp_frame(payload))

    def close(self) -> None:
        """Finish the file and give it its name. May be called twice."""
        self._file.close()

    def abort(self) -> None:
        """Drop what was written."""
        self._file.abort()
