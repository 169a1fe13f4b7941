"""Kinds of damage to a journal directory, each with what it touched and what verify must say.

A damage changes bytes, names or whole files. `touched` are the slots whose bytes or checksums are
not what was written, as (segment, slot): a record none of whose slots was touched is valid, and a
repair may not drop it. `lost` are segments whose files are gone.
"""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from journal_records import as_slots, stream

from tectra.journal import Cause, JournalWriter

CAPACITY = 48
SLOTS_AT = 8192
Place = tuple[int, int]


@dataclass
class Scene:
    """A journal with its records, and where each of them lies."""

    path: Path
    records: list[bytes]
    places: list[list[Place]]
    used: list[int]  # by segment, [0] is 1

    @property
    def segments(self) -> int:
        return len(self.used)

    def valid(self, touched: set[Place]) -> list[bytes]:
        """Records that were not touched."""
        return [
            body
            for body, places in zip(self.records, self.places, strict=True)
            if touched.isdisjoint(places)
        ]


def make_scene(path: Path, *, seed: int = 3, count: int = 150) -> Scene:
    """A closed journal of records of both sizes."""
    records = stream(count, seed=seed, first=100)
    with JournalWriter(path, session={"seed": seed}, segment_slots=CAPACITY) as writer:
        writer.append_many(as_slots(records))
    places: list[list[Place]] = []
    used = [0]
    for body in records:
        take = len(body) // 64
        if used[-1] + take > CAPACITY:
            used.append(0)
        places.append([(len(used), used[-1] + i) for i in range(take)])
        used[-1] += take
    return Scene(path, records, places, used)


def segment(path: Path, number: int) -> Path:
    return path / f"segment-{number:06d}.ttj"


@dataclass
class Hurt:
    """What a damage did and what it must be called: any of `causes`, at one of `offsets` of the
    segments in `where`; no offsets: anywhere in it.
    """

    touched: set[Place] = field(default_factory=set)
    causes: set[Cause] = field(default_factory=set)
    where: set[int | None] = field(default_factory=set)
    offsets: set[int] = field(default_factory=set)
    every: bool = False  # each of the offsets must be named


