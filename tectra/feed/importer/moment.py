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

__all__ = ["interval_ns", "interval_of", "moments_ns"]

I64 = NDArray[np.int64]
_EPOCH = r"^\d{9,19}$"
_COMPACT = r"^\d{8}$"
_ISO = r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?(Z|[+-]\d\d:?\d\d)?$"
_ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d)$")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
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
    """Nanoseconds since the epoch UTC of a column of texts, all of one form. `zone` is that of
    times which do not name their own. RowError for a row that is no time, or of another form.
    """
    if not len(column):
        return np.empty(0, np.int64)
    shape = pc.match_substring_regex
    if bool(pc.all(shape(column, _EPOCH)).as_py()):
        return times_ns(column, name)
    if bool(pc.all(shape(column, _COMPACT)).as_py()):
        parts = [pc.utf8_slice_codeunits(column, a, b) for a, b in ((0, 4), (4, 6), (6, 8))]
        column = pc.binary_join_element_wise(*parts, "-")
    fits = shape(column, _ISO).to_numpy(zero_copy_only=False).astype(bool)
    _refuse(np.flatnonzero(~fits), column, name)
    try:
        return _iso(column, zone)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError):
        bad = []
        for i, text in enumerate(column.to_pylist()):
            try:
                datetime.fromisoformat(text).replace(tzinfo=UTC)
            except ValueError:
                bad.append(i)
        _refuse(np.array(bad or range(len(column)), np.int64), column, name)
        raise


def _refuse(rows: NDArray[np.integer], column: pa.Array, name: str) -> None:
    if len(rows):
        raise RowError(
            rows.astype(np.int64),
            "not_a_time",
            lambda i: f"{name}: found {column[i].as_py()!r}; allowed: {_ALLOWED}",
        )


def _iso(column: pa.Array, zone: str) -> I64:
    zoned = np.array([_ZONE.search(t[10:]) is not None for t in column.to_pylist()])
    out = np.empty(len(column), np.int64)
    for named in (True, False):
        mine = zoned == named
        if not bool(mine.any()):
            continue
        some = column.filter(pa.array(mine))
        if named:
            stamps = pc.cast(some, pa.timestamp("ns", "UTC"))
        else:
            stamps = pc.cast(some, pa.timestamp("ns"))
            if zone != "UTC":
                try:
                    stamps = pc.assume_timezone(stamps, zone)
                except pa.ArrowInvalid as error:
                    raise InputError(f"zone {zone!r}: {error}") from error
        out[mine] = pc.cast(stamps, pa.int64()).to_numpy(zero_copy_only=False)
    return out
