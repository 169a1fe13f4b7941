"""What can be trusted in damaged segment files: which run they are of, which slots are right, and
where a slot that lies in the wrong place belongs.

A slot's checksum is seeded with its run, segment and index. CRC32C is linear, so the seed can be
computed back from a slot and its sum: that tells the identity of a file whose header is lost, and
the place of a block that was written elsewhere. Pure functions of files; any thread; memory for one
segment at a time and for the slots that are wrong.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import JournalError
from tectra.core.msg import SCHEMA_VERSION
from tectra.journal.digest import Digest
from tectra.journal.manifest import Manifest
from tectra.journal.scan import PAGE_BYTES, crc32c, crc_scan, slot_seed, slots_offset
from tectra.journal.segment import PACKED_SUFFIX, SLOT_BYTES, SegmentHead, Slots, segment_number

__all__ = ["Content", "Found", "Run", "find_segments", "match_strays", "run_of"]

# Slots times places: beyond it a match of 32 bits is no longer proof.
MATCH_MAX = 1 << 22
PROBES = 256  # slots asked for the identity of a file without a header
PROOF_SLOTS = 3  # that have to agree
_WORD = 2**32
_SUMS = SLOT_BYTES // 4  # checksums in as many bytes as a slot has

Mask = NDArray[np.bool_]
Place = tuple[int, int]  # segment id, slot


@dataclass(frozen=True, slots=True)
class Run:
    """What all segments of a run share."""

    epoch: int
    capacity: int
    run_seed: int
    clock_domain: str
    schema_version: int


@dataclass(slots=True)
class Found:
    """A file that may hold slots of the run. `segment_id` is where it belongs: what its header
    says, or, without one, what its checksums say; None when nothing does.
    """

    path: Path
    size: int
    number: int | None
    head: SegmentHead | None
    schema_version: int
    problem: str
    segment_id: int | None = None

    def data(self) -> NDArray[np.uint8]:
        """The bytes of the plain file. Raises OSError."""
        return _plain_bytes(self.path)


@dataclass(slots=True)
class Content:
    """A segment put together: slots, which of them are right, and the places that are not."""

    slots: Slots
    good: Mask
    sums: NDArray[np.uint32]
    claimed: int
    recovered: int = 0
    sources: list[Found] = field(default_factory=list)

    def put(self, place: int, slot: bytes) -> None:
        """A slot that was found elsewhere."""
        self.slots[place] = np.frombuffer(slot, np.uint8)
        self.claimed = max(self.claimed, place + 1)
        self.good[place] = True
        self.recovered += 1


# ---- whose files are these ----


def find_segments(directory: Path) -> list[Found]:
    """Files that are, or by their name ought to be, segments; in the order of their names."""
    out = []
    for path in sorted(directory.iterdir()):
        if not path.is_file():
            continue
        number = segment_number(path.name)
        page, size = _first_page(path)
        head, version, problem = None, SCHEMA_VERSION, ""
        try:
            head = SegmentHead.parse(page, path.name)
            version = int(np.frombuffer(page, "<u2", 1, 12)[0])
        except JournalError as error:
            problem = str(error)
        if head is not None or (number is not None and number > 0):
            out.append(Found(path, size, number, head, version, problem))
    return out


def _first_page(path: Path) -> tuple[bytes, int]:
    """The header page and the size of the plain file."""
    if path.suffix == PACKED_SUFFIX:
        data = _plain_bytes(path)
        return data[:PAGE_BYTES].tobytes(), len(data)
    with path.open("rb") as file:
        return file.read(PAGE_BYTES), path.stat().st_size


def _plain_bytes(path: Path) -> NDArray[np.uint8]:
    """A segment file's bytes, unpacked; zeros where a packed one is damaged."""
    if path.suffix != PACKED_SUFFIX:
        return np.fromfile(path, np.uint8)
    # Not at the top: it brings pyarrow along, which a journal without packed files spares.
    from tectra.journal.packed import unpack_bytes  # noqa: PLC0415

    return unpack_bytes(path)


