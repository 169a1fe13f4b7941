"""Log lines: what is taken from a record on the thread that says it, and its two looks, JSON for
machines and one for people.

No text can begin a line of its own or reach the terminal: control characters, line separators and
signs that turn the writing direction leave as escapes.
"""

import logging
import re
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

import msgspec
import orjson

from tectra.core.log_context import place
from tectra.core.log_redact import Redactor, is_sensitive
from tectra.core.secret import HIDDEN, Secret

__all__ = ["LEVELS", "JsonFormat", "Line", "LineFormat", "PrettyFormat", "take"]

Plain: TypeAlias = bool | int | float | str | list["Plain"] | dict[str, "Plain"] | None

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
TEXT_CHARS_MAX = 65_536
_DEPTH_MAX = 6
_ITEMS_MAX = 256
_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
# C0 without what JSON escapes anyway, DEL, C1, line and paragraph separator, direction marks, BOM.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_COLORS = {"debug": "2", "info": "32", "warn": "33", "error": "31", "critical": "1;31"}


class Line(msgspec.Struct, frozen=True):
    """One log line before it is written; the keys of the JSON form, in order."""

    timestamp: int
    level: str
    module: str
    span: str
    message: str
    thread: str
    trace_id: int | str | None = None
    decision_id: int | str | None = None
    fields: dict[str, Plain] = {}
    exception: str | None = None
    traceback: str | None = None


class LineFormat(Protocol):
    """Bytes of a line, with the newline at its end. Any thread."""

    def encode(self, line: Line) -> bytes:
        """The one record as bytes."""
        ...


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _level(number: int) -> str:
    for name in ("error", "warn", "info"):
        if number >= LEVELS[name]:
            return "critical" if number >= logging.CRITICAL else name
    return "debug"


def _text(value: str, redactor: Redactor) -> str:
    text = redactor.text(value)
    if len(text) > TEXT_CHARS_MAX:
        text = f"{text[:TEXT_CHARS_MAX]}... [{len(text) - TEXT_CHARS_MAX} more]"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _plain(value: object, redactor: Redactor, depth: int = 0) -> Plain:
    """A copy of a custom field that later changes do not reach, with secrets masked."""
    if isinstance(value, Secret):
        return HIDDEN
    if value is None or isinstance(value, bool):
        return value
    if type(value) is int and _INT_MIN <= value <= _INT_MAX:
        return HIDDEN if redactor.has_secret(str(value)) else value
    if type(value) is float and value - value == 0:
        return HIDDEN if redactor.has_secret(repr(value)) else value
    if isinstance(value, str):
        return _text(value, redactor)
    if depth < _DEPTH_MAX and isinstance(value, Mapping):
        return _mapping(value, redactor, depth)
    if depth < _DEPTH_MAX and isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, redactor, depth + 1) for item in list(value)[:_ITEMS_MAX]]
    if isinstance(value, bytes | bytearray | memoryview):
        return _text(bytes(value).decode("utf-8", "backslashreplace"), redactor)
    return _text(str(value), redactor)


def _mapping(value: Mapping[Any, object], redactor: Redactor, depth: int) -> dict[str, Plain]:
    out: dict[str, Plain] = {}
    for key, item in list(value.items())[:_ITEMS_MAX]:
        name = _text(str(key), redactor)
        out[name] = HIDDEN if is_sensitive(str(key)) else _plain(item, redactor, depth + 1)
    return out


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001  a wrong format is said and harms nobody
        return f"{record.msg!r} [{type(error).__name__}: the arguments do not fit]"


def take(record: logging.LogRecord, timestamp_ns: int, redactor: Redactor) -> Line:
    """Everything a line says, read now and on this thread, with secrets masked."""
    here = place()
    name = trace = None
    if record.exc_info and record.exc_info[0] is not None:
        name = record.exc_info[0].__name__
        trace = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
    elif record.exc_text:
        trace = record.exc_text
    if record.stack_info:
        trace = f"{trace}\n{record.stack_info}" if trace else record.stack_info
    extra = {k: v for k, v in record.__dict__.items() if k not in _STANDARD}

    def id_of(value: int | str | None) -> int | str | None:
        if isinstance(value, str):
            return _text(value, redactor)
        return HIDDEN if value is not None and redactor.has_secret(str(value)) else value

    return Line(
        timestamp=timestamp_ns,
        level=_level(record.levelno),
        module=_text(record.name, redactor),
        span=_text(here.span, redactor),
        message=_text(_message(record), redactor),
        thread=_text(record.threadName or "", redactor),
        trace_id=id_of(here.trace_id),
        decision_id=id_of(here.decision_id),
        fields=_mapping(extra, redactor, 0) if extra else {},
        exception=None if name is None else _text(name, redactor),
        traceback=None if trace is None else _text(trace, redactor),
    )


class JsonFormat:
    """One JSON object a line."""

    def encode(self, line: Line) -> bytes:
        """The object and a newline; empty ids, fields and traceback are left out."""
        out = {
            "timestamp": line.timestamp,
            "level": line.level,
            "module": line.module,
            "span": line.span,
            "message": line.message,
            "thread": line.thread,
            "trace_id": line.trace_id,
            "decision_id": line.decision_id,
        }
        if line.fields:
            out["fields"] = line.fields
        if line.traceback is not None:
            out["exception"] = line.exception
            out["traceback"] = line.traceback
        text = orjson.dumps(out)
        if not text.isascii() or b"\x7f" in text:
            # Only inside strings, where an escape stands for the same character.
            text = _UNSAFE.sub(_escape, text.decode()).encode()
        return text + b"\n"


class PrettyFormat:
    """Lines for people: time of day in UTC, level, module, span and ids, message, fields; a
    traceback below it, behind a bar.
    """

    def __init__(self, *, color: bool = False) -> None:
        self._color = color

    def encode(self, line: Line) -> bytes:
        """The line, and one for each of a traceback."""
        seconds, rest_ns = divmod(line.timestamp, 1_000_000_000)
        try:
            time = f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}.{rest_ns // 1000:06d}"
        except (OverflowError, ValueError, OSError):
            time = str(line.timestamp)
        level = line.level.upper().ljust(8)
        if self._color:
            level = f"\x1b[{_COLORS[line.level]}m{level}\x1b[0m"
        ids = [("trace", line.trace_id), ("decision", line.decision_id)]
        where = [line.span] if line.span else []
        where += [f"{name}={value}" for name, value in ids if value is not None]
        text = f"{line.module}: {line.message}"
        text += "".join(f" {name}={value}" for name, value in line.fields.items())
        if where:
            text = f"[{' '.join(where)}] {text}"
        out = [f"{time} {level} {_UNSAFE.sub(_escape, text)}"]
        if line.traceback is not None:
            trace = line.traceback.split("\n")
            out += [f"    | {_UNSAFE.sub(_escape, part)}" for part in trace]
        return ("\n".join(out) + "\n").encode("utf-8", "backslashreplace")
