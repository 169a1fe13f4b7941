"""Claims that are filled in place, and batches that are read in place."""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tectra.core.errors import (
    ClosedError,
    InputError,
    RingEmptyError,
    RingFullError,
    StateError,
)
from tectra.core.msg import DTYPES, HEAD, Template
from tectra.core.record import encode
from tectra.core.ring import SpscRing

Name = Callable[..., str]
ADD, WIDE = Template.BOOK_ADD, Template.BOOK_ADD_ATTRIBUTED


def add(px: int) -> bytes:
    return encode(ADD, px=px)


def px_of(raw: bytes) -> int:
    template = Template(int.from_bytes(raw[2:4], "little"))
    return int(np.frombuffer(raw, DTYPES[template])[0]["px"])


def fail(_rows: object) -> None:
    raise ZeroDivisionError


def dirty(rows: np.ndarray, value: int) -> None:
    """Write every field, then fail."""
    for name in rows.dtype.names or ():
        rows[name] = b"x" if rows.dtype[name].kind == "S" else value
    raise ZeroDivisionError


def pops(ring: SpscRing) -> list[int]:
    return [px_of(raw) for raw in iter(ring.try_pop, None)]


class TestClaim:
    def test_a_claim_is_the_record_that_a_push_would_have_made(self) -> None:
        for template in (ADD, WIDE):
            ring = SpscRing.private(16)
            with ring.claim(template) as rec:
                rec["px"], rec["ts_event_ns"], rec["order_ref"] = 7, 11, 13
                assert ring.depth == 0 and ring.try_pop() is None  # not seen before the end
            ring.push(encode(template, px=7, ts_event_ns=11, order_ref=13))
            first, second = ring.pop(), ring.pop()
            assert first[:8] == second[:8] and first[16:] == second[16:]
            assert (first[8:16], second[8:16]) == (b"\1" + bytes(7), b"\2" + bytes(7))
            ring.check()

    def test_old_bytes_of_the_slot_are_gone(self) -> None:
        ring = SpscRing.private(8, stamp=False)
        for _ in range(10):
            ring.push(bytes(add(0)[:8]) + b"\xff" * 56)
            ring.pop()
        with ring.claim(WIDE):
            pass
        raw = ring.pop()
        assert len(raw) == 128 and raw[8:] == bytes(120)

    def test_the_header_is_not_in_reach(self) -> None:
        with SpscRing.private(8).claim(ADD) as rec:
            assert not {"block_length", "template_id"} & set(rec.dtype.names)
            assert rec.dtype.itemsize == 56

    def test_an_exception_takes_everything_back(self) -> None:
        ring = SpscRing.private(8)
        for i in range(20):
            with pytest.raises(ZeroDivisionError), ring.claim_many(WIDE, 3) as rows:
                dirty(rows, 56 + i % 2)
            ring.push(add(i))
            assert pops(ring) == [i]
            ring.check()
        assert ring.pushed == 20

    def test_one_at_a_time_and_no_push_between(self) -> None:
        ring = SpscRing.private(8)
        with ring.claim(ADD) as rec:
            rec["px"] = 1
            for push in (ring.push, ring.try_push, ring.push_many):
                with pytest.raises(StateError, match="a claim is open"):
                    push(add(2))
            with pytest.raises(StateError, match="a claim is open"), ring.claim(ADD):
                pass
        ring.push(add(3))
        assert pops(ring) == [1, 3]

    @pytest.mark.parametrize("template", [ADD, WIDE])
    @pytest.mark.parametrize("start", [0, 5, 2**64 - 20])
    def test_many_at_once_in_what_is_free(self, template: Template, start: int) -> None:
        ring, sent, got = SpscRing.private(16, start=start), 0, []
        for round_number in range(60):
            with ring.claim_many(template, 1 + round_number % 7) as rows:
                assert 1 <= len(rows) <= 1 + round_number % 7
                rows["px"] = np.arange(sent, sent + len(rows))
                sent += len(rows)
            ring.check()
            if round_number % 2:
                got += pops(ring)
        got += pops(ring)
        assert got == list(range(sent)) and ring.pushed == ring.popped == sent

    def test_a_full_ring_is_waited_for(self) -> None:
        ring = SpscRing.private(8)
        for i in range(7):
            ring.push(add(i))
        for claim in (ring.claim(ADD, 1000), ring.claim_many(ADD, 4, 1000)):
            with pytest.raises(RingFullError, match="full for 1000 ns"), claim:
                pass
        ring.pop()
        with ring.claim_many(ADD, 4) as rows:
            assert len(rows) == 1
        with pytest.raises(RingFullError), ring.claim(WIDE, 1000):
            pass

    def test_what_cannot_be_claimed(self, shm_name: Name) -> None:
        with pytest.raises(StateError, match="overwrites"):
            SpscRing.private(8, overwrite=True).claim(ADD)
        ring = SpscRing.private(8)
        for bad in (0, 999, "x"):
            with pytest.raises(InputError, match="template"):
                ring.claim(bad)  # type: ignore[arg-type]
        with SpscRing.create(shm_name(), 8) as a, SpscRing.attach(shm_name()) as b:
            a.push(add(1))
            with pytest.raises(StateError, match="one producer"), b.claim(ADD):
                pass

    def test_after_close(self) -> None:
        ring = SpscRing.private(8)
        claim = ring.claim(ADD)
        ring.close()
        with pytest.raises(ClosedError):
            claim.__enter__()
        with pytest.raises(ClosedError):
            ring.claim(ADD)


