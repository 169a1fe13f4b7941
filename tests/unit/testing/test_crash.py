"""What a simulated crash leaves: always a prefix with everything that was safe."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from journal_image import scratch
from journal_records import stream

from tectra.core.rng import Random
from tectra.journal import JournalReader, JournalWriter
from tectra.testing.crash import cut_tail, damage_newest, lose_tail

RECORDS = stream(120, seed=4)
KEPT = 70


@pytest.fixture
def where() -> Iterator[Path]:
    with scratch() as path:
        yield path


@pytest.fixture
def journal(where: Path) -> Path:
    """The files of a writer that is at work, 120 records into its only segment."""
    writer = JournalWriter(where / "writer", session={"crash": 1}, segment_slots=512)
    for body in RECORDS:
        writer.append(body)
    shutil.copytree(where / "writer", where / "left", ignore=shutil.ignore_patterns("*.tmp"))
    writer.close()
    return where / "left"


def read(path: Path, *, strict: bool) -> list[bytes]:
    return [bytes(view) for _, view in JournalReader(path, strict=strict).records()]


@pytest.mark.parametrize(("crash", "strict"), [(cut_tail, True), (lose_tail, False)])
def test_what_was_safe_is_there_and_the_rest_is_a_prefix(crash, strict, journal, where):
    lengths = set()
    for seed in range(60):
        shutil.rmtree(where / "one", ignore_errors=True)
        shutil.copytree(journal, where / "one")
        in_danger = crash(where / "one", KEPT, Random(seed))
        assert in_danger == sum(len(r) // 64 for r in RECORDS[KEPT:])
        found = read(where / "one", strict=strict)
        assert found == RECORDS[: len(found)] and len(found) >= KEPT
        lengths.add(len(found))
    assert len(lengths) > 3 and min(lengths) < 80


@pytest.mark.parametrize("crash", [cut_tail, lose_tail])
def test_nothing_in_danger_is_nothing_changed(crash, journal):
    before = {p.name: p.read_bytes() for p in journal.iterdir()}
    assert crash(journal, len(RECORDS), Random(1)) == 0
    assert {p.name: p.read_bytes() for p in journal.iterdir()} == before


def test_the_newest_of_several_snapshots_is_damaged(tmp_path):
    paths = [tmp_path / f"engine-{n:020d}.tts" for n in (5, 9)]
    paths[0].write_bytes(bytes(100))
    assert damage_newest(tmp_path, Random(1)) is False
    paths[1].write_bytes(bytes(100))
    assert damage_newest(tmp_path, Random(1)) is True
    assert paths[0].read_bytes() == bytes(100)
    assert sum(b.bit_count() for b in paths[1].read_bytes()) == 1
