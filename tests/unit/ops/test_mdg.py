"""write_journal(): a directory that another writer took in the meantime stays."""

from pathlib import Path

import pytest

from tectra.core.errors import JournalError
from tectra.feed.history import SimulatedFeed
from tectra.feed.source import SourceFeed
from tectra.journal import JournalWriter
from tectra.journal.place import make_directories
from tectra.ops.cli import mdg


def test_one_that_begins_at_the_same_moment_keeps_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other comes between the look for a writer and the lock."""
    others: list[JournalWriter] = []

    def meanwhile(part: Path) -> list[Path]:
        made = make_directories(part)
        others.append(JournalWriter(part / "journal", session={}))
        return made

    monkeypatch.setattr(mdg, "make_directories", meanwhile)
    feed = SourceFeed(SimulatedFeed(["A"], seed=1, ticks=10), ["A"])
    with pytest.raises(JournalError):
        mdg.write_journal(tmp_path / "out", feed, seed=1, step=lambda *_: None)
    (other,) = others
    assert (tmp_path / "out.part" / "journal" / "manifest.json").exists()
    other.close()
    monkeypatch.undo()
    feed = SourceFeed(SimulatedFeed(["A"], seed=1, ticks=10), ["A"])
    assert mdg.write_journal(tmp_path / "out", feed, seed=1, step=lambda *_: None) > 0
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
