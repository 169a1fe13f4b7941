"""Indexes: what a damaged or foreign one does (nothing), and how little is read with a good one."""

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from journal_records import as_slots, record, stream

from tectra.core.errors import InputError, JournalCorruptError, JournalError
from tectra.core.msg import Template
from tectra.journal import JournalQuery, JournalReader, JournalWriter, Query, SegmentFile, verify
from tectra.journal.index import (
    BLOCK_RECORDS,
    SegmentIndex,
    build_index,
    index_path,
    index_state,
    load_index,
)
from tectra.journal.pack import PackLock, pack_segment
from tectra.journal.scan import crc32c
from tectra.journal.segment import segment_paths

COUNT = 3000
ORDER = 77
AT = 1700  # the one record of the order


def _records() -> list[bytes]:
    records = stream(COUNT, templates=(Template.BOOK_ADD, Template.TRADE), seed=2)
    body = bytearray(record(AT + 1, Template.ORDER_EVENT))
    struct.pack_into("<Q", body, 40, ORDER)
    records[AT] = bytes(body)
    return records


RECORDS = _records()
QUERY = Query(order_id=ORDER)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("index") / "j"
    with JournalWriter(path, session={}, segment_slots=2000) as writer:
        writer.append_many(as_slots(RECORDS))
    for file in segment_paths(path).values():
        build_index(SegmentFile(file))
    return path


@pytest.fixture
def journal(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "j"))


def summed(body: bytearray) -> bytes:
    """With checksums that fit: damage does not make them, malice does."""
    size = 64 + 8 * 4 + 8
    body[size - 8 : size - 4] = crc32c(bytes(body[size:])).to_bytes(4, "little")
    body[size - 4 : size] = crc32c(bytes(body[: size - 4])).to_bytes(4, "little")
    return bytes(body)


@pytest.mark.parametrize("at", [20, *range(64, 96, 4), -8])
def test_an_index_that_lies_about_its_counts_is_named(journal: Path, at: int) -> None:
    segment = SegmentFile(segment_paths(journal)[1])
    path = index_path(journal, 1)
    body = bytearray(path.read_bytes())
    assert summed(bytearray(body)) == bytes(body)
    at %= len(body)
    big = (1 << 24).to_bytes(4, "little")
    body[at : at + 8] = big + (body[at + 4 : at + 8] if at < 96 else big)
    path.write_bytes(summed(body))
    with pytest.raises(JournalError, match=r"index"):
        load_index(segment)
    rows, query = found(journal)
    assert rows == [RECORDS[AT]] and query.notes


def found(path: Path) -> tuple[list[bytes], JournalQuery]:
    query = JournalQuery(JournalReader(path), QUERY)
    return [bytes(view) for _, view in query.records()], query


def test_a_query_reads_the_blocks_it_needs(journal: Path) -> None:
    records, query = found(journal)
    assert records == [RECORDS[AT]]
    assert query.slots_total == COUNT + 1
    assert query.slots_read == BLOCK_RECORDS + 1
    window = Query(start_ns=500_001, end_ns=600_001)
    some = JournalQuery(JournalReader(journal), window)
    assert [bytes(v) for _, v in some.records()] == RECORDS[499:599]
    assert some.slots_read <= 2 * BLOCK_RECORDS
    assert verify(journal).ok


def test_of_a_packed_segment_a_few_blocks_are_unpacked(journal: Path) -> None:
    with PackLock(journal):
        for path in segment_paths(journal).values():
            pack_segment(path)
    records, query = found(journal)
    assert (records, query.notes) == ([RECORDS[AT]], [])
    assert query.slots_read == BLOCK_RECORDS + 1


def test_written_and_read_back(journal: Path) -> None:
    segment = SegmentFile(journal / "segment-000001.ttj")
    made, read = SegmentIndex.of(segment), load_index(segment)
    assert read is not None
    assert read.to_bytes() == made.to_bytes() == index_path(journal, 1).read_bytes()
    assert np.array_equal(read.slot, made.slot)
    assert index_state(segment) == "ok"
    index_path(journal, 1).unlink()
    assert (load_index(segment), index_state(segment)) == (None, "none")


