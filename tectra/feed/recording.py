"""What a recorder of two venues would have after hours or weeks, made in seconds: snapshots of a
book and trades, complete but for the gaps that are asked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import InputError
from tectra.core.msg import DTYPES, SCHEMA_ID, SCHEMA_VERSION, MarketFlag, Side, Template
from tectra.core.types import Exchange
from tectra.feed.protocol import Slots
from tectra.feed.synthetic import random_words

__all__ = ["PRINTS", "RecordingChunk", "VenueRecording", "snapshot_dtype", "snapshot_records"]

_HOUR = 3_600_000_000_000
_TICK = 10  # of 0.01: a tenth of a dollar
_FIRST_PX = 6_000_000
PRINTS = np.dtype(
    [
        ("ts_event_ns", "<i8"),
        ("ts_recv_ns", "<i8"),
        ("trade_id", "<u8"),
        ("px", "<i8"),
        ("qty", "<i8"),
        ("side", "u1"),
    ]
)
"""Trades of a chunk; px at exponent -2, qty at -8, `side` the aggressor's."""


def snapshot_dtype(levels: int) -> np.dtype[Any]:
    """Rows of snapshots: best level first; px at exponent -2, qty at -8."""
    ladder = [(n, "<i8", (levels,)) for n in ("bid_px", "bid_qty", "ask_px", "ask_qty")]
    return np.dtype([("ts_event_ns", "<i8"), ("ts_recv_ns", "<i8"), ("seq", "<u8"), *ladder])


@dataclass(frozen=True)
class RecordingChunk:
    """A stretch of one venue."""

    venue: str
    symbol: str
    begin_ns: int
    snapshots: NDArray[Any]
    trades: NDArray[Any]


