"""The Python twin of `idle`: reads two fields of every book update, compares, and does nothing."""

from collections.abc import Mapping
from typing import Any

from tectra.strategy.api import Strategy
from tectra.strategy.context import Context
from tectra.strategy.view import BookView, FillView, TradeView

__all__ = ["Watcher"]


class Watcher(Strategy):
    """Counts the updates that show more to buy than to sell at the top."""

    def on_start(self, ctx: Context) -> None:
        self.heavy = 0

    def on_book_update(self, ctx: Context, book: BookView) -> None:
        if book.ask_qty > book.bid_qty:
            self.heavy += 1

    def on_trade(self, ctx: Context, trade: TradeView) -> None:
        """Not used."""

    def on_fill(self, ctx: Context, fill: FillView) -> None:
        """Not used."""

    def on_timer(self, ctx: Context, timestamp: int) -> None:
        """Not used."""

    def on_params_update(self, params: Mapping[str, Any]) -> None:
        """Not used."""
