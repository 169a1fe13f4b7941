"""A 64 KiB journal cut at every byte and hurt in every bit: what reads back is right or not there.

The default run takes a stride of the places; all of them under `slow` and `soak`. The reader and
verify are the public ones. tests/native/journal_bits.c does every bit through the C functions.
"""

import os
import random
from collections.abc import Iterator

import numpy as np
import pytest
from journal_image import IMAGE_BYTES, NAME, SLOTS_AT, Image, scratch

from tectra.core.errors import JournalError
from tectra.journal import Cause, JournalReader, SegmentFile, verify
from tectra.journal.scan import crc32c

POINTS = IMAGE_BYTES + 1
BITS = IMAGE_BYTES * 8
BURSTS = 2000


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    with scratch() as where:
        yield Image(where / "j", closed=True)


@pytest.fixture(scope="module")
def open_image() -> Iterator[Image]:
    with scratch() as where:
        yield Image(where / "j", closed=False)


# ---- truncation ----


def cut_everywhere(image: Image, sizes: range) -> int:
    """Cut from the end to the beginning; returns how many sizes were tried."""
    tried = 0
    with image.opened() as fd:
        for size in sizes:
            os.ftruncate(fd, size)
            got, _ = image.read()
            assert got == image.whole[: image.prefix(size)], f"cut to {size} bytes"
            report = verify(image.path)
            assert not report.ok or size == IMAGE_BYTES, f"cut to {size} bytes is no fault"
            assert report.records >= image.edges.index(len(got)), f"cut to {size} bytes"
            tried += 1
    return tried


def some(count: int, step: int) -> range:
    """Every `step`-th number below `count`, downwards, the last one among them."""
    return range(count - 1, -1, -step)


def test_cut_at_some_bytes(image: Image, open_image: Image) -> None:
    for one in (image, open_image):
        assert cut_everywhere(one, some(POINTS, 173)) == 379
        assert cut_everywhere(one, range(SLOTS_AT + 200, SLOTS_AT - 2, -1)) == 202


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("which", ["closed", "open"])
def test_cut_at_every_byte(image: Image, open_image: Image, which: str) -> None:
    """65,537 of 65,537 sizes: the longest valid prefix, nothing wrong, nothing more."""
    assert cut_everywhere(image if which == "closed" else open_image, some(POINTS, 1)) == POINTS


def test_manifest_cut_at_every_byte(image: Image) -> None:
    """Every size of the manifest: strict reading refuses, loose reading gives every record."""
    path = image.path / "manifest.json"
    body = path.read_bytes()
    try:
        for size in range(0, len(body) - 1, 7):
            path.write_bytes(body[:size])
            with pytest.raises(JournalError, match="manifest"):
                JournalReader(image.path)
            assert [f.cause for f in verify(image.path).faults] == [Cause.MANIFEST]
        loose = JournalReader(image.path, strict=False)
        assert b"".join(s.tobytes() for s in loose.slots()) == image.whole
    finally:
        path.write_bytes(body)


# ---- one bit ----


def expected(image: Image, byte: int) -> int | None:
    """Bytes of records that must read back when this byte of the file is wrong; None: it may lie
    in the header, where all or nothing is right.
    """
    if byte < 4096:
        return None
    if byte < SLOTS_AT:
        slot = (byte - 4096) // 4
        if slot * 64 >= len(image.whole):
            return len(image.whole)
        place = slot * 64
    else:
        place = byte - SLOTS_AT
    return int(image.edges[int(np.searchsorted(image.edges, place, side="right")) - 1])


def flip_and_read(image: Image, bits: range) -> int:
    """One bit at a time: the reader never hands out a changed record. Returns how many."""
    tried = 0
    with image.opened() as fd:
        for bit in bits:
            byte, mask = bit // 8, 1 << bit % 8
            os.pwrite(fd, bytes([image.bytes[byte] ^ mask]), byte)
            got, raised = image.read()
            want = expected(image, byte)
            if want is None:
                assert got in (b"", image.whole), f"bit {bit}"
            else:
                assert len(got) == want, f"bit {bit}"
                assert got == image.whole[:want], f"bit {bit}"
            assert raised or len(got) == len(image.whole), f"bit {bit}"
            os.pwrite(fd, image.bytes[byte : byte + 1], byte)
            tried += 1
    return tried


