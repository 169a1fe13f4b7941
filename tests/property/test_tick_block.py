"""Blocks of a tick store: any records come back to the byte, any damage is seen."""

import numpy as np
import pytest
from feed_records import START, quote, trade
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.errors import FileFormatError
from tectra.feed.batch import scan
from tectra.feed.tick_block import BlockEncoder, decode_block, stored_bytes

RECORDS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 2**62), st.integers(-(2**63), 2**63 - 1)),
    min_size=1,
    max_size=50,
)
CODECS = st.sampled_from(["zstd", "lz4", "none"])


def block(rows: list[tuple[bool, int, int]], codec: str, ties: list[int]) -> tuple[bytes, bytes]:
    data = b"".join(
        quote(START + ts % 999, px % 2**40, px) if wide else trade(START + ts, px)
        for wide, ts, px in rows
    )
    slots = np.frombuffer(data, np.uint8)
    tie = np.cumsum(np.array(ties[: len(rows)], np.uint64))
    return data, BlockEncoder(codec).encode(slots, scan(slots), tie)


@given(rows=RECORDS, codec=CODECS, ties=st.lists(st.integers(1, 9), min_size=50, max_size=50))
def test_any_records_come_back(
    rows: list[tuple[bool, int, int]], codec: str, ties: list[int]
) -> None:
    data, stored = block(rows, codec, ties)
    assert stored_bytes(stored[:64]) == len(stored)
    back = decode_block(np.frombuffer(stored, np.uint8), "here")
    assert back.slots.tobytes() == data and len(back.rows.slot) == len(rows)
    assert back.tie.tolist() == np.cumsum(ties[: len(rows)]).tolist()


@given(
    rows=RECORDS, codec=CODECS, at=st.integers(0, 1 << 20), flip=st.integers(1, 255),
    cut=st.booleans(),
)  # fmt: skip
def test_any_damage_is_seen(
    rows: list[tuple[bool, int, int]], codec: str, at: int, flip: int, cut: bool
) -> None:
    damaged = bytearray(block(rows, codec, [1] * 50)[1])
    at %= len(damaged)
    if cut:
        del damaged[at:]
    else:
        damaged[at] ^= flip
    with pytest.raises(FileFormatError, match="here"):
        decode_block(np.frombuffer(bytes(damaged), np.uint8), "here")
