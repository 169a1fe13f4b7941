"""Sources of bars one at a time: the interface, and what is common to all of them."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np

from tectra.core.bar import MarketData
from tectra.core.errors import CapacityError, InputError, StateError, UnknownSymbolError
from tectra.core.idle import Idle, IdlePolicy
from tectra.core.msg import DTYPES, SCHEMA_ID, SCHEMA_VERSION, BarKind, Template
from tectra.feed.protocol import Feed, Slots
from tectra.feed.source_quality import FeedQuality

__all__ = ["BarSource", "FeedSource", "MarketDataSource", "PushSource", "SourceFeed", "bar_record"]

_BAR = DTYPES[Template.BAR]


class MarketDataSource(ABC):
    """Gives MarketData one by one. One thread calls it; `connect` comes first."""

    @abstractmethod
    def connect(self) -> None:
        """Make ready. Raises InputError, FileFormatError, SystemCallError; twice is once."""

    @abstractmethod
    def subscribe(self, symbols: Sequence[str]) -> None:
        """Ask for these symbols only, from now on; UnknownSymbolError for one it does not have."""

    @abstractmethod
    def next_tick(self) -> MarketData | None:
        """The next bar: at once from history, when it is there from a live source; None at the
        end. StateError when not connected.
        """

    @abstractmethod
    def disconnect(self) -> None:
        """Give up what is held. May be called twice, and connect() again after it."""

    @abstractmethod
    def source_name(self) -> str:
        """Name for people and logs."""


class BarSource(MarketDataSource):
    """Subscription, state and quality counters; a source adds _take(), and _open() if it needs one.

    `symbols` are all that it has, None when any is allowed.
    """

    def __init__(self, name: str, symbols: Sequence[str] | None, *, interval_ns: int = 0) -> None:
        if symbols is not None and (not symbols or len(set(symbols)) != len(symbols)):
            raise InputError(f"{name}: symbols {list(symbols)}: wants at least one, each once")
        self._name = name
        self._symbols = None if symbols is None else tuple(symbols)
        self._wanted: frozenset[str] | None = None
        self._connected = False
        self.quality = FeedQuality(interval_ns=interval_ns)

    def _open(self) -> None:
        """Make ready."""

    def _shut(self) -> None:
        """Give up what is held."""

    @abstractmethod
    def _take(self) -> MarketData | None:
        """The next bar of any symbol."""

    def connect(self) -> None:
        """Make ready; twice is once."""
        if not self._connected:
            self._open()
            self._connected = True

    def subscribe(self, symbols: Sequence[str]) -> None:
        """Ask for these symbols only, from now on."""
        if isinstance(symbols, str) or not symbols:
            raise InputError(f"symbols: found {symbols!r}; allowed: a list such as ['AAPL']")
        missing = sorted(set(symbols) - set(symbols if self._symbols is None else self._symbols))
        if missing:
            raise UnknownSymbolError(
                f"{self._name} has no symbol {missing[0]!r}; allowed: "
                f"{', '.join(self._symbols or ())}"
            )
        self._wanted = frozenset(symbols)

    def next_tick(self) -> MarketData | None:
        """The next bar of a subscribed symbol; None at the end."""
        if not self._connected:
            raise StateError(f"{self._name} is not connected; call connect() first")
        while (bar := self._take()) is not None:
            if self._wanted is None or bar.symbol in self._wanted:
                self._hear(bar)
                return bar
        return None

    def _hear(self, bar: MarketData) -> None:
        self.quality.on_time(bar.symbol, bar.timestamp)

    def disconnect(self) -> None:
        """Give up what is held. May be called twice."""
        if self._connected:
            self._connected = False
            self._shut()

    def source_name(self) -> str:
        """Name for people and logs."""
        return self._name


class PushSource(BarSource):
    """The live kind: another thread pushes bars, next_tick() waits for them.

    The wait parks the thread; IdlePolicy.SPIN polls instead, for those who own the core. push() and
    end() may be called from one other thread.
    """

    def __init__(
        self,
        name: str = "push",
        symbols: Sequence[str] | None = None,
        *,
        capacity: int = 65536,
        idle: IdlePolicy = IdlePolicy.PARK,
        interval_ns: int = 0,
    ) -> None:
        super().__init__(name, symbols, interval_ns=interval_ns)
        if capacity < 1:
            raise InputError(f"capacity: found {capacity}; allowed: 1 or more")
        self.idle = Idle(idle)
        self._capacity = capacity
        self._queue: deque[tuple[MarketData, int | None, int | None]] = deque()
        self._over = False

    def push(
        self, bar: MarketData, *, seq: int | None = None, ts_recv_ns: int | None = None
    ) -> None:
        """Hand a bar over, with the venue's number and the receive time where they are known.

        CapacityError when the reader is `capacity` bars behind; the bar is not taken then.
        """
        if len(self._queue) >= self._capacity:
            raise CapacityError(f"{self._name}: {self._capacity} bars wait already; read faster")
        self._queue.append((bar, seq, ts_recv_ns))
        self.idle.wake()

    def end(self) -> None:
        """No more bars: next_tick() gives what waits, then None."""
        self._over = True
        self.idle.wake()

    def _take(self) -> MarketData | None:
        while self._await():
            bar, seq, recv_ns = self._queue.popleft()
            if seq is not None:
                self.quality.on_sequence(seq)
            try:
                bar.validate()
            except InputError:
                self.quality.on_invalid()
                continue
            self.quality.on_time(bar.symbol, bar.timestamp, recv_ns)
            return bar
        return None

    def _await(self) -> bool:
        """Wait for a bar; False at the end."""
        while True:
            # Read ahead of the queue: what was pushed before the end is in it then.
            over = self._over or not self._connected
            if self._queue:
                self.idle.reset()
                return True
            if over:
                return False
            self.idle.step(0)

    def _hear(self, bar: MarketData) -> None:
        """Counted where the receive time is known."""

    def _shut(self) -> None:
        self.idle.wake()


def bar_record(bars: Sequence[MarketData], ids: Mapping[str, int]) -> np.ndarray:
    """Bars as records: DTYPES[Template.BAR], one a bar, known at their close."""
    out = np.zeros(len(bars), _BAR)
    out["block_length"], out["template_id"] = _BAR.itemsize - 8, int(Template.BAR)
    out["schema_id"], out["version"] = SCHEMA_ID, SCHEMA_VERSION
    out["kind"] = int(BarKind.TIME)
    for row, bar in zip(out, bars, strict=True):
        if bar.volume >= 1 << 63:
            raise InputError(f"{bar.symbol}: volume {bar.volume} does not fit a record (2^63 - 1)")
        row["instrument_id"] = ids[bar.symbol]
        row["ts_event_ns"] = row["ts_recv_ns"] = bar.timestamp
        row["volume_qty"] = bar.volume
        for name in ("open", "high", "low", "close", "bid", "ask"):
            row[name] = getattr(bar, name)
    return out


class SourceFeed:
    """A source as a Feed of bar records: instrument ids count from 1 in the order of `symbols`.

    Connects and disconnects the source. A batch holds up to `max_slots // 2` bars of a source that
    gives them at once, one of a live source. Owned by one thread.
    """

    def __init__(
        self, source: MarketDataSource, symbols: Sequence[str], *, live: bool = False
    ) -> None:
        self.source = source
        self.ids = {symbol: number for number, symbol in enumerate(symbols, 1)}
        self._live = live
        source.connect()
        source.subscribe(list(symbols))

    @property
    def instruments(self) -> Mapping[int, str]:
        """Symbol by instrument id."""
        return {number: symbol for symbol, number in self.ids.items()}

    def next_batch(self, max_slots: int = 4096) -> Slots | None:
        """The next bars as slots, None at the end."""
        bars: list[MarketData] = []
        while len(bars) < (1 if self._live else max(1, max_slots // 2)):
            bar = self.source.next_tick()
            if bar is None:
                break
            bars.append(bar)
        return bar_record(bars, self.ids).view(np.uint8) if bars else None

    def close(self) -> None:
        """Disconnect the source."""
        self.source.disconnect()


class FeedSource(BarSource):
    """The bars of a record feed, one by one: bar records pass, everything else is skipped.

    With a BarFeed in front, any feed of ticks is a source. Owned by one thread.
    """

    def __init__(self, feed: Feed, *, name: str = "feed", qty_exponent: int = 0) -> None:
        super().__init__(name, None)
        self._feed = feed
        self._unit = 10.0**qty_exponent
        self._bars: deque[np.void] = deque()

    def _take(self) -> MarketData | None:
        while not self._bars:
            batch = self._feed.next_batch()
            if batch is None:
                return None
            self._bars.extend(_bars_of(batch))
        row = self._bars.popleft()
        number = int(row["instrument_id"])
        return MarketData(
            symbol=self._feed.instruments.get(number, str(number)),
            timestamp=int(row["ts_event_ns"]),
            open=float(row["open"]),
            high=float(row["high"]),
            low=float(row["low"]),
            close=float(row["close"]),
            volume=round(int(row["volume_qty"]) * self._unit),
            bid=float(row["bid"]),
            ask=float(row["ask"]),
        )

    def _shut(self) -> None:
        self._feed.close()


def _bars_of(batch: Slots) -> np.ndarray:
    """Bar records of a batch of whole records."""
    slots = np.ascontiguousarray(batch).reshape(-1, 64)
    kinds, sizes, at = slots.view("<u2")[:, 1], slots.view("<u2")[:, 0], 0
    found = []
    while at < len(slots):
        if kinds[at] == Template.BAR:
            found.append(at)
        at += (int(sizes[at]) + 8 + 63) // 64
    rows = np.concatenate([slots[found], slots[np.array(found, int) + 1]], axis=1)
    return np.ascontiguousarray(rows).reshape(-1).view(_BAR)
