"""MarketDataWindow: the last N bars, stored and asked for. What is computed from them lives with
the indicators.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tectra.core.bar import MarketData
from tectra.core.errors import InputError

__all__ = ["MarketDataWindow"]

_HIGH, _LOW, _CLOSE = range(3)


class MarketDataWindow:
    """A circular buffer of the last `capacity` bars; a push when it is full drops the oldest.

    Index 0 is the oldest bar, as in iteration. Every column is stored twice, one capacity apart, so
    that any window of it is one contiguous array: closes() copies nothing. One owner thread.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise InputError(f"capacity: found {capacity}; allowed: 1 or more")
        self.capacity = capacity
        self._bars: list[MarketData | None] = [None] * capacity
        self._columns = np.zeros((3, 2 * capacity))
        self._volume: list[int] = [0] * capacity
        self._volume_sum = 0
        self._count = 0
        self._next = 0

    def push(self, bar: MarketData) -> None:
        """Append a bar; TypeError for anything else. The bar is taken as it is, valid or not."""
        if type(bar) is not MarketData:
            raise TypeError(f"bar: found {type(bar).__name__}; allowed: MarketData")
        at = self._next
        self._volume_sum += bar.volume - self._volume[at]
        self._volume[at] = bar.volume
        self._bars[at] = bar
        for twin in (at, at + self.capacity):
            self._columns[:, twin] = (bar.high, bar.low, bar.close)
        self._next = (at + 1) % self.capacity
        self._count = min(self._count + 1, self.capacity)

    def len(self) -> int:
        """How many bars there are, at most `capacity`."""
        return self._count

    def is_empty(self) -> bool:
        """Is there no bar?"""
        return self._count == 0

    def clear(self) -> None:
        """Forget every bar. Arrays handed out before keep their memory."""
        self._bars = [None] * self.capacity
        self._columns = np.zeros((3, 2 * self.capacity))
        self._volume = [0] * self.capacity
        self._volume_sum = self._count = self._next = 0

    def get(self, index: int) -> MarketData | None:
        """The bar at `index`, 0 the oldest, -1 the latest; None outside of the window."""
        if not -self._count <= index < self._count:
            return None
        return self._bars[(self._first() + index % self._count) % self.capacity]

    def iter(self) -> Iterator[MarketData]:
        """Bars as they are now, oldest first."""
        first = self._first()
        order = [self._bars[(first + i) % self.capacity] for i in range(self._count)]
        return iter([bar for bar in order if bar is not None])

    def latest(self) -> MarketData | None:
        """The bar pushed last; None when there is none."""
        return self.get(-1)

    def oldest(self) -> MarketData | None:
        """The bar that the next push of a full window drops; None when there is none."""
        return self.get(0)

    def high(self) -> float | None:
        """Highest high; None when there is no bar."""
        return float(self._view(_HIGH).max()) if self._count else None

    def low(self) -> float | None:
        """Lowest low; None when there is no bar."""
        return float(self._view(_LOW).min()) if self._count else None

    def avg_volume(self) -> float | None:
        """Mean volume, from the exact sum; None when there is no bar."""
        return self._volume_sum / self._count if self._count else None

    def range(self) -> float | None:
        """Highest high less lowest low; None when there is no bar."""
        high, low = self.high(), self.low()
        return None if high is None or low is None else high - low

    def closes(self) -> NDArray[np.float64]:
        """Closes, oldest first: a read-only view that holds until the next push or clear()."""
        view = self._view(_CLOSE)
        view.flags.writeable = False
        return view

    def _first(self) -> int:
        return (self._next - self._count) % self.capacity

    def _view(self, column: int) -> NDArray[np.float64]:
        first = self._first()
        return self._columns[column, first : first + self._count]

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[MarketData]:
        return self.iter()

    def __repr__(self) -> str:
        return f"MarketDataWindow(capacity={self.capacity}, len={self._count})"
