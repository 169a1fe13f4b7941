"""Crossing of two exponential averages of the mid price, in plain Python."""

from collections.abc import Mapping
from typing import Any

from tectra.core.msg import Side
from tectra.strategy.api import Strategy
from tectra.strategy.context import Context
from tectra.strategy.params import param
from tectra.strategy.view import BookView, FillView, TradeView

__all__ = ["Cross"]


class Cross(Strategy):
    """Long while the fast average is above the slow one by `band_bps`, short while it is below.

    The averages are sampled on a timer, so that a burst of updates counts as one observation.
    """

    fast: int = param(20, ge=2)
    slow: int = param(120, ge=3)
    band_bps: float = param(1.0, ge=0.0, le=1_000.0)
    size: int = param(100, ge=1)
    sample_ms: int = param(1_000, ge=1)

    def on_start(self, ctx: Context) -> None:
        self.averages: dict[int, tuple[float, float, int]] = {}
        self.target: dict[int, int] = {}
        self.working: dict[int, int] = {}
        ctx.set_timer(interval_ns=self.sample_ms * 1_000_000)

    def on_book_update(self, ctx: Context, book: BookView) -> None:
        """The timer samples; a book update by itself says nothing here."""

    def on_trade(self, ctx: Context, trade: TradeView) -> None:
        """Prints are not used."""

    def on_fill(self, ctx: Context, fill: FillView) -> None:
        """The target is compared with the position at every sample, so a fill needs no action."""

    def on_timer(self, ctx: Context, timestamp: int) -> None:
        for instrument in ctx.instruments:
            book = ctx.book(instrument)
            if not book.tradeable:
                continue
            mid = float(book.mid_px2 or 0)
            fast, slow, seen = self.averages.get(instrument.instrument_id, (mid, mid, 0))
            fast += (mid - fast) * 2.0 / (self.fast + 1)
            slow += (mid - slow) * 2.0 / (self.slow + 1)
            self.averages[instrument.instrument_id] = (fast, slow, seen + 1)
            if seen < self.slow:
                continue
            gap_bps = (fast - slow) / slow * 10_000.0
            if gap_bps > self.band_bps:
                self.target[instrument.instrument_id] = self.size
            elif gap_bps < -self.band_bps:
                self.target[instrument.instrument_id] = -self.size
            self._trade(ctx, book)

    def _trade(self, ctx: Context, book: BookView) -> None:
        """One marketable order towards the target, and none while another is working."""
        if ctx.get_open_orders(book.instrument):
            return
        missing = self.target.get(book.instrument_id, 0) - ctx.get_position(book.instrument).net_qty
        if missing == 0:
            return
        side, px = (Side.BUY, book.ask_px) if missing > 0 else (Side.SELL, book.bid_px)
        ctx.submit_order(book.instrument, side, qty=abs(missing), px=px, tif="IOC")

    def on_params_update(self, params: Mapping[str, Any]) -> None:
        """Parameters are read from the instance at every sample."""
