"""One segment file as a reader sees it: its header, the slots it claims, the longest valid prefix.

Read-only; one thread at a time. Nothing behind the published count is read through the mapping,
since a live writer may cut the file there when it closes the segment. A packed segment (.zst) reads
as the plain one does; where both lie side by side, packing was not finished and the plain one is
read.
"""

import mmap
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import JournalCorruptError, JournalError
from tectra.core.msg import SCHEMA_ID, SCHEMA_VERSION
from tectra.journal.fault import Cause, Fault
from tectra.journal.scan import (
    CLOCK_DOMAINS,
    LAYOUT_VERSION,
    PAGE_BYTES,
    crc_scan,
    head_fields,
    slot_seed,
    slots_offset,
    walk,
)

if TYPE_CHECKING:
    from tectra.journal.packed import PackedFile

__all__ = [
    "PACKED_SUFFIX",
    "SegmentFile",
    "SegmentHead",
    "index_name",
    "is_companion",
    "segment_name",
    "segment_number",
    "segment_paths",
]

SLOT_BYTES = 64
LOOK_SLOTS = 4096  # read at once behind the published count
PACKED_SUFFIX = ".zst"
PACK_LOCK_NAME = "compact.lock"
_NAME = re.compile(r"segment-(\d{6,})\.ttj(?:\.zst)?")
_INDEX_NAME = re.compile(r"segment-\d{6,}\.tti")

Slots = NDArray[np.uint8]
_T = TypeVar("_T")


def segment_name(segment_id: int) -> str:
    """File name of a segment."""
    return f"segment-{segment_id:06d}.ttj"


def index_name(segment_id: int) -> str:
    """File name of the index of a segment."""
    return f"segment-{segment_id:06d}.tti"


def segment_number(name: str) -> int | None:
    """Segment id that a file name promises, plain or packed; None when it is no segment's name."""
    match = _NAME.fullmatch(name)
    plain = name.removesuffix(PACKED_SUFFIX)
    return int(match[1]) if match and segment_name(int(match[1])) == plain else None


def segment_paths(directory: Path) -> dict[int, Path]:
    """Segment id -> its file; the plain one where a packed one lies beside it. Raises OSError."""
    found: dict[int, Path] = {}
    for path in directory.iterdir():
        number = segment_number(path.name)
        if number is not None and (number not in found or path.suffix != PACKED_SUFFIX):
            found[number] = path
    return found


def is_companion(name: str) -> bool:
    """Is it a file that belongs to a journal without holding records: an index, packing's lock?"""
    return name == PACK_LOCK_NAME or _INDEX_NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class SegmentHead:
    """The header page in Python. `published` is None when that word is damaged; times in ns."""

    segment_id: int
    capacity: int
    epoch: int
    base_ring_seq: int
    run_seed: int
    clock_domain: str
    closed: bool
    closing_damaged: bool
    published: int | None
    used: int
    records: int
    first_ring_seq: int
    last_ring_seq: int
    first_ts_recv_ns: int
    last_ts_recv_ns: int
    digest: str
    merkle_root: str
    chain: str

    @classmethod
    def parse(cls, page: bytes, name: str) -> "SegmentHead":
        """Read a page. Raises JournalError when it is not one, or not one this build reads."""
        if len(page) < PAGE_BYTES:
            raise JournalError(
                f"{name}: {len(page)} bytes, less than the header of {PAGE_BYTES}; "
                "the file was cut: restore it"
            )
        raw = head_fields(page)
        check, state = raw.pop("check"), raw.pop("state")
        magic = raw.pop("magic")
        if check != 0:
            layout, schema, version = np.frombuffer(page, "<u2", 3, 8)
            raise JournalError(
                f"{name}: not a segment this build can read (magic {magic!r}, layout {layout}, "
                f"schema {schema} version {version}); wants layout {LAYOUT_VERSION}, "
                f"schema {SCHEMA_ID} up to version {SCHEMA_VERSION}, and an intact header checksum"
            )
        published = raw.pop("published")
        clock = raw.pop("clock_domain")
        return cls(
            **raw,
            clock_domain=CLOCK_DOMAINS[clock] if clock < len(CLOCK_DOMAINS) else str(clock),
            closed=state == 1,
            closing_damaged=state < 0,
            published=published if published >= 0 else None,
        )


