"""Many feeds as one, in time order: stable, with the instruments of all of them under one
numbering.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import numpy as np

from tectra.core.errors import InputError
from tectra.feed.batch import LaneMerger, scan
from tectra.feed.numbering import Numbering, SourceIds
from tectra.feed.order import OrderedFeed
from tectra.feed.protocol import Feed, Slots
from tectra.feed.selection import TimeBy, key_of
from tectra.refdata.instrument import Instrument

__all__ = ["MergedFeed"]


class MergedFeed:
    """Feeds merged by the time of receipt, or of the event; at equal times the earlier feed of the
    list comes first, and each feed keeps its own order. One owner thread.

    instrument_id becomes a number for each venue and symbol (`numbering`), so that ids of
    different feeds never clash. A feed out of order raises FileFormatError, or is sorted within
    `sort_window_ns`; `out_of_order` tells how many records were, by feed.
    """

    def __init__(
        self,
        feeds: Sequence[Feed],
        names: Sequence[str] | None = None,
        *,
        by: TimeBy = "recv",
        sort_window_ns: int = 0,
        batch_slots: int = 4096,
    ) -> None:
        self.names = [f"feed {i}" for i in range(len(feeds))] if names is None else list(names)
        if len(self.names) != len(feeds):
            raise InputError(
                f"names: found {len(self.names)}; allowed: one for each of {len(feeds)}"
            )
        self.by, self._batch_slots = by, batch_slots
        self.numbering = Numbering()
        self._feeds = [
            OrderedFeed(feed, name, by=by, sort_window_ns=sort_window_ns)
            for feed, name in zip(feeds, self.names, strict=True)
        ]
        self._ids = [SourceIds(self.numbering, i, name) for i, name in enumerate(self.names)]
        self._merger = LaneMerger(len(feeds))

    @property
    def instruments(self) -> Mapping[int, str]:
        """Symbol by number, of the instruments met so far. Two venues may have the same symbol."""
        return self.numbering.symbols

    @property
    def definitions(self) -> Mapping[int, Instrument]:
        """Instrument by number, of those that the feeds define."""
        return self.numbering.definitions

    @property
    def format(self) -> str:
        """No format of its own."""
        return "merged"

    @property
    def position(self) -> int:
        """Bytes of all inputs that are done with."""
        return sum(feed.position for feed in self._feeds)

    @property
    def size(self) -> int:
        """Bytes of all inputs, as far as they know."""
        return sum(feed.size for feed in self._feeds)

    @property
    def faults(self) -> Mapping[str, int]:
        """How often which fault was passed over below, over all feeds."""
        total: Counter[str] = Counter()
        for feed in self._feeds:
            total.update(feed.faults)
        return total

    @property
    def out_of_order(self) -> Mapping[str, int]:
        """Records that were earlier than one before them, by feed, where there were any."""
        return {f.name: f.out_of_order for f in self._feeds if f.out_of_order}

    def next_batch(self, max_slots: int = 4096) -> Slots | None:
        """Up to `max_slots` slots of whole records in order, or None at the end."""
        while True:
            out, dry = self._merger.take(max_slots)
            if dry is not None:
                self._fill(dry)
            if len(out):
                return out
            if dry is None:
                return None

    def _fill(self, lane: int) -> None:
        feed = self._feeds[lane]
        batch = feed.next_batch(self._batch_slots)
        if batch is None:
            self._merger.end(lane)
            return
        rows = scan(batch)
        batch = self._ids[lane].apply(batch, rows, feed)
        self._merger.feed(lane, batch, rows, np.ascontiguousarray(key_of(rows, self.by)))

    def close(self) -> None:
        """Close every feed."""
        with ExitStack() as stack:
            for feed in self._feeds:
                stack.callback(feed.close)
