"""Recorded sessions for tests of the player and the debugger."""

from pathlib import Path

from trading import write_strategy

import tectra as tt
from tectra.strategy.sample.maker import Maker

__all__ = ["record_session"]


def record_session(base: Path, day: Path) -> Path:
    """A run of a Python and a compiled strategy over a day; its directory."""
    base.mkdir(parents=True, exist_ok=True)
    file = write_strategy(base / "mine.py")
    runs = [tt.StrategyRun(str(file)), tt.StrategyRun(Maker, {"rest_ms": 1_000}, ("MSFT",))]
    tt.run_backtest(strategies=runs, data=day, out=base / "o")
    return base / "o"
