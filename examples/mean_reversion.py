"""Leans against short moves: quotes below the average price when the market has fallen under it,
and above when it has risen. A readable tour of the strategy API, not a way to make money.

    tectra backtest examples/mean_reversion.py DAY.itch.gz --symbol AAPL --param band_bps=2.5
"""

from dataclasses import dataclass

import tectra as tt

SECOND_NS = 1_000_000_000
RESTING = (tt.OrderState.ACKED, tt.OrderState.PARTIAL_FILL)


@dataclass
class Desk:
    """What the strategy knows of one instrument. Prices are raw mantissas."""

    average_px: float = 0.0
    prints: int = 0
    order_id: int = 0
    quoted_ns: int = 0


class MeanReversion(tt.Strategy):
    """One post-only order at a time in each instrument, moved with the market, pulled when stale.

    The average is exponential over prints, `span` of them deep. Inventory stays within
    `position_max` on both sides. An order keeps its place in the queue while the best price is
    within `slack_px` of it (raw, so 200 is two cents).
    """

    span: int = tt.param(50, ge=2)
    band_bps: float = tt.param(2.0, gt=0.0, le=1_000.0)
    size: int = tt.param(100, ge=1)
    position_max: int = tt.param(500, ge=1)
    patience_s: int = tt.param(120, ge=1)
    slack_px: int = tt.param(200, ge=0)

    def on_start(self, ctx):
        self.desks = {i.instrument_id: Desk() for i in ctx.instruments}
        ctx.set_timer(interval_ns=SECOND_NS)

    def on_trade(self, ctx, trade):
        """Prints move the average."""
        desk = self.desks[trade.instrument.instrument_id]
        weight = 2.0 / (min(desk.prints, self.span) + 1)
        desk.average_px += (trade.px - desk.average_px) * min(weight, 1.0)
        desk.prints += 1

    def on_book_update(self, ctx, book):
        """Quote on the side that the average asks for; follow the best price with the order that is
        there already.
        """
        desk = self.desks[book.instrument_id]
        if not book.tradeable or desk.prints < self.span:
            return
        side = self._wanted(ctx, book, desk)
        order = ctx.get_order(desk.order_id) if desk.order_id else None
        if order is None or order.leaves_qty == 0:
            desk.order_id = 0
            if side is not None:
                self._quote(ctx, book, desk, side)
        elif order.state in RESTING:
            best_px = book.bid_px if order.side == tt.Side.BUY else book.ask_px
            if side not in (None, order.side):
                ctx.cancel_order(order.order_id)
            elif side is not None and abs(order.px - best_px) > self.slack_px:
                ctx.modify_order(order.order_id, px=best_px)

    def _wanted(self, ctx, book, desk):
        """The side to be on now, None in between the bands or with a full inventory."""
        gap_bps = (book.mid_px2 / 2 - desk.average_px) / desk.average_px * 10_000
        net_qty = ctx.get_position(book.instrument).net_qty
        if gap_bps < -self.band_bps and net_qty + self.size <= self.position_max:
            return tt.Side.BUY
        if gap_bps > self.band_bps and net_qty - self.size >= -self.position_max:
            return tt.Side.SELL
        return None

    def _quote(self, ctx, book, desk, side):
        px = book.bid_px if side == tt.Side.BUY else book.ask_px
        desk.order_id = ctx.submit_order(
            book.instrument, side, qty=self.size, px=px, order_type=tt.OrderType.POST_ONLY
        )
        desk.quoted_ns = ctx.now_ns
        ctx.decide(f"{book.symbol} off its average", side=side, instrument=book.instrument)

    def on_fill(self, ctx, fill):
        """The position is up to date already; the journal gets it as a signal."""
        net_qty = ctx.get_position(fill.instrument).net_qty
        ctx.signal("inventory", float(net_qty), fill.instrument)

    def on_timer(self, ctx, timestamp):
        """Once a second: pull orders that have waited too long."""
        for order in ctx.get_open_orders():
            desk = self.desks[order.instrument_id]
            waited_ns = ctx.now_ns - desk.quoted_ns
            if order.state in RESTING and waited_ns > self.patience_s * SECOND_NS:
                ctx.cancel_order(order.order_id)

    def on_params_update(self, params):
        """A new span wants a new average."""
        for desk in self.desks.values():
            desk.prints = 0
