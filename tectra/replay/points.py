"""Places in a recorded run as people write them: the number of a record, or a time."""

import re
from dataclasses import dataclass

from tectra.core.errors import InputError
from tectra.core.types import Timestamp

__all__ = ["Point", "parse_point"]

_CLOCK = re.compile(r"(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?")
_DAY_NS = 86_400_000_000_000
# A number beyond this is a time: that many records would fill 64 terabytes.
_SEQ_MAX = 10**12


@dataclass(frozen=True)
class Point:
    """One of the two: the number of a record, or nanoseconds since the epoch, UTC."""

    seq: int | None = None
    ns: int | None = None


def parse_point(name: str, text: str, *, first_ns: int) -> Point:
    """`12345` (a record), `10:30`, `10:30:00.5` (UTC, on the day of `first_ns`),
    `2026-01-05T15:30:00Z`, or nanoseconds since the epoch. InputError says so.
    """
    if text.isascii() and text.isdigit():
        value = int(text)
        return Point(seq=value) if value <= _SEQ_MAX else Point(ns=value)
    match = _CLOCK.fullmatch(text)
    if match is not None:
        hours, minutes, seconds, fraction = match.groups()
        parts = int(hours), int(minutes), int(seconds or 0)
        if parts[0] < 24 and parts[1] < 60 and parts[2] < 60:
            ns = ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1_000_000_000
            ns += int((fraction or "").ljust(9, "0"))
            return Point(ns=first_ns // _DAY_NS * _DAY_NS + ns)
    try:
        return Point(ns=Timestamp.from_iso(text).ns)
    except InputError:
        raise InputError(
            f"{name}: found {text!r}; allowed: the number of a record, a time of day (UTC) such as "
            "10:30:00.5, or 2026-01-05T15:30:00Z"
        ) from None
