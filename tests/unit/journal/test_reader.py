"""Reader: zero-copy arrays, ranges, templates, directions; open writers, torn tails, damage."""

import re
import struct
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest
from journal_records import as_slots, record, stream

from tectra.core.errors import JournalCorruptError, JournalError
from tectra.core.msg import DIRECTION, DTYPES, Template
from tectra.journal import (
    Cause,
    JournalReader,
    JournalWriter,
    Manifest,
    SegmentFile,
    digest_inputs_outputs,
    verify,
)
from tectra.journal.scan import crc32c

RECORDS = stream(400, first=1000)


def template_of(body: bytes) -> Template:
    return Template(body[2] | body[3] << 8)


def seq_of(body: bytes) -> int:
    return int.from_bytes(body[8:16], "little")


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("journal") / "j"
    with JournalWriter(path, session={"n": 1}, segment_slots=100) as writer:
        writer.append_many(as_slots(RECORDS))
        writer.close({"ok": True})
    return path


def test_everything_reads_back(journal: Path) -> None:
    reader = JournalReader(journal)
    assert b"".join(s.tobytes() for s in reader.slots()) == b"".join(RECORDS)
    found = list(reader.records())
    assert [bytes(view) for _, view in found] == RECORDS
    assert [t for t, _ in found] == [template_of(r) for r in RECORDS]
    assert reader.count_by_template() == Counter(template_of(r) for r in RECORDS)
    assert (reader.first_ring_seq, reader.last_ring_seq) == (1000, 1399)
    assert (reader.record_count, reader.segment_count) == (400, len(list(journal.glob("*.ttj"))))
    assert (reader.session, reader.result, reader.closed) == ({"n": 1}, {"ok": True}, True)
    assert reader.damage is None
    assert reader.tail is None


def test_arrays_are_read_only_views_of_the_file(journal: Path) -> None:
    for slots in JournalReader(journal).slots():
        assert slots.dtype == np.uint8
        assert slots.shape[1] == 64
        assert not slots.flags.owndata
        assert not slots.flags.writeable
    _, view = next(JournalReader(journal).records())
    assert view.readonly


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (None, 1000),
        (None, 1001),
        (1000, 1400),
        (1100, 1101),
        (1050, 1390),
        (1399, None),
        (1400, None),
        (0, 5),
        (1200, 1100),
    ],
)
def test_ranges(journal: Path, start: int | None, stop: int | None) -> None:
    reader = JournalReader(journal)
    want = [r for r in RECORDS if (start or 0) <= seq_of(r) < (stop or 2**63)]
    assert b"".join(s.tobytes() for s in reader.slots(start, stop)) == b"".join(want)
    assert [bytes(v) for _, v in reader.records(start, stop)] == want
    inputs = [r for r in want if DIRECTION[template_of(r)] == "input"]
    assert b"".join(s.tobytes() for s in reader.inputs(start, stop)) == b"".join(inputs)


def test_inputs_and_outputs_divide_the_records(journal: Path) -> None:
    reader = JournalReader(journal)
    for direction, slots in (("input", reader.inputs()), ("output", reader.outputs())):
        want = [r for r in RECORDS if DIRECTION[template_of(r)] == direction]
        assert b"".join(s.tobytes() for s in slots) == b"".join(want)
    total = digest_inputs_outputs(reader)
    assert total.input_records + total.output_records + total.note_records == 400


@pytest.mark.parametrize("template", [Template.BOOK_ADD, Template.ORDER_EVENT, Template.QUOTE])
def test_column_view(journal: Path, template: Template) -> None:
    rows = JournalReader(journal).column_view(template)
    assert rows.dtype == DTYPES[template]
    assert rows.tobytes() == b"".join(r for r in RECORDS if template_of(r) == template)
    some = JournalReader(journal).column_view(template, 1100, 1200)
    inside = (rows["ring_seq"] >= 1100) & (rows["ring_seq"] < 1200)
    assert some.tolist() == rows[inside].tolist()


