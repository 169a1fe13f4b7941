"""Packed segments: the same bytes, readable at every step, damage named, one packer at a time."""

import itertools
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from journal_records import as_slots, stream

from tectra.core.errors import JournalCorruptError, JournalError
from tectra.journal import Cause, JournalReader, JournalWriter, Manifest, SegmentFile, verify
from tectra.journal.pack import (
    PackLock,
    pack_segment,
    packing_steps,
    save_packed,
    unpack_segment,
)
from tectra.journal.packed import PackedFile
from tectra.journal.segment import segment_paths

RECORDS = stream(300, seed=4)
STEPS = ("written", "named", "synced", "removed", "finished")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pack") / "j"
    with JournalWriter(path, session={"n": 1}, segment_slots=150) as writer:
        writer.append_many(as_slots(RECORDS))
        writer.close({"ok": True})
    return path


@pytest.fixture
def journal(plain: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(plain, tmp_path / "j"))


@pytest.fixture
def packed(journal: Path) -> Path:
    with PackLock(journal):
        for path in segment_paths(journal).values():
            pack_segment(path)
    assert save_packed(journal)
    return journal


def content(path: Path) -> bytes:
    return b"".join(s.tobytes() for s in JournalReader(path).slots())


def test_a_packed_journal_reads_as_the_plain_one(plain: Path, packed: Path) -> None:
    assert {p.suffix for p in segment_paths(packed).values()} == {".zst"}
    reader = JournalReader(packed)
    assert [bytes(view) for _, view in reader.records()] == RECORDS
    assert content(packed) == content(plain)
    assert reader.record_count == len(RECORDS)
    for slots in reader.slots():
        assert not slots.flags.writeable
    before, after = verify(plain), verify(packed)
    assert after.ok
    assert not after.warnings
    assert (after.records, after.slots) == (before.records, before.slots)
    assert after.bytes == sum(p.stat().st_size for p in segment_paths(packed).values())
    entries = Manifest.load(packed).segments
    assert {e.compression for e in entries} == {"zstd"}
    assert [e.file for e in entries] == [p.name for p in sorted(packed.glob("*.zst"))]


def test_any_zstd_gives_the_plain_file_back(plain: Path, packed: Path) -> None:
    tool = shutil.which("zstd")
    for path in sorted(packed.glob("*.zst")):
        want = (plain / path.stem).read_bytes()
        with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream_:
            assert stream_.read() == want
        if tool is not None:
            done = subprocess.run([tool, "-dc", str(path)], capture_output=True, check=True)
            assert done.stdout == want


def test_unpacking_gives_the_plain_files_back(plain: Path, packed: Path) -> None:
    with PackLock(packed):
        for path in segment_paths(packed).values():
            unpack_segment(path)
    assert save_packed(packed)
    names = {p.name for p in plain.iterdir()}
    assert {p.name for p in packed.iterdir()} == names
    for name in names:
        assert (packed / name).read_bytes() == (plain / name).read_bytes()


@pytest.mark.parametrize("done", range(len(STEPS) + 1))
def test_the_journal_is_whole_after_every_step(journal: Path, done: int) -> None:
    """As after a kill: nothing behind the step is done, and nothing is put in order."""
    path = journal / "segment-000001.ttj"
    steps = packing_steps(path)
    assert list(itertools.islice(steps, done)) == list(STEPS[:done])
    for reader in (JournalReader(journal), JournalReader(journal, strict=False)):
        assert [bytes(view) for _, view in reader.records()] == RECORDS
        assert reader.damage is None
    report = verify(journal)
    assert report.ok, report.faults
    assert report.records == len(RECORDS)
    del steps
    with PackLock(journal):
        target = pack_segment(path)
    assert (target.exists(), path.exists()) == (True, False)
    assert not list(journal.glob("*.part"))
    assert content(journal) == b"".join(RECORDS)
    assert save_packed(journal)
    assert verify(journal).ok


def test_the_plain_file_wins_over_a_packed_one_of_something_else(journal: Path) -> None:
    first, second = journal / "segment-000001.ttj", journal / "segment-000002.ttj"
    wrong = first.with_name(first.name + ".zst")
    with PackLock(journal):
        shutil.copy(second, journal / "kept")
        shutil.move(pack_segment(second), wrong)
        shutil.move(journal / "kept", second)
        assert content(journal) == b"".join(RECORDS)
        pack_segment(first)
    assert content(journal) == b"".join(RECORDS)


def test_readers_that_were_open_go_on(journal: Path) -> None:
    early, half = JournalReader(journal), JournalReader(journal)
    stretches = half.slots()
    kept = [next(stretches)]
    with PackLock(journal):
        for path in segment_paths(journal).values():
            pack_segment(path)
    assert [bytes(view) for _, view in early.records()] == RECORDS
    assert b"".join(s.tobytes() for s in [*kept, *stretches]) == b"".join(RECORDS)
    early.refresh()
    assert [bytes(view) for _, view in early.records()] == RECORDS


