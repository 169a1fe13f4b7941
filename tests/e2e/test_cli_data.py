"""Commands that look at data: what they print, as text and as JSON, and that it is true."""

import csv
import gzip
import io
import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tectra.feed.itch_wire import SIZES

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

COMMANDS = ("backtest", "bench", "book", "demo", "itch", "journal", "replay")
HEAVY = {"numpy", "pyarrow", "asyncio", "rich", "msgspec", "multiprocessing", "tectra.core.errors"}


def by_hand(raw: bytes) -> dict[str, int]:
    """Messages by type, counted by walking the length prefixes."""
    counts: dict[str, int] = {}
    at = 0
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 2], "big")
        if size == 0:
            break
        code = chr(raw[at + 2])
        counts[code] = counts.get(code, 0) + 1
        assert size == SIZES[code]
        at += 2 + size
    return counts


class TestFront:
    def test_help_names_every_command(self, cli):
        done = cli("--help")
        assert done.code == 0 and not done.err
        listed = re.findall(r"^  (\w+)  +\S", done.out, re.MULTILINE)
        assert [c for c in listed if c in COMMANDS] == list(COMMANDS)

    def test_help_imports_nothing_heavy(self, fresh_env):
        program = (
            "import sys\n"
            "from tectra.ops.cli.main import main\n"
            "code = main(['--help'])\n"
            "print('\\nMODULES', *sys.modules)\n"
            "sys.exit(code)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], env=fresh_env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        modules = set(done.stdout.split("\nMODULES ")[1].split())
        assert "click" in modules
        assert not HEAVY & modules

    def test_version(self, cli):
        done = cli("--version")
        said = r"tectra (\d+\.\d+\.\d+\S*|from a checkout that is not installed)\n"
        assert done.code == 0 and re.fullmatch(said, done.out) and not done.err

    @pytest.mark.parametrize("name", COMMANDS)
    def test_help_of_each_command(self, cli, name):
        done = cli(name, "--help")
        assert done.code == 0 and "Usage: tectra " + name in done.out and not done.err

    @pytest.mark.parametrize(
        "args",
        [["nosuch"], ["itch"], ["itch", "nosuch"], ["book"], ["backtest"], ["--nosuch"]],
        ids=" ".join,
    )
    def test_wrong_usage(self, cli, args):
        done = cli(*args)
        assert "Usage: tectra" in done.explained(code=2)


class TestItch:
    def test_stats_as_a_table(self, cli, day, raw_day):
        done = cli("itch", "stats", day)
        assert done.code == 0 and not done.err
        shown = {m[0]: int(m[1].replace(",", "")) for m in re.findall(
            r"│ (\w) │ .*? │ +([\d,]+) │", re.sub(r" +", " ", done.out)
        )}  # fmt: skip
        assert shown == by_hand(raw_day)
        assert "symbols        6" in done.out and "session ended  yes" in done.out
        assert re.search(r"first, last    03:00:00\.000000000  20:05:00\.0{9}", done.out)

    def test_stats_as_json(self, cli, day, raw_day, tmp_path):
        plain = tmp_path / "01052026.NASDAQ_ITCH50"
        plain.write_bytes(raw_day)
        packed, unpacked = (cli("itch", "stats", p, "--json").json for p in (day, plain))
        assert packed["by_type"] == unpacked["by_type"] == by_hand(raw_day)
        assert packed["messages"] == sum(by_hand(raw_day).values())
        assert unpacked["bytes"] == unpacked["bytes_on_disk"] == packed["bytes"] == len(raw_day)
        assert packed["bytes_on_disk"] == day.stat().st_size
        assert packed["unknown"] == packed["malformed"] == packed["trailing_bytes"] == 0

    def test_a_cut_file(self, cli, raw_day, tmp_path):
        cut = tmp_path / "01052026.NASDAQ_ITCH50"
        cut.write_bytes(raw_day[:100_000])
        done = cli("itch", "stats", cut, "--json")
        assert done.code == 0 and "warning: " in done.err
        said = done.json
        assert said["trailing_offset"] + said["trailing_bytes"] == 100_000
        assert 0 < said["trailing_bytes"] < 52 and not said["end_of_session"]
        place = f"at offset {said['trailing_offset']:,}"
        assert place in done.err
        strict = cli("itch", "stats", cut, "--strict")
        assert f"{said['trailing_bytes']} bytes after the last whole message" in (
            strict.explained(place)
        )

    def test_a_cut_gzip(self, cli, day, tmp_path):
        cut = tmp_path / "cut.itch.gz"
        cut.write_bytes(day.read_bytes()[:50_000])
        cli("itch", "stats", cut, "--strict").explained(str(cut))

    def test_generate_is_deterministic(self, cli, tmp_path):
        options = ("--messages", 3000, "--symbols", "AA,BB", "--date", "2026-03-02")
        for name, seed in (("a.itch.gz", 5), ("b.itch.gz", 5), ("c.itch.gz", 6)):
            done = cli("itch", "generate", name, "--seed", seed, *options)
            assert done.code == 0 and name in done.out and not done.err
        a, b, c = ((tmp_path / f"{n}.itch.gz").read_bytes() for n in "abc")
        assert a == b and gzip.decompress(a) != gzip.decompress(c)
        said = cli("book", "a.itch.gz", "--symbol", "BB", "--at", "12:00", "--json").json
        assert said["utc"].startswith("2026-03-02T17:00:00"), "the date travels in the file"

    @pytest.mark.parametrize(
        ("args", "word"),
        [
            (["x.gz", "--messages", "5"], "2,000"),
            (["x.gz", "--date", "yesterday"], "YYYY-MM-DD"),
            (["x.gz", "--symbols", "A,A"], "each once"),
            (["nosuch/x.gz"], "nosuch"),
        ],
    )
    def test_generate_refuses(self, cli, args, word, tmp_path):
        cli("itch", "generate", *args).explained(word)
        assert not list(tmp_path.iterdir())


class TestBook:
    def test_ladder(self, cli, day):
        said = cli("book", day, "--symbol", "MSFT", "--at", "10:30:00", "--json").json
        assert said["symbol"] == "MSFT" and said["new_york"] == "10:30:00.000000000"
        bids = [float(row["bid"]) for row in said["levels"]]
        asks = [float(row["ask"]) for row in said["levels"]]
        assert len(bids) == 5
        assert bids == sorted(bids, reverse=True) and asks == sorted(asks) and bids[0] < asks[0]
        text = cli("book", day, "--symbol", "MSFT", "--at", "10:30").out
        assert "MSFT at 10:30:00.000000000 New York" in text
        assert said["levels"][0]["bid"] in text and said["levels"][4]["ask"] in text

    def test_every_change_in_three_forms_and_at(self, cli, day, tmp_path):
        base = ("book", day, "--symbol", "QQQ", "--levels", 2)
        text = cli(*base, "--every-change").out
        rows = list(csv.reader(io.StringIO(text)))
        said = cli(*base, "--every-change", "--json").json
        done = cli(*base, "--every-change", "--csv", "top.csv")
        assert f"{len(rows) - 1:,} distinct states of QQQ" in done.out
        assert (tmp_path / "top.csv").read_text().splitlines() == text.splitlines()
        assert sorted(p.name for p in tmp_path.iterdir()) == ["top.csv"]
        assert said["columns"] == rows[0]
        as_text = [["" if v is None else str(v) for v in state] for state in said["states"]]
        assert as_text == rows[1:] and len(rows) > 500
        assert all(a[1:] != b[1:] for a, b in pairwise(rows[1:]))
        times = [int(r[0]) for r in rows[1:]]
        assert times == sorted(times)
        ladder = cli(*base, "--at", "14:00:00", "--json").json
        last = [r for r in said["states"] if r[0] <= ladder["ts_event_ns"]][-1]
        shown = [v for row in ladder["levels"] for v in (
            row["ask"], row["ask_qty"], row["bid"], row["bid_qty"],
        )]  # fmt: skip
        assert shown == last[1:]

    def test_a_ladder_as_csv(self, cli, day, tmp_path):
        done = cli("book", day, "--symbol", "AMD", "--at", "11:00", "--csv", "ladder.csv")
        assert done.code == 0
        with (tmp_path / "ladder.csv").open() as file:
            rows = list(csv.DictReader(file))
        said = cli("book", day, "--symbol", "AMD", "--at", "11:00", "--json").json["levels"]
        assert rows == [{k: str(v) for k, v in level.items()} for level in said]

    def test_the_end_of_the_day_is_empty(self, cli, day):
        said = cli("book", day, "--symbol", "AAPL", "--json").json
        assert all(v in (None, 0) for level in said["levels"] for v in level.values())

    def test_an_unknown_symbol(self, cli, day):
        cli("book", day, "--symbol", "AAPLE").explained(day.name, "AAPLE;", "close matches: AAPL")

    @pytest.mark.parametrize("text", ["25:00", "10", "ten", "10:61", "-1:00", ""])
    def test_a_bad_time(self, cli, day, text):
        cli("book", day, "--symbol", "AAPL", f"--at={text}").explained("--at", "HH:MM:SS")

    @pytest.mark.parametrize(
        "args",
        [["--at", "10:00", "--every-change"], ["--levels", "0"], ["--levels", "many"]],
        ids=" ".join,
    )
    def test_options_that_exclude_each_other(self, cli, day, args):
        cli("book", day, "--symbol", "AAPL", *args).explained(code=2)

    def test_json_and_csv_exclude_each_other(self, cli, day, tmp_path):
        done = cli("book", day, "--symbol", "AAPL", "--json", "--csv", "x.csv")
        done.explained("exclude", code=2)
        assert not list(tmp_path.iterdir())


class TestDemo:
    def test_once(self, cli, tmp_path):
        done = cli("demo", "--json", "--out", "here")
        assert done.code == 0, done.err
        said = done.json
        engine = said["backtest"]["engine"]
        assert said["replay"]["ok"] and said["replay"]["difference"] is None
        assert said["replay"]["journal_digest"] == engine["output_digest"]
        assert said["replay"]["summary"]["output_digest"] == engine["output_digest"]
        assert said["journal"]["ok"] and said["data"]["messages"] > 200_000
        both = said["backtest"]["strategies"]
        assert set(both) == {"Cross", "Maker"} and all(s["fills"] > 0 for s in both.values())
        assert [t["figure"] for t in said["targets"]] == ["decode", "stream", "tick_to_order_p99"]
        for t in said["targets"]:
            ceiling = t["unit"] == "ns"
            assert t["met"] == (t["value"] <= t["goal"] if ceiling else t["value"] >= t["goal"])
        here = tmp_path / "here"
        for name in ("report.html", "trades.csv", "trades.parquet", "metrics.json", "journal"):
            assert (here / name).exists(), name
        metrics = json.loads((here / "metrics.json").read_text())
        assert metrics["engine"] == engine
        again = cli("demo", "--json", "--out", "here")
        again.explained("not empty")

    def test_three_processes(self, cli):
        before = set(Path("/dev/shm").glob("tectra-*"))
        done = cli("demo", "mvp", "--json")
        assert done.code == 0, done.err
        said = done.json
        # Counted by the process behind the verdict ring, and by the engine's histogram of orders.
        orders = next(s["count"] for s in said["latency"] if s["name"] == "order")
        assert said["verdicts"] == said["accepted"] + said["refused"] == orders > 1_000
        assert said["records"] > 200_000 and said["summary"]["book_errors"] == 0
        assert [t["figure"] for t in said["targets"]] == ["stream", "tick_to_order_p99"]
        assert set(Path("/dev/shm").glob("tectra-*")) <= before
