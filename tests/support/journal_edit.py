"""Journals of runs with some of their records changed."""

import shutil
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from engine_scene import split

from tectra.core.msg import Template
from tectra.journal.reader import JournalReader
from tectra.journal.segment import SegmentFile
from tectra.journal.writer import JournalWriter

__all__ = ["changed", "crashed", "damaged", "edited", "nth", "records_of", "rewritten"]


@lru_cache(maxsize=4)
def records_of(run: Path) -> tuple[Any, ...]:
    """Every record of a run's journal, read-only."""
    return tuple(split(b"".join(s.tobytes() for s in JournalReader(run / "journal").slots())))


def edited(row: Any, **fields: Any) -> Any:
    """A copy of a record with other values; the bytes between its fields stay as they are."""
    out = np.frombuffer(bytearray(row.tobytes()), row.dtype)[0]
    for name, value in fields.items():
        out[name] = value
    return out


def nth(rows: Sequence[Any], template: Template, n: int = 5) -> int:
    """Where the n-th record of a type stands."""
    return [i for i, r in enumerate(rows) if r["template_id"] == template][n]


def changed(template: Template, field: str, by: int = 1, *, n: int = 5) -> Any:
    """Adds to a field of the n-th record of a type; `seq` is its number, once it was called."""

    def change(rows: list[Any]) -> list[Any]:
        at = nth(rows, template, n)
        change.seq = int(rows[at]["ring_seq"])
        return [*rows[:at], edited(rows[at], **{field: rows[at][field] + by}), *rows[at + 1 :]]

    return change


def damaged(run: Path, out: Path) -> Path:
    """A copy of a run with a bit of a record in its first segment turned; a closed one ends with
    records.
    """
    shutil.copytree(run, out)
    segment = min((out / "journal").glob("segment-*"))
    data = bytearray(segment.read_bytes())
    data[-64 * 1_000] ^= 1
    segment.write_bytes(data)
    return out


def rewritten(
    run: Path, out: Path, change: Callable[[list[Any]], list[Any]], *, close: bool = True
) -> Path:
    """A journal of the same session whose records went through `change`."""
    if (run / "strategies").is_dir():
        shutil.copytree(run / "strategies", out / "strategies")
    reader = JournalReader(run / "journal")
    rows = change(list(records_of(run)))
    with JournalWriter(out / "journal", session=dict(reader.session)) as journal:
        journal.append_many(np.frombuffer(b"".join(r.tobytes() for r in rows), np.uint8).copy())
        if close:
            journal.close(result=reader.result)
    return out


def crashed(run: Path, out: Path, records: int) -> Path:
    """The journal of a writer that died after `records` records, the last of them torn."""
    rows = records_of(run)[:records]
    reader = JournalReader(run / "journal")
    with JournalWriter(out / "live", session=dict(reader.session)) as journal:
        journal.append_many(np.frombuffer(b"".join(r.tobytes() for r in rows), np.uint8).copy())
        journal.flush()
        shutil.copytree(out / "live", out / "journal", ignore=shutil.ignore_patterns("*.tmp"))
    shutil.rmtree(out / "live")
    shutil.copytree(run / "strategies", out / "strategies")
    segment = SegmentFile(max((out / "journal").glob("segment-*.ttj")))
    torn = segment.offset_of(segment.valid - 1)
    data = bytearray(segment.path.read_bytes())
    data[torn + 8 : torn + 64] = bytes(56)
    segment.path.write_bytes(data)
    return out
