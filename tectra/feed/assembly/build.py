"""A book under construction: a snapshot, and every change that follows it in the venue's numbers.

The live book is one, and so is the second book that a refresh compares it with.
"""

from typing import NamedTuple

from tectra.core.errors import InputError
from tectra.core.msg import BookReason
from tectra.feed.assembly.delta import BookDelta, RawLevels
from tectra.feed.assembly.ladder import Ladder
from tectra.feed.assembly.rule import BookRule
from tectra.feed.sequence import Sequencer, Verdict

__all__ = ["Build", "Step"]

_NOTHING: tuple[RawLevels, RawLevels] = ((), ())


class Step(NamedTuple):
    """What became of one message. `reason` NONE: all is well, and `is_taken` says whether it was
    news. Else the book is no longer right: `expected` was due, and `found` was there.
    """

    is_taken: bool
    reason: BookReason = BookReason.NONE
    expected: int = 0
    found: int = 0
    gone: tuple[RawLevels, RawLevels] = _NOTHING


_OLD = Step(is_taken=False)


class Build:
    """One snapshot and what follows. `seq` is the last number in it, `is_joined` whether a change
    has followed the snapshot without a gap. Owner thread: the feed's.
    """

    def __init__(self, snapshot: BookDelta, rule: BookRule) -> None:
        self._rule = rule
        self.snapshot = snapshot
        self.ladder = Ladder(snapshot.instrument_id, rule.depth_max)
        self.seq = snapshot.last_seq
        self.ts_event_ns = snapshot.ts_event_ns
        self.is_joined = False
        self.checksum = 0
        # Event time of the last change: 0 until there is one that says it.
        self._ts_change_ns = 0
        # The worst prices whose levels this book knows; None: it knows all.
        limit = rule.snapshot_levels
        bids, asks = snapshot.bids, snapshot.asks
        self.worst_bid = min(px for px, _ in bids) if limit and len(bids) >= limit else None
        self.worst_ask = max(px for px, _ in asks) if limit and len(asks) >= limit else None
        # The best prices from which on what is known runs out; None: it does not.
        self._edges: tuple[int | None, int | None] = (None, None)
        self.is_near_edge = False
        self._sequencer = Sequencer()

    def begin(self) -> Step:
        """Take the snapshot itself."""
        try:
            self._sequencer.reset(self.seq + 1)
            self.ladder.load(self.snapshot.bids, self.snapshot.asks)
        except (InputError, OverflowError):
            return Step(is_taken=False, reason=BookReason.MALFORMED)
        self.find_edges()
        return self._proved(self.snapshot, _NOTHING)

    def find_edges(self) -> None:
        """Settle from where on to ask for more: half way to the worst price, since markets jump."""
        top = self.ladder.book.top()
        bid, ask = None, None
        if self.worst_bid is not None and top.bid_px is not None:
            bid = self.worst_bid + (top.bid_px - self.worst_bid) // 2
        if self.worst_ask is not None and top.ask_px is not None:
            ask = self.worst_ask - (self.worst_ask - top.ask_px) // 2
        self._edges = bid, ask
        self.is_near_edge = False

    def offer(self, delta: BookDelta) -> Step:
        """Take a change, or say why not."""
        try:
            found = self._judge(delta)
            if found is not None:
                return found
            gone = self.ladder.apply(delta.bids, delta.asks)
        except (InputError, OverflowError):
            return Step(is_taken=False, reason=BookReason.MALFORMED)
        self.seq = delta.last_seq
        self.is_joined = True
        self.ts_event_ns = delta.ts_event_ns or self.ts_event_ns
        self._ts_change_ns = delta.ts_event_ns
        return self._proved(delta, gone)

    def _judge(self, delta: BookDelta) -> Step | None:
        """What the numbers say against taking it; None: nothing."""
        covers = self._rule.covers(delta)
        if covers is None:
            return None
        if self._rule.is_reset(delta):
            if delta.prev_seq != self.seq:
                return self._broken(BookReason.RESET, delta.last_seq)
            self._sequencer.reset(delta.last_seq + 1)
            return None
        verdict = self._sequencer.offer(*covers)
        if verdict is Verdict.NEXT:
            return None
        if verdict is Verdict.AHEAD:
            return self._broken(BookReason.GAP, covers[0])
        if verdict is Verdict.OVERLAP:
            if self.is_joined and not self._rule.overlaps:
                return self._broken(BookReason.GAP, covers[0])
            return None
        if delta.last_seq == self.seq and not delta.bids and not delta.asks:
            return Step(is_taken=True)  # no news, and right in saying so
        # Old numbers with a new time are no repetition: the venue counts anew.
        if self.is_joined and 0 < self._ts_change_ns < delta.ts_event_ns:
            return self._broken(BookReason.RESET, delta.last_seq)
        return _OLD

    def _broken(self, reason: BookReason, found: int) -> Step:
        return Step(is_taken=False, reason=reason, expected=self.seq + 1, found=found)

    def _proved(self, delta: BookDelta, gone: tuple[RawLevels, RawLevels]) -> Step:
        """What the levels themselves say after a whole message."""
        top = self.ladder.book.top()
        if top.bid_px is not None and top.ask_px is not None and top.bid_px > top.ask_px:
            return self._broken(BookReason.CROSSED, delta.last_seq)
        if self.worst_bid is not None and (top.bid_px is None or top.bid_px < self.worst_bid):
            return self._broken(BookReason.DRIFT, delta.last_seq)
        if self.worst_ask is not None and (top.ask_px is None or top.ask_px > self.worst_ask):
            return self._broken(BookReason.DRIFT, delta.last_seq)
        bid_edge, ask_edge = self._edges
        self.is_near_edge = (
            bid_edge is not None and top.bid_px is not None and top.bid_px < bid_edge
        ) or (ask_edge is not None and top.ask_px is not None and top.ask_px > ask_edge)
        if delta.checksum is not None and self._rule.checksum is not None:
            self.checksum = delta.checksum
            found = self.computed_checksum()
            if found != delta.checksum:
                return Step(
                    is_taken=False,
                    reason=BookReason.CHECKSUM,
                    expected=delta.checksum,
                    found=found,
                )
        return Step(is_taken=True, gone=gone)

    def computed_checksum(self) -> int:
        """The venue's checksum of the book as it is; InputError where the venue has none."""
        checksum = self._rule.checksum
        if checksum is None:
            raise InputError("checksum: found a venue that publishes none; compare with a snapshot")
        return checksum(*self.ladder.levels(checksum.levels))
