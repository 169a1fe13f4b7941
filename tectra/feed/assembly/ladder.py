"""The levels that assembly itself keeps, and two sets of levels side by side."""

from dataclasses import dataclass

from tectra.book.l2 import L2Book
from tectra.core.errors import InputError
from tectra.core.msg import Side
from tectra.feed.assembly.delta import RawLevels

__all__ = ["BookDifference", "Ladder", "compare_levels"]

_ALL = (1 << 28) - 1
_BUY, _SELL = Side.BUY, Side.SELL


class Ladder:
    """One instrument's levels, at most `depth_max` a side (0: all). Owner thread: the feed's."""

    def __init__(self, instrument_id: int, depth_max: int = 0) -> None:
        self.book = L2Book(instrument_id)
        self._depth_max = depth_max

    def load(self, bids: RawLevels, asks: RawLevels) -> None:
        """Make these all the levels there are. InputError for a level that can be none."""
        self.book.clear()
        self._set(bids, asks)
        self._trim()

    def apply(self, bids: RawLevels, asks: RawLevels) -> tuple[RawLevels, RawLevels]:
        """Change levels; returns the levels that fell out of the depth, with quantity 0.

        InputError for a level that can be none; some of the levels are changed then.
        """
        self._set(bids, asks)
        return self._trim()

    def _set(self, bids: RawLevels, asks: RawLevels) -> None:
        change = self.book.apply_update
        try:
            for px, qty in bids:
                change(_BUY, px, qty)
            for px, qty in asks:
                change(_SELL, px, qty)
        except OverflowError as error:
            raise InputError(f"level: {error}; allowed: int64 mantissas") from None

    def _trim(self) -> tuple[RawLevels, RawLevels]:
        if not self._depth_max:
            return (), ()
        bids, asks = self.book.depth_at(_ALL)
        gone = tuple(tuple((px, 0) for px, _ in side[self._depth_max :]) for side in (bids, asks))
        self._set(*gone)
        return gone[0], gone[1]

    def levels(self, count: int = _ALL) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """(bids, asks), best first, at most `count` of each."""
        return self.book.depth_at(count)

    def is_crossed(self) -> bool:
        """Whether somebody would buy above what somebody sells at."""
        spread = self.book.spread()
        return spread is not None and spread < 0


@dataclass(frozen=True, slots=True)
class BookDifference:
    """How two books compare: `equal` levels, and those that are `missing` from ours, `extra` in
    ours, or there with another quantity (`changed`); first of these as (side, px, ours, theirs).
    """

    equal: int
    missing: int
    extra: int
    changed: int
    first: tuple[Side, int, int, int] | None

    @property
    def is_equal(self) -> bool:
        """No level differs."""
        return self.first is None


def _side(
    side: Side, ours: RawLevels, theirs: RawLevels, worst: int | None
) -> tuple[list[int], list[tuple[Side, int, int, int]]]:
    def known(px: int) -> bool:
        return worst is None or (px >= worst if side is _BUY else px <= worst)

    left = {px: qty for px, qty in ours if known(px)}
    right = {px: qty for px, qty in theirs if known(px)}
    counts = [0, 0, 0, 0]
    first: list[tuple[Side, int, int, int]] = []
    for px in sorted(left.keys() | right.keys(), reverse=side is _BUY):
        found, due = left.get(px, 0), right.get(px, 0)
        kind = 0 if found == due else 1 if not found else 2 if not due else 3
        counts[kind] += 1
        if kind and not first:
            first.append((side, px, found, due))
    return counts, first


def compare_levels(
    ours: tuple[RawLevels, RawLevels],
    theirs: tuple[RawLevels, RawLevels],
    *,
    worst: tuple[int | None, int | None] = (None, None),
) -> BookDifference:
    """Compare (bids, asks) with (bids, asks) as far as the `worst` prices, None for all the way."""
    bids, first = _side(_BUY, ours[0], theirs[0], worst[0])
    asks, more = _side(_SELL, ours[1], theirs[1], worst[1])
    total = [a + b for a, b in zip(bids, asks, strict=True)]
    equal, missing, extra, changed = total
    return BookDifference(equal, missing, extra, changed, next(iter(first + more), None))