def run_of(manifest: Manifest | None, files: Sequence[Found]) -> tuple[Run, bool]:
    """The run that most of the directory is of, and whether `manifest` is of it.

    Raises JournalError when neither a manifest nor a header tells.
    """
    heads = [f.head for f in files if f.head is not None]
    epochs = Counter(h.epoch for h in heads)
    if manifest is not None and (not epochs or int(manifest.epoch, 16) in epochs):
        known = Run(
            int(manifest.epoch, 16),
            manifest.segment_slots,
            manifest.run_seed,
            manifest.clock_domain,
            manifest.schema_version,
        )
        return known, True
    if not heads:
        raise JournalError(
            "no manifest and no header of a segment can be read, so nothing tells which run this "
            "is; restore manifest.json or one segment of the run"
        )
    epoch = epochs.most_common(1)[0][0]
    first = next(f for f in files if f.head is not None and f.head.epoch == epoch)
    head = first.head
    assert head is not None
    return Run(epoch, head.capacity, head.run_seed, head.clock_domain, first.schema_version), False


def identify(found: Found, run: Run, last_id: int) -> None:
    """Set `segment_id`: by the header, else by the checksums, else by the name, if that is not
    beyond `last_id`, the last segment that something else knows of.
    """
    if found.head is not None:
        mine = (found.head.epoch, found.head.capacity) == (run.epoch, run.capacity)
        found.segment_id = found.head.segment_id if mine else None
        if not mine:
            found.problem = f"a segment of another run (epoch {found.head.epoch:016x})"
        return
    slots, sums = split(found.data(), run.capacity)
    start = _seed(run, 0)
    votes: Counter[int] = Counter()
    for k in np.flatnonzero(sums != 0)[:: max(1, len(sums) // PROBES)].tolist():
        at = (seed_of(slots[k], int(sums[k])) - start) % _WORD
        if at % run.capacity == k:
            votes[at // run.capacity] += 1
    said, count = votes.most_common(1)[0] if votes else (0, 0)
    # What nothing contradicts is what its name says; its slots have to prove it one by one.
    if said > 0 and count >= PROOF_SLOTS:
        found.segment_id = said
    elif found.number is not None and found.number <= last_id:
        found.segment_id = found.number


# ---- which slots are right ----


def split(data: NDArray[np.uint8], capacity: int) -> tuple[Slots, NDArray[np.uint32]]:
    """Slots and checksums of a file's bytes: as many as there are of both."""
    base = slots_offset(capacity)
    sums = data[PAGE_BYTES : min(len(data), PAGE_BYTES + 4 * capacity)]
    count = min(max(0, len(data) - base) // SLOT_BYTES, capacity, len(sums) // 4)
    slots = data[base : base + count * SLOT_BYTES].reshape(count, SLOT_BYTES)
    return slots, sums[: 4 * count].view("<u4")


def good_slots(slots: Slots, sums: NDArray[np.uint32], seed: int) -> Mask:
    """Which slots match their checksums."""
    good = np.ones(len(slots), np.bool_)
    at = crc_scan(slots, sums, seed)
    while at < len(slots):
        good[at] = False
        at = crc_scan(slots, sums, seed, at + 1)
    return good


def content_of(run: Run, segment_id: int, sources: Sequence[Found]) -> Content:
    """Put a segment together from the files that hold it: a slot that is right in one is right."""
    cap = run.capacity
    out: Content | None = None
    for found in sources:
        data = found.data()
        slots, sums = split(data, cap)
        good = good_slots(slots, sums, _seed(run, segment_id))
        claimed = _claimed(found, good)
        if not good[:claimed].all() and _proven(found, slots):
            good[: len(slots)] = True  # the digest over all slots holds: only sums are damaged
        fresh = Content(_room(slots, cap), _room(good, cap), _room(sums, cap), claimed)
        if out is None:
            out = fresh
        else:
            take = fresh.good & ~out.good
            out.slots[take] = fresh.slots[take]
            out.good |= take
            out.claimed = max(out.claimed, claimed)
        out.sources.append(found)
    if out is None:
        empty = np.zeros((cap, SLOT_BYTES), np.uint8)
        out = Content(empty, np.zeros(cap, np.bool_), np.zeros(cap, np.uint32), 0)
    return out


def _claimed(found: Found, good: Mask) -> int:
    """Slots that hold records, by the header or, where that is damaged, by what is right."""
    right = int(np.flatnonzero(good)[-1]) + 1 if good.any() else 0
    head = found.head
    if head is None:
        return right
    said = head.used if head.closed else head.published or 0
    return max(said, right)


def _proven(found: Found, slots: Slots) -> bool:
    head = found.head
    if head is None or not head.closed or len(slots) < head.used or not head.used:
        return False
    digest = Digest()
    digest.update(np.ascontiguousarray(slots[: head.used]))
    return digest.hexdigest() == head.digest


def _room(part: NDArray[np.generic], count: int) -> NDArray:  # type: ignore[type-arg]
    """A copy with room for `count`, zeros behind."""
    out = np.zeros((count, *part.shape[1:]), part.dtype)
    out[: len(part)] = part
    return out


def _seed(run: Run, segment_id: int) -> int:
    return slot_seed(run.epoch, segment_id, run.capacity)


# ---- slots in the wrong place ----


@cache
def _linear() -> tuple[list[int], list[int]]:
    """What a seed adds to the sum of 64 bytes, and its inverse: columns of 32x32 bit matrices."""
    zeros = bytes(SLOT_BYTES)
    base = crc32c(zeros)
    forward = [crc32c(zeros, 1 << bit) ^ base for bit in range(32)]
    rows = [(forward[bit], 1 << bit) for bit in range(32)]
    for bit in range(32):
        pivot = next(k for k in range(bit, 32) if rows[k][0] >> bit & 1)
        rows[bit], rows[pivot] = rows[pivot], rows[bit]
        for k in range(32):
            if k != bit and rows[k][0] >> bit & 1:
                rows[k] = (rows[k][0] ^ rows[bit][0], rows[k][1] ^ rows[bit][1])
    return forward, [inverse for _, inverse in rows]


def _apply(columns: list[int], value: int) -> int:
    out = 0
    while value:
        low = value & -value
        out ^= columns[low.bit_length() - 1]
        value ^= low
    return out


def seed_of(slot: NDArray[np.uint8] | bytes, crc: int) -> int:
    """The seed with which a slot has this sum; exactly one has."""
    return _apply(_linear()[1], crc ^ crc32c(slot))


def match_strays(
    run: Run, broken: dict[int, Content], files: Sequence[Found]
) -> dict[Place, bytes]:
    """Slots of the run that lie elsewhere than where they belong, for the places that lack them.

    A slot moved alone still has its sum at its place; a slot moved with its sum tells the place by
    the seed. What a match is worth ends with the number of things compared (MATCH_MAX).
    """
    strays = [s for found in files for s in _strays(run, found)]
    lacking = {
        (segment_id, int(k))
        for segment_id, content in broken.items()
        for k in np.flatnonzero(~content.good)
        if k < content.claimed
    }
    if len(strays) * max(1, len(lacking)) > MATCH_MAX:
        return {}
    forward = _linear()[0]
    wanted: dict[int, Place] = {}
    for segment_id, k in lacking:
        seed = (_seed(run, segment_id) + k) % _WORD
        wanted[int(broken[segment_id].sums[k]) ^ _apply(forward, seed)] = (segment_id, k)
    out: dict[Place, bytes] = {}
    start = _seed(run, 0)
    for slot, crc in strays:
        place = wanted.get(crc32c(slot))
        if place is None and crc:
            at = (seed_of(slot, crc) - start) % _WORD
            place = (at // run.capacity, at % run.capacity)
            lost = broken.get(place[0])
            if lost is None or lost.good[place[1]]:
                place = None
        if place is not None:
            out[place] = slot
    return out


def _strays(run: Run, found: Found) -> list[tuple[bytes, int]]:
    """Stretches of 64 bytes in a file that are not a slot in its place, with the sum beside them;
    0 where there is none. Sums that guard right slots are no strays.
    """
    if found.head is not None and found.segment_id is None:
        return []  # of another run
    data = found.data()
    slots, sums = split(data, run.capacity)
    whole = len(data) // SLOT_BYTES
    chunks = data[: whole * SLOT_BYTES].reshape(whole, SLOT_BYTES)
    good = np.zeros(len(slots), np.bool_)
    if found.segment_id is not None:
        good = good_slots(slots, sums, _seed(run, found.segment_id))
    base = slots_offset(run.capacity) // SLOT_BYTES
    plain = np.ones(whole, np.bool_)
    page = PAGE_BYTES // SLOT_BYTES
    plain[:page] = found.head is None or found.head.closing_damaged
    plain[page : page + -(-len(good) // _SUMS)] = ~np.logical_and.reduceat(
        good, np.arange(0, len(good), _SUMS)
    )[: max(0, whole - page)]
    plain[base : base + len(slots)] = ~good
    out = []
    for k in np.flatnonzero(plain & chunks.any(axis=1)).tolist():
        slot = k - base
        crc = int(sums[slot]) if 0 <= slot < len(sums) else 0
        out.append((chunks[k].tobytes(), crc))
    return out
