"""Continuity of one numbered stream: what is next, what was seen before, what is missing."""
# Owns one tt_sequence. One owner thread: the one that reads the stream. Some 40 ns a message from
# Python, a few compares from C. Wraps ext/tectra/sequence.h.

from enum import IntEnum

from cython cimport final
from libc.stdint cimport uint64_t

from tectra.core.errors import InputError

__all__ = ["SequenceState", "Sequencer", "Verdict"]


class Verdict(IntEnum):
    """What a message is to its stream."""

    NEXT = TT_SEQ_NEXT
    """Continues the stream: taken."""
    OVERLAP = TT_SEQ_OVERLAP
    """Begins with what was seen and ends with what is new: taken."""
    OLD = TT_SEQ_OLD
    """All of it was seen before."""
    AHEAD = TT_SEQ_AHEAD
    """Numbers before it are missing: not taken."""


class SequenceState(IntEnum):
    """Where a stream stands."""

    IDLE = TT_SEQ_STATE_IDLE
    """Nothing seen: the first message decides where the stream starts."""
    SYNCED = TT_SEQ_STATE_SYNCED
    """Everything up to `expected` - 1 is here."""
    GAP = TT_SEQ_STATE_GAP
    """Numbers are missing, and may still come."""
    ENDED = TT_SEQ_STATE_ENDED
    """The stream said that it is over."""


@final
cdef class Sequencer:
    """One numbered stream, of any feed: a message covers the numbers first..last.

    `expected` is the first number due; None takes the first message as the start. The stream never
    decides by itself that numbers are lost: AHEAD leaves everything as it is until the missing ones
    come, or lose() gives them up, or reset() starts anew. Owner thread: the reader's.
    """

    def __cinit__(self, expected=None):
        tt_sequence_init(&self.c)
        if expected is not None:
            tt_sequence_reset(&self.c, expected)

    def offer(self, uint64_t first, last=None) -> Verdict:
        """Judge the message that covers first..last (default: one number). NEXT, OVERLAP take it.

        InputError when last < first, or at the end of 64 bits; nothing changes then.
        """
        cdef uint64_t upto = first if last is None else last
        if upto < first or upto == <uint64_t>-1:
            raise InputError(
                f"sequence: found {first} to {upto}; allowed: first <= last < 2^64 - 1")
        return Verdict(tt_sequence_offer(&self.c, first, upto))

    def announce(self, uint64_t next_seq) -> bool:
        """Hear that `next_seq` comes next (a heartbeat); True when numbers before it lack."""
        return tt_sequence_announce(&self.c, next_seq) != 0

    def lose(self, uint64_t next_seq) -> int:
        """Give up every missing number before `next_seq`; returns how many those are."""
        return tt_sequence_lose(&self.c, next_seq)

    def reset(self, uint64_t expected) -> None:
        """Start anew with `expected` as the number due (a snapshot, a venue's restart)."""
        tt_sequence_reset(&self.c, expected)

    def end(self) -> None:
        """The stream is over."""
        tt_sequence_end(&self.c)

    @property
    def expected(self) -> int:
        """The number due; 0 while IDLE."""
        return self.c.expected

    @property
    def missing(self):
        """(first, last) from the number due to the highest seen or announced; None when none is."""
        if self.c.state != TT_SEQ_STATE_GAP:
            return None
        return self.c.expected, self.c.highest

    @property
    def state(self):
        """SequenceState now."""
        return SequenceState(self.c.state)

    def counts(self) -> dict:
        """taken, recovered and lost count numbers; gaps stretches; duplicates and overlaps
        messages; resets restarts.
        """
        return {
            "taken": self.c.taken, "gaps": self.c.gaps, "lost": self.c.lost,
            "recovered": self.c.recovered, "duplicates": self.c.duplicates,
            "overlaps": self.c.overlaps, "resets": self.c.resets,
        }

    def __repr__(self):
        return f"Sequencer({self.state.name}, expected {self.c.expected})"
