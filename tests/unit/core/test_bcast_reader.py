"""Readers of the broadcast ring: masks, laps, gaps, joining, places, waiting, two processes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest
from numbered import gap_of, number_of, record, seq_of, wide

from tectra.core.bcast import EVERYONE, BroadcastRing
from tectra.core.bcast_reader import BroadcastReader
from tectra.core.errors import CapacityError, ClosedError, InputError, RingEmptyError
from tectra.core.msg import HEAD

Name = Callable[..., str]


def test_a_mask_chooses_by_any_common_bit() -> None:
    ring = BroadcastRing.private(64)
    low, high = BroadcastReader.join(ring, mask=0b0011), BroadcastReader.join(ring, mask=0b1100)
    both = BroadcastReader.join(ring)
    for tag in (0b0001, 0b0110, 0b1000, EVERYONE, 1 << 63):
        ring.publish(record(tag % 1000), tag)
    assert [seq_of(r.read()) for r in (low,) * 3] == [1, 2, 4]
    assert [seq_of(r.read()) for r in (high,) * 3] == [2, 3, 4]
    assert [seq_of(r.read()) for r in (both,) * 5] == [1, 2, 3, 4, 5]
    assert low.try_read() is high.try_read() is None
    assert low.counters()["skipped"] == 2 and low.next_number == 6
    low.set_mask(1 << 63)
    ring.publish(record(1), 1)
    ring.publish(record(2), 1 << 63)
    assert seq_of(low.read()) == 7 and low.mask == 1 << 63
    for mask in (0, -1, 2**64, 1.5):
        with pytest.raises(InputError, match="allowed: 1 to"):
            BroadcastReader.join(ring, mask=mask)  # type: ignore[arg-type]


def test_a_lapped_reader_gets_the_exact_gap_and_the_others_nothing() -> None:
    ring = BroadcastRing.private(16)
    slow, fast = BroadcastReader.join(ring, "slow"), BroadcastReader.join(ring, "fast")
    for i in range(1, 101):
        ring.publish(record(i))
        assert number_of(fast.read()) == i
    assert slow.lag == 100
    assert gap_of(slow.read()) == (1, 92)
    assert [number_of(slow.read()) for _ in range(8)] == list(range(93, 101))
    assert slow.try_read() is None
    found = slow.counters()
    assert (found["read"], found["lost"], found["gaps"], found["skipped"]) == (8, 92, 1, 0)
    assert found["lag_high"] == 100 and found["lag"] == 0
    assert fast.lost == 0 and ring.counters()["lost"] == 92


def test_a_gap_carries_the_time_of_the_record_behind_it() -> None:
    ring = BroadcastRing.private(8)
    reader = BroadcastReader.join(ring)
    for i in range(50):
        ring.publish(record(1000 + i))
    raw = reader.read()
    first, last = gap_of(raw)
    assert first == 1 and seq_of(raw) == last
    assert int.from_bytes(raw[16:24], "little") == 1000 + last == number_of(reader.read())


def test_under_a_mask_a_gap_counts_what_was_overwritten_before_its_tag_was_seen() -> None:
    ring = BroadcastRing.private(16)
    reader = BroadcastReader.join(ring, mask=2)
    for i in range(1, 101):
        ring.publish(record(i), 1 + i % 2)
    assert gap_of(reader.read()) == (1, 92)
    assert [seq_of(r) for r in iter(reader.try_read, None)] == [93, 95, 97, 99]
    found = reader.counters()
    assert (found["read"], found["skipped"], found["lost"]) == (4, 4, 92)


def test_joining_at_the_newest_and_at_the_oldest() -> None:
    ring = BroadcastRing.private(16)
    assert BroadcastReader.join(ring, start="oldest").next_number == 1
    for i in range(1, 11):
        ring.publish(record(i))
    assert BroadcastReader.join(ring, start="oldest").next_number == 1
    assert BroadcastReader.join(ring).next_number == 11
    for i in range(11, 101):
        ring.publish(wide(i) if i % 2 else record(i))
    for start, first in (("oldest", 90), ("newest", 101)):
        reader = BroadcastReader.join(ring, start=start)  # type: ignore[arg-type]
        assert reader.next_number == first
        got = [seq_of(r) for r in iter(reader.try_read, None)]
        assert got == list(range(first, 101)) and reader.lost == 0
    with pytest.raises(InputError, match="'newest' or 'oldest'"):
        BroadcastReader.join(ring, start="middle")  # type: ignore[arg-type]


def test_batches_know_where_they_end() -> None:
    ring = BroadcastRing.private(64)
    reader = BroadcastReader.join(ring)
    ring.publish_many(b"".join(wide(i) for i in range(8)))
    out = np.zeros(5, HEAD)
    for slots, end in ((4, False), (4, False), (4, False), (4, True), (0, True)):
        assert reader.drain_into(out) == slots and reader.end_of_batch is end
    ring.publish(wide(9))
    with pytest.raises(InputError, match="found 1 slot"):
        reader.drain_into(np.zeros(1, HEAD))
    assert number_of(reader.drain().tobytes()) == 9
    buffer = bytearray(128)
    ring.publish(record(10))
    assert reader.read_into(buffer) == 64 and number_of(bytes(buffer[:64])) == 10
    with pytest.raises(InputError, match="allowed: 128"):
        reader.read_into(bytearray(64))
    assert len(reader.drain(max_slots=4)) == 0


def test_readers_are_listed_with_how_far_they_are() -> None:
    ring = BroadcastRing.private(16)
    ring.publish(record(1))
    reader = BroadcastReader.join(ring, "risk", mask=6)
    hidden = BroadcastReader.join(ring)
    ring.publish(record(2), 1)
    ring.publish(record(3), 2)
    reader.beat(77)
    (found,) = ring.readers()
    assert (found.name, found.pid, found.alive, found.mask) == ("risk", os.getpid(), True, 6)
    assert (found.joined, found.next, found.lag, found.beat_ns) == (2, 2, 2, 77)
    assert seq_of(reader.read()) == 3
    (found,) = ring.readers()
    assert (found.next, found.lag, found.read, found.skipped) == (4, 0, 1, 1)
    reader.close()
    reader.close()
    assert ring.readers() == [] and seq_of(hidden.read()) == 2
    with pytest.raises(ClosedError):
        reader.try_read()
    for name in ("", "x" * 40, "a\0b"):
        with pytest.raises(InputError, match="name of a reader"):
            BroadcastReader.join(ring, name)


def test_sixty_four_places_and_any_number_without_one() -> None:
    ring = BroadcastRing.private(8)
    listed = [BroadcastReader.join(ring, f"r{i}") for i in range(64)]
    with pytest.raises(CapacityError, match="64 listed readers"):
        BroadcastReader.join(ring, "one too many")
    more = [BroadcastReader.join(ring) for _ in range(40)]
    ring.publish(record(1))
    assert all(seq_of(r.read()) == 1 for r in listed + more)
    listed[7].close()
    again = BroadcastReader.join(ring, "again")
    assert again.next_number == 2
    assert len(ring.readers()) == 64


def test_waiting_ends_with_the_time_or_with_a_record() -> None:
    ring = BroadcastRing.private(8)
    reader = BroadcastReader.join(ring)
    with pytest.raises(RingEmptyError, match="nothing came in 1000 ns"):
        reader.read(timeout_ns=1000)
    thread = threading.Timer(0.05, ring.publish, [record(4)])
    thread.start()
    assert number_of(reader.read(timeout_ns=30_000_000_000)) == 4
    thread.join()


CHILD = """
import os, signal, sys
from tectra.core.bcast import BroadcastRing
from tectra.core.bcast_reader import BroadcastReader
ring = BroadcastRing.attach(sys.argv[1])
reader = BroadcastReader.join(ring, "child", mask=2, start="oldest")
print("joined", flush=True)
total = 0
while total < int(sys.argv[2]):
    raw = reader.read(30_000_000_000)
    total += 1 if raw[2:4] != b"\\x0f\\0" else 0
