"""Digest: equal to plain integer arithmetic, cut-independent, sensitive to order and each bit."""

import random

import numpy as np
import pytest
from journal_records import as_slots, digest_model, record, stream

from tectra.core.errors import JournalError
from tectra.core.msg import DIRECTION, Template
from tectra.journal import Digest, digest_inputs_outputs


def value(data: bytes) -> str:
    digest = Digest()
    digest.update(data)
    return digest.hexdigest()


def test_equals_the_plain_model() -> None:
    data = b"".join(stream(300))
    for end in (0, 64, 640, len(data)):
        assert value(data[:end]) == digest_model(data[:end])
    zeros = bytes(640)
    assert value(zeros) == digest_model(zeros) != value(zeros[64:])


def test_value_is_the_hexdigest_in_two_words() -> None:
    digest = Digest()
    digest.update(record(1))
    assert "{:016x}{:016x}".format(*digest.value()) == digest.hexdigest()


def test_cuts_do_not_matter_and_copies_go_apart() -> None:
    data = b"".join(stream(50))
    digest = Digest()
    for at in range(0, len(data), 192):
        digest.update(data[at : at + 192])
    assert digest.hexdigest() == value(data)
    other = digest.copy()
    other.update(record(51))
    assert other.hexdigest() != digest.hexdigest() == value(data)
    assert digest.slots == len(data) // 64


def test_every_bit_and_the_order_count() -> None:
    data = bytearray(b"".join(stream(12)))
    seen = {value(bytes(data))}
    for bit in range(len(data) * 8):
        data[bit // 8] ^= 1 << bit % 8
        seen.add(value(bytes(data)))
        data[bit // 8] ^= 1 << bit % 8
    assert len(seen) == len(data) * 8 + 1
    a, b, c = record(1), record(2), record(3)
    assert len({value(x) for x in (a + b + c, a + c + b, b + a + c, a + b, a + a, a)}) == 6


def test_no_two_of_many_small_streams_share_a_value() -> None:
    rng = random.Random(5)
    sparse = set()
    for _ in range(20_000):
        slot = bytearray(64)
        for _ in range(rng.randrange(3)):
            slot[rng.randrange(64)] = rng.randrange(256)
        sparse.add(bytes(slot))
    assert len({value(s) for s in sparse}) == len(sparse)


def test_refuses_part_of_a_slot() -> None:
    with pytest.raises(ValueError, match="64-byte slots; found 63"):
        Digest().update(bytes(63))


def test_inputs_and_outputs_apart() -> None:
    records = stream(400)
    by_direction: dict[str, list[bytes]] = {"input": [], "output": [], "note": []}
    for r in records:
        by_direction[DIRECTION[Template(r[2] | r[3] << 8)]].append(r)
    found = digest_inputs_outputs([as_slots(records[:150]), as_slots(records[150:])])
    assert found.inputs == digest_model(b"".join(by_direction["input"]))
    assert found.outputs == digest_model(b"".join(by_direction["output"]))
    assert found[2:] == tuple(len(by_direction[d]) for d in ("input", "output", "note"))


def test_inputs_and_outputs_refuse_a_cut_record() -> None:
    slots = as_slots([record(1), record(2, Template.ORDER_EVENT)])
    with pytest.raises(JournalError, match="slot 1 of 2"):
        digest_inputs_outputs([slots[:2]])
    with pytest.raises(JournalError, match="slot 0 of 1"):
        digest_inputs_outputs([np.zeros((1, 64), np.uint8)])
