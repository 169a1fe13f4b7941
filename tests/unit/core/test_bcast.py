"""The broadcast ring and its writer: numbers, claims, batches, one writer, crashes, wrong pages."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numbered import number_of, record, seq_of, wide

from tectra.core.bcast import EVERYONE, BroadcastRing
from tectra.core.bcast_reader import BroadcastReader
from tectra.core.errors import (
    ClosedError,
    DuplicateError,
    FileFormatError,
    InputError,
    LayoutVersionError,
    StateError,
    TectraError,
    TruncatedInputError,
)
from tectra.core.msg import HEAD
from tectra.core.ring import SpscRing
from tectra.core.shm import reclaim, segments

Name = Callable[..., str]


def test_every_reader_gets_every_record_unchanged_but_for_the_stamp() -> None:
    ring = BroadcastRing.private(64)
    readers = [BroadcastReader.join(ring, f"r{i}") for i in range(3)]
    for i in range(1, 300):
        sent = wide(i) if i % 3 == 0 else record(i)
        ring.publish(sent)
        for reader in readers:
            got = reader.try_read()
            assert got is not None and got[:8] + got[16:] == sent[:8] + sent[16:]
            assert seq_of(got) == i
    assert [r.try_read() for r in readers] == [None] * 3
    ring.check()


def test_without_stamp_every_byte_is_kept() -> None:
    ring = BroadcastRing.private(8, stamp=False)
    reader = BroadcastReader.join(ring)
    raw = bytearray(wide(7))
    raw[8:16] = (0xDEADBEEF).to_bytes(8, "little")
    ring.publish(raw)
    assert reader.read() == bytes(raw)


@pytest.mark.parametrize("start", [0, 5, 2**32 - 100, 2**64 - 100])
def test_positions_wrap_and_wide_records_cross_the_end(start: int) -> None:
    ring = BroadcastRing.private(8, start=start)
    reader = BroadcastReader.join(ring)
    for i in range(300):
        ring.publish(wide(2 * i))
        ring.publish(record(2 * i + 1))
        assert [number_of(reader.read()) for _ in range(2)] == [2 * i, 2 * i + 1]
        ring.check()
    assert reader.counters()["lost"] == 0 and ring.published == 600


def test_a_batch_goes_out_whole_under_one_tag_or_each_under_its_own() -> None:
    ring = BroadcastRing.private(64)
    one, two = BroadcastReader.join(ring, mask=1), BroadcastReader.join(ring, mask=2)
    slots = np.frombuffer(b"".join(wide(i) if i % 2 else record(i) for i in range(8)), HEAD)
    assert ring.publish_many(slots, 1) == 8
    assert ring.publish_many(slots, np.array([1, 2, 3, 2, 1, 1, 2, 4], np.uint64)) == 8
    assert len(one.drain()) == 12 + 5 and len(two.drain()) == 2 + 1 + 2 + 1
    assert ring.publish_many(b"") == 0


def test_a_wrong_batch_publishes_nothing() -> None:
    ring = BroadcastRing.private(8)
    good = record(1)
    for bad in (good + bytes(64), good + wide(2)[:64], good[:40], good + good[:8]):
        with pytest.raises(InputError, match="header does not fit"):
            ring.publish_many(bad)
    with pytest.raises(InputError, match="header does not fit"):
        ring.publish(bytes(64))
    with pytest.raises(InputError, match="found 8 bytes for 2 records"):
        ring.publish_many(good * 2, np.ones(1, np.uint64))
    with pytest.raises(InputError, match="found 0"):
        ring.publish_many(good * 2, np.array([1, 0], np.uint64))
    for tag in (0, -1, 2**64, "x"):
        with pytest.raises(InputError, match="allowed: 1 to"):
            ring.publish(good, tag)  # type: ignore[arg-type]
    assert ring.published == 0


def commit_nothing(ring: BroadcastRing) -> None:
    ring.abort()
    with ring.claim(2) as room:
        room[:] = bytes(128)
    ring.commit()


def test_claim_commit_and_abort() -> None:
    ring = BroadcastRing.private(16)
    reader = BroadcastReader.join(ring)
    with ring.claim(3) as room:
        assert len(room) == 192
        room[:] = record(1) + wide(2)
        assert reader.try_read() is None
        assert ring.commit(4) == 2
    assert [number_of(reader.read()) for _ in range(2)] == [1, 2]
    ring.claim().release()
    with pytest.raises(StateError, match="a claim is open"):
        ring.claim()
    with pytest.raises(InputError, match="header does not fit"):
        commit_nothing(ring)
    ring.abort()
    assert ring.counters()["aborted"] == 2 and reader.try_read() is None
    for call in (ring.commit, ring.abort):
        with pytest.raises(StateError, match="no claim is open"):
            call()
    for slots in (0, 33):
        with pytest.raises(InputError, match="allowed: 1 to 32"):
            ring.claim(slots)
    with pytest.raises(BufferError, match="open claim"):
        memoryview(ring)  # type: ignore[arg-type]


def test_close_waits_for_views_and_closes_readers() -> None:
    ring = BroadcastRing.private(8)
    reader = BroadcastReader.join(ring, "a")
    view = ring.claim()
    with pytest.raises(StateError, match="1 views of a claim"):
        ring.close()
    view.release()
    ring.close()
    ring.close()
    assert ring.closed and reader.closed
    for call in (reader.try_read, reader.counters, reader.drain, ring.readers, ring.counters):
        with pytest.raises(ClosedError):
            call()
    with pytest.raises(ClosedError):
        ring.publish(record(1))


def test_one_writer_at_a_time(shm_name: Name) -> None:
    with BroadcastRing.create(shm_name(), 8) as first, BroadcastRing.attach(shm_name()) as second:
        first.publish(record(1))
        assert first.writer_pid == os.getpid() == second.writer_pid
        with pytest.raises(StateError, match="has one writer"):
            second.publish(record(2))
        first.release_writer()
        second.publish(record(2))
        with pytest.raises(StateError, match="has one writer"):
            first.claim_writer()
        reader = BroadcastReader.join(first, start="oldest")
        assert [seq_of(reader.read()) for _ in range(2)] == [1, 2]
        assert first.counters()["takeovers"] == 0


@pytest.mark.parametrize("capacity", [0, 1, 7, 9, 2**33, -8, "8", None])
def test_capacities(capacity: object) -> None:
    with pytest.raises(InputError, match="power of two from 8 to"):
        BroadcastRing.private(capacity)  # type: ignore[arg-type]


def test_names_and_segments(shm_name: Name) -> None:
    ring = BroadcastRing.create(shm_name(), 8)
    with pytest.raises(DuplicateError):
        BroadcastRing.create(shm_name(), 8)
    (found,) = [s for s in segments() if s.name == shm_name()]
    assert found.kind == "broadcast" and found.owner_pid == os.getpid() == ring.owner_pid
    with pytest.raises(TypeError, match=r"BroadcastRing\.create"):
        BroadcastRing()
    ring.close()
    with pytest.raises(TectraError):
        BroadcastRing.attach(shm_name())


PATCHES = [
    (0, b"TETTSPS1", FileFormatError),
    (8, b"\xff\x00", LayoutVersionError),
    (56, b"\0\0\0\0", LayoutVersionError),
    (24, (16).to_bytes(8, "little"), FileFormatError),
    (24, (0).to_bytes(8, "little"), FileFormatError),
    (32, b"\xff\0\0\0", FileFormatError),
    (16, (2**40).to_bytes(8, "little"), TruncatedInputError),
    (136, (2**64 - 1).to_bytes(8, "little"), FileFormatError),
]


@pytest.mark.parametrize(("at", "patch", "error"), PATCHES)
def test_a_page_that_is_none_is_refused(
    shm_name: Name, at: int, patch: bytes, error: type[Exception]
) -> None:
    with BroadcastRing.create(shm_name(), 8) as ring:
        path = Path(str(ring.mapping.path))
        raw = bytearray(path.read_bytes())
        raw[at : at + len(patch)] = patch
        path.write_bytes(raw)
        with pytest.raises(error):
            BroadcastRing.attach(shm_name())


def test_another_kind_of_page_is_refused(shm_name: Name) -> None:
    with SpscRing.create(shm_name(), 8), pytest.raises(FileFormatError):
        BroadcastRing.attach(shm_name())


CHILD = """
import os, signal, sys
from tectra.core.bcast import BroadcastRing
ring = BroadcastRing.attach(sys.argv[1])
raw = bytes.fromhex(sys.argv[2])
for _ in range(int(sys.argv[3])):
    ring.publish(raw)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_dead_writer_is_followed_by_the_next(shm_name: Name, fresh_env: dict[str, str]) -> None:
    with BroadcastRing.create(shm_name(), 32) as ring:
        reader = BroadcastReader.join(ring, "survivor")
        args = [sys.executable, "-c", CHILD, shm_name(), record(5).hex(), "20"]
        done = subprocess.run(args, env=fresh_env, timeout=60)
        assert done.returncode == -signal.SIGKILL
        ring.publish(wide(6))
        assert ring.counters()["takeovers"] == 1 and ring.writer_pid == os.getpid()
        got = [seq_of(reader.read()) for _ in range(21)]
        assert got == list(range(1, 22)) and reader.try_read() is None
        ring.check()


