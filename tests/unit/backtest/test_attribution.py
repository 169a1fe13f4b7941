"""Trades and orders of a run, each with what it came to: against the trades and a plain account."""

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from engine_scene import OPEN_LIMITS
from trading import Momentum

import tectra as tt
from tectra.backtest.attribution import sharpe_ratio, win_rate
from tectra.backtest.metrics import Equity
from tectra.core.msg import OrderState, Side

pytestmark = pytest.mark.timeout(30)
FIELDS = {
    "pnl", "sharpe", "drawdown", "win_rate", "trades", "trade_list", "pnl_series", "order_list",
    "metrics",
}  # fmt: skip


@pytest.fixture(scope="module")
def result(small_day: Any) -> Any:
    return tt.run_backtest(
        strategies=[
            tt.StrategyRun(Momentum, {"every": 25}),
            tt.StrategyRun(Momentum, {"every": 60}),
        ],
        data=small_day,
        config=tt.BacktestConfig(limits=OPEN_LIMITS),
    )


def test_field_list(result: Any) -> None:
    assert set(dir(result)) >= FIELDS
    assert {"pnl", "sharpe", "win_rate", "drawdown_max", "trades"} <= set(result.metrics)
    assert result.metrics["pnl"] == str(result.pnl)
    assert len(result.trade_list) == result.metrics["trades"] == result.trades.num_rows > 100


def test_the_trades_add_up_to_the_strategies(result: Any) -> None:
    """Conservation: realized and fees of every strategy, to the last unit."""
    for metrics in result.strategies:
        mine = [t for t in result.trade_list if t.strategy == metrics.strategy]
        assert sum((t.realized for t in mine), Decimal(0)) == metrics.realized
        assert sum((t.fee for t in mine), Decimal(0)) == metrics.fees
        assert len(mine) == metrics.fills > 50
    assert result.pnl == sum(m.pnl for m in result.strategies)
    assert result.pnl == pytest.approx(Decimal(float(result.pnl_series.total[-1, 0])))


class Account:
    """Average cost in exact fractions: what a trade realizes, and whether it closes."""

    def __init__(self) -> None:
        self.net = Fraction(0)
        self.cost = Fraction(0)

    def trade(self, side: Side, price: Fraction, quantity: Fraction) -> tuple[Fraction, bool]:
        signed = quantity if side is Side.BUY else -quantity
        closing = self.net * signed < 0
        realized = Fraction(0)
        if closing:
            closed = min(abs(signed), abs(self.net)) * (1 if signed > 0 else -1)
            average = self.cost / self.net
            realized = -closed * (price - average)
            self.cost += closed * average
            self.net += closed
            signed -= closed
        self.net += signed
        self.cost += signed * price
        return realized, closing


def test_each_trade_against_a_plain_account(result: Any) -> None:
    """Within one unit of money, which is how far the engine's average cost may round."""
    accounts: dict[tuple[str, str], Account] = defaultdict(Account)
    wins = closes = 0
    for t in result.trade_list:
        price, quantity = Fraction(t.price.to_decimal()), Fraction(t.quantity.to_decimal())
        realized, closing = accounts[t.strategy, t.symbol].trade(t.side, price, quantity)
        assert t.closing is closing
        assert abs(Fraction(t.realized) - realized) < Fraction(1, 100)
        assert t.pnl == t.realized - t.fee
        closes += closing
        wins += closing and t.pnl > 0
    assert closes > 20 and result.win_rate == wins / closes == win_rate(result.trade_list)


def test_orders_and_their_ends(result: Any) -> None:
    orders = result.order_list
    assert len(orders) == sum(m.orders for m in result.strategies)
    assert len({o.order_id for o in orders}) == len(orders)
    filled: dict[int, Any] = defaultdict(int)
    for t in result.trade_list:
        filled[t.order_id] += t.quantity.mantissa
    for o in orders:
        assert o.filled.mantissa == filled.get(o.order_id, 0)
        assert (o.state is OrderState.FILLED) == (o.filled == o.quantity)
        assert o.ts_submit_ns <= o.ts_last_ns
    assert {OrderState.FILLED, OrderState.CANCELLED} <= {o.state for o in orders}


def test_sharpe() -> None:
    ts = np.arange(5, dtype=np.int64) * 86_400_000_000_000
    total = np.array([[0.0], [1.0], [3.0], [2.0], [4.0]])
    steps = np.diff(total[:, 0])
    want = steps.mean() / steps.std(ddof=1) * np.sqrt(365.25)
    assert sharpe_ratio(Equity(ts, total)) == pytest.approx(want)
    for flat in (np.zeros((5, 1)), np.arange(5.0)[:, None], np.zeros((1, 1)), np.zeros((0, 1))):
        assert sharpe_ratio(Equity(ts[: len(flat)], flat)) == 0.0
    assert win_rate([]) == 0.0


def test_drawdown_and_figures_of_the_curve(result: Any) -> None:
    curve = result.pnl_series.total[:, 0]
    peak, worst = 0.0, 0.0
    for value in curve:
        peak = max(peak, value)
        worst = min(worst, value - peak)
    assert result.drawdown == pytest.approx(worst)
    assert np.isfinite(result.sharpe)
