"""A run that dies: what a kill or a loss of power leaves of its files."""

import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np

from tectra.core.rng import Random
from tectra.journal.scan import PAGE_BYTES, slots_offset, walk
from tectra.journal.segment import segment_paths

__all__ = ["copy_files", "cut_tail", "damage_newest", "lose_tail"]

_PUBLISHED_AT = 64


def copy_files(source: Path, target: Path) -> None:
    """The files of a run as they are; again when its writer renames one meanwhile."""
    while True:
        shutil.rmtree(target, ignore_errors=True)
        with suppress(shutil.Error, FileNotFoundError):
            shutil.copytree(source, target)
            return


class _Tail:
    """The last segment of a journal as its bytes, and what of it lies behind a record."""

    def __init__(self, directory: Path, kept_seq: int) -> None:
        self.path = max(segment_paths(directory).items())[1]
        self.raw = bytearray(self.path.read_bytes())
        self.slots_at = slots_offset(int.from_bytes(self.raw[20:24], "little"))
        self.used = int.from_bytes(self.raw[_PUBLISHED_AT : _PUBLISHED_AT + 4], "little")
        slots = np.frombuffer(self.raw, np.uint8, 64 * self.used, self.slots_at).copy()
        starts = walk(slots)[0]
        numbers = slots.view("<u8")[starts.astype(np.int64) * 8 + 1]
        kept = int(np.searchsorted(numbers, kept_seq, side="right"))
        self.first = self.used if kept == len(starts) else int(starts[kept])

    def publish(self, count: int) -> None:
        """Write how many slots a reader may read, and the file."""
        value = count | (~count & 0xFFFFFFFF) << 32
        self.raw[_PUBLISHED_AT : _PUBLISHED_AT + 8] = value.to_bytes(8, "little")
        self.path.write_bytes(self.raw)


def cut_tail(directory: Path, kept_seq: int, dice: Random) -> int:
    """A process is killed while it appends: from some slot behind `kept_seq` on there is nothing;
    how many slots were in danger.
    """
    tail = _Tail(directory, kept_seq)
    if tail.first == tail.used:
        return 0
    cut = dice.integers(tail.first, tail.used + 1)
    tail.raw[tail.slots_at + 64 * cut : tail.slots_at + 64 * tail.used] = bytes(
        64 * (tail.used - cut)
    )
    tail.raw[PAGE_BYTES + 4 * cut : PAGE_BYTES + 4 * tail.used] = bytes(4 * (tail.used - cut))
    tail.publish(cut)
    return tail.used - tail.first


def lose_tail(directory: Path, kept_seq: int, dice: Random) -> int:
    """Power is lost: of the sectors that hold records behind `kept_seq` in the last segment any may
    be missing; how many slots were in danger.
    """
    tail = _Tail(directory, kept_seq)
    if tail.first == tail.used:
        return 0
    size = dice.choice((512, 4096))
    for base, each in ((tail.slots_at, 64), (PAGE_BYTES, 4)):
        _lose(tail.raw, base + each * tail.first, base + each * tail.used, size, dice)
    tail.publish(tail.first if dice.chance(0.5) else tail.used)
    return tail.used - tail.first


def _lose(raw: bytearray, begin: int, end: int, size: int, dice: Random) -> None:
    """Each sector of a stretch came to the disk, or has what it had before: nothing."""
    for sector in range(begin // size, -(-end // size)):
        if dice.chance(0.5):
            low, high = max(begin, sector * size), min(end, (sector + 1) * size)
            raw[low:high] = bytes(high - low)


def damage_newest(directory: Path, dice: Random) -> bool:
    """Flip a bit of the newest of two snapshots or more; whether there were so many."""
    paths = sorted(directory.glob("engine-*.tts"))
    if len(paths) < 2:
        return False
    raw = bytearray(paths[-1].read_bytes())
    at = dice.integers(0, len(raw))
    raw[at] ^= 1 << dice.integers(0, 8)
    paths[-1].write_bytes(raw)
    return True
