"""Whether the numbers of a stream follow each other, whatever becomes of its book."""

from tectra.feed.assembly import BookDelta, BookRule
from tectra.feed.sequence import Sequencer, Verdict

__all__ = ["Continuity"]


class Continuity:
    """The numbers of one book's stream. After a gap the count goes on behind it, so that every gap
    is found, not the first alone.
    """

    def __init__(self) -> None:
        self._sequencer: Sequencer | None = None
        self.duplicates = 0
        self.restarts = 0

    def reset(self) -> None:
        """The connection was made anew: what comes next starts the count."""
        self._sequencer = None

    def offer(self, rule: BookRule, delta: BookDelta, *, has_news: bool) -> str:
        """Judge one message; says what is missing, "" when nothing is."""
        covers = rule.covers(delta)
        if covers is None:
            return ""
        first, last = covers
        if self._sequencer is None or delta.is_snapshot:
            self._sequencer = Sequencer(last + 1)
            return ""
        if rule.is_reset(delta):
            self.restarts += 1
            due = self._sequencer.expected
            self._sequencer.reset(last + 1)
            broken = delta.prev_seq is not None and delta.prev_seq + 1 != due
            return f"found a restart after {delta.prev_seq}, due {due}" if broken else ""
        due = self._sequencer.expected
        verdict = self._sequencer.offer(first, last)
        if verdict is Verdict.AHEAD:
            self._sequencer.reset(last + 1)
            return f"found {first} to {last}, due {due}"
        if verdict is Verdict.OLD and (has_news or last + 1 != due):
            self.duplicates += 1
        return ""
