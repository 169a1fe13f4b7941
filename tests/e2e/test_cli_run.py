"""Runs: backtest, verify, replay; and runs that end early, whose journals are whole as well."""

import csv
import json
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pyarrow import parquet

from tectra.journal.manifest import Manifest
from tectra.paths import sample_day

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

STEADY = "tectra.strategy.sample.steady:Steady"

RAISES = """
import tectra as tt

class Fragile(tt.Strategy):
    at: int = tt.param(700, ge=1)

    def on_start(self, ctx):
        self.seen = 0

    def on_book_update(self, ctx, book):
        self.seen += 1
        if self.seen % 100 == 0 and book.tradeable:
            ctx.submit_order(book.instrument, tt.Side.BUY, qty=100)
        if self.seen == self.at:
            self.divide(0)

    def divide(self, n):
        return 1 / n

    def on_trade(self, ctx, trade): ...
    def on_fill(self, ctx, fill): ...
    def on_timer(self, ctx, timestamp): ...
    def on_params_update(self, params): ...
"""

SLOW = """
from pathlib import Path
import tectra as tt

class Slow(tt.Strategy):
    def on_start(self, ctx):
        self.seen = 0

    def on_book_update(self, ctx, book):
        self.seen += 1
        for _ in range(20_000):
            pass
        if self.seen % 50 == 0 and book.tradeable:
            ctx.submit_order(book.instrument, tt.Side.BUY, qty=1)
        if self.seen == 500:
            Path("underway").touch()

    def on_trade(self, ctx, trade): ...
    def on_fill(self, ctx, fill): ...
    def on_timer(self, ctx, timestamp): ...
    def on_params_update(self, params): ...
"""


