"""Capture files with damaged bytes and ends: read, or refused with where; never anything else."""

import gzip
import struct
import sys
import tempfile
from pathlib import Path

from tectra.core.errors import FileFormatError, TruncatedInputError
from tectra.core.rng import Random
from tectra.protocol.frame import Skip, UdpPayload, build_udp_frame, udp_of_frame
from tectra.protocol.pcap import CaptureReader

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import captures

LINKS = (0, 1, 12, 101, 108, 113, 228, 229, 276, 7777)


def frames(rng: Random) -> list[tuple[int, bytes]]:
    out = []
    for n in range(rng.integers(0, 8)):
        data = bytes(rng.integers(0, 256) for _ in range(rng.integers(0, 40)))
        frame = build_udp_frame(UdpPayload(0, "10.0.0.1", n, "224.0.0.1", 9, data))
        out.append((rng.integers(0, 1 << 60), frame))
    return out


def file(rng: Random) -> tuple[bytes, bytes]:
    """A capture, and the same with damage."""
    order = rng.choice("<>")
    if rng.chance(0.5):
        data = captures.pcap(frames(rng), order=order, nano=rng.chance(0.5))
    else:
        data = captures.section(order) + captures.interface(order, resolution=9)
        for ts_ns, frame in frames(rng):
            data += rng.choice(
                (
                    captures.enhanced(frame, ts_ns, order),
                    captures.simple(frame, len(frame), order),
                    captures.block(77, frame, order),
                )
            )
    hurt = bytearray(data)
    for _ in range(rng.integers(0, 4)):
        hurt[rng.integers(0, len(hurt))] = rng.choice((0, 255, rng.integers(0, 256)))
    if rng.chance(0.3):
        del hurt[rng.integers(0, len(hurt)) :]
    return data, bytes(hurt)


def told(path: Path) -> tuple[int, int, int, str]:
    """Frames, payloads, frames without one, and what is wrong."""
    wrong = ""
    counts = (0, 0, 0)
    try:
        with CaptureReader(path) as reader:
            try:
                for payload in reader.udp():
                    assert payload.data is not None
            finally:
                counts = (reader.frames, reader.payloads, sum(reader.skipped.values()))
    except TruncatedInputError as error:
        wrong = str(error)
        assert "offset" in wrong, wrong
    except FileFormatError as error:
        wrong = str(error)
    return (*counts, wrong)


def by_hand(rng: Random) -> None:
    """One frame of noise or with damage, on every kind of link."""
    raw = bytearray(build_udp_frame(UdpPayload(0, "10.0.0.1", 1, "10.0.0.2", 9, b"payload")))
    for _ in range(rng.integers(0, 6)):
        raw[rng.integers(0, len(raw))] = rng.integers(0, 256)
    del raw[rng.integers(0, len(raw) + 1) :]
    for link in LINKS:
        at = {101: 14, 228: 14, 12: 14}.get(link, 0)
        found = udp_of_frame(link, bytes(raw[at:]))
        assert isinstance(found, Skip) or found.data in bytes(raw), raw.hex()


def run(seed: int, count: int) -> None:
    """`count` files, every fourth one compressed."""
    rng = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture"
        for i in range(count):
            whole, hurt = file(rng)
            path.write_bytes(whole)
            got = told(path)
            assert got[3] == "" and got[0] == got[1] + got[2], (got, whole.hex())
            path.write_bytes(gzip.compress(hurt, 1) if i % 4 == 3 else hurt)
            got = told(path)
            assert got[0] == got[1] + got[2], (got, hurt.hex())
            assert got[3] or hurt == whole or len(hurt) >= struct.calcsize("IHHiII"), hurt.hex()
            by_hand(rng)
