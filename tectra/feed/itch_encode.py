"""ITCH 5.0 messages from values, and BinaryFILE day files from messages. The mirror of the decoder.

Values are what the wire carries: prices as integers with four implied decimals (eight in V), times
as nanoseconds since midnight in New York, texts without padding.
"""

import struct
from collections.abc import Callable
from pathlib import Path

from tectra.core.errors import InputError
from tectra.core.part_file import PartFile, Whole
from tectra.feed.itch_wire import LAYOUTS, Layout

__all__ = ["ItchWriter", "Value", "encode", "encode_fields"]

Value = int | str | bytes
_INTEGERS = {"u16": "H", "u32": "I", "u64": "Q", "p4": "I", "p8": "Q"}
_U48_MAX = (1 << 48) - 1


def _packer(layout: Layout) -> tuple[bytes, Callable[..., bytes], tuple[int, ...]]:
    """Type byte, struct packer, and the width of each body field that is text (0: a number)."""
    body = "".join(f"{f.width}s" if f.is_text else _INTEGERS[f.kind] for f in layout.fields)
    text = tuple(f.width if f.is_text else 0 for f in layout.fields)
    return layout.code.encode(), struct.Struct(f">cHHHI{body}").pack, text


_PACKERS = {code: _packer(layout) for code, layout in LAYOUTS.items()}


def _text(value: Value, width: int) -> bytes:
    raw = value.encode("ascii") if isinstance(value, str) else bytes(value)
    if len(raw) > width:
        raise InputError(f"{value!r} has {len(raw)} letters; the field holds {width}")
    return raw.ljust(width)


def encode(
    code: str, stock_locate: int, timestamp: int, *body: Value, tracking_number: int = 0
) -> bytes:
    """One message, body fields in the order of `LAYOUTS[code].fields`. Raises InputError."""
    try:
        letter, pack, text = _PACKERS[code]
    except KeyError:
        known = "".join(sorted(LAYOUTS))
        raise InputError(f"no ITCH 5.0 message has type {code!r}; allowed: {known}") from None
    if not 0 <= timestamp <= _U48_MAX:
        raise InputError(f"timestamp {timestamp} does not fit 48 bits of nanoseconds")
    values: list[int | bytes] = []
    try:
        for value, width in zip(body, text, strict=True):
            values.append(_text(value, width) if width else value)  # type: ignore[arg-type]
        high, low = timestamp >> 32, timestamp & 0xFFFFFFFF
        return pack(letter, stock_locate, tracking_number, high, low, *values)
    except (struct.error, ValueError, TypeError) as error:
        names = ", ".join(f"{f.name}:{f.kind}" for f in LAYOUTS[code].fields)
        raise InputError(f"message {code!r}: {error}; its fields are {names}") from error


def encode_fields(
    code: str,
    fields: dict[str, Value],
    *,
    stock_locate: int = 0,
    timestamp: int = 0,
    tracking_number: int = 0,
) -> bytes:
    """One message, body fields by name. Unknown and missing names are refused."""
    layout = LAYOUTS.get(code)
    if layout is None:
        return encode(code, stock_locate, timestamp)
    names = [f.name for f in layout.fields]
    if sorted(fields) != sorted(names):
        raise InputError(f"message {code!r} wants the fields {names}, got {sorted(fields)}")
    body = [fields[name] for name in names]
    return encode(code, stock_locate, timestamp, *body, tracking_number=tracking_number)


class ItchWriter(Whole):
    """Writes a BinaryFILE, gzip when the name ends in .gz. Owned by one thread.

    The file appears under its name only when it is complete: close(), or the end of a `with` block
    that raised nothing. The same messages give the same bytes (no time stamp in the gzip header).
    `name` is what gzip keeps as the original name; a trade date in it is found again by ItchFeed.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        end_of_session: bool = True,
        level: int = 6,
        name: str = "",
    ) -> None:
        self.path = Path(path)
        self.messages = 0
        self._end = end_of_session
        self._file = PartFile(self.path, level=level, name=name)
        self._buffer = bytearray()

    def write(
        self,
        code: str,
        stock_locate: int,
        timestamp: int,
        *body: Value,
        tracking_number: int = 0,
    ) -> bytes:
        """Append one message, arguments as in `encode`, and return it."""
        message = encode(code, stock_locate, timestamp, *body, tracking_number=tracking_number)
        self.write_message(message)
        return message

    def write_message(self, message: bytes) -> None:
        """Append one encoded message."""
        self._file.require()
        if not 0 < len(message) <= 0xFFFF:
            raise InputError(f"a message of {len(message)} bytes; allowed are 1 to 65,535")
        self._buffer += len(message).to_bytes(2, "big")
        self._buffer += message
        self.messages += 1
        if len(self._buffer) >= 1 << 16:
            self._flush()

    def write_framed(self, data: bytes, messages: int) -> None:
        """Append whole messages that have their lengths already."""
        self._file.require()
        self._flush()
        self._file.write(data)
        self.messages += messages

    def _flush(self) -> None:
        self._file.write(self._buffer)
        self._buffer.clear()

    def close(self) -> None:
        """Finish the file and give it its name. May be called twice."""
        if self._file.closed:
            return
        if self._end:
            self._buffer += b"\0\0"
        self._flush()
        self._file.close()

    def abort(self) -> None:
        """Drop what was written."""
        self._file.abort()
