"""`tectra generate` and `tectra mdg`: the same for the same seed, valid, and nothing half done."""

import csv
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tectra.feed.bar_csv import read_bars

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(90)]


class TestGenerate:
    def test_itch(self, cli, tmp_path: Path):
        args = ("generate", "itch", "--messages", 20_000, "--symbols", 20, "--seed", 3, "--json")
        first = cli(*args, "-o", "a.itch").json
        second = cli(*args, "-o", "b.itch").json
        assert first["sha256"] == second["sha256"]
        assert (tmp_path / "a.itch").read_bytes() == (tmp_path / "b.itch").read_bytes()
        stats = cli("itch", "stats", "a.itch", "--strict", "--json").json
        assert stats["by_type"] == first["by_type"] and stats["symbols"] == 20
        cli(*args, "-o", "a.itch").explained("--force")
        assert cli(*args, "-o", "a.itch", "--force").code == 0
        cli(*args, "-o", "no/a.itch").explained("No such file")
        cli("generate", "itch", "-o", "c.itch", "--messages", 5).explained("messages", "allowed")
        assert not list(tmp_path.glob("*.part"))

    def test_flow(self, cli, tmp_path: Path):
        args = ("--messages", 3000, "--regime", "calm,thin@1", "--symbols", "A,B")
        done = cli("generate", "flow", "-o", "f", *args, "--truth", "truth.csv", "--json")
        assert done.json["records"] >= 2900
        assert "ok" in cli("journal", "verify", "f").out
        assert cli("replay", "verify", "f").code == 0
        with (tmp_path / "truth.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert {r["regime"] for r in rows} == {"calm", "thin"}
        assert {r["symbol"] for r in rows} == {"A", "B"}
        cli("generate", "flow", "-o", "f", *args).explained("is a directory")
        cli("generate", "flow", "-o", "g", "--regime", "wild").explained("wild", "calm")
        assert not (tmp_path / "g").exists()

    @pytest.mark.slow
    def test_ticks_and_bars(self, cli, tmp_path: Path):
        done = cli("generate", "ticks", "-o", "t.csv", "--messages", 5000, "--json")
        with (tmp_path / "t.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == done.json["ticks"] > 50
        assert {r["side"] for r in rows} >= {"buy", "sell"}
        times = [int(r["timestamp"]) for r in rows]
        assert times == sorted(times)
        assert cli("generate", "bars", "-o", "b.parquet", "--bars", 30, "--symbols", 2).code == 0
        bars = read_bars(tmp_path / "b.parquet")
        assert len(bars) == 60 and bars[0].symbol == "AAPL"
        assert bars[2].timestamp - bars[0].timestamp == 100_000_000

    @pytest.mark.slow
    def test_recording(self, cli, tmp_path: Path):
        done = cli("generate", "recording", "-o", "r", "--hours", 25, "--every", "10s", "--gap",
                   "bybit:100:200", "--json").json  # fmt: skip
        assert done["snapshots"] == 2 * 9000 - 10 and done["files"] == 8
        path = tmp_path / "r" / "binance" / "BTCUSDT" / "snapshots-2026-01-05.parquet"
        table = pq.read_table(path)
        assert table.num_rows == 8640 and len(table["bid_px"][0].as_py()) == 20
        assert not list((tmp_path / "r").rglob("*.part"))
        cli("generate", "recording", "-o", "q", "--gap", "x").explained("VENUE:BEGIN:END")
        cli("generate", "recording", "-o", "q", "--every", "7s").explained("divides")

    def test_ctrl_c_leaves_nothing(self, tmp_path: Path, fresh_env: dict[str, str]):
        command = [sys.executable, "-P", "-m", "tectra", "generate", "itch", "-o", "big.itch.gz",
                   "--messages", "200000000", "--symbols", "500"]  # fmt: skip
        with subprocess.Popen(
            command, cwd=tmp_path, env=fresh_env, stderr=subprocess.PIPE, text=True
        ) as child:
            while child.poll() is None and not list(tmp_path.glob("*.part")):
                pass
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=60)
        assert child.returncode == 130, err
        assert "Traceback" not in err
        assert not list(tmp_path.iterdir())


class TestMdg:
    def test_a_journal_that_verifies_and_replays(self, cli, tmp_path: Path):
        done = cli("mdg", "-o", "m", "--ticks", 50, "--symbols", "X,Y", "--seed", 4)
        assert done.code == 0 and "100 events" in done.out
        assert cli("journal", "verify", "m").code == 0
        replay = cli("replay", "verify", "m", "--json").json
        limits = cli("journal", "cat", "m", "--type", "control_limit", "--json").out
        assert replay["ok"] and replay["inputs"] == 102 + len(limits.splitlines())
        assert replay["summary"]["unknown_orders"] == 0
        cli("mdg", "-o", "m").explained("not empty")
        cli("mdg", "-o", "z", "--symbols", "0").explained("symbols")
        assert not (tmp_path / "z").exists() and not list(tmp_path.glob("*.part"))
