"""Recorded records in compressed blocks with an index by time, instrument and type: the tick store,
as readers see it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tectra.core.closing import Closing
from tectra.core.errors import FileFormatError, InputError, UnknownSymbolError
from tectra.feed.batch import LaneMerger, gather, scan
from tectra.feed.protocol import Slots
from tectra.feed.selection import Selection, key_of
from tectra.feed.tick_block import Block
from tectra.feed.tick_manifest import InstrumentEntry, Manifest, PartEntry
from tectra.feed.tick_part import BlockFault, PartFile
from tectra.refdata.instrument import Instrument

__all__ = ["StoreFeed", "StoreSize", "TickStore"]

_SOURCE_SHIFT = np.uint64(40)
_EMPTY = np.empty(0, np.uint8)
_NOTHING = Block(_EMPTY, scan(_EMPTY), np.empty(0, np.uint64))


@dataclass(frozen=True)
class StoreSize:
    """How much a store holds. `raw_bytes`: the records as they are in memory."""

    records: int
    raw_bytes: int
    bytes: int
    parts: int

    @property
    def bytes_per_record(self) -> float:
        """On disk; 0 when empty."""
        return self.bytes / self.records if self.records else 0.0

    @property
    def ratio(self) -> float:
        """Raw to stored; 0 when empty."""
        return self.raw_bytes / self.bytes if self.bytes else 0.0


class TickStore:
    """A store as it was when opened; refresh() looks again. Any number of readers while one writer
    appends; one thread for each object.

    InputError: no store there. FileFormatError: its manifest is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.manifest = Manifest.load(self.path)

    def refresh(self) -> None:
        """Look at the manifest again. Feeds handed out read on what they began with."""
        self.manifest = Manifest.load(self.path)

    @property
    def instruments(self) -> dict[int, InstrumentEntry]:
        """By the store's own number."""
        return {entry.instrument_id: entry for entry in self.manifest.instruments}

    @property
    def size(self) -> StoreSize:
        """Sums over the parts."""
        parts = self.manifest.parts
        return StoreSize(
            records=sum(p.records for p in parts),
            raw_bytes=sum(p.raw_bytes for p in parts),
            bytes=sum(p.bytes for p in parts),
            parts=len(parts),
        )

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """First and last time, of those that order the store; None when empty."""
        parts = self.manifest.parts
        if not parts:
            return None
        return min(p.first_ns for p in parts), max(p.last_ns for p in parts)

    def ids(self, symbols: tuple[str, ...] | None) -> NDArray[np.uint32] | None:
        """Sorted numbers of symbols. UnknownSymbolError names close ones."""
        if symbols is None:
            return None
        known = {entry.symbol for entry in self.manifest.instruments}
        missing = [s for s in symbols if s not in known]
        if missing:
            close = get_close_matches(missing[0].upper(), sorted(known), 3)
            hint = f"close matches: {', '.join(close)}" if close else "nothing comes close"
            raise UnknownSymbolError(
                f"symbol: found {', '.join(missing)}, which {self.path} does not hold; {hint}; "
                f"`tectra data ls {self.path}` lists its {len(known):,} symbols"
            )
        wanted = {e.instrument_id for e in self.manifest.instruments if e.symbol in symbols}
        return np.array(sorted(wanted), np.uint32)

    def feed(self, selection: Selection | None = None, *, strict: bool = True) -> "StoreFeed":
        """The records that are meant, in the order of the store's times. A damaged block raises
        FileFormatError where it is reached; not `strict`: it is left out and told in `damage`.
        """
        return StoreFeed(self, selection or Selection(by=self.manifest.by), strict=strict)

    def verify(self, step: Callable[[int, int], None] | None = None) -> list[BlockFault]:
        """Read every block; what is damaged."""
        faults = []
        for i, entry in enumerate(self.manifest.parts):
            try:
                part = self.open_part(entry)
            except FileFormatError as error:
                faults.append(_lost(entry, str(error)))
            else:
                faults += part.faults()
            if step is not None:
                step(i + 1, len(self.manifest.parts))
        return faults

    def open_part(self, entry: PartEntry) -> PartFile:
        """A part of the manifest. FileFormatError."""
        return PartFile(self.path / entry.file, entry.file, self.manifest.by, entry.index_crc)


def _lost(entry: PartEntry, why: str) -> BlockFault:
    return BlockFault(entry.file, -1, entry.records, entry.first_ns, entry.last_ns, why)


