"""EventLog: a session's events in a file, `data/sessions/{session_id}/events.msgpack.lz4`.

MessagePack in LZ4 frames, in blocks that name their length and carry a CRC32C; an index of blocks
by sequence and time at the end. One thread.

    file      8 bytes "TTEVENT1", block, block, ..., trailer
    block     52 bytes of head, body (LZ4 frame)
    head      little-endian: u32 kind (1 session, 2 events, 3 index), u32 length of the body,
              u32 length unpacked, u32 events, u64 first and last sequence, i64 first and last time,
              u32 CRC32C of the head up to here with four zeros behind, then the body
    trailer   u64 offset of the index, 8 bytes "TTINDEX1"
"""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple, Protocol

import msgspec
import pyarrow as pa

from tectra.core.closing import Closing
from tectra.core.crc32c import crc32c
from tectra.core.errors import (
    ClosedError,
    FileFormatError,
    GapError,
    InputError,
    LayoutVersionError,
    TectraError,
    TruncatedInputError,
)
from tectra.core.part_file import PartFile, Whole
from tectra.replay.capture.event import StateMachineEvent
from tectra.replay.capture.plain import same
from tectra.replay.capture.storage import check_next, pack_events, unpack_events
from tectra.replay.capture.stream import EventStream, SessionInfo, checked_session_id

__all__ = ["EVENTS_NAME", "EventLog", "EventLogReader", "GrowingFile", "session_path"]

EVENTS_NAME = "events.msgpack.lz4"
_MAGIC, _END = b"TTEVENT1", b"TTINDEX1"
_HEAD = struct.Struct("<IIIIQQqqI")
_TRAILER = struct.Struct("<Q8s")
_SESSION, _EVENTS, _INDEX = 1, 2, 3
# LZ4 makes a byte at most 255 times as long: what says more is no length.
_UNPACKED_MAX, _RATIO_MAX = 1 << 30, 255
_encode = msgspec.msgpack.Encoder().encode


def session_path(session_id: str, root: str | Path = "data/sessions") -> Path:
    """Where the events of a session lie below a root."""
    return Path(root) / checked_session_id(session_id) / EVENTS_NAME


class Writer(Protocol):
    """Where an EventLog writes: a PartFile (there when whole) or a GrowingFile (there at once)."""

    def write(self, data: bytes) -> None:
        """Append bytes."""

    def close(self) -> None:
        """Finish."""

    def abort(self) -> None:
        """Give up."""


class GrowingFile(Whole):
    """A new file under its name from the first byte on: what was written is there after a crash.
    InputError where one is there already.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._file: IO[bytes] = self.path.open("xb", buffering=0)
        except OSError as error:
            raise InputError(f"cannot write {self.path}: {error.strerror}") from error

    def write(self, data: bytes) -> None:
        """Append bytes; they are the kernel's when this returns."""
        self._file.write(data)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def abort(self) -> None:
        """Leave what was written."""
        self._file.close()


class _Block(NamedTuple):
    """One block of events: where it is, and what the head says."""

    offset: int
    stored: int
    unpacked: int
    events: int
    first: int
    last: int
    first_ns: int
    last_ns: int
    crc: int


