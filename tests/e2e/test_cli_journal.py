"""The commands on journals in a process of their own: how they wait, follow, stop and end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tectra.core.record import encode
from tectra.journal import JournalWriter, verify

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

T = 1_767_600_000_000_000_000


def timer(seq: int, hours: int = 0) -> bytes:
    return encode("timer", ring_seq=seq, ts_recv_ns=T + hours * 3_600_000_000_000)


def test_the_journal_of_a_run(cli, finished: Path, tmp_path: Path) -> None:
    assert cli("journal", "cut", finished, "-o", "j", "--seq", ":2000").code == 0
    assert cli("journal", "compact", "j").code == 0
    segment = cli("journal", "ls", "j", "--json").json["segments"][0]
    assert (segment["packed"], segment["index"], segment["last_ring_seq"]) == (True, "ok", 1999)
    rows = cli("journal", "orders", "j", "--order", 1, "--json").out.splitlines()
    assert json.loads(rows[0])["event_type"] == "intent_submit"
    assert verify(tmp_path / "j").ok
    replayed = cli("replay", "verify", "j")
    assert replayed.code == 0, replayed.err


def test_one_stray_name_makes_no_list_of_millions(cli, tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "j", session={}, segment_slots=8) as writer:
        writer.append(timer(1))
    (tmp_path / "j" / "segment-4000000000.ttj").write_bytes(b"")
    said = cli("journal", "ls", "j", "--json")
    assert said.code == 1
    rows = said.json["segments"]
    assert [row["state"] for row in rows] == ["closed", "missing", "damaged"]
    assert "nor any up to segment-3999999999.ttj" in rows[1]["fault"]


def test_in_flight_takes_what_it_says_or_refuses(cli, finished: Path) -> None:
    for option in (("--from", "2026-01-05"), ("--to", "2026-01-05"), ("--seq", "1:2")):
        refused = cli("journal", "orders", finished, "--in-flight", *option)
        assert refused.code == 2 and option[0] in refused.err
    rows = cli("journal", "orders", finished, "--order", 1, "--json").out.splitlines()
    sent = next(row for row in map(json.loads, rows) if row["status"] == "SENT")
    part = f":{sent['metadata']['ring_seq'] + 1}"
    assert cli("journal", "cut", finished, "-o", "part", "--seq", part).code == 0
    every = cli("journal", "orders", "part", "--in-flight", "--json").out.splitlines()
    assert every
    some = cli("journal", "orders", "part", "--in-flight", "--strategy", 2, "--json")
    assert (some.code, some.out) == (0, "")
    one = cli("journal", "orders", "part", "--in-flight", "--strategy", 1, "--limit", 1, "--json")
    assert one.out.splitlines() == every[:1]


@pytest.mark.parametrize("command", ["ls", "verify", "repair", "compact"])
def test_output_that_nobody_reads_is_no_failure(
    fresh_env: dict[str, str], tmp_path: Path, command: str
) -> None:
    """`tectra journal verify | head -1` must not say that the journal is damaged."""
    with JournalWriter(tmp_path / "j", session={}, segment_slots=8) as writer:
        writer.append(timer(1))
    args = ["--dry-run"] if command in ("repair", "compact") else []
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tectra", "journal", command, "j", *args],
        cwd=tmp_path, env=fresh_env, stdout=writing, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def _start(fresh_env: dict[str, str], cwd: Path, *args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tectra", *map(str, args)], cwd=cwd, env=fresh_env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_a_pace_is_kept_and_ctrl_c_ends_it(fresh_env, tmp_path: Path) -> None:
    """Two records an hour apart: the first is printed, the second is waited for."""
    with JournalWriter(tmp_path / "j", session={}, segment_slots=8) as writer:
        writer.append(timer(1))
        writer.append(timer(2, hours=1))
    child = _start(fresh_env, tmp_path, "wal", "replay", "j", "--speed", "10x")
    with child:
        assert child.stdout is not None
        assert child.stdout.readline().split()[0] == "1"
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert (child.returncode, out) == (130, "")
    assert "after 1 events" in err
    assert "Traceback" not in err


def test_follow_shows_what_comes(fresh_env, tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "j", session={}, segment_slots=8) as writer:
        writer.append(timer(1))
        child = _start(fresh_env, tmp_path, "journal", "cat", "j", "--follow")
        with child:
            assert child.stdout is not None
            seen = [child.stdout.readline()]
            for seq in range(2, 7):
                writer.append(timer(seq))
                seen.append(child.stdout.readline())
            writer.close()
            rest, err = child.communicate(timeout=30)
    assert [line.split()[0] for line in seen] == ["1", "2", "3", "4", "5", "6"]
    assert (child.returncode, rest, err) == (0, "", "")


def test_a_closed_pipe_is_no_error(fresh_env, finished: Path) -> None:
    child = _start(fresh_env, finished, "journal", "cat", ".")
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr is not None
        err = child.stderr.read()
    assert (child.returncode, err) == (0, "")
