"""Arrays of records of one type, and several such arrays as one stream in order."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tectra.core.msg import DTYPES, HEAD, SCHEMA_ID, SCHEMA_VERSION, Template
from tectra.feed.protocol import Slots
from tectra.journal.scan import walk

__all__ = [
    "Records",
    "as_slots",
    "chosen",
    "interleave",
    "new_records",
    "of_template",
    "starts_of",
]

Records = NDArray[np.void]


def new_records(template: Template, count: int, /, **columns: object) -> Records:
    """`count` records with their header, columns as given, all else zero."""
    dtype = DTYPES[template]
    out = np.zeros(count, dtype)
    out["block_length"] = dtype.itemsize - 8
    out["template_id"] = int(template)
    out["schema_id"], out["version"] = SCHEMA_ID, SCHEMA_VERSION
    for name, values in columns.items():
        out[name] = values
    return out


def chosen(records: Records, which: slice | NDArray[Any]) -> Records:
    """A copy of some records, every byte of them: NumPy leaves what is between fields undefined."""
    size = records.dtype.itemsize
    rows = np.ascontiguousarray(records).view(np.uint8).reshape(-1, size)
    out: Records = np.array(rows[which]).reshape(-1).view(records.dtype)
    return out


def as_slots(records: Records) -> Slots:
    """The bytes of records, one behind the other."""
    return np.ascontiguousarray(records).view(np.uint8).reshape(-1)


def interleave(parts: Sequence[tuple[Records, NDArray[np.int64]]]) -> Slots:
    """One stream of all parts by rising key; equal keys in the order of the parts."""
    some = [(records, keys) for records, keys in parts if len(records)]
    if not some:
        return np.empty(0, np.uint8)
    if len(some) == 1 and bool(np.all(np.diff(some[0][1]) >= 0)):
        return as_slots(some[0][0])
    widths = [records.dtype.itemsize // 64 for records, _ in some]
    keys = np.concatenate([k for _, k in some])
    sizes = np.concatenate([np.full(len(r), w) for (r, _), w in zip(some, widths, strict=True)])
    order = np.argsort(keys, kind="stable")
    starts = np.empty(len(keys), np.int64)
    ordered = sizes[order]
    starts[order] = np.cumsum(ordered) - ordered
    out = np.empty((int(sizes.sum()), 64), np.uint8)
    at = 0
    for (records, _), width in zip(some, widths, strict=True):
        rows = np.ascontiguousarray(records).view(np.uint8).reshape(len(records), width, 64)
        where = starts[at : at + len(records)]
        for j in range(width):
            out[where + j] = rows[:, j]
        at += len(records)
    return out.reshape(-1)


def starts_of(slots: Slots) -> NDArray[np.int64]:
    """Slot index at which each record begins."""
    starts, _ = walk(np.ascontiguousarray(slots))
    return starts.astype(np.int64)


def of_template(
    slots: Slots, template: Template, starts: NDArray[np.int64] | None = None
) -> tuple[Records, NDArray[np.int64]]:
    """Records of one type out of a stream (a copy), and the slots at which they begin."""
    rows = np.ascontiguousarray(slots).reshape(-1, 64)
    where = starts_of(slots) if starts is None else starts
    heads = rows.view(HEAD).reshape(-1)["template_id"]
    found = where[heads[where] == int(template)]
    dtype = DTYPES[template]
    taken = rows[found]
    if dtype.itemsize == 128:
        taken = np.concatenate([taken, rows[found + 1]], axis=1)
    records: Records = np.ascontiguousarray(taken).reshape(-1).view(dtype)
    return records, found
