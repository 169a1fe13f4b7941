"""Books of a live feed, and what it said of them."""

from tectra.book.l3 import L3Book
from tectra.core.msg import DTYPES, HEAD, BookStatus, Template
from tectra.feed.protocol import Slots
from tectra.journal.scan import walk

__all__ = ["LiveBooks"]


class LiveBooks:
    """An L3Book that follows a live feed. Owned by one thread."""

    def __init__(self) -> None:
        self.book = L3Book()
        self.status = BookStatus.VALID
        self.statuses = self.gaps = self.clears = 0

    def apply(self, batch: Slots) -> None:
        """Take the records of a batch."""
        starts, _ = walk(batch)
        heads = batch.reshape(-1, 64)[starts].view(HEAD).reshape(-1)
        kinds = heads["template_id"]
        self.gaps += int((kinds == Template.GAP).sum())
        self.clears += int((kinds == Template.BOOK_CLEAR).sum())
        told = batch.reshape(-1, 64)[starts[kinds == Template.BOOK_STATUS]]
        statuses = told.view(DTYPES[Template.BOOK_STATUS]).reshape(-1)
        self.statuses += len(statuses)
        market = statuses[statuses["instrument_id"] == 0]
        if len(market):
            self.status = BookStatus(int(market["status"][-1]))
        self.book.apply(batch)