print(total, reader.lost, flush=True)
if len(sys.argv) > 3:
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_two_processes(shm_name: Name, fresh_env: dict[str, str]) -> None:
    with BroadcastRing.create(shm_name(), 4096) as ring:
        args = [sys.executable, "-c", CHILD, shm_name(), "1000"]
        with subprocess.Popen(args, env=fresh_env, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None and child.stdout.readline() == "joined\n"
            (found,) = ring.readers()
            assert (found.pid, found.name, found.mask) == (child.pid, "child", 2)
            for i in range(2000):
                ring.publish(record(i), 1 + i % 2)
            assert child.stdout.readline() == "1000 0\n"
            assert child.wait(60) == 0
        assert ring.readers() == []


def test_a_dead_reader_is_recognized_and_its_place_reused(
    shm_name: Name, fresh_env: dict[str, str]
) -> None:
    with BroadcastRing.create(shm_name(), 64) as ring:
        for i in range(10):
            ring.publish(record(i), 2)
        args = [sys.executable, "-c", CHILD, shm_name(), "5", "die"]
        for _ in range(2):
            assert subprocess.run(args, env=fresh_env, timeout=60).returncode == -signal.SIGKILL
        assert [(r.name, r.alive, r.next) for r in ring.readers()] == [("child", False, 6)] * 2
        keep = [BroadcastReader.join(ring, f"r{i}") for i in range(62)]
        assert {r.place for r in ring.readers() if not r.alive} == {0, 1}, "free places go first"
        last = BroadcastReader.join(ring, "last")
        assert [r.name for r in ring.readers() if r.place == 0] == ["last"]
        assert ring.reclaim_readers() == 1 and ring.reclaim_readers() == 0
        assert all(r.alive for r in ring.readers()) and len(ring.readers()) == 63
        assert len(keep) == 62 and last.lost == 0
