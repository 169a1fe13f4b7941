"""A part of a journal as a journal of its own: the records of a stretch, byte for byte.

The stretch has no holes, so the new journal verifies; its session says what it was cut from. One
thread.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tectra.core.errors import InputError
from tectra.journal.options import SEGMENT_SLOTS
from tectra.journal.query import JournalQuery, Query
from tectra.journal.reader import JournalReader
from tectra.journal.writer import JournalWriter

__all__ = ["Cut", "cut_journal"]

Progress = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Cut:
    """What was written: the numbers of the first and last record, and how many there are."""

    path: Path
    first_ring_seq: int
    last_ring_seq: int
    records: int


def _stretch(reader: JournalReader, query: Query) -> tuple[int, int]:
    """First and last ring_seq that match; InputError when none does."""
    first = last = None
    for rows in JournalQuery(reader, query).rows():
        seqs = rows.slots.view("<u8")[rows.starts, 1]
        first = int(seqs[0]) if first is None else first
        last = int(seqs[-1])
    if first is None or last is None:
        raise InputError(
            f"{reader.path}: no record lies there; the journal has ring_seq "
            f"{reader.first_ring_seq} to {reader.last_ring_seq}"
        )
    return first, last


def _require_no_hole(reader: JournalReader, first: int, last: int) -> None:
    """InputError where a repair declared that records are missing in between."""
    repair = None if reader.manifest is None else reader.manifest.repair
    for hole in [] if repair is None else repair.holes:
        after, before = hole.after, hole.before
        if after is not None and before is not None and first <= after and before <= last:
            raise InputError(
                f"{reader.path}: {hole}, and a cut has no holes; end it with record {after}, or "
                f"begin with record {before}"
            )


def cut_journal(
    reader: JournalReader, out: str | Path, query: Query, *, progress: Progress | None = None
) -> Cut:
    """Write the records from the first that matches to the last into a new directory.

    Times bound a stretch of records, since those may go back; everything between its ends is taken.
    `progress(done, total)` counts numbers. Raises InputError where `out` exists, no record matches,
    or the query asks for more than numbers and times; JournalError. Nothing half-made is left.
    """
    target = Path(out)
    if query.values() or query.limit is not None:
        raise InputError("a journal is cut by numbers and times only; its records have no holes")
    if target.exists():
        raise InputError(f"{target} exists; give a new name")
    first, last = _stretch(reader, query)
    _require_no_hole(reader, first, last)
    session = dict(reader.session)
    data = session.get("data")
    session["data"] = {
        **(data if isinstance(data, dict) else {}),
        "cut_from": str(reader.path),
        "cut_from_epoch": "" if reader.manifest is None else reader.manifest.epoch,
        "cut_first_seq": first,
        "cut_last_seq": last,
    }
    manifest = reader.manifest
    # No larger than it has to be: the room for checksums is as large as the segment could become.
    slots = min(
        SEGMENT_SLOTS if manifest is None else manifest.segment_slots, 2 * (last - first + 1)
    )
    part = target.with_name(target.name + ".part")
    try:
        part.mkdir()
    except FileExistsError as error:
        raise InputError(f"{part} is in the way; another cut runs, or remove it") from error
    try:
        with JournalWriter(
            part,
            session=session,
            clock_domain="simulated" if manifest is None else manifest.clock_domain,
            run_seed=0 if manifest is None else manifest.run_seed,
            base_ring_seq=first - 1,
            segment_slots=slots,
            reserve_bytes=0,
        ) as writer:
            for stretch in reader.slots(first, last + 1):
                writer.append_many(stretch)
                if progress is not None:
                    progress(writer.last_ring_seq - first + 1, last - first + 1)
            records = writer.records
            writer.close({"records": records})
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Cut(target, first, last, records)
