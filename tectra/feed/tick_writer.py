"""The writing side of a tick store: one writer at a time, records of one source after another,
visible to readers commit by commit.
"""

import contextlib
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from tectra.core.closing import Closing
from tectra.core.errors import DuplicateError, FileFormatError, InputError, StateError
from tectra.core.lock_file import holder_of, lock_file
from tectra.core.part_file import sync_directory
from tectra.feed.batch import Rows, gather, scan
from tectra.feed.numbering import Numbering, SourceIds
from tectra.feed.protocol import Feed, Slots
from tectra.feed.selection import Selection, TimeBy, key_of
from tectra.feed.tick_block import BlockEncoder, Codec
from tectra.feed.tick_manifest import (
    MANIFEST_NAME,
    InstrumentEntry,
    Manifest,
    PartEntry,
    Partition,
    SourceEntry,
)
from tectra.feed.tick_part import PartBuilder
from tectra.refdata.instrument import Instrument

__all__ = ["COMMIT_RECORDS", "StoreOptions", "TickStoreWriter"]

BLOCK_RECORDS = 1 << 14
COMMIT_RECORDS = 1 << 19
LOCK_NAME = "store.lock"
_DAY_NS = 86_400_000_000_000
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


class StoreOptions(msgspec.Struct, frozen=True):
    """How a store is laid out; None takes what the store has, or for a new one zstd blocks,
    ordered by time of receipt, one file a date for all symbols.
    """

    codec: Codec | None = None
    level: int | None = None
    by: TimeBy | None = None
    partition: Partition | None = None


class _Pending(NamedTuple):
    slots: Slots
    rows: Rows


