"""`tectra journal snapshot` and `tectra journal recover`, on runs and on what is left of them."""

import shutil

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


@pytest.fixture
def run_dir(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def test_snapshot_then_recover(cli, run_dir):
    whole = cli("journal", "recover", run_dir, "--json").json
    assert whole["snapshot"] is None and not whole["armed"]
    assert whole["tail_records"] == whole["ring_seq"] == whole["journal_seq"]
    made = cli("journal", "snapshot", run_dir, "--at", 5_000, "--json").json
    assert made["ring_seq"] >= 5_000
    text = cli("journal", "snapshot", run_dir, "--compression", "zstd", "--at", 9_000).out
    assert "state behind record 9" in text
    found = cli("journal", "recover", run_dir / "journal", "--json").json
    assert found["snapshot_seq"] >= 9_000 and found["refused"] == []
    for name in ("output_digest", "positions", "open_orders", "ring_seq", "now_ns"):
        assert found[name] == whole[name]
    assert found["positions"]
    lines = cli("journal", "recover", run_dir).out.splitlines()
    assert "engine-0000000000000000" in lines[0] and lines[-1].startswith("disarmed")
    assert cli("journal", "recover", run_dir, "--from-start").out.count("from the beginning") == 1
    assert cli("journal", "verify", run_dir).out.splitlines()[-1] == "ok"


def test_a_damaged_snapshot_is_told(cli, run_dir):
    cli("journal", "snapshot", run_dir, "--at", 5_000)
    (path,) = (run_dir / "snapshots" / "journal").glob("*.tts")
    path.write_bytes(path.read_bytes()[:1000])
    done = cli("journal", "recover", run_dir)
    assert done.code == 0 and f"passed over {path.name}" in done.out


def test_what_cannot_be_recovered(cli, run_dir, tmp_path):
    cli("journal", "recover", tmp_path / "nothing").explained("no journal", code=1)
    cli("journal", "snapshot", tmp_path).explained("no journal", code=1)
    cli("journal", "snapshot", run_dir, "--at", 10**9).explained("allowed in", "1 to")
    segment = min((run_dir / "journal").glob("segment-*.ttj"))
    raw = bytearray(segment.read_bytes())
    raw[-20_000] ^= 1
    segment.write_bytes(raw)
    cli("journal", "recover", run_dir).explained("journal verify", code=1)
    text = cli("journal", "recover", run_dir, "--until-damage").out
    assert "taken up to the damage: " in text and segment.name in text
    found = cli("journal", "recover", run_dir, "--until-damage", "--json").json
    assert found["journal_seq"] == found["damage"]["ring_seq"] - 1