class EventLog(Whole):
    """Writes a session's events to `writer` (default: a PartFile of that name, whole or not there)
    and reads them back. A block is written when it has as many events as the session's mode says.
    """

    def __init__(
        self, path: str | Path, info: SessionInfo | None = None, *, writer: Writer | None = None
    ) -> None:
        self.path = Path(path)
        self.info = info
        self.events = 0
        self._made: list[Path] = []
        self._writer: Writer | None = None
        if info is not None:
            self._make_place()
            self._writer = PartFile(self.path) if writer is None else writer
        self._codec = pa.Codec("lz4")
        self._waiting: list[StateMachineEvent] = []
        self._blocks: list[_Block] = []
        self._offset = 0
        self._last_ns = -(1 << 63)

    def _make_place(self) -> None:
        """The directory of the file, and a note of what abort() has to take away again."""
        missing = [p for p in (self.path.parent, *self.path.parent.parents) if not p.exists()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write {self.path}: {error.strerror}") from error
        self._made = missing

    def append_event(self, event: StateMachineEvent) -> None:
        """One more event. GapError, DuplicateError, InputError, ClosedError; nothing is written of
        one that is refused.
        """
        info = self._opened()
        check_next(self.events, event.sequence)
        if event.timestamp < self._last_ns:
            raise InputError(
                f"event {event.sequence}: found time {event.timestamp}; allowed: {self._last_ns}, "
                "that of the event before it, or later"
            )
        self._waiting.append(event)
        self.events = event.sequence
        self._last_ns = event.timestamp
        if len(self._waiting) >= info.mode.snapshot_interval:
            self.flush()

    def flush(self) -> None:
        """Write the events that wait, as a block."""
        info = self._opened()
        self._begin(info)
        if self._waiting:
            body = pack_events(self._waiting, info.mode)
            self._blocks.append(self._put(_EVENTS, body, self._waiting))
            self._waiting = []

    def close(self) -> None:
        """Write what waits, the index and the trailer. May be called twice."""
        if self._writer is None:
            return
        self.flush()
        index = self._put(_INDEX, _encode([list(b) for b in self._blocks]), ())
        self._writer.write(_TRAILER.pack(index.offset, _END))
        self._writer.close()
        self._writer = None

    def abort(self) -> None:
        """Give up; a PartFile leaves nothing behind, a GrowingFile its whole blocks."""
        if self._writer is not None:
            self._writer.abort()
            self._writer = None
            for directory in self._made:
                with suppress(OSError):  # it is not empty: somebody else's file is there
                    directory.rmdir()

    def read_events(self) -> Iterator[StateMachineEvent]:
        """Every event of the file, in order; see EventLogReader."""
        with EventLogReader(self.path) as reader:
            yield from EventStream(reader.info, reader)

    def _opened(self) -> SessionInfo:
        if self._writer is None or self.info is None:
            raise ClosedError(
                f"{self.path}: not open for writing; give a SessionInfo, before close"
            )
        return self.info

    def _begin(self, info: SessionInfo) -> None:
        if self._offset == 0:
            self._write(_MAGIC)
            self._put(_SESSION, _encode(info), ())

    def _write(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)
        self._offset += len(data)

    def _put(self, kind: int, body: bytes, events: "list[StateMachineEvent] | tuple[()]") -> _Block:
        packed = self._codec.compress(body, asbytes=True)
        span = (0, 0, 0, 0)
        if events:
            first, last = events[0], events[-1]
            span = (first.sequence, last.sequence, first.timestamp, last.timestamp)
        head = (kind, len(packed), len(body), len(events), *span)
        crc = crc32c(packed, crc32c(_HEAD.pack(*head, 0)))
        block = _Block(self._offset, len(packed), len(body), len(events), *span, crc)
        self._write(_HEAD.pack(*head, crc) + packed)
        return block


class EventLogReader(Closing):
    """Reads a file of events: by sequence and by time without reading all of it.

    `tail` says what is cut off at the end, None when nothing is; `indexed` whether the file has its
    index, which a session that was cut has not. FileFormatError (by the block's number, offset and
    events) for damage; GapError, DuplicateError when blocks do not follow each other.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.tail: str | None = None
        self.indexed = False
        self._codec = pa.Codec("lz4")
        self._kept: tuple[int, list[StateMachineEvent]] = (-1, [])
        try:
            self._file = self.path.open("rb")
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror}") from error
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _open(self) -> None:
        self._size = self._file.seek(0, 2)
        self._file.seek(0)
        magic = self._file.read(8)
        if magic != _MAGIC:
            raise FileFormatError(
                f"{self.path}: found {magic!r} at the start; allowed: {_MAGIC!r}, a file of events"
            )
        kind, head = self._head(8)
        if kind != _SESSION or head is None:
            raise TruncatedInputError(f"{self.path}: ends before it says what session it is of")
        body = self._body(head, "the session's block")
        try:
            version = msgspec.msgpack.decode(body)["format_version"]
            if version != 1:
                raise LayoutVersionError(
                    f"{self.path}: found format {version}; allowed: 1; read it with the tectra "
                    "that wrote it"
                )
            self.info = msgspec.msgpack.decode(body, type=SessionInfo)
        except (KeyError, TypeError, InputError, RecursionError, msgspec.DecodeError) as error:
            raise FileFormatError(f"{self.path}: the session's block: {error}") from None
        start = 8 + _HEAD.size + head.stored
        self._blocks = self._index(start) or self._scan(start)
        last = 0
        for block in self._blocks:
            check_next(last, block.first)
            if not 0 < block.events == block.last - block.first + 1:
                raise GapError(f"{self.path}: {self._name(block)}: it holds {block.events} events")
            last = block.last
        self._lasts = [b.last for b in self._blocks]
        self._first_times = [b.first_ns for b in self._blocks]

    def _head(self, offset: int) -> tuple[int, _Block | None]:
        """Kind and head of the block at an offset; 0 and None where the file ends inside of it."""
        self._file.seek(offset)
        raw = self._file.read(_HEAD.size)
        if len(raw) < _HEAD.size:
            return 0, None
        kind, stored, *rest = _HEAD.unpack(raw)
        if offset + _HEAD.size + stored > self._size:
            return 0, None
        return kind, _Block(offset, stored, *rest)

    def _index(self, start: int) -> list[_Block] | None:
        """The index at the end; None where there is none, or none of the blocks from `start` on."""
        if self._size < 8 + _TRAILER.size:
            return None
        self._file.seek(self._size - _TRAILER.size)
        offset, mark = _TRAILER.unpack(self._file.read(_TRAILER.size))
        if mark != _END or not 8 <= offset < self._size:
            return None
        kind, head = self._head(offset)
        if kind != _INDEX or head is None:
            return None
        try:
            rows = msgspec.msgpack.decode(self._body(head, "the index", _INDEX))
            out = [_Block(*row) for row in rows]
            for block in out:
                _HEAD.pack(_EVENTS, *block[1:])  # refuses what no head can say
                if block.offset != start:
                    return None
                start += _HEAD.size + block.stored
        except (TectraError, TypeError, RecursionError, struct.error, msgspec.DecodeError):
            return None  # the blocks themselves say the same
        if start != offset:
            return None
        self.indexed = True
        return out

    def _scan(self, offset: int) -> list[_Block]:
        """The blocks by walking over their heads, up to the end or to where the file was cut."""
        out: list[_Block] = []
        while offset < self._size:
            kind, head = self._head(offset)
            last = out[-1].last if out else 0
            if head is None:
                self.tail = (
                    f"{self.path}: ends inside the block at offset {offset:,}; "
                    f"{self._size - offset:,} bytes are left out, events up to {last:,} are whole"
                )
                break
            if kind not in (_EVENTS, _INDEX):
                raise FileFormatError(
                    f"{self.path}: block {len(out) + 1} at offset {offset:,}, behind event "
                    f"{last:,}: its head is damaged (kind {kind}); export the session again from "
                    "its journal"
                )
            if kind == _INDEX:
                break
            out.append(head)
            offset += _HEAD.size + head.stored
        return out

    def _name(self, block: _Block) -> str:
        number = self._blocks.index(block) + 1 if block in self._blocks else 0
        return (
            f"block {number} at offset {block.offset:,}, events {block.first:,} to {block.last:,}"
        )

    def _body(self, block: _Block, name: str, kind: int = _SESSION) -> bytes:
        """The unpacked body. FileFormatError."""
        self._file.seek(block.offset + _HEAD.size)
        packed = self._file.read(block.stored)
        head = _HEAD.pack(kind, block.stored, *block[2:8], 0)
        possible = min(_UNPACKED_MAX, _RATIO_MAX * block.stored)
        if crc32c(packed, crc32c(head)) != block.crc or block.unpacked > possible:
            raise FileFormatError(
                f"{self.path}: {name}: the checksum does not hold; the file is damaged: export "
                "the session again from its journal"
            )
        try:
            out: bytes = self._codec.decompress(packed, block.unpacked, asbytes=True)
        except (OSError, ValueError, MemoryError, pa.ArrowException) as error:
            raise FileFormatError(f"{self.path}: {name}: {error}") from None
        return out

    # ---- events ----

    def _events_of(self, number: int) -> list[StateMachineEvent]:
        """Events of a block; the last one used is kept."""
        if self._kept[0] != number:
            block = self._blocks[number]
            body = self._body(block, self._name(block), _EVENTS)
            try:
                events = list(unpack_events(body, self.info.mode))
            except FileFormatError as error:
                raise FileFormatError(f"{self.path}: {self._name(block)}: {error}") from None
            found = [e.sequence for e in events]
            if found != list(range(block.first, block.last + 1)):
                raise GapError(f"{self.path}: {self._name(block)}: found events {found[:5]} ...")
            self._kept = (number, events)
        return self._kept[1]

    def __len__(self) -> int:
        return self._blocks[-1].last if self._blocks else 0

    def __iter__(self) -> Iterator[StateMachineEvent]:
        state = self.info.initial
        for number in range(len(self._blocks)):
            events = self._events_of(number)
            if not same(events[0].state_before, state):
                raise FileFormatError(
                    f"{self.path}: {self._name(self._blocks[number])}: begins in another state "
                    "than the block before it ended in"
                )
            yield from events
            state = events[-1].state_after

    def event(self, sequence: int) -> StateMachineEvent:
        """One event, from its block alone. InputError."""
        if not 1 <= sequence <= len(self):
            raise InputError(f"event: found sequence {sequence}; allowed: 1 to {len(self)}")
        number = bisect_left(self._lasts, sequence)
        return self._events_of(number)[sequence - self._blocks[number].first]

    def sequence_at(self, ts_ns: int) -> int:
        """The last event at or before a time: binary search over blocks, then in one of them."""
        number = bisect_right(self._first_times, ts_ns) - 1
        if number < 0:
            return 0
        events = self._events_of(number)
        inside = bisect_right(events, ts_ns, key=lambda e: e.timestamp)
        return self._blocks[number].first + inside - 1

    @property
    def span_ns(self) -> tuple[int, int]:
        """Times of the first and the last event; zeros without events."""
        if not self._blocks:
            return 0, 0
        return self._blocks[0].first_ns, self._blocks[-1].last_ns

    @property
    def unpacked_bytes(self) -> int:
        """Bytes of all events before LZ4."""
        return sum(b.unpacked for b in self._blocks)
