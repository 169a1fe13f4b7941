"""Corners of the command: odd paths, files that end in the middle, bytes that contradict
themselves.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from trading import write_strategy

from tectra.journal.verify import verify

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(60)]

STEADY = "tectra.strategy.sample.steady"


def test_a_path_with_brackets_is_printed_as_it_is(cli, day, tmp_path):
    name = "[red]run[/red]-" + "long" * 30
    done = cli("backtest", STEADY, day, "--symbol", "AAPL", "--out", name)
    assert done.code == 0, done.err
    assert f"tectra replay verify {name}" in done.out.replace("'", "")


def test_a_ladder_that_cannot_be_finished_leaves_no_file(cli, day, tmp_path):
    whole = day.read_bytes()
    cut = tmp_path / "cut.itch.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    done = cli("book", cut, "--symbol", "AAPL", "--every-change", "--csv", tmp_path / "b.csv")
    done.explained("gzip stream ends")
    assert [p.name for p in tmp_path.iterdir()] == ["cut.itch.gz"]


@pytest.mark.parametrize("at", ["00:00", "23:59:59.5"])
def test_a_ladder_before_and_after_everything_is_empty(cli, day, at):
    told = cli("book", day, "--symbol", "AAPL", "--at", at, "--json").json
    assert not any(r["bid"] or r["ask"] for r in told["levels"])


def message(kind: bytes, size: int) -> bytes:
    return size.to_bytes(2, "big") + kind + bytes(size - 1)


@pytest.mark.parametrize(
    "broken",
    [message(b"z", 20), message(b"A", 20), message(b"S", 40)],
    ids=["type", "short", "long"],
)
def test_an_unknown_type_and_a_length_that_contradicts(cli, raw_day, tmp_path, broken):
    first = 2 + int.from_bytes(raw_day[:2], "big")
    wrong = tmp_path / "wrong.itch"
    wrong.write_bytes(raw_day[:first] + broken + raw_day[first:])
    told = cli("itch", "stats", wrong)
    assert "Traceback" not in told.err and re.search("type", told.err), told.err
    cli("itch", "stats", wrong, "--strict").explained("type")
    run = cli("backtest", STEADY, wrong, "--date", "2026-01-05", "--out", "run")
    assert "Traceback" not in run.err


@pytest.mark.parametrize("where", [".", "journal"])
def test_verify_takes_a_run_and_its_journal(cli, finished, where):
    assert cli("journal", "verify", finished / where).out.splitlines()[-1] == "ok"
    assert "equal: the replay said the same" in cli("replay", "verify", finished / where).out


def test_until_is_a_number_of_a_record(cli, finished):
    assert cli("replay", "verify", finished, "--until", "-1").code == 2


STUCK = """self.updates += 1
        while self.updates == 300:
            open("here", "w").close()"""


def test_a_second_interrupt_ends_a_callback_that_never_returns(day, tmp_path, fresh_env):
    write_strategy(tmp_path / "stuck.py", instead="self.updates += 1", by=STUCK)
    command = [sys.executable, "-m", "tectra", "backtest", "stuck.py", str(day), "--out", "run"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=fresh_env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        try:
            _until((tmp_path / "here").exists)
            for patience_s in (1, 10, 10):  # signals of one kind that wait together are one
                process.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=patience_s)
                    break
        finally:
            process.kill()
        said = process.stderr.read().decode()
    assert process.returncode == 130 and "Traceback" not in said
    report = verify(tmp_path / "run" / "journal")
    assert report.ok and report.closed and report.records > 300


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        os.sched_yield()
