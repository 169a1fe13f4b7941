"""CRC-32C: published vectors, the two variants beside each other and beside bit-by-bit division."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.crc32c import crc32c, crc32c_slots, crc32c_table, has_instruction
from tectra.core.errors import InputError

# RFC 3720, B.4, and the check value of the catalog of CRC algorithms.
VECTORS = [
    (b"", 0),
    (b"123456789", 0xE3069283),
    (bytes(32), 0x8A9136AA),
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C),
]


def by_bits(data: bytes, seed: int) -> int:
    crc = seed ^ 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.mark.parametrize(("data", "want"), VECTORS)
def test_vectors(data: bytes, want: int) -> None:
    assert crc32c(data) == crc32c_table(data) == want


@given(st.binary(max_size=200), st.integers(0, 2**32 - 1))
def test_beside_division_bit_by_bit(data: bytes, seed: int) -> None:
    assert crc32c(data, seed) == crc32c_table(data, seed) == by_bits(data, seed)


@pytest.mark.parametrize("size", [3071, 3072, 3073, 3079, 6144, 9999, 65535, 65536, 200_003])
@pytest.mark.parametrize("at", [0, 1, 7])
def test_three_lanes_beside_the_table(size: int, at: int) -> None:
    data = np.random.default_rng(size).bytes(size + at)
    view = memoryview(data)[at:]
    assert crc32c(view, 99) == crc32c_table(view, 99)


@given(st.binary(max_size=5000), st.integers(0, 5000))
def test_parts_chain(data: bytes, cut: int) -> None:
    assert crc32c(data[cut:], crc32c(data[:cut])) == crc32c(data)


@pytest.mark.parametrize("slots", [0, 1, 2, 3, 4, 7, 100])
def test_slots_are_independent_sums(slots: int) -> None:
    data = np.random.default_rng(slots).bytes(slots * 64)
    seed = 2**32 - 3  # seeds wrap
    want = [crc32c_table(data[i * 64 : i * 64 + 64], (seed + i) % 2**32) for i in range(slots)]
    assert crc32c_slots(data, seed).tolist() == want


def test_refusals() -> None:
    with pytest.raises(InputError, match="multiple of 64"):
        crc32c_slots(b"x" * 65)
    with pytest.raises(OverflowError):
        crc32c(b"", -1)
    with pytest.raises(TypeError):
        crc32c("text")  # type: ignore[arg-type]
    assert has_instruction() in (True, False)
