"""Figures of a stream of market data: spreads, rates, depth, latency, how long books were sound.
Streaming, in bounded memory: histograms with a stated error, sums exact.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tectra.core.hist import Histogram
from tectra.feed.quality.book_watch import LEVELS, BookWatch
from tectra.feed.quality.columns import Columns
from tectra.feed.quality.report import (
    DepthFigures,
    Percentiles,
    QualityReport,
    RateFigures,
    SeriesFigures,
    SymbolFigures,
)
from tectra.refdata.instrument import Instrument

__all__ = ["QualityMeter"]

_NS = 1_000_000_000
_SYMBOLS_MAX = 256
_STATES = {1: "no_bid", 2: "no_ask", 3: "empty", 4: "locked", 8: "crossed", 0: "two_sided"}


class QualityMeter:
    """Figures of one stream. One owner thread.

    Per second rates count records by the second of their receipt; seconds without any count as 0.
    The first 256 instruments have figures of their own, all others share one row, "others".
    """

    def __init__(self, listed_max: int = 100) -> None:
        self.watch = BookWatch(_SYMBOLS_MAX, listed_max)
        self.latency = Histogram(10, 62)
        self.rates = Histogram(10, 40)
        self.negative_latency = 0
        self.records = 0
        self.first_ns = self.last_ns = 0
        self._second: int | None = None
        self._in_second = 0
        self._event_last_ns = 0

    def update(self, batch: Columns) -> None:
        """The records of a batch."""
        rows = batch.rows
        self.watch.update(batch.slots, rows, batch.index, batch.first_row)
        both = (rows.ts_event_ns > 0) & (rows.ts_recv_ns > 0)
        latency = rows.ts_recv_ns[both] - rows.ts_event_ns[both]
        self.negative_latency += int(np.count_nonzero(latency < 0))
        self.latency.record_many(latency[latency >= 0])
        times = np.where(rows.ts_recv_ns > 0, rows.ts_recv_ns, rows.ts_event_ns)
        if not self.records:
            self.first_ns = int(times[0])
        self.records += len(times)
        self.last_ns = max(self.last_ns, int(times.max()))
        self._event_last_ns = max(self._event_last_ns, int(rows.ts_event_ns.max()))
        self._seconds(times // _NS)

    def _seconds(self, seconds: NDArray[np.int64]) -> None:
        """Records by second. One that goes back counts where the stream was."""
        start = int(seconds[0]) if self._second is None else self._second
        seconds = np.maximum.accumulate(np.maximum(seconds, start))
        if self._second is None:
            self._second = start
        changes = np.flatnonzero(np.diff(seconds, prepend=start))
        if not len(changes):
            self._in_second += len(seconds)
            return
        self._close_second(self._in_second + int(changes[0]), int(seconds[changes[0]]))
        if len(changes) > 1:
            self.rates.record_many(np.diff(changes))
            empty = int((np.diff(seconds[changes]) - 1).sum())
            if empty:
                self.rates.record_n(0, empty)
        self._second, self._in_second = int(seconds[-1]), len(seconds) - int(changes[-1])

    def _close_second(self, count: int, following: int) -> None:
        self.rates.record(count)
        empty = following - (self._second or 0) - 1
        if empty > 0:
            self.rates.record_n(0, empty)

    def finish(
        self, name: str, symbols: Mapping[int, str], definitions: Mapping[int, Instrument]
    ) -> QualityReport:
        """The report; the stream has ended."""
        if self._second is not None and self._in_second:
            self.rates.record(self._in_second)
            self._in_second = 0
        self.watch.finish(self._event_last_ns)
        start, width, counts, spread = self.watch.series()
        return QualityReport(
            file=name,
            records=self.records,
            first_ns=self.first_ns,
            last_ns=self.last_ns,
            rate=RateFigures(
                mean=self.rates.mean,
                per_second=_percentiles(self.rates),
                error=2.0**-10,
            ),
            latency_ns=_percentiles(self.latency),
            latency_below_0=self.negative_latency,
            symbols=self._symbols(symbols, definitions),
            series=SeriesFigures(
                start_ns=start,
                width_ns=width,
                records=[int(n) for n in counts],
                spread_bp=[None if np.isnan(s) else float(s) for s in spread],
            ),
        )

    def _symbols(
        self, symbols: Mapping[int, str], definitions: Mapping[int, Instrument]
    ) -> list[SymbolFigures]:
        out: list[SymbolFigures] = []
        rest: SymbolFigures | None = None
        for at in range(len(self.watch)):
            number, updates, states, spread, depth, detailed = self.watch.instrument(at)
            if not updates or not number:
                continue
            symbol = symbols.get(number, str(number)) if detailed else "others"
            definition = definitions.get(number) if detailed else None
            if not detailed and rest is not None:
                updates += rest.updates
                states = {s: states.get(s, 0) + rest.state_ns.get(n, 0) for s, n in _STATES.items()}
            total = sum(states.values())
            held = {name: states.get(state, 0) for state, name in _STATES.items()}
            figures = SymbolFigures(
                symbol=symbol,
                updates=updates,
                state_ns=held,
                state_share={n: ns / total if total else 0.0 for n, ns in held.items()},
                spread_px=_percentiles(spread),
                px_exponent=None if definition is None else definition.px_exponent,
                qty_exponent=None if definition is None else definition.qty_exponent,
                bid_depth=[_depth(h) for h in depth[:LEVELS]],
                ask_depth=[_depth(h) for h in depth[LEVELS:]],
            )  # fmt: skip
            if detailed:
                out.append(figures)
            else:
                rest = figures
        return out if rest is None else [*out, rest]


def _percentiles(h: Histogram) -> Percentiles:
    p1, p5, p25, p50, p75, p95, p99, p999 = h.quantiles(
        (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
    )
    return Percentiles(
        count=h.count, min=h.min, p1=p1, p5=p5, p25=p25, p50=p50, p75=p75, p95=p95, p99=p99,
        p999=p999, max=h.max, mean=h.mean,
    )  # fmt: skip


def _depth(h: Histogram) -> DepthFigures:
    p5, p50, p95 = h.quantiles((0.05, 0.5, 0.95))
    return DepthFigures(samples=h.count, p5=p5, p50=p50, p95=p95, mean=h.mean)
