"""Positions and P&L of strategies and of the account.

Floor 5. Rows are written by the engine's thread only.
"""

from tectra.portfolio.position import Portfolio, Position
from tectra.portfolio.reducer import PositionReducer, PositionRow
from tectra.portfolio.totals import Totals

__all__ = ["Portfolio", "Position", "PositionReducer", "PositionRow", "Totals"]
