"""What the command says on the side: levels by option or environment, JSON for machines, and
nothing of it on standard output.
"""

import json
import subprocess
import sys

import pytest
from trading import write_strategy

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

TALKER = """
import logging
import tectra as tt

class Talker(tt.Strategy):
    def on_start(self, ctx):
        for level in ("debug", "info", "warning", "error"):
            getattr(logging.getLogger("tectra.mine"), level)("line one\\nline two of %s", level)
    def on_book_update(self, ctx, book): pass
    def on_trade(self, ctx, trade): pass
    def on_fill(self, ctx, fill): pass
    def on_timer(self, ctx, timestamp): pass
    def on_params_update(self, params): pass
"""


@pytest.fixture
def talker(tmp_path):
    file = tmp_path / "talker.py"
    file.write_text(TALKER)
    return file


def said(text: str) -> list[str]:
    return [line.split()[1] for line in text.splitlines() if "line one" in line]


@pytest.mark.parametrize(
    ("level", "want"),
    [("debug", ["DEBUG", "INFO", "WARN", "ERROR"]), ("error", ["ERROR"]), (None, ["WARN", "ERROR"]),
     ("error,tectra.mine=info", ["INFO", "WARN", "ERROR"])],
)  # fmt: skip
def test_levels(cli, day, talker, level, want):
    options = () if level is None else ("--log-level", level)
    done = cli(*options, "backtest", talker, day, "--symbol", "AAPL")
    assert done.code == 0 and said(done.err) == want
    assert "line one" not in done.out and "\x1b" not in done.err


def test_lines_for_machines(cli, day, talker):
    done = cli("--log-json", "backtest", talker, day, "--symbol", "AAPL")
    lines = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    mine = [line for line in lines if line["module"] == "tectra.mine"]
    assert [line["level"] for line in mine] == ["warn", "error"]
    assert mine[0]["message"] == "line one\nline two of warning"


def test_the_environment_is_asked_and_the_option_wins(day, talker, tmp_path, fresh_env):
    command = [sys.executable, "-m", "tectra"]
    for options, want in (([], ["ERROR"]), (["--log-level", "warn"], ["WARN", "ERROR"])):
        done = subprocess.run(
            [*command, *options, "backtest", str(talker), str(day), "--symbol", "AAPL"],
            env=fresh_env | {"TECTRA_LOG": "error"}, capture_output=True, text=True, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0 and said(done.stderr) == want


def test_a_wrong_level_is_explained(cli, day, tmp_path):
    file = write_strategy(tmp_path / "mine.py")
    done = cli("--log-level", "loud", "backtest", file, day)
    done.explained("'loud'", "allowed: debug, info, warn")


def test_help_says_how(cli):
    assert "--log-level" in cli("--help").out and "TECTRA_LOG" not in cli("--help").err
