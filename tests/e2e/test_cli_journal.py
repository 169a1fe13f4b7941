"""The commands on journals in a process of their own: how they wait, follow, stop and end."""

import json
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