def flip_and_verify(image: Image, bits: range) -> int:
    """One bit at a time: verify finds it, and places it when it lies in a slot or its sum."""
    tried = 0
    with image.opened() as fd:
        for bit in bits:
            byte, mask = bit // 8, 1 << bit % 8
            os.pwrite(fd, bytes([image.bytes[byte] ^ mask]), byte)
            faults = verify(image.path).faults
            assert faults, f"bit {bit} goes unseen"
            if byte >= SLOTS_AT:
                slot_at = byte // 64 * 64
                assert (faults[0].cause, faults[0].offset) == (Cause.CRC, slot_at), f"bit {bit}"
            elif byte < 4096:
                assert {f.cause for f in faults} == {Cause.HEADER}, f"bit {bit}"
            os.pwrite(fd, image.bytes[byte : byte + 1], byte)
            tried += 1
    return tried


def flip_in_every_slot(image: Image, bits: range, size: int, base: int) -> int:
    """The same bit of every slot (or of every checksum) at once: verify names each one of them."""
    count = len(image.whole) // 64
    tried = 0
    with image.opened() as fd:
        for bit in bits:
            body = np.frombuffer(image.bytes, np.uint8).copy()
            body[base + bit // 8 : base + count * size : size] ^= 1 << bit % 8
            os.pwrite(fd, body.tobytes(), 0)
            report = verify(image.path)
            named = {f.offset for f in report.faults if f.cause in (Cause.CRC, Cause.MISPLACED)}
            assert named == set(range(SLOTS_AT, SLOTS_AT + 64 * count, 64)), f"bit {bit}"
            tried += count
    return tried


def test_some_single_bits(image: Image) -> None:
    assert flip_and_read(image, some(BITS, 641)) == 818
    assert flip_and_verify(image, some(BITS, 1283)) == 409


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_every_single_bit_is_seen_by_verify(image: Image) -> None:
    """524,288 of 524,288. Bits of slots and their sums are flipped one in each slot at a time, and
    each slot must be named; all others one by one.
    """
    count = len(image.whole) // 64
    tried = flip_in_every_slot(image, range(512), 64, SLOTS_AT)
    tried += flip_in_every_slot(image, range(32), 4, 4096)
    tried += flip_and_verify(image, range(4096 * 8))
    tried += flip_and_verify(image, range((4096 + 4 * count) * 8, SLOTS_AT * 8))
    assert tried == BITS == 524_288


@pytest.mark.soak
@pytest.mark.timeout(2400)
def test_every_single_bit_is_kept_from_readers(image: Image) -> None:
    """524,288 of 524,288, one by one."""
    assert flip_and_read(image, some(BITS, 1)) == BITS


# ---- bursts ----


def burst(image: Image, rng: random.Random, bits_max: int) -> tuple[int, bytes]:
    """(offset, bytes) of a change that spans at most `bits_max` bits; its ends are changed."""
    width = rng.randint(2, bits_max)
    start = rng.randrange(BITS - width)
    change = 1 | 1 << width - 1 | rng.getrandbits(width)
    first, last = start // 8, (start + width - 1) // 8
    mask = (change << start % 8).to_bytes(last - first + 2, "little")[: last - first + 1]
    old = image.bytes[first : last + 1]
    return first, bytes(a ^ b for a, b in zip(old, mask, strict=True))


def hurt_by_bursts(image: Image, count: int, seed: int) -> None:
    rng = random.Random(seed)
    with image.opened() as fd:
        for n in range(count):
            at, body = burst(image, rng, 32)
            os.pwrite(fd, body, at)
            got, raised = image.read()
            where = f"seed {seed}, burst {n}: {len(body)} bytes at {at} of {NAME}"
            assert image.whole.startswith(got), where
            assert raised or got == image.whole, where
            if not raised or n % 8 == 0:
                assert not verify(image.path).ok, where
            os.pwrite(fd, image.bytes[at : at + len(body)], at)


def test_bursts_up_to_32_bits(image: Image) -> None:
    hurt_by_bursts(image, BURSTS, seed=32)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_million_bursts_up_to_32_bits(image: Image) -> None:
    hurt_by_bursts(image, 1_000_000, seed=33)


def test_the_checks_of_this_file_can_fail(image: Image) -> None:
    """A record changed together with its checksum reads back, and the comparison says so."""
    seed = SegmentFile(image.file).seed
    slot = bytearray(image.bytes[SLOTS_AT : SLOTS_AT + 64])
    slot[63] ^= 1
    with image.opened() as fd:
        os.pwrite(fd, slot, SLOTS_AT)
        os.pwrite(fd, crc32c(bytes(slot), seed).to_bytes(4, "little"), 4096)
        got, _ = image.read()
        assert not image.whole.startswith(got)
        assert verify(image.path).faults[0].cause is Cause.HEADER  # the digest
