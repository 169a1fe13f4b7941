"""ITCH streams with damaged bytes, lengths and ends: the feed against the plain-Python decoder."""

import gzip
import tempfile
from pathlib import Path

import itch_model

from tectra.core.errors import FileFormatError, TruncatedInputError
from tectra.core.rng import Random
from tectra.feed import ItchFeed
from tectra.feed.itch import decode_message

CODES = sorted(itch_model.SIZES)


def noise(rng: Random, size: int) -> bytes:
    return b"".join(rng.u64().to_bytes(8, "little") for _ in range(size // 8 + 1))[:size]


def stream(rng: Random) -> bytes:
    """A valid first message, then up to 30 messages with up to four damaged places, maybe cut."""
    first = itch_model.random_message("S", noise(rng, 50))
    out = bytearray()
    for _ in range(rng.integers(0, 31)):
        code = CODES[rng.integers(0, len(CODES))]
        side = b"BS"[rng.integers(0, 2) :][:1]
        message = itch_model.random_message(code, noise(rng, 50), side=side)
        out += len(message).to_bytes(2, "big") + message
    for _ in range(rng.integers(0, 5) if out else 0):
        at = rng.integers(0, len(out))
        kind = rng.integers(0, 4)
        if kind == 0:
            out[at] ^= 1 << rng.integers(0, 8)
        elif kind == 1:
            out[at] = rng.integers(0, 256)
        elif kind == 2:
            del out[at : at + rng.integers(1, 9)]
        else:
            out[at:at] = noise(rng, rng.integers(1, 9))
        if not out:
            break
    if out and rng.chance(0.3):
        del out[rng.integers(0, len(out)) :]
    return len(first).to_bytes(2, "big") + first + bytes(out)


def expected(data: bytes) -> tuple[bytes, int, int, int]:
    """Records, unknown, malformed, messages of a lenient reader."""
    records, unknown, malformed, messages = b"", 0, 0, 0
    for message in itch_model.frames(data):
        messages += 1
        try:
            itch_model.decode(message)
        except itch_model.Bad as bad:
            unknown += bad.kind == "type"
            malformed += bad.kind != "type"
        else:
            records += decode_message(message).tobytes()
    return records, unknown, malformed, messages


def check(data: bytes, path: Path, slots: int) -> None:
    """One stream through a lenient and a strict feed."""
    records, unknown, malformed, messages = expected(data)
    got = b""
    with ItchFeed(path) as feed:
        while (batch := feed.next_batch(slots)) is not None:
            got += batch.tobytes()
        found = (feed.unknown, feed.malformed, feed.messages)
        assert got == records, f"records differ: {data.hex()}"
        assert found == (unknown, malformed, messages), f"{found}: {data.hex()}"
        end = 2 * feed.end_of_session
        size = sum(2 + len(m) for m in itch_model.frames(data)) + end
        assert (feed.offset, feed.trailing_bytes) == (size, len(data) - size), data.hex()
    clean = not unknown and not malformed and size == len(data)
    with ItchFeed(path, strict=True) as feed:
        try:
            while feed.next_batch(slots) is not None:
                pass
        except (FileFormatError, TruncatedInputError):
            assert not clean, f"strict refuses what is clean: {data.hex()}"
        else:
            assert clean, f"strict passes what is not clean: {data.hex()}"


def run(seed: int, count: int) -> None:
    """`count` streams, every fourth one compressed."""
    rng = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        for i in range(count):
            data = stream(rng)
            path = Path(folder) / ("day.itch.gz" if i % 4 == 3 else "day.itch")
            path.write_bytes(gzip.compress(data, 1) if i % 4 == 3 else data)
            check(data, path, rng.integers(2, 40))
