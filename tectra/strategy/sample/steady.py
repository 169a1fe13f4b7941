"""A market order for every n-th book update, buys and sells in turn: what an order costs, in plain
Python.
"""

from collections.abc import Mapping
from typing import Any

from tectra.core.msg import Side
from tectra.strategy.api import Strategy
from tectra.strategy.context import Context
from tectra.strategy.params import param
from tectra.strategy.view import BookView, FillView, TradeView

__all__ = ["Steady"]


class Steady(Strategy):
    """Trades `size` on every `every`-th update of a two-sided book."""

    every: int = param(100, ge=1)
    size: int = param(100, ge=1)

    def on_start(self, ctx: Context) -> None:
        self.seen = 0

    def on_book_update(self, ctx: Context, book: BookView) -> None:
        self.seen += 1
        if self.seen % self.every == 0 and book.tradeable:
            side = Side.BUY if self.seen // self.every % 2 else Side.SELL
            ctx.submit_order(book.instrument, side, qty=self.size)

    def on_trade(self, ctx: Context, trade: TradeView) -> None:
        """Not used."""

    def on_fill(self, ctx: Context, fill: FillView) -> None:
        """Not used."""

    def on_timer(self, ctx: Context, timestamp: int) -> None:
        """Not used."""

    def on_params_update(self, params: Mapping[str, Any]) -> None:
        """Not used."""
