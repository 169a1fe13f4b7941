"""Strategies that trade, as files and as classes, for tests of whole runs."""

from pathlib import Path

from engine_scene import Quiet

from tectra.core.msg import Side
from tectra.strategy import param

__all__ = ["MOMENTUM", "Momentum", "write_strategy"]


class Momentum(Quiet):
    """Trades a lot and carelessly: takes on every n-th update, quotes on a timer, cancels what
    rests.
    """

    every: int = param(40, ge=1)
    size: int = param(100, ge=1)

    def on_start(self, ctx):
        self.updates = 0
        self.fills = 0
        ctx.set_timer(interval_ns=60_000_000_000)

    def on_book_update(self, ctx, book):
        self.updates += 1
        if not book.tradeable or self.updates % self.every:
            return
        side, px = (Side.BUY, book.ask_px) if book.imbalance > 0 else (Side.SELL, book.bid_px)
        ctx.submit_order(book.instrument, side, qty=self.size, px=px, tif="IOC")
        ctx.signal("imbalance", book.imbalance, book.instrument)

    def on_fill(self, ctx, fill):
        self.fills += 1
        if self.fills % 10 == 0:
            ctx.decide(f"fill {self.fills}", side=fill.side)

    def on_timer(self, ctx, timestamp):
        for order in ctx.get_open_orders():
            ctx.cancel_order(order.order_id)
        for instrument in ctx.instruments:
            book = ctx.book(instrument)
            if book.tradeable:
                drift = 100 * ctx.random.integers(0, 3)
                ctx.submit_order(instrument, Side.BUY, qty=self.size, px=book.bid_px - drift)
                ctx.submit_order(instrument, Side.SELL, qty=self.size, px=book.ask_px + drift)


MOMENTUM = """
import tectra as tt

class Momentum(tt.Strategy):
    every: int = tt.param(40, ge=1)
    size: int = tt.param(100, ge=1, le=10_000)

    def on_start(self, ctx):
        self.updates = 0

    def on_book_update(self, ctx, book):
        self.updates += 1
        if not book.tradeable or self.updates % self.every:
            return
        side, px = (tt.Side.BUY, book.ask_px) if book.imbalance > 0 else (tt.Side.SELL, book.bid_px)
        ctx.submit_order(book.instrument, side, qty=self.size, px=px, tif="IOC")

    def on_trade(self, ctx, trade):
        pass

    def on_fill(self, ctx, fill):
        pass

    def on_timer(self, ctx, timestamp):
        pass

    def on_params_update(self, params):
        pass
"""


def write_strategy(path: Path, *, instead: str = "", by: str = "") -> Path:
    """The strategy as a file, with one piece of its text replaced."""
    assert instead in MOMENTUM
    path.write_text(MOMENTUM.replace(instead, by, 1) if instead else MOMENTUM)
    return path
