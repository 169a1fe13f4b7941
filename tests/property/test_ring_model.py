"""Random pushes and pops on the ring beside a deque; laps of the lossy ring beside a list."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ring_model import RingModel

from tectra.core.errors import RingFullError
from tectra.core.msg import DTYPES, HEAD, Template
from tectra.core.ring import SpscRing


class AbortedError(Exception):
    """Thrown inside a claim."""


TEMPLATES = {1: Template.BOOK_ADD, 2: Template.BOOK_ADD_ATTRIBUTED}
PAYLOAD = st.integers(0, 2**63 - 1)
RECORD = st.tuples(st.sampled_from([1, 1, 2]), PAYLOAD)


def make(slots: int, payload: int) -> bytes:
    row = np.zeros(1, DTYPES[TEMPLATES[slots]])
    row["block_length"] = slots * 64 - 8
    row["template_id"] = TEMPLATES[slots]
    raw = bytearray(row.tobytes())
    for at in range(16, slots * 64, 8):
        raw[at : at + 8] = payload.to_bytes(8, "little")
    return bytes(raw)


def read(raw: bytes) -> tuple[int, int, int]:
    """(slots, number, payload) of a record whose words all agree."""
    slots, rest = len(raw) // 64, raw[16:]
    assert rest == rest[:8] * (len(rest) // 8)
    assert int.from_bytes(raw[0:2], "little") == len(raw) - 8
    return slots, int.from_bytes(raw[8:16], "little"), int.from_bytes(rest[:8], "little")


def split(rows: np.ndarray) -> list[bytes]:
    raw, out, at = rows.tobytes(), [], 0
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 2], "little") + 8
        out.append(raw[at : at + size])
        at += size
    return out


class RingMachine(RuleBasedStateMachine):
    @initialize(
        power=st.integers(3, 6), start=st.sampled_from([0, 3, 2**32 - 9, 2**64 - 9, 2**64 - 60])
    )
    def begin(self, power: int, start: int) -> None:
        self.ring = SpscRing.private(1 << power, start=start)
        self.model = RingModel(1 << power)

    @rule(record=RECORD)
    def push(self, record: tuple[int, int]) -> None:
        assert self.ring.try_push(make(*record)) == self.model.push(*record)

    @rule(batch=st.lists(RECORD, max_size=40))
    def push_many(self, batch: list[tuple[int, int]]) -> None:
        took = self.ring.push_many(b"".join(make(*r) for r in batch))
        assert took == self.model.push_many(batch)

    @rule()
    def pop(self) -> None:
        raw, want = self.ring.try_pop(), self.model.pop()
        assert (raw and read(raw)) == want

    @rule(max_slots=st.integers(0, 70))
    def drain(self, max_slots: int) -> None:
        out = np.zeros(max_slots, HEAD)
        done = self.ring.drain_into(out)
        assert [read(r) for r in split(out[:done])] == self.model.drain(max_slots)

    @rule(
        slots=st.sampled_from([1, 2]),
        payloads=st.lists(PAYLOAD, min_size=1, max_size=9),
        commit=st.booleans(),
    )
    def claim(self, slots: int, payloads: list[int], commit: bool) -> None:
        """In place, as many as the ring gives in a row; given up, there was nothing."""
        try:
            with self.ring.claim_many(TEMPLATES[slots], len(payloads), 0) as rows:
                raw = np.ndarray((len(rows), slots * 8 - 1), "<u8", rows.base, 0, (slots * 64, 8))
                raw[:, 1:] = np.array(payloads[: len(rows)], np.uint64)[:, None]
                if not commit:
                    raise AbortedError
        except AbortedError:
            return
        except RingFullError:
            assert not self.model.push(slots, 0)
            return
        assert 1 <= len(rows) <= len(payloads)
        assert all(self.model.push(slots, p) for p in payloads[: len(rows)])

    @rule(max_slots=st.integers(2, 70))
    def batch(self, max_slots: int) -> None:
        batches = self.ring.batches(max_slots=max_slots, timeout_ns=0)
        rows = next(batches, None)
        if rows is None:
            assert self.model.depth == 0
            return
        got = [read(r) for r in split(rows)]
        assert batches.end_of_batch == (len(rows) == self.model.depth)
        assert got == self.model.drain(len(rows)) and len(rows) <= max_slots
        batches.close()

    @invariant()
    def counters_agree(self) -> None:
        if not hasattr(self, "ring"):
            return
        ring, model = self.ring, self.model
        assert ring.depth == model.depth
        assert (ring.pushed, ring.popped) == (model.pushed, model.popped)
        assert ring.full_count == model.full_count
        assert ring.lost == 0
        assert model.depth <= ring.high_water <= ring.capacity - 1
        ring.check()


TestRing = RingMachine.TestCase
TestRing.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)


@given(
    st.integers(3, 5),
    st.lists(st.tuples(st.lists(RECORD, max_size=50), st.integers(0, 20)), max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_a_lossy_ring_tells_every_record_or_its_loss(
    power: int, laps: list[tuple[list[tuple[int, int]], int]]
) -> None:
    """What is read and what is told lost are together exactly what was pushed, in order."""
    ring = SpscRing.private(1 << power, overwrite=True)
    pushed: list[tuple[int, int]] = []
    next_number = 1
    for batch, pops in [*laps, ([], 10**6)]:
        for record in batch:
            assert ring.try_push(make(*record))
        pushed += batch
        for _ in range(pops):
            raw = ring.try_pop()
            if raw is None:
                break
            if int.from_bytes(raw[2:4], "little") == Template.GAP:
                gap = np.frombuffer(raw, DTYPES[Template.GAP])[0]
                assert gap["first_seq"] == next_number <= gap["last_seq"]
                next_number = int(gap["last_seq"]) + 1
                continue
            slots, number, payload = read(raw)
            assert number == next_number and (slots, payload) == pushed[number - 1]
            next_number += 1
    assert next_number == len(pushed) + 1
    assert ring.popped + ring.lost == len(pushed) == ring.pushed
