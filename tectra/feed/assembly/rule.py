"""What differs between venues: how book messages are numbered, and how a book proves itself."""

from dataclasses import dataclass
from typing import Protocol

from tectra.core.errors import InputError
from tectra.feed.assembly.delta import BookDelta, RawLevels

__all__ = ["BookChecksum", "BookRule", "ChainRule", "NumberRule"]


class BookChecksum(Protocol):
    """A venue's checksum of one instrument's book."""

    @property
    def levels(self) -> int:
        """How many levels of each side it covers."""
        ...

    def __call__(self, bids: RawLevels, asks: RawLevels) -> int:
        """Of the best `levels` levels of each side (or fewer, when there are fewer), best first."""
        ...


class BookRule(Protocol):
    """How one kind of book stream works. Any thread: rules hold no state.

    `fetches_snapshot`: the stream holds changes only, and a snapshot must be asked for at the start
    (else it comes first in the stream, and again after a request). `depth_max`: levels of a side
    that are kept, those beyond are dropped as the venue drops them; 0 keeps all.
    `snapshot_levels`: the most levels of a side that a snapshot has; one that is full says nothing
    of what lies beyond its worst price; 0 for a snapshot that has every level. `overlaps`: whether
    a message may begin before the end of what was applied (its quantities are whole, so that does
    no harm); right after a snapshot it always may.
    """

    @property
    def fetches_snapshot(self) -> bool: ...
    @property
    def depth_max(self) -> int: ...
    @property
    def snapshot_levels(self) -> int: ...
    @property
    def overlaps(self) -> bool: ...
    @property
    def checksum(self) -> BookChecksum | None: ...

    def covers(self, delta: BookDelta) -> tuple[int, int] | None:
        """First and last number that the message covers, for a Sequencer; None: it has none, and
        follows whatever was applied.
        """
        ...

    def is_reset(self, delta: BookDelta) -> bool:
        """Whether the venue begins to count anew with this message: a snapshot says that what was
        before is void; a change continues the book under new numbers.
        """
        ...


def _checked(rule: "NumberRule | ChainRule") -> None:
    if rule.depth_max < 0 or rule.snapshot_levels < 0:
        raise InputError(
            f"book rule: found depth_max {rule.depth_max}, snapshot_levels {rule.snapshot_levels};"
            " allowed: 0 or more"
        )


@dataclass(frozen=True, slots=True)
class NumberRule:
    """Messages that say which numbers they cover, without holes: U to u, or one number each.

    `reset_seq` is the number with which the venue's count begins; -1: it is not known to.
    """

    fetches_snapshot: bool
    depth_max: int = 0
    snapshot_levels: int = 0
    overlaps: bool = False
    checksum: BookChecksum | None = None
    reset_seq: int = -1

    def __post_init__(self) -> None:
        _checked(self)

    def covers(self, delta: BookDelta) -> tuple[int, int] | None:
        """The numbers that it says."""
        return delta.first_seq, delta.last_seq

    def is_reset(self, delta: BookDelta) -> bool:
        """True for the number with which a count begins."""
        return delta.last_seq == self.reset_seq


@dataclass(frozen=True, slots=True)
class ChainRule:
    """Messages that say the last number of the message before: there may be holes between numbers,
    but none between messages. A message is in order when the book has all up to `prev_seq`.
    """

    fetches_snapshot: bool
    depth_max: int = 0
    snapshot_levels: int = 0
    overlaps: bool = False
    checksum: BookChecksum | None = None

    def __post_init__(self) -> None:
        _checked(self)

    def covers(self, delta: BookDelta) -> tuple[int, int] | None:
        """Everything after the message before. A message without news covers what was there."""
        if delta.prev_seq is None:
            return delta.first_seq, delta.last_seq
        return min(delta.prev_seq + 1, delta.last_seq), delta.last_seq

    def is_reset(self, delta: BookDelta) -> bool:
        """True for numbers that fall: the count began anew."""
        return delta.prev_seq is not None and delta.last_seq < delta.prev_seq
