"""The ring: order, bounds, both record sizes, loss told exactly, two processes, crashes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tectra.core.errors import (
    ClosedError,
    DuplicateError,
    FileFormatError,
    InputError,
    LayoutVersionError,
    RingEmptyError,
    RingFullError,
    StateError,
    SystemCallError,
    TectraError,
    TruncatedInputError,
)
from tectra.core.msg import DTYPES, HEAD, Template
from tectra.core.ring import Gap, SpscRing

Name = Callable[..., str]


def record(number: int, template: Template = Template.BOOK_ADD) -> bytes:
    """A record that carries `number` in its head and in its last word."""
    row = np.zeros(1, DTYPES[template])
    row["block_length"] = row.dtype.itemsize - 8
    row["template_id"] = template
    row["ts_event_ns"] = number
    raw = bytearray(row.tobytes())
    raw[-8:] = number.to_bytes(8, "little")
    return bytes(raw)


def wide(number: int) -> bytes:
    return record(number, Template.BOOK_ADD_ATTRIBUTED)


def number_of(rec: bytes) -> int:
    assert rec[-8:] == rec[16:24]
    return int.from_bytes(rec[16:24], "little")


def template_of(rec: bytes) -> int:
    return int.from_bytes(rec[2:4], "little")


def gap_of(rec: bytes) -> tuple[int, int]:
    row = np.frombuffer(rec, DTYPES[Template.GAP])[0]
    return int(row["first_seq"]), int(row["last_seq"])


def seq_of(rec: bytes) -> int:
    return int.from_bytes(rec[8:16], "little")


def test_records_come_out_in_order_unchanged_but_for_the_stamp() -> None:
    ring = SpscRing.private(64)
    sent = [wide(i) if i % 3 == 0 else record(i) for i in range(1, 500)]
    for i, rec in enumerate(sent, 1):
        ring.push(rec)
        got = ring.pop()
        assert got[:8] + got[16:] == rec[:8] + rec[16:]
        assert seq_of(got) == i
    assert ring.pushed == ring.popped == 499 and ring.depth == 0
    ring.check()


def test_without_stamp_every_byte_is_kept() -> None:
    ring = SpscRing.private(8, stamp=False)
    raw = bytearray(wide(7))
    raw[8:16] = (0xDEADBEEF).to_bytes(8, "little")
    ring.push(raw)
    assert ring.pop() == bytes(raw)


def test_a_full_ring_refuses_counts_and_goes_on() -> None:
    ring = SpscRing.private(16)
    for i in range(15):
        assert ring.try_push(record(i))
    assert not ring.try_push(record(99)) and not ring.try_push(wide(99))
    assert (ring.depth, ring.full_count, ring.high_water) == (15, 2, 15)
    with pytest.raises(RingFullError, match="full for 1000 ns"):
        ring.push(record(99), timeout_ns=1000)
    assert ring.full_count == 3
    assert number_of(ring.pop()) == 0
    assert not ring.try_push(wide(15)) and ring.try_push(record(15))
    assert [number_of(ring.pop()) for _ in range(15)] == list(range(1, 16))
    assert ring.try_pop() is None
    with pytest.raises(RingEmptyError, match="nothing came"):
        ring.pop(timeout_ns=1000)


@pytest.mark.parametrize("start", [0, 2**64 - 100, 2**32 - 100, 5])
def test_wide_records_cross_the_end_of_the_ring_and_the_counters_wrap(start: int) -> None:
    ring = SpscRing.private(8, start=start)
    for i in range(300):
        ring.push(wide(2 * i))
        ring.push(record(2 * i + 1))
        assert ring.depth == 3
        ring.check()
        assert number_of(ring.pop()) == 2 * i
        assert number_of(ring.pop()) == 2 * i + 1


def test_batches_in_and_out() -> None:
    ring = SpscRing.private(32)
    parts = [wide(i) if i % 2 else record(i) for i in range(10)]
    slots = np.frombuffer(b"".join(parts), HEAD)
    assert ring.push_many(slots) == 15
    assert ring.push_many(slots) == 15
    assert ring.push_many(slots) == 1  # one slot is left, the second record needs two
    assert ring.push_many(slots) == 0 and ring.full_count == 1
    out = ring.drain()
    assert out.dtype == HEAD and len(out) == 31
    assert out["ring_seq"][0] == 1 and out.tobytes()[16:64] == slots.tobytes()[16:64]
    assert len(ring.drain()) == 0
    assert ring.push_many(b"") == 0
    ring.push_many(slots)
    assert len(ring.drain(2)) == 1  # a narrow one; the wide one behind it does not fit
    assert len(ring.drain(2)) == 2
    rest = np.zeros(5, HEAD)
    assert ring.drain_into(rest) == 4


def test_pop_into_wants_room() -> None:
    ring = SpscRing.private(8)
    ring.push(record(3))
    with pytest.raises(InputError, match="found 64 bytes; allowed: 128"):
        ring.pop_into(bytearray(64))
    out = bytearray(128)
    assert ring.pop_into(out) == 64 and number_of(bytes(out[:64])) == 3


@pytest.mark.parametrize("bad", [b"", b"x" * 63, b"\0" * 64, record(1) * 2, wide(1)[:64]])
def test_what_is_no_record_is_refused(bad: bytes) -> None:
    ring = SpscRing.private(8)
    for push in (ring.push, ring.try_push):
        with pytest.raises(InputError, match="header"):
            push(bad)
    assert ring.pushed == 0


def test_a_batch_stops_before_a_bad_record() -> None:
    ring = SpscRing.private(16)
    assert ring.push_many(record(1) + b"\0" * 64) == 1
    assert ring.push_many(record(2) + wide(3)[:64]) == 1
    for bad in (b"\0" * 64, wide(1)[:64], b"x" * 65):
        with pytest.raises(InputError):
            ring.push_many(bad)
    assert [number_of(ring.pop()) for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("capacity", [0, -8, 4, 12, 2**33, 8.0, "8", None])
def test_capacity_must_be_a_power_of_two(capacity: object) -> None:
    with pytest.raises(InputError, match="power of two"):
        SpscRing.private(capacity)  # type: ignore[arg-type]


def test_overwrite_tells_the_exact_range_that_was_lost() -> None:
    ring = SpscRing.private(16, overwrite=True)
    for i in range(1, 101):
        assert ring.try_push(record(i))
    first = ring.pop()
    assert template_of(first) == Template.GAP
    got = [number_of(ring.pop()) for _ in range(ring.depth)]
    low, high = gap_of(first)
    assert (low, high) == (1, got[0] - 1) and got == list(range(high + 1, 101))
    assert ring.lost == high and ring.gaps() == [Gap(1, high)] and ring.gap_count == 1
    assert ring.popped + ring.lost == ring.pushed == 100
    assert ring.try_pop() is None and ring.full_count == 0


def test_overwrite_without_loss_is_a_plain_ring() -> None:
    ring = SpscRing.private(16, overwrite=True, stamp=False)
    for i in range(200):
        ring.push(wide(i) if i % 2 else record(i))
        assert number_of(ring.pop()) == i
    assert ring.lost == 0 and ring.gaps() == []


def test_every_gap_is_told_and_the_newest_are_kept() -> None:
    ring = SpscRing.private(8, overwrite=True)
    seen: list[tuple[int, int]] = []
    next_number = 1
    for lap in range(40):
        ring.push_many(b"".join(wide(0) if (lap + i) % 3 else record(0) for i in range(20)))
        for row in iter(ring.try_pop, None):
            if template_of(row) == Template.GAP:
                low, high = gap_of(row)
                assert low == next_number
                seen.append((low, high))
                next_number = high + 1
            else:
                assert seq_of(row) == next_number
                next_number += 1
    assert ring.gap_count == len(seen) == 40
    assert ring.gaps() == [Gap(*g) for g in seen[-32:]]
    assert ring.lost == sum(b - a + 1 for a, b in seen)


def test_drain_of_a_lossy_ring_has_the_gap_in_line() -> None:
    ring = SpscRing.private(8, overwrite=True)
    for i in range(1, 30):
        ring.push(record(i))
    out = ring.drain()
    assert out["template_id"][0] == Template.GAP
    assert list(out["ts_event_ns"][1:]) == list(range(int(out["ts_event_ns"][1]), 30))


def test_two_threads_wait_for_each_other() -> None:
    ring = SpscRing.private(16)
    count = 3000

    def produce() -> None:
        for i in range(count):
            ring.push(wide(i) if i % 5 == 0 else record(i), timeout_ns=4_000_000_000)

    thread = threading.Thread(target=produce)
    thread.start()
    assert [number_of(ring.pop(4_000_000_000)) for _ in range(count)] == list(range(count))
    thread.join()


CHILD = """
import sys
from tectra.core.ring import SpscRing
ring = SpscRing.attach(sys.argv[1])
rec = bytearray(bytes.fromhex(sys.argv[2]))
for i in range(int(sys.argv[3])):
    rec[16:24] = rec[-8:] = i.to_bytes(8, "little")
    ring.push(rec, 20_000_000_000)
