"""A stranger's compiled strategy: built outside the tree against the importable tectra, run,
replayed.
"""

import importlib
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import tectra as tt
from tectra.core.msg import DTYPES, Side, Template
from tectra.paths import sample_day
from tectra.replay import verify_replay

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, compiled where it lies."""
    pytest.importorskip("Cython")
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        pytest.skip("no C compiler")
    package = tmp_path_factory.mktemp("stranger") / "fast_strategy"
    wanted = shutil.ignore_patterns("build", "*.c", "*.so")
    shutil.copytree(root / "examples" / "fast_strategy", package, ignore=wanted)
    parent = str(Path(tt.__file__).resolve().parents[1])
    done = subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--inplace"],
        cwd=package, env={**os.environ, "PYTHONPATH": parent}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return package


@pytest.fixture
def module(built: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The compiled module, importable as long as the test runs."""
    monkeypatch.syspath_prepend(str(built))
    yield importlib.import_module("fast_strategy")
    sys.modules.pop("fast_strategy", None)


def test_build_needs_nothing_of_the_checkout(built):
    text = (built / "setup.py").read_text() + (built / "pyproject.toml").read_text()
    assert "get_include()" in text and ".." not in text
    assert next(built.glob("fast_strategy*.so")).stat().st_size > 10_000


def test_runs_the_sample_day_and_replays(module, tmp_path):
    result = tt.run_backtest(
        strategy=module.Lopsided,
        params={"ratio": 3, "size": 50, "phase_s": 120},
        data=sample_day(),
        symbols=["AAPL", "MSFT"],
        out=tmp_path / "run",
    )
    mine = result.strategies[0]
    assert mine.strategy == "Lopsided" and mine.orders > 100 and mine.fills > 50
    assert result.ledger.count(Template.TIMER) > 100
    trades = result.trades.to_pylist()
    sides = Counter(t["side"] for t in trades)
    assert sides["BUY"] and sides["SELL"], "it turns round at its timer"
    positions = result.ledger.table(Template.POSITION_UPDATE)
    for symbol in ("AAPL", "MSFT"):
        held = 0
        for trade in (t for t in trades if t["symbol"] == symbol):
            held += trade["qty"] if trade["side"] == "BUY" else -trade["qty"]
            assert 0 <= held <= 500
        number = next(i.instrument_id for i in result.instruments if i.symbol == symbol)
        own = positions[(positions["instrument_id"] == number) & (positions["strategy_id"] == 1)]
        assert int(own["net_qty"][-1]) == held
    intents = result.ledger.table(Template.ORDER_INTENT)
    assert intents.dtype == DTYPES[Template.ORDER_INTENT] and set(intents["qty"]) <= {*range(51)}
    assert {Side(int(s)) for s in set(intents["side"])} == {Side.BUY, Side.SELL}
    report = verify_replay(tmp_path / "run")
    assert report.ok and report.ended and report.summary.output_digest == result.output_digest


def test_parameters_are_checked_as_those_of_python_strategies(module):
    with pytest.raises(tt.TectraError, match="ratio: found 1; allowed: int >= 2"):
        tt.run_backtest(strategy=module.Lopsided, params={"ratio": 1}, data=sample_day())


def test_from_the_command_line(built, cli, day, fresh_env, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(fresh_env, "PYTHONPATH", f"{fresh_env['PYTHONPATH']}:{built}")
        done = cli("backtest", "fast_strategy:Lopsided", day, "--param", "ratio=2", "--out", "run")
        assert done.code == 0, done.err
        again = cli("replay", "verify", "run")
        assert again.code == 0 and "equal" in again.out
    cli("replay", "verify", "run").explained("fast_strategy")
