"""Prices and quantities: sizes, ticks, prices that stand alone, bars."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tectra.core.msg import DTYPES, BarKind, MarketFlag, Template
from tectra.feed.batch import gather
from tectra.feed.quality.columns import Columns, Last
from tectra.feed.quality.finding import Findings, ValidationLimits

__all__ = ["ValueCheck"]

_PX, _QTY = 6, 7
_BID_PX, _BID_QTY, _ASK_PX, _ASK_QTY = 6, 7, 8, 9
_ADDS = (Template.BOOK_ADD, Template.BOOK_ADD_ATTRIBUTED, Template.BOOK_REPLACE)
_TAKES = (Template.BOOK_EXECUTE, Template.BOOK_EXECUTE_PRICED, Template.BOOK_CANCEL)
_PRICED = (*map(int, _ADDS), int(Template.BOOK_LEVEL))
_SIDES = (("bid", _BID_PX, _BID_QTY), ("ask", _ASK_PX, _ASK_QTY))
_AROUND = 2


class ValueCheck:
    """Checks of one stream of records. One owner thread."""

    def __init__(self, findings: Findings, limits: ValidationLimits) -> None:
        self._findings, self._limits = findings, limits
        self._ticks = np.zeros(64, np.int64)
        self._bar_times = Last()
        self._bar_streams: dict[tuple[int, int], int] = {}
        self._near: dict[tuple[int, int], list[tuple[float, int, int, int]]] = {}
        self.missing_bars = 0

    def set_ticks(self, ticks: Mapping[int, int]) -> None:
        """Ticks by dense number of the instrument; 0 and 1 check nothing."""
        grown = np.zeros(max(len(self._ticks), max(ticks, default=0) + 1), np.int64)
        grown[: len(self._ticks)] = self._ticks
        for number, tick in ticks.items():
            grown[number] = tick
        self._ticks = grown

    def update(self, batch: Columns) -> None:
        """The records of a batch."""
        self._sizes(batch)
        self._tick_grid(batch)
        trades = batch.of(int(Template.TRADE))
        if len(trades):
            odd = int(MarketFlag.CROSS) | int(MarketFlag.BROKEN)
            trades = trades[(batch.flags[trades] & odd) == 0]
            prices = batch.word(_PX, trades).astype(np.float64)
            self._outliers(batch, trades, prices)
        bars = batch.of(int(Template.BAR))
        if len(bars):
            self._bars(batch, bars)

    def _tell(self, kind: str, batch: Columns, at: int, text: str) -> None:
        rows = batch.rows
        number, time_ns = int(rows.instrument_id[at]), int(rows.ts_event_ns[at])
        self._findings.add(kind, batch.row(at), time_ns, number, text)

    def _sizes(self, batch: Columns) -> None:
        at = batch.of(*map(int, (*_ADDS, *_TAKES)))
        qty = batch.word(_QTY, at)
        for i in np.flatnonzero(qty <= 0).tolist():
            self._tell("size", batch, int(at[i]), f"quantity {qty[i]}")
        at = batch.of(int(Template.BOOK_LEVEL))
        qty = batch.word(_QTY, at)
        for i in np.flatnonzero(qty < 0).tolist():
            self._tell("size", batch, int(at[i]), f"quantity {qty[i]} of a level")
        at = batch.of(int(Template.TRADE))
        at = at[(batch.flags[at] & int(MarketFlag.BROKEN)) == 0]
        qty = batch.word(_QTY, at)
        # An auction in which nothing traded is told as a cross of 0.
        empty = (qty == 0) & ((batch.flags[at] & int(MarketFlag.CROSS)) == 0)
        for i in np.flatnonzero((qty < 0) | empty).tolist():
            self._tell("size", batch, int(at[i]), f"quantity {qty[i]} traded")
        at = batch.of(int(Template.QUOTE))
        for side, _, word in _SIDES:
            qty = batch.word(word, at)
            for i in np.flatnonzero(qty < 0).tolist():
                self._tell("size", batch, int(at[i]), f"{side} quantity {qty[i]}")

    def _tick_grid(self, batch: Columns) -> None:
        if not self._ticks.any():
            return
        if batch.index.max() >= len(self._ticks):
            self.set_ticks({int(batch.index.max()): 0})
        quotes = batch.of(int(Template.QUOTE))
        groups = [("price", batch.of(*_PRICED), _PX, _QTY)]
        groups += [(f"{side} price", quotes, px, qty) for side, px, qty in _SIDES]
        for name, at, px_word, qty_word in groups:
            tick = np.maximum(self._ticks[batch.index[at]], 1)
            px = batch.word(px_word, at)
            off = (px % tick != 0) & (batch.word(qty_word, at) > 0)
            for i in np.flatnonzero(off).tolist():
                self._tell("off_tick", batch, int(at[i]), f"{name} {px[i]}, tick {tick[i]}")

    # ---- values that stand alone ----

    def _outliers(self, batch: Columns, at: NDArray[np.intp], values: NDArray[np.float64]) -> None:
        """Each value against the median of it, two before and two behind, instrument by
        instrument. The last two of a batch wait for the next.
        """
        index = batch.index[at]
        order = np.argsort(index, kind="stable")
        cuts = np.flatnonzero(np.diff(index[order])) + 1
        for part in np.split(order, cuts):
            if not len(part):
                continue
            kind = int(batch.rows.template_id[at[part[0]]])
            key = (kind, int(index[part[0]]))
            rows, times = at[part] + batch.first_row, batch.rows.ts_event_ns[at[part]]
            ids = batch.rows.instrument_id[at[part]]
            fresh = zip(
                values[part].tolist(), rows.tolist(), times.tolist(), ids.tolist(), strict=True
            )
            line = [*self._near.get(key, ()), *fresh]
            self._spikes(line)
            self._near[key] = line[-2 * _AROUND :]

    def _spikes(self, line: list[tuple[float, int, int, int]]) -> None:
        if len(line) < 2 * _AROUND + 1:
            return
        values = np.array([entry[0] for entry in line])
        windows = np.lib.stride_tricks.sliding_window_view(values, 2 * _AROUND + 1)
        middle = np.median(windows, axis=1)
        own = values[_AROUND : len(values) - _AROUND]
        far = np.abs(own - middle) > self._limits.outlier_share * np.abs(middle)
        for i in np.flatnonzero(far).tolist():
            value, row, time_ns, number = line[i + _AROUND]
            text = f"{value:g} where its neighbors are at {middle[i]:g}"
            self._findings.add("outlier", row, time_ns, number, text)

    # ---- bars ----

    def _streams(self, index: NDArray[np.uint32], interval: NDArray[np.int64]) -> NDArray[np.int64]:
        """A number for each instrument and interval."""
        known = self._bar_streams
        pairs = zip(index.tolist(), interval.tolist(), strict=True)
        return np.array([known.setdefault(pair, len(known)) for pair in pairs], np.int64)

    def _bars(self, batch: Columns, at: NDArray[np.intp]) -> None:
        bars = gather(batch.slots, batch.rows.slot[at]).view(DTYPES[Template.BAR])
        low, high = bars["low"], bars["high"]
        inner = np.stack([bars["open"], bars["close"]])
        sound = np.isfinite(inner).all(axis=0) & np.isfinite(low) & np.isfinite(high)
        sound &= (low > 0) & (low <= inner.min(axis=0)) & (inner.max(axis=0) <= high)
        sound &= bars["volume_qty"] >= 0
        for i in np.flatnonzero(~sound).tolist():
            bar = bars[i]
            text = f"open {bar['open']}, high {bar['high']}, low {bar['low']}, close {bar['close']}"
            self._tell("bar_shape", batch, int(at[i]), f"{text}, volume {bar['volume_qty']}")
        timed = np.flatnonzero((bars["kind"] == int(BarKind.TIME)) & (bars["interval"] > 0))
        times, interval = bars["ts_event_ns"][timed].astype(np.int64), bars["interval"][timed]
        stream = self._streams(batch.index[at[timed]], interval)
        before = self._bar_times.before(stream, np.ascontiguousarray(times))
        known = before != self._bar_times.none
        step = np.where(known, times - np.where(known, before, 0), interval)
        for i in np.flatnonzero(known & (step == 0)).tolist():
            self._tell("duplicate_bar", batch, int(at[timed[i]]), f"close time {times[i]} again")
        for i in np.flatnonzero(step > interval).tolist():
            count = int(-(-step[i] // interval[i])) - 1
            self.missing_bars += count
            text = f"{count} missing ahead of {times[i]}"
            self._tell("missing_bar", batch, int(at[timed[i]]), text)
        self._outliers(batch, at, bars["close"].astype(np.float64))
