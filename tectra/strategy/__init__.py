"""Strategies: what users write, what they are handed, how they are found. Floor 8; callbacks run on
the engine's thread.
"""

from tectra.strategy.api import CALLBACKS, Strategy
from tectra.strategy.compiled import CompiledStrategy
from tectra.strategy.context import Context
from tectra.strategy.determinism import Finding, Look, look_at
from tectra.strategy.loader import load_strategy, validate_strategy, wanted_callbacks
from tectra.strategy.params import Param, param
from tectra.strategy.snapshot import OrderSnapshot, PnlSnapshot, PositionSnapshot
from tectra.strategy.view import BookView, FillView, TradeView

__all__ = [
    "CALLBACKS",
    "BookView",
    "CompiledStrategy",
    "Context",
    "FillView",
    "Finding",
    "Look",
    "OrderSnapshot",
    "Param",
    "PnlSnapshot",
    "PositionSnapshot",
    "Strategy",
    "TradeView",
    "load_strategy",
    "look_at",
    "param",
    "validate_strategy",
    "wanted_callbacks",
]
