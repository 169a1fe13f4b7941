"""Books given whole, row after row, as the levels that changed from one row to the next."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tectra.core.msg import MarketFlag, Side, Template
from tectra.feed.importer.record import Records, chosen, new_records
from tectra.refdata.mantissa import NO_PX

__all__ = ["LevelDiff"]

I64 = NDArray[np.int64]
_CELLS_MAX = 1 << 22


@dataclass(frozen=True, slots=True)
class _Changes:
    """Levels that left or changed: row, px and whole qty (0: gone)."""

    rows: I64
    px: I64
    qty: I64


def _compare(before_px: I64, before_qty: I64, px: I64, qty: I64) -> _Changes:
    same = before_px[:, :, None] == px[:, None, :]
    gone = (before_px != NO_PX) & ~same.any(axis=2)
    kept = (same & (before_qty[:, :, None] == qty[:, None, :])).any(axis=1)
    fresh = (px != NO_PX) & ~kept
    gone_rows, gone_at = np.nonzero(gone)
    rows, at = np.nonzero(fresh)
    return _Changes(
        np.concatenate([gone_rows, rows]),
        np.concatenate([before_px[gone_rows, gone_at], px[rows, at]]),
        np.concatenate([np.zeros(len(gone_rows), np.int64), qty[rows, at]]),
    )


class LevelDiff:
    """Remembers the last book of one instrument. A level that is no longer shown is removed: what
    is deeper than the rows show is not known.
    """

    def __init__(self, depth: int) -> None:
        self._px = {side: np.full((1, depth), NO_PX, np.int64) for side in (Side.BUY, Side.SELL)}
        self._qty = {side: np.zeros((1, depth), np.int64) for side in (Side.BUY, Side.SELL)}
        self._step = max(1, _CELLS_MAX // (depth * depth))

    def _side(self, side: Side, px: I64, qty: I64) -> _Changes:
        parts = []
        for at in range(0, len(px), self._step):
            some_px, some_qty = px[at : at + self._step], qty[at : at + self._step]
            before_px = np.concatenate([self._px[side], some_px[:-1]])
            before_qty = np.concatenate([self._qty[side], some_qty[:-1]])
            found = _compare(before_px, before_qty, some_px, some_qty)
            parts.append(_Changes(found.rows + at, found.px, found.qty))
            self._px[side], self._qty[side] = some_px[-1:].copy(), some_qty[-1:].copy()
        return _Changes(
            *(np.concatenate([getattr(p, n) for p in parts]) for n in _Changes.__slots__)
        )

    def update(self, bid_px: I64, bid_qty: I64, ask_px: I64, ask_qty: I64) -> tuple[Records, I64]:
        """book_level records (px, qty, side, flags) of rows of books [n, depth], and the row each
        belongs to, rising. The last record of a row has the flag LAST. NO_PX is no level.
        """
        if not len(bid_px):
            return new_records(Template.BOOK_LEVEL, 0), np.empty(0, np.int64)
        found = [self._side(Side.BUY, bid_px, bid_qty), self._side(Side.SELL, ask_px, ask_qty)]
        sides = [
            np.full(len(part.rows), int(side), np.uint8)
            for part, side in zip(found, (Side.BUY, Side.SELL), strict=True)
        ]
        rows = np.concatenate([part.rows for part in found])
        qty = np.concatenate([part.qty for part in found])
        records = new_records(
            Template.BOOK_LEVEL,
            len(rows),
            side=np.concatenate(sides),
            px=np.concatenate([part.px for part in found]),
            qty=qty,
        )
        order = np.lexsort((qty != 0, rows))  # within a row what leaves goes first
        records, rows = chosen(records, order), rows[order]
        records["flags"][np.append(rows[1:] != rows[:-1], True)] |= int(MarketFlag.LAST)
        return records, rows
