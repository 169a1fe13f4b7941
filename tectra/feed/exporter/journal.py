"""A feed as a journal directory: records numbered from 1, the instruments in the session."""

import shutil
from pathlib import Path

import numpy as np

from tectra.core.errors import InputError
from tectra.core.msg import HEAD
from tectra.feed.exporter.base import Progress, WriteReport, batches
from tectra.feed.importer.base import Options, RecordFeed
from tectra.feed.importer.record import starts_of
from tectra.journal.writer import JournalWriter

__all__ = ["OPTIONS", "write_journal"]

OPTIONS = {"segment_slots": "slots of 64 bytes a segment file holds (default 1048576)"}


def write_journal(
    feed: RecordFeed, path: Path, options: Options, progress: Progress | None = None
) -> WriteReport:
    """Write the records of a feed into a new directory. InputError, JournalError."""
    slots_max = options.integer("segment_slots", 1 << 20, low=64, high=1 << 26)
    if path.exists():
        raise InputError(f"{path} exists; give a new name")
    folder = path.with_name(path.name + ".part")
    if folder.exists():
        raise InputError(f"{folder} is in the way; another export runs, or remove it")
    report = WriteReport(path)
    first = feed.next_batch()
    try:
        session: dict[str, object] = {
            "mode": "import",
            "format": feed.format,
            "instruments": [d.to_dict() for d in feed.definitions.values()],
        }
        with JournalWriter(folder, session=session, segment_slots=slots_max) as writer:
            if first is not None and len(first):
                _append(writer, first, report)
                report.records = report.rows
            for slots in batches(feed, report, progress):
                _append(writer, slots, report)
            writer.close({"records": report.rows})
        folder.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report


def _append(writer: JournalWriter, slots: np.ndarray, report: WriteReport) -> None:
    rows = slots.reshape(-1, 64).copy()
    starts = starts_of(rows.reshape(-1))
    first = writer.last_ring_seq + 1
    seqs = np.arange(first, first + len(starts), dtype=np.uint64)
    rows.view(HEAD).reshape(-1)["ring_seq"][starts] = seqs
    report.rows += writer.append_many(rows.reshape(-1))