class TickStoreWriter(Closing):
    """Appends to a store, made if it is not there. One owner thread; a second writer is refused.

    begin() a source, append() its records in the order of their times, finish(). What was
    committed stays whatever happens; what was not is gone without a trace.
    StateError: another process writes. InputError: not a store, or laid out otherwise.
    """

    def __init__(
        self,
        path: str | Path,
        options: StoreOptions | None = None,
        *,
        commit_records: int = COMMIT_RECORDS,
    ) -> None:
        self.path = Path(path)
        self._level = None if options is None else options.level
        self._commit_records = commit_records
        self._lock = self._claim()
        try:
            self.manifest = self._open(options or StoreOptions())
            self._sweep()
        except BaseException:
            self.close()
            raise
        self._numbering = self._numbered()
        self._source = -1
        self._ids = SourceIds(self._numbering, 0)
        self._pending: list[_Pending] = []
        self._pending_records = self._skip = 0
        self._last: int | None = None

    def _numbered(self) -> Numbering:
        """The numbers and scales that the manifest has."""
        out = Numbering()
        for entry in self.manifest.instruments:
            number = out.number(entry.venue_id, entry.symbol)
            if entry.definition is not None:
                out.define(number, Instrument.from_dict(entry.definition), self.path)
        return out

    # ---- the directory ----

    def _claim(self) -> int:
        path = self.path
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is not a directory; give a directory for the store")
        self._made = not path.exists()
        strangers = [] if self._made else [p for p in path.iterdir() if p.name != LOCK_NAME]
        if strangers and not (path / MANIFEST_NAME).exists() and not _is_ours(strangers):
            raise InputError(
                f"{path} is not empty and no tick store: it has {strangers[0].name}; give a new "
                "directory"
            )
        fd = self._locked(path / LOCK_NAME)
        with contextlib.suppress(OSError):
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        return fd

    def _locked(self, lock: Path) -> int:
        while True:
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                fd = lock_file(lock)
            except FileNotFoundError:
                continue  # the writer that made the directory took it away again
            if fd is None:
                raise StateError(
                    f"{self.path} is being written by another process (pid {holder_of(lock)}); "
                    "wait for it to end"
                )
            return fd

    def _open(self, options: StoreOptions) -> Manifest:
        if not (self.path / MANIFEST_NAME).exists():
            BlockEncoder(options.codec or "zstd", options.level)  # refuses what cannot be
            return Manifest(
                by=options.by or "recv",
                partition=options.partition or "date",
                codec=options.codec or "zstd",
            )
        found = Manifest.load(self.path)
        for name in ("codec", "by", "partition"):
            wanted = getattr(options, name)
            if wanted not in (None, getattr(found, name)):
                raise InputError(
                    f"{self.path}: {name}: found {wanted!r}; this store has "
                    f"{getattr(found, name)!r}: leave the option out, or make another store"
                )
        BlockEncoder(found.codec, options.level)
        return found

    def _sweep(self) -> None:
        """Remove what an earlier writer left behind without committing it."""
        named = {self.path / part.file for part in self.manifest.parts}
        for left in [*self.path.glob("*/*/*.ttk"), *self.path.glob("*/*/*.ttk.tmp")]:
            if left not in named:
                left.unlink()
        (self.path / f"{MANIFEST_NAME}.tmp").unlink(missing_ok=True)

    # ---- sources ----

    def begin(self, name: str, digest: str, size: int, selection: Selection) -> bool:
        """Start a source, or go on with one that was interrupted; False when it is in the store
        already. `digest` and `size` are of its content.

        append() then passes over the records that are in the store. DuplicateError when the content
        is there under another selection that may hold the same records.
        """
        if self._source >= 0:
            raise StateError("a source is open; finish() it first")
        meant = selection.to_dict()
        for i, entry in enumerate(self.manifest.sources):
            if entry.digest != digest or entry.bytes != size:
                continue
            if entry.selection == meant:
                if entry.finished:
                    return False
                self._start(i, entry.records)
                return True
            if not _apart(entry.selection, meant):
                raise DuplicateError(
                    f"{name}: its content is in {self.path} with another selection "
                    f"({_describe(entry.selection)}); records would be there twice: choose a "
                    "stretch of time behind or ahead of that, or another store"
                )
        entry = SourceEntry(name=name, digest=digest, bytes=size, selection=meant)
        sources = [*self.manifest.sources, entry]
        self.manifest = msgspec.structs.replace(self.manifest, sources=sources)
        self._start(len(sources) - 1, 0)
        return True

    def _start(self, source: int, skip: int) -> None:
        self._source, self._skip, self._last = source, skip, None
        name = self.manifest.sources[source].name
        self._ids = SourceIds(self._numbering, source, name)

    @property
    def source(self) -> SourceEntry:
        """The source that is open."""
        if self._source < 0:
            raise StateError("no source is open; begin() one first")
        return self.manifest.sources[self._source]

    def append(self, slots: Slots, feed: Feed) -> None:
        """Records of the open source, in order; `feed`, where they come from, tells their symbols
        and what their mantissas mean. FileFormatError when a time goes back, InputError when a
        symbol comes at another scale than it has here.
        """
        _ = self.source
        rows = scan(slots)
        if not len(rows.slot):
            return
        key = key_of(rows, self.manifest.by)
        if (key[1:] < key[:-1]).any() or (self._last is not None and key[0] < self._last):
            raise FileFormatError(
                f"{self.source.name}: times go back; a store is in order: sort it within a window"
            )
        self._last = int(key[-1])
        slots = self._ids.apply(slots, rows, feed)
        if self._skip:
            slots, rows = self._behind(slots, rows)
        while len(rows.slot):
            room = self._commit_records - self._pending_records
            if len(rows.slot) <= room:
                self._hold(slots, rows)
                break
            cut = int(rows.slot[room])
            self._hold(slots[: cut * 64], scan(slots[: cut * 64]))
            slots = slots[cut * 64 :]
            rows = scan(slots)
        if self._pending_records == self._commit_records:
            self.commit()

    def _behind(self, slots: Slots, rows: Rows) -> tuple[Slots, Rows]:
        """What follows the records that are in the store already."""
        if len(rows.slot) <= self._skip:
            self._skip -= len(rows.slot)
            return slots[:0], scan(slots[:0])
        cut, self._skip = int(rows.slot[self._skip]), 0
        return slots[cut * 64 :], scan(slots[cut * 64 :])

    def _hold(self, slots: Slots, rows: Rows) -> None:
        self._pending.append(_Pending(slots, rows))
        self._pending_records += len(rows.slot)
        if self._pending_records == self._commit_records:
            self.commit()

    def _entry(self, number: int) -> InstrumentEntry:
        numbering = self._numbering
        definition = numbering.definitions.get(number)
        return InstrumentEntry(
            number,
            numbering.symbols[number],
            numbering.venues[number],
            None if definition is None else definition.to_dict(),
        )

    def finish(self) -> None:
        """Commit the rest; the source is whole."""
        if self._skip:
            raise FileFormatError(
                f"{self.source.name}: the store holds {self._skip:,} records more of it than it "
                "has; it is another file now: make another store"
            )
        self._commit(finished=True)
        self._source = -1

    def abandon(self) -> None:
        """Let go of the open source and of what is not committed; a source of which nothing is
        leaves no trace.
        """
        last = len(self.manifest.sources) - 1
        if self._source == last >= 0 and not self.manifest.sources[last].records:
            sources = self.manifest.sources[:last]
            self.manifest = msgspec.structs.replace(self.manifest, sources=sources)
        self._pending, self._pending_records, self._source = [], 0, -1
        self._numbering = self._numbered()

    # ---- commits ----

    def commit(self) -> None:
        """Make what was appended durable and visible. OSError leaves the store as it was."""
        self._commit(finished=False)

    def _commit(self, *, finished: bool) -> None:
        entry = self.source
        pending, self._pending, self._pending_records = self._pending, [], 0
        if not pending and not finished:
            return
        fresh: list[PartEntry] = []
        if pending:
            slots = np.concatenate([p.slots for p in pending])
            del pending
            fresh = self._write(slots, scan(slots), entry)
        records = sum(p.records for p in fresh)
        sources = list(self.manifest.sources)
        sources[self._source] = msgspec.structs.replace(
            entry,
            records=entry.records + records,
            commits=entry.commits + bool(fresh),
            finished=finished,
        )
        manifest = msgspec.structs.replace(
            self.manifest,
            sources=sources,
            parts=[*self.manifest.parts, *fresh],
            instruments=[self._entry(number) for number, _, _ in self._numbering],
        )
        manifest.save(self.path)
        self.manifest = manifest

    def _write(self, slots: Slots, rows: Rows, entry: SourceEntry) -> list[PartEntry]:
        tie = np.arange(entry.records, entry.records + len(rows.slot), dtype=np.uint64)
        day = key_of(rows, self.manifest.by) // _DAY_NS
        group = rows.instrument_id if self.manifest.partition == "symbol" else None
        encoder = BlockEncoder(self.manifest.codec, self._level)
        out, written = [], []
        try:
            for number, mask in _split(day, group):
                part_tie = tie[mask]
                part = gather(slots, rows.slot[mask])
                builder = self._build(encoder, part, part_tie)
                name = self._part_name(builder.first_ns, number, entry.commits + 1)
                target = self.path / name
                target.parent.mkdir(parents=True, exist_ok=True)
                temporary = target.with_name(target.name + ".tmp")
                written.append(temporary)
                info = builder.write(temporary)
                out.append(PartEntry(name, self._source, number, *info[:6]))
            for part_entry, temporary in zip(out, list(written), strict=True):
                target = self.path / part_entry.file
                temporary.replace(target)
                written.append(target)
            for directory in {(self.path / p.file).parent for p in out}:
                sync_directory(directory)
                sync_directory(directory.parent)
        except BaseException:
            for left in written:
                with contextlib.suppress(OSError):
                    left.unlink(missing_ok=True)
            raise
        return out

    def _build(self, encoder: BlockEncoder, slots: Slots, tie: NDArray[np.uint64]) -> PartBuilder:
        builder = PartBuilder(self.manifest.by)
        starts = scan(slots).slot
        for i in range(0, len(starts), BLOCK_RECORDS):
            last = i + BLOCK_RECORDS
            end = int(starts[last]) if last < len(starts) else len(slots) // 64
            part = slots[int(starts[i]) * 64 : end * 64]
            rows = scan(part)
            builder.add(encoder.encode(part, rows, tie[i:last]), rows, len(part))
        return builder

    def _part_name(self, first_ns: int, number: int, commit: int) -> str:
        day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=first_ns // _DAY_NS)
        label = "all"
        if self.manifest.partition == "symbol":
            symbol = _UNSAFE.sub("_", self._numbering.symbols.get(number, "market"))
            label = f"{number:06d}-{symbol}"
        return f"{day:%Y-%m-%d}/{label}/{self._source:05d}-{commit:06d}.ttk"

    def close(self) -> None:
        """Give the store back; what was not committed is dropped. May be called twice."""
        if self._lock < 0:
            return
        with contextlib.suppress(OSError):
            (self.path / LOCK_NAME).unlink()
            if self._made:
                self.path.rmdir()  # only while nothing was ever committed
        os.close(self._lock)
        self._lock = -1


