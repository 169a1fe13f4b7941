"""Synthetic ITCH 5.0: a whole trading day with consistent books, and fast byte streams.

    python -m tectra.feed.synthetic data/sample.itch.gz --seed 1

writes the day that ships with tectra. The same seed gives the same messages everywhere.
"""

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tectra.core.errors import InputError
from tectra.feed.itch_encode import ItchWriter, Value
from tectra.feed.itch_wire import DTYPES, SIZES
from tectra.feed.synthetic_market import BUY, SELL, TICK, Dice, Order, SymbolMarket
from tectra.feed.trade_date import to_date

__all__ = ["DaySummary", "SYMBOLS", "generate_day", "generate_messages", "main", "random_words"]

SYMBOLS = ("AAPL", "MSFT", "NVDA", "AMD", "INTC", "QQQ")
_SECOND = 1_000_000_000
_MINUTE = 60 * _SECOND
_OPEN = (9 * 60 + 30) * _MINUTE
_CLOSE = 16 * 60 * _MINUTE
_MPIDS = ("VIRT", "CDRG", "JPMS", "NSDQ")
_LETTER = "BS"
_BOOK_MIN, _BOOK_MAX = 20, 160


@dataclass
class DaySummary:
    """What generate_day wrote."""

    path: Path
    messages: int = 0
    sha256: str = ""
    """Of the messages with their prefixes, before compression."""
    by_type: dict[str, int] = field(default_factory=dict)


