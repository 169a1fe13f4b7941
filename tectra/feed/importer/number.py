"""Columns of text as integers and mantissas, exactly: no float stands between.

The common forms go through Arrow's decimals, whole columns at a time; the others (an exponent, more
than 20 characters) through Python's, one by one. What is no number is named with its row.
"""

import re
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tectra.feed.importer.base import RowError

__all__ = ["MISSING", "floats", "integers", "mantissas", "places", "times_ns"]

I64 = NDArray[np.int64]
# Stands for an empty cell where those are allowed.
MISSING = -(1 << 63)
_MAX = (1 << 63) - 1
# Arrow checks no overflow when it rescales: 20 characters at scale 18 stay below 38 digits.
_SHORT = 20
_PLAIN = r"^-?(\d+\.?\d*|\.\d+)$"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_INTEGER = r"^-?\d{1,19}$"
_PLACES_MAX = 18


def _array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _bools(values: pa.Array) -> NDArray[np.bool_]:
    out: NDArray[np.bool_] = values.to_numpy(zero_copy_only=False).astype(bool)
    return out


def _complain(
    bad: NDArray[np.bool_], column: pa.Array, name: str, cause: str, allowed: str
) -> None:
    rows = np.flatnonzero(bad).astype(np.int64)
    if len(rows):
        raise RowError(
            rows, cause, lambda i: f"{name}: found {column[i].as_py()!r}; allowed: {allowed}"
        )


def _wide(text: str, exponent: int) -> int | None:
    """Mantissa of one number, None when it is none or does not fit."""
    if not _NUMBER.fullmatch(text):
        return None
    value = Decimal(text)
    if value and value.adjusted() > 40:
        return None
    sign, digits, places = value.as_tuple()
    number = int("".join(map(str, digits)))
    shift = int(places) - exponent
    if shift < 0:
        number, rest = divmod(number, 10 ** min(-shift, 2000))
        if rest:
            return None
    else:
        number *= 10**shift
    number = -number if sign else number
    return number if -_MAX <= number <= _MAX else None


def _words(column: pa.Array, exponent: int) -> I64:
    """Plain short numbers by Arrow's decimals. Raises pa.ArrowInvalid where places would be lost
    and OverflowError beyond int64.
    """
    decimals = pc.cast(column, pa.decimal128(38, -exponent))
    raw = np.frombuffer(decimals.buffers()[1], np.int64)[
        2 * decimals.offset : 2 * (decimals.offset + len(decimals))
    ].reshape(-1, 2)
    low, high = raw[:, 0], raw[:, 1]
    if bool(np.any(high != (low >> 63))) or bool(np.any(low == MISSING)):
        raise OverflowError
    return low.copy()


def mantissas(
    column: pa.Array | pa.ChunkedArray,
    exponent: int,
    name: str,
    *,
    low: int = -_MAX,
    empty: bool = False,
) -> I64:
    """int64 mantissas at 10^exponent (-18 to 0) of a column of decimal texts.

    `low` is the least mantissa allowed. Empty cells are MISSING with `empty`. RowError names every
    row that is no number, has more places than the exponent, is below `low` or beyond int64.
    """
    cells = _array(column)
    if not len(cells):
        return np.empty(0, np.int64)
    plain = _bools(
        pc.and_(
            pc.match_substring_regex(cells, _PLAIN),
            pc.less_equal(pc.binary_length(cells), _SHORT),
        )
    )
    out = np.full(len(cells), MISSING, np.int64)
    done = plain.copy()
    try:
        some = cells if bool(plain.all()) else cells.filter(pa.array(plain))
        out[plain] = _words(some, exponent)
    except (pa.ArrowInvalid, OverflowError):
        done[:] = False
    blank = _bools(pc.equal(cells, "")) & empty
    bad = np.zeros(len(cells), bool)
    for i in np.flatnonzero(~done & ~blank):
        value = _wide(cells[int(i)].as_py(), exponent)
        if value is None:
            bad[i] = True
        else:
            out[i] = value
    _complain(
        bad,
        cells,
        name,
        "not_a_number",
        f"a decimal number of at most {-exponent} places that fits 64 bits",
    )
    least = f"{Decimal(low).scaleb(exponent)} or more"
    _complain((out < low) & ~blank, cells, name, "out_of_range", least)
    return out


def integers(column: pa.Array | pa.ChunkedArray, name: str, *, low: int = 0) -> I64:
    """int64 of a column of whole numbers. RowError names the rows that are none."""
    cells = _array(column)
    plain = _bools(pc.match_substring_regex(cells, _INTEGER))
    out = np.zeros(len(cells), np.int64)
    try:
        some = cells if bool(plain.all()) else cells.filter(pa.array(plain))
        out[plain] = pc.cast(some, pa.int64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        plain[:] = False  # one of 19 digits is beyond int64
    good = plain.copy()
    for i in np.flatnonzero(~plain):
        value = _wide(cells[int(i)].as_py(), 0)
        good[i] = value is not None
        out[i] = value or 0
    _complain(~good, cells, name, "not_a_number", "a whole number that fits 64 bits")
    _complain(out < low, cells, name, "out_of_range", f"{low} or more")
    return np.asarray(out, np.int64)


def floats(column: pa.Array | pa.ChunkedArray, name: str) -> NDArray[np.float64]:
    """Finite float64 of a column; only for what is a float by design. RowError."""
    cells = _array(column)
    try:
        out = pc.cast(cells, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        out = np.array([_float(v) for v in cells.to_pylist()])
    _complain(~np.isfinite(out), cells, name, "not_a_number", "a finite number")
    return np.asarray(out, np.float64)


def _float(text: str) -> float:
    return float(text) if _NUMBER.fullmatch(text) else float("nan")


def places(column: pa.Array | pa.ChunkedArray) -> I64:
    """Decimal places that each text has, trailing zeros included; 0 for what is no number."""
    cells = _array(column)
    dot = pc.find_substring(cells, ".").to_numpy(zero_copy_only=False).astype(np.int64)
    size = pc.binary_length(cells).to_numpy(zero_copy_only=False).astype(np.int64)
    out = np.where(dot < 0, 0, size - dot - 1)
    odd = ~_bools(pc.match_substring_regex(cells, _PLAIN))
    for i in np.flatnonzero(odd):
        text = cells[int(i)].as_py()
        match = _NUMBER.fullmatch(text)
        out[i] = max(0, -int(Decimal(text).normalize().as_tuple().exponent)) if match else 0
    return np.minimum(out, _PLACES_MAX)


def times_ns(
    column: pa.Array | pa.ChunkedArray, name: str, allowed: Callable[[int], bool] | None = None
) -> I64:
    """Nanoseconds since the epoch of a column of epoch times whose unit their size tells: up to
    11 digits are seconds, 14 milliseconds, 17 microseconds, more nanoseconds.

    `allowed(scale)` may refuse a unit, given as nanoseconds of one step.
    """
    cells = _array(column)
    raw = integers(cells, name)
    scale = np.select(
        [raw < 10**11, raw < 10**14, raw < 10**17], [10**9, 10**6, 10**3], default=1
    ).astype(np.int64)
    if allowed is not None:
        wrong = np.zeros(len(raw), bool)
        for one in np.unique(scale).tolist():
            if not allowed(one):
                wrong |= scale == one
        _complain(wrong, cells, name, "out_of_range", "a time in the unit of this format")
    _complain(raw > _MAX // scale, cells, name, "out_of_range", "a time up to the year 2262")
    return raw * scale
