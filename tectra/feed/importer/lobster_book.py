"""What a LOBSTER book file adds to its messages: orders that rested before the first message, and
orders beyond the levels shown, of which the messages say nothing until they come into view.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import FileFormatError
from tectra.core.msg import Side, Template
from tectra.feed.importer.base import Faults
from tectra.feed.importer.number import integers
from tectra.feed.importer.source import ByteSource
from tectra.feed.importer.table import CsvReader

__all__ = ["EMPTY_PX", "SEED_REF", "BookRows", "Resting"]

I64 = NDArray[np.int64]
# Price of a level that nobody stands at; negative for bids.
EMPTY_PX = 9_999_999_999
# References of orders that no message added, above any that NASDAQ gives.
SEED_REF = 1 << 62
_BUY, _SELL = int(Side.BUY), int(Side.SELL)


class BookRows:
    """Rows of a book file in step with the messages. FileFormatError for a row that is none."""

    def __init__(self, path: Path) -> None:
        with ByteSource(path) as source:
            line = source.read(1 << 16).split(b"\n", 1)[0].decode("ascii", "replace")
        width = len(line.split(","))
        if width % 4 or width > 4000:
            raise FileFormatError(
                f"{path}, line 1: found {line[:80]!r}; allowed: ask price, ask size, bid price, "
                "bid size of each level"
            )
        self.path = path
        self.source = ByteSource(path)
        names = [str(i) for i in range(width)]
        self._blocks = self._read(CsvReader(self.source, names, Faults(path, strict=True)), names)
        self._held = np.empty((0, width), np.int64)
        self._first = 1  # line of the first row held

    def _read(self, reader: CsvReader, names: list[str]) -> Iterator[I64]:
        for block in reader.blocks():
            try:
                cells = [integers(block[n], n, low=-(1 << 62)) for n in names]
            except Exception as error:
                raise FileFormatError(
                    f"{self.path}, lines {block.lines[0]:,} to {block.lines[-1]:,}: a price or "
                    "size is no whole number"
                ) from error
            yield np.stack(cells, axis=1)

    def rows(self, lines: I64) -> I64:
        """The rows that stand on these lines, which rise from call to call."""
        last = int(lines[-1])
        while self._first + len(self._held) <= last:
            more = next(self._blocks, None)
            if more is None:
                raise FileFormatError(
                    f"{self.path}: ends at line {self._first + len(self._held) - 1:,}; the "
                    f"messages go on to line {last:,}; give the book file of the same export, or "
                    "orderbook=none"
                )
            self._held = np.concatenate([self._held, more])
        out: I64 = self._held[lines - self._first]
        self._held = self._held[last - self._first + 1 :]
        self._first = last + 1
        return out

    def close(self) -> None:
        """Give up the file."""
        self.source.close()


class Resting:
    """Every order in the book as far as it is known, level by level. Keeps the records that its
    corrections are: (template, reference, side, px, qty).
    """

    def __init__(self) -> None:
        self.orders: dict[int, list[int]] = {}  # reference -> side, px, qty left
        self.levels: dict[tuple[int, int], dict[int, None]] = {}
        self.px: dict[int, list[int]] = {_BUY: [], _SELL: []}
        self.total: dict[tuple[int, int], int] = {}
        self._next = SEED_REF

    def add(self, ref: int, side: int, px: int, qty: int) -> None:
        """An order joins."""
        key = (side, px)
        if key not in self.levels:
            self.levels[key] = {}
            self.total[key] = 0
            insort(self.px[side], px)
        self.levels[key][ref] = None
        self.total[key] += qty
        self.orders[ref] = [side, px, qty]

    def reduce(self, ref: int, qty: int) -> int:
        """An order shrinks, or leaves with nothing left; returns what is left of it."""
        side, px, have = self.orders[ref]
        key = (side, px)
        taken = min(qty, have)
        self.total[key] -= taken
        if taken < have:
            self.orders[ref][2] = have - taken
            return have - taken
        del self.orders[ref]
        level = self.levels[key]
        del level[ref]
        if not level:
            del self.levels[key]
            del self.total[key]
            prices = self.px[side]
            prices.pop(bisect_left(prices, px))
        return 0

    def anonymous(self, side: int, px: int, qty: int) -> int:
        """Reference of an order of a level that no message added and that has as much; 0: none."""
        for ref in self.levels.get((side, px), ()):
            if ref >= SEED_REF and self.orders[ref][2] >= qty:
                return ref
        return 0

    def set_level(self, side: int, px: int, qty: int) -> list[tuple[Template, int, int, int, int]]:
        """Make a level hold as much as the book file says; returns the records of it."""
        have = self.total.get((side, px), 0)
        if have < qty:
            ref, self._next = self._next, self._next + 1
            self.add(ref, side, px, qty - have)
            return [(Template.BOOK_ADD, ref, side, px, qty - have)]
        out = []
        while have > qty:
            ref = next(reversed(self.levels[side, px]))  # the last to come is the first to go
            size = self.orders[ref][2]
            cut = min(size, have - qty)
            left = self.reduce(ref, cut)
            out.append((Template.BOOK_CANCEL if left else Template.BOOK_DELETE, ref, side, px, cut))
            have -= cut
        return out

    def reconcile(self, row: list[int]) -> list[tuple[Template, int, int, int, int]]:
        """Make the book agree with a whole row of the book file; returns the records of it."""
        out = []
        for side, at in ((_SELL, 0), (_BUY, 2)):
            shown = {
                px: qty
                for px, qty in zip(row[at::4], row[at + 1 :: 4], strict=True)
                if qty > 0 and abs(px) < EMPTY_PX
            }
            for px, qty in shown.items():
                if self.total.get((side, px), 0) != qty:
                    out += self.set_level(side, px, qty)
            if not shown:
                gone = list(self.px[side])
            elif side == _BUY:
                gone = self.px[side][bisect_left(self.px[side], min(shown)) :]
            else:
                gone = self.px[side][: bisect_left(self.px[side], max(shown) + 1)]
            for px in gone:
                if px not in shown:
                    out += self.set_level(side, px, 0)
        return out

    def seed(self, row: list[int], undo: tuple[int, int, int]) -> None:
        """Start with the book ahead of the first message: its first row, less what that message
        changed (side, px, qty added).
        """
        side, px, change = undo
        cells = list(row)
        at = 0 if side == _SELL else 2
        prices = cells[at::4]
        if px in prices:
            place = at + 4 * prices.index(px) + 1
            cells[place] -= change
            if cells[place] < 0:
                raise FileFormatError(
                    f"the first message adds {change} at {px}; the first book row shows "
                    f"{cells[place] + change}"
                )
        self.reconcile(cells)
        if px not in prices and change < 0:
            self.set_level(side, px, -change)
