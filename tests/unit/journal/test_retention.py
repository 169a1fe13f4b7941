"""Compacting, also under a writer, and pruning: what is done, and what is never touched."""

import os
import random
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from journal_records import as_slots, stream

from tectra.core.errors import InputError, JournalCorruptError, JournalError
from tectra.journal import JournalQuery, JournalReader, JournalWriter, Manifest, Query, verify
from tectra.journal.pack import PackLock
from tectra.journal.retention import compact_journal, find_journals, prune_journals
from tectra.journal.segment import SegmentFile, segment_paths

RECORDS = stream(400, seed=9)
OLD_NS, NOW_NS = 1_000_000_000 * 10**9, 1_700_000_000 * 10**9


def make(path: Path, *, closed: bool = True, when_ns: int = OLD_NS) -> Path:
    with JournalWriter(path, session={}, segment_slots=100) as writer:
        writer.append_many(as_slots(RECORDS))
        writer.close({})
    if not closed:
        manifest = Manifest.load(path)
        msgspec.structs.replace(manifest, closed=False, result=None).save(path)
    for file in path.iterdir():
        os.utime(file, ns=(when_ns, when_ns))
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("old") / "j")


@pytest.fixture
def journal(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "j"))


def test_compacting_packs_and_indexes_once(journal: Path) -> None:
    steps = []
    planned = compact_journal(journal, dry_run=True)
    assert {p.suffix for p in segment_paths(journal).values()} == {".ttj"}
    done = compact_journal(journal, progress=lambda *at: steps.append(at))
    assert [(d.packed, d.indexed, d.left) for d in done] == [(True, True, "")] * len(done)
    assert [(d.segment_id, d.packed, d.indexed) for d in planned] == [
        (d.segment_id, d.packed, d.indexed) for d in done
    ]
    assert steps == [(n, len(done)) for n in range(1, len(done) + 1)]
    assert {p.suffix for p in segment_paths(journal).values()} == {".zst"}
    assert [d.bytes_after for d in done] == [
        p.stat().st_size for _, p in sorted(segment_paths(journal).items())
    ]
    again = compact_journal(journal)
    assert not any(d.packed or d.indexed or d.left for d in again)
    assert verify(journal).ok
    assert [bytes(v) for _, v in JournalReader(journal).records()] == RECORDS
    query = JournalQuery(JournalReader(journal), Query(start_seq=350, stop_seq=360))
    assert [bytes(v) for _, v in query.records()] == RECORDS[349:359]
    assert query.slots_read < query.slots_total / 2


def test_bad_indexes_are_built_again(journal: Path) -> None:
    compact_journal(journal)
    (journal / "segment-000001.tti").write_bytes(b"nothing")
    (journal / "segment-000002.tti").unlink()
    shutil.copy(journal / "segment-000004.tti", journal / "segment-000003.tti")
    done = {d.segment_id: d.indexed for d in compact_journal(journal)}
    assert [n for n, built in done.items() if built] == [1, 2, 3]
    assert not any(d.indexed for d in compact_journal(journal))


def test_only_what_is_old_enough(journal: Path) -> None:
    young = sorted(journal.glob("*.ttj"))[1]
    os.utime(young)
    done = {d.segment_id: d.left for d in compact_journal(journal, before_ns=NOW_NS)}
    assert [n for n, left in done.items() if left] == [2]
    assert young.exists()
    assert len(list(journal.glob("*.zst"))) == len(done) - 1
    # Compacting makes nothing younger: pruning goes by these times.
    assert {p.stat().st_mtime_ns for p in journal.glob("*.zst")} == {OLD_NS}
    assert (journal / "manifest.json").stat().st_mtime_ns == OLD_NS


def test_a_journal_that_grows(tmp_path: Path) -> None:
    """Compacted after each stretch; the writer, and a reader that follows it, notice nothing."""
    path = tmp_path / "j"
    writer = JournalWriter(path, session={"n": 2}, segment_slots=60)
    parts = iter([RECORDS[at : at + 80] for at in range(0, 400, 80)])
    packed = []

    def wait() -> bool:
        part = next(parts, None)
        if part is None:
            writer.close({"ok": 1})
            return True
        for body in part:
            writer.append(body)
        writer.flush()
        packed.append(sum(d.packed for d in compact_journal(path)))
        return True

    followed = JournalQuery(JournalReader(path)).follow(wait)
    assert [bytes(view) for _, view in followed] == RECORDS
    assert sum(packed) >= 5
    assert Manifest.load(path).closed
    assert JournalReader(path).result == {"ok": 1}
    assert [bytes(v) for _, v in JournalReader(path).records()] == RECORDS
    assert verify(path).ok
    compact_journal(path)
    assert {e.compression for e in Manifest.load(path).segments} == {"zstd"}
    assert verify(path).ok


def test_a_damaged_segment_stops_compacting(journal: Path) -> None:
    path = journal / "segment-000003.ttj"
    body = bytearray(path.read_bytes())
    body[SegmentFile(path).offset_of(2) + 20] ^= 1
    path.write_bytes(body)
    with pytest.raises((JournalError, JournalCorruptError), match="segment-000003"):
        compact_journal(journal)
    assert path.read_bytes() == body
    entries = {e.segment_id: e.compression for e in Manifest.load(journal).segments}
    assert [entries[n] for n in (1, 2, 3)] == ["zstd", "zstd", None]


