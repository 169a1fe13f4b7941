"""Batches of records with damaged bytes, lengths and ends: columns against records one by one."""

import column_model

from tectra.core.columns import RecordColumns
from tectra.core.errors import TectraError
from tectra.core.msg import Template
from tectra.core.record import encode
from tectra.core.rng import Random

TEMPLATES = list(Template)


def noise(rng: Random, size: int) -> bytes:
    return b"".join(rng.u64().to_bytes(8, "little") for _ in range(size // 8 + 1))[:size]


def stream(rng: Random) -> bytearray:
    """Up to 60 records of random bytes, up to three damaged places, maybe cut."""
    out = bytearray()
    for _ in range(rng.integers(0, 61)):
        head = encode(TEMPLATES[rng.integers(0, len(TEMPLATES))])
        out += head[:8] + noise(rng, len(head) - 8)
        out += bytes(64 * rng.chance(0.05))
    for _ in range(rng.integers(0, 4) if out else 0):
        at = rng.integers(0, len(out))
        at -= at % 64 * rng.chance(0.7)  # often in a header
        at = min(at + rng.integers(0, 8), len(out) - 1)
        out[at] = rng.integers(0, 256)
    if out and rng.chance(0.3):
        del out[rng.integers(0, len(out)) :]
    return out


def refusal(columns: RecordColumns, data: bytes) -> TectraError | None:
    """What add() says against a stream, nothing when it takes it."""
    try:
        columns.add(data)
    except TectraError as error:
        return error
    return None


def check(data: bytes, columns: RecordColumns) -> None:
    """One stream behind what `columns` holds: all of it, or nothing and a reason."""
    before, rows = columns.records, columns.rows
    error = refusal(columns, data)
    if error is None:
        column_model.same(columns.take(), column_model.slow_columns(data))
        return
    assert (columns.records, columns.rows) == (before, rows), f"half done: {data.hex()}"
    try:
        column_model.slow_columns(data)
    except type(error):
        return
    short = "older schema" in str(error) or len(data) % 64
    assert short, f"refuses what is readable: {error}: {data.hex()}"


def run(seed: int, count: int) -> None:
    """`count` streams, through columns that are used again for most."""
    rng = Random(seed)
    columns = RecordColumns()
    for _ in range(count):
        if rng.chance(0.1):
            columns = RecordColumns()
        check(bytes(stream(rng)), columns)
