"""tectra's side of the comparison: the same strategies, over day.itch of the same market."""

import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["measure_tectra"]

# What is measured: name -> (strategy, parameters, whether decoding the file is part of the time).
# The other engines hold their events in memory before the clock starts.
CASES: dict[str, tuple[str, Mapping[str, Any], bool]] = {
    "each event, compiled": ("tectra.strategy.sample.idle:Idle", {}, False),
    "the same from the file": ("tectra.strategy.sample.idle:Idle", {}, True),
    "market making, compiled": ("tectra.strategy.sample.requote:Requote", {}, False),
    "each event, Python": ("tectra.strategy.sample.watcher:Watcher", {}, False),
    "order each 100, Python": ("tectra.strategy.sample.steady:Steady", {"every": 100}, False),
}


class _Loaded:
    """A feed that was decoded before."""

    def __init__(self, feed: Any) -> None:
        self._batches: deque[Any] = deque()
        while (batch := feed.next_batch(4096)) is not None:
            self._batches.append(batch)
        self.instruments = dict(feed.instruments)

    def next_batch(self, _: int = 4096) -> Any:
        return self._batches.popleft() if self._batches else None


def measure_tectra(folder: Path) -> list[dict[str, object]]:
    """Rows {engine, strategy, events, ns, fills}, one for each case.

    Empty, with the reason on stderr, where tectra is not installed.
    """
    try:
        from tectra import (
            BacktestConfig,
            FeeConfig,
            LatencyConfig,
            RiskLimits,
            SimConfig,
            run_backtest,
        )
        from tectra.backtest.data import MarketData
        from tectra.feed.itch import ItchFeed
        from tectra.risk.limits import LimitScope
    except ImportError as error:
        print(f"tectra: skipped, {error}; install the checkout first", file=sys.stderr)
        return []
    latency = LatencyConfig(entry_ns=1_000_000, response_ns=1_000_000)
    limits = LimitScope(price_band_ppm=100_000, orders_per_second=1_000_000)
    config = BacktestConfig(
        limits=RiskLimits(default=limits, instruments={}),
        sim=SimConfig(latency=latency, fees=FeeConfig()),
        journal=False,
        sample_ns=1 << 62,
        latency_sample_shift=40,
        date="2025-01-31",
    )
    rows: list[dict[str, object]] = []
    for name, (strategy, params, from_file) in CASES.items():
        data: Any = folder / "day.itch"
        if not from_file:
            with ItchFeed(data, date="2025-01-31", venue_id=1) as feed:
                data = MarketData(_Loaded(feed), None)
        result = run_backtest(strategy=strategy, params=params, data=data, config=config)
        fills = sum(m.fills for m in result.strategies)
        rows.append(
            {
                "engine": "tectra",
                "strategy": name,
                "events": result.records,
                "ns": result.elapsed_ns,
                "fills": fills,
            }
        )
    return rows
