"""tectra: a deterministic trading engine, from market data to P&L and back, replayable bit for bit.

Names are imported when they are first used, so that `import tectra` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tectra.paths import get_include

if TYPE_CHECKING:
    from tectra.backtest import BacktestConfig, BacktestResult, StrategyRun, run_backtest
    from tectra.core.errors import TectraError
    from tectra.core.fixed import Price, Quantity
    from tectra.core.msg import OrderState, OrderType, Side, TimeInForce
    from tectra.core.types import Timestamp
    from tectra.refdata.instrument import Instrument
    from tectra.risk.limits import RiskLimits
    from tectra.sim.config import FeeConfig, LatencyConfig, SimConfig
    from tectra.strategy import CompiledStrategy, Strategy, param

__all__ = [
    "BacktestConfig",
    "BacktestResult",
    "CompiledStrategy",
    "FeeConfig",
    "Instrument",
    "LatencyConfig",
    "OrderState",
    "OrderType",
    "Price",
    "Quantity",
    "RiskLimits",
    "Side",
    "SimConfig",
    "Strategy",
    "StrategyRun",
    "TectraError",
    "TimeInForce",
    "Timestamp",
    "get_include",
    "param",
    "run_backtest",
]

_WHERE = {
    "BacktestConfig": "tectra.backtest",
    "BacktestResult": "tectra.backtest",
    "CompiledStrategy": "tectra.strategy",
    "FeeConfig": "tectra.sim.config",
    "Instrument": "tectra.refdata.instrument",
    "LatencyConfig": "tectra.sim.config",
    "OrderState": "tectra.core.msg",
    "OrderType": "tectra.core.msg",
    "Price": "tectra.core.fixed",
    "Quantity": "tectra.core.fixed",
    "RiskLimits": "tectra.risk.limits",
    "Side": "tectra.core.msg",
    "SimConfig": "tectra.sim.config",
    "Strategy": "tectra.strategy",
    "StrategyRun": "tectra.backtest",
    "TectraError": "tectra.core.errors",
    "TimeInForce": "tectra.core.msg",
    "Timestamp": "tectra.core.types",
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
