"""Sessions as events on the command line: made from a run, listed, shown, searched, compared."""

import csv
import io
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from session_scene import write_tracker

from tectra.feed.synthetic import generate_day
from tectra.replay.capture import EventLogReader

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


@pytest.fixture(scope="module")
def made(tmp_path_factory, fresh_env) -> Path:
    """A directory with a run, and its events below data/sessions."""
    base = tmp_path_factory.mktemp("sessions")
    small_day = base / "01052026.NASDAQ_ITCH50.gz"
    generate_day(small_day, seed=7, symbols=("AAPL", "MSFT"), messages=6_000)
    strategy = write_tracker(base / "mine.py")
    for args in (
        ["backtest", strategy, small_day, "--symbol", "AAPL", "--out", "run"],
        ["session", "export", "run", "--id", "first"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "tectra", *map(str, args)],
            cwd=base, env=fresh_env, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert "before LZ4" in done.stdout
    return base


def test_where_it_lies_and_what_is_listed(cli, made):
    path = made / "data/sessions/first/events.msgpack.lz4"
    assert path.is_file()
    (row,) = cli("session", "ls", "--json", cwd=made).json
    assert row["session_id"] == "first" and row["bytes"] == path.stat().st_size
    assert row["events"] > 1_000 and row["mode"] == "delta" and row["cut"] is False
    text = cli("session", "show", path, cwd=made)
    assert text.code == 0 and "snapshot_interval  100" in text.out and "Tracker" in text.out


def test_the_state_at_an_event_and_at_a_time(cli, made):
    at = cli("session", "show", "first", "--at", 200, "--json", cwd=made).json
    assert at["sequence"] == 200 and set(at["state"]) >= {"orders", "positions", "market"}
    by_time = cli("session", "show", "first", "--at", at["time"], "--json", cwd=made).json
    assert by_time["sequence"] >= 200 and by_time["timestamp"] == at["timestamp"]


def test_events_of_a_kind_found_and_as_csv(cli, made):
    lines = cli("session", "events", "first", "--find", "entries", "--limit", 2, cwd=made)
    assert lines.code == 0 and len(lines.out.splitlines()) == 2 and "FILL" in lines.out
    rows = cli("session", "events", "first", "--type", "action", "--json", cwd=made).json
    assert rows and all("action" in r["kinds"] for r in rows)
    out = cli("session", "events", "first", "--csv", "--from", 10, "--to", 19, cwd=made).out
    assert [r["sequence"] for r in csv.DictReader(io.StringIO(out))] == [
        str(n) for n in range(10, 20)
    ]


def test_differences(cli, made):
    fill = cli("session", "events", "first", "--find", "fills", "--limit", 1, "--json", cwd=made)
    at = fill.json[0]["sequence"]
    found = cli("session", "diff", "first", at - 1, at, "--json", cwd=made).json
    assert any(row["path"].startswith("positions.1/AAPL") for row in found)


def test_full_and_recomputed(cli, made, tmp_path):
    for mode, indicators in (("full", "cache"), ("delta", "recompute")):
        done = cli(
            "session", "export", made / "run", "--id", mode, "--mode", mode, "--indicators",
            indicators, "--events", "all", "--interval", 50, "--json",
        )  # fmt: skip
        assert done.json["events"] > 2_000 and done.json["bytes"] > 0
    a = cli("session", "show", "full", "--at", 300, "--json").json
    b = cli("session", "show", "delta", "--at", 300, "--journal", made / "run", "--json").json
    assert a == b
    with EventLogReader(tmp_path / "data/sessions/delta/events.msgpack.lz4") as reader:
        assert "indicators" not in reader.event(300).state_after


def test_what_is_refused_is_said_in_one_line_and_leaves_no_trace(cli, made, tmp_path):
    again = cli("session", "export", "run", "--id", "first", cwd=made)
    again.explained("is there already", "another session id")
    cli("session", "export", made / "run", "--id", "../up").explained("session id")
    cli("session", "export", tmp_path / "none").explained("none")
    assert list(tmp_path.iterdir()) == []
    cli("session", "show", "nothing").explained("nothing", "tectra session ls")
    cli("session", "show", "first", "--at", 10**9, cwd=made).explained("allowed: 1 to")
    cli("session", "events", "first", "--find", "x", cwd=made).explained("criterion: found 'x'")


def test_a_run_whose_strategy_changed_makes_no_events(cli, made, tmp_path):
    shutil.copytree(made / "run", tmp_path / "run")
    with (tmp_path / "run" / "strategies" / "1.py").open("a") as file:
        file.write("# changed\n")
    cli("session", "export", tmp_path / "run").explained("its code is not the one that ran")
    assert not (tmp_path / "data").exists()


def test_a_cut_file_is_read_as_far_as_it_goes_and_said(cli, made, tmp_path):
    raw = (made / "data/sessions/first/events.msgpack.lz4").read_bytes()
    place = tmp_path / "data" / "sessions" / "cut"
    place.mkdir(parents=True)
    (place / "events.msgpack.lz4").write_bytes(raw[: len(raw) * 2 // 3])
    shown = cli("session", "diff", "cut", 1, 1)
    assert shown.out == "0 values differ between events 1 and 1\n"
    assert shown.code == 0 and "ends inside the block" in shown.err
    (place / "events.msgpack.lz4").write_bytes(raw[:40])
    listed = cli("session", "ls")
    assert listed.code == 1 and "sessions in" in listed.out and "ends before it says" in listed.err


def test_ctrl_c_leaves_no_trace(made, tmp_path, fresh_env):
    """Stopped as soon as it has begun to write."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tectra", "session", "export", str(made / "run"), "--events",
         "all", "--mode", "full"],
        cwd=tmp_path, env=fresh_env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    while process.poll() is None and not list(tmp_path.rglob("*.part")):
        pass
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err and "stopped" in err and list(tmp_path.iterdir()) == []
