"""Power loss: of the sectors written since the last sync any may have reached the disk, and no
order among them is given.

The files are those of a real writer, before and after: what was there at flush(), and what was
there when the power went. Every subset is tried when there are ten sectors or fewer. A sector that
did not reach the disk has its old bytes; one that held nothing when it was synced may also be
noise, as the disk tore it. What was synced must be read back by the plain reader, always.

A sector that held synced bytes and is zeroed is a broken disk, no lost write: then nothing wrong is
read, and a repair brings back every synced record that was not in it.
"""

import contextlib
import itertools
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from journal_image import scratch
from journal_records import stream

from tectra.journal import JournalReader, JournalWriter, repair, verify

SUBSETS_OF = 10  # sectors of which every subset is tried; of more, SAMPLES
SAMPLES = 1024


@dataclass
class Loss:
    """The directory at the last sync and when the power went; how many records were synced."""

    before: dict[str, bytes]
    after: dict[str, bytes]
    records: list[bytes]
    synced: int

    def sectors(self, size: int) -> list[tuple[str, int]]:
        """(file, sector) that differ: what was under way."""
        out = []
        for name, new in self.after.items():
            old = self.before.get(name, b"").ljust(len(new), b"\0")
            out += [
                (name, k)
                for k in range(-(-len(new) // size))
                if old[k * size : (k + 1) * size] != new[k * size : (k + 1) * size]
            ]
        return out


def files(path: Path) -> dict[str, bytes]:
    """The journal's files as they are; again when the writer renames one meanwhile."""
    while True:
        with contextlib.suppress(FileNotFoundError):
            return {p.name: p.read_bytes() for p in path.iterdir() if p.suffix in (".ttj", ".json")}


def lose_power(where: Path, seed: int, *, slots: int, synced: int, more: int) -> Loss:
    """A real writer: `synced` records, flush, `more` records, and then nothing."""
    records = stream(synced + more, seed=seed)
    path = where / "writer"
    writer = JournalWriter(path, session={"seed": seed}, segment_slots=slots)
    for body in records[:synced]:
        writer.append(body)
    writer.flush()
    before = files(path)
    for body in records[synced:]:
        writer.append(body)
    after = files(path)
    writer.close()
    shutil.rmtree(path)
    return Loss(before, after, records, synced)


def put(where: Path, found: dict[str, bytearray]) -> Path:
    path = where / "disk"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    for name, body in found.items():
        (path / name).write_bytes(body)
    return path


def subsets(count: int, rng: random.Random) -> Iterator[list[bool]]:
    """Every way to have reached the disk, or a sample of them."""
    if count <= SUBSETS_OF:
        yield from map(list, itertools.product((False, True), repeat=count))
    else:
        for _ in range(SAMPLES):
            yield [rng.random() < 0.5 for _ in range(count)]


def disk_after(
    loss: Loss, size: int, reached: list[bool], rng: random.Random, lost: str
) -> dict[str, bytearray]:
    """The files as the disk has them; `lost` is what a sector that did not reach it holds."""
    found = {}
    for name, new in loss.after.items():
        old = loss.before.get(name, b"")
        found[name] = bytearray(old.ljust(len(new), b"\0"))
    for (name, k), there in zip(loss.sectors(size), reached, strict=True):
        at = slice(k * size, min((k + 1) * size, len(loss.after[name])))
        if there:
            found[name][at] = loss.after[name][at]
        elif lost == "noise" and not any(found[name][at]):
            found[name][at] = rng.randbytes(at.stop - at.start)
        elif lost == "zeros":
            found[name][at] = bytes(at.stop - at.start)
    return found


def read(path: Path) -> list[bytes]:
    return [bytes(view) for _, view in JournalReader(path, strict=False).records()]


def try_all(where: Path, loss: Loss, size: int, lost: str, seed: int) -> int:
    """Every subset: a prefix of what was written, with all that was synced. How many were tried."""
    rng = random.Random(seed)
    tried = 0
    for reached in subsets(len(loss.sectors(size)), rng):
        path = put(where, disk_after(loss, size, reached, rng, lost))
        got = read(path)
        said = f"seed {seed}, sectors of {size} {reached} {lost}"
        assert got == loss.records[: len(got)], said
        assert len(got) >= loss.synced, said
        tried += 1
    return tried


SCENES = [(4, 30), (9, 61), (15, 12)]  # records under way, records synced


@pytest.fixture
def where() -> Iterator[Path]:
    with scratch() as path:
        yield path


@pytest.mark.parametrize("size", [512, 4096])
def test_subsets_of_sectors_that_were_not_synced(where: Path, size: int) -> None:
    tried = 0
    for seed, (more, synced) in enumerate(SCENES):
        loss = lose_power(where, seed, slots=128, synced=synced, more=more)
        count = len(loss.sectors(size))
        assert 2 <= count <= SUBSETS_OF
        for lost in ("old", "noise"):
            done = try_all(where, loss, size, lost, seed)
            assert done == 2**count
            tried += done
    assert tried >= 48


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("size", [512, 4096])
def test_all_subsets_of_up_to_ten_sectors(where: Path, size: int) -> None:
    """All 2**k of each scene with k <= 10, for growing tails; samples of larger ones."""
    most = 0
    for seed in range(24):
        more = 1 + seed * (1 if size == 512 else 9)
        loss = lose_power(where, seed, slots=512, synced=5 + 7 * seed % 90, more=more)
        count = len(loss.sectors(size))
        if count > SUBSETS_OF:
            continue
        most = max(most, count)
        for lost in ("old", "noise"):
            assert try_all(where, loss, size, lost, seed) == 2**count
    assert most >= 6


def test_loss_while_a_segment_was_closed_and_the_next_begun(where: Path) -> None:
    """The closing page, the new file and the manifest are under way together: after a repair no
    synced record is missing, whatever of them reached the disk.
    """
    rng = random.Random(5)
    loss = lose_power(where, 5, slots=64, synced=30, more=40)
    assert set(loss.after) - set(loss.before) == {"segment-000002.ttj"}
    for case in range(40):
        reached = [rng.random() < 0.5 for _ in loss.sectors(512)]
        found = disk_after(loss, 512, reached, rng, "old")
        for name in sorted(set(loss.after) - set(loss.before)):
            if rng.random() < 0.3:
                del found[name]  # its name was not yet on the disk
        found["manifest.json"] = bytearray(
            rng.choice([loss.before["manifest.json"], loss.after["manifest.json"], b""])
        )
        path = put(where, found)
        got = read(path)
        assert got == loss.records[: len(got)], f"case {case}"
        shutil.rmtree(where / "out", ignore_errors=True)
        report = repair(path, where / "out")
        assert verify(where / "out").ok, f"case {case}"
        kept = [bytes(view) for _, view in JournalReader(where / "out").records()]
        assert kept[: loss.synced] == loss.records[: loss.synced], (case, list(report.lines()))
        numbers = [loss.records.index(body) for body in kept]
        assert numbers == sorted(numbers)


def test_zeroed_sectors_of_synced_bytes(where: Path) -> None:
    """A disk that loses what it had: nothing wrong is read; a repair keeps what is right."""
    rng = random.Random(6)
    loss = lose_power(where, 6, slots=128, synced=50, more=6)
    sectors = loss.sectors(512)
    spans, at = [], 0
    for body in loss.records:
        sums = 4096 + at // 16
        spans.append(((8192 + at, 8192 + at + len(body)), (sums, sums + len(body) // 16)))
        at += len(body)
    for case, reached in enumerate(subsets(len(sectors), rng)):
        path = put(where, disk_after(loss, 512, reached, rng, "zeros"))
        got = read(path)
        assert got == loss.records[: len(got)], f"case {case}"
        shutil.rmtree(where / "out", ignore_errors=True)
        repair(path, where / "out")
        kept = {bytes(view) for _, view in JournalReader(where / "out").records()}
        gone = {k for (_, k), there in zip(sectors, reached, strict=True) if not there}
        for body, span in list(zip(loss.records, spans, strict=True))[: loss.synced]:
            lies_in = {
                k for start, stop in span for k in range(start // 512, (stop - 1) // 512 + 1)
            }
            assert body in kept or lies_in & gone, f"case {case}: lost though its sectors are there"
