"""MoldUDP64 packets, damaged and random: the compiled parser against plain Python."""

import mold_model

from tectra.core.errors import FileFormatError, TruncatedInputError
from tectra.core.rng import Random
from tectra.protocol.mold import build_packet, parse_packet, parse_request


def noise(rng: Random, size: int) -> bytes:
    return b"".join(rng.u64().to_bytes(8, "little") for _ in range(size // 8 + 1))[:size]


def packet(rng: Random) -> bytes:
    if rng.chance(0.1):
        return noise(rng, rng.integers(0, 60))
    messages = [noise(rng, rng.integers(0, 60)) for _ in range(rng.integers(1, 25))]
    data = bytearray(build_packet("000000001A", rng.integers(0, 1 << 40), messages))
    for _ in range(rng.integers(0, 5)):
        data[rng.integers(0, min(len(data), rng.choice((20, 40, 1400))))] = rng.integers(0, 256)
    if rng.chance(0.3):
        del data[rng.integers(0, len(data)) :]
    return bytes(data)


def check(data: bytes) -> None:
    """Accepted and refused alike, with the same values and for the same reason."""
    try:
        want: object = mold_model.parse(data)
    except mold_model.Bad as bad:
        want = bad.kind
    got: object
    try:
        got = tuple(parse_packet(data))
    except TruncatedInputError:
        got = "cut"
    except FileFormatError:
        got = "corrupt"
    assert got == want, f"{got} instead of {want}: {data.hex()}"
    try:
        request = parse_request(data)
    except FileFormatError:
        assert len(data) != 20 or data[18:] in (b"\0\0", b"\xff\xff"), data.hex()
    else:
        assert request.sequence == int.from_bytes(data[10:18], "big"), data.hex()


def run(seed: int, count: int) -> None:
    """`count` packets."""
    rng = Random(seed)
    for _ in range(count):
        check(packet(rng))
