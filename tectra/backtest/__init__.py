"""Backtests: recorded market data, the engine, and a simulated exchange, in one deterministic loop.
Floor 10, one thread.

`data` settles instruments and batches, `driver` is the loop, `run` the front door, `result` what
comes out.
"""

from tectra.backtest.attribution import OrderOutcome, TradeAttribution
from tectra.backtest.driver import BacktestDriver
from tectra.backtest.result import BacktestResult
from tectra.backtest.run import BacktestConfig, StrategyRun, make_driver, run_backtest
from tectra.backtest.setup import SimSetup
from tectra.sim.config import FeeConfig, FilterConfig, LatencyConfig, SimConfig

__all__ = [
    "BacktestConfig",
    "BacktestDriver",
    "BacktestResult",
    "FeeConfig",
    "FilterConfig",
    "LatencyConfig",
    "OrderOutcome",
    "SimConfig",
    "SimSetup",
    "StrategyRun",
    "TradeAttribution",
    "make_driver",
    "run_backtest",
]
