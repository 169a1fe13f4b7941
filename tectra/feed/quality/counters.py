"""Quality of a live feed on the counter page, where metrics and other processes read it."""

from collections.abc import Mapping

from tectra.core.counters import Counters
from tectra.feed.quality.validate import Validator

__all__ = ["QualityCounters"]

_GAPS = ("time_gap",)
_LOST = ("sequence_gap", "lost")
_REPLAYS = ("duplicate_sequence", "duplicate_trade", "duplicate_bar", "sequence_back")
_QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


class QualityCounters:
    """Puts the figures of a Validator on a page: NAME.records_total, .gap_total, .lost_total,
    .replay_total, .fault_total, .latency_ns_p50 and so on, .rate_p50 and so on (records a second),
    and for each of the first symbols .SYMBOL.spread_px_p50 and so on, .SYMBOL.crossed_ns and
    .SYMBOL.bid_depth_p50 and .ask_depth_p50 of the best level.

    Owner thread: the one that owns the Validator.
    """

    def __init__(self, page: Counters, name: str = "feed", *, symbols_max: int = 8) -> None:
        self._page, self._name, self._symbols_max = page, name, symbols_max
        self._index: dict[str, int] = {}

    def publish(self, validator: Validator, symbols: Mapping[int, str] | None = None) -> None:
        """Store what holds now. CapacityError when the page has no room for the names."""
        counts = dict(validator.findings.counts)
        for kind, n in validator.meter.watch.counts.items():
            counts[kind] = counts.get(kind, 0) + n
        meter = validator.meter
        self._set("records_total", meter.records)
        self._set("gap_total", sum(counts.get(kind, 0) for kind in _GAPS))
        self._set("lost_total", sum(counts.get(kind, 0) for kind in _LOST))
        self._set("replay_total", sum(counts.get(kind, 0) for kind in _REPLAYS))
        self._set("fault_total", sum(counts.get(k, 0) for k in validator.limits.fail_on))
        self._set("latency_ns_count", meter.latency.count)
        for word, q in _QUANTILES:
            self._set(f"latency_ns_{word}", meter.latency.quantile(q))
            self._set(f"rate_{word}", meter.rates.quantile(q))
        self._set("latency_ns_max", meter.latency.max)
        self._set("rate_max", meter.rates.max)
        known = symbols or {}
        for at in range(min(len(meter.watch), self._symbols_max)):
            number, _, states, spread, depth, _ = meter.watch.instrument(at)
            if not number:
                continue
            symbol = known.get(number, str(number))
            for word, q in _QUANTILES:
                self._set(f"{symbol}.spread_px_{word}", spread.quantile(q))
            self._set(f"{symbol}.crossed_ns", states.get(8, 0))
            self._set(f"{symbol}.bid_depth_p50", depth[0].quantile(0.5))
            self._set(f"{symbol}.ask_depth_p50", depth[len(depth) // 2].quantile(0.5))

    def _set(self, name: str, value: int) -> None:
        index = self._index.get(name)
        if index is None:
            index = self._index[name] = self._page.claim(f"{self._name}.{name}")
        self._page.set(index, value)
