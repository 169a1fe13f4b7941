"""Sources that are not live: bars from files, from memory, and from a random walk."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tectra.core.bar import MarketData
from tectra.core.clock import Clock, LiveClock, SimClock
from tectra.core.errors import InputError
from tectra.core.idle import Idle, IdlePolicy
from tectra.core.rng import Random
from tectra.feed.bar_csv import read_bars
from tectra.feed.source import BarSource

__all__ = ["CSVFeed", "HistoricalDataSource", "SimulatedFeed"]

_TICK_NS = 100_000_000


class HistoricalDataSource(BarSource):
    """Bars of the past, at once or as time passes.

    With `simulate_realtime`, bar i comes when the clock says start_time + (t_i - t_0) / speed:
    every delay is counted from the start, so that none adds up. set_speed() takes over from where
    the replay stands. `start_time` is nanoseconds of `clock` (default: its time at the first bar).
    `wait(ns)` passes the time until the next bar; the default parks the thread. Owned by one
    thread.
    """

    def __init__(
        self,
        data: Sequence[MarketData],
        *,
        simulate_realtime: bool = False,
        speed_multiplier: float = 1.0,
        start_time: int | None = None,
        clock: Clock | None = None,
        wait: Callable[[int], object] | None = None,
        name: str = "historical",
    ) -> None:
        if not data:
            raise InputError(f"{name}: found no bar; allowed: at least one")
        super().__init__(name, list(dict.fromkeys(bar.symbol for bar in data)))
        back = next(
            (i for i in range(1, len(data)) if data[i].timestamp < data[i - 1].timestamp), 0
        )
        if back:
            raise InputError(f"{name}: bar {back} closes before bar {back - 1}; sort them by time")
        self.data = data
        self.current_index = 0
        self.simulate_realtime = simulate_realtime
        self.speed_multiplier = _speed(speed_multiplier)
        self.start_time = start_time
        self._clock = LiveClock() if clock is None else clock
        self._wait = wait or self._park
        self._anchor_ns: tuple[int, int] | None = None

    @classmethod
    def from_csv(
        cls, path: str | Path, *, read: Mapping[str, Any] | None = None, **how: Any
    ) -> Self:
        """Of a CSV file; `read` as read_bars() takes it (symbol, columns, stamp, interval_ns)."""
        return cls(read_bars(path, **(read or {})), **{"name": Path(path).name, **how})

    @classmethod
    def from_parquet(
        cls, path: str | Path, *, read: Mapping[str, Any] | None = None, **how: Any
    ) -> Self:
        """Of a Parquet file, as from_csv()."""
        if Path(path).suffix != ".parquet":
            raise InputError(f"{path}: found suffix {Path(path).suffix!r}; allowed: .parquet")
        return cls.from_csv(path, read=read, **how)

    def set_speed(self, speed_multiplier: float) -> None:
        """Go on `speed_multiplier` times as fast as the market did, from this moment."""
        speed = _speed(speed_multiplier)
        if self._anchor_ns is not None:
            clock_ns, market_ns = self._anchor_ns
            now_ns = self._clock.now_ns()
            passed = round((now_ns - clock_ns) * self.speed_multiplier)
            self._anchor_ns = now_ns, market_ns + passed
        self.speed_multiplier = speed

    def reset(self) -> None:
        """Begin again with the first bar."""
        self.current_index = 0
        self._anchor_ns = None

    def due_ns(self, bar: MarketData) -> int:
        """Time of the clock at which a bar comes."""
        if self._anchor_ns is None:
            if self.start_time is None:
                self.start_time = self._clock.now_ns()
            self._anchor_ns = self.start_time, self.data[0].timestamp
        clock_ns, market_ns = self._anchor_ns
        return clock_ns + round((bar.timestamp - market_ns) / self.speed_multiplier)

    def _take(self) -> MarketData | None:
        if self.current_index >= len(self.data):
            return None
        bar = self.data[self.current_index]
        wanted = self._wanted is None or bar.symbol in self._wanted
        while self.simulate_realtime and wanted:
            left_ns = self.due_ns(bar) - self._clock.now_ns()
            if left_ns <= 0:
                break
            self._wait(left_ns)
        self.current_index += 1
        return bar

    def _park(self, ns: int) -> None:
        """Let about `ns` pass, at most 20 ms at a time."""
        park_ns = max(1, min(ns, 20_000_000))
        idle = Idle(IdlePolicy.PARK, spins=0, yields=0, park_max_ns=park_ns)
        idle.step(0)


class CSVFeed(HistoricalDataSource):
    """Replays the bars of a CSV file. The file is read at connect(), so that a wrong one is refused
    there. `read` as read_bars() takes it.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        read: Mapping[str, Any] | None = None,
        simulate_realtime: bool = False,
        speed_multiplier: float = 1.0,
        clock: Clock | None = None,
        wait: Callable[[int], object] | None = None,
    ) -> None:
        super().__init__(
            read_bars(path, **(read or {})),
            simulate_realtime=simulate_realtime,
            speed_multiplier=speed_multiplier,
            clock=clock,
            wait=wait,
            name=f"csv:{Path(path).name}",
        )


