"""`tectra bench ring`: two processes, figures as text and as JSON, and an end by itself."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.shm, pytest.mark.timeout(90)]


@pytest.mark.parametrize("policy", ["spin", "yield", "backoff", "park"])
def test_figures_as_json(cli, policy):
    found = cli("bench", "ring", "--json", "--messages", "1000", "--policy", policy).json
    assert found["policy"] == policy
    for rate in found["rates"].values():
        assert rate["records"] == 1000 and rate["per_s"] > 0
        counters = rate["counters"]
        assert counters["pushed"] == counters["popped"] == 1000
        assert counters["depth"] == counters["lost"] == 0 < counters["high_water"]
    trip = found["round_trip_ns"]
    assert trip["count"] == 1000
    assert 0 < trip["p50"] <= trip["p90"] <= trip["p99"] <= trip["p99.9"] <= trip["max"]
    assert not list(Path("/dev/shm").glob("tectra_bench_*"))


def test_figures_as_text(cli):
    done = cli("bench", "ring", "--messages", "1000")
    assert done.code == 0, done.err
    for word in ("in bulk", "one by one", "high water", "lost", "p50", "p99.9", "max", "yield"):
        assert word in done.out


def test_wrong_usage_is_refused(cli):
    cli("bench", "ring", "--policy", "doze").explained("doze", "park", code=2)
    cli("bench", "ring", "--messages", "0").explained("--messages", code=2)
    done = cli("bench", "--help")
    assert "ring" in done.out and "--pairs" in done.out


def test_a_checkout_in_the_working_directory_is_not_what_runs(tmp_path, fresh_env):
    """The other process is of the same installation, wherever the command is given."""
    (tmp_path / "tectra").mkdir()
    (tmp_path / "tectra" / "__init__.py").write_text("raise SystemExit('the wrong one')\n")
    env = {k: v for k, v in fresh_env.items() if k != "PYTHONSAFEPATH"}
    command = [sys.executable, "-P", "-m", "tectra", "bench", "ring", "--messages", "1000"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
