"""A Python strategy that does everything an engine lets it do, at random from the run's seed."""

from typing import Any

from tectra.core.msg import Side
from tectra.strategy.api import Strategy
from tectra.strategy.params import param

__all__ = ["Restless"]


class Restless(Strategy):
    """Takes, quotes, moves and cancels; half a tick off now and then, which no venue takes; large
    now and then, which no limit lets through. Acts on tradeable books only.
    """

    every: int = param(12, ge=1)
    size: int = param(100, ge=1)
    rest_ms: int = param(3_000, ge=1)

    def on_start(self, ctx: Any) -> None:
        """Set the timer."""
        self.updates = self.trades = self.filled = 0
        ctx.set_timer(interval_ns=self.rest_ms * 1_000_000)

    def on_book_update(self, ctx: Any, book: Any) -> None:
        """Act on every n-th update."""
        self.updates += 1
        if not book.tradeable or self.updates % self.every:
            return
        dice = ctx.random
        side = Side.BUY if dice.chance(0.5) else Side.SELL
        near, far = (book.bid_px, book.ask_px) if side is Side.BUY else (book.ask_px, book.bid_px)
        size = self.size * (1 + dice.integers(0, 4))
        kind = dice.integers(0, 12)
        if kind < 4:
            ctx.submit_order(book.instrument, side, qty=size, px=far, tif="IOC")
        elif kind < 6:
            ctx.submit_order(book.instrument, side, qty=size, px=far)
        elif kind == 6:
            ctx.submit_order(book.instrument, side, qty=size, px=near + 50)
        elif kind == 7:
            ctx.submit_order(book.instrument, side, qty=1_000 * size, px=near)
        elif kind == 8:
            ctx.submit_order(book.instrument, side, qty=size, px=far, tif="FOK")
        else:
            ctx.submit_order(book.instrument, side, qty=size, px=near)

    def on_trade(self, ctx: Any, trade: Any) -> None:
        """Count."""
        self.trades += 1
        if self.trades % 50 == 0:
            ctx.signal("trades", float(self.trades), trade.instrument)

    def on_fill(self, ctx: Any, fill: Any) -> None:
        """Count, and say so."""
        self.filled += fill.qty
        ctx.decide(f"filled {self.filled}")

    def on_timer(self, ctx: Any, timestamp: int) -> None:
        """Cancel half of what rests; move a quarter, most of it in another quantity."""
        for order in ctx.get_open_orders():
            fate = ctx.random.integers(0, 4)
            if fate < 2:
                ctx.cancel_order(order.order_id)
            elif fate == 2:
                step = 100 if order.side is Side.BUY else -100
                qty = order.qty + self.size * (ctx.random.integers(0, 4) - 1)
                ctx.modify_order(order.order_id, qty=qty, px=order.px - step)

    def on_params_update(self, params: Any) -> None:
        """Nothing to do: they are attributes."""