class VenueRecording:
    """Snapshots each `every_ns` and trades of one symbol at several venues over `span_ns`.

    The venues follow one price with a lag of their own. Numbers (seq, trade_id) are without a hole
    but for `gaps`: (venue, begin_ns, end_ns) after the start, in which nothing was recorded. Equal
    arguments give equal rows everywhere; one hour is in memory at a time. Any thread.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        venues: Sequence[str] = ("binance", "bybit"),
        symbol: str = "BTCUSDT",
        start_ns: int = 1_767_571_200_000_000_000,
        span_ns: int = 24 * _HOUR,
        every_ns: int = 1_000_000_000,
        levels: int = 20,
        gaps: Sequence[tuple[str, int, int]] = (),
    ) -> None:
        if not venues or len(set(venues)) != len(venues):
            raise InputError(f"venues: found {list(venues)}; wants at least one, each once")
        if not 1_000_000 <= every_ns <= _HOUR or _HOUR % every_ns or span_ns < every_ns:
            raise InputError(
                f"every_ns, span_ns: found {every_ns}, {span_ns}; allowed: 1 ms to 1 h that "
                "divides the hour, and at least that"
            )
        if not 1 <= levels <= 1000 or not 0 <= seed < 1 << 63:
            raise InputError(f"levels, seed: found {levels}, {seed}; allowed: 1 to 1000, a u63")
        wrong = [g for g in gaps if g[0] not in venues or not 0 <= g[1] < g[2]]
        if wrong:
            raise InputError(f"gaps: found {wrong[0]}; allowed: (venue, begin_ns, end_ns) in order")
        self.seed, self.venues, self.symbol = seed, tuple(venues), symbol
        self.start_ns, self.span_ns, self.every_ns = start_ns, span_ns, every_ns
        self.levels, self.gaps = levels, tuple(gaps)

    def chunks(self) -> Iterator[RecordingChunk]:
        """Hour by hour, the venues in their order."""
        per_hour = _HOUR // self.every_ns
        total = -(-self.span_ns // self.every_ns)
        mid = _FIRST_PX
        trades = [0] * len(self.venues)
        for hour in range(-(-total // per_hour)):
            first = hour * per_hour
            count = min(per_hour, total - first)
            words = random_words(self.seed * 1_000_003 + hour, count)
            steps = (words % np.uint64(21)).astype(np.int64) - 10
            mids = np.maximum(mid + np.cumsum(steps) * _TICK, 1000 * _TICK * self.levels)
            for v, venue in enumerate(self.venues):
                salt = (self.seed + 1) * 7_919 + hour * 64 + v
                rows = self._snapshots(first, mids, salt)
                prints = self._trades(rows, salt, trades[v])
                trades[v] += len(prints)
                yield self._cut(venue, self.start_ns + first * self.every_ns, rows, prints)
            mid = int(mids[-1])

    def _snapshots(self, first: int, mids: NDArray[np.int64], salt: int) -> NDArray[Any]:
        count, levels = len(mids), self.levels
        words = random_words(salt << 20, count * levels).reshape(count, levels)
        rows = np.zeros(count, snapshot_dtype(levels))
        at = self.start_ns + (first + np.arange(count)) * self.every_ns
        rows["ts_event_ns"] = at + (words[:, 0] % np.uint64(self.every_ns // 4)).astype(np.int64)
        delay = 1_000_000 + (words[:, -1] >> np.uint64(40)) % np.uint64(20_000_000)
        rows["ts_recv_ns"] = rows["ts_event_ns"] + delay.astype(np.int64)
        rows["ts_recv_ns"] = np.maximum.accumulate(rows["ts_recv_ns"])
        rows["seq"] = first + 1 + np.arange(count)
        steps = 1 + (words >> np.uint64(8)) % np.uint64(3)
        away = np.cumsum(steps.astype(np.int64), axis=1) * _TICK
        centre = (mids + (salt % 3 - 1) * _TICK)[:, None]
        rows["bid_px"], rows["ask_px"] = centre - away, centre + away
        rows["bid_qty"] = 100_000 + (words >> np.uint64(16)).astype(np.int64) % 500_000_000
        rows["ask_qty"] = 100_000 + (words >> np.uint64(32)).astype(np.int64) % 500_000_000
        return rows

    def _trades(self, rows: NDArray[Any], salt: int, before: int) -> NDArray[Any]:
        """None to three trades behind each snapshot, at its best prices."""
        words = random_words((salt << 20) + 77, len(rows))
        counts = (words % np.uint64(4)).astype(np.int64)
        which = np.repeat(np.arange(len(rows)), counts)
        more = random_words((salt << 20) + 78, len(which))
        out = np.zeros(len(which), PRINTS)
        room = np.uint64(max(1, self.every_ns // 2))
        out["ts_event_ns"] = rows["ts_event_ns"][which] + (more % room).astype(np.int64)
        out["ts_event_ns"].sort()
        out["ts_recv_ns"] = out["ts_event_ns"] + 1_000_000 + (more >> np.uint64(44)).astype(int)
        out["ts_recv_ns"] = np.maximum.accumulate(out["ts_recv_ns"])
        buys = (more >> np.uint64(63)) == 1
        out["px"] = np.where(buys, rows["ask_px"][which, 0], rows["bid_px"][which, 0])
        out["qty"] = 10_000 + (more >> np.uint64(20)).astype(np.int64) % 50_000_000
        out["side"] = np.where(buys, int(Side.BUY), int(Side.SELL))
        out["trade_id"] = before + 1 + np.arange(len(which))
        return out

    def _cut(
        self, venue: str, begin_ns: int, rows: NDArray[Any], prints: NDArray[Any]
    ) -> RecordingChunk:
        """Leave out what fell into gaps; the numbers go on, so that it shows."""
        for name, begin, end in self.gaps:
            if name != venue:
                continue
            low, high = self.start_ns + begin, self.start_ns + end
            rows = rows[(rows["ts_event_ns"] < low) | (rows["ts_event_ns"] >= high)]
            prints = prints[(prints["ts_event_ns"] < low) | (prints["ts_event_ns"] >= high)]
        return RecordingChunk(venue, self.symbol, begin_ns, rows, prints)


def snapshot_records(
    rows: NDArray[Any], *, instrument_id: int = 1, venue_id: int = int(Exchange.BINANCE)
) -> Slots:
    """Snapshots as book_level records, bids then asks of each; the last of one is flagged LAST."""
    levels = rows["bid_px"].shape[1]
    out = np.zeros((len(rows), 2, levels), DTYPES[Template.BOOK_LEVEL])
    out["block_length"], out["template_id"] = out.dtype.itemsize - 8, int(Template.BOOK_LEVEL)
    out["schema_id"], out["version"] = SCHEMA_ID, SCHEMA_VERSION
    out["instrument_id"], out["venue_id"] = instrument_id, venue_id
    for name in ("ts_event_ns", "ts_recv_ns", "seq"):
        out[name] = rows[name][:, None, None]
    for k, side in enumerate(("bid", "ask")):
        out["side"][:, k] = int(Side.BUY if side == "bid" else Side.SELL)
        out["px"][:, k], out["qty"][:, k] = rows[f"{side}_px"], rows[f"{side}_qty"]
    out["flags"] = int(MarketFlag.SNAPSHOT)
    out["flags"][:, 1, -1] = int(MarketFlag.SNAPSHOT | MarketFlag.LAST)
    return out.reshape(-1).view(np.uint8)
