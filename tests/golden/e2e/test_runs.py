"""Golden runs: fixed inputs, and the digests of all that the engine said to them (golden.json).

A change here is a change of behavior: of books, strategies, risk, fills or records. Where it is
meant, write the file again with

    TECTRA_UPDATE_GOLDEN=1 pytest tests/golden/e2e

and say in the commit why the outputs changed.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

import tectra as tt
from tectra.paths import sample_day
from tectra.replay import verify_replay

GOLDEN = Path(__file__).with_name("golden.json")
CROSS = "tectra.strategy.sample.cross:Cross"
MAKER = "tectra.strategy.sample.maker:Maker"
PASS = "tectra.strategy.sample.passthrough:Passthrough"
RUNS: dict[str, tuple[str, list[tt.StrategyRun], int]] = {
    "demo on the sample day": (
        "sample",
        [
            tt.StrategyRun(CROSS, symbols=("AAPL", "NVDA", "QQQ")),
            tt.StrategyRun(MAKER, symbols=("AMD", "INTC", "MSFT")),
        ],
        0,
    ),
    "cross on the small day": (
        "small",
        [tt.StrategyRun(CROSS, {"fast": 5, "slow": 20, "sample_ms": 5000})],
        0,
    ),
    "maker on the small day": ("small", [tt.StrategyRun(MAKER, {"rest_ms": 500})], 3),
    "passthrough on the small day": ("small", [tt.StrategyRun(PASS, {"every": 100})], 0),
}


def picture(result: Any) -> dict[str, Any]:
    summary = result.summary
    return {
        "inputs": summary.inputs,
        "outputs": summary.outputs,
        "input_digest": summary.input_digest,
        "output_digest": summary.output_digest,
        "fills": [m.fills for m in result.strategies],
        "pnl": [str(m.pnl) for m in result.strategies],
    }


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", RUNS)
def test_run(name: str, small_day: Path, tmp_path: Path):
    day, strategies, seed = RUNS[name]
    result = tt.run_backtest(
        strategies=strategies,
        data=sample_day() if day == "sample" else small_day,
        config=tt.BacktestConfig(date="2026-01-05", seed=seed),
        out=tmp_path / "out",
    )
    found = picture(result)
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if os.environ.get("TECTRA_UPDATE_GOLDEN") == "1":
        golden[name] = found
        GOLDEN.write_text(json.dumps(golden, indent=2, sort_keys=True) + "\n")
    assert found == golden.get(name), (
        f"{name}: outputs changed; see the head of {Path(__file__).name}"
    )
    # RE-02: state is rehydrated from the journal, and says the same again.
    replayed = verify_replay(tmp_path / "out")
    assert replayed.ok and replayed.summary.output_digest == golden[name]["output_digest"]


def test_the_file_holds_these_runs_and_no_others():
    assert set(json.loads(GOLDEN.read_text())) == set(RUNS)
