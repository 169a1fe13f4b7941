"""Books of a live feed: order by order, cleared when the feed says so, with a digest to compare."""

import hashlib

import numpy as np

from tectra.book.l3 import L3Book
from tectra.core.msg import HEAD, BookStatus, Side, Template
from tectra.core.record import encode
from tectra.feed.protocol import Slots
from tectra.journal.scan import walk

__all__ = ["LiveBooks", "book_digest"]

_SIDES = (Side.BUY, Side.SELL)
_TOLD = (Template.GAP, Template.BOOK_STATUS, Template.BOOK_CLEAR)


def book_digest(book: L3Book) -> str:
    """BLAKE2b of every order of every book, in the order of the queues: equal books, equal text."""
    digest = hashlib.blake2b(digest_size=16)
    for instrument in sorted(book.instrument_ids):
        for side in _SIDES:
            orders = book.orders(instrument, side)
            if len(orders):
                digest.update(np.array([instrument, int(side), len(orders)], "<u8").tobytes())
                for name in ("order_ref", "px", "qty"):
                    digest.update(np.ascontiguousarray(orders[name]).tobytes())
    return digest.hexdigest()


class LiveBooks:
    """An L3Book that follows a live feed. Owned by one thread."""

    def __init__(self) -> None:
        self.book = L3Book()
        self.status = BookStatus.VALID
        self.statuses = self.gaps = self.clears = 0

    def apply(self, batch: Slots) -> None:
        """Take the records of a batch."""
        starts, _ = walk(batch)
        kinds = batch.reshape(-1, 64)[starts].view(HEAD)["template_id"].reshape(-1)
        done = 0
        for i in np.flatnonzero(np.isin(kinds, _TOLD)):
            at = int(starts[i]) * 64
            self._apply(batch[done:at])
            self._hear(bytes(batch[at : at + 64]))
            done = at + 64
        self._apply(batch[done:])

    def _apply(self, slots: Slots) -> None:
        if len(slots):
            self.book.apply(slots)

    def _hear(self, raw: bytes) -> None:
        kind, instrument = raw[2], int.from_bytes(raw[32:36], "little")
        if kind == Template.GAP:
            self.gaps += 1
        elif kind == Template.BOOK_STATUS:
            self.statuses += 1
            self.status = self.status if instrument else BookStatus(raw[36])
        else:
            self.clears += 1
            self._clear(instrument)

    def _clear(self, instrument_id: int) -> None:
        if instrument_id == 0:
            self.book = L3Book()
            return
        if instrument_id not in self.book.instrument_ids:
            return
        for side in _SIDES:
            for ref in self.book.orders(instrument_id, side)["order_ref"]:
                self.book.apply(
                    encode(Template.BOOK_DELETE, instrument_id=instrument_id, order_ref=int(ref))
                )