def test_what_is_not_packed(tmp_path: Path, journal: Path) -> None:
    writer = JournalWriter(tmp_path / "open", session={}, segment_slots=150)
    writer.append_many(as_slots(RECORDS[:50]))
    with pytest.raises(JournalError, match="not closed"):
        pack_segment(tmp_path / "open" / "segment-000001.ttj")
    assert not save_packed(tmp_path / "open")  # the writer has the manifest
    writer.close()

    path = journal / "segment-000001.ttj"
    body = bytearray(path.read_bytes())
    body[SegmentFile(path).offset_of(3) + 40] ^= 4
    path.write_bytes(body)
    with pytest.raises(JournalCorruptError, match="a damaged segment is not packed"):
        pack_segment(path)
    assert path.read_bytes() == body
    assert {p.name for p in journal.glob("segment-000001*")} == {path.name}
    with pytest.raises(JournalError, match="level: found 23"):
        pack_segment(journal / "segment-000002.ttj", level=23)
    assert not list(journal.glob("*.part"))


def test_unused_space_is_left_out(tmp_path: Path, journal: Path) -> None:
    """A writer that ended before it cut the file leaves zeros behind the last slot."""
    path = journal / "segment-000001.ttj"
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.truncate(len(whole) + 64 * 5)
    target = pack_segment(path)
    assert PackedFile(target).read(0, 1 << 30) == whole


def test_one_packer_at_a_time(journal: Path) -> None:
    with PackLock(journal):
        with (
            pytest.raises(JournalError, match="being compacted by another process"),
            PackLock(journal),
        ):
            pytest.fail("two at once")
        assert verify(journal).ok
    with PackLock(journal):
        pass
    assert not (journal / "compact.lock").exists()
    with pytest.raises(JournalError, match="cannot be changed"), PackLock(journal / "none"):
        pytest.fail("no such directory")


def test_every_byte_of_a_packed_file_is_guarded(packed: Path) -> None:
    """A flipped bit anywhere is named by verify, and no reader gives a record that is not right."""
    path = sorted(packed.glob("*.zst"))[1]
    whole = path.read_bytes()
    silent, wrong = [], []
    for at in range(0, len(whole), 61):
        body = bytearray(whole)
        body[at] ^= 1 << at % 8
        path.write_bytes(body)
        report = verify(packed)
        if report.ok or path.name not in "\n".join(report.lines()):
            silent.append(at)
        reader = JournalReader(packed, strict=False)
        found = [bytes(view) for _, view in reader.records()]
        if found != RECORDS[: len(found)] or reader.damage is None or len(found) == len(RECORDS):
            wrong.append(at)
        with pytest.raises(JournalCorruptError, match=path.name):
            list(JournalReader(packed).records())
    assert (silent, wrong) == ([], [])


@pytest.mark.parametrize("keep", [0, 1, 39, 40, 60, 200, -1])
def test_a_cut_packed_file_is_named(packed: Path, keep: int) -> None:
    path = min(packed.glob("*.zst"))
    path.write_bytes(path.read_bytes()[:keep])
    report = verify(packed)
    assert not report.ok
    assert path.name in str(report.faults[0])
    with pytest.raises(JournalCorruptError, match=path.name):
        list(JournalReader(packed).records())
    with pytest.raises(JournalError, match=path.name):
        unpack_segment(path)
    assert path.exists()


def test_bytes_behind_a_packed_file_are_named(packed: Path) -> None:
    path = min(packed.glob("*.zst"))
    with path.open("ab") as file:
        file.write(b"more")
    faults = verify(packed).faults
    assert [(f.cause, f.file) for f in faults] == [(Cause.TRAILING, path.name)]


def test_a_packed_segment_under_another_name_is_named(packed: Path) -> None:
    first, second = sorted(packed.glob("*.zst"))[:2]
    shutil.copy(first, second)
    report = verify(packed)
    assert next(f.cause for f in report.faults) == Cause.SEGMENT_ID
    with pytest.raises(JournalCorruptError, match="says it is segment 1"):
        list(JournalReader(packed).records())


def test_a_directory_with_packed_segments_takes_no_second_run(packed: Path) -> None:
    (packed / "manifest.json").unlink()
    with pytest.raises(JournalError, match="holds the journal of an earlier run"):
        JournalWriter(packed, session={})
    reader = JournalReader(packed, strict=False)
    assert [bytes(view) for _, view in reader.records()] == RECORDS


def test_a_journal_without_packed_files_spares_pyarrow(
    plain: Path, fresh_env: dict[str, str]
) -> None:
    code = (
        "import sys; from tectra.journal import JournalReader; "
        "print(JournalReader(sys.argv[1]).record_count, 'pyarrow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(plain)], env=fresh_env, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout == f"{len(RECORDS)} False\n"
