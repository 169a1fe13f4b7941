"""Columns of records made one by one: the slow twin of tectra.core.columns."""

from typing import Any

import numpy as np

from tectra.core.columns import NUMBER, Columns
from tectra.core.msg import DTYPES, Template
from tectra.core.record import iter_records


def slow_columns(raw: Any, *, numbered: bool = False) -> Columns:
    """Every field of every record of a stream of slots, without the message header."""
    values: dict[Template, dict[str, list[Any]]] = {}
    for number, record in enumerate(iter_records(raw)):
        names = list(DTYPES[record.template].names or ())[4:]
        columns = values.setdefault(record.template, {})
        for name in names:
            columns.setdefault(name, []).append(record[name])
        if numbered:
            columns.setdefault(NUMBER, []).append(number)
    out: Columns = {}
    for template, lists in values.items():
        types = {n: DTYPES[template][n].base for n in lists if n != NUMBER}
        types[NUMBER] = np.dtype(np.uint64)
        out[template] = {n: np.array(v, types[n]) for n, v in lists.items()}
    return out


def same(found: Columns, wanted: Columns) -> None:
    """Equal templates, names, types, shapes and bytes (a NaN is one, too)."""
    assert {t: list(c) for t, c in found.items()} == {
        t: list(wanted[t]) for t in sorted(wanted, key=int)
    }
    for template, columns in wanted.items():
        for name, column in columns.items():
            mine = found[template][name]
            assert (mine.dtype, mine.shape) == (column.dtype, column.shape), (template, name)
            assert mine.tobytes() == column.tobytes(), (template, name)