class SegmentFile:
    """A segment file opened for reading. Raises JournalError when the header cannot be used.

    `size` is that of the plain file, `stored_bytes` what lies on the disk. `checked`: so many slots
    were found right before, in this very file; they are not summed again.
    """

    def __init__(self, path: Path, *, checked: int = 0) -> None:
        self.path = path
        self._checked = checked
        self._packed: PackedFile | None = None
        self.size: int = 0
        if path.suffix == PACKED_SUFFIX:
            self._open_packed()
        else:
            self._plain(self._stat)
        self.head = SegmentHead.parse(self.read(0, PAGE_BYTES), self.path.name)
        self.slots_offset: int = slots_offset(self.head.capacity)
        self.seed: int = slot_seed(self.head.epoch, self.head.segment_id, self.head.capacity)

    # ---- the file, plain or packed ----

    def _stat(self) -> None:
        self.size = self.path.stat().st_size

    def _open_packed(self) -> None:
        # Not at the top: it brings pyarrow along, which a journal without packed files spares.
        from tectra.journal.packed import PackedFile  # noqa: PLC0415

        try:
            self._packed = PackedFile(self.path)
        except FileNotFoundError:
            self.path = self.path.with_suffix("")
            self._stat()
        else:
            self.size = self._packed.size

    def _plain(self, use: Callable[[], _T]) -> _T | None:
        """`use` of the plain file. None: the file was packed meanwhile, and that one is open."""
        try:
            return use()
        except FileNotFoundError:
            beside = self.path.with_name(self.path.name + PACKED_SUFFIX)
            if not beside.exists():
                raise
            self.path = beside
            self._open_packed()
            return None

    @property
    def packed(self) -> bool:
        """Does it lie behind zstd?"""
        return self._packed is not None

    @property
    def stored_bytes(self) -> int:
        """Bytes of the file on the disk."""
        return self.size if self._packed is None else self._packed.stored_bytes

    def packing_faults(self) -> list[Fault]:
        """What is wrong with the packed file itself; reads all of it. Empty for a plain one."""
        if self._packed is None:
            return []
        self._packed.check()
        return [
            Fault(self.head.segment_id, self.path.name, offset, None, cause, what)
            for cause, offset, what in self._packed.faults
        ]

    def read(self, offset: int, count: int) -> bytes:
        """Bytes of the plain file; fewer at its end."""
        if self._packed is None:
            found = self._plain(lambda: self._pread(offset, count))
            if found is not None:
                return found
        return b"" if self._packed is None else self._packed.read(offset, count)

    def _pread(self, offset: int, count: int) -> bytes:
        with self.path.open("rb") as file:
            return os.pread(file.fileno(), count, offset)

    # ---- slots ----

    @property
    def slots_in_file(self) -> int:
        """Whole slots the file has bytes for."""
        room = max(0, self.size - self.slots_offset) // SLOT_BYTES
        return min(room, self.head.capacity)

    @property
    def claimed(self) -> int:
        """Slots the header says hold records; when that is damaged, what the file has room for."""
        if self.head.closed:
            return self.head.used
        return self.slots_in_file if self.head.published is None else self.head.published

    def offset_of(self, slot: int) -> int:
        """Byte offset of a slot in the file."""
        return self.slots_offset + slot * SLOT_BYTES

    def map(self, count: int) -> Slots:
        """The first `count` slots, read-only: zero-copy, or unpacked once. The array keeps what it
        shows alive.
        """
        return self.part(0, count)

    def part(self, start: int, stop: int) -> Slots:
        """Slots [start, stop), as map() gives them; of a packed file only their blocks are
        unpacked.
        """
        if stop <= start:
            return np.empty((0, SLOT_BYTES), np.uint8)
        first, last = self.offset_of(start), self.offset_of(stop)
        view: Slots | None = None
        if self._packed is None:
            view = self._plain(lambda: self._mapping(last)[first:])
        if view is None and self._packed is not None:
            view = self._packed.view(first, last)
        assert view is not None
        return view.reshape(stop - start, SLOT_BYTES)

    def sound_part(self, start: int, stop: int) -> Slots:
        """Slots [start, stop) with every checksum verified. Raises JournalCorruptError."""
        slots = self.part(start, stop)
        crcs = self.crcs(stop, start)
        good = crc_scan(slots[: len(crcs)], crcs, (self.seed + start) % 2**32)
        if good < stop - start:
            what = f"slot {start + good} of {self.claimed} does not match its checksum"
            raise JournalCorruptError(
                f"{self.path.parent}: {self.fault(start + good, None, Cause.CRC, what)}; run "
                f"`tectra journal verify {self.path.parent}` for the whole picture"
            )
        return slots

    def crcs(self, count: int, start: int = 0) -> NDArray[np.uint32]:
        """Checksums [start, count) (a copy)."""
        body = self.read(PAGE_BYTES + 4 * start, 4 * (count - start))
        return np.frombuffer(body[: len(body) // 4 * 4], "<u4")

    def _mapping(self, length: int) -> Slots:
        with self.path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < length:
                raise JournalError(f"{self.path.name} was cut while it was read; restore it")
            return np.frombuffer(
                mmap.mmap(file.fileno(), length, mmap.MAP_SHARED, mmap.PROT_READ), np.uint8
            )

    @cached_property
    def valid(self) -> int:
        """Slots in the longest valid prefix of whole records. Checks every checksum, once.

        In a file that was not closed the prefix may go on behind the published count: a record
        written just before the writer died is whole even if its count was not.
        """
        count = min(self.claimed, self.slots_in_file)
        start = min(self._checked, count)
        crcs = self.crcs(count, start)
        slots = self.part(start, min(count, start + len(crcs)))
        good = crc_scan(slots, crcs, (self.seed + start) % 2**32)
        end: int = start + walk(slots[:good])[1]
        if self.head.closed or end < count:
            return end
        return end + self._look_behind(end)

    def _look_behind(self, start: int) -> int:
        """Whole valid records from `start` on, read without the mapping."""
        found = 0
        while start + found < self.head.capacity:
            at = start + found
            body = self.read(self.offset_of(at), LOOK_SLOTS * SLOT_BYTES)
            count = min(len(body) // SLOT_BYTES, self.head.capacity - at)
            sums = self.read(PAGE_BYTES + 4 * at, 4 * count)
            count = min(count, len(sums) // 4)
            slots = np.frombuffer(body, np.uint8)[: count * SLOT_BYTES]
            seed = (self.seed + at) % 2**32
            good = crc_scan(slots, sums, seed)
            end = walk(slots[: good * SLOT_BYTES])[1]
            found += end
            if end == 0 or end < LOOK_SLOTS - 1:
                break
        return found

    @cached_property
    def slots(self) -> Slots:
        """The longest valid prefix, zero-copy, read-only, [n, 64]."""
        return self.map(self.valid)

    @cached_property
    def starts(self) -> NDArray[np.uint32]:
        """Slot indices at which the records of `slots` begin."""
        return walk(self.slots)[0]

    @property
    def ring_seqs(self) -> NDArray[np.uint64]:
        """ring_seq of every record (a copy)."""
        return column_u64(self.slots, 1)[self.starts]

    @cached_property
    def last_ring_seq(self) -> int:
        """ring_seq of the last valid record; that before the segment when it is empty."""
        if self.valid == 0:
            return self.head.base_ring_seq
        return int(column_u64(self.slots, 1)[self.starts[-1]])

    def forget(self) -> None:
        """Let the mapping go (arrays handed out keep theirs); what was found out stays known."""
        self.last_ring_seq  # noqa: B018 - known from now on
        self.forget_bytes()

    def forget_bytes(self) -> None:
        """Let the bytes go, finding nothing out."""
        for name in ("slots", "starts"):
            self.__dict__.pop(name, None)
        if self._packed is not None:
            self._packed.forget()

    @property
    def known_valid(self) -> int:
        """Slots found right so far, without looking."""
        return int(self.__dict__.get("valid", self._checked))

    def damage(self) -> Fault | None:
        """Why the valid prefix ends before the claimed count, or None. TORN: nothing follows it."""
        end, claimed = self.valid, self.claimed
        if end >= claimed and not self.head.closing_damaged and self.head.published is not None:
            return None
        if end >= claimed or (self.head.published is None and not self.head.closed):
            what = "the published count" if self.head.published is None else "the closing block"
            return self.fault(0, None, Cause.HEADER, f"{what} is damaged; {end} slots read back")
        for fault in self.packing_faults():
            return replace(fault, ring_seq=self.last_ring_seq + 1)
        if end >= self.slots_in_file:
            return self.fault(
                end,
                self.last_ring_seq + 1,
                Cause.TRUNCATED,
                f"the file ends behind {end} of {claimed} slots",
            )
        follow = self._valid_slots(end + 1, min(claimed, self.slots_in_file))
        torn = not self.head.closed and follow == 0
        return self.fault(
            end,
            self.last_ring_seq + 1,
            Cause.TORN if torn else Cause.CRC,
            f"slot {end} of {claimed} does not match its checksum; {follow} intact slots follow",
        )

    def _valid_slots(self, start: int, stop: int) -> int:
        """How many slots in [start, stop) match their checksums."""
        slots, crcs = self.map(stop), self.crcs(stop)
        good, at = 0, start
        while at < stop:
            bad = crc_scan(slots, crcs, self.seed, at)
            good += bad - at
            at = bad + 1
        return good

    def fault(self, slot: int, ring_seq: int | None, cause: Cause, detail: str) -> Fault:
        """A fault at a slot of this file; header faults lie at offset 0."""
        offset = 0 if cause is Cause.HEADER else self.offset_of(slot)
        return Fault(self.head.segment_id, self.path.name, offset, ring_seq, cause, detail)


def column_u64(slots: Slots, index: int) -> NDArray[np.uint64]:
    """64-bit word `index` of every slot, as a view."""
    words: NDArray[np.uint64] = slots.view("<u8")[:, index]
    return words