class _Day:
    """Writes one day. Time only goes forward."""

    def __init__(self, out: ItchWriter, seed: int, symbols: Sequence[str]) -> None:
        self.out = out
        self.rng = Dice(seed)
        self.now = 3 * 60 * _MINUTE
        self.ref = 0
        self.match = 0
        self.hidden: list[tuple[int, int]] = []
        self.by_type: dict[str, int] = {}
        self.digest = hashlib.sha256()
        self.markets = [
            SymbolMarket(i, s, (20 + self.rng.below(300)) * 10_000, self.rng)
            for i, s in enumerate(symbols, 1)
        ]

    def say(self, code: str, locate: int, *body: Value) -> None:
        message = self.out.write(code, locate, self.now, *body, tracking_number=2 * bool(locate))
        self.digest.update(len(message).to_bytes(2, "big") + message)
        self.by_type[code] = self.by_type.get(code, 0) + 1

    def wait_until(self, time: int) -> None:
        self.now = max(self.now, time)

    def tick_on(self, mean_ns: int) -> None:
        self.now += 1 + self.rng.below(2 * mean_ns)

    def event(self, code: str, time: int) -> None:
        self.wait_until(time)
        self.say("S", 0, code)

    # Single messages and what they do to the book.

    def add(self, m: SymbolMarket, side: int) -> None:
        self.ref += 1 + self.rng.below(8)
        order = Order(self.ref, side, m.quote_px(side), m.size())
        m.add(order)
        body = (order.ref, _LETTER[side], order.qty, m.symbol, order.px)
        if self.rng.below(32) == 0:
            self.say("F", m.locate, *body, _MPIDS[self.rng.below(len(_MPIDS))])
        else:
            self.say("A", m.locate, *body)

    def delete(self, m: SymbolMarket, order: Order) -> None:
        m.remove(order)
        self.say("D", m.locate, order.ref)

    def cancel(self, m: SymbolMarket, order: Order) -> None:
        if order.qty < 2:
            self.delete(m, order)
            return
        shares = 1 + self.rng.below(order.qty - 1)
        order.qty -= shares
        self.say("X", m.locate, order.ref, shares)

    def replace(self, m: SymbolMarket, order: Order) -> None:
        m.remove(order)
        self.ref += 1 + self.rng.below(8)
        new = Order(self.ref, order.side, m.quote_px(order.side), m.size())
        m.add(new)
        self.say("U", m.locate, order.ref, new.ref, new.qty, new.px)

    def execute(self, m: SymbolMarket, order: Order, shares: int, px: int | None = None) -> None:
        """Trade `shares` of a resting order, at its own price or (C) at another."""
        self.match += 1
        order.qty -= shares
        if order.qty == 0:
            m.remove(order)
        if px is None:
            self.say("E", m.locate, order.ref, shares, self.match)
        else:
            printable = "N" if px != order.px else "Y"
            self.say("C", m.locate, order.ref, shares, self.match, printable, px)

    def take(self, m: SymbolMarket, buyer: int) -> None:
        """A marketable order: it eats the best level, and sometimes the next one."""
        other = SELL if buyer == BUY else BUY
        left = m.size() * (1 + self.rng.distance(3))
        limit = m.best(other)
        while left and m.count[other] > 1 and m.best(other) == limit:
            order = m.first(other)
            shares = min(left, order.qty)
            left -= shares
            self.execute(m, order, shares, order.px if self.rng.below(40) == 0 else None)
            self.now += 1 + self.rng.below(2000)

    def trade_hidden(self, m: SymbolMarket) -> None:
        """A trade with an order that nobody saw, inside the spread."""
        bid, ask = m.best(BUY), m.best(SELL)
        if not bid or not ask:
            return
        self.match += 1
        px = bid + self.rng.below((ask - bid) // (TICK // 2) + 1) * (TICK // 2)
        side = self.rng.below(2)
        self.hidden.append((m.locate, self.match))
        body = (self.ref + 1 if self.rng.below(2) else 0, _LETTER[side], m.size(), m.symbol, px)
        self.say("P", m.locate, *body, self.match)

    def step(self, m: SymbolMarket, *, trading: bool) -> None:
        """One thing happens to one symbol."""
        m.move()
        side = self.rng.below(2)
        if min(m.count) < _BOOK_MIN:
            self.add(m, BUY if m.count[BUY] <= m.count[SELL] else SELL)
            return
        aggressor = m.aggressor() if trading else None
        if aggressor is not None:
            # Quotes that the fair price has overtaken: most are pulled, some are hit first.
            other = SELL if aggressor == BUY else BUY
            if self.rng.below(8) == 0:
                self.take(m, aggressor)
            elif self.rng.below(2):
                self.replace(m, m.first(other))
            else:
                self.delete(m, m.first(other))
            return
        dice = self.rng.below(1000)
        if sum(m.count) > _BOOK_MAX or dice >= 560:
            self.delete(m, m.pick()) if dice < 960 else self.cancel(m, m.pick())
        elif dice < 435:
            self.add(m, side)
        elif dice < 510:
            self.replace(m, m.pick())
        elif not trading:
            self.add(m, side)
        elif dice < 545:
            self.take(m, side)
        else:
            self.trade_hidden(m)

    # The parts of the day.

    def directory(self) -> None:
        self.event("O", self.now)
        body = ("Q", "N", 100, "N", "C", "Z", "P", "N", "N", "1", "N", 0, "N")
        for m in self.markets:
            self.say("R", m.locate, m.symbol, *body)
        for m in self.markets:
            self.say("H", m.locate, m.symbol, "T", "", "")
        for m in self.markets:
            self.say("Y", m.locate, m.symbol, "0")
        for m in self.markets:
            for mpid in _MPIDS:
                self.say("L", m.locate, mpid, m.symbol, "Y", "N", "A")
        self.say("V", 0, *(p * 10**8 for p in (4185, 3915, 3600)))
        self.event("S", 4 * 60 * _MINUTE)

    def quote(self, m: SymbolMarket, until: int, mean_ns: int, *, trading: bool) -> None:
        """Nothing but orders of one symbol until a time."""
        while self.now < until:
            self.tick_on(mean_ns)
            self.step(m, trading=trading)

    def imbalance(self, kind: str) -> None:
        for m in self.markets:
            self.noii(m, kind)

    def noii(self, m: SymbolMarket, kind: str) -> None:
        paired, gap = 1000 * (1 + self.rng.below(500)), 100 * self.rng.below(300)
        side = "BS"[self.rng.below(2)] if gap else "N"
        px = m.best(BUY) or m.fair_px // TICK * TICK
        self.say("I", m.locate, paired, gap, side, m.symbol, px, px, px, kind, "L")

    def cross(self, m: SymbolMarket, kind: str) -> None:
        """An auction at the best bid: up to three resting buyers trade, the rest is unseen."""
        px = m.best(BUY)
        volume = 0
        for _ in range(3):
            if m.count[BUY] < 2 or m.best(BUY) < px - TICK:
                break
            order = m.first(BUY)
            volume += order.qty
            self.match += 1
            m.remove(order)
            body = (order.ref, order.qty, self.match, "N", px)
            self.say("C", m.locate, *body)
        self.match += 1
        volume += 100 * (10 + self.rng.below(2000))
        self.say("Q", m.locate, volume, m.symbol, px, self.match, kind)

    def before_open(self, messages: int) -> None:
        start = 9 * 60 * _MINUTE
        self.wait_until(start)
        mean = (_OPEN - start) // max(1, messages)
        notice = 9 * 60 * _MINUTE + 25 * _MINUTE
        while self.now < _OPEN - _SECOND:
            self.tick_on(mean)
            if self.now >= _OPEN:
                break
            if self.now >= notice:
                self.imbalance("O")
                notice += _SECOND if notice >= _OPEN - 2 * _MINUTE else 10 * _SECOND
            self.step(self.markets[self.rng.below(len(self.markets))], trading=False)
        self.event("Q", _OPEN)
        for m in self.markets:
            self.now += 1_000_000 + self.rng.below(50_000_000)
            self.cross(m, "O")

    def continuous(self, messages: int) -> None:
        """Half past nine to four, busiest at both ends; one symbol is halted for five minutes."""
        span = _CLOSE - _OPEN
        victim = self.markets[self.rng.below(len(self.markets))]
        halt = _OPEN + span // 4 + self.rng.below(span // 4)
        states = [(halt, "H", "T1"), (halt + 4 * _MINUTE, "Q", "T3"), (halt + 5 * _MINUTE, "T", "")]
        notice = _CLOSE - 10 * _MINUTE
        mean = span // max(1, messages)
        while True:
            x = 2 * (self.now - _OPEN) * 1000 // span - 1000
            # The mean gap is shortest where x is -1000 or 1000: the rate there is twice the day's.
            self.tick_on(mean * 2000 // (1000 + 3 * x * x // 1000))
            if self.now >= _CLOSE:
                return
            if states and self.now >= states[0][0]:
                _, state, reason = states.pop(0)
                self.trading_action(victim, state, reason)
            if self.now >= notice:
                self.imbalance("C")
                notice += _SECOND if notice >= _CLOSE - 5 * _MINUTE else 10 * _SECOND
            m = self.markets[self.rng.below(len(self.markets))]
            self.step(m, trading=not m.halted)

    def trading_action(self, m: SymbolMarket, state: str, reason: str) -> None:
        if state == "T":
            self.noii(m, "H")
            self.cross(m, "H")
        m.halted = state != "T"
        self.say("H", m.locate, m.symbol, state, "", reason)
        if state == "Q":
            self.noii(m, "H")

    def after_close(self) -> None:
        self.event("M", _CLOSE)
        for m in self.markets:
            self.now += 1_000_000 + self.rng.below(50_000_000)
            self.cross(m, "C")
        if self.hidden:
            locate, match = self.hidden[self.rng.below(len(self.hidden))]
            self.say("B", locate, match)
        for m in self.markets:
            while m.orders:
                self.tick_on(_SECOND // 4)
                self.delete(m, m.orders[-1])
        self.event("E", 20 * 60 * _MINUTE)
        self.event("C", 20 * 60 * _MINUTE + 5 * _MINUTE)


def generate_day(
    path: str | Path,
    seed: int = 1,
    symbols: Sequence[str] = SYMBOLS,
    messages: int = 250_000,
    date: str = "2026-01-05",
) -> DaySummary:
    """Write a synthetic day of about `messages` messages (ITCH 5.0, BinaryFILE, gzip for .gz).

    Books are consistent: nothing is executed, canceled or deleted that is not there, and no book is
    crossed. ITCH carries no date: it goes into the gzip header as the name of the file within, as
    gzip keeps original names, and ItchFeed finds it there. Raises InputError.
    """
    name = f"{to_date(date):%m%d%Y}.NASDAQ_ITCH50"
    if not symbols or len(set(symbols)) != len(symbols):
        raise InputError(f"symbols {list(symbols)}: wants at least one, each once")
    if not 2000 <= messages <= 100_000_000:
        raise InputError(f"messages {messages}: allowed are 2,000 to 100,000,000")
    with ItchWriter(path, level=9, name=name) as out:
        day = _Day(out, seed, symbols)
        day.directory()
        day.before_open(messages // 20)
        day.continuous(messages * 9 // 10)
        day.after_close()
        day.digest.update(b"\0\0")
    return DaySummary(out.path, out.messages, day.digest.hexdigest(), day.by_type)


# Types of a stream in the proportions of a trading day, in percent.
_MIX = "A" * 43 + "F" + "D" * 41 + "U" * 7 + "E" * 4 + "XXPI"


def random_words(seed: int, n: int) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """n words of splitmix64, all at once."""
    with np.errstate(over="ignore"):
        steps = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = steps + np.uint64(seed)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def generate_messages(n: int, seed: int = 1, locates: int = 8000) -> bytes:
    """n framed messages in the mix of a trading day, well-formed but of no consistent market.

    For throughput: about 3 million a second.
    """
    words = random_words(seed, n)
    codes = np.frombuffer(_MIX.encode(), np.uint8)[words % np.uint64(len(_MIX))]
    sizes = np.array([SIZES.get(chr(i), 0) for i in range(256)])[codes] + 2
    starts = np.concatenate(([0], np.cumsum(sizes)))
    out = np.empty(starts[-1], np.uint8)
    for code in sorted(set(_MIX)):
        where = np.flatnonzero(codes == ord(code))
        size = SIZES[code]
        rows = np.zeros(len(where), DTYPES[code])
        columns = rows.dtype.names or ()
        word = words[where]
        rows["message_type"] = code.encode()
        rows["stock_locate"] = 1 + (word >> np.uint64(20)) % np.uint64(locates)
        clock = np.uint64(_OPEN) + where.astype(np.uint64) * np.uint64(1000)
        rows["timestamp_high"] = clock >> np.uint64(32)
        rows["timestamp_low"] = clock & np.uint64(0xFFFFFFFF)
        for name in columns[5:]:
            width = rows.dtype[name].itemsize
            if rows.dtype[name].kind == "S":
                rows[name] = b"ZZZZ".ljust(width)[:width]
            else:
                rows[name] = (word >> np.uint64(24)) & np.uint64(0xFFFFFF)
        if "buy_sell_indicator" in columns:
            rows["buy_sell_indicator"] = np.where(word >> np.uint64(63), b"B", b"S")
        framed = np.empty((len(where), size + 2), np.uint8)
        framed[:, 0], framed[:, 1] = divmod(size, 256)
        framed[:, 2:] = rows.view(np.uint8).reshape(len(where), size)
        out[starts[where][:, None] + np.arange(size + 2)] = framed
    return out.tobytes()


def main(argv: Sequence[str] | None = None) -> int:
    """Command line: write one day and say what is in it."""
    parser = argparse.ArgumentParser(prog="python -m tectra.feed.synthetic", description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--messages", type=int, default=250_000)
    parser.add_argument("--symbols", default=",".join(SYMBOLS))
    args = parser.parse_args(argv)
    done = generate_day(args.path, args.seed, args.symbols.split(","), args.messages)
    print(f"{done.path}: {done.messages:,} messages, sha256 {done.sha256}")
    print("  ".join(f"{code} {n:,}" for code, n in sorted(done.by_type.items())))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
