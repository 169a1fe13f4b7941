"""Verify: Merkle roots, the chain of segments, what was not durable, what was promised."""

import shutil
from pathlib import Path

import msgspec
import pytest
from journal_records import as_slots, record

from tectra.journal import Cause, JournalReader, JournalWriter, Manifest, repair, verify
from tectra.journal.merkle import CHAIN_START, chain_head, merkle_root
from tectra.journal.scan import crc32c
from tectra.journal.segment import SegmentFile

SEGMENTS, EACH = 4, 30


def segment(path: Path, number: int) -> Path:
    return path / f"segment-{number:06d}.ttj"


def set_seal(path: Path, number: int, root: bytes, chain: bytes) -> None:
    """Write root and chain into a header page and sum it anew, as who can write the file could."""
    file = segment(path, number)
    body = bytearray(file.read_bytes())
    body[192:224], body[224:256] = root, chain
    body[4092:4096] = crc32c(bytes(body[:4092])).to_bytes(4, "little")
    file.write_bytes(body)


def seal(path: Path, numbers: range = range(1, SEGMENTS + 1)) -> None:
    """Roots and chain into headers and manifest, by the rules of tectra.journal.merkle."""
    manifest, before = Manifest.load(path), CHAIN_START
    entries = list(manifest.segments)
    for number in numbers:
        file = SegmentFile(segment(path, number))
        root = merkle_root(file.slots.tobytes())
        before = chain_head(before, file.head.epoch, number, root)
        set_seal(path, number, root, before)
        entries[number - 1] = msgspec.structs.replace(
            entries[number - 1], merkle_root=root.hex(), chain=before.hex()
        )
    msgspec.structs.replace(manifest, segments=entries).save(path)


def plain(path: Path) -> None:
    """A journal without roots, whatever the writer does."""
    with JournalWriter(path, session={"n": 1}, segment_slots=EACH) as writer:
        writer.append_many(as_slots([record(i) for i in range(1, SEGMENTS * EACH + 1)]))
    manifest = Manifest.load(path)
    entries = [msgspec.structs.replace(e, merkle_root=None, chain=None) for e in manifest.segments]
    for number in range(1, SEGMENTS + 1):
        set_seal(path, number, bytes(32), bytes(32))
    msgspec.structs.replace(manifest, segments=entries).save(path)


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    plain(tmp_path / "j")
    seal(tmp_path / "j")
    return tmp_path / "j"


def named(path: Path) -> list[tuple[int | None, Cause]]:
    return [(f.segment, f.cause) for f in verify(path).faults]


def test_without_and_with_roots(tmp_path: Path) -> None:
    plain(tmp_path / "j")
    assert verify(tmp_path / "j").ok
    seal(tmp_path / "j")
    report = verify(tmp_path / "j")
    assert report.ok, list(report.lines())
    assert not report.warnings


def test_record_changed_with_every_sum_but_the_root(sealed: Path) -> None:
    """Checksum, digest and header are made to fit: the root and the manifest tell."""
    with JournalWriter(sealed.with_name("k"), session={"n": 1}, segment_slots=EACH) as writer:
        changed = [record(i) for i in range(1, SEGMENTS * EACH + 1)]
        changed[40] = changed[40][:63] + b"\xff"
        writer.append_many(as_slots(changed))
    head = SegmentFile(segment(sealed, 2)).head
    shutil.copy(segment(sealed.with_name("k"), 2), segment(sealed, 2))
    set_seal(sealed, 2, bytes.fromhex(head.merkle_root), bytes.fromhex(head.chain))
    assert named(sealed) == [(2, Cause.MANIFEST), (2, Cause.MERKLE)]


@pytest.mark.parametrize("number", range(1, SEGMENTS + 1))
def test_wrong_root_and_wrong_chain(sealed: Path, number: int) -> None:
    head = SegmentFile(segment(sealed, number)).head
    root, chain = bytes.fromhex(head.merkle_root), bytes.fromhex(head.chain)
    set_seal(sealed, number, bytes([root[0] ^ 1, *root[1:]]), chain)
    found = named(sealed)
    assert found[0] == (number, Cause.MERKLE)
    assert {(number, Cause.CHAIN), (number, Cause.MANIFEST)} < set(found)
    set_seal(sealed, number, root, bytes([chain[0] ^ 1, *chain[1:]]))
    found = named(sealed)
    chained = {n for n, cause in found if cause is Cause.CHAIN}
    assert chained == {number, min(number + 1, SEGMENTS)}
    assert {n for n, cause in found if cause is Cause.MANIFEST} == {number}


def test_root_taken_off_one_segment(sealed: Path) -> None:
    for number in (1, 3):
        head = SegmentFile(segment(sealed, number)).head
        set_seal(sealed, number, bytes(32), bytes(32))
        found = verify(sealed).faults
        assert [(f.segment, f.cause) for f in found] == [(number, Cause.CHAIN)]
        assert "it has no root, though other segments have" in str(found[0])
        set_seal(sealed, number, bytes.fromhex(head.merkle_root), bytes.fromhex(head.chain))


def test_chain_goes_on_behind_a_missing_segment(sealed: Path) -> None:
    segment(sealed, 2).unlink()
    assert named(sealed) == [(2, Cause.MISSING)]


def test_repair_makes_roots_and_chain_anew(sealed: Path, tmp_path: Path) -> None:
    file = segment(sealed, 2)
    body = bytearray(file.read_bytes())
    body[SegmentFile(file).offset_of(4) + 50] ^= 4
    file.write_bytes(body)
    report = repair(sealed, tmp_path / "out")
    assert report.lost == 1
    assert report.kept_as_is == 1  # the chain behind the second goes through other roots
    again = verify(tmp_path / "out")
    assert again.ok, list(again.lines())
    assert all(e.merkle_root and e.chain for e in Manifest.load(tmp_path / "out").segments)
    assert JournalReader(tmp_path / "out").record_count == SEGMENTS * EACH - 1


def test_segment_that_was_not_made_durable_is_a_warning(sealed: Path) -> None:
    manifest = Manifest.load(sealed)
    entries = list(manifest.segments)
    entries[2] = msgspec.structs.replace(entries[2], fault="fsync: Input/output error")
    msgspec.structs.replace(manifest, segments=entries).save(sealed)
    report = verify(sealed)
    assert report.ok
    assert [(w.segment, w.cause) for w in report.warnings] == [(3, Cause.NOT_DURABLE)]
    assert "fsync: Input/output error" in str(report.warnings[0])
    repair(sealed, sealed.with_name("out"))
    assert Manifest.load(sealed.with_name("out")).segments[2].fault == "fsync: Input/output error"


def test_promise_of_the_journal_is_told(sealed: Path) -> None:
    report = verify(sealed)
    assert report.durability.startswith("page-cache: a record survives SIGKILL")
    assert f"durability {report.durability}" in list(report.lines())
    assert report.as_dict()["durability"] == report.durability
