"""Our book beside a venue's own snapshot of it, price by price.

Two pictures can only be held against each other when they speak of the same moment, so both carry
the venue's sequence number: 0 means that nobody knows. Plain values, any thread.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from tectra.book.l2 import L2Book
from tectra.book.l3 import L3Book
from tectra.core.errors import InputError
from tectra.core.msg import Side

__all__ = ["BookComparison", "BookPicture", "LevelDifference", "Moment", "compare_books"]

Level = tuple[int, int]


class Moment(Enum):
    """Whether two pictures speak of the same moment."""

    SAME = "same"
    OURS_OLDER = "ours is older"
    OURS_NEWER = "ours is newer"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BookPicture:
    """One book at one moment: (px, qty) of each side, best first, raw mantissas; `seq` is the
    venue's number of the last update that it holds.

    `depth`: the picture shows that many levels of a side and nothing of what lies behind them; 0:
    it shows all there is. InputError unless both sides are strictly sorted and quantities positive.
    """

    bids: Sequence[Level]
    asks: Sequence[Level]
    seq: int = 0
    depth: int = 0

    def __post_init__(self) -> None:
        for name, levels, better in (("bids", self.bids, 1), ("asks", self.asks, -1)):
            for before, after in pairwise(levels):
                if (before[0] - after[0]) * better <= 0:
                    raise InputError(
                        f"{name}: found {before[0]} before {after[0]}; allowed: best price first, "
                        "each price once"
                    )
            bad = [level for level in levels if level[1] <= 0]
            if bad:
                raise InputError(f"{name}: found {bad[0]}; allowed: quantities above 0")

    @classmethod
    def of(
        cls, book: L2Book | L3Book, instrument_id: int | None = None, *, seq: int = 0
    ) -> "BookPicture":
        """All of a book as it is now."""
        if isinstance(book, L2Book):
            bids, asks = book.depth_at(1 << 24)
        elif isinstance(book, L3Book) and instrument_id is not None:
            bids, asks = book.depth_at(instrument_id, 1 << 24)
        else:
            raise InputError(
                f"book: found {type(book).__name__}; allowed: an L2Book, or an L3Book and an "
                "instrument_id"
            )
        return cls(bids, asks, seq)

    def reach(self, side: Side) -> int | None:
        """The last price of a side that the picture tells of; None: it tells of every price."""
        levels = self.bids if side is Side.BUY else self.asks
        if not self.depth or len(levels) < self.depth:
            return None
        return levels[self.depth - 1][0]


class LevelDifference(NamedTuple):
    """One price at which the quantities differ; 0: the level is not there."""

    side: Side
    px: int
    ours_qty: int
    theirs_qty: int


@dataclass(frozen=True, slots=True)
class BookComparison:
    """What came of it. `equal_levels` and `differences` cover the prices both pictures tell of."""

    moment: Moment
    ours_seq: int
    theirs_seq: int
    equal_levels: int
    differences: tuple[LevelDifference, ...]

    @property
    def is_equal(self) -> bool:
        """Every price that both tell of has the same quantity."""
        return not self.differences

    @property
    def is_drift(self) -> bool:
        """They differ although they speak of the same moment: our book is wrong."""
        return self.moment is Moment.SAME and not self.is_equal

    def __str__(self) -> str:
        if self.is_equal:
            return f"{self.equal_levels} levels equal ({self.moment.value} moment)"
        first = self.differences[0]
        return (
            f"{len(self.differences)} levels differ, {self.equal_levels} are equal "
            f"({self.moment.value} moment, ours {self.ours_seq}, theirs {self.theirs_seq}); first: "
            f"{first.side.name} {first.px}: ours {first.ours_qty}, theirs {first.theirs_qty}"
        )


def _moment(ours: int, theirs: int) -> Moment:
    if not ours or not theirs:
        return Moment.UNKNOWN
    if ours == theirs:
        return Moment.SAME
    return Moment.OURS_OLDER if ours < theirs else Moment.OURS_NEWER


def _reach(pictures: Iterable[BookPicture], side: Side) -> int | None:
    """The nearest of the prices at which the pictures end."""
    ends = [end for picture in pictures if (end := picture.reach(side)) is not None]
    if not ends:
        return None
    return max(ends) if side is Side.BUY else min(ends)


def _within(levels: Sequence[Level], side: Side, reach: int | None) -> dict[int, int]:
    if reach is None:
        return dict(levels)
    return {px: qty for px, qty in levels if (px >= reach if side is Side.BUY else px <= reach)}


def compare_books(ours: BookPicture, theirs: BookPicture) -> BookComparison:
    """Hold our book against the venue's, price by price, as far as both show it.

    A difference is drift only when both speak of the same moment (`is_drift`); otherwise apply the
    updates between the two numbers first.
    """
    equal = 0
    found: list[LevelDifference] = []
    for side in (Side.BUY, Side.SELL):
        reach = _reach((ours, theirs), side)
        mine, other = (
            _within(p.bids if side is Side.BUY else p.asks, side, reach) for p in (ours, theirs)
        )
        prices = sorted(mine.keys() | other.keys(), reverse=side is Side.BUY)
        for px in prices:
            if mine.get(px) == other.get(px):
                equal += 1
            else:
                found.append(LevelDifference(side, px, mine.get(px, 0), other.get(px, 0)))
    return BookComparison(_moment(ours.seq, theirs.seq), ours.seq, theirs.seq, equal, tuple(found))