ring.close()
"""


def child(env: dict[str, str], code: str, *args: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", code, *args], env=env)


@pytest.mark.shm
@pytest.mark.e2e
@pytest.mark.timeout(30)
@pytest.mark.parametrize("rec", [record(0), wide(0)], ids=["64", "128"])
def test_two_processes(shm_name: Name, fresh_env: dict[str, str], rec: bytes) -> None:
    count = 20000
    with SpscRing.create(shm_name(), 256) as ring, SpscRing.attach(shm_name()) as monitor:
        process = child(fresh_env, CHILD, shm_name(), rec.hex(), str(count))
        for i in range(count):
            got = ring.pop(20_000_000_000)
            assert number_of(got) == i and seq_of(got) == i + 1
        assert process.wait(20) == 0
        # A third party reads the counters of both sides.
        seen = monitor.counters()
        assert seen["pushed"] == seen["popped"] == count and seen["lost"] == seen["depth"] == 0
        assert monitor.producer_pid == 0 and monitor.consumer_pid == os.getpid()
        assert monitor.owner_pid == os.getpid() and seen["high_water"] <= 255


KILLED = """
import os, signal, sys
from tectra.core.ring import SpscRing
ring = SpscRing.attach(sys.argv[1])
for i in range(5):
    ring.push(bytes.fromhex(sys.argv[2]))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.shm
