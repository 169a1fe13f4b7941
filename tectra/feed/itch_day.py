"""A whole synthetic ITCH 5.0 day of thousands of symbols: every message type, auctions, halts,
pauses, an offering, at millions of messages.

The small day of tectra.feed.synthetic is made order by order in Python; this one by FlowGenerator,
in memory that does not grow with the number of messages. Equal arguments give equal bytes.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from pathlib import Path

import numpy as np

from tectra.core.errors import InputError, StoppedError
from tectra.core.rng import Random
from tectra.core.stop import stop_requested
from tectra.feed.flow_gen import FlowGenerator, Regime
from tectra.feed.itch_encode import ItchWriter, Value, encode
from tectra.feed.synthetic import SYMBOLS
from tectra.feed.trade_date import to_date

__all__ = ["PROFILES", "MarketDay", "make_symbols", "write_market_day"]

_SECOND = 1_000_000_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_OPEN, _CLOSE = 9 * _HOUR + 30 * _MINUTE, 16 * _HOUR
_MPIDS = ("VIRT", "CDRG", "JPMS", "NSDQ")
_MESSAGES_MAX = 2_000_000_000
_NOII_SHARE = 90  # one imbalance notice in so many messages
PROFILES = ("regular", "stress")

Progress = Callable[[int, int], None]


@dataclass
class MarketDay:
    """What write_market_day wrote."""

    path: Path
    messages: int = 0
    symbols: int = 0
    sha256: str = ""
    """Of the messages with their prefixes, before compression."""
    by_type: dict[str, int] = field(default_factory=dict)
    halted: dict[str, list[str]] = field(default_factory=dict)
    """Symbols by the reason code that stopped them."""


def make_symbols(count: int) -> tuple[str, ...]:
    """`count` symbols: the known ones of the small day, then AAAA, AAAB, ..."""
    if not 1 <= count <= 20_000:
        raise InputError(f"symbols: found {count}; allowed: 1 to 20,000")
    out = list(SYMBOLS[:count])
    known = set(out)
    number = 0
    while len(out) < count:
        letters = "".join(chr(65 + number // 26**k % 26) for k in (3, 2, 1, 0))
        number += 1
        if letters not in known:
            out.append(letters)
    return tuple(out)


def _rate(minute: int) -> float:
    """Messages of a minute of the day against those of a quiet one at noon: peaks at both ends of
    trading, little around it.
    """
    at = minute * _MINUTE
    if at < 4 * _HOUR or at >= 16 * _HOUR + 30 * _MINUTE:
        return 0.0
    if at < _OPEN:
        return 0.05 + 0.6 * max(0.0, (at - 9 * _HOUR) / (_OPEN - 9 * _HOUR))
    if at >= _CLOSE:
        return 0.1
    x = 2.0 * (at - _OPEN) / (_CLOSE - _OPEN) - 1.0
    burst = 2.0 if at < _OPEN + 5 * _MINUTE or at >= _CLOSE - 5 * _MINUTE else 0.0
    return 1.0 + 2.0 * x * x * x * x + burst


class _Writer:
    """One day: flow by minutes, and what happens at its times."""

    def __init__(
        self, out: ItchWriter, seed: int, symbols: Sequence[str], messages: int, profile: str
    ) -> None:
        self.out = out
        self.rng = Random(seed).spawn(1)
        self.budget = messages
        self.symbols = tuple(symbols)
        self.digest = hashlib.sha256()
        count = len(symbols)
        orders = min(48, max(4, messages // (count * 12)))
        ticks = [
            min(400_000, max(300, int(5000 * (1.0 + self.rng.exponential(2.0))))) for _ in symbols
        ]
        calm = Regime(orders=orders)
        wild = calm._replace(reach=60_000, half=48, take=40)
        regimes = [calm, wild]
        self.gen = FlowGenerator(symbols, ticks, regimes, seed=seed, start_ns=3 * _HOUR)
        self.heap: list[tuple[int, int, Callable[[], None]]] = []
        self.planned = 0
        self.noii_at = 0
        self.broken: list[tuple[int, int]] = []
        self.halted: dict[str, list[str]] = {}
        self.stopped: set[int] = set()
        self.stress = profile == "stress"
        self.luld = 0

    # Writing.

    def put(self, data: "np.ndarray[tuple[int], np.dtype[np.uint8]]", messages: int) -> None:
        raw = data.tobytes()
        self.digest.update(raw)
        self.out.write_framed(raw, messages)

    def say(self, code: str, index: int, *body: Value) -> None:
        """One message about a symbol, or about the market (index -1)."""
        tracking = 0 if index < 0 else 2
        raw = encode(code, index + 1, self.gen.now_ns, *body, tracking_number=tracking)
        self.put(np.frombuffer(len(raw).to_bytes(2, "big") + raw, np.uint8), 1)
        self.gen.counted(code)

    def at(self, time_ns: int, action: Callable[[], None]) -> None:
        self.planned += 1
        heappush(self.heap, (time_ns, self.planned, action))

    def due(self, until_ns: int) -> None:
        """What is planned up to a time."""
        while self.heap and self.heap[0][0] <= until_ns:
            time_ns, _, action = heappop(self.heap)
            self.gen.advance(time_ns)
            action()

    def event(self, code: str, time_ns: int) -> None:
        self.at(time_ns, lambda: self.say("S", -1, code))

    # What is planned.

    def directory(self) -> None:
        body = ("Q", "N", 100, "N", "C", "Z", "P", "N")
        offering = {self.ipo, self.listing}
        self.say("S", -1, "O")
        for i, symbol in enumerate(self.symbols):
            flag = "Y" if i in offering else "N"
            self.say("R", i, symbol, *body, flag, "1" if i < 500 else "2", "N", 0, "N")
            self.say(
                "H", i, symbol, "H" if i in offering else "T", "", "IPO1" if flag == "Y" else ""
            )
            self.say("Y", i, symbol, "1" if i % 97 == 13 else "0")
        makers = 1 if len(self.symbols) * 8 > self.budget // 20 else 4
        for i, symbol in enumerate(self.symbols):
            for mpid in _MPIDS[:makers]:
                self.say("L", i, mpid, symbol, "Y", "N", "A")
        self.say("V", -1, *(level * 10**8 for level in (4185, 3915, 3600)))

    def plan(self) -> None:
        count = len(self.symbols)
        self.ipo, self.listing = count - 1, count - 2
        for i in {self.ipo, self.listing} - {-1, 0}:
            self.stop(i, "IPO1", say=False)
        for code, time_ns in (("S", 4 * _HOUR), ("Q", _OPEN), ("M", _CLOSE)):
            self.event(code, time_ns)
        self.at(_OPEN + 1, lambda: self.cross_all("O"))
        self.at(_CLOSE + 1, lambda: self.cross_all("C"))
        self.plan_notices(_OPEN - 5 * _MINUTE, _OPEN, "O")
        self.plan_notices(_CLOSE - 10 * _MINUTE, _CLOSE, "C")
        self.plan_offerings()
        rng, span = self.rng, _CLOSE - _OPEN
        for _ in range(1 + count // 200):
            i = rng.integers(0, max(1, count - 2))
            time_ns = _OPEN + 20 * _MINUTE + rng.integers(0, span - 60 * _MINUTE)
            self.at(time_ns, partial(self.trouble, i, rng.integers(0, 4)))
        for kind in (0, 1, 2):
            self.at(_OPEN + (40 + 30 * kind) * _MINUTE, partial(self.trouble, kind % count, kind))
        for _ in range(4 + count // 4):
            i, time_ns = rng.integers(0, count), _OPEN + rng.integers(0, span)
            self.at(time_ns, partial(self.say, "N", i, self.symbols[i], "ABSN"[i % 4]))
        for k in range(3):
            self.at(_OPEN + (k + 1) * span // 4, self.remember)
            self.at(_OPEN + (k + 1) * span // 4 + 90 * _SECOND, self.break_one)
        if self.stress:
            self.at(_OPEN + 2 * _HOUR, self.breaker)

    def plan_notices(self, begin: int, end: int, kind: str) -> None:
        """Every second, of as many symbols as the share of the day leaves to it."""
        rounds = (end - begin) // _SECOND
        each = self.budget // (2 * _NOII_SHARE * rounds)
        size = min(len(self.symbols), max(1, each))
        every = max(1, rounds * 2 * _NOII_SHARE // max(1, self.budget))
        for k in range(0, rounds, every):
            self.at(begin + k * _SECOND, lambda: self.notices(kind, size))

    def plan_offerings(self) -> None:
        """An offering that opens at a quarter to ten, and a direct listing at ten."""
        if self.ipo < 1 or self.listing < 1:
            return
        name, other = self.symbols[self.ipo], self.symbols[self.listing]
        release = (_OPEN + 15 * _MINUTE) // _SECOND
        px = int(self.gen.fair_px()[self.ipo]) // 100 * 100

        def listing() -> None:
            near = int(self.gen.fair_px()[self.listing]) // 100 * 100
            low, high = near * 9 // 10, near * 11 // 10
            self.say("O", self.listing, other, "Y", low, high, near, self.gen.now_ns, low, high)

        self.at(_OPEN + 5 * _MINUTE, lambda: self.say("K", self.ipo, name, release, "A", px))
        self.at(release * _SECOND, lambda: self.resume(self.ipo))
        for k in range(4):
            self.at(_OPEN + (26 + k) * _MINUTE, listing)
        self.at(_OPEN + 30 * _MINUTE, lambda: self.resume(self.listing))

    # What happens.

    def notices(self, kind: str, size: int) -> None:
        self.put(*self.gen.imbalances(kind, self.noii_at, size))
        self.noii_at = (self.noii_at + size) % len(self.symbols)

    def cross_all(self, kind: str) -> None:
        for i in range(len(self.symbols)):
            if i in self.stopped:
                continue
            self.gen.advance(self.gen.now_ns + 2_000)
            self.put(*self.gen.cross(i, kind))

    def stop(self, i: int, reason: str, *, state: str = "H", say: bool = True) -> bool:
        if i in self.stopped:
            return False
        self.stopped.add(i)
        self.gen.halt(i, True)
        self.halted.setdefault(reason, []).append(self.symbols[i])
        if say:
            self.say("H", i, self.symbols[i], state, "", reason)
        return True

    def resume(self, i: int) -> None:
        """Quotation first, then an auction, then trading."""
        if i not in self.stopped:
            return
        self.put(*self.gen.imbalances("H", i, 1))
        self.put(*self.gen.cross(i, "H"))
        self.stopped.discard(i)
        self.gen.halt(i, False)
        self.gen.set_regime(i, 0)
        self.say("H", i, self.symbols[i], "T", "", "")

    def trouble(self, i: int, kind: int) -> None:
        """News, a pause for volatility, or an operational halt of the market center."""
        now, name = self.gen.now_ns, self.symbols[i]
        if kind == 2:
            if self.stop(i, "operational", say=False):
                self.say("h", i, name, "Q", "H")

                def back() -> None:
                    self.say("h", i, name, "Q", "T")
                    self.stopped.discard(i)
                    self.gen.halt(i, False)

                self.at(now + 3 * _MINUTE, back)
            return
        self.gen.set_regime(i, 1)
        paused = kind != 0
        if not self.stop(i, "LUDP" if paused else "T1", state="P" if paused else "H"):
            return
        quote = now + (4 if paused else 9) * _MINUTE
        self.at(quote, lambda: self.quote_only(i, paused))
        self.at(now + (5 if paused else 10) * _MINUTE, lambda: self.resume(i))

    def quote_only(self, i: int, paused: bool) -> None:
        name, px = self.symbols[i], int(self.gen.fair_px()[i]) // 100 * 100
        if paused:
            self.say("J", i, name, px, px * 105 // 100, px * 95 // 100, 0)
        self.say("H", i, name, "Q", "", "LUDP" if paused else "T3")
        self.put(*self.gen.imbalances("H", i, 1))

    def breaker(self) -> None:
        """A market-wide breaker of level 1: fifteen minutes without a trade anywhere."""
        self.say("W", -1, "1")
        stopped = [i for i in range(len(self.symbols)) if self.stop(i, "MWC1")]

        def back() -> None:
            for i in stopped:
                self.resume(i)

        self.at(self.gen.now_ns + 15 * _MINUTE, back)

    def remember(self) -> None:
        locate, match = self.gen.last_hidden
        if match:
            self.broken.append((locate, match))

    def break_one(self) -> None:
        if self.broken:
            locate, match = self.broken.pop(0)
            self.say("B", locate - 1, match)

    # The day.

    def flow(self, until_ns: int, gap_ns: float) -> None:
        done = False
        while not done:
            data, messages, done = self.gen.run(until_ns, gap_ns)
            self.put(data, messages)

    def minutes(self) -> Iterator[int]:
        """Flow minute by minute, each with its share of what is left; yields the messages so far.

        Left out of the budget: one delete for each order that stands at the end, and the crosses.
        """
        rates = [_rate(m) for m in range(16 * 60 + 30)]
        left = 0.0
        for rate in rates:  # one by one: sum() of floats rounds otherwise since Python 3.12
            left += rate
        steps, made = 1, 1
        for minute in range(4 * 60, len(rates)):
            begin, end = minute * _MINUTE, (minute + 1) * _MINUTE
            reserve = self.gen.live_orders + 2 * len(self.symbols) * (minute * _MINUTE < _CLOSE)
            room = max(0, self.budget - self.gen.messages - reserve)
            wanted = max(1.0, room * rates[minute] / left * steps / made)
            left = max(left - rates[minute], 1e-9)
            before = self.gen.messages
            for time_ns in sorted({t for t, _, _ in self.heap if begin < t < end} | {end}):
                self.flow(min(time_ns, end), _MINUTE / wanted)
                self.due(min(time_ns, end))
            self.due(end)
            made, steps = made + self.gen.messages - before, steps + int(wanted)
            yield self.gen.messages

    def close(self) -> None:
        """After hours: whatever stands is deleted by eight o'clock."""
        begin = self.gen.now_ns
        gap = max(1, (19 * _HOUR + 55 * _MINUTE - begin) // (self.gen.live_orders + 1))
        done = False
        while not done:
            data, messages, done = self.gen.drain(gap)
            self.put(data, messages)
        for code, time_ns in (("E", 20 * _HOUR), ("C", 20 * _HOUR + 5 * _MINUTE)):
            self.gen.advance(time_ns)
            self.say("S", -1, code)


def write_market_day(
    path: str | Path,
    *,
    seed: int = 1,
    messages: int = 10_000_000,
    symbols: int | Sequence[str] = 8000,
    date: str = "2026-01-05",
    profile: str = "regular",
    progress: Progress | None = None,
) -> MarketDay:
    """Write a day of about `messages` messages (ITCH 5.0, BinaryFILE, gzip for .gz).

    It decodes strictly, builds books without a fault or a crossed top, and ends with empty books.
    Directory and closing take ten messages a symbol at least. `profile` "stress" adds a market-wide
    breaker (W), which no regular day has. Raises InputError, before anything is written.
    """
    name = f"{to_date(date):%m%d%Y}.NASDAQ_ITCH50"
    names = make_symbols(symbols) if isinstance(symbols, int) else tuple(symbols)
    if not names or len(set(names)) != len(names):
        raise InputError(f"symbols: found {len(names)}; wants at least one, each once")
    if profile not in PROFILES:
        raise InputError(f"profile: found {profile!r}; allowed: {', '.join(PROFILES)}")
    if not max(2000, 40 * len(names)) <= messages <= _MESSAGES_MAX:
        raise InputError(
            f"messages: found {messages} for {len(names)} symbols; allowed: "
            f"{max(2000, 40 * len(names))} to {_MESSAGES_MAX}"
        )
    with ItchWriter(path, level=1, name=name) as out:
        day = _Writer(out, seed, names, messages, profile)
        day.plan()
        day.directory()
        for done in day.minutes():
            if progress is not None:
                progress(done, messages)
            if stop_requested():
                raise StoppedError(f"{path}: stopped on request; nothing was written")
        day.close()
        day.digest.update(b"\0\0")
    return MarketDay(
        out.path, out.messages, len(names), day.digest.hexdigest(), day.gen.by_type, day.halted
    )
