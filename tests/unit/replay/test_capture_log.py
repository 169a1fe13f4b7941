"""The file of a session: round trips, its place, a cut tail told, a damaged block named, seeking
without reading all.
"""

import struct

import msgspec
import pyarrow as pa
import pytest

from tectra.core.crc32c import crc32c
from tectra.core.errors import (
    ClosedError,
    DuplicateError,
    FileFormatError,
    GapError,
    InputError,
    LayoutVersionError,
    TruncatedInputError,
)
from tectra.replay.capture import (
    EventLog,
    EventLogReader,
    EventStorageMode,
    EventStream,
    GrowingFile,
    SessionInfo,
    StateMachineEvent,
    session_path,
)
from tectra.replay.capture.export import csv_lines
from tectra.replay.capture.storage import unpack_events

encode = msgspec.msgpack.encode
FULL = EventStorageMode.full(events_per_block=10)
DELTA = EventStorageMode.delta(snapshot_interval=10)


def state(n: int) -> dict:
    return {"n": n, "last": [n - 2, n - 1, n], "by": {str(n % 3): n}}


def event(n: int, **more) -> StateMachineEvent:
    fields = {
        "sequence": n, "timestamp": 1_000 * (n // 2), "market_data": {"ring_seq": 2 * n},
        "state_before": state(n - 1), "transition": [], "action": [], "state_after": state(n),
    }  # fmt: skip
    return StateMachineEvent(**{**fields, **more})


def written(path, count: int = 95, mode: EventStorageMode = DELTA, writer=None):
    info = SessionInfo(session_id="s", mode=mode, initial=state(0))
    with EventLog(path, info, writer=writer) as log:
        for n in range(1, count + 1):
            log.append_event(event(n))
    return path


@pytest.mark.parametrize("mode", [FULL, DELTA], ids=["full", "delta"])
def test_round_trip(tmp_path, mode):
    path = written(session_path("2026-01-05_a", tmp_path / "data/sessions"), mode=mode)
    assert path == tmp_path / "data/sessions/2026-01-05_a/events.msgpack.lz4"
    assert [p.name for p in path.parent.iterdir()] == ["events.msgpack.lz4"]
    wanted = [encode(event(n)) for n in range(1, 96)]
    assert [encode(e) for e in EventLog(path).read_events()] == wanted
    with EventLogReader(path) as reader:
        assert len(reader) == 95 and reader.indexed and reader.tail is None
        assert reader.info.mode == mode and reader.info.initial == state(0)
        assert EventStream(reader.info, reader).validate() == 95


def test_seek_by_sequence_and_time_reads_one_block(tmp_path):
    with EventLogReader(written(tmp_path / "e")) as reader:
        read: list[int] = []
        unpack = reader._events_of

        def counted(number):
            read.append(number)
            return unpack(number)

        reader._events_of = counted
        assert encode(reader.event(57)) == encode(event(57)) and read == [5]
        assert reader.sequence_at(20_500) == 41 and set(read[1:]) == {4}
        for ts in range(-1_000, 50_000, 500):
            plain = max((n for n in range(1, 96) if 1_000 * (n // 2) <= ts), default=0)
            assert reader.sequence_at(ts) == plain
        for wrong in (0, 96, -1):
            with pytest.raises(InputError, match="allowed: 1 to 95"):
                reader.event(wrong)


def test_every_cut_is_tolerated_and_told(tmp_path):
    """Whatever is left reads back up to the last whole block; the index is rebuilt."""
    raw = written(tmp_path / "e").read_bytes()
    cut = tmp_path / "cut"
    seen, refused = set(), []
    for size in [*range(len(raw) - 60, len(raw)), *range(0, len(raw), 97)]:
        cut.write_bytes(raw[:size])
        try:
            with EventLogReader(cut) as reader:
                found = [encode(e) for e in reader]
                assert found == [encode(event(n)) for n in range(1, len(found) + 1)]
                assert not reader.indexed and len(found) in (*range(0, 91, 10), 95)
                seen.add(len(found))
                whole = reader.tail is None
                assert whole or f"events up to {len(found)} are whole" in reader.tail
        except FileFormatError:
            refused.append(size)
    assert {0, 10, 50, 90, 95} <= seen
    assert max(refused) < 500, "refused only inside of the session's own block"
    cut.write_bytes(raw[:30])
    with pytest.raises(TruncatedInputError, match="ends before it says what session"):
        EventLogReader(cut)


def test_damage_is_named_by_block_offset_and_events(tmp_path):
    path = written(tmp_path / "e")
    raw = bytearray(path.read_bytes())
    with EventLogReader(path) as reader:
        block = reader._blocks[3]
    raw[block.offset + 60] ^= 1
    path.write_bytes(raw)
    with EventLogReader(path) as reader:
        assert reader.event(10).sequence == 10 and reader.event(95).sequence == 95
        with pytest.raises(
            FileFormatError, match=r"block 4 at offset [\d,]+, events 31 to 40.*chec"
        ):
            reader.event(35)
        with pytest.raises(FileFormatError, match="block 4"):
            list(reader)


def test_any_changed_byte_is_noticed_or_changes_nothing(tmp_path):
    path = written(tmp_path / "e", 25)
    raw = path.read_bytes()
    wanted = [encode(event(n)) for n in range(1, 26)]
    for at in range(0, len(raw), 3):
        bad = bytearray(raw)
        bad[at] ^= 0x41
        path.write_bytes(bad)
        try:
            with EventLogReader(path) as reader:
                found = [encode(e) for e in EventStream(reader.info, reader)]
                assert found == wanted or reader.tail is not None, at
                assert found == wanted[: len(found)], at
        except (FileFormatError, GapError, DuplicateError):
            continue


def test_what_is_no_file_of_events(tmp_path):
    (tmp_path / "text").write_text("no events")
    (tmp_path / "empty").touch()
    for name in ("text", "empty"):
        with pytest.raises(FileFormatError, match="a file of events"):
            EventLogReader(tmp_path / name)
    with pytest.raises(InputError, match="No such file"):
        EventLogReader(tmp_path / "none")
    with pytest.raises(InputError, match="Is a directory"):
        EventLogReader(tmp_path)


def test_another_format_is_refused(tmp_path):
    info = SessionInfo(session_id="s", format_version=2)
    path = tmp_path / "e"
    EventLog(path, info).close()
    with pytest.raises(LayoutVersionError, match="found format 2; allowed: 1"):
        EventLogReader(path)


def test_an_empty_session(tmp_path):
    with EventLogReader(written(tmp_path / "e", 0)) as reader:
        assert len(reader) == 0 and list(reader) == [] and reader.span_ns == (0, 0)
        assert reader.sequence_at(5) == 0


def test_events_must_follow_each_other(tmp_path):
    log = EventLog(tmp_path / "e", SessionInfo(session_id="s"))
    log.append_event(event(1))
    with pytest.raises(GapError, match="event 3 follows event 1: 2 to 2"):
        log.append_event(event(3))
    with pytest.raises(DuplicateError):
        log.append_event(event(1))
    with pytest.raises(InputError, match="found time -1"):
        log.append_event(event(2, timestamp=-1))
    log.append_event(event(2, state_after={"odd": object()}))
    with pytest.raises(InputError, match="no plain value"):
        log.close()
    log.abort()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ClosedError):
        log.append_event(event(3))


def test_a_block_whose_events_are_missing_is_refused(tmp_path):
    """A file put together from two: heads that hold, and a hole between them."""
    raw = written(tmp_path / "e", 40).read_bytes()
    with EventLogReader(tmp_path / "e") as reader:
        second, third = reader._blocks[1], reader._blocks[2]
        end = reader._blocks[3].offset + 52 + reader._blocks[3].stored
    (tmp_path / "f").write_bytes(raw[: second.offset] + raw[third.offset : end])
    with pytest.raises(GapError, match="event 21 follows event 10"):
        EventLogReader(tmp_path / "f")
    other = written(tmp_path / "g", 40, FULL)
    assert other.read_bytes()[:8] == b"TTEVENT1"


def test_a_growing_file_is_there_while_it_is_written(tmp_path):
    path = tmp_path / "live"
    log = EventLog(path, SessionInfo(session_id="s", mode=DELTA, initial=state(0)),
                   writer=GrowingFile(path))  # fmt: skip
    for n in range(1, 26):
        log.append_event(event(n))
    with EventLogReader(path) as reader:
        assert len(reader) == 20 and not reader.indexed
    log.flush()
    with EventLogReader(path) as reader:
        assert len(reader) == 25
    log.abort()
    with EventLogReader(path) as reader:
        assert len(reader) == 25
    with pytest.raises(InputError, match="File exists"):
        GrowingFile(path)


def test_an_aborted_log_leaves_no_trace(tmp_path):
    path = session_path("s", tmp_path / "data" / "sessions")
    log = EventLog(path, SessionInfo(session_id="s"))
    log.append_event(event(1))
    log.flush()
    log.abort()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        EventLog(tmp_path / "file" / "x" / "e", SessionInfo(session_id="s"))


def test_a_delta_of_another_session_is_refused(tmp_path):
    body = encode({"before": {"a": 1}, "events": [[1, 0, {}, [1, ["b"], {}, {}], [], []]]})
    with pytest.raises(FileFormatError, match="a delta does not fit"):
        list(unpack_events(body, DELTA))
    for bad in (b"", encode([1]), encode({"before": {}, "events": [[1]]}), struct.pack("<I", 7)):
        with pytest.raises(FileFormatError):
            list(unpack_events(bad, DELTA))


def block(kind: int, body: bytes, *numbers: int, unpacked: int | None = None) -> bytes:
    """A block whose checksum holds, whatever it says of itself."""
    packed = pa.Codec("lz4").compress(body, asbytes=True)
    events, first, last = numbers or (0, 0, 0)
    size = len(body) if unpacked is None else unpacked
    head = (kind, len(packed), size, events, first, last, 0, 0)
    layout = struct.Struct("<IIIIQQqqI")
    crc = crc32c(packed, crc32c(layout.pack(*head, 0)))
    return layout.pack(*head, crc) + packed


SESSION = b"TTEVENT1" + block(1, encode({"session_id": "s", "format_version": 1}))
DEEP = b"\x91" * 100_000 + b"\xc0"
ROW = [1, 0, {}, [], [], []]


def body(*rows: object, before: object = None) -> bytes:
    return encode({"before": {} if before is None else before, "events": list(rows)})


@pytest.mark.parametrize(
    "crafted",
    [
        b"TTEVENT1" + block(1, DEEP),
        SESSION + block(2, DEEP, 1, 1, 1),
        SESSION + block(2, b"\x82\xa6before\x80\xa6events" + DEEP, 1, 1, 1),
        SESSION + block(2, body(), 0, 1, 0),
        *(
            SESSION + block(2, body([*ROW[:i], wrong, *ROW[i + 1 :]]), 1, 1, 1)
            for i, wrong in enumerate(["1", "0", [], [0, 5], {}, [5]])
        ),
        SESSION + block(2, body(ROW, before=[]), 1, 1, 1),
        SESSION + block(2, body(ROW), 1, 1, 1, unpacked=1 << 30),
    ],
)
def test_a_crafted_file_is_refused_whatever_its_checksums_say(tmp_path, crafted):
    (tmp_path / "e").write_bytes(crafted)
    with pytest.raises((FileFormatError, GapError)):
        list(EventLog(tmp_path / "e").read_events())


@pytest.mark.parametrize(
    "rows",
    [
        [[1 << 63, 1, 1, 1, 1, 1, 0, 0, 0]],
        [["a"] * 9],
        [[None] * 9],
        [[8.5, 1, 1, 1, 1, 1, 0, 0, 0]],
        [[8, 1 << 40, 1 << 40, 1, 1, 1, 0, 0, 0]],
        [[8, -1, 10, 1, 1, 1, 0, 0, 0]],
        [[8]],
        {"a": 1},
        5,
    ],
)
def test_an_index_that_is_not_that_of_the_blocks_is_passed_over(tmp_path, rows):
    whole = SESSION + block(2, body(ROW), 1, 1, 1)
    index = block(3, encode(rows))
    (tmp_path / "e").write_bytes(whole + index + struct.pack("<Q8s", len(whole), b"TTINDEX1"))
    with EventLogReader(tmp_path / "e") as reader:
        assert [e.sequence for e in reader] == [1] and not reader.indexed


def test_an_index_cannot_hide_events(tmp_path):
    path = written(tmp_path / "e", 40)
    with EventLogReader(path) as reader:
        blocks = [list(b) for b in reader._blocks]
    raw = path.read_bytes()
    (offset,) = struct.unpack_from("<Q", raw, len(raw) - 16)
    index = block(3, encode(blocks[:-1]))
    path.write_bytes(raw[:offset] + index + raw[-16:])
    with EventLogReader(path) as reader:
        assert len(reader) == 40


def test_what_a_strategy_writes_moves_no_cursor():
    said = event(1, action=[{"kind": "decision", "text": "\x1b[2J\rnothing\nhappened"}])
    (_, row) = csv_lines([said])
    assert row.removesuffix("\n").isprintable(), row
    assert "\\x1b[2J\\x0dnothing\\x0ahappened" in row
