"""One day of one instrument, from a seed, in the words of each engine.

An order-by-order flow is the source: ITCH 5.0 messages for an order-by-order engine; level totals
and prints for an engine of levels; best prices and prints for an engine of quotes. All describe the
same market in the same nanoseconds. Plain Python and NumPy: every environment imports it.
"""

import argparse
import random
import struct
from bisect import insort
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

SEED = 20250131
SYMBOL = b"PEER    "
LOCATE = 1
OPEN_NS = 34_200_000_000_000  # 09:30 after midnight
STEP_NS = 1_000_000  # mean time between messages
LIVE_ORDERS = 2_000
PX_TICK = 100  # one cent, in the feed's 1/10,000
PX_START = 10_000  # ticks

LEVEL = np.dtype([("ts", "<i8"), ("trade", "u1"), ("buy", "u1"), ("px", "<i8"), ("qty", "<i8")])
QUOTE = np.dtype(
    [("ts", "<i8"), ("bid", "<i8"), ("bid_qty", "<i8"), ("ask", "<i8"), ("ask_qty", "<i8")]
)


@dataclass
class Side:
    """One side of the book: totals by price, prices best first by sort key, orders in time."""

    buy: bool
    totals: dict[int, int] = field(default_factory=dict)
    queue: dict[int, dict[int, int]] = field(default_factory=dict)
    keys: list[int] = field(default_factory=list)

    def key(self, px: int) -> int:
        return -px if self.buy else px

    def best(self) -> int | None:
        return abs(self.keys[0]) if self.keys else None

    def add(self, px: int, ref: int, qty: int) -> None:
        if px not in self.totals:
            insort(self.keys, self.key(px))
            self.totals[px], self.queue[px] = 0, {}
        self.totals[px] += qty
        self.queue[px][ref] = qty

    def reduce(self, px: int, ref: int, qty: int) -> int:
        """Take qty off an order; what is left of it."""
        left = self.queue[px][ref] - qty
        self.totals[px] -= qty
        if left:
            self.queue[px][ref] = left
        else:
            del self.queue[px][ref]
        if not self.totals[px]:
            del self.totals[px], self.queue[px]
            self.keys.remove(self.key(px))
        return left


class Market:
    """Draws the flow and writes it down three times."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.bids, self.asks = Side(buy=True), Side(buy=False)
        self.live: list[tuple[Side, int, int]] = []
        self.place: dict[int, int] = {}
        self.fair = PX_START
        self.ref = 0
        self.match = 0
        self.ts = OPEN_NS
        self.itch = bytearray()
        self.levels: list[tuple[int, int, int, int, int]] = []
        self.quotes: list[tuple[int, int, int, int, int]] = []

    def frame(self, kind: bytes, body: bytes) -> None:
        head = struct.pack(">HHHI", LOCATE, 0, self.ts >> 32, self.ts & 0xFFFFFFFF)
        self.itch += struct.pack(">H", 1 + len(head) + len(body)) + kind + head + body

    def opening(self) -> None:
        self.frame(b"S", b"O")
        details = struct.pack(">8sssIss2ssssssIs", SYMBOL, b"Q", b"N", 100, b"N", b"C", b"Z ", b"P",
                              b"N", b"N", b"1", b"N", 0, b"N")  # fmt: skip
        self.frame(b"R", details)
        self.frame(b"H", struct.pack(">8sss4s", SYMBOL, b"T", b" ", b"    "))
        self.frame(b"S", b"Q")

    def forget(self, ref: int) -> None:
        at = self.place.pop(ref)
        last = self.live.pop()
        if at < len(self.live):
            self.live[at] = last
            self.place[last[2]] = at

    def add(self) -> None:
        rng = self.rng
        side, other = (self.bids, self.asks) if rng.random() < 0.5 else (self.asks, self.bids)
        away = 1 + min(60, int(rng.expovariate(0.15)))
        touch = other.best()
        px = self.fair - away if side.buy else self.fair + away
        if touch is not None:
            px = min(px, touch - 1) if side.buy else max(px, touch + 1)
        qty = 100 * rng.randint(1, 9)
        self.ref += 1
        side.add(px, self.ref, qty)
        self.place[self.ref] = len(self.live)
        self.live.append((side, px, self.ref))
        body = struct.pack(
            ">QsI8sI", self.ref, b"B" if side.buy else b"S", qty, SYMBOL, px * PX_TICK
        )
        self.frame(b"A", body)
        self.note(side, px)

    def leave(self) -> None:
        side, px, ref = self.live[self.rng.randrange(len(self.live))]
        resting = side.queue[px][ref]
        if resting > 100 and self.rng.random() < 0.1:
            side.reduce(px, ref, 100)
            self.frame(b"X", struct.pack(">QI", ref, 100))
        else:
            side.reduce(px, ref, resting)
            self.forget(ref)
            self.frame(b"D", struct.pack(">Q", ref))
        self.note(side, px)

    def execute(self, side: Side) -> None:
        px = side.best()
        if px is None or len(self.live) < LIVE_ORDERS // 4:
            self.add()
            return
        ref, resting = next(iter(side.queue[px].items()))
        qty = min(resting, 100 * self.rng.randint(1, 5))
        if not side.reduce(px, ref, qty):
            self.forget(ref)
        self.match += 1
        self.frame(b"E", struct.pack(">QIQ", ref, qty, self.match))
        self.levels.append((self.ts, 1, not side.buy, px, qty))
        self.note(side, px)

    def note(self, side: Side, px: int) -> None:
        self.levels.append((self.ts, 0, side.buy, px, side.totals.get(px, 0)))
        bid, ask = self.bids.best(), self.asks.best()
        if bid is not None and ask is not None:
            now = (bid, self.bids.totals[bid], ask, self.asks.totals[ask])
            if not self.quotes or self.quotes[-1][1:] != now:
                self.quotes.append((self.ts, *now))

    def step(self) -> None:
        rng = self.rng
        self.ts += 1 + int(rng.expovariate(1 / STEP_NS))
        draw = rng.random()
        if draw < 0.001:
            self.fair += rng.choice((-1, 1))
        bid, ask = self.bids.best(), self.asks.best()
        if ask is not None and ask <= self.fair:
            self.execute(self.asks)
        elif bid is not None and bid >= self.fair:
            self.execute(self.bids)
        elif draw < 0.05:
            self.execute(self.asks if rng.random() < 0.5 else self.bids)
        elif len(self.live) < LIVE_ORDERS * (0.9 + 0.2 * rng.random()):
            self.add()
        else:
            self.leave()


def make(folder: Path, messages: int, seed: int = SEED) -> dict[str, int]:
    """Write day.itch, levels.npy and quotes.npy; how many of each there are."""
    market = Market(seed)
    market.opening()
    for _ in range(messages):
        market.step()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "day.itch").write_bytes(market.itch)
    levels = np.array(market.levels, LEVEL)
    quotes = np.array(market.quotes, QUOTE)
    np.save(folder / "levels.npy", levels)
    np.save(folder / "quotes.npy", quotes)
    return {"messages": messages, "levels": len(levels), "quotes": len(quotes)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--messages", type=int, default=2_000_000)
    args = parser.parse_args()
    print(make(args.folder, args.messages))
