"""The project's own golden runs (golden.json): a run over generated data, and one over half an hour
of recorded AAPL flow, where that is at hand. Each is run, replayed, and held against the file.

A change here is a change of behavior. Where it is meant, write the entry again and say why in the
commit:

    TECTRA_UPDATE_GOLDEN=1 pytest tests/golden/replay
"""

import os
from pathlib import Path

import pytest
from trading import write_strategy

import tectra as tt
from tectra.feed.synthetic import generate_day
from tectra.replay import GoldenFile, check_golden, update_golden

GOLDEN = Path(__file__).with_name("golden.json")
GENERATED = "python and compiled on a generated day"
RECORDED = "mean reversion on recorded AAPL"
DERIVED = "itch/derived_AAPL_2012-06-21_0930-1000_from_lobster.itch.gz"
MAKER = "tectra.strategy.sample.maker:Maker"


def held(name: str, out: Path) -> None:
    if os.environ.get("TECTRA_UPDATE_GOLDEN") == "1":
        update_golden(GOLDEN, {name: out})
    (found,) = check_golden(GOLDEN, {name: out})
    assert found.ok, "\n".join(found.lines())


def test_generated(tmp_path):
    day = tmp_path / "01052026.NASDAQ_ITCH50.gz"
    generate_day(day, seed=11, symbols=("AAPL", "MSFT"), messages=8_000)
    file = write_strategy(tmp_path / "mine.py")
    runs = [
        tt.StrategyRun(str(file), {"every": 25}, ("AAPL",)),
        tt.StrategyRun(MAKER, {"rest_ms": 500}, ("MSFT",)),
    ]
    tt.run_backtest(
        strategies=runs, data=day, config=tt.BacktestConfig(seed=5), out=tmp_path / "run"
    )
    held(GENERATED, tmp_path / "run")


@pytest.mark.timeout(60)
def test_recorded(test_data, root, tmp_path):
    tt.run_backtest(
        strategy=str(root / "examples" / "mean_reversion.py"),
        data=test_data / DERIVED,
        symbols=["AAPL"],
        out=tmp_path / "run",
    )
    held(RECORDED, tmp_path / "run")


def test_the_file_holds_these_runs_and_no_others():
    assert set(GoldenFile.load(GOLDEN).runs) == {GENERATED, RECORDED}