def test_every_byte_of_an_index_is_guarded(journal: Path) -> None:
    path = index_path(journal, 1)
    whole = path.read_bytes()
    padding = set(range(64 + 32 + 8, -(-(64 + 32 + 8) // 8) * 8))
    for at in range(0, len(whole), 7):
        body = bytearray(whole)
        body[at] ^= 1 << at % 8
        path.write_bytes(body)
        records, query = found(journal)
        assert records == [RECORDS[AT]]
        assert at in padding or path.name in query.notes[0], at


@pytest.mark.parametrize("size", [0, 1, 63, 64, 103, 104, 200, -1])
def test_a_cut_index_is_named_and_not_used(journal: Path, size: int) -> None:
    path = index_path(journal, 1)
    path.write_bytes(path.read_bytes()[:size])
    records, query = found(journal)
    assert records == [RECORDS[AT]]
    assert len(query.notes) == 1
    assert path.name in query.notes[0]
    assert path.name in index_state(SegmentFile(journal / "segment-000001.ttj"))


def test_an_index_of_another_segment_is_not_used(journal: Path) -> None:
    shutil.copy(index_path(journal, 2), index_path(journal, 1))
    records, query = found(journal)
    assert records == [RECORDS[AT]]
    assert "not of this segment" in query.notes[0]


def test_an_index_that_lies_about_its_blocks_is_not_used(journal: Path) -> None:
    """Its checksum holds, so it was made so: the blocks it names are no whole records."""
    segment = SegmentFile(journal / "segment-000001.ttj")
    for slot in (5, 10**6):
        made = SegmentIndex.of(segment)
        made.slot[AT // BLOCK_RECORDS + 1] = slot
        index_path(journal, 1).write_bytes(made.to_bytes())
        records, query = found(journal)
        assert records == [RECORDS[AT]]
        assert "has other blocks" in query.notes[0]


def test_only_whole_closed_segments_have_an_index(journal: Path, tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "open", session={}, segment_slots=100)
    with pytest.raises(JournalError, match="not closed"):
        build_index(SegmentFile(tmp_path / "open" / "segment-000001.ttj"))
    writer.close()
    empty = SegmentFile(tmp_path / "open" / "segment-000001.ttj")
    build_index(empty)
    assert index_state(empty) == "ok"
    assert list(JournalQuery(JournalReader(tmp_path / "open"), QUERY).records()) == []


def test_damage_in_a_block_that_is_read_is_found(journal: Path) -> None:
    path = journal / "segment-000001.ttj"
    segment = SegmentFile(path)
    slot = int(segment.starts[AT]) + 1
    body = bytearray(path.read_bytes())
    body[segment.offset_of(slot) + 9] ^= 1
    path.write_bytes(body)
    with pytest.raises(JournalCorruptError, match=f"slot {slot} of"):
        found(journal)
    assert index_state(SegmentFile(path)) == "ok"
    with pytest.raises(JournalError, match="slot"):
        build_index(SegmentFile(path))
    lenient = JournalQuery(JournalReader(journal, strict=False), QUERY)
    assert list(lenient.records()) == []
    assert lenient.reader.damage is not None


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"order_id": 0}, "order_id: found 0"),
        ({"strategy_id": 65536}, "strategy_id: found 65536"),
        ({"start_seq": -1}, "start_seq: found -1"),
        ({"start_seq": 5, "stop_seq": 4}, "up to stop_seq, which is 4"),
        ({"start_ns": 5, "end_ns": 4}, "up to end_ns, which is 4"),
        ({"limit": -1}, "limit: found -1"),
    ],
)
def test_queries_that_cannot_be_meant(wrong: dict[str, int], word: str) -> None:
    with pytest.raises(InputError, match=word):
        Query(**wrong)  # type: ignore[arg-type]