def test_reads_while_the_writer_writes(tmp_path: Path) -> None:
    records = stream(60)
    with JournalWriter(tmp_path, session={}, segment_slots=32) as writer:
        reader = JournalReader(tmp_path)
        assert reader.record_count == 0
        kept = []
        for i, body in enumerate(records):
            writer.append(body)
            if i % 7 == 0:
                reader.refresh()
                assert reader.record_count == i + 1
                assert reader.last_ring_seq == i + 1
                assert not reader.closed
                kept.append((i + 1, list(reader.slots())))
    for count, slots in kept:
        assert b"".join(s.tobytes() for s in slots) == b"".join(records[:count])
    reader.refresh()
    assert reader.closed
    assert reader.record_count == 60


LARGE = pytest.param(680, marks=[pytest.mark.slow, pytest.mark.timeout(120)])


@pytest.mark.parametrize("count", [130, LARGE])
@pytest.mark.parametrize("closed", [True, False])
def test_truncation_at_every_byte_gives_the_longest_valid_prefix(
    tmp_path: Path, closed: bool, count: int
) -> None:
    """All cuts of 12 KiB (slow: 64 KiB) of slots, and of header and checksums in steps."""
    records = stream(count, seed=3)
    slots = len(b"".join(records)) // 64
    writer = JournalWriter(tmp_path, session={}, segment_slots=slots + 5)
    writer.append_many(as_slots(records))
    if closed:
        writer.close()
    path = tmp_path / "segment-000001.ttj"
    whole = path.read_bytes()
    base = SegmentFile(path).slots_offset
    ends = np.cumsum([len(r) for r in records])
    cut = tmp_path / "cut"
    cut.write_bytes(whole)
    wrong = 0
    stop = base + slots * 64
    with cut.open("r+b") as file:
        for size in range(stop, base - 1, -1):
            file.truncate(size)
            segment = SegmentFile(cut)
            want = int(np.searchsorted(ends, size - base, side="right"))
            found = int(ends[want - 1]) // 64 if want else 0
            wrong += segment.valid != found
            if size % 16 == 0:
                wrong += (size < stop) != (segment.damage() is not None)
        file.truncate(base)
        for size in range(base - 1, 4095, -97):
            file.truncate(size)
            wrong += SegmentFile(cut).valid != 0
        for size in range(4095, -1, -61):
            file.truncate(size)
            with pytest.raises(JournalError, match="less than the header"):
                SegmentFile(cut)
    assert wrong == 0
    writer.close()


def damage(path: Path, slot: int, count: int = 1) -> int:
    """Overwrite slots with a pattern; returns the byte offset."""
    at = SegmentFile(path).offset_of(slot)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * 64 * count)
    return at


def test_strict_reading_hands_out_what_stands_before_the_damage(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=10) as writer:
        for i in range(1, 36):
            writer.append(record(i))
    at = damage(tmp_path / "segment-000003.ttj", 4)
    reader = JournalReader(tmp_path)
    got = []
    with pytest.raises(JournalCorruptError, match=f"offset {at}, ring_seq 25: crc: slot 4"):
        got.extend(bytes(view) for _, view in reader.records())
    assert got == [record(i) for i in range(1, 25)]
    loose = JournalReader(tmp_path, strict=False)
    assert loose.record_count == 24
    assert loose.damage is not None
    assert (loose.damage.segment, loose.damage.ring_seq) == (3, 25)


def test_torn_tail_of_an_open_journal_is_told_and_does_not_raise(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, session={}, segment_slots=20)
    for i in range(1, 16):
        writer.append(record(i))
    damage(tmp_path / "segment-000001.ttj", 12, 3)
    reader = JournalReader(tmp_path)
    assert reader.record_count == 12
    assert reader.damage is None
    assert reader.tail is not None
    assert (reader.tail.cause, reader.tail.ring_seq) == (Cause.TORN, 13)
    writer.close()


