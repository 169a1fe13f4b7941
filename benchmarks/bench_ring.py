"""The ring from Python beside an index ring in plain Python and beside multiprocessing.Pipe.

One thread is judged. Two processes are shown: they share two cores with whatever else runs.
"""

import mmap
import os
import statistics
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from time import perf_counter_ns

import gate as gates
import numpy as np
import pytest
from conftest import Gate

from tectra.core.idle import IdlePolicy
from tectra.core.msg import Template
from tectra.core.record import encode
from tectra.core.ring import SpscRing

REC = encode(Template.BOOK_ADD, px=1)
FILL = 256  # a pipe holds as many in its buffer
PATIENCE_NS = 30_000_000_000

RING_PEER = """
import sys
from tectra.core.idle import IdlePolicy
from tectra.core.ring import SpscRing
ring, back = SpscRing.attach(sys.argv[1]), SpscRing.attach(sys.argv[2])
ring.idle_policy = back.idle_policy = IdlePolicy.BACKOFF
each, wait, rec = int(sys.argv[3]), 30_000_000_000, bytes.fromhex(sys.argv[4])
back.push(rec)
while each > 1:  # one by one, as the pipe does
    for _ in range(each):
        ring.pop(wait)
    back.push(rec, wait)
while True:
    back.push(ring.pop(wait), wait)
"""
PIPE_PEER = """
import sys
from multiprocessing.connection import Connection
pipe, each, rec = Connection(int(sys.argv[1])), int(sys.argv[2]), bytes.fromhex(sys.argv[3])
pipe.send_bytes(rec)
while each > 1:
    for _ in range(each):
        pipe.recv_bytes()
    pipe.send_bytes(rec)
while True:
    pipe.send_bytes(pipe.recv_bytes())
"""


class IndexRing:
    """Two indices and slots in shared memory, in plain Python: no lengths, checks or counters."""

    def __init__(self, capacity: int) -> None:
        self.memory = mmap.mmap(-1, 16 + capacity * 64)
        self.slots = memoryview(self.memory)[16:]
        self.words = struct.Struct("<Q")
        self.mask = capacity - 1

    def push(self, record: bytes) -> bool:
        tail, head = (self.words.unpack_from(self.memory, at)[0] for at in (0, 8))
        if tail - head > self.mask:
            return False
        at = (tail & self.mask) * 64
        self.slots[at : at + 64] = record
        self.words.pack_into(self.memory, 0, tail + 1)
        return True

    def pop(self) -> bytes | None:
        tail, head = (self.words.unpack_from(self.memory, at)[0] for at in (0, 8))
        if tail == head:
            return None
        at = (head & self.mask) * 64
        record = bytes(self.slots[at : at + 64])
        self.words.pack_into(self.memory, 8, head + 1)
        return record


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def in_and_out(push: Callable[[bytes], object], pop: Callable[[], object]) -> Callable[[], object]:
    def run() -> None:
        for _ in range(FILL):
            push(REC)
        for _ in range(FILL):
            pop()

    return run


def test_push_pop_to_index(gate: Gate) -> None:
    ring, plain = SpscRing.private(1024), IndexRing(1024)
    gate(in_and_out(ring.push, ring.pop), in_and_out(plain.push, plain.pop), "ring.to_index")


def test_push_pop_to_pipe(gate: Gate) -> None:
    ring = SpscRing.private(1024)
    out, into = Pipe(duplex=False)
    with out, into:
        gate(
            in_and_out(ring.push, ring.pop),
            in_and_out(into.send_bytes, out.recv_bytes),
            "ring.to_pipe",
        )


def test_push(gate: Gate) -> None:
    """What a push costs: into a lossy ring, which is never full, and into a ring that is emptied
    outside the clock.
    """
    ring, plain = SpscRing.private(1 << 14), deque[bytes]()

    class Push:
        def prepare(self) -> None:
            ring.drain()

        def __call__(self) -> None:
            push = ring.push
            for _ in range(10_000):
                push(REC)

    class Append:
        def prepare(self) -> None:
            plain.clear()

        def __call__(self) -> None:
            append = plain.append
            for _ in range(10_000):
                append(REC)

    gate(Push(), Append(), "ring.push_to_append")
    show("push", gates.measure(Push(), Append(), pairs=5).subject_ns, 10_000)


def test_drain(gate: Gate) -> None:
    """Whole records in bulk to a new array, beside a copy of the same bytes."""
    n = (1 << 14) - 1
    ring, slots = SpscRing.private(1 << 14), np.frombuffer(REC * n, np.uint8)

    class Drain:
        def prepare(self) -> None:
            ring.push_many(slots)

        def __call__(self) -> None:
            assert len(ring.drain()) == n

    gate(Drain(), slots.copy, "ring.drain_to_copy")
    show("drain", gates.measure(Drain(), slots.copy, pairs=5).subject_ns, n)