def _is_ours(paths: list[Path]) -> bool:
    """Whether a directory without a manifest holds nothing but what a writer left that died ahead
    of its first commit.
    """
    dates = re.compile(r"-?\d{4,}-\d\d-\d\d")
    return all(dates.fullmatch(p.name) or p.name == f"{MANIFEST_NAME}.tmp" for p in paths)


def _split(
    day: NDArray[np.int64], group: NDArray[np.uint32] | None
) -> list[tuple[int, NDArray[np.intp]]]:
    """(group, rows in order) for each day and group."""
    days = np.flatnonzero(np.diff(day)) + 1
    out: list[tuple[int, NDArray[np.intp]]] = []
    for rows in np.split(np.arange(len(day)), days):
        if group is None:
            out.append((0, rows))
            continue
        order = rows[np.argsort(group[rows], kind="stable")]
        cuts = np.flatnonzero(np.diff(group[order])) + 1
        out += [(int(group[part[0]]), part) for part in np.split(order, cuts)]
    return out


def _apart(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether two selections cannot hold the same record: stretches of the same time that do not
    overlap.
    """
    if one["by"] != other["by"]:
        return False

    def bound(side: Mapping[str, object], name: str, none: int) -> int:
        value = side[name]
        return value if isinstance(value, int) else none

    far = 1 << 63
    return bound(one, "to_ns", far) <= bound(other, "from_ns", -far) or bound(
        other, "to_ns", far
    ) <= bound(one, "from_ns", -far)


def _describe(selection: Mapping[str, object]) -> str:
    said = [f"{name} {value}" for name, value in selection.items() if value and name != "by"]
    return ", ".join(said) or "all of it"
