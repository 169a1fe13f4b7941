"""Random publishing and reading on the broadcast ring, with several readers, masks and laps, beside
a plain model.
"""

import numpy as np
from bcast_model import BcastModel, ModelReader, Sent
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from numbered import gap_of, number_of, record, seq_of, template_of

from tectra.core.bcast import BroadcastRing
from tectra.core.bcast_reader import BroadcastReader
from tectra.core.msg import Template

TEMPLATES = {1: Template.BOOK_ADD, 2: Template.BOOK_ADD_ATTRIBUTED}
TAG = st.sampled_from([1, 2, 3, 4, 8, 9, 1 << 63, 2**64 - 1])
RECORD = st.tuples(st.sampled_from([1, 1, 2]), TAG, st.integers(0, 2**62))
READERS_MAX = 5


def split(rows: np.ndarray) -> list[bytes]:
    raw, out, at = rows.tobytes(), [], 0
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 2], "little") + 8
        out.append(raw[at : at + size])
        at += size
    return out


def same(raw: bytes | None, want: Sent | tuple[int, int] | None) -> None:
    if raw is None or want is None:
        assert raw is want
    elif isinstance(want, tuple):
        assert gap_of(raw) == want and seq_of(raw) == want[1]
    else:
        assert template_of(raw) == TEMPLATES[want.slots] and len(raw) == want.slots * 64
        assert (seq_of(raw), number_of(raw)) == (want.number, want.payload)


class BcastMachine(RuleBasedStateMachine):
    @initialize(
        power=st.integers(3, 6), start=st.sampled_from([0, 3, 2**32 - 9, 2**64 - 9, 2**64 - 60])
    )
    def begin(self, power: int, start: int) -> None:
        self.ring = BroadcastRing.private(1 << power, start=start)
        self.model = BcastModel(1 << power)
        self.readers: list[tuple[BroadcastReader, ModelReader]] = []

    @rule(mask=TAG, oldest=st.booleans(), listed=st.booleans())
    def join(self, mask: int, oldest: bool, listed: bool) -> None:
        if len(self.readers) == READERS_MAX:
            self.readers.pop(0)[0].close()
        reader = BroadcastReader.join(
            self.ring, "r" if listed else None, mask=mask, start="oldest" if oldest else "newest"
        )
        self.readers.append((reader, self.model.join(mask, oldest)))

    @rule(one=RECORD)
    def publish(self, one: tuple[int, int, int]) -> None:
        self.ring.publish(record(one[2], TEMPLATES[one[0]]), one[1])
        self.model.publish(*one)

    @rule(batch=st.lists(RECORD, max_size=60))
    def publish_many(self, batch: list[tuple[int, int, int]]) -> None:
        raw = b"".join(record(payload, TEMPLATES[slots]) for slots, _, payload in batch)
        tags = np.array([tag for _, tag, _ in batch], np.uint64)
        assert self.ring.publish_many(raw, tags) == len(batch)
        self.model.publish_many(batch)

    @rule(batch=st.lists(RECORD, min_size=1, max_size=8), keep=st.booleans())
    def claim(self, batch: list[tuple[int, int, int]], keep: bool) -> None:
        raw = b"".join(record(payload, TEMPLATES[slots]) for slots, _, payload in batch)
        with self.ring.claim(len(raw) // 64) as room:
            room[:] = raw
        if not keep:
            self.ring.abort()
            return
        assert self.ring.commit(batch[0][1]) == len(batch)
        self.model.publish_many([(slots, batch[0][1], payload) for slots, _, payload in batch])

    @precondition(lambda self: self.readers)
    @rule(which=st.integers(0, READERS_MAX - 1), times=st.integers(1, 9))
    def read(self, which: int, times: int) -> None:
        reader, model = self.readers[which % len(self.readers)]
        for _ in range(times):
            same(reader.try_read(), self.model.step(model))

    @precondition(lambda self: self.readers)
    @rule(which=st.integers(0, READERS_MAX - 1))
    def drain(self, which: int) -> None:
        reader, model = self.readers[which % len(self.readers)]
        for raw in split(reader.drain()):
            same(raw, self.model.step(model))
        assert reader.end_of_batch
        assert self.model.step(model) is None

    @precondition(lambda self: self.readers)
    @rule(which=st.integers(0, READERS_MAX - 1), mask=TAG)
    def set_mask(self, which: int, mask: int) -> None:
        reader, model = self.readers[which % len(self.readers)]
        reader.set_mask(mask)
        model.mask = mask

    @invariant()
    def counters_agree(self) -> None:
        if not hasattr(self, "ring"):
            return
        assert self.ring.published == len(self.model.sent)
        for reader, model in self.readers:
            found = reader.counters()
            for name in ("joined", "next", "read", "skipped", "lost", "gaps"):
                assert found[name] == getattr(model, name), name
            assert found["lag"] == len(self.model.sent) + 1 - model.next
            assert found["read"] + found["skipped"] + found["lost"] == model.next - model.joined
        self.ring.check()


TestBroadcast = BcastMachine.TestCase
TestBroadcast.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