@pytest.fixture
def run_dir(finished: Path, tmp_path: Path) -> Path:
    """A copy of a finished run."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def segments(run: Path) -> list[Path]:
    return sorted(p for p in (run / "journal").iterdir() if re.search(r"\d{4}", p.name))


class TestBacktest:
    def test_tables_and_files(self, cli, day, tmp_path):
        done = cli("backtest", STEADY, day, "--symbol", "AAPL", "--symbol", "AMD", "--out", "run")
        assert done.code == 0 and not done.err
        assert "Steady" in done.out and "prove it       tectra replay verify run" in done.out
        promise = "page-cache: a record survives SIGKILL of the writer"
        assert f"journal        run/journal; {promise}" in done.out
        assert f"durability {promise}" in cli("journal", "verify", "run").out
        run = tmp_path / "run"
        names = {p.name for p in run.iterdir()}
        assert names == {"report.html", "metrics.json", "trades.csv", "trades.parquet", "journal",
                         "strategies"}  # fmt: skip
        metrics = json.loads((run / "metrics.json").read_text())
        trades = parquet.read_table(run / "trades.parquet").to_pylist()
        with (run / "trades.csv").open() as file:
            rows = list(csv.DictReader(file))
        mine = metrics["strategies"]["Steady"]
        assert len(trades) == len(rows) == mine["fills"] > 5
        assert [int(r["exec_id"]) for r in rows] == [t["exec_id"] for t in trades]
        assert {t["symbol"] for t in trades} <= {"AAPL", "AMD"}
        assert mine["orders"] == sum(metrics["verdicts"].values())
        assert metrics["engine"]["output_digest"] in done.out

    def test_json_params_and_costs(self, cli, day, tmp_path):
        base = ("backtest", STEADY, day, "--symbol", "AAPL", "--json")
        first, again = cli(*base).json, cli(*base).json
        assert first["engine"] == again["engine"] and first["verdicts"] == again["verdicts"]
        often = cli(*base, "--param", "every=10", "--param", "size=7").json
        mine, theirs = often["strategies"]["Steady"], first["strategies"]["Steady"]
        assert mine["orders"] > 5 * theirs["orders"]
        assert float(mine["volume"]) % 7 == 0
        free = cli(*base, "--taker-fee", "0", "--maker-fee", "0").json["strategies"]["Steady"]
        assert float(free["fees"]) == 0 < float(theirs["fees"])
        late = cli(*base, "--entry-latency-us", "5000000").json
        assert late["engine"]["output_digest"] != first["engine"]["output_digest"]
        assert not list(tmp_path.iterdir()), "nothing is written without --out"

    def test_a_directory_that_holds_a_run(self, cli, day, run_dir):
        before = sorted(p.name for p in run_dir.iterdir())
        cli("backtest", STEADY, day, "--out", run_dir).explained(str(run_dir), "not empty")
        assert sorted(p.name for p in run_dir.iterdir()) == before
        file = run_dir / "metrics.json"
        cli("backtest", STEADY, day, "--out", file).explained("is a file")


class TestVerify:
    def test_whole(self, cli, run_dir):
        done = cli("journal", "verify", run_dir)
        assert done.code == 0 and done.out.rstrip().endswith("ok") and "closed" in done.out
        said = cli("journal", "verify", run_dir / "journal", "--json").json
        assert said["ok"] and said["closed"] and not said["faults"] and said["records"] > 20_000

    @pytest.mark.parametrize("share", [0.2, 0.6])
    def test_a_flipped_bit(self, cli, run_dir, share):
        said = cli("journal", "verify", run_dir, "--json").json
        target = segments(run_dir)[0]
        body = bytearray(target.read_bytes())
        slots_at = len(body) - len(body) % 64
        used = said["records"]
        place = _offset_of(target, int(used * share))
        assert place < slots_at
        body[place + 40] ^= 0x10
        target.write_bytes(body)
        done = cli("journal", "verify", run_dir)
        assert done.code == 1 and "Traceback" not in done.err
        fault = next(line for line in done.out.splitlines() if line.startswith("FAULT"))
        assert target.name in fault and str(place) in fault and re.search(r"seq\w* \d+", fault)
        again = cli("journal", "verify", run_dir, "--json")
        assert again.code == 1 and not again.json["ok"] and len(again.json["faults"]) >= 1
        cli("replay", "verify", run_dir).explained(target.name)

    @pytest.mark.parametrize("command", ["journal", "replay"])
    def test_no_journal(self, cli, tmp_path, command, day):
        cli(command, "verify", "nosuch").explained("nosuch")
        cli(command, "verify", tmp_path).explained(str(tmp_path))
        cli(command, "verify", day).explained(str(day))


def _offset_of(segment: Path, slot: int) -> int:
    from tectra.journal.segment import SegmentFile

    return SegmentFile(segment).offset_of(slot)


class TestReplay:
    def test_equal(self, cli, run_dir):
        done = cli("replay", "verify", run_dir)
        assert done.code == 0 and "equal: the replay said the same" in done.out
        said = cli("replay", "verify", run_dir, "--json").json
        metrics = json.loads((run_dir / "metrics.json").read_text())
        assert said["ok"] and said["ended"] and said["difference"] is None
        assert said["summary"] == metrics["engine"]
        assert said["outputs"] == metrics["engine"]["outputs"]
        assert said["summary"]["output_digest"] in done.out

    def test_until(self, cli, run_dir):
        whole = cli("replay", "verify", run_dir, "--json").json
        part = cli("replay", "verify", run_dir, "--until", "5000", "--json").json
        assert part["ok"] and part["until_seq"] == 5000
        assert 0 < part["inputs"] < whole["inputs"] and part["inputs"] + part["outputs"] <= 5000
        text = cli("replay", "verify", run_dir, "--until", "5000")
        assert text.code == 0 and "stopped after record 5000" in text.out

    def test_another_strategy_is_another_run(self, cli, run_dir):
        kept = run_dir / "strategies" / "1.py"
        source = kept.read_text()
        kept.write_text(source + "\n")
        cli("replay", "verify", run_dir).explained("its code is not the one that ran")


class TestRaises:
    def test_where_it_happened_and_how_to_come_back(self, cli, day, tmp_path):
        (tmp_path / "fragile.py").write_text(RAISES)
        done = cli("backtest", "fragile.py", day, "--out", "a run", "--param", "at=900")
        assert done.code == 1 and not (tmp_path / "a run" / "report.html").exists()
        assert "ZeroDivisionError" in done.err and "return 1 / n" in done.err
        assert ".pyx" not in done.err and "tectra/ops" not in done.err
        command = re.search(r"tectra (replay verify '.*' --until (\d+))", done.err)
        assert command, done.err
        seq = int(command[2])
        assert seq > 900 and f"record {seq}" in done.err.replace(",", "")
        assert cli("journal", "verify", "a run").code == 0
        back = cli("replay", "verify", "a run", "--until", seq)
        assert back.code == 0 and "ZeroDivisionError" in back.out and "reproduced" in back.out
        whole = cli("replay", "verify", "a run", "--json").json
        assert whole["ok"] and not whole["ended"] and "ZeroDivisionError" in whole["raised"]
        before = cli("replay", "verify", "a run", "--until", seq - 1, "--json").json
        assert before["ok"] and before["raised"] is None

    def test_without_a_directory(self, cli, day, tmp_path):
        (tmp_path / "fragile.py").write_text(RAISES)
        done = cli("backtest", "fragile.py", day, "--param", "at=1")
        assert done.code == 1 and "ZeroDivisionError" in done.err and "--out" in done.err


class TestStopped:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
    def test_a_signal_ends_a_run_at_once(self, cli, fresh_env, tmp_path, number):
        (tmp_path / "slow.py").write_text(SLOW)
        command = [sys.executable, "-m", "tectra", "backtest", "slow.py", str(sample_day())]
        with subprocess.Popen(
            [*command, "--out", "run"], cwd=tmp_path, env=fresh_env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            _wait_for(tmp_path / "underway", process)
            process.send_signal(number)
            try:
                out, err = process.communicate(timeout=30)
            finally:
                process.kill()
        assert process.returncode == 130 and "Traceback" not in err
        assert re.search(r"tectra: stopped on request after record \d+", err), (out, err)
        verified = cli("journal", "verify", "run", "--json").json
        assert verified["ok"] and verified["closed"] and verified["records"] > 500
        replayed = cli("replay", "verify", "run")
        assert replayed.code == 0 and "equal: the replay said the same" in replayed.out
        assert "did not come to its end" in replayed.out
        assert cli("replay", "verify", "run", "--json").json["outputs"] > 10


def _wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"{path} never came"


class TestFullDisk:
    @pytest.mark.parametrize("limit", [2_000, 1_000_000])
    def test_no_room_for_the_journal(self, cli, day, tmp_path, limit):
        def small_files() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        done = cli("backtest", STEADY, day, "--out", "run", preexec_fn=small_files)
        said = done.explained("no space for a segment", "run/journal", "free disk space")
        assert len(said.splitlines()) == 1, said
        assert "written before" not in said and not (tmp_path / "run").exists()
        manifest = tmp_path / "run" / "journal" / "manifest.json"
        assert not manifest.exists() or not Manifest.load(manifest.parent).closed
        assert not (tmp_path / "run" / "metrics.json").exists()