@pytest.mark.e2e
@pytest.mark.timeout(30)
def test_a_dead_producer_is_taken_over(shm_name: Name, fresh_env: dict[str, str]) -> None:
    with SpscRing.create(shm_name(), 64) as ring:
        process = child(fresh_env, KILLED, shm_name(), record(0).hex())
        assert process.wait(20) == -signal.SIGKILL
        assert ring.producer_pid == process.pid
        ring.push(record(0))
        assert ring.takeovers == (1, 0) and ring.producer_pid == os.getpid()
        assert [seq_of(ring.pop()) for _ in range(6)] == [1, 2, 3, 4, 5, 6]
        ring.check()


@pytest.mark.shm
def test_records_committed_but_not_counted_are_taken_up(shm_name: Name) -> None:
    """A producer that dies right after its commit has not moved write_pos and its skew yet."""
    with SpscRing.create(shm_name(), 64) as ring:
        with SpscRing.attach(shm_name()) as first:
            first.push_many(b"".join((record(1), wide(2), record(3))))
        path = Path(ring.mapping.path or "")
        with path.open("r+b") as file:
            file.seek(128)
            file.write((0).to_bytes(8, "little"))  # write_pos
            file.seek(144)
            file.write((0).to_bytes(8, "little"))  # write_skew
        assert ring.depth == 0
        ring.push(record(4))
        assert ring.pushed == 4 and ring.depth == 5
        assert [number_of(ring.pop()) for _ in range(4)] == [1, 2, 3, 4]


@pytest.mark.shm
def test_a_side_has_one_holder(shm_name: Name) -> None:
    with SpscRing.create(shm_name(), 8) as a, SpscRing.attach(shm_name()) as b:
        a.push(record(1))
        with pytest.raises(StateError, match="one producer"):
            b.push(record(2))
        with pytest.raises(StateError, match="one producer"):
            b.try_push(record(2))
        with pytest.raises(StateError, match="one producer"):
            b.push_many(record(2))
        assert number_of(b.pop()) == 1
        for take in (a.try_pop, a.pop, a.drain, a.claim_consumer):
            with pytest.raises(StateError, match="one consumer"):
                take()
        b.close()
        a.push(record(3))
        assert number_of(a.pop()) == 3  # the side is free again


@pytest.mark.shm
def test_a_second_consumer_goes_on_where_the_first_gave_back(shm_name: Name) -> None:
    with SpscRing.create(shm_name(), 64) as ring:
        ring.push_many(b"".join(record(i) for i in range(10)))
        with SpscRing.attach(shm_name()) as first:
            assert [number_of(first.pop()) for _ in range(4)] == [0, 1, 2, 3]
        assert [number_of(ring.pop()) for _ in range(6)] == [4, 5, 6, 7, 8, 9]


