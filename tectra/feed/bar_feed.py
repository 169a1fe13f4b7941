"""A feed with bars among its records, and a feed of bars alone."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tectra.core.closing import Closing
from tectra.core.errors import InputError
from tectra.core.msg import DTYPES, Template
from tectra.feed.bar import BarBuilder
from tectra.feed.protocol import Feed, Slots

__all__ = ["BarFeed", "BarRecords"]

_BAR = DTYPES[Template.BAR]


class BarFeed(Closing):
    """Passes a feed on and puts bars among its records, as BarBuilder.merge() does.

    At the end of the feed what is in the making comes as partial bars. Owned by one thread, and
    owns the feed.
    """

    def __init__(self, feed: Feed, builder: BarBuilder) -> None:
        self.feed = feed
        self.builder = builder
        self._over = False

    @property
    def instruments(self) -> Mapping[int, str]:
        """Symbol by instrument id."""
        return self.feed.instruments

    def next_batch(self, max_slots: int = 4096) -> Slots | None:
        """Whole records with their bars; more slots than asked for where many bars close."""
        batch = self.feed.next_batch(max_slots)
        if batch is not None:
            return self.builder.merge(np.ascontiguousarray(batch))
        if self._over:
            return None
        self._over = True
        left = self.builder.flush()
        return left.view(np.uint8) if len(left) else None

    def close(self) -> None:
        """Close the feed."""
        self.feed.close()


class BarRecords:
    """A feed of bar records that are all at hand, in order of their close."""

    def __init__(self, bars: NDArray[Any], symbols: Mapping[int, str]) -> None:
        if bars.dtype != _BAR:
            raise InputError(f"bars: found dtype {bars.dtype}; allowed: DTYPES[Template.BAR]")
        missing = sorted(set(np.unique(bars["instrument_id"]).tolist()) - set(symbols))
        if missing:
            raise InputError(f"bars: found instrument {missing[0]} without a symbol; give it one")
        back = np.flatnonzero(np.diff(bars["ts_event_ns"]) < 0)
        if len(back):
            raise InputError(f"bars: row {int(back[0]) + 1} closes before the row ahead; sort them")
        self.bars = bars
        self._symbols = dict(symbols)
        self._at = 0

    @classmethod
    def collect(cls, feed: Feed, builder: BarBuilder) -> Self:
        """The bars of a whole feed, which is read to its end."""
        parts = []
        while (batch := feed.next_batch(1 << 16)) is not None:
            parts.append(builder.update(np.ascontiguousarray(batch)))
        parts.append(builder.flush())
        bars = np.concatenate(parts)
        seen = set(np.unique(bars["instrument_id"]).tolist())
        return cls(bars, {i: s for i, s in feed.instruments.items() if i in seen})

    @property
    def instruments(self) -> Mapping[int, str]:
        """Symbol by instrument id."""
        return self._symbols

    def next_batch(self, max_slots: int = 4096) -> Slots | None:
        """The next bars, None at the end."""
        part = self.bars[self._at : self._at + max(1, max_slots // 2)]
        self._at += len(part)
        return np.ascontiguousarray(part).view(np.uint8) if len(part) else None

    def close(self) -> None:
        """Nothing is held."""