def test_batches(gate: Gate) -> None:
    """The same in place: a sum of a column, beside the sum over an array that is there already."""
    n = (1 << 14) - 1
    ring, slots = SpscRing.private(1 << 14), np.frombuffer(REC * n, np.uint8)
    column = ring_column(slots)

    class Batches:
        def prepare(self) -> None:
            ring.push_many(slots)

        def __call__(self) -> None:
            for batch in ring.batches(timeout_ns=0):
                batch["ts_event_ns"].sum()

    gate(Batches(), column.sum, "ring.batches_to_column")


def ring_column(slots: "np.ndarray") -> "np.ndarray":
    return slots.view(np.int64)[2::8]


def show(what: str, samples: tuple[float, ...], units: int) -> None:
    ns = min(samples) / units
    print(f"\n{what}: {ns:.1f} ns a record, {1e9 / ns:,.0f} a second")


@contextmanager
def process(code: str, *args: str, fds: tuple[int, ...] = ()) -> Iterator[None]:
    # -P: a checkout that lies unbuilt in the working directory is not what is measured.
    child = subprocess.Popen([sys.executable, "-P", "-c", code, *args], pass_fds=fds)
    try:
        yield
    finally:
        child.kill()
        child.wait()


def ring_peer(stack: ExitStack, each: int) -> tuple[SpscRing, SpscRing]:
    names = [f"tectra_bench_{os.getpid()}_{each}_{end}" for end in ("there", "back")]
    rings = [stack.enter_context(SpscRing.create(name, 1 << 12)) for name in names]
    for ring in rings:
        ring.idle_policy = IdlePolicy.YIELD
    stack.enter_context(process(RING_PEER, *names, str(each), REC.hex()))
    rings[1].pop(PATIENCE_NS)
    return rings[0], rings[1]


def pipe_peer(stack: ExitStack, each: int) -> Connection:
    ours, theirs = Pipe()
    stack.enter_context(ours)
    with theirs:
        fd = theirs.fileno()
        stack.enter_context(process(PIPE_PEER, str(fd), str(each), REC.hex(), fds=(fd,)))
    ours.recv_bytes()
    return ours


@pytest.mark.timeout(60)
def test_two_processes_rate(stack: ExitStack) -> None:
    """So many records one way, one by one, and one back."""
    n = gates.size(5_000, 100)
    ring, back = ring_peer(stack, n)
    pipe = pipe_peer(stack, n)

    def through_ring() -> int:
        start = perf_counter_ns()
        for _ in range(n):
            ring.push(REC, PATIENCE_NS)
        back.pop(PATIENCE_NS)
        return perf_counter_ns() - start

    def through_pipe() -> int:
        start = perf_counter_ns()
        for _ in range(n):
            pipe.send_bytes(REC)
        pipe.recv_bytes()
        return perf_counter_ns() - start

    two_processes("ring.rate_to_pipe", through_ring, through_pipe, gates.size(31, 1), n)


@pytest.mark.timeout(60)
def test_two_processes_trip(stack: ExitStack) -> None:
    """One record there and back, again and again; the median trip of each."""
    ring, back = ring_peer(stack, 1)
    pipe = pipe_peer(stack, 1)
    back.idle_policy = IdlePolicy.SPIN

    def through_ring() -> int:
        start = perf_counter_ns()
        ring.push(REC, PATIENCE_NS)
        back.pop(PATIENCE_NS)
        return perf_counter_ns() - start

    def through_pipe() -> int:
        start = perf_counter_ns()
        pipe.send_bytes(REC)
        pipe.recv_bytes()
        return perf_counter_ns() - start

    two_processes("ring.trip_to_pipe", through_ring, through_pipe, gates.size(5_000, 10), 1)


def two_processes(
    name: str, ours: Callable[[], int], theirs: Callable[[], int], rounds: int, units: int
) -> None:
    """Medians of both, in blocks that alternate: each side's peer sleeps while the other runs."""
    took: dict[Callable[[], int], list[int]] = {ours: [], theirs: []}
    blocks = min(rounds, 10)
    for _ in range(blocks):
        for run in (ours, theirs):
            run()
            took[run] += [run() for _ in range(rounds // blocks)]
    median = {run: statistics.median(samples) / units for run, samples in took.items()}
    ratio = median[ours] / median[theirs]
    gates.check(name, ratio)
    print(
        f"\n{name}: ratio {ratio:.4f}, 1 / {1 / ratio:.0f}; "
        f"{median[ours]:,.0f} and {median[theirs]:,.0f} ns"
    )
