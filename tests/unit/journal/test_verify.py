"""Verify: each kind of damage is found and placed exactly; a crash is told from damage."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from journal_records import as_slots, record, stream

from tectra.core.errors import JournalError
from tectra.core.msg import Template
from tectra.journal import Cause, JournalWriter, SegmentFile, verify
from tectra.journal.scan import crc_scan, head_fields

SEGMENTS, EACH = 4, 40


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("verify") / "clean"
    with JournalWriter(path, session={"run": 1}, segment_slots=EACH) as writer:
        writer.append_many(as_slots([record(i) for i in range(1, SEGMENTS * EACH + 1)]))
    return path


@pytest.fixture
def copy(clean: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean, tmp_path / "copy"))


def segment(path: Path, number: int) -> Path:
    return path / f"segment-{number:06d}.ttj"


def patch(path: Path, offset: int, body: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(body)


def test_clean_journal(clean: Path) -> None:
    calls: list[tuple[int, int]] = []
    report = verify(clean, lambda done, total: calls.append((done, total)))
    assert report.ok
    assert not report.warnings
    assert report.closed
    assert (report.segments, report.records, report.slots) == (4, 160, 160)
    assert (report.first_ring_seq, report.last_ring_seq) == (1, 160)
    assert report.bytes == sum(p.stat().st_size for p in clean.glob("*.ttj"))
    assert report.clock_domain == "simulated"
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert list(report.lines())[-1] == "ok"


def test_flipped_bit_is_placed_exactly(copy: Path) -> None:
    path = segment(copy, 3)
    at = SegmentFile(path).offset_of(17)
    patch(path, at + 40, bytes([path.read_bytes()[at + 40] ^ 4]))
    report = verify(copy)
    assert len(report.faults) == 1
    fault = report.faults[0]
    assert (fault.segment, fault.offset, fault.ring_seq) == (3, at, 2 * EACH + 18)
    assert fault.cause is Cause.CRC
    assert str(fault).startswith(f"segment-000003.ttj, offset {at}, ring_seq 98: crc")
    assert (report.records, report.last_ring_seq) == (159, 160)


def test_every_bit_of_a_64_kib_segment_file(tmp_path: Path) -> None:
    """Header page, checksums and slots: all 520,192 bits, each by the check that guards it.

    The 512 bytes of padding between checksums and slots: one bit of each byte, by verify itself.
    """
    with JournalWriter(tmp_path, session={}, segment_slots=900) as writer:
        records = stream(2000, seed=9)
        slots = np.cumsum([len(r) // 64 for r in records])
        writer.append_many(as_slots(records[: int(np.searchsorted(slots, 896, side="right"))]))
        used = 900 - writer.room
        for _ in range(896 - used):
            writer.append(record(writer.last_ring_seq + 1))
    path = segment(tmp_path, 1)
    body = np.frombuffer(path.read_bytes(), np.uint8).copy()
    assert len(body) == 65536
    base, seed = SegmentFile(path).slots_offset, SegmentFile(path).seed
    page, sums, data = body[:4096], body[4096 : 4096 + 896 * 4], body[base:]
    missed = 0
    for bit in range(4096 * 8):
        page[bit // 8] ^= 1 << bit % 8
        fields = head_fields(page.tobytes())
        missed += fields["check"] == 0 and fields["state"] == 1
        page[bit // 8] ^= 1 << bit % 8
    for slot in range(896):
        one, crc = data[64 * slot : 64 * slot + 64], sums[4 * slot : 4 * slot + 4]
        for part in (one, crc):
            for bit in range(len(part) * 8):
                part[bit // 8] ^= 1 << bit % 8
                missed += crc_scan(one, crc, (seed + slot) % 2**32) != 0
                part[bit // 8] ^= 1 << bit % 8
    assert missed == 0
    behind = range(4096 + 896 * 4, base)
    assert len(behind) == 512
    for offset in behind:
        patch(path, offset, bytes([1 << offset % 8]))
        assert [f.cause for f in verify(tmp_path).faults] == [Cause.TRAILING]
        patch(path, offset, b"\0")
    assert verify(tmp_path).ok


def test_random_flips_anywhere_are_faults(copy: Path) -> None:
    rng = np.random.default_rng(11)
    files = [p for p in sorted(copy.iterdir()) if p.suffix in (".ttj", ".json")]
    for _ in range(150):
        path = files[rng.integers(len(files))]
        body = path.read_bytes()
        at = int(rng.integers(len(body)))
        patch(path, at, bytes([body[at] ^ 1 << int(rng.integers(8))]))
        assert not verify(copy).ok, f"{path.name} offset {at}"
        path.write_bytes(body)
    assert verify(copy).ok


def swap_slots(copy: Path, with_sums: bool) -> set[int]:
    path = segment(copy, 2)
    file = SegmentFile(path)
    body = bytearray(path.read_bytes())
    for size, base in ((64, file.slots_offset), (4, 4096))[: 1 + with_sums]:
        a, b = base + 5 * size, base + 30 * size
        body[a : a + size], body[b : b + size] = body[b : b + size], body[a : a + size]
    path.write_bytes(body)
    return {file.offset_of(5), file.offset_of(30)}


@pytest.mark.parametrize("with_sums", [False, True], ids=["slots", "slots and sums"])
def test_swapped_slots(copy: Path, with_sums: bool) -> None:
    offsets = swap_slots(copy, with_sums)
    faults = verify(copy).faults
    assert {f.offset for f in faults} == offsets
    assert {f.cause for f in faults} == {Cause.MISPLACED}
    assert [f.ring_seq for f in faults] == [EACH + 6, EACH + 31]


def test_slots_copied_within_and_across_segments(copy: Path) -> None:
    """Every slot of a segment overwritten by every kind of neighbor, sums included."""
    source = SegmentFile(segment(copy, 1))
    body = segment(copy, 1).read_bytes()
    path, whole = segment(copy, 2), segment(copy, 2).read_bytes()
    undetected = 0
    for target in range(0, EACH, 7):
        for slot in range(EACH):
            at = source.offset_of(slot)
            patch(path, source.offset_of(target), body[at : at + 64])
            patch(path, 4096 + 4 * target, body[4096 + 4 * slot : 4100 + 4 * slot])
            undetected += SegmentFile(path).valid != target
        path.write_bytes(whole)
    assert undetected == 0


DAMAGE: dict[str, tuple[Callable[[Path], object], set[Cause]]] = {
    "swapped segments": (
        lambda d: (
            segment(d, 2).rename(d / "x"),
            segment(d, 3).rename(segment(d, 2)),
            (d / "x").rename(segment(d, 3)),
        ),
        {Cause.SEGMENT_ID},
    ),
    "duplicated segment": (
        lambda d: shutil.copy(segment(d, 2), segment(d, 3)),
        {Cause.SEGMENT_ID},
    ),
    "one segment too many": (
        lambda d: shutil.copy(segment(d, 4), segment(d, 5)),
        {Cause.SEGMENT_ID},
    ),
    "missing segment": (lambda d: segment(d, 2).unlink(), {Cause.MISSING}),
    "missing last segment": (lambda d: segment(d, 4).unlink(), {Cause.MISSING}),
    "stray file": (lambda d: (d / "notes.txt").write_text("x"), {Cause.EXTRA_FILE}),
    "copy under another name": (
        lambda d: shutil.copy(segment(d, 2), d / "segment-000002 (copy).ttj"),
        {Cause.EXTRA_FILE},
    ),
    "no manifest": (lambda d: (d / "manifest.json").unlink(), {Cause.MANIFEST}),
    "empty segment file": (lambda d: segment(d, 2).write_bytes(b""), {Cause.HEADER}),
    "zeroed header": (lambda d: patch(segment(d, 2), 0, bytes(4096)), {Cause.HEADER}),
    "zeroed closing block": (lambda d: patch(segment(d, 2), 128, bytes(64)), {Cause.HEADER}),
    "bytes appended": (
        lambda d: patch(segment(d, 2), segment(d, 2).stat().st_size, b"x"),
        {Cause.TRAILING},
    ),
    "cut in a slot": (
        lambda d: segment(d, 2).write_bytes(segment(d, 2).read_bytes()[:-100]),
        {Cause.TRUNCATED},
    ),
    "cut in the checksums": (
        lambda d: segment(d, 2).write_bytes(segment(d, 2).read_bytes()[:4100]),
        {Cause.TRUNCATED},
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(copy: Path, name: str) -> None:
    act, causes = DAMAGE[name]
    act(copy)
    report = verify(copy)
    assert {f.cause for f in report.faults} >= causes
    extra = {f.cause for f in report.faults} - causes
    assert extra <= {Cause.EXTRA_FILE, Cause.HEADER, Cause.MANIFEST}, report.faults
    assert f"{len(report.faults)} faults" in list(report.lines())[-1]


def test_segment_of_another_run(copy: Path, tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "other", session={"run": 2}, segment_slots=EACH) as writer:
        writer.append_many(as_slots([record(i) for i in range(1, SEGMENTS * EACH + 1)]))
    shutil.copy(segment(tmp_path / "other", 2), segment(copy, 2))
    assert [(f.segment, f.cause) for f in verify(copy).faults] == [(2, Cause.EPOCH)]


def test_manifest_of_another_closing(copy: Path, tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "other", session={"run": 1}, segment_slots=EACH) as writer:
        writer.append_many(as_slots([record(i) for i in range(2, SEGMENTS * EACH + 2)]))
    shutil.copy(tmp_path / "other" / "manifest.json", copy)
    assert {f.cause for f in verify(copy).faults} == {Cause.MANIFEST}


def test_gaps_in_the_numbers(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=8) as writer:
        for seq in (1, 2, 3, 7, 8, 9, 10, 11, 20, 21):
            writer.append(record(seq))
    faults = verify(tmp_path).faults
    assert [(f.segment, f.cause, f.ring_seq) for f in faults] == [
        (1, Cause.GAP, 7),
        (2, Cause.GAP, 20),
    ]
    assert "3 records between 3 and 7 are missing" in str(faults[0])


def test_damage_in_wide_records_names_the_record(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=64) as writer:
        for seq in range(1, 21):
            writer.append(record(seq, Template.ORDER_EVENT if seq % 2 else Template.BOOK_ADD))
    path = segment(tmp_path, 1)
    whole = path.read_bytes()
    file = SegmentFile(path)
    for seq, start in zip(range(1, 21), file.starts.tolist(), strict=True):
        for half in range(1 + seq % 2):
            at = file.offset_of(start + half)
            patch(path, at, bytes(64))
            report = verify(tmp_path)
            assert [(f.cause, f.offset, f.ring_seq) for f in report.faults] == [
                (Cause.CRC, at, seq)
            ]
            assert report.records == 19
            path.write_bytes(whole)


def test_open_journal_is_a_warning(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, session={}, segment_slots=8)
    for seq in range(1, 14):
        writer.append(record(seq))
    writer.flush()  # the first segment is finished behind the writer's back
    report = verify(tmp_path)
    assert report.ok
    assert not report.closed
    assert [w.cause for w in report.warnings] == [Cause.NOT_CLOSED]
    assert report.records == 13
    path = segment(tmp_path, 2)
    at = SegmentFile(path).offset_of(2)
    patch(path, at + 20, b"\xff\x00\xff")
    assert [(f.cause, f.offset, f.ring_seq) for f in verify(tmp_path).faults] == [
        (Cause.CRC, at, 11)
    ]
    writer.close()


def test_no_journal_at_all(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"has no manifest\.json"):
        verify(tmp_path)


def test_many_faults_are_counted_not_listed(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=4000) as writer:
        writer.append_many(as_slots([record(i) for i in range(1, 4001)]))
    path = segment(tmp_path, 1)
    patch(path, SegmentFile(path).slots_offset, bytes(64 * 3000))
    report = verify(tmp_path)
    assert len(report.faults) == 1000
    assert report.faults_dropped >= 1
