"""The command as a user runs it: in a process of its own, in an empty directory, on a short day."""

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import Cli, Done

from tectra.feed.synthetic import generate_day

STEADY = "tectra.strategy.sample.steady"


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic day of about 20,000 messages."""
    path = tmp_path_factory.mktemp("day") / "day.itch.gz"
    generate_day(path, seed=7, messages=20_000)
    return path


@pytest.fixture(scope="session")
def raw_day(day: Path) -> bytes:
    """The same day, unpacked."""
    return gzip.decompress(day.read_bytes())


@pytest.fixture
def cli(tmp_path: Path, fresh_env: dict[str, str]) -> Cli:
    """`cli("itch", "stats", path)`: the command in the test's own directory."""

    def run(*args: object, cwd: Path = tmp_path, **more: Any) -> Done:
        command = [sys.executable, "-m", "tectra", *map(str, args)]
        done = subprocess.run(
            command, cwd=cwd, env=fresh_env, capture_output=True, text=True, timeout=60, **more
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def finished(
    day: Path, tmp_path_factory: pytest.TempPathFactory, fresh_env: dict[str, str]
) -> Path:
    """The directory of a run that ended; tests copy it before they change it."""
    out = tmp_path_factory.mktemp("finished") / "run"
    done = subprocess.run(
        [sys.executable, "-m", "tectra", "backtest", STEADY, day, "--out", out],
        env=fresh_env, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out
