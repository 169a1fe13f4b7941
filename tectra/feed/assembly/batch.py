"""A batch that a feed writes records into and hands on: 64-byte slots, one behind the other."""

from typing import Any

import numpy as np

from tectra.core.errors import InputError
from tectra.core.msg import DTYPES, SCHEMA_ID, SCHEMA_VERSION, MarketFlag, Side, Template
from tectra.core.record import encode
from tectra.feed.assembly.delta import RawLevels
from tectra.feed.protocol import Slots

__all__ = ["RecordBatch"]

_SLOT = 64
_LEVEL = DTYPES[Template.BOOK_LEVEL]
_SNAPSHOT, _LAST = int(MarketFlag.SNAPSHOT), int(MarketFlag.LAST)


class RecordBatch:
    """Records in the order in which they were added, until take(). Memory grows with what is in it.

    Owner thread: the feed's. About 3 us a call and 0.2 us a level.
    """

    def __init__(self, slots: int = 1024) -> None:
        if slots < 1:
            raise InputError(f"batch: found {slots} slots; allowed: 1 or more")
        self._rows: np.ndarray[Any, np.dtype[Any]] = np.zeros(slots, _LEVEL)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, records: bytes) -> None:
        """Add whole records as encode() makes them."""
        n, odd = divmod(len(records), _SLOT)
        if odd:
            raise InputError(f"batch: found {len(records)} bytes; allowed: whole 64-byte slots")
        start = self._room(n)
        self._rows[start : start + n] = np.frombuffer(records, _LEVEL)

    def add(self, template: Template, **fields: Any) -> None:
        """Add one record made of its fields; those not named are 0."""
        self.append(encode(template, **fields))

    def add_levels(
        self, bids: RawLevels, asks: RawLevels, *, snapshot: bool, head: dict[str, int]
    ) -> int:
        """Add a `book_level` for each level, bids first, LAST on the last one; returns how many.

        `head` has what is the same in all of them. A snapshot without levels is one level of
        quantity 0, so that it still has an end; a change without levels adds nothing.
        """
        n, count = len(bids), len(bids) + len(asks)
        if not count:
            if not snapshot:
                return 0
            bids, n, count = ((0, 0),), 1, 1
        start = self._room(count)
        rows = self._rows[start : start + count]
        rows["block_length"], rows["template_id"] = _LEVEL.itemsize - 8, Template.BOOK_LEVEL
        rows["schema_id"], rows["version"] = SCHEMA_ID, SCHEMA_VERSION
        rows["ring_seq"] = 0
        for name, number in head.items():
            rows[name] = number
        rows["side"][:n], rows["side"][n:] = Side.BUY, Side.SELL
        rows["flags"] = _SNAPSHOT if snapshot else 0
        rows["flags"][-1] |= _LAST
        if n:
            rows["px"][:n], rows["qty"][:n] = np.array(bids, np.int64).T
        if count > n:
            rows["px"][n:], rows["qty"][n:] = np.array(asks, np.int64).T
        return count

    def take(self) -> Slots | None:
        """The records so far, which are the caller's now; None when there are none."""
        if not self._count:
            return None
        out = self._rows[: self._count].copy().view(np.uint8)
        self._count = 0
        return out

    def _room(self, count: int) -> int:
        start, end = self._count, self._count + count
        if end > len(self._rows):
            grown = np.zeros(max(end, 2 * len(self._rows)), _LEVEL)
            grown[:start] = self._rows[:start]
            self._rows = grown
        self._count = end
        return start