def write_at(path: Path, offset: int, body: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(body)


def _pick(scene: Scene, rng: random.Random) -> tuple[int, int]:
    number = rng.randint(1, scene.segments)
    return number, rng.randrange(scene.used[number - 1])


def _slots(places: list[Place]) -> tuple[set[int], set[int | None]]:
    return {SLOTS_AT + 64 * k for _, k in places}, {n for n, _ in places}


def _hurt(places: list[Place], *causes: Cause, every: bool = True) -> Hurt:
    offsets, where = _slots(places)
    return Hurt(set(places), set(causes), where, offsets, every)


def bit_flip(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    number, slot = _pick(scene, rng)
    file, at = segment(path, number), SLOTS_AT + 64 * slot + rng.randrange(64)
    write_at(file, at, bytes([file.read_bytes()[at] ^ 1 << rng.randrange(8)]))
    return _hurt([(number, slot)], Cause.CRC)


def sum_flip(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    number, slot = _pick(scene, rng)
    file, at = segment(path, number), 4096 + 4 * slot + rng.randrange(4)
    write_at(file, at, bytes([file.read_bytes()[at] ^ 1 << rng.randrange(8)]))
    return _hurt([(number, slot)], Cause.CRC)


def noise(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    """Bytes of nothing over a few slots."""
    number, slot = _pick(scene, rng)
    count = rng.randint(1, min(8, scene.used[number - 1] - slot))
    write_at(segment(path, number), SLOTS_AT + 64 * slot, rng.randbytes(64 * count))
    return _hurt([(number, slot + i) for i in range(count)], Cause.CRC, Cause.MISPLACED)


def zeroed_sector(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    number, slot = _pick(scene, rng)
    first = slot // 8 * 8
    stop = min(first + 8, scene.used[number - 1])
    write_at(segment(path, number), SLOTS_AT + 64 * first, bytes(64 * (stop - first)))
    return _hurt([(number, k) for k in range(first, stop)], Cause.CRC)


def swapped_slots(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    """Two slots of a segment, with or without their checksums."""
    number, one = _pick(scene, rng)
    two = (one + rng.randrange(1, scene.used[number - 1])) % scene.used[number - 1]
    body = bytearray(segment(path, number).read_bytes())
    for size, base in ((64, SLOTS_AT), (4, 4096))[: rng.randint(1, 2)]:
        a, b = base + one * size, base + two * size
        body[a : a + size], body[b : b + size] = body[b : b + size], body[a : a + size]
    segment(path, number).write_bytes(body)
    return _hurt([(number, one), (number, two)], Cause.MISPLACED, Cause.CRC)


def misdirected(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    """A slot with its checksum written over another place, of any segment."""
    number, slot = _pick(scene, rng)
    other, target = _pick(scene, rng)
    while (other, target) == (number, slot):
        other, target = _pick(scene, rng)
    body = segment(path, number).read_bytes()
    at = SLOTS_AT + 64 * slot
    write_at(segment(path, other), SLOTS_AT + 64 * target, body[at : at + 64])
    write_at(segment(path, other), 4096 + 4 * target, body[4096 + 4 * slot : 4100 + 4 * slot])
    return _hurt([(other, target)], Cause.MISPLACED, Cause.CRC)


def torn_sector(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    """A sector of which only a part is what was written, the rest is older: zeros."""
    number, slot = _pick(scene, rng)
    first = slot // 8 * 8
    stop = min(first + 8, scene.used[number - 1])
    at = SLOTS_AT + 64 * first + rng.randrange(64 * (stop - first))
    end = SLOTS_AT + 64 * stop
    file = segment(path, number)
    old = file.read_bytes()[at:end]
    write_at(file, at, bytes(end - at))
    changed = [k for k in range(first, stop) if any(_part(old, at, k))]
    return _hurt([(number, k) for k in changed], Cause.CRC)


def _part(old: bytes, at: int, slot: int) -> bytes:
    start = SLOTS_AT + 64 * slot
    return old[max(0, start - at) : max(0, start + 64 - at)]


def stale_segment_block(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    """4 KiB of another segment's slots over this one's, as of a reused file."""
    number, slot = _pick(scene, rng)
    other = number % scene.segments + 1
    count = min(rng.randint(2, 16), scene.used[number - 1] - slot, CAPACITY - slot)
    body = segment(path, other).read_bytes()
    fresh = body[SLOTS_AT + 64 * slot : SLOTS_AT + 64 * (slot + count)]
    count = len(fresh) // 64
    if count == 0:
        return bit_flip(path, scene, rng)
    write_at(segment(path, number), SLOTS_AT + 64 * slot, fresh)
    return _hurt([(number, slot + i) for i in range(count)], Cause.MISPLACED, Cause.CRC)


def header_zeroed(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    number = rng.randint(1, scene.segments)
    write_at(segment(path, number), 0, bytes(4096))
    return Hurt(set(), {Cause.HEADER}, {number}, {0})


def header_flip(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    number = rng.randint(1, scene.segments)
    file, at = segment(path, number), rng.randrange(4096)
    write_at(file, at, bytes([file.read_bytes()[at] ^ 1 << rng.randrange(8)]))
    return Hurt(set(), {Cause.HEADER}, {number}, {0})


def cut(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    """Cut within the slots."""
    number = rng.randint(1, scene.segments)
    used = scene.used[number - 1]
    size = SLOTS_AT + rng.randrange(64 * used)
    segment(path, number).write_bytes(segment(path, number).read_bytes()[:size])
    whole = (size - SLOTS_AT) // 64
    gone = {(number, k) for k in range(whole, used)}
    # A record whose first half is still there is told as cut at its own slot.
    offsets = {SLOTS_AT + 64 * whole, SLOTS_AT + 64 * (whole - 1)}
    return Hurt(gone, {Cause.TRUNCATED, Cause.RECORD}, {number}, offsets)


def trailing(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    number = rng.randint(1, scene.segments)
    file = segment(path, number)
    end = file.stat().st_size
    write_at(file, end, rng.randbytes(rng.randint(1, 300)))
    return Hurt(set(), {Cause.TRAILING}, {number}, {end})


def missing(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    number = rng.randint(1, scene.segments)
    segment(path, number).unlink()
    gone = {(number, k) for k in range(CAPACITY)}
    return Hurt(gone, {Cause.MISSING}, {number})


def swapped_segments(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    one, two = rng.sample(range(1, scene.segments + 1), 2)
    a, b = segment(path, one), segment(path, two)
    a.rename(path / "x")
    b.rename(a)
    (path / "x").rename(b)
    return Hurt(set(), {Cause.SEGMENT_ID}, {one, two}, {0})


def duplicated_segment(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    """One segment's file over another's."""
    one, two = rng.sample(range(1, scene.segments + 1), 2)
    shutil.copy(segment(path, one), segment(path, two))
    return Hurt({(two, k) for k in range(CAPACITY)}, {Cause.SEGMENT_ID}, {two}, {0})


def foreign_segment(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    number = rng.randint(1, scene.segments)
    other = path.with_name(path.name + "-other")
    make_scene(other, seed=rng.randrange(1000, 10**6))
    shutil.copy(segment(other, number), segment(path, number))
    shutil.rmtree(other)
    return Hurt({(number, k) for k in range(CAPACITY)}, {Cause.EPOCH}, {number}, {0})


def manifest_flip(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    file = path / "manifest.json"
    at = rng.randrange(file.stat().st_size)
    write_at(file, at, bytes([file.read_bytes()[at] ^ 1 << rng.randrange(8)]))
    return Hurt(set(), {Cause.MANIFEST}, {None})


def manifest_lost(path: Path, scene: Scene, rng: random.Random) -> Hurt:
    (path / "manifest.json").unlink()
    return Hurt(set(), {Cause.MANIFEST}, {None})


Damage = Callable[[Path, Scene, random.Random], Hurt]
KINDS: tuple[Damage, ...] = (
    bit_flip, sum_flip, noise, zeroed_sector, swapped_slots, misdirected, torn_sector,
    stale_segment_block, header_zeroed, header_flip, cut, trailing, missing, swapped_segments,
    duplicated_segment, foreign_segment, manifest_flip, manifest_lost,
)  # fmt: skip
# Writes that went astray, of the kinds that a checksum alone would not see.
ASTRAY: tuple[Damage, ...] = (
    torn_sector, misdirected, swapped_slots, stale_segment_block, swapped_segments,
    duplicated_segment, foreign_segment,
)  # fmt: skip