@pytest.mark.shm
def test_names_are_the_makers(shm_name: Name) -> None:
    ring = SpscRing.create(shm_name(), 8)
    path = Path(ring.mapping.path or "")
    with pytest.raises(DuplicateError, match=rf"ring of process {os.getpid()}, which runs"):
        SpscRing.create(shm_name(), 8)
    other = SpscRing.attach(shm_name())
    other.close()
    assert path.exists()
    ring.close()
    ring.close()
    assert not path.exists() and ring.closed
    with pytest.raises(ClosedError):
        ring.push(record(1))
    with pytest.raises(ClosedError):
        _ = ring.depth
    with pytest.raises(SystemCallError, match="No such file"):
        SpscRing.attach(shm_name())


def damage(at: int, value: bytes) -> Callable[[Path], None]:
    def run(path: Path) -> None:
        raw = bytearray(path.read_bytes())
        raw[at : at + len(value)] = value
        path.write_bytes(raw)

    return run


def cut(size: int) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, size)


@pytest.mark.shm
@pytest.mark.parametrize(
    ("harm", "error", "text"),
    [
        (damage(0, b"NOTARING"), FileFormatError, "found magic"),
        (damage(0, b"\0" * 8), StateError, "not finished"),
        (damage(8, b"\x63"), LayoutVersionError, "found layout version 99 "),
        (damage(10, b"\x01\x00"), LayoutVersionError, "found schema 1 version"),
        (damage(12, b"\xff\xff"), LayoutVersionError, "version 65535"),
        (damage(56, b"\x01\x02\x03\x04"), LayoutVersionError, "hash 0x04030201"),
        (damage(24, (7).to_bytes(8, "little")), FileFormatError, "capacity 7"),
        (damage(24, (2**40).to_bytes(8, "little")), FileFormatError, "do not belong together"),
        (damage(32, b"\xff"), FileFormatError, "flags 0xff"),
        (damage(128, (999).to_bytes(8, "little")), FileFormatError, "positions lie outside"),
        (damage(16, (1 << 40).to_bytes(8, "little")), TruncatedInputError, "its head says"),
        (cut(2000), TruncatedInputError, "it has 2000 bytes"),
        (cut(10), TruncatedInputError, "it has 10 bytes"),
        (cut(0), TruncatedInputError, "it has 0 bytes"),
    ],
)
def test_attach_refuses_what_is_no_ring(
    shm_name: Name, harm: Callable[[Path], None], error: type[Exception], text: str
) -> None:
    path = Path("/dev/shm") / shm_name()
    with SpscRing.create(shm_name("made"), 64) as ring:
        path.write_bytes(Path(ring.mapping.path or "").read_bytes())
    harm(path)
    with pytest.raises(error, match=text):
        SpscRing.attach(shm_name())
    assert path.exists()  # an attacher never removes a name


@pytest.mark.shm
def test_random_heads_are_refused_or_usable(shm_name: Name) -> None:
    """Never a crash: what attach accepts can be used, or refuses with an error of ours."""
    path = Path("/dev/shm") / shm_name()
    with SpscRing.create(shm_name("made"), 64) as ring:
        good = Path(ring.mapping.path or "").read_bytes()
    rng = np.random.default_rng(7)
    refused = 0
    for _ in range(400):
        raw = bytearray(good)
        for at in rng.integers(0, 448, rng.integers(1, 4)):
            raw[at] = rng.integers(0, 256)
        path.write_bytes(raw[: rng.integers(0, len(raw) + 1)] if rng.random() < 0.1 else raw)
        try:
            with SpscRing.attach(shm_name()) as ring:
                ring.try_push(record(1))
                ring.try_pop()
                ring.counters()
        except TectraError:
            refused += 1
    assert refused > 50


def test_waiting_hears_signals() -> None:
    ring = SpscRing.private(8)

    class Heard(Exception):
        pass

    def handler(*_: object) -> None:
        raise Heard

    old = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Heard):
            ring.pop(timeout_ns=4_000_000_000)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def test_beats() -> None:
    ring = SpscRing.private(8)
    ring.beat(5)
    assert ring.beats_ns == (0, 0)
    ring.claim_producer()
    ring.claim_consumer()
    ring.beat(7)
    assert ring.beats_ns == (7, 7)


def test_no_memory_stays(retained_blocks: Callable[..., float]) -> None:
    ring = SpscRing.private(64)
    rec = record(1)

    def run() -> None:
        for _ in range(1000):
            ring.push(rec)
            ring.try_pop()

    assert retained_blocks(run, events=1000) <= 2


def test_a_ring_is_not_built_by_calling() -> None:
    with pytest.raises(TypeError, match=r"SpscRing\.create"):
        SpscRing()
