"""A batch as the checks see it: columns, dense instrument numbers, the value before each one of the
same stream.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tectra.feed.batch import Rows
from tectra.feed.protocol import Slots

__all__ = ["Columns", "Last"]


@dataclass
class Columns:
    """Records of a batch. `index`: dense number of the instrument; `first_row`: number of the first
    record in the file.
    """

    slots: Slots
    rows: Rows
    index: NDArray[np.uint32]
    first_row: int

    def __len__(self) -> int:
        return len(self.rows.slot)

    @cached_property
    def words(self) -> NDArray[np.int64]:
        """The slots as rows of eight 64-bit words, without a copy."""
        return self.slots.view(np.int64).reshape(-1, 8)

    @cached_property
    def flags(self) -> NDArray[np.uint8]:
        """Byte 37: MarketFlag, in the records of market data that have it."""
        found: NDArray[np.uint8] = self.slots.reshape(-1, 64)[:, 37][self.rows.slot]
        return found

    def word(self, number: int, at: NDArray[np.intp]) -> NDArray[np.int64]:
        """A 64-bit word of some of the records; 8 and above lie in the second slot."""
        slot = self.rows.slot[at].astype(np.int64) + number // 8
        found: NDArray[np.int64] = self.words[slot, number % 8]
        return found

    def of(self, *templates: int) -> NDArray[np.intp]:
        """Rows with one of these types."""
        wanted = np.zeros(256, np.bool_)
        wanted[list(templates)] = True
        return np.flatnonzero(wanted[self.rows.template_id])

    def row(self, at: int) -> int:
        """Number of a record in the file."""
        return self.first_row + int(at)


class Last:
    """The last value of each of many streams, over batches."""

    def __init__(self, none: int = -(2**63)) -> None:
        self.none = none
        self._last = np.full(64, none, np.int64)

    def before(self, stream: NDArray[np.integer], values: NDArray[np.int64]) -> NDArray[np.int64]:
        """The value before each in its stream (`none` for the first one), which it now follows."""
        if not len(stream):
            return np.empty(0, np.int64)
        top = int(stream.max()) + 1
        if top > len(self._last):
            grown = np.full(max(top, 2 * len(self._last)), self.none, np.int64)
            grown[: len(self._last)] = self._last
            self._last = grown
        order = np.argsort(stream, kind="stable")
        sorted_stream, sorted_values = stream[order], values[order]
        before = np.empty(len(values), np.int64)
        before[1:] = sorted_values[:-1]
        first = np.ones(len(values), np.bool_)
        first[1:] = sorted_stream[1:] != sorted_stream[:-1]
        before[first] = self._last[sorted_stream[first]]
        ends = np.append(first[1:], True)
        self._last[sorted_stream[ends]] = sorted_values[ends]
        out = np.empty(len(values), np.int64)
        out[order] = before
        return out