class SimulatedFeed(BarSource):
    """A random walk: a bar of every symbol each 100 ms of virtual time, for ever or `ticks` times.

    The same seed gives the same bars everywhere. `clock` is moved to the time of each bar. A bar
    opens where the one before closed; `volatility` is the deviation of a tick's return. Owned by
    one thread.
    """

    def __init__(
        self,
        symbols: Sequence[str] = ("SIM",),
        *,
        seed: int = 1,
        ticks: int | None = None,
        start_ns: int = 1_767_571_200_000_000_000,
        interval_ns: int = _TICK_NS,
        start_price: float = 100.0,
        volatility: float = 1e-4,
        clock: SimClock | None = None,
    ) -> None:
        super().__init__("simulated", symbols, interval_ns=interval_ns)
        if interval_ns < 1 or (ticks is not None and ticks < 1):
            raise InputError(
                f"interval_ns, ticks: found {interval_ns}, {ticks}; allowed: 1 or more"
            )
        if not 0 < start_price < 1e9 or not 0 <= volatility < 0.1:
            raise InputError(
                f"start_price, volatility: found {start_price}, {volatility}; allowed: above 0 to "
                "1e9, 0 to 0.1"
            )
        self.clock = SimClock(start_ns) if clock is None else clock
        self._seed, self._ticks, self._start_ns = seed, ticks, start_ns
        self._interval_ns, self._volatility = interval_ns, volatility
        self._start_price = start_price
        self._reset()

    def _reset(self) -> None:
        count = len(self._symbols or ())
        self._rng = Random(self._seed)
        self._price = [self._start_price] * count
        self._done = 0

    def _open(self) -> None:
        self._reset()

    def _take(self) -> MarketData | None:
        symbols = self._symbols or ()
        tick, which = divmod(self._done, len(symbols))
        if self._ticks is not None and tick >= self._ticks:
            return None
        self._done += 1
        now_ns = self._start_ns + (tick + 1) * self._interval_ns
        self.clock.set(now_ns)
        return self._bar(symbols[which], which, now_ns)

    def _bar(self, symbol: str, which: int, now_ns: int) -> MarketData:
        rng, begin = self._rng, self._price[which]
        end = max(0.01, round(begin * (1.0 + rng.normal(0.0, self._volatility)), 2))
        reach = begin * self._volatility * rng.uniform()
        high, low = max(begin, end) + reach, max(0.01, min(begin, end) - reach)
        half = max(0.01, round(end * 1e-4, 2)) / 2
        self._price[which] = end
        return MarketData(
            symbol=symbol,
            timestamp=now_ns,
            open=begin,
            high=math.ceil(high * 100) / 100,
            low=math.floor(low * 100) / 100,
            close=end,
            volume=rng.integers(1, 1000),
            bid=max(0.005, end - half),
            ask=end + half,
        )


def _speed(value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"speed_multiplier: found {value}; allowed: above 0")
    return float(value)
