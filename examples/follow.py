"""The strategy of the README, as it stands there: buys when the bid is much larger than the offer.

`python follow.py` wants a file day.itch.gz beside it (`tectra itch generate day.itch.gz` writes
one).
"""

import tectra as tt


class Follow(tt.Strategy):
    every: int = tt.param(100, ge=1)
    size: int = tt.param(100, ge=1)

    def on_start(self, ctx):
        self.seen = 0

    def on_book_update(self, ctx, book):
        self.seen += 1
        if self.seen % self.every == 0 and book.tradeable and book.imbalance > 0.5:
            ctx.submit_order(
                book.instrument, tt.Side.BUY, quantity=self.size, price=book.best_ask, tif="IOC"
            )

    def on_trade(self, ctx, trade): ...
    def on_fill(self, ctx, fill): ...
    def on_timer(self, ctx, timestamp): ...
    def on_params_update(self, params): ...


if __name__ == "__main__":  # a replay imports this file again
    result = tt.run_backtest(
        strategy=Follow, params={"every": 50}, data="day.itch.gz", symbols=["AAPL"], out="run-1"
    )
    result.metrics, result.trades.to_pandas(), result.report("report.html")