def test_no_journal_and_two_at_once(journal: Path, tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal at"):
        compact_journal(tmp_path / "none")
    with PackLock(journal), pytest.raises(JournalError, match="by another process"):
        compact_journal(journal)


COMPACT = """
import sys
from tectra.journal.retention import compact_journal
print("go", flush=True)
compact_journal(sys.argv[1])
print("done", flush=True)
"""


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_killed_at_any_moment(tmp_path: Path, fresh_env: dict[str, str]) -> None:
    """SIGKILL after 0 to 60 ms of compacting: the journal is whole, and the next one goes on."""
    path = tmp_path / "j"
    records = stream(20_000, seed=8)
    with JournalWriter(path, session={}, segment_slots=900) as writer:
        writer.append_many(as_slots(records))
        writer.close({})
    want = b"".join(records)
    rng, half_done = random.Random(4), 0
    for _ in range(40):
        child = subprocess.Popen(
            [sys.executable, "-c", COMPACT, str(path)], env=fresh_env, text=True,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        with child:
            assert child.stdout is not None
            assert child.stdout.readline() == "go\n"
            with suppress(subprocess.TimeoutExpired):
                child.wait(rng.random() * 0.06)
            child.kill()
        left = {p.suffix for p in segment_paths(path).values()}
        half_done += len(left) == 2
        assert b"".join(s.tobytes() for s in JournalReader(path).slots()) == want
        report = verify(path)
        assert report.ok, report.faults
        query = JournalQuery(JournalReader(path), Query(start_seq=5_000, stop_seq=5_010))
        assert [bytes(v) for _, v in query.records()] == records[4_999:5_009]
    assert half_done > 5
    compact_journal(path)
    assert {p.suffix for p in segment_paths(path).values()} == {".zst"}
    assert verify(path).ok
    assert not [p for p in path.iterdir() if p.suffix == ".part"]


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """Old, young, open, damaged, a run's, one with more in it, and strangers."""
    root = tmp_path / "root"
    root.mkdir()
    for name in ("a-old", "b-young", "c-run/journal", "f-more", "g-damaged"):
        shutil.copytree(made, root / name)
    for file in (root / "b-young").iterdir():
        os.utime(file, ns=(NOW_NS, NOW_NS))
    (root / "c-run" / "report.html").write_text("kept")
    make(root / "d-crashed", closed=False)
    (root / "f-more" / "notes").mkdir()
    (root / "g-damaged" / "manifest.json").write_text("{}")
    (root / "h-other").mkdir()
    (root / "h-other" / "file").write_text("kept")
    (root / "i-link").symlink_to(root / "a-old")
    return root


def names(found: list[Path]) -> list[str]:
    return [str(p) for p in found]


def test_pruning_removes_what_is_closed_and_old(root: Path) -> None:
    before = {p for p in root.rglob("*") if p.is_file()}
    plan = prune_journals(root, before_ns=NOW_NS, dry_run=True)
    assert {p for p in root.rglob("*") if p.is_file()} == before
    steps = []
    done = prune_journals(root, before_ns=NOW_NS, progress=lambda *at: steps.append(at))
    assert done == plan
    said = {str(p.path.relative_to(root)): (p.remove, p.reason) for p in done}
    assert said.pop("g-damaged")[0] is False
    assert said == {
        "a-old": (True, "closed and old"),
        "b-young": (False, "stays: young"),
        "c-run/journal": (True, "closed and old"),
        "d-crashed": (False, "stays: not closed; it is being written, or its run crashed"),
        "f-more": (False, "stays: there is a directory in it, which no journal has"),
    }
    gone = {root / "a-old", root / "c-run" / "journal"}
    left = {p for p in root.rglob("*") if p.is_file() and not p.is_symlink()}
    assert left == {p for p in before if not gone & set(p.parents)}
    assert steps == [(n, 6) for n in range(1, 7)]
    assert not any(p.remove for p in prune_journals(root, before_ns=NOW_NS))


def test_the_newest_stay(root: Path) -> None:
    shutil.rmtree(root / "d-crashed")
    shutil.rmtree(root / "g-damaged")
    shutil.rmtree(root / "f-more")
    for file in (root / "c-run" / "journal").iterdir():
        os.utime(file, ns=(OLD_NS + 1, OLD_NS + 1))
    done = prune_journals(root, before_ns=NOW_NS + 1, keep=2)
    assert [(p.path.name, p.remove) for p in done] == [
        ("a-old", True), ("b-young", False), ("journal", False),
    ]  # fmt: skip


def test_one_in_use_stays(root: Path) -> None:
    with PackLock(root / "a-old"):
        done = prune_journals(root, before_ns=NOW_NS)
    assert "being compacted" in next(p.reason for p in done if p.path.name == "a-old")
    assert len(list((root / "a-old").iterdir())) > 3


def test_what_a_kill_left_of_a_removal_goes_with_the_next(root: Path) -> None:
    (root / "a-old").rename(root / ".a-old.tectra-removed")
    assert "a-old" not in "".join(names(find_journals(root)))
    prune_journals(root, before_ns=0, dry_run=True)
    assert (root / ".a-old.tectra-removed").exists()
    prune_journals(root, before_ns=0)
    assert not (root / ".a-old.tectra-removed").exists()


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found no directory"):
        prune_journals(tmp_path / "none", before_ns=0)
    with pytest.raises(InputError, match="keep: found -1"):
        prune_journals(tmp_path, before_ns=0, keep=-1)
    assert prune_journals(tmp_path, before_ns=0) == []


def test_a_journal_itself_is_not_pruned_from_within(journal: Path) -> None:
    with pytest.raises(InputError, match="found a journal"):
        prune_journals(journal, before_ns=NOW_NS)
    assert verify(journal).ok
