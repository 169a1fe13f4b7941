"""The ring of many: order, bounds, tags, slots in place, the dead and the late, two processes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic_ns

import numpy as np
import pytest

import tectra as tt
from tectra.core.errors import (
    CapacityError,
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
from tectra.core.mpmc import MpmcGap, MpmcRing, MpmcSlot
from tectra.core.mpmc_page import MpmcPage
from tectra.core.msg import DTYPES, HEAD, Template

Name = Callable[..., str]
LONG_NS = 4_000_000_000  # beyond what a busy machine keeps a thread waiting


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


def number_of(rec: bytes | None) -> int:
    assert rec is not None and rec[-8:] == rec[16:24]
    return int.from_bytes(rec[16:24], "little")


def seq_of(rec: bytes) -> int:
    return int.from_bytes(rec[8:16], "little")


def claim(ring: MpmcRing, size: int = 64) -> MpmcSlot:
    slot = ring.try_claim(size)
    assert slot is not None
    return slot


def peek(ring: MpmcRing) -> MpmcSlot:
    slot = ring.try_peek()
    assert slot is not None
    return slot


@pytest.fixture(params=[False, True], ids=["plain", "fenced"])
def fenced(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_it_is_at_hand() -> None:
    assert tt.MpmcRing is MpmcRing


def test_records_come_out_in_order_unchanged_but_for_the_stamp(fenced: bool) -> None:
    ring = MpmcRing.private(64, fenced=fenced)
    for i in range(1, 500):
        rec = wide(i) if i % 3 == 0 else record(i)
        ring.push(rec, tag=i)
        got = ring.pop()
        assert got[:8] + got[16:] == rec[:8] + rec[16:]
        assert seq_of(got) == i and ring.tag == i
    assert ring.pushed == ring.popped == 499 and ring.depth == 0
    ring.check()


def test_without_stamp_every_byte_is_kept(fenced: bool) -> None:
    ring = MpmcRing.private(8, stamp=False, fenced=fenced)
    raw = bytearray(wide(7))
    raw[8:16] = (0xDEADBEEF).to_bytes(8, "little")
    ring.push(raw)
    assert ring.try_push(memoryview(raw))
    assert ring.pop() == ring.pop() == bytes(raw)


def test_a_full_ring_refuses_counts_and_goes_on(fenced: bool) -> None:
    ring = MpmcRing.private(16, fenced=fenced)
    for i in range(16):
        assert ring.try_push(record(i))
    assert not ring.try_push(record(99)) and ring.try_claim() is None
    assert (ring.depth, ring.full_count, ring.high_water) == (16, 2, 16)
    with pytest.raises(RingFullError, match="full for 1000 ns"):
        ring.push(record(99), timeout_ns=1000)
    with pytest.raises(RingFullError):
        ring.push(bytearray(record(99)), timeout_ns=0)
    assert number_of(ring.pop()) == 0
    ring.push(wide(16))
    assert [number_of(ring.pop()) for _ in range(16)] == list(range(1, 17))
    assert ring.try_pop() is None and ring.try_peek() is None
    with pytest.raises(RingEmptyError, match="nothing came"):
        ring.pop(timeout_ns=1000)


@pytest.mark.parametrize("start", [0, 2**64 - 100, 2**53 - 100, 5])
def test_positions_wrap(start: int, fenced: bool) -> None:
    ring = MpmcRing.private(8, start=start, fenced=fenced)
    for i in range(300):
        ring.push(wide(i))
        ring.push(record(i))
        assert ring.depth == 2
        ring.check()
        assert seq_of(ring.pop()) == 2 * i + 1 and seq_of(ring.pop()) == 2 * i + 2
    slot = claim(ring)
    assert slot.number == 601 and slot.abort()
    assert ring.try_pop() is None and ring.depth == 0


def test_batches_in_and_out(fenced: bool) -> None:
    ring = MpmcRing.private(16, fenced=fenced)
    parts = [wide(i) if i % 2 else record(i) for i in range(10)]
    slots = np.frombuffer(b"".join(parts), HEAD)
    assert ring.push_many(slots, tag=3) == 15
    assert ring.push_many(slots) == 9  # six records
    assert ring.push_many(slots) == 0 and ring.full_count == 2
    out = ring.drain()
    assert out.dtype == HEAD and len(out) == 24 and list(out["ring_seq"][:2]) == [1, 2]
    assert out.tobytes()[16:64] == slots.tobytes()[16:64]
    assert len(ring.drain()) == 0 and ring.push_many(b"") == 0
    ring.push_many(slots)
    assert len(ring.drain(2)) == 1  # a narrow one; the wide one behind it does not fit
    rest = np.zeros(5, HEAD)
    assert ring.drain_into(rest) == 5
    for bad in (b"\0" * 64, wide(1)[:64], b"x" * 65):
        with pytest.raises(InputError):
            ring.push_many(bad)
    assert ring.push_many(record(1) + b"\0" * 64) == 1


def test_pop_into_wants_room() -> None:
    ring = MpmcRing.private(8)
    ring.push(record(3))
    with pytest.raises(InputError, match="found 64 bytes; allowed: 128"):
        ring.pop_into(bytearray(64))
    out = bytearray(128)
    assert ring.pop_into(out) == 64 and number_of(bytes(out[:64])) == 3


@pytest.mark.parametrize("bad", [b"", b"x" * 63, b"\0" * 64, record(1) * 2, wide(1)[:64]])
def test_what_is_no_record_is_refused(bad: bytes) -> None:
    ring = MpmcRing.private(8, fenced=True)
    for push in (ring.push, ring.try_push, claim(ring, 128).commit):
        with pytest.raises(InputError, match="header"):
            push(bad)
    assert ring.pushed == 0


def test_a_narrow_ring_takes_narrow_records_only(fenced: bool) -> None:
    ring = MpmcRing.private(8, wide=False, fenced=fenced)
    with pytest.raises(InputError, match="allowed: 64 bytes"):
        ring.push(wide(1))
    with pytest.raises(InputError):
        ring.try_claim(128)
    with pytest.raises(InputError):
        ring.push_many(wide(1))
    for i in range(20):
        ring.push(record(i))
        assert number_of(ring.pop()) == i


@pytest.mark.parametrize("capacity", [0, -8, 1, 12, 2**33, 8.0, "8", None])
def test_capacity_must_be_a_power_of_two(capacity: object) -> None:
    with pytest.raises(InputError, match="power of two"):
        MpmcRing.private(capacity)  # type: ignore[arg-type]


@pytest.mark.parametrize("bound", [0, -1, 2**63, 1.0, None])
def test_the_bound_is_some_nanoseconds(bound: object) -> None:
    with pytest.raises(InputError, match="unblock_ns"):
        MpmcRing.private(8, unblock_ns=bound)  # type: ignore[arg-type]


def test_consumers_take_what_their_tag_says(fenced: bool) -> None:
    ring = MpmcRing.private(8, fenced=fenced)
    odd = ring.handle()
    ring.accept, odd.accept = 0b01, 0b10
    for i, tag in enumerate([1, 2, 3]):
        ring.push(record(i), tag=tag)
    assert odd.try_pop() is None and ring.accept == 1
    assert number_of(ring.pop()) == 0 and ring.tag == 1
    assert ring.try_pop() is None
    assert number_of(odd.pop()) == 1 and number_of(odd.pop()) == 2
    odd.close()


def test_slots_in_place(fenced: bool) -> None:
    ring = MpmcRing.private(8, fenced=fenced)
    first, second, third = claim(ring), claim(ring, 128), claim(ring)
    assert [s.number for s in (first, second, third)] == [1, 2, 3] and ring.depth == 3
    assert second.commit(record(2), tag=7)
    assert ring.try_pop() is None  # the first one is not there yet
    assert first.abort() and third.commit(record(3))
    with peek(ring) as slot:
        assert (slot.number, slot.tag, number_of(slot.record)) == (2, 7, 2)
        with pytest.raises(StateError, match="held to read"):
            slot.commit(record(1))
        assert number_of(ring.pop()) == 3
    for done in (slot.release, first.abort, lambda: first.commit(record(1))):
        with pytest.raises(StateError, match=r"was given back|held to read"):
            done()
    with claim(ring):
        pass
    counters = ring.counters()
    assert (counters["aborted"], ring.pushed, ring.popped) == (2, 2, 2)
    with pytest.raises(StateError, match="held to write"):
        _ = claim(ring).record
    with pytest.raises(TypeError):
        MpmcSlot()


def test_a_late_commit_is_refused_and_told() -> None:
    ring = MpmcRing.private(4, fenced=True, unblock_ns=1000)
    late = ring.handle()
    slot = claim(late)
    ring.push(record(2), LONG_NS)
    assert not ring.unblock(0) and not ring.unblock(999) and ring.unblock(1000)
    assert number_of(ring.try_pop()) == 2
    assert (ring.abandoned, ring.gaps()) == (1, [MpmcGap(1, os.getpid(), True)])
    for i in range(20):  # the slot is passed over, lap after lap
        ring.push(record(i), LONG_NS)
        assert number_of(ring.try_pop()) == i
    skipped = ring.counters()["skipped"]
    assert skipped > 3
    assert not slot.commit(record(1))
    assert ring.fenced == 1 and ring.pushed == ring.popped == 21
    for i in range(20):
        ring.push(record(i), LONG_NS)
        assert number_of(ring.try_pop()) == i
    assert ring.counters()["skipped"] <= skipped + 1  # in use again
    ring.check()


def test_a_late_reader_loses_its_record_and_the_ring_goes_on() -> None:
    ring = MpmcRing.private(2, fenced=True, unblock_ns=1000)
    reader = ring.handle()
    ring.push(record(1))
    ring.push(record(2))
    slot = peek(reader)
    assert number_of(ring.pop()) == 2
    with ring.handle() as other:
        assert not other.try_push(record(3))
    assert not ring.unblock(0) and ring.unblock(1000)
    assert ring.try_push(record(3))  # into the other slot
    assert number_of(slot.record) == 1  # intact
    assert not slot.release()
    assert (ring.lost, ring.fenced, ring.gaps()) == (1, 1, [MpmcGap(1, os.getpid(), False)])
    assert number_of(ring.pop()) == 3
    ring.push(record(4))
    ring.push(record(5))
    assert number_of(ring.pop()) == 4 and number_of(ring.pop()) == 5
    assert ring.pushed == ring.popped + ring.lost == 5


def test_waiting_gives_up_on_the_late_by_itself() -> None:
    ring = MpmcRing.private(4, fenced=True, unblock_ns=1_000_000)
    slot, other = claim(ring.handle()), ring.handle()
    other.push(record(1))
    assert number_of(ring.pop(LONG_NS)) == 1
    assert not slot.abort() and ring.abandoned == 1


def test_a_batch_of_late_claims_costs_one_wait() -> None:
    ring = MpmcRing.private(8, fenced=True, unblock_ns=1000)
    holder = ring.handle()
    slots = [claim(holder) for _ in range(5)]
    ring.push(record(6))
    ring.unblock(0)
    assert ring.unblock(1000) and ring.abandoned == 5
    assert number_of(ring.try_pop()) == 6
    assert not any(s.abort() for s in slots)
    assert ring.counters()["fenced"] == 5


def test_closing_gives_back_what_is_held(fenced: bool) -> None:
    ring = MpmcRing.private(4, fenced=True)
    other = ring.handle()
    slot = claim(other)
    ring.push(record(2))
    other.close()
    assert number_of(ring.pop()) == 2 and ring.counters()["aborted"] == 1
    with pytest.raises(ClosedError):
        slot.abort()
    other = ring.handle()
    ring.push(record(3))
    peek(other)
    other.close()
    assert ring.popped == 2 and ring.counters()["participants"] == 1
    ring.check()


def test_threads_with_handles_of_their_own(fenced: bool) -> None:
    ring = MpmcRing.private(16, fenced=fenced, unblock_ns=10 * LONG_NS)
    count, got = 800, [[], []]  # type: ignore[var-annotated]

    def produce(handle: MpmcRing, tag: int) -> None:
        with handle:
            for i in range(count):
                handle.push(wide(i) if i % 5 == 0 else record(i), LONG_NS, tag)

    def consume(handle: MpmcRing, out: list[tuple[int, int]]) -> None:
        with handle:
            out += ((number_of(handle.pop(LONG_NS)), handle.tag) for _ in range(count))

    threads = [threading.Thread(target=produce, args=(ring.handle(), t)) for t in (1, 2)]
    threads += [threading.Thread(target=consume, args=(ring.handle(), out)) for out in got]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(got[0] + got[1]) == sorted((i, t) for i in range(count) for t in (1, 2))
    for out in got:
        for tag in (1, 2):
            mine = [n for n, t in out if t == tag]
            assert mine == sorted(mine)
    assert ring.pushed == ring.popped == 2 * count


def test_one_handle_is_for_one_thread() -> None:
    ring = MpmcRing.private(4)
    waiter = threading.Thread(target=lambda: ring.pop(LONG_NS))
    waiter.start()
    end = monotonic_ns() + LONG_NS
    found = ""
    while monotonic_ns() < end and not found:
        try:
            ring.join()
        except StateError as error:
            found = str(error)
    assert "another thread waits in this handle" in found
    with ring.handle() as mine:
        mine.push(record(1))
    waiter.join()
    ring.push(record(1))


def test_the_table_of_participants_is_bounded() -> None:
    ring = MpmcRing.private(4)
    handles = [ring.handle() for _ in range(128)]
    for h in handles:
        h.join()
    with pytest.raises(CapacityError, match="128 handles take part"):
        ring.try_pop()
    handles[5].beat(77)
    assert ring.participants()[5].beat_ns == 77 and ring.participants()[5].alive
    handles[7].close()
    ring.push(record(1))
    assert ring.participants()[7].epoch == 2 and ring.reap() == 0


CHILD = """
import os, signal, sys
from tectra.core.mpmc import MpmcRing
ring = MpmcRing.attach(sys.argv[1])
rec = bytearray(bytes.fromhex(sys.argv[2]))
for i in range(int(sys.argv[3])):
    rec[16:24] = rec[-8:] = i.to_bytes(8, "little")
    ring.push(rec, 20_000_000_000, int(sys.argv[4]))
