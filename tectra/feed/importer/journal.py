"""A journal directory as a RecordFeed: its input records in the order in which they came."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from tectra.core.errors import FileFormatError, InputError, JournalError
from tectra.core.msg import DIRECTION, HEAD, Template
from tectra.core.record import decode
from tectra.feed.importer.base import BlockFeed, Faults, Options
from tectra.feed.importer.record import starts_of
from tectra.feed.importer.source import Head
from tectra.feed.protocol import Slots
from tectra.journal.manifest import Manifest
from tectra.journal.reader import JournalReader
from tectra.refdata.instrument import Instrument

__all__ = ["OPTIONS", "open_journal_feed", "sniff"]

OPTIONS = {
    "strict": "false: damage ends the reading instead of raising (default true)",
    "all": "true: every input record, also orders, timers and commands (default: market data)",
}

_BLOCK_SLOTS = 1 << 14
_MARKET_LAST = 20  # templates below are market data


def sniff(head: Head) -> bool:
    """Whether the path is a journal directory, or a run's directory with one in it."""
    return head.directory and _directory(head.path) is not None


def _directory(path: Path) -> Path | None:
    for where in (path, path / "journal"):
        try:
            Manifest.load(where)
        except (JournalError, OSError, ValueError):
            continue
        return where
    return None


class _Progress:
    """Position as the share of segments that were handed out."""

    def __init__(self, path: Path) -> None:
        self.size = sum(p.stat().st_size for p in path.iterdir() if p.is_file())
        self.position = 0

    def close(self) -> None:
        """Nothing is held."""


def _definitions(reader: JournalReader) -> Mapping[int, Instrument]:
    """Those that the session names, and those that stand as records in the journal."""
    found: dict[int, Instrument] = {}
    named = reader.session.get("instruments")
    if isinstance(named, list):
        for fields in named:
            try:
                one = Instrument.from_dict(fields)
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                raise FileFormatError(
                    f"{reader.path}: the session names an instrument that is none: {error}"
                ) from error
            found[one.instrument_id] = one
    for row in reader.column_view(Template.INSTRUMENT):
        record = decode(row.tobytes())
        if record.get_int("instrument_id") not in found:
            one = Instrument.from_record(record)
            found[one.instrument_id] = one
    return found


def _blocks(reader: JournalReader, progress: _Progress, *, every: bool) -> Iterator[Slots]:
    keep = np.zeros(1 << 16, bool)
    for template in Template:
        inbound = DIRECTION[template] == "input"
        keep[int(template)] = inbound and (every or int(template) < _MARKET_LAST)
    for _, slots in reader.segments():
        for at, part in _cut(slots):
            starts = starts_of(part.reshape(-1))
            kinds = part[starts].view(HEAD).reshape(-1)["template_id"]
            widths = np.diff(np.append(starts, len(part)))
            chosen = part[np.repeat(keep[kinds], widths)]
            flat = chosen.reshape(-1)
            # ring_seq belongs to the run that wrote it
            chosen.view(HEAD).reshape(-1)["ring_seq"][starts_of(flat)] = 0
            yield flat
            progress.position = min(progress.size, progress.position + 64 * at)
    progress.position = progress.size


def _cut(slots: Slots) -> Iterator[tuple[int, Slots]]:
    """A segment in pieces of bounded size, none of which splits a record."""
    starts = starts_of(np.ascontiguousarray(slots).reshape(-1))
    at = 0
    while at < len(slots):
        end = at + _BLOCK_SLOTS
        if end >= len(slots):
            end = len(slots)
        else:
            end = int(starts[np.searchsorted(starts, end, side="right") - 1])
        yield end - at, slots[at:end]
        at = end


def open_journal_feed(path: Path, options: Options) -> BlockFeed:
    """Open a journal directory or a run's directory. JournalError, JournalCorruptError."""
    where = _directory(path)
    if where is None:
        raise InputError(f"{path}: no journal there; a journal is a directory with a manifest")
    strict = options.flag("strict", default=True)
    reader = JournalReader(where, strict=strict)
    progress = _Progress(where)
    faults = Faults(where, strict=strict, unit="segment")
    blocks = _read(reader, progress, faults, every=options.flag("all", default=False))
    return BlockFeed("journal", progress, _definitions(reader), blocks, faults)


def _read(
    reader: JournalReader, progress: _Progress, faults: Faults, *, every: bool
) -> Iterator[Slots]:
    yield from _blocks(reader, progress, every=every)
    for fault in (reader.damage, reader.tail):
        if fault is not None:
            faults.note(fault.segment or 0, fault.cause.name.lower(), str(fault))
