"""What an ITCH 5.0 file holds: messages by type, symbols, times, and what is wrong with it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tectra.core.errors import InputError
from tectra.feed.binary_file import BinaryFile
from tectra.feed.itch import ItchScan, gather, message_size
from tectra.feed.itch_wire import DTYPES, Column

__all__ = ["ItchStats", "collect", "columns"]

_STEP = 1 << 23

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ItchStats:
    """Counts of one file. Times are nanoseconds since midnight in New York."""

    path: Path
    messages: dict[str, int]
    """Well-formed messages by type."""
    total: int
    """Whole messages, unknown and malformed ones included."""
    unknown: int
    malformed: int
    symbols: tuple[str, ...]
    first_ns: int | None
    last_ns: int | None
    bytes: int
    """Bytes of messages after decompression, prefixes included."""
    disk_bytes: int
    trailing_offset: int
    """Where the bytes behind the last whole message (or behind the end of session) start."""
    trailing_bytes: int
    end_of_session: bool
    by_type: bool
    """Prefixes are zero and lengths were taken from the types."""

    @property
    def duration_ns(self) -> int:
        """From the first to the last time in the file."""
        if self.first_ns is None or self.last_ns is None:
            return 0
        return self.last_ns - self.first_ns


def collect(path: str | Path, progress: Progress | None = None) -> ItchStats:
    """Read a whole file, plain or .gz, in one pass. `progress` is told bytes on disk done and all.

    A file cut inside a message is counted to its last whole one. Raises InputError, FileFormatError
    and TruncatedInputError (a cut gzip stream) as BinaryFile does.
    """
    with BinaryFile(path) as file:
        scan = ItchScan(by_type=file.by_type)
        size = offset = 0
        left = b""
        for data in file.chunks(_STEP):
            size += len(data)
            if scan.state == "open":
                left = left + data if left else data
                used = scan.update(left)
                offset += used
                left = left[used:]
            if progress is not None:
                progress(file.disk_position, file.disk_bytes)
        ended = scan.state == "ended"
        offset += 2 if ended else 0
        messages = scan.messages
        return ItchStats(
            path=file.path,
            messages=messages,
            total=sum(messages.values()) + scan.unknown + scan.malformed,
            unknown=scan.unknown,
            malformed=scan.malformed,
            symbols=tuple(sorted(set(scan.locates.symbols().values()))),
            first_ns=scan.first_ns if messages else None,
            last_ns=scan.last_ns if messages else None,
            bytes=size,
            disk_bytes=file.disk_bytes,
            trailing_offset=offset,
            trailing_bytes=size - offset,
            end_of_session=ended,
            by_type=file.by_type,
        )


def columns(path: str | Path, code: str) -> Column:
    """All well-formed messages of one type as a structured array of wire fields, in file order.

    `timestamp_ns` of tectra.feed.itch_wire gives their times.
    """
    if message_size(code) == 0:
        raise InputError(f"no ITCH 5.0 message has type {code!r}; allowed: {''.join(DTYPES)}")
    parts = []
    with BinaryFile(path) as file:
        left = b""
        for data in file.chunks(_STEP):
            left = left + data if left else data
            found, used = gather(left, code, by_type=file.by_type)
            parts.append(found)
            left = left[used:]
            if left[:2] == b"\0\0" and not file.by_type:
                break
    return np.concatenate(parts).view(DTYPES[code])
