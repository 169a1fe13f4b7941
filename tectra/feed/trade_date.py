"""Trade dates of day files: from their names, and as midnight in New York.

The daylight-saving rule of the United States is written out here, so that the same file gives the
same records on every machine, whatever time zone data it has.
"""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import PurePath

from tectra.core.errors import InputError

__all__ = ["date_of_name", "midnight_ns", "to_date"]

_YEARS = range(1987, 2100)
_DIGITS = re.compile(r"(?<!\d)(?:(\d{4})-(\d{2})-(\d{2})|(\d{8})|[A-Z]?(\d{6})(?=-v\d))(?!\d)")


def _valid(year: str, month: str, day: str) -> date | None:
    if int(year) not in _YEARS:
        return None
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def date_of_name(path: PurePath | str) -> date | None:
    """Trade date in a file name: 2012-06-21, 20101224, 01302019 or S013019-v50; None without one.

    Eight digits cannot be both forms: a year from 1987 on begins with no month.
    """
    for y, m, d, eight, six in _DIGITS.findall(PurePath(path).name):
        if y:
            found = _valid(y, m, d)
        elif eight:
            found = _valid(eight[:4], eight[4:6], eight[6:])
            found = found or _valid(eight[4:], eight[:2], eight[2:4])
        else:
            found = _valid("20" + six[4:], six[:2], six[2:4])
        if found:
            return found
    return None


def to_date(value: date | str) -> date:
    """A date, or its YYYY-MM-DD text. Raises InputError."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"date {value!r} is none: allowed is YYYY-MM-DD") from error


def _sunday(year: int, month: int, nth: int) -> date:
    """The nth Sunday of a month; nth -1 is the last."""
    if nth < 0:
        last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        return last - timedelta(days=(last.weekday() + 1) % 7)
    first = date(year, month, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (nth - 1))


def _is_summer(day: date) -> bool:
    """Whether daylight saving holds at midnight; clocks change at two in the morning."""
    if day.year >= 2007:
        start, end = _sunday(day.year, 3, 2), _sunday(day.year, 11, 1)
    else:
        start, end = _sunday(day.year, 4, 1), _sunday(day.year, 10, -1)
    return start < day <= end


def midnight_ns(day: date) -> int:
    """Midnight of `day` in New York, nanoseconds since the epoch UTC. From 1987 on."""
    if day.year not in _YEARS:
        raise InputError(f"date {day}: allowed are the years {_YEARS[0]} to {_YEARS[-1]}")
    hours = 4 if _is_summer(day) else 5
    start = datetime(day.year, day.month, day.day, hours, tzinfo=UTC)
    return int(start.timestamp()) * 1_000_000_000
