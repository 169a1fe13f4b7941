"""Recorded sessions for tests of the player and the debugger."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from engine_scene import split
from trading import write_strategy

import tectra as tt
from tectra.journal.reader import JournalReader
from tectra.journal.writer import JournalWriter
from tectra.strategy.sample.maker import Maker

__all__ = ["record_session", "rewritten"]


def record_session(base: Path, day: Path) -> Path:
    """A run of a Python and a compiled strategy over a day; its directory."""
    base.mkdir(parents=True, exist_ok=True)
    file = write_strategy(base / "mine.py")
    runs = [tt.StrategyRun(str(file)), tt.StrategyRun(Maker, {"rest_ms": 1_000}, ("MSFT",))]
    tt.run_backtest(strategies=runs, data=day, out=base / "o")
    return base / "o"


def rewritten(run: Path, out: Path, change: Callable[[list[Any]], list[Any]]) -> Path:
    """A whole, closed journal of the same session whose records went through `change`."""
    shutil.copytree(run / "strategies", out / "strategies")
    reader = JournalReader(run / "journal")
    rows = change(split(b"".join(s.tobytes() for s in reader.slots())))
    with JournalWriter(out / "journal", session=dict(reader.session)) as journal:
        flat = b"".join(r.tobytes() for r in rows)
        journal.append_many(np.frombuffer(flat, dtype=np.uint8).copy())
        journal.close(result=reader.result)
    return out
