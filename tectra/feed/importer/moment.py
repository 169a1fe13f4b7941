"""Columns of text as times: dates, ISO 8601, or epoch numbers in any unit, to int64 nanoseconds."""

import re
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tectra.core.errors import InputError
from tectra.feed.importer.base import RowError
from tectra.feed.importer.number import times_ns

__all__ = ["interval_ns", "interval_of", "later_ns", "moments_ns"]

I64 = NDArray[np.int64]
_EPOCH = r"^\d{9,19}$"
_COMPACT = r"^\d{8}$"
_COMPACT_DIGITS = 8
_ISO = r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?(Z|[+-]\d\d:?\d\d)?$"
_ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d)$")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DAY = 86_400_000_000_000
_ALLOWED = "a date, an ISO 8601 time, or an epoch time in s, ms, us or ns"


def interval_ns(text: str) -> int:
    """Nanoseconds of 1m, 30s, 4h, 1d, 1w. InputError."""
    match = re.fullmatch(r"(\d{1,6})([smhdw])", text.strip().lower())
    if match is None or int(match[1]) == 0:
        raise InputError(f"interval: found {text!r}; allowed: a number and s, m, h, d or w: 1m, 4h")
    return int(match[1]) * _UNITS[match[2]] * 1_000_000_000


def interval_of(times: I64) -> int:
    """The distance that most neighbors have, the shorter of two as frequent; 0 without any."""
    steps = np.diff(np.unique(times))
    if not len(steps):
        return 0
    values, counts = np.unique(steps, return_counts=True)
    return int(values[np.argmax(counts)])


def moments_ns(column: pa.Array, name: str, zone: str = "UTC") -> I64:
    """Nanoseconds since the epoch UTC of a column of texts. `zone` is that of times which do not
    name their own. RowError for the rows that are no time.
    """

    def shaped(pattern: str) -> NDArray[np.bool_]:
        found = pc.match_substring_regex(column, pattern).to_numpy(zero_copy_only=False)
        return np.asarray(found, bool)

    epoch, compact, iso = shaped(_EPOCH), shaped(_COMPACT), shaped(_ISO)
    _refuse(np.flatnonzero(~(epoch | compact | iso)), column, name)
    out = np.zeros(len(column), np.int64)
    if bool(epoch.any()):
        out[epoch] = times_ns(column.filter(pa.array(epoch)), name)
    for mine in (compact, iso):
        if bool(mine.any()):
            out[mine] = _dates(column.filter(pa.array(mine)), zone, mine, column, name)
    return out


def later_ns(times: I64, step: int, column: pa.Array, zone: str) -> I64:
    """Times `step` nanoseconds later (earlier, when negative). Whole days are those of the zone,
    which may have 23 or 25 hours, for the rows whose texts name no zone of their own.
    """
    out = times + step
    if zone == "UTC" or step % _DAY:
        return out
    texts = column.to_pylist()
    mine = np.array([_ZONE.search(t[10:]) is None and not t.isdigit() for t in texts])
    mine |= np.array([len(t) == _COMPACT_DIGITS for t in texts])
    if not bool(mine.any()):
        return out
    stamps = pc.cast(pa.array(times[mine]), pa.timestamp("ns", zone))
    wall = pc.cast(pc.local_timestamp(stamps), pa.int64()).to_numpy(zero_copy_only=False)
    # A bar that ends at a time which is there twice, or not at all, ends at the later one.
    out[mine] = _in_zone(pa.array(wall + step).cast(pa.timestamp("ns")), zone, "latest")
    return out


def _in_zone(wall: pa.Array, zone: str, which: str) -> I64:
    """Nanoseconds of clock times of a zone; of the `which` where a clock is set back or forward."""
    try:
        stamps = pc.assume_timezone(wall, zone, ambiguous=which, nonexistent=which)
    except pa.ArrowInvalid as error:
        raise InputError(f"zone {zone!r}: {error}") from error
    return np.asarray(pc.cast(stamps, pa.int64()).to_numpy(zero_copy_only=False), np.int64)


def _dates(some: pa.Array, zone: str, mine: NDArray[np.bool_], column: pa.Array, name: str) -> I64:
    """Dates and ISO times of the rows `mine` of a column."""
    if bool(pc.match_substring_regex(some, _COMPACT)[0].as_py()):
        parts = [pc.utf8_slice_codeunits(some, a, b) for a, b in ((0, 4), (4, 6), (6, 8))]
        some = pc.binary_join_element_wise(*parts, "-")
    rows = np.flatnonzero(mine)
    try:
        out, unclear = _iso(some, zone)
    except InputError:
        raise
    except (pa.ArrowException, ValueError):
        bad = [int(rows[i]) for i, text in enumerate(some.to_pylist()) if not _exists(text)]
        _refuse(np.array(bad or rows, np.int64), column, name)
        raise
    once = f"a time that the clocks of {zone} show once (they are set forward or back there)"
    _refuse(rows[unclear], column, name, once)
    return out


def _exists(text: str) -> bool:
    """Is there such a day and time?"""
    try:
        datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return False
    return True


def _refuse(
    rows: NDArray[np.integer], column: pa.Array, name: str, allowed: str = _ALLOWED
) -> None:
    if len(rows):
        raise RowError(
            rows.astype(np.int64),
            "not_a_time",
            lambda i: f"{name}: found {column[i].as_py()!r}; allowed: {allowed}",
        )


def _iso(column: pa.Array, zone: str) -> tuple[I64, NDArray[np.bool_]]:
    """Nanoseconds, and which of them the zone leaves open."""
    zoned = np.array([_ZONE.search(t[10:]) is not None for t in column.to_pylist()])
    out = np.empty(len(column), np.int64)
    unclear = np.zeros(len(column), bool)
    for named in (True, False):
        mine = zoned == named
        if not bool(mine.any()):
            continue
        some = column.filter(pa.array(mine))
        stamps = pc.cast(some, pa.timestamp("ns", "UTC") if named else pa.timestamp("ns"))
        if named or zone == "UTC":
            out[mine] = pc.cast(stamps, pa.int64()).to_numpy(zero_copy_only=False)
        else:
            out[mine] = _in_zone(stamps, zone, "earliest")
            unclear[mine] = out[mine] != _in_zone(stamps, zone, "latest")
    return out, unclear