KILLED = """
import os, signal, sys
from tectra.core.msg import Template
from tectra.core.record import encode
from tectra.core.ring import SpscRing
ring = SpscRing.attach(sys.argv[1])
for px in range(5):
    ring.push(encode(Template.BOOK_ADD, px=px))
with ring.claim_many(Template.BOOK_ADD_ATTRIBUTED, 8) as rows:
    rows["px"] = 99
    rows["order_ref"] = 2**64 - 1
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.shm
@pytest.mark.e2e
@pytest.mark.timeout(40)
def test_a_producer_killed_inside_a_claim_leaves_nothing_of_it(
    shm_name: Name, fresh_env: dict[str, str]
) -> None:
    with SpscRing.create(shm_name(), 32) as ring:
        for lap in range(3):
            process = subprocess.run([sys.executable, "-c", KILLED, shm_name()], env=fresh_env)
            assert process.returncode == -signal.SIGKILL
            assert ring.depth == 5 and ring.pushed == 5 + 8 * lap
            with SpscRing.attach(shm_name()) as second:  # the side is taken over
                for px in range(5, 8):
                    second.push(add(px))
                assert second.producer_pid == os.getpid()
                assert ring.takeovers == (lap + 1, 0)
            assert pops(ring) == list(range(8))
            ring.check()
        assert ring.lost == 0 and ring.pushed == ring.popped == 24


class TestBatches:
    def test_rows_are_the_slots_themselves(self) -> None:
        ring = SpscRing.private(16)
        ring.push_many(b"".join((add(1), encode(WIDE, px=2), add(3))))
        batches = ring.batches(timeout_ns=0)
        rows = next(batches)
        assert rows.dtype == HEAD and len(rows) == 4 and batches.records == 3
        assert batches.end_of_batch and ring.depth == 4 and ring.lent
        assert list(rows["ring_seq"][[0, 1, 3]]) == [1, 2, 3]
        assert not rows.flags.writeable and not rows.flags.owndata
        with pytest.raises(ValueError, match="WRITEABLE"):
            rows.flags.writeable = True
        assert next(batches, None) is None
        assert ring.depth == 0 and ring.popped == 3 and not ring.lent

    def test_every_record_once_and_the_end_is_told(self) -> None:
        ring, seen, ends = SpscRing.private(16, start=2**64 - 8), [], []
        batches = ring.batches(max_slots=4, timeout_ns=0)
        for lap in range(50):
            for i in range(lap % 11):
                ring.push(encode(WIDE, px=0) if i % 3 == 2 and ring.depth < 12 else add(0))
            while True:
                rows = next(batches, None)
                if rows is None:
                    break
                assert len(rows) <= 4
                at = 0
                while at < len(rows):
                    seen.append(int(rows["ring_seq"][at]))
                    at += (int(rows["block_length"][at]) + 8) // 64
                ends.append(batches.end_of_batch)
                assert batches.end_of_batch == (ring.depth == len(rows))
        assert seen == list(range(1, ring.pushed + 1)) and True in ends and False in ends
        ring.check()

    def test_iterating_the_ring_ends_when_nothing_comes(self) -> None:
        ring = SpscRing.private(16)
        ring.push_many(add(0) * 5)
        iterator = iter(ring)
        assert len(next(iterator)) == 5
        ring.push(add(1))
        assert len(next(iterator)) == 1
        iterator.close()
        assert ring.depth == 0 and [len(b) for b in ring.batches(timeout_ns=1000)] == []

    def test_leaving_the_loop_gives_back(self) -> None:
        ring = SpscRing.private(16)
        ring.push_many(add(0) * 5)
        for rows in ring.batches(max_slots=2):
            assert len(rows) == 2
            break
        assert not ring.lent and ring.depth == 3
        with pytest.raises(ZeroDivisionError):
            list(map(fail, ring.batches(max_slots=2)))
        gc.collect()
        assert ring.depth == 1

    def test_nothing_else_pops_meanwhile(self) -> None:
        ring = SpscRing.private(16)
        ring.push_many(add(4) * 3)
        batches = ring.batches(max_slots=2)
        next(batches)
        for pop in (ring.pop, ring.try_pop, ring.drain, lambda: ring.pop_into(bytearray(128))):
            with pytest.raises(StateError, match="an iterator holds"):
                pop()
        with pytest.raises(StateError, match="an iterator holds"):
            next(ring.batches())
        batches.close()
        batches.close()
        assert px_of(ring.pop()) == 4 and ring.depth == 0

    def test_a_view_outlives_the_ring(self, shm_name: Name) -> None:
        ring = SpscRing.create(shm_name(), 1024)
        ring.push_many(add(8) * 1000)
        batches = ring.batches()
        rows = next(batches)
        path = Path(ring.mapping.path or "")
        ring.close()
        assert ring.closed and ring.mapping.closed and not path.exists()
        assert mapped(path)
        assert list(rows["ring_seq"]) == list(range(1, 1001))
        with pytest.raises(ClosedError):
            next(batches)
        del rows, batches
        gc.collect()
        assert not mapped(path)

    def test_wrong_sizes(self) -> None:
        ring = SpscRing.private(8)
        for bad in (0, 1):
            with pytest.raises(InputError, match="2 or more"):
                ring.batches(max_slots=bad)

    def test_a_lossy_ring_gives_copies_with_the_gap_in_line(self) -> None:
        ring = SpscRing.private(8, overwrite=True)
        for i in range(20):
            ring.push(add(i))
        templates, numbers, ends = [], [], []
        batches = ring.batches(timeout_ns=0)
        for rows in batches:
            assert len(rows) == 1
            templates.append(int(rows["template_id"][0]))
            numbers.append(int(rows["ring_seq"][0]))
            ends.append(batches.end_of_batch)
        assert templates[0] == Template.GAP and set(templates[1:]) == {ADD}
        assert numbers[1:] == list(range(numbers[0] + 1, 21))
        assert ends == [False] * (len(ends) - 1) + [True]
        with pytest.raises(RingEmptyError):
            ring.pop(timeout_ns=0)


def mapped(path: Path) -> bool:
    return str(path) in Path("/proc/self/maps").read_text()
