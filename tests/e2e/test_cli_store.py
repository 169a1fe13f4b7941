"""import, export, data ls and data validate, as a user runs them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tectra.feed.synthetic import generate_day, generate_messages
from tectra.feed.tick_store import TickStore

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SOME = ("2026-01-05T15:00", "2026-01-05T16:00")


@pytest.fixture
def dated(day: Path, tmp_path: Path) -> Path:
    """A directory of two days of ITCH and a text."""
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(day, folder / "01052026.NASDAQ_ITCH50.gz")
    generate_day(folder / "01062026.NASDAQ_ITCH50.gz", seed=3, messages=2000, date="2026-01-06")
    (folder / "notes.txt").write_text("nothing\n")
    return folder


@pytest.fixture
def store(cli, dated: Path, tmp_path: Path) -> Path:
    done = cli("import", dated / "*.gz", "--into", "st")
    assert done.code == 0, done.err
    assert done.out.count("taken in") == 2 and "tectra data ls st" in done.out
    return tmp_path / "st"


def test_import_ls_export_validate(cli, store: Path, dated: Path, tmp_path: Path) -> None:
    again = cli("import", dated / "*.gz", "--into", "st", "--json").json
    assert [f["skipped"] for f in again["files"]] == [True, True]
    listed = cli("data", "ls", "st", "in", "--json").json
    kinds = [(Path(d["path"]).name, d["format"]) for d in listed["data"]]
    assert kinds[0] == ("st", "store") and [k for _, k in kinds[1:]] == ["itch", "itch"]
    assert listed["data"][0]["records"] == sum(d["records"] for d in listed["data"][1:])
    assert [Path(p).name for p in listed["no_market_data"]] == ["notes.txt"]
    text = cli("data", "ls", "st", "in")
    assert "6 symbols: AAPL, AMD" in text.out and "notes.txt" in text.err

    start, end = SOME
    done = cli("export", "st", "-o", "x.parquet", "--format", "parquet", "--symbols", "AAPL,MSFT",
               "--from", start, "--to", end)  # fmt: skip
    assert done.code == 0, done.err
    assert (tmp_path / "x.parquet.validation.json").is_file()
    some = cli("data", "ls", "x.parquet", "--json").json["data"][0]
    assert set(some["symbols"]) <= {"AAPL", "MSFT"} and 0 < some["records"] < 20_000

    done = cli("data", "validate", "st", "--html", "q.html", "--json")
    assert done.code == 0, done.err
    report = done.json["reports"][0]
    assert done.json["passed"] and report["validation"]["counts"].keys() == {"time_gap"}
    assert report["quality"]["symbols"][0]["spread_px"]["p50"] > 0
    page = (tmp_path / "q.html").read_text()
    assert page.count("<svg") == 2 and "http" not in page and "<script" not in page
    strict = cli("data", "validate", "st", "--strict")
    assert strict.code == 1 and "FAILED" in strict.out and "time_gap" in strict.out


def test_ls_names_a_directory_without_data(cli, tmp_path: Path) -> None:
    (tmp_path / "weeks" / "venue").mkdir(parents=True)
    done = cli("data", "ls", "weeks")
    assert done.code == 0 and "1 files are no market data that tectra reads: weeks" in done.err


def test_what_the_reader_passed_over_is_told(cli, raw_day: bytes, tmp_path: Path) -> None:
    """A day cut inside a message, and a damaged row left out on request, do not pass silently."""
    (tmp_path / "01052026.itch").write_bytes(raw_day[:100_001])
    told = "01052026.itch: {} passed over: trailing_bytes"
    listed = cli("data", "ls", "01052026.itch", "--json").json["data"][0]
    left = listed["faults"]["trailing_bytes"]
    assert 0 < left < 50
    for command in (
        ("data", "ls", "01052026.itch"),
        ("import", "01052026.itch", "--into", "cut"),
        ("export", "01052026.itch", "-o", "cut.parquet", "--format", "parquet"),
    ):
        done = cli(*command)
        assert done.code == 0 and told.format(left) in done.err, done
    done = cli("export", "01052026.itch", "-o", "cut.itch", "--format", "itch", "--json")
    assert done.json["faults"] == {"trailing_bytes": left}

    rows = ["time,price,size", *(f"2026-01-05T15:00:0{i},10.5,{i + 1}" for i in range(5))]
    rows[3] = rows[3].replace("10.5", "ten")
    (tmp_path / "trades.csv").write_text("\n".join([*rows, ""]))
    done = cli("import", "trades.csv", "--into", "bad", "--option", "strict=false", "--json")
    assert done.code == 0 and done.json["files"][0]["faults"] == {"not_a_number": 1}
    assert "trades.csv: 1 passed over: not_a_number" in done.err


def test_a_backtest_takes_parquet_only_with_its_report(cli, day: Path, tmp_path: Path) -> None:
    assert cli("export", day, "-o", "x.parquet", "--format", "parquet").code == 0
    command = ("backtest", "tectra.strategy.sample.steady", "x.parquet", "--json")
    assert cli(*command).code == 0
    (tmp_path / "x.parquet.validation.json").unlink()
    refused = cli(*command)
    refused.explained("no validation report", "tectra data validate x.parquet")
    assert cli(*command, "--allow-unvalidated").code == 0
    assert cli("data", "validate", "x.parquet").code == 0
    assert cli(*command).code == 0


@pytest.mark.slow
def test_a_backtest_over_a_store_equals_one_over_the_file(cli, day: Path) -> None:
    assert cli("import", day, "--into", "st").code == 0
    runs = [cli("backtest", "tectra.strategy.sample.steady", data) for data in (day, "st")]
    said = [[x for x in run.out.splitlines() if x.startswith("verdicts")] for run in runs]
    assert said[0] == said[1] and said[0]


def test_damage_is_told_by_block_and_fails(cli, store: Path) -> None:
    part = next(store.glob("*/*/*.ttk"))
    data = bytearray(part.read_bytes())
    data[200] ^= 1
    part.write_bytes(data)
    done = cli("data", "validate", "st")
    assert done.code == 1 and "block 0" in done.err and "records_lost" in done.out
    cli("export", "st", "-o", "x.parquet", "--format", "parquet").explained("block 0", "checksum")
    assert not Path("x.parquet").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("import", "none*.gz", "--into", "st"), ("found no file",)),
        (("import", "none.gz", "--into", "st"), ("found no file",)),
        (("import", "{day}", "--into", "{day}"), ("is not a directory",)),
        (("import", "{day}", "--into", "st", "--symbols", "AAPLE"), ("close matches", "AAPL")),
        (("import", "{day}", "--into", "st", "--from", "soon"), ("allowed: 2012-06-21",)),
        (("import", "{day}", "--into", "st", "--option", "x"), ("NAME=VALUE",)),
        (("import", "{day}", "--into", "st", "--format", "word"), ("word", "itch")),
        (("export", "{day}", "-o", "no/x.parquet", "--format", "parquet"), ("no directory no",)),
        (("export", "{day}", "-o", "x", "--format", "itchy"), ("itchy", "parquet")),
        (("export", "none", "-o", "x", "--format", "parquet"), ("none",)),
        (("data", "validate", "none"), ("none",)),
        (("data", "validate", "{day}", "--gap", "0"), ("gap_ns",)),
        (("data", "validate", "{day}", "--fail-on", "all"), ("time_gap",)),
        (("data", "ls", "none"), ("none",)),
    ],
)
def test_what_cannot_be_is_explained_and_leaves_nothing(
    cli, day: Path, tmp_path: Path, words: tuple[str, ...], said: tuple[str, ...]
) -> None:
    done = cli(*(str(day) if w == "{day}" else w for w in words))
    done.explained(*said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ("export", "{day}", "-o", "pipe", "--format", "parquet"),
        ("data", "validate", "{day}", "--html", "pipe"),
    ],
)
def test_a_device_or_pipe_keeps_its_place(
    cli, day: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """A rename over it would turn a device of the machine into a file."""
    os.mkfifo(tmp_path / "pipe")
    cli(*(str(day) if w == "{day}" else w for w in words)).explained("pipe")
    assert (tmp_path / "pipe").is_fifo() and len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
def test_a_file_that_is_none_does_not_stop_the_others(cli, dated: Path, tmp_path: Path) -> None:
    done = cli("import", dated / "*", "--into", "st")
    assert done.code == 1 and "notes.txt" in done.err and done.out.count("taken in") == 2
    assert TickStore(tmp_path / "st").size.records > 20_000


@pytest.mark.slow
def test_dates_in_names_save_reading(cli, dated: Path, tmp_path: Path) -> None:
    done = cli("import", dated / "*.gz", "--into", "st", "--to", "2026-01-02")
    done.explained("outside")
    done = cli("import", dated / "*.gz", "--into", "st", "--to", "2026-01-04")
    assert done.code == 0 and "1 files passed over" in done.err


def test_ctrl_c_stops_and_the_same_command_goes_on(
    cli, tmp_path: Path, fresh_env: dict[str, str]
) -> None:
    day = tmp_path / "01052026.itch"
    day.write_bytes(generate_messages(1_600_000, seed=2))
    command = [sys.executable, "-m", "tectra", "import", str(day), "--into", "st"]
    child = subprocess.Popen(
        command, cwd=tmp_path, env=fresh_env, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "st" / "store.json").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGINT)
    said = child.communicate(timeout=60)[1]
    assert child.returncode == 130 and "run the same command again" in said
    assert "Traceback" not in said
    kept = TickStore(tmp_path / "st")
    assert not kept.verify() and kept.size.records > 0
    assert cli("import", day, "--into", "st").code == 0
    cli("import", day, "--into", "whole")
    trees = [
        {p.relative_to(tmp_path / s): p.read_bytes() for p in (tmp_path / s).rglob("*.ttk")}
        for s in ("st", "whole")
    ]
    assert trees[0] == trees[1] and len(trees[0]) > 2
