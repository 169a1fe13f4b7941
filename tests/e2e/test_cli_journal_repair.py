"""`tectra journal repair` and what `journal verify` says before and after, as a user meets them."""

import shutil
from pathlib import Path

import pytest

from tectra.journal.segment import SegmentFile

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


def hurt(run: Path) -> Path:
    """Flip bytes of two records of the first segment."""
    path = run / "journal" / "segment-000001.ttj"
    file = SegmentFile(path)
    with path.open("r+b") as body:
        for slot in (10, 500):
            body.seek(file.offset_of(int(file.starts[slot])) + 40)
            body.write(b"\xff\xfe\xfd")
    return path


def test_repair_of_a_run(cli, finished: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    hurt(run)
    found = cli("journal", "verify", run, "--json")
    assert found.code == 1
    for fault in found.json["faults"]:
        assert (fault["segment"], fault["cause"]) == (1, "crc")
        assert fault["offset"] > 8192
        assert fault["text"].startswith(f"segment-000001.ttj, offset {fault['offset']}")
    out = run / "repaired"
    done = cli("journal", "repair", run, "-o", out, "--json")
    assert done.code == 0
    assert done.json["lost_records"] == len(done.json["holes"]) == 2
    assert [f["offset"] for f in found.json["faults"]] == [h["offset"] for h in done.json["holes"]]
    again = cli("journal", "verify", out)
    assert again.code == 0
    assert again.out.count("repaired: 1 record missing between") == 2
    twice = cli("journal", "repair", out, "-o", tmp_path / "twice")
    assert "0 slots found elsewhere, 2 holes" in twice.out
    assert not cli("journal", "repair", out, "--dry-run", "--json").json["changed"]


def test_repair_in_place(cli, finished: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    before = hurt(run).read_bytes()
    done = cli("journal", "repair", run, "--in-place")
    assert done.code == 0
    assert done.out.count("HOLE segment-000001.ttj, offset") == 2
    assert (run / "journal" / "damaged-1" / "segment-000001.ttj").read_bytes() == before
    assert cli("journal", "verify", run).code == 0


def test_mistakes(cli, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "x").write_text("x")
    (tmp_path / "file").write_text("x")
    cli("journal", "repair", finished).explained("give -o OUT", "--in-place", code=2)
    both = cli("journal", "repair", finished, "--in-place", "-o", tmp_path / "o")
    both.explained("not both", code=2)
    cli("journal", "repair", finished, "-o", tmp_path / "taken").explained("exists; give a new")
    cli("journal", "repair", tmp_path / "file", "-o", "o").explained("is not a directory")
    cli("journal", "repair", tmp_path / "none", "-o", "o").explained("it does not exist")
    cli("journal", "repair", tmp_path / "taken", "-o", "o").explained("no journal at")
    cli("journal", "repair", finished, "-o", "/dev/full/o").explained("cannot write")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "taken"]
