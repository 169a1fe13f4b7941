"""The market behind the synthetic day: one order book for each symbol, moved by seeded chance.

Integers only, so that one seed gives one day on every machine. Prices are ITCH prices (four implied
decimals); a tick is one cent. The fair price is a random walk held loosely to where it began; the
half spread reverts to its mean; orders lie around the fair price and never cross; whoever finds the
fair price beyond the other side's best trades there. So quotes follow the fair price with a lag,
and a strategy has something to find.
"""

from bisect import bisect_left, insort
from collections import deque

from tectra.core.rng import Random

__all__ = ["BUY", "SELL", "TICK", "Dice", "Order", "SymbolMarket"]

TICK = 100
BUY, SELL = 0, 1
_FAIR_SCALE = 256


class Dice:
    """Integers from the generator of tectra.core: equal seeds give equal numbers everywhere."""

    def __init__(self, seed: int) -> None:
        self._u64 = Random(seed).u64

    def below(self, n: int) -> int:
        """Uniform in 0 .. n - 1."""
        return (self._u64() * n) >> 64

    def distance(self, limit: int) -> int:
        """0, 1, 2, ... each half as likely as the one before, at most `limit`."""
        bits = self._u64() | 1 << limit
        return (bits & -bits).bit_length() - 1


class Order:
    """A resting order. `slot` is its place in the list that random picks are made from."""

    __slots__ = ("px", "qty", "ref", "side", "slot")

    def __init__(self, ref: int, side: int, px: int, qty: int) -> None:
        self.ref = ref
        self.side = side
        self.px = px
        self.qty = qty
        self.slot = 0


class SymbolMarket:
    """Book, fair price and spread of one symbol."""

    def __init__(self, locate: int, symbol: str, px: int, rng: Dice) -> None:
        self.locate = locate
        self.symbol = symbol
        self.rng = rng
        self.start = self.fair = px * _FAIR_SCALE
        self.half = 3 * TICK
        self.orders: list[Order] = []
        self.levels: tuple[dict[int, deque[Order]], dict[int, deque[Order]]] = ({}, {})
        self.prices: tuple[list[int], list[int]] = ([], [])
        self.count = [0, 0]
        self.halted = False

    def move(self) -> None:
        """One step of the fair price and of the half spread."""
        rng = self.rng
        reach = self.start // 30_000
        self.fair += rng.below(2 * reach + 1) - reach - (self.fair - self.start) // 20000
        mean = 2 * TICK + self.start // _FAIR_SCALE // 12_000
        self.half += rng.below(61) - 30 - (self.half - mean) // 16
        self.half = max(TICK // 2, self.half)

    @property
    def fair_px(self) -> int:
        return self.fair // _FAIR_SCALE

    def best(self, side: int) -> int:
        """Best price of a side, 0 when it is empty."""
        prices = self.prices[side]
        return 0 if not prices else prices[-1] if side == BUY else prices[0]

    def quote_px(self, side: int) -> int:
        """A price for a new order: around the fair price, never across the book."""
        away = self.half + TICK * self.rng.distance(12)
        if side == BUY:
            px = (self.fair_px - away) // TICK * TICK
            ask = self.best(SELL)
            px = min(px, ask - TICK) if ask else px
        else:
            px = -((-self.fair_px - away) // TICK) * TICK
            px = max(px, self.best(BUY) + TICK)
        return max(TICK, px)

    def size(self) -> int:
        """Shares of a new order: mostly round lots, some odd."""
        rng = self.rng
        if rng.below(5) == 0:
            return 1 + rng.below(250)
        return 100 * (1 + rng.distance(4) + rng.below(3))

    def add(self, order: Order) -> None:
        """Put an order at the tail of its level."""
        level = self.levels[order.side].get(order.px)
        if level is None:
            level = self.levels[order.side][order.px] = deque()
            insort(self.prices[order.side], order.px)
        level.append(order)
        order.slot = len(self.orders)
        self.orders.append(order)
        self.count[order.side] += 1

    def remove(self, order: Order) -> None:
        """Take an order off the book."""
        level = self.levels[order.side][order.px]
        level.remove(order)
        if not level:
            del self.levels[order.side][order.px]
            prices = self.prices[order.side]
            del prices[bisect_left(prices, order.px)]
        last = self.orders.pop()
        if last is not order:
            self.orders[order.slot] = last
            last.slot = order.slot
        self.count[order.side] -= 1

    def first(self, side: int) -> Order:
        """The order that trades next on a side which is not empty."""
        return self.levels[side][self.best(side)][0]

    def pick(self) -> Order:
        """Any order: of two random ones that which lies farther from the fair price, so that the
        book follows the fair price and does not fill with what it has left behind."""
        rng, fair = self.rng, self.fair_px
        a = self.orders[rng.below(len(self.orders))]
        b = self.orders[rng.below(len(self.orders))]
        return a if abs(a.px - fair) >= abs(b.px - fair) else b

    def aggressor(self) -> int | None:
        """Who finds the fair price on the far side of the best: BUY, SELL or nobody."""
        ask, bid = self.best(SELL), self.best(BUY)
        if ask and self.fair_px > ask:
            return BUY
        if bid and self.fair_px < bid:
            return SELL
        return None
