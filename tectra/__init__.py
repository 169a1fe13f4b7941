"""tectra: a deterministic trading engine, from market data to P&L and back, replayable bit for bit.

Names are imported when they are first used, so that `import tectra` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tectra.paths import get_include

if TYPE_CHECKING:
    from tectra.backtest import BacktestConfig, BacktestResult, StrategyRun, run_backtest
    from tectra.core.bar import MarketData
    from tectra.core.bcast import BroadcastRing
    from tectra.core.bcast_reader import BroadcastReader
    from tectra.core.errors import TectraError
    from tectra.core.event import Event, EventType
    from tectra.core.fixed import Price, Quantity
    from tectra.core.idle import IdlePolicy
    from tectra.core.level import BookLevel
    from tectra.core.market import BookUpdate, Ticker, Trade
    from tectra.core.mpmc import MpmcRing
    from tectra.core.msg import OrderState, OrderType, Side, Template, TimeInForce
    from tectra.core.order import OrderRequest, RiskVerdict
    from tectra.core.ring import SpscRing
    from tectra.core.signal import Signal, StrategyState
    from tectra.core.types import Exchange, OrderId, Timestamp, TradeSide
    from tectra.core.window import MarketDataWindow
    from tectra.refdata.instrument import Instrument
    from tectra.refdata.symbol import Symbol
    from tectra.risk.limits import RiskLimits
    from tectra.signals.feature import FeatureVector
    from tectra.sim.config import FeeConfig, LatencyConfig, SimConfig
    from tectra.strategy import CompiledStrategy, Strategy, param

__all__ = [
    "BacktestConfig",
    "BacktestResult",
    "BookLevel",
    "BookUpdate",
    "BroadcastReader",
    "BroadcastRing",
    "CompiledStrategy",
    "Event",
    "EventType",
    "Exchange",
    "FeatureVector",
    "FeeConfig",
    "IdlePolicy",
    "Instrument",
    "LatencyConfig",
    "MarketData",
    "MarketDataWindow",
    "MpmcRing",
    "OrderId",
    "OrderRequest",
    "OrderState",
    "OrderType",
    "Price",
    "Quantity",
    "RiskLimits",
    "RiskVerdict",
    "Side",
    "Signal",
    "SimConfig",
    "SpscRing",
    "Strategy",
    "StrategyRun",
    "StrategyState",
    "Symbol",
    "TectraError",
    "Template",
    "Ticker",
    "TimeInForce",
    "Timestamp",
    "Trade",
    "TradeSide",
    "get_include",
    "param",
    "run_backtest",
]

_WHERE = {
    "BacktestConfig": "tectra.backtest",
    "BacktestResult": "tectra.backtest",
    "BookLevel": "tectra.core.level",
    "BookUpdate": "tectra.core.market",
    "BroadcastReader": "tectra.core.bcast_reader",
    "BroadcastRing": "tectra.core.bcast",
    "CompiledStrategy": "tectra.strategy",
    "Event": "tectra.core.event",
    "EventType": "tectra.core.event",
    "Exchange": "tectra.core.types",
    "FeatureVector": "tectra.signals.feature",
    "FeeConfig": "tectra.sim.config",
    "IdlePolicy": "tectra.core.idle",
    "Instrument": "tectra.refdata.instrument",
    "LatencyConfig": "tectra.sim.config",
    "MarketData": "tectra.core.bar",
    "MarketDataWindow": "tectra.core.window",
    "MpmcRing": "tectra.core.mpmc",
    "OrderId": "tectra.core.types",
    "OrderRequest": "tectra.core.order",
    "OrderState": "tectra.core.msg",
    "OrderType": "tectra.core.msg",
    "Price": "tectra.core.fixed",
    "Quantity": "tectra.core.fixed",
    "RiskLimits": "tectra.risk.limits",
    "RiskVerdict": "tectra.core.order",
    "Side": "tectra.core.msg",
    "Signal": "tectra.core.signal",
    "SimConfig": "tectra.sim.config",
    "SpscRing": "tectra.core.ring",
    "Strategy": "tectra.strategy",
    "StrategyRun": "tectra.backtest",
    "StrategyState": "tectra.core.signal",
    "Symbol": "tectra.refdata.symbol",
    "TectraError": "tectra.core.errors",
    "Template": "tectra.core.msg",
    "Ticker": "tectra.core.market",
    "TimeInForce": "tectra.core.msg",
    "Timestamp": "tectra.core.types",
    "Trade": "tectra.core.market",
    "TradeSide": "tectra.core.types",
    "param": "tectra.strategy",
    "run_backtest": "tectra.backtest",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'tectra' has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
