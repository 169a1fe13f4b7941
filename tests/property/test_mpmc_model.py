"""Several handles on one ring of many, beside a model: claims, aborts, records in place, and what
is given up.
"""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)
from mpmc_model import MpmcModel

from tectra.core.mpmc import MpmcRing, MpmcSlot
from tectra.core.msg import DTYPES, Template

TEMPLATES = {64: Template.BOOK_ADD, 128: Template.BOOK_ADD_ATTRIBUTED}
RECORD = st.tuples(st.sampled_from([64, 64, 128]), st.integers(0, 2**63 - 1))
HANDLES = 3
WHO = st.integers(0, HANDLES - 1)
UNBLOCK_NS = 1000
Held = tuple[int, int, MpmcSlot]


def make(size: int, payload: int) -> bytes:
    row = np.zeros(1, DTYPES[TEMPLATES[size]])
    row["block_length"] = size - 8
    row["template_id"] = TEMPLATES[size]
    raw = bytearray(row.tobytes())
    for at in range(16, size, 8):
        raw[at : at + 8] = payload.to_bytes(8, "little")
    return bytes(raw)


def read(raw: bytes) -> tuple[int, int]:
    """(size, payload) of a record whose words all agree."""
    rest = raw[16:]
    assert rest == rest[:8] * (len(rest) // 8)
    assert int.from_bytes(raw[0:2], "little") == len(raw) - 8
    return len(raw), int.from_bytes(rest[:8], "little")


class MpmcMachine(RuleBasedStateMachine):
    """Fenced or plain; only a fenced ring gives anything up. The watches of the handles run on a
    clock of the test's own.
    """

    writing = Bundle("writing")
    reading = Bundle("reading")

    @initialize(
        power=st.integers(1, 4),
        start=st.sampled_from([0, 3, 2**53 - 9, 2**64 - 9, 2**64 - 60]),
        fenced=st.booleans(),
    )
    def begin(self, power: int, start: int, fenced: bool) -> None:
        first = MpmcRing.private(
            1 << power, fenced=fenced, start=start, unblock_ns=UNBLOCK_NS, wide=True
        )
        self.rings = [first] + [first.handle() for _ in range(HANDLES)]
        self.model = MpmcModel(1 << power)
        self.now_ns = 0

    @rule(target=writing, who=WHO)
    def claim(self, who: int) -> object:
        slot, pos = self.rings[who].try_claim(128), self.model.claim(who)
        assert (slot is None) == (pos is None)
        if slot is None or pos is None:
            return multiple()
        assert slot.number == pos + 1
        return who, pos, slot

    @rule(held=consumes(writing), record=RECORD)
    def commit(self, held: Held, record: tuple[int, int]) -> None:
        who, pos, slot = held
        assert slot.commit(make(*record), tag=9) == self.model.commit(pos, who, record)

    @rule(held=consumes(writing))
    def abort(self, held: Held) -> None:
        who, pos, slot = held
        assert slot.abort() == self.model.abort(pos, who)

    @rule(target=reading, who=WHO)
    def peek(self, who: int) -> object:
        slot, want = self.rings[who].try_peek(), self.model.peek(who)
        assert (slot is None) == (want is None)
        if slot is None or want is None:
            return multiple()
        assert slot.number == want[0] + 1 and slot.tag == 9
        assert read(slot.record) == want[1]
        return who, want[0], slot

    @rule(held=consumes(reading))
    def release(self, held: Held) -> None:
        who, pos, slot = held
        before = slot.record
        assert read(before)  # whoever is late still holds what it had
        assert slot.release() == self.model.release(pos, who)

    @rule(who=WHO, record=RECORD)
    def push_whole(self, who: int, record: tuple[int, int]) -> None:
        slot, pos = self.rings[who].try_claim(record[0]), self.model.claim(who)
        if slot is not None and pos is not None:
            assert slot.commit(make(*record), tag=9) and self.model.commit(pos, who, record)
        assert (slot is None) == (pos is None)

    @rule()
    def give_up(self) -> None:
        """The last handle, which holds nothing, waits for as long as it takes."""
        if not self.rings[0].is_fenced:
            return
        self.now_ns += 1
        self.rings[-1].unblock(self.now_ns)
        self.now_ns += UNBLOCK_NS
        assert self.rings[-1].unblock(self.now_ns) == self.model.give_up()

    @invariant()
    def counters_agree(self) -> None:
        if not hasattr(self, "rings"):
            return
        model, found = self.model, self.rings[0].counters()
        if self.rings[0].is_fenced:
            for name in ("pushed", "popped", "abandoned", "lost", "fenced", "skipped"):
                assert found[name] == model.count[name], name
        assert found["aborted"] == model.count["aborted"]
        assert found["full_count"] == model.count["full_count"]
        assert found["depth"] == model.depth
        assert found["gaps"] == model.count["abandoned"] + model.count["lost"]
        self.rings[0].check()


TestMpmc = MpmcMachine.TestCase
TestMpmc.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