def test_what_a_dead_writer_did_not_finish_is_never_seen(shm_name: Name) -> None:
    """The page as a writer leaves it that dies before the first stamp of a batch, and as one that
    dies between the stamp and its counters.
    """
    with BroadcastRing.create(shm_name(), 32) as ring:
        reader = BroadcastReader.join(ring)
        for i in range(40):
            ring.publish(record(i))
        reader.drain()
        path = Path(str(ring.mapping.path))
        ring.release_writer()
        with path.open("r+b") as page:

            def poke(at: int, value: int) -> None:
                page.seek(at)
                page.write(value.to_bytes(8, "little"))
                page.flush()

            def stamp(pos: int, value: int) -> None:
                poke(8448 + pos % 32 * 16, value)

            poke(152, (2**22 - 1) << 32 | 1)  # a writer that is gone
            poke(136, 44)  # meant to go on to position 44
            stamp(40, 0)
            stamp(41, 42 << 1)
            stamp(42, 43 << 1)
            ring.publish(record(100))
            assert number_of(reader.read()) == 100 and reader.try_read() is None
            ring.check()
            ring.release_writer()
            poke(152, (2**22 - 1) << 32 | 1)
            stamp(41, 42 << 1)  # committed, not counted
            page.seek(8448 + 32 * 16 + (41 % 32) * 64)
            page.write(record(101))
            page.flush()
        assert number_of(reader.read()) == 101
        ring.publish(record(102))
        assert number_of(reader.read()) == 102 and ring.published == 43
        ring.check()


def test_a_segment_of_a_dead_owner_is_reclaimed_by_name(
    shm_name: Name, fresh_env: dict[str, str]
) -> None:
    script = CHILD.replace("attach(sys.argv[1])", "create(sys.argv[1], 8)")
    args = [sys.executable, "-c", script, shm_name(), record(1).hex(), "3"]
    subprocess.run(args, env=fresh_env, timeout=60)
    (found,) = [s for s in segments() if s.name == shm_name()]
    assert not found.owner_alive
    with BroadcastRing.attach(shm_name()) as ring:
        assert ring.published == 3
    reclaim(shm_name())
    BroadcastRing.create(shm_name(), 8).close()


def test_publishing_and_reading_keep_no_memory(retained_blocks: Callable[..., float]) -> None:
    ring = BroadcastRing.private(64)
    reader, raw = BroadcastReader.join(ring, "r"), record(1)

    def run() -> None:
        for _ in range(1000):
            ring.publish(raw, EVERYONE)
            reader.try_read()

    assert retained_blocks(run, events=1000) < 2