if len(sys.argv) > 5:
    slots = [ring.try_claim() for _ in range(3)]
    os.kill(os.getpid(), signal.SIGKILL)
ring.close()
"""


def child(env: dict[str, str], *args: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", CHILD, *args], env=env)


@pytest.mark.shm
@pytest.mark.e2e
@pytest.mark.timeout(30)
def test_two_processes_push(shm_name: Name, fresh_env: dict[str, str]) -> None:
    count = 5000
    with (
        MpmcRing.create(shm_name(), 256, unblock_ns=10 * LONG_NS) as ring,
        MpmcRing.attach(shm_name()) as monitor,
    ):
        processes = [
            child(fresh_env, shm_name(), rec.hex(), str(count), str(tag))
            for tag, rec in ((1, record(0)), (2, wide(0)))
        ]
        seen: dict[int, list[int]] = {1: [], 2: []}
        for _ in range(2 * count):
            n = number_of(ring.pop(20_000_000_000))
            seen[ring.tag].append(n)
        assert [p.wait(20) for p in processes] == [0, 0]
        assert seen == {1: list(range(count)), 2: list(range(count))}
        assert monitor.pushed == monitor.popped == 2 * count
        assert monitor.owner_pid == os.getpid() and monitor.is_fenced


@pytest.mark.shm
@pytest.mark.e2e
@pytest.mark.timeout(30)
def test_a_process_killed_with_claims_is_passed_over(
    shm_name: Name, fresh_env: dict[str, str]
) -> None:
    with MpmcRing.create(shm_name(), 8) as ring:
        process = child(fresh_env, shm_name(), record(0).hex(), "2", "1", "die")
        assert process.wait(20) == -signal.SIGKILL
        ring.push(record(9))
        assert [number_of(ring.pop(LONG_NS)) for _ in range(3)] == [0, 1, 9]
        assert ring.abandoned == 3 and ring.gaps() == [
            MpmcGap(n, process.pid, True) for n in (3, 4, 5)
        ]
        dead = [p for p in ring.participants() if not p.alive]
        assert [p.pid for p in dead] == [process.pid]
        assert ring.reap() == 1 and len(ring.participants()) == 1
        for i in range(50):
            ring.push(record(i))
            assert number_of(ring.pop()) == i
        assert ring.counters()["skipped"] == 0  # the dead write nothing: no quarantine
        ring.check()


@pytest.mark.shm
def test_names_are_the_makers(shm_name: Name) -> None:
    ring = MpmcRing.create(shm_name(), 8)
    path = Path(ring.mapping.path or "")
    with pytest.raises(DuplicateError, match=rf"queue of process {os.getpid()}, which runs"):
        MpmcRing.create(shm_name(), 8)
    other, second = MpmcRing.attach(shm_name()), ring.handle()
    other.close()
    ring.close()
    ring.close()
    assert path.exists() and ring.closed and not second.closed
    second.push(record(1))
    second.close()
    assert not path.exists()
    for use in (lambda: ring.push(record(1)), lambda: ring.depth, ring.try_pop, ring.handle):
        with pytest.raises(ClosedError):
            use()
    with pytest.raises(SystemCallError, match="No such file"):
        MpmcRing.attach(shm_name())


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
        (damage(0, b"TETTSPS1"), FileFormatError, "found ring; give the name of a queue"),
        (damage(0, b"\0" * 8), StateError, "not finished"),
        (damage(8, b"\x63"), LayoutVersionError, "found layout version 99 "),
        (damage(56, b"\x01\x02\x03\x04"), LayoutVersionError, "hash 0x04030201"),
        (damage(24, (7).to_bytes(8, "little")), FileFormatError, "capacity 7"),
        (damage(32, b"\xff"), FileFormatError, "flags 0xff"),
        (damage(72, b"\0" * 8), FileFormatError, "do not belong together"),
        (damage(128, (999).to_bytes(8, "little")), FileFormatError, "positions lie outside"),
        (cut(20000), TruncatedInputError, "it has 20000 bytes"),
        (cut(10), TruncatedInputError, "it has 10 bytes"),
    ],
)
def test_attach_refuses_what_is_no_ring(
    shm_name: Name, harm: Callable[[Path], None], error: type[Exception], text: str
) -> None:
    path = Path("/dev/shm") / shm_name()
    with MpmcRing.create(shm_name("made"), 64) as ring:
        path.write_bytes(Path(ring.mapping.path or "").read_bytes())
    harm(path)
    with pytest.raises(error, match=text):
        MpmcRing.attach(shm_name())


@pytest.mark.shm
def test_random_pages_are_refused_or_usable(shm_name: Name) -> None:
    """Never a crash: what attach accepts can be used, or refuses with an error of ours."""
    path = Path("/dev/shm") / shm_name()
    with MpmcRing.create(shm_name("made"), 64) as ring:
        good = Path(ring.mapping.path or "").read_bytes()
    rng = np.random.default_rng(7)
    refused = 0
    for _ in range(300):
        raw = bytearray(good)
        for at in rng.choice([*range(400), *range(17408, 17420), 1024, 1030], rng.integers(1, 4)):
            raw[at] = rng.integers(0, 256)
        path.write_bytes(raw)
        try:
            with MpmcRing.attach(shm_name()) as ring:
                ring.try_push(record(1))
                ring.try_pop()
                ring.unblock(1)
                ring.unblock(2**60)
                ring.counters()
        except TectraError:
            refused += 1
    assert refused > 30


def test_waiting_hears_signals() -> None:
    ring = MpmcRing.private(8)

    class Heard(Exception):
        pass

    def handler(*_: object) -> None:
        raise Heard

    old = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Heard):
            ring.pop(timeout_ns=LONG_NS)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    ring.push(record(1))  # the handle is free again


def test_no_memory_stays(retained_blocks: Callable[..., float]) -> None:
    ring = MpmcRing.private(64, fenced=True)
    rec = record(1)

    def run() -> None:
        for _ in range(1000):
            ring.push(rec)
            ring.try_pop()

    assert retained_blocks(run, events=1000) <= 2


@pytest.mark.parametrize("kind", [MpmcRing, MpmcPage])
def test_a_ring_is_not_built_by_calling(kind: type) -> None:
    with pytest.raises(TypeError, match=r"MpmcRing\.create"):
        kind()
