"""Every benchmark runs once with small inputs, so that none of them rots."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "benchmarks").glob("bench_*.py"))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_runs_small(path: Path, fresh_env: dict[str, str], tmp_path: Path) -> None:
    env = {
        k: v for k, v in fresh_env.items() if not k.startswith(("PYTEST_ADDOPTS", "PYTEST_XDIST"))
    }
    env["TECTRA_BENCH_TINY"] = "1"
    command = [sys.executable, "-P", "-m", "pytest", "-q", str(path), "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, f"--rootdir={ROOT}", f"--basetemp={tmp_path}/b"],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert done.returncode in (os.EX_OK, 5), done.stdout[-4000:] + done.stderr[-2000:]
