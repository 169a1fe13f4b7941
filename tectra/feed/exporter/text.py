"""Columns of integers as decimal texts, and rows of such columns as lines of a file."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as pa_csv

from tectra.core.errors import InputError

__all__ = ["csv_lines", "decimals", "units", "words"]

I64 = NDArray[np.int64]


def decimals(mantissas: I64, exponent: int, missing: NDArray[np.bool_] | None = None) -> pa.Array:
    """Plain decimal texts of mantissas, all with as many places as the exponent says; empty where
    `missing`.
    """
    values = np.asarray(mantissas, np.int64)
    if exponent >= 0:
        return _blank(pc.cast(pa.array(values * 10**exponent), pa.string()), missing)
    sign = np.where(values < 0, "-", "")
    if exponent < -18 or (bool(np.any(values == -(1 << 63))) and missing is None):
        raise InputError(f"exponent {exponent}: allowed: -18 to 0")
    size = np.abs(np.where(values == -(1 << 63), 0, values))
    unit = 10**-exponent
    whole = pc.cast(pa.array(size // unit), pa.string())
    part = pc.utf8_lpad(pc.cast(pa.array(size % unit), pa.string()), -exponent, "0")
    joined = pc.binary_join_element_wise(pa.array(sign.tolist(), pa.string()), whole, "")
    return _blank(pc.binary_join_element_wise(joined, part, "."), missing)


def _blank(texts: pa.Array, missing: NDArray[np.bool_] | None) -> pa.Array:
    return texts if missing is None else pc.if_else(pa.array(missing), "", texts)


def units(times_ns: I64, unit_ns: int, what: str) -> I64:
    """Times in a coarser unit. InputError where something would be lost."""
    values = np.asarray(times_ns, np.int64)
    lost = np.flatnonzero(values % unit_ns)
    if len(lost):
        raise InputError(
            f"{what}: found a time of {int(values[lost[0]])} ns; allowed: multiples of {unit_ns} "
            "ns, which is what the format can say"
        )
    out: I64 = values // unit_ns
    return out


def words(codes: NDArray[np.integer], table: Sequence[str]) -> pa.Array:
    """Codes as the words of a table."""
    return pa.array(np.array(table, object)[codes].tolist(), pa.string())


def csv_lines(columns: Sequence[pa.Array | NDArray[np.generic]]) -> bytes:
    """Rows of columns, comma between and a line feed behind; no quotes."""
    arrays = [c if isinstance(c, pa.Array) else pa.array(c) for c in columns]
    table = pa.table(arrays, names=[str(i) for i in range(len(arrays))])
    out = BytesIO()
    pa_csv.write_csv(table, out, pa_csv.WriteOptions(include_header=False, quoting_style="none"))
    return out.getvalue()