class _Lane:
    """Blocks of one source and group in time order, cut to what is meant."""

    def __init__(self, feed: "StoreFeed", source: int, parts: list[PartEntry]) -> None:
        self._feed, self._source = feed, np.uint64(source) << _SOURCE_SHIFT
        self._blocks = self._walk(sorted(parts, key=lambda p: p.file))

    def _walk(self, parts: list[PartEntry]) -> Iterator[Block]:
        feed = self._feed
        for entry in parts:
            try:
                part = feed.store.open_part(entry)
            except FileFormatError as error:
                feed.damaged(_lost(entry, str(error)), error)
                continue
            for number in part.wanted(feed.selection, feed.ids):
                try:
                    yield part.block(int(number))
                except FileFormatError as error:
                    feed.damaged(part.fault(int(number), str(error)), error)
                feed.blocks_read += 1
            feed.position += entry.bytes

    def next_block(self) -> Block | None:
        """What is meant of the next block that holds any of it; None at the end."""
        feed = self._feed
        for slots, rows, tie in self._blocks:
            keep = feed.selection.mask(rows, feed.ids)
            if not keep.any():
                continue
            if not keep.all():
                slots = gather(slots, rows.slot[keep])
                rows, tie = scan(slots), np.ascontiguousarray(tie[keep])
            return Block(slots, rows, tie | self._source)
        return None


class StoreFeed(Closing):
    """A Feed over a store. Only blocks that can hold what is meant are read: `blocks_read` counts
    them. One owner thread.
    """

    def __init__(self, store: TickStore, selection: Selection, *, strict: bool) -> None:
        self.store, self.selection, self._strict = store, selection, strict
        self.ids = store.ids(selection.symbols)
        self.damage: list[BlockFault] = []
        self.blocks_read = 0
        self.position = self.size = 0
        lanes: dict[tuple[int, int], list[PartEntry]] = {}
        for entry in store.manifest.parts:
            if self._overlaps(entry):
                lanes.setdefault((entry.source, entry.group), []).append(entry)
                self.size += entry.bytes
        self._lanes = [_Lane(self, source, parts) for (source, _), parts in sorted(lanes.items())]
        self._merger: LaneMerger | None = LaneMerger(len(self._lanes))
        self._block, self._at = _NOTHING, 0

    def _overlaps(self, entry: PartEntry) -> bool:
        wanted = self.selection
        if self.ids is not None and entry.group and entry.group not in self.ids:
            return False
        if wanted.by != self.store.manifest.by:
            return True
        after = wanted.from_ns is not None and entry.last_ns < wanted.from_ns
        before = wanted.to_ns is not None and entry.first_ns >= wanted.to_ns
        return not (after or before)

    def damaged(self, fault: BlockFault, error: FileFormatError) -> None:
        """Note a block that is lost; raise when strict."""
        self.damage.append(fault)
        if self._strict:
            raise error

    format = "store"

    @property
    def instruments(self) -> Mapping[int, str]:
        """Symbol by the store's number, of the symbols that are meant."""
        wanted = self.selection.symbols
        every = self.store.manifest.instruments
        return {e.instrument_id: e.symbol for e in every if wanted is None or e.symbol in wanted}

    @property
    def definitions(self) -> Mapping[int, Instrument]:
        """Instrument by the store's number, of those that a source defined."""
        meant = self.instruments
        return {
            e.instrument_id: replace(
                Instrument.from_dict(e.definition), instrument_id=e.instrument_id
            )
            for e in self.store.manifest.instruments
            if e.definition is not None and e.instrument_id in meant
        }

    @property
    def faults(self) -> Mapping[str, int]:
        """Records that are lost with damaged blocks; empty for a whole store."""
        lost = sum(fault.records for fault in self.damage)
        return {"records_lost": lost} if lost else {}

    def next_batch(self, max_slots: int = 4096) -> Slots | None:
        """Up to `max_slots` slots of whole records, or None at the end."""
        if len(self._lanes) == 1:
            return self._cut(self._lanes[0], max_slots)
        while self._merger is not None:
            out, dry = self._merger.take(max_slots)
            if dry is not None:
                self._fill(self._merger, dry)
            if len(out):
                return out
            if dry is None:
                break
        return None

    def _fill(self, merger: LaneMerger, lane: int) -> None:
        block = self._lanes[lane].next_block()
        if block is None:
            merger.end(lane)
            return
        key = np.ascontiguousarray(key_of(block.rows, self.store.manifest.by))
        merger.feed(lane, block.slots, block.rows, key, block.tie)

    def _cut(self, lane: _Lane, max_slots: int) -> Slots | None:
        """With one lane nothing is to be merged: a piece of the block in hand, without a copy."""
        if max_slots < 2:
            raise InputError(f"room for {max_slots} slots; a record takes up to 2")
        while self._at >= len(self._block.slots):
            block = lane.next_block()
            if block is None:
                return None
            self._block, self._at = block, 0
        slots, starts = self._block.slots, self._block.rows.slot
        first, last = self._at // 64, len(slots) // 64
        if last - first > max_slots:
            last = int(starts[np.searchsorted(starts, first + max_slots, side="right") - 1])
        self._at = last * 64
        return slots[first * 64 : last * 64]

    def close(self) -> None:
        """Give up the blocks in hand. May be called twice."""
        self._merger = None
        self._lanes = []
        self._block, self._at = _NOTHING, 0
