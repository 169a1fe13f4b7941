"""`tectra trader record`: one journal with everything, which verifies, replays and recovers."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


def test_all_classes_of_records(cli, tmp_path: Path) -> None:
    done = cli("trader", "record", "-o", "r", "--seconds", 20, "--seed", 3, "--json")
    records = done.json["records"]
    for name in ("book_add", "order_send", "order_fill", "order_verdict", "control_kill"):
        assert records[name] > 0, name
    assert records["control_kill"] == 2 and records["config_change"] == 2
    assert cli("journal", "verify", "r").code == 0
    assert cli("replay", "verify", "r", "--no-guard").code == 0
    cli("trader", "record", "-o", "r").explained("not empty")
    again = cli("trader", "record", "-o", "s", "--seconds", 20, "--seed", 3, "--durability", "sync")
    assert again.code == 0 and "order_verdict" in again.out
    first, second = (sorted((tmp_path / n / "journal").glob("*.ttj")) for n in "rs")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_two_at_once(cli, tmp_path: Path, fresh_env: dict[str, str]) -> None:
    """The second is refused and takes nothing from the first, which leaves nothing when stopped."""
    command = [sys.executable, "-P", "-m", "tectra", "trader", "record", "-o", "r"]
    with subprocess.Popen(
        [*command, "--seconds", "86400"], cwd=tmp_path, env=fresh_env, stderr=subprocess.PIPE
    ) as first:
        journal = tmp_path / "r.part" / "journal"
        while first.poll() is None and not (journal / "manifest.json").exists():
            pass
        cli("trader", "record", "-o", "r").explained("being written by another process")
        assert (journal / "manifest.json").exists()
        first.send_signal(signal.SIGINT)
        _, err = first.communicate(timeout=60)
    assert first.returncode == 130, err
    assert not list(tmp_path.iterdir())


def test_snapshots_on_a_cadence(cli, day: Path, tmp_path: Path) -> None:
    run = ("backtest", "tectra.strategy.sample.steady", day)
    done = cli(*run, "--snapshot-every", 1000, "--out", "b")
    assert done.code == 0, done.err
    assert list((tmp_path / "b" / "snapshots" / "journal").glob("*.tts"))
    found = cli("journal", "recover", "b", "--json").json
    assert found["snapshot"] is not None
    cli(*run, "--snapshot-every", -1).explained("--snapshot-every", code=2)