def test_missing_renamed_and_foreign_segments_stop_reading(tmp_path: Path) -> None:
    for name, session in (("a", {"x": 1}), ("b", {"x": 2})):
        with JournalWriter(tmp_path / name, session=session, segment_slots=10) as writer:
            writer.append_many(as_slots([record(i) for i in range(1, 31)]))
    files = [tmp_path / "a" / f"segment-00000{i}.ttj" for i in (1, 2, 3)]
    second = files[1].read_bytes()
    other = tmp_path / "b" / files[1].name
    cases = (
        (files[1].unlink, "missing segment"),
        (lambda: files[1].write_bytes(files[2].read_bytes()), "wrong segment id"),
        (lambda: files[1].write_bytes(other.read_bytes()), "another run"),
        (lambda: files[1].write_bytes(bytes(5000)), "not a segment this build can read"),
    )  # fmt: skip
    for act, message in cases:
        act()
        with pytest.raises(JournalCorruptError, match=message):
            list(JournalReader(tmp_path / "a").slots())
        assert JournalReader(tmp_path / "a", strict=False).last_ring_seq == 10
        files[1].write_bytes(second)
    assert JournalReader(tmp_path / "a").record_count == 30


def test_what_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for target, message in (
        (tmp_path / "none", "does not exist; give the directory that a run wrote"),
        (tmp_path / "file", "is not a directory"),
        (tmp_path, r"has no manifest\.json"),
    ):
        with pytest.raises(JournalError, match=message):
            JournalReader(target)


def test_damaged_manifest(journal: Path, tmp_path: Path) -> None:
    for path in journal.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    manifest = tmp_path / "manifest.json"
    text = manifest.read_text()
    for body, message in (
        (text.replace('"n": 1', '"n": 2'), "was changed after it was written"),
        (text[:-40], "damaged or not a journal manifest"),
        (text.replace('"format_version": 2', '"format_version": 3'), "use a newer tectra"),
    ):
        manifest.write_text(body)
        with pytest.raises(JournalError, match=message):
            JournalReader(tmp_path)
        assert JournalReader(tmp_path, strict=False).record_count == 400


@pytest.mark.parametrize("first", [2**63 - 10, 2**64 - 20])
def test_numbers_at_the_ends_of_64_bits(tmp_path: Path, first: int) -> None:
    bodies = []
    for number in range(20):
        body = bytearray(record(number + 1))
        struct.pack_into("<Q", body, 8, first + number)
        bodies.append(bytes(body))
    path = tmp_path / "j"
    with JournalWriter(path, session={}, segment_slots=8, base_ring_seq=first - 1) as writer:
        writer.append_many(as_slots(bodies))
    assert verify(path).ok
    reader = JournalReader(path)
    assert [bytes(view) for _, view in reader.records()] == bodies
    last = first + 19
    for start, stop, want in ((last, last + 1, 1), (first + 5, None, 15), (last + 1, last + 9, 0)):
        assert len(list(reader.records(start, stop))) == want
        assert sum(map(len, reader.slots(start, stop))) == want


def test_a_manifest_with_the_field_that_older_builds_wrote(journal: Path, tmp_path: Path) -> None:
    """It never held anything, so null is passed over, and anything else is no manifest of ours."""
    for path in journal.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    now = Manifest.load(journal)
    text = now.text().decode()
    assert '"index"' not in text
    for value, loads in (("null", True), ('"x"', False)):
        body = text.replace('  "repair"', f'  "index": {value},\n  "repair"')
        plain = re.sub(rb'"crc32c": "[0-9a-f]{8}"', b'"crc32c": "00000000"', body.encode())
        sum_ = f'"crc32c": "{crc32c(plain):08x}"'.encode()
        (tmp_path / "manifest.json").write_bytes(plain.replace(b'"crc32c": "00000000"', sum_))
        if loads:
            found = Manifest.load(tmp_path)
            assert msgspec.structs.replace(found, crc32c=now.crc32c) == now
            assert JournalReader(tmp_path).record_count == 400
        else:
            with pytest.raises(JournalError, match="index"):
                Manifest.load(tmp_path)
