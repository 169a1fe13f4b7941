"""Readers in processes of their own while a journal grows, is packed and rotates."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from journal_records import as_slots, stream

from tectra.core.msg import Template
from tectra.journal import JournalQuery, JournalReader, JournalWriter, Query, segment
from tectra.journal.retention import compact_journal

# Follows a journal without a pause and tells how many records it saw and their sum; complains
# when a number is not the one that follows.
FOLLOWER = """
import hashlib, sys
from tectra.journal import JournalQuery, JournalReader
seen, total = 0, hashlib.sha256()
print("ready", flush=True)
for _, data in JournalQuery(JournalReader(sys.argv[1])).follow(lambda: True):
    number = int.from_bytes(data[8:16], "little")
    if number != seen + 1:
        sys.exit(f"{number} after {seen}")
    seen = number
    total.update(data)
print(seen, total.hexdigest())
"""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("readers", [1, 3])
def test_followers_of_a_writer_at_full_speed(
    tmp_path: Path, fresh_env: dict[str, str], readers: int
) -> None:
    """Each sees every record once, in order, across rotations, and across packing behind them."""
    path = tmp_path / "j"
    writer = JournalWriter(path, session={}, segment_slots=6_000)
    followers = [
        subprocess.Popen(
            [sys.executable, "-c", FOLLOWER, str(path)], env=fresh_env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(readers)
    ]  # fmt: skip
    for child in followers:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    total, first = hashlib.sha256(), 1
    for turn in range(40):
        records = stream(500, first=first, seed=turn)
        first += len(records)
        for body in records:
            writer.append(body)
            total.update(body)
        if turn % 10 == 9:
            compact_journal(path)
    writer.close()
    for child in followers:
        out, err = child.communicate(timeout=50)
        assert (child.returncode, err) == (0, "")
        assert out == f"{first - 1} {total.hexdigest()}\n"


def test_following_ends(tmp_path: Path) -> None:
    """At the limit, at the last number asked for, when wait says so, and when the writer closed."""
    writer = JournalWriter(tmp_path / "j", session={}, segment_slots=64)
    records = stream(30)
    writer.append_many(as_slots(records))

    def found(query: Query, answer: bool) -> list[bytes]:
        reader = JournalReader(tmp_path / "j")
        calls = []

        def wait() -> bool:
            calls.append(1)
            assert len(calls) < 3
            return answer

        return [bytes(v) for _, v in JournalQuery(reader, query).follow(wait)]

    assert found(Query(limit=4), answer=True) == records[:4]
    assert found(Query(stop_seq=11), answer=True) == records[:10]
    assert found(Query(start_seq=5, stop_seq=5), answer=True) == []
    assert found(Query(), answer=False) == records
    writer.close()
    kinds = frozenset({Template.TRADE})
    assert len(found(Query(templates=kinds), answer=True)) < len(records)


def test_a_reader_sums_a_growing_segment_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking again costs what is new, not what is there."""
    summed = []

    def spy(slots: np.ndarray, *rest: Any) -> int:
        if slots.ndim == 2:  # what is behind the published count comes as bytes
            summed.append(len(slots))
        return scan(slots, *rest)

    scan = segment.crc_scan
    monkeypatch.setattr(segment, "crc_scan", spy)
    writer = JournalWriter(tmp_path / "j", session={}, segment_slots=4_000)
    reader = JournalReader(tmp_path / "j")
    slots = 0
    for part in range(20):
        records = as_slots(stream(100, first=1 + 100 * part, seed=part))
        slots += len(records)
        writer.append_many(records)
        reader.refresh()
        assert reader.record_count == 100 * (part + 1)
    assert sum(summed) == slots
    writer.close()
