"""Records for journal tests, and a reader of segment files written from the byte diagram alone."""

import random
import struct
from pathlib import Path

import numpy as np

from tectra.core.msg import DTYPES, SCHEMA_ID, SCHEMA_VERSION, Template

MIXED = (
    Template.BOOK_ADD,
    Template.ORDER_EVENT,
    Template.BOOK_DELETE,
    Template.TRADE,
    Template.ORDER_INTENT,
    Template.TIMER,
    Template.RUN_CONFIG,
)


def record(seq: int, template: Template = Template.BOOK_ADD, ts_recv_ns: int = 0) -> bytes:
    """A record whose payload follows from its number."""
    size = DTYPES[template].itemsize
    rng = random.Random(seq)
    body = bytearray(rng.randbytes(size))
    struct.pack_into("<4HQqqI", body, 0, size - 8, template, SCHEMA_ID, SCHEMA_VERSION,
                     seq, seq * 1000, ts_recv_ns or seq * 1000 + 1, seq % 11)  # fmt: skip
    return bytes(body)


def stream(
    count: int, *, seed: int = 1, first: int = 1, templates: tuple[Template, ...] = MIXED
) -> list[bytes]:
    """`count` records of mixed sizes with consecutive numbers."""
    rng = random.Random(seed)
    return [record(first + i, rng.choice(templates)) for i in range(count)]


def as_slots(records: list[bytes]) -> np.ndarray:
    """Records as one array of slots."""
    return np.frombuffer(b"".join(records), np.uint8).reshape(-1, 64).copy()


def _table() -> list[int]:
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


_CRC = _table()


def crc32c_model(data: bytes, seed: int = 0) -> int:
    """CRC32C, bit by bit from its polynomial."""
    crc = seed ^ 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def read_model(path: Path) -> tuple[list[bytes], bool]:
    """Records of a segment file and whether it is closed; stops at the first that is not right."""
    body = path.read_bytes()
    if len(body) < 4096 or body[:8] != b"TTJRNL\r\n":
        return [], False
    segment_id, capacity = struct.unpack_from("<2I", body, 16)
    (epoch,) = struct.unpack_from("<Q", body, 24)
    (closed,) = struct.unpack_from("<I", body, 128)
    seed = crc32c_model(struct.pack("<Q", epoch)) + segment_id * capacity
    base = 4096 + -(-capacity * 4 // 4096) * 4096
    out: list[bytes] = []
    at = 0

    def right(index: int) -> bool:
        slot = body[base + 64 * index : base + 64 * index + 64]
        crc = body[4096 + 4 * index : 4100 + 4 * index]
        want = struct.pack("<I", crc32c_model(slot, (seed + index) % 2**32))
        return index < capacity and len(slot) == 64 and crc == want

    while right(at):
        start = base + 64 * at
        size = struct.unpack_from("<H", body, start)[0] + 8
        if size not in (64, 128) or (size == 128 and not right(at + 1)):
            break
        out.append(body[start : start + size])
        at += size // 64
    return out, closed == 1


_MASK = 2**64 - 1
_K = (
    0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
    0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
    0xCBBB9D5DC1059ED8, 0x629A292A367CD507,
)  # fmt: skip


def digest_model(slots: bytes) -> str:
    """The digest in plain integers."""

    def turn(x: int, n: int) -> int:
        return (x << n | x >> 64 - n) & _MASK

    def chain(a: int, b: int, x: int, y: int) -> tuple[int, int]:
        p = (a ^ x) * (b ^ y)
        return (p + turn(b, 23) + y) & _MASK, ((p >> 64) + turn(a, 41) + x) & _MASK

    a, b = _K[8], _K[9]
    for at in range(0, len(slots), 64):
        w = struct.unpack_from("<8Q", slots, at)
        p = [(w[2 * i] ^ _K[2 * i]) * (w[2 * i + 1] ^ _K[2 * i + 1]) for i in range(4)]
        x = sum(turn(q & _MASK, n) for q, n in zip(p, (0, 17, 31, 47), strict=True)) & _MASK
        y = sum(turn(q >> 64, n) for q, n in zip(p, (0, 13, 37, 53), strict=True)) & _MASK
        a, b = chain(a, b, x, y)
    count = len(slots) // 64
    a, b = chain(a, b, count ^ _K[0], _K[1])
    a, b = chain(a, b, _K[2], count ^ _K[3])
    return f"{a:016x}{b:016x}"
