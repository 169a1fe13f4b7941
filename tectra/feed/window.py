"""A part of a feed: the records of a stretch of time, of some symbols, of some types."""

from collections.abc import Mapping
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import UnknownSymbolError
from tectra.feed.batch import gather, scan
from tectra.feed.protocol import Feed, Slots
from tectra.feed.relay import Relay
from tectra.feed.selection import Selection, key_of
from tectra.refdata.instrument import Instrument

__all__ = ["WindowFeed"]


class WindowFeed(Relay):
    """The records of a feed that a Selection means, in the feed's order. One owner thread.

    `ordered`: the feed's times never go back, so reading ends at the first batch that lies wholly
    behind the window; otherwise the feed is read to its end. A symbol that the feed has not told
    when it ended raises UnknownSymbolError.
    """

    def __init__(self, feed: Feed, selection: Selection, *, ordered: bool = False) -> None:
        super().__init__(feed)
        self.selection, self._ordered = selection, ordered
        self._ids: NDArray[np.uint32] | None = None
        self._known = -1
        self._ended = False
        self.records = 0
        self.left_out = 0

    @property
    def instruments(self) -> Mapping[int, str]:
        """Symbol by instrument id, of the symbols that are meant."""
        every, wanted = self._feed.instruments, self.selection.symbols
        return every if wanted is None else {i: s for i, s in every.items() if s in wanted}

    @property
    def definitions(self) -> Mapping[int, Instrument]:
        """Instrument by id, of the symbols that are meant."""
        every, wanted = super().definitions, self.selection.symbols
        if wanted is None:
            return every
        return {i: d for i, d in every.items() if d.symbol in wanted}

    def next_batch(self, max_slots: int = 4096) -> Slots | None:
        """The next records that are meant, or None."""
        while not self._ended:
            batch = self._feed.next_batch(max_slots)
            if batch is None:
                self._ended = True
                self._refuse_unknown()
                break
            rows = scan(batch)
            if not len(rows.slot):
                continue
            keep = self.selection.mask(rows, self._wanted())
            key = key_of(rows, self.selection.by)
            to_ns = self.selection.to_ns
            if self._ordered and to_ns is not None and key[0] >= to_ns:
                self._ended = True
            count = int(np.count_nonzero(keep))
            self.records += count
            self.left_out += len(keep) - count
            if count == len(keep):
                return batch
            if count:
                return gather(batch, rows.slot[keep])
        return None

    def _wanted(self) -> NDArray[np.uint32] | None:
        """Sorted ids of the symbols; looked up again when the feed has told more."""
        if self.selection.symbols is None:
            return None
        every = self._feed.instruments
        if len(every) != self._known or self._ids is None:
            self._known = len(every)
            self._ids = np.array(sorted(self.instruments), np.uint32)
        return self._ids

    def _refuse_unknown(self) -> None:
        every = self._feed.instruments
        missing = sorted(set(self.selection.symbols or ()) - set(every.values()))
        if missing:
            known = sorted(set(every.values()))
            close = get_close_matches(missing[0].upper(), known, 3)
            hint = f"close matches: {', '.join(close)}" if close else "nothing comes close"
            raise UnknownSymbolError(
                f"symbol: found {', '.join(missing)}, of which this data has nothing; {hint}; it "
                f"has {', '.join(known) if len(known) <= 12 else f'{len(known):,} symbols'}"
            )
