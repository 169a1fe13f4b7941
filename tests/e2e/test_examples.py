"""Every example runs on a short day and does what it says; the README's code is an example too."""

import ast
import contextlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from time import monotonic

import numpy as np
import pytest

import tectra as tt
from tectra.backtest import BacktestResult
from tectra.core import Counters, Idle, IdlePolicy
from tectra.core.errors import StateError, SystemCallError
from tectra.core.msg import IntentAction, Template
from tectra.replay import verify_replay

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


def readme_code(root: Path, index: int = 0) -> str:
    """A block of Python of the README: a strategy, a ring."""
    blocks = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    return str(blocks[index])


def positions_are_sums_of_fills(result: BacktestResult) -> None:
    """The last position said of each instrument is what its executions add up to."""
    said = result.ledger.table(Template.POSITION_UPDATE)
    said = said[said["strategy_id"] == 1]
    last = {int(r["instrument_id"]): int(r["net_qty"]) for r in said}
    sums = dict.fromkeys(last, 0)
    for trade in result.trades.to_pylist():
        number = next(i.instrument_id for i in result.instruments if i.symbol == trade["symbol"])
        sums[number] += trade["qty"] if trade["side"] == "BUY" else -trade["qty"]
    assert last == sums


def run_script(path: Path, cwd: Path, env: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", path], cwd=cwd, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_example_is_listed_and_run(root):
    listed = (root / "examples" / "README.md").read_text()
    tests = "".join(p.read_text() for p in Path(__file__).parent.glob("test_*.py"))
    for path in (root / "examples").rglob("*"):
        if path.suffix in (".py", ".pyx") and path.name != "setup.py":
            name = path.parent.name if path.parent.name == "fast_strategy" else path.name
            assert name in listed and name in tests, path


def test_follow_is_the_code_of_the_readme(root):
    """Equal as code; only the layout may differ."""
    mine = ast.parse((root / "examples" / "follow.py").read_text())
    assert ast.get_docstring(mine)
    theirs = ast.parse(readme_code(root))
    assert ast.dump(ast.Module(mine.body[1:], [])) == ast.dump(theirs)


def test_the_ring_of_the_readme(root, tmp_path, fresh_env, shm_name):
    script = tmp_path / "ring.py"
    script.write_text(readme_code(root, 1).replace('"ticks"', f'"{shm_name()}"'))
    assert run_script(script, tmp_path, fresh_env) == "[1]\n"


@pytest.mark.parametrize("source", ["README.md", "follow.py"])
def test_follow(root, day, tmp_path, fresh_env, source):
    pytest.importorskip("pandas", reason="the example asks for a DataFrame")
    shutil.copy(day, tmp_path / "day.itch.gz")
    script = tmp_path / "mine.py"
    example = root / "examples" / "follow.py"
    script.write_text(readme_code(root) if source == "README.md" else example.read_text())
    run_script(script, tmp_path, fresh_env)
    metrics = json.loads((tmp_path / "run-1" / "metrics.json").read_text())
    mine = metrics["strategies"]["Follow"]
    assert mine["orders"] > 0 and mine["fills"] > 0 and mine["rejected_by_risk"] == 0
    assert "<html" in (tmp_path / "report.html").read_text()
    report = verify_replay(tmp_path / "run-1")
    assert report.ok and report.summary.output_digest == metrics["engine"]["output_digest"]


def test_mean_reversion(root, day, tmp_path):
    path = root / "examples" / "mean_reversion.py"
    result = tt.run_backtest(strategy=str(path), data=day, out=tmp_path / "run")
    mine = result.strategies[0]
    assert mine.orders > 50 and mine.fills > 5 and mine.rejected_by_risk == 0
    assert mine.maker_share == 1.0, "it posts only"
    actions = set(result.ledger.table(Template.ORDER_INTENT)["action"].tolist())
    assert actions == {IntentAction.SUBMIT, IntentAction.CANCEL, IntentAction.MODIFY}
    said = result.ledger.table(Template.STRATEGY_SIGNAL)
    assert len(said) == mine.fills and abs(said["value"]).max() <= 500
    assert result.ledger.count(Template.STRATEGY_DECISION) == mine.orders
    positions_are_sums_of_fills(result)
    report = verify_replay(tmp_path / "run")
    assert report.ok and report.summary.output_digest == result.output_digest


def test_mean_reversion_hears_of_its_parameters(root, day, cli):
    path = root / "examples" / "mean_reversion.py"
    base = ("backtest", path, day, "--symbol", "MSFT", "--json")
    tight = cli(*base, "--param", "band_bps=0.5").json["strategies"]["MeanReversion"]
    wide = cli(*base, "--param", "band_bps=900.0").json["strategies"]["MeanReversion"]
    assert tight["orders"] > 0 == wide["orders"]
    cli(*base, "--param", "band_bps=0").explained("band_bps", "> 0.0")


def test_first_backtest(root, day, tmp_path, fresh_env):
    script = root / "examples" / "notebooks" / "first_backtest.py"
    env = {**fresh_env, "TECTRA_DAY": str(day)}
    said = run_script(script, tmp_path, env)
    run = tmp_path / "first-backtest"
    metrics = json.loads((run / "metrics.json").read_text())
    mine = metrics["strategies"]["Cross"]
    assert mine["orders"] > 0 and mine["fills"] > 0
    assert f"Cross: {mine['orders']} orders, {mine['fills']} fills, P&L {mine['pnl']}" in said
    assert "equal: the replay said the same" in said and "TOOK_LIQUIDITY" in said
    assert (tmp_path / "first-backtest.html").stat().st_size > 10_000


def test_ring_publisher_and_ring_consumer(root, tmp_path, fresh_env, shm_name):
    """Two processes, and this one reads their metrics: ring_publisher.py, ring_consumer.py."""
    count = 2_000_000

    def start(script: str) -> "subprocess.Popen[str]":
        code = [sys.executable, "-W", "error", root / "examples" / script, shm_name(), str(count)]
        return subprocess.Popen(
            code, cwd=tmp_path, env=fresh_env, stdout=subprocess.PIPE, text=True
        )

    with start("ring_publisher.py") as publisher:
        metrics = wait_for_metrics(f"{shm_name()}.metrics", publisher)
        with metrics, start("ring_consumer.py") as consumer:
            said = [p.communicate(timeout=50)[0] for p in (publisher, consumer)]
            assert (publisher.returncode, consumer.returncode) == (0, 0)
            seen = metrics.snapshot()
    assert seen["published"] == seen["consumed"] == count
    px, qty = 10_000 + np.arange(count) % 100, 1 + np.arange(count) % 10
    assert f"volume {qty.sum():,}, turnover {(px * qty).sum():,}" in said[1]
    rate = int(re.search(r"trades, ([\d,]+) a second", said[0])[1].replace(",", ""))
    assert rate > 100_000, "a million a second on two free cores; these are shared"
    assert not list(Path("/dev/shm").glob(f"{shm_name()}*"))


def wait_for_metrics(name: str, maker: "subprocess.Popen[str]") -> Counters:
    """The page that the publisher makes, as soon as its counters are there."""
    idle, end = Idle(IdlePolicy.BACKOFF), monotonic() + 30
    while monotonic() < end and maker.poll() is None:
        with contextlib.suppress(SystemCallError, StateError):
            page = Counters.attach(name)
            if "consumed" in page.snapshot():
                return page
            page.close()
        idle.step(0)
    pytest.fail("the publisher made no metrics")


def test_the_notebook_is_cells(root):
    """jupytext reads it as cells of text and code, each of which is whole by itself."""
    text = (root / "examples" / "notebooks" / "first_backtest.py").read_text()
    cells = re.split(r"^# %%", text, flags=re.MULTILINE)
    assert cells[0] == "" and len(cells) > 8
    for cell in cells[1:]:
        kind, _, body = cell.partition("\n")
        if kind.strip() == "[markdown]":
            assert all(line.startswith("#") for line in body.strip().splitlines())
        else:
            assert kind == "" and ast.parse(body).body
