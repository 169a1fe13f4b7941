"""Writer: what it puts on the disk, when it rotates, and what it refuses."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from journal_records import as_slots, read_model, record, stream

from tectra.core.errors import JournalError
from tectra.core.msg import Template
from tectra.journal import JournalReader, JournalWriter, Manifest, verify

DAY_NS = 86_400 * 10**9


def segment_files(directory: Path) -> list[Path]:
    return sorted(directory.glob("segment-*.ttj"))


def test_files_hold_the_records_by_the_diagram(tmp_path: Path) -> None:
    records = stream(300)
    with JournalWriter(tmp_path / "j", session={"name": "x"}, segment_slots=64) as writer:
        assert [writer.append(r) for r in records] == list(range(1, 301))
        assert writer.records == 300
        assert writer.last_ring_seq == 300
    found = []
    for path in segment_files(tmp_path / "j"):
        part, closed = read_model(path)
        assert closed
        assert 63 <= sum(map(len, part)) // 64 <= 64 or path == segment_files(tmp_path / "j")[-1]
        found += part
    assert found == records
    names = {p.name for p in (tmp_path / "j").iterdir()}
    assert names == {"manifest.json", *(p.name for p in segment_files(tmp_path / "j"))}


def test_append_many_is_append(tmp_path: Path) -> None:
    records = stream(500)
    for name in ("one", "many"):
        with JournalWriter(tmp_path / name, session={}, segment_slots=100) as writer:
            if name == "one":
                for r in records:
                    writer.append(memoryview(r))
            else:
                assert writer.append_many(as_slots(records[:7])) == 7
                assert writer.append_many(b"".join(records[7:])) == 493
    one, many = segment_files(tmp_path / "one"), segment_files(tmp_path / "many")
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in many]


def test_a_closed_segment_ends_behind_its_last_slot(tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "j", session={}, segment_slots=5000) as writer:
        writer.append(record(1, Template.ORDER_EVENT))
        path = segment_files(tmp_path / "j")[0]
        assert path.stat().st_size == 4096 + 20480 + 5000 * 64
        assert path.stat().st_blocks * 512 >= path.stat().st_size
    assert path.stat().st_size == 4096 + 20480 + 128


def test_a_wide_record_does_not_straddle(tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "j", session={}, segment_slots=2) as writer:
        writer.append(record(1))
        writer.append(record(2, Template.ORDER_EVENT))
        writer.append(record(3))
        writer.append(record(4))
        assert writer.room == 0
    sizes = [[len(r) for r in read_model(p)[0]] for p in segment_files(tmp_path / "j")]
    assert sizes == [[64], [128], [64, 64]]


def test_manifest_lists_segments_session_and_result(tmp_path: Path) -> None:
    session = {"strategy": "cross", "seed": 2**63, "params": {"fast": 10}}
    writer = JournalWriter(
        tmp_path, session=session, segment_slots=4, run_seed=2**64 - 1, clock_domain="realtime"
    )
    for i in range(1, 7):
        writer.append(record(i))
    writer.flush()
    open_manifest = Manifest.load(tmp_path)
    listed = [
        (e.segment_id, e.closed, e.first_ring_seq, e.last_ring_seq, e.records)
        for e in open_manifest.segments
    ]
    assert listed == [(1, True, 1, 4, 4), (2, False, None, None, None)]
    assert not open_manifest.closed
    writer.close({"pnl": -7})
    writer.close({"pnl": 8})
    manifest = Manifest.load(tmp_path)
    assert manifest.closed
    assert manifest.result == {"pnl": -7}
    assert manifest.session == session
    assert (manifest.run_seed, manifest.clock_domain) == (2**64 - 1, "realtime")
    assert manifest.segments[1].last_ring_seq == 6
    assert manifest.durability == "page-cache"


def test_flush_returns_when_the_manifest_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Manifest.save

    def slow(*args: Any, **options: Any) -> None:
        time.sleep(0.05)
        save(*args, **options)

    with JournalWriter(tmp_path, session={}, segment_slots=4) as writer:
        monkeypatch.setattr(Manifest, "save", slow)
        for last in range(5, 26, 4):
            for seq in range(writer.last_ring_seq + 1, last + 1):
                writer.append(record(seq))
            writer.flush()
            listed = [(e.closed, e.records) for e in Manifest.load(tmp_path).segments]
            assert listed == [(True, 4)] * (last // 4) + [(False, None)]


def test_equal_sessions_write_equal_files(tmp_path: Path) -> None:
    for name, session in (("a", {"x": 1, "y": 2}), ("b", {"y": 2, "x": 1}), ("c", {"x": 2})):
        with JournalWriter(tmp_path / name, session=session, segment_slots=8) as writer:
            writer.append_many(as_slots(stream(5)))
    a, b, c = (segment_files(tmp_path / n)[0].read_bytes() for n in "abc")
    assert a == b
    assert a != c


def test_daily_rotation_follows_ts_recv(tmp_path: Path) -> None:
    times = [DAY_NS - 2, DAY_NS - 1, DAY_NS, DAY_NS + 5, 5 * DAY_NS - 1, 5 * DAY_NS]
    with JournalWriter(tmp_path, session={}, segment_slots=64, daily=True) as writer:
        for i, ts in enumerate(times, 1):
            writer.append(record(i, ts_recv_ns=ts))
    assert [len(read_model(p)[0]) for p in segment_files(tmp_path)] == [2, 2, 1, 1]
    assert verify(tmp_path).ok


def test_prepared_segment_is_used_and_an_unused_one_removed(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=8) as writer:
        writer.prepare()
        writer.prepare()
        assert (tmp_path / "segment-000002.ttj.tmp").exists()
        writer.append(record(1))
        writer.rotate()
        writer.append(record(2))
        writer.prepare()
    assert {p.name for p in tmp_path.iterdir()} == {
        "manifest.json", "segment-000001.ttj", "segment-000002.ttj",
    }  # fmt: skip
    assert JournalReader(tmp_path).record_count == 2


def test_flush_and_empty_journal(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=8) as writer:
        writer.flush()
    writer.flush()
    report = verify(tmp_path)
    assert report.ok
    assert (report.records, report.first_ring_seq) == (0, None)
    assert JournalReader(tmp_path).last_ring_seq is None


BAD_RECORDS = {
    "short": (bytes(63), "64 or 128 bytes; found 63"),
    "zeros": (bytes(64), "no record of this schema"),
    "half of a wide record": (record(9, Template.ORDER_EVENT)[:64], "no record of this schema"),
    "old number": (record(1), "ring_seq 1 follows 3"),
    "same number": (record(3), "ring_seq 3 follows 3"),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_refuses_what_is_no_record(tmp_path: Path, name: str) -> None:
    body, message = BAD_RECORDS[name]
    with JournalWriter(tmp_path, session={}, segment_slots=8) as writer:
        writer.append(record(3))
        with pytest.raises(JournalError, match=message):
            writer.append(body)
        writer.append(record(4))
    assert JournalReader(tmp_path).record_count == 2


def test_append_many_checks_all_before_it_writes_any(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=8) as writer:
        slots = as_slots([record(1), record(2), record(2)])
        with pytest.raises(JournalError, match="slot 2: ring_seq does not rise above 2"):
            writer.append_many(slots)
        with pytest.raises(JournalError, match="slot 1 of 2 begins no whole record"):
            writer.append_many(np.concatenate([slots[:1], np.zeros((1, 64), np.uint8)]))
        with pytest.raises(JournalError, match="whole 64-byte slots"):
            writer.append_many(bytes(65))
        assert writer.records == 0


def test_closed_writer_refuses(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, session={}, segment_slots=8)
    writer.append(record(1))
    writer.close()
    assert writer.closed
    for call in (lambda: writer.append(record(2)), writer.rotate):
        with pytest.raises(JournalError, match="is closed; nothing more can be written"):
            call()
    assert writer.records == 1


def test_unusual_arguments_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    target = tmp_path / "j"
    for kwargs, message in (
        ({"segment_slots": 1}, "allowed are 2 to"),
        ({"clock_domain": "lunar"}, "allowed are none, realtime"),
        ({"session": {"x": object()}}, "plain JSON values"),
    ):
        with pytest.raises(JournalError, match=message):
            JournalWriter(target, **({"session": {}} | kwargs))
        assert not target.exists()


def test_result_that_is_no_json_leaves_the_journal_readable(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, session={}, segment_slots=8)
    writer.append(record(1))
    with pytest.raises(JournalError, match="plain JSON values"):
        writer.close({"x": object()})
    assert JournalReader(tmp_path).record_count == 1


# ---- one writer, one run ----


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=8) as writer:
        writer.append(record(1))
        with pytest.raises(
            JournalError, match=r"being written by another process \(pid \d+\); wait"
        ):
            JournalWriter(tmp_path, session={}, segment_slots=8)
        writer.append(record(2))
    assert JournalReader(tmp_path).record_count == 2


def test_a_second_run_is_refused(tmp_path: Path) -> None:
    JournalWriter(tmp_path, session={}, segment_slots=8).close()
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(JournalError, match="takes one run: give another directory"):
        JournalWriter(tmp_path, session={}, segment_slots=8)
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(JournalError, match="1 segments, no manifest"):
        JournalWriter(tmp_path, session={}, segment_slots=8)
    del before["manifest.json"]
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for target in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(JournalError, match="is not a directory; give"):
            JournalWriter(target, session={})
