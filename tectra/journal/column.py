"""Columns of records whatever their type: a field that several record types have, as one array.

Pure functions of arrays, any thread; a few ns a record.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tectra.core.msg import DTYPES
from tectra.journal.segment import Slots

__all__ = ["column", "template_ids"]

_SLOT_BYTES = 64


def template_ids(slots: Slots, starts: NDArray[np.uint32]) -> NDArray[np.uint16]:
    """Template id of the records that begin at `starts`."""
    ids: NDArray[np.uint16] = slots.view("<u2")[starts, 1]
    return ids


@cache
def _places(name: str) -> tuple[np.dtype[np.generic], NDArray[np.int16]]:
    """Number type of a field, and its offset for each template id; -1: a type without it."""
    kinds, places = set(), np.full(1 << 16, -1, np.int16)
    for template, dtype in DTYPES.items():
        if dtype.fields is not None and name in dtype.fields:
            kind, offset = dtype.fields[name][:2]
            kinds.add(kind)
            places[int(template)] = offset
    (kind,) = kinds
    assert kind.kind in "iu"
    assert int(places.max()) + kind.itemsize <= _SLOT_BYTES
    return kind, places


def column(
    slots: Slots, starts: NDArray[np.uint32], ids: NDArray[np.uint16], name: str
) -> NDArray[np.generic]:
    """Field `name` of the records that begin at `starts`; 0 where a record does not have it. A
    number in the first slot of a record, of one width in all types that have it.
    """
    kind, places = _places(name)
    words = slots.view(kind)
    at = places[ids]
    out = np.zeros(len(starts), kind)
    for offset in np.unique(at[at >= 0]).tolist():
        mask = at == offset
        out[mask] = words[starts[mask], offset // kind.itemsize]
    return out
