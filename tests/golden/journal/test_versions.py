"""Journals of every version that was ever written open, verify and replay to the recorded digest.

`TECTRA_UPDATE_GOLDEN=1 pytest tests/golden/journal` makes the archives that are missing, for a new
version; it never changes one that is there.
"""

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest
from journal_records import read_model
from journal_versions import MAKERS, pack, picture, unpack

from tectra.journal import JournalReader, repair, verify
from tectra.journal.segment import SegmentFile
from tectra.replay import verify_replay

HERE = Path(__file__).parent
EXPECTED = HERE / "expected.json"
ARCHIVE_MAX = 60 * 1024


def archive(name: str) -> Path:
    return HERE / f"{name}.tar.gz"


def make(name: str, where: Path) -> None:
    """A new archive, and what it must give."""
    where.mkdir()
    MAKERS[name](where / name)
    archive(name).write_bytes(pack(where / name))
    journal = where / name / "journal" if name.endswith("-run") else where / name
    expected = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    expected[name] = picture(JournalReader(journal))
    EXPECTED.write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


@pytest.fixture(params=MAKERS)
def name(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    found = str(request.param)
    if not archive(found).exists() and os.environ.get("TECTRA_UPDATE_GOLDEN") == "1":
        make(found, tmp_path / "made")
    return found


@pytest.fixture
def journal(name: str, tmp_path: Path) -> Path:
    path = unpack(archive(name), tmp_path / name)
    return path / "journal" if name.endswith("-run") else path


def test_opens_verifies_and_gives_the_recorded_digests(name: str, journal: Path) -> None:
    assert archive(name).stat().st_size <= ARCHIVE_MAX
    report = verify(journal)
    assert report.ok, list(report.lines())
    assert picture(JournalReader(journal)) == json.loads(EXPECTED.read_text())[name]
    for path in journal.glob("*.ttj"):
        found, closed = read_model(path)
        assert closed
        assert found == [bytes(SegmentFile(path).slots[a:b].reshape(-1)) for a, b in spans(path)]


def spans(path: Path) -> list[tuple[int, int]]:
    file = SegmentFile(path)
    edges = [*file.starts.tolist(), file.valid]
    return list(pairwise(edges))


def test_repairs_to_itself(journal: Path, tmp_path: Path) -> None:
    assert not repair(journal, tmp_path / "out").changed
    names = {p.name for p in journal.iterdir()}
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == {
        n: (journal / n).read_bytes() for n in names
    }


@pytest.mark.timeout(30)
def test_recorded_run_replays_equal(tmp_path: Path) -> None:
    path = unpack(archive("schema2-format2-run"), tmp_path / "run")
    report = verify_replay(path)
    assert report.ok, list(report.lines())
    assert report.ended
    assert report.outputs > 50
    assert report.journal_digest == report.summary.output_digest
