"""A query by index gives the records that a loop over all of them gives, plain, packed or mixed."""

import random
import struct
import tempfile
from dataclasses import dataclass
from dataclasses import field as kept
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_records import MIXED, as_slots, stream

from tectra.core.msg import DTYPES, Template
from tectra.journal import JournalQuery, JournalReader, JournalWriter, Query
from tectra.journal.index import build_index
from tectra.journal.pack import PackLock, pack_segment
from tectra.journal.segment import SegmentFile, segment_paths

# In memory where there is such a place: a journal is synced when it is closed.
FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None
TEMPLATES = (*MIXED, Template.ORDER_FILL, Template.STRATEGY_SIGNAL)


def field(body: bytes, name: str) -> int | None:
    """A field of a record by the schema's own table; None where the type does not have it."""
    dtype = DTYPES[Template(struct.unpack_from("<H", body, 2)[0])]
    assert dtype.fields is not None
    if name not in dtype.fields:
        return None
    kind, offset = dtype.fields[name][:2]
    return int.from_bytes(body[offset : offset + kind.itemsize], "little", signed=kind.kind == "i")


def model(records: list[bytes], query: Query) -> list[bytes]:
    """The same by a plain loop."""
    out = []
    for body in records:
        seq, ts = field(body, "ring_seq"), field(body, "ts_recv_ns")
        assert seq is not None
        assert ts is not None
        template = Template(struct.unpack_from("<H", body, 2)[0])
        said = [
            query.start_seq is None or seq >= query.start_seq,
            query.stop_seq is None or seq < query.stop_seq,
            query.start_ns is None or ts >= query.start_ns,
            query.end_ns is None or ts < query.end_ns,
            query.templates is None or template in query.templates,
            query.instrument_ids is None or field(body, "instrument_id") in query.instrument_ids,
            query.order_id is None or field(body, "order_id") == query.order_id,
            query.strategy_id is None or field(body, "strategy_id") == query.strategy_id,
        ]
        if all(said):
            out.append(body)
    return out[: query.limit]


def with_ids(records: list[bytes], rng: random.Random) -> list[bytes]:
    """Few orders and strategies, so that they repeat; times that go back now and then."""
    out = []
    for body in records:
        new = bytearray(body)
        if field(body, "order_id") is not None:
            struct.pack_into("<Q", new, 40, rng.randrange(0, 30))
        if field(body, "strategy_id") is not None:
            struct.pack_into("<H", new, 38, rng.randrange(0, 4))
        struct.pack_into("<q", new, 24, rng.randrange(-500, 3000))
        struct.pack_into("<I", new, 32, rng.choice([0, 1, 2, 3, 500]))
        out.append(bytes(new))
    return out


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def queries(draw: st.DrawFn) -> Query:
    seqs = draw(maybe(st.lists(st.integers(0, 1600), min_size=2, max_size=2).map(sorted)))
    times = draw(maybe(st.lists(st.integers(-600, 3100), min_size=2, max_size=2).map(sorted)))
    return Query(
        start_seq=None if seqs is None else draw(maybe(st.just(seqs[0]))),
        stop_seq=None if seqs is None else seqs[1],
        start_ns=None if times is None else times[0],
        end_ns=None if times is None else draw(maybe(st.just(times[1]))),
        templates=draw(maybe(st.frozensets(st.sampled_from(TEMPLATES), max_size=3))),
        instrument_ids=draw(maybe(st.frozensets(st.sampled_from([0, 1, 2, 500, 77]), max_size=2))),
        order_id=draw(maybe(st.integers(1, 35))),
        strategy_id=draw(maybe(st.integers(1, 5))),
        limit=draw(maybe(st.integers(0, 40))),
    )


@dataclass
class Written:
    """A journal, and the records that were written to it."""

    path: Path
    records: list[bytes] = kept(repr=False)


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """1,500 records in segments of every kind: indexed, packed, both, none, and one left open."""
    path = tmp_path_factory.mktemp("query") / "j"
    records = with_ids(stream(1500, templates=TEMPLATES, seed=5), random.Random(5))
    writer = JournalWriter(path, session={}, segment_slots=420)
    writer.append_many(as_slots(records))
    writer.flush()
    files = segment_paths(path)
    assert len(files) >= 5
    with PackLock(path):
        for number, file in files.items():
            if SegmentFile(file).head.closed and number % 4:
                build_index(SegmentFile(file))
            if SegmentFile(file).head.closed and number % 2:
                pack_segment(file)
    del writer
    return Written(path, records)


@given(query=queries())
def test_index_equals_scan_equals_loop(journals: Written, query: Query) -> None:
    reader = JournalReader(journals.path)
    want = model(journals.records, query)
    fast, slow = JournalQuery(reader, query), JournalQuery(reader, query, use_index=False)
    assert [bytes(view) for _, view in fast.records()] == want
    assert [bytes(view) for _, view in slow.records()] == want
    assert b"".join(part.tobytes() for part in fast.slots()) == b"".join(want)
    assert fast.notes == []
    assert fast.slots_read <= slow.slots_read
    for template in fast.count():
        rows = fast.columns(template)
        mine = [r for r in want if struct.unpack_from("<H", r, 2)[0] == template]
        assert rows.tobytes() == b"".join(mine)


@given(
    count=st.integers(0, 300),
    slots=st.integers(40, 400),
    cut=st.lists(st.integers(0, 300), max_size=8),
)
@settings(max_examples=25)
def test_following_sees_each_record_once(count: int, slots: int, cut: list[int]) -> None:
    """Whatever the moments at which the reader looks, and wherever segments end."""
    records = stream(count, templates=TEMPLATES, seed=count + slots)
    with tempfile.TemporaryDirectory(dir=FAST) as where:
        writer = JournalWriter(Path(where) / "j", session={}, segment_slots=slots)
        edges = sorted({0, count, *(c for c in cut if c < count)})
        parts = iter([records[a:b] for a, b in pairwise(edges)])

        def wait() -> bool:
            part = next(parts, None)
            if part is None:
                writer.close()
                return True
            for body in part:
                writer.append(body)
            return True

        query = Query(templates=frozenset({Template.BOOK_ADD, Template.ORDER_EVENT}))
        followed = JournalQuery(JournalReader(Path(where) / "j"), query).follow(wait)
        assert [bytes(view) for _, view in followed] == model(records, query)
