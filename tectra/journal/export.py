"""A journal's records as files of other programs: Parquet, CSV, JSON lines.

Parquet holds the columns as they are, mantissas with their exponents in the metadata where all
instruments of the journal have the same: core.arrow.table_records makes the records of it again.
CSV and JSON lines hold plain values with exact decimals (tectra.journal.plain); CSV has the
mantissas beside them. A file has its name only when it is whole. One thread.
"""

import csv
import shutil
from abc import abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tectra.core.arrow import record_table
from tectra.core.errors import InputError
from tectra.core.msg import DTYPES, Template
from tectra.core.part_file import Whole
from tectra.journal.plain import PlainRecords, raw_names
from tectra.journal.query import JournalQuery, Query, Rows
from tectra.journal.reader import JournalReader

__all__ = ["EXPORT_FORMATS", "Exported", "export_journal"]

EXPORT_FORMATS = ("csv", "jsonl", "parquet")
_GROUP_ROWS = 1 << 16

Progress = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the file or directory, and records by type."""

    path: Path
    format: str
    records: dict[str, int]


class _Sink(Whole):
    """A file under another name until it is whole. InputError when it cannot be made."""

    def __init__(self, path: Path, plain: PlainRecords) -> None:
        self.path = path
        self.plain = plain
        self.part = path.with_name(path.name + ".part")
        if path.exists() and not path.is_file():
            raise InputError(f"cannot write {path}: it is there, and no plain file")
        try:
            self.open()
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}") from error

    @abstractmethod
    def open(self) -> None:
        """Make the file."""

    @abstractmethod
    def take(self, rows: Rows) -> None:
        """Append records."""

    @abstractmethod
    def finish(self) -> None:
        """Write what is left, and let go of the file."""

    def close(self) -> None:
        """Give the file its name."""
        self.finish()
        self.part.replace(self.path)

    def abort(self) -> None:
        """Drop it."""
        try:
            self.finish()
        finally:
            self.part.unlink(missing_ok=True)


class _Parquet(_Sink):
    """Columns as they are, in row groups of bounded size. Records of one type."""

    def __init__(self, path: Path, plain: PlainRecords, template: Template) -> None:
        self._template = template
        self._exponents = plain.exponents(template)
        self._held: list[pa.Table] = []
        self._rows = 0
        super().__init__(path, plain)

    def _table(self, records: np.ndarray) -> pa.Table:
        return record_table(records, self._template, exponents=self._exponents)

    def open(self) -> None:
        schema = self._table(np.empty(0, DTYPES[self._template])).schema
        self._writer = pq.ParquetWriter(self.part, schema, compression="zstd")

    def take(self, rows: Rows) -> None:
        table = self._table(rows.packed().reshape(-1).view(DTYPES[self._template]))
        self._held.append(table)
        self._rows += table.num_rows
        if self._rows >= _GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        held, self._held, self._rows = self._held, [], 0
        if held:
            self._writer.write_table(pa.concat_tables(held))

    def finish(self) -> None:
        self._flush()
        self._writer.close()


class _Lines(_Sink):
    """A JSON object a line; records of all types."""

    def open(self) -> None:
        self._file = self.part.open("wb")

    def take(self, rows: Rows) -> None:
        for template, data in rows.records():
            self._file.write(orjson.dumps(self.plain.values(template, data)) + b"\n")

    def finish(self) -> None:
        self._file.close()


class _Csv(_Sink):
    """A head, then a line a record; every price and quantity also as its mantissa. One type."""

    def __init__(self, path: Path, plain: PlainRecords, template: Template) -> None:
        self._dtype = DTYPES[template]
        self._raw = raw_names(template)
        self._names = plain.columns(template)
        super().__init__(path, plain)

    def open(self) -> None:
        self._file = self.part.open("w", encoding="utf-8", newline="")
        self._out = csv.writer(self._file, lineterminator="\n")
        raw = [f"{name}_raw" if name in self._names else name for name in self._raw]
        self._out.writerow([*self._names, *raw])

    def take(self, rows: Rows) -> None:
        for template, data in rows.records():
            values = self.plain.values(template, data)
            row = np.frombuffer(data, self._dtype)[0]
            cells = [_cell(values.get(name)) for name in self._names]
            self._out.writerow([*cells, *(int(row[name]) for name in self._raw)])

    def finish(self) -> None:
        self._file.close()


def _cell(value: Any) -> Any:
    return "|".join(value) if isinstance(value, list) else value


def export_journal(
    reader: JournalReader,
    out: str | Path,
    query: Query | None = None,
    *,
    file_format: str | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Write the records that match to a file, or to a new directory with a file a type.

    The name's suffix says the format; a name without one is a directory, whose files are
    `file_format` (parquet by default). CSV and Parquet files hold one type of records, JSON lines
    any. Raises InputError for a name that cannot be used or a query that matches nothing,
    JournalCorruptError; then nothing is written. `progress(done, total)` counts slots.
    """
    target = Path(out)
    suffix = target.suffix.removeprefix(".")
    kind = file_format or (suffix if suffix in EXPORT_FORMATS else "parquet")
    if kind not in EXPORT_FORMATS or (suffix in EXPORT_FORMATS and suffix != kind):
        raise InputError(
            f"format: found {kind!r} for {target.name}; allowed: {', '.join(EXPORT_FORMATS)}, the "
            "same as the suffix"
        )
    counts = JournalQuery(reader, query).count()
    if not counts:
        raise InputError(f"{reader.path}: no record matches; nothing is written")
    if not target.parent.is_dir():
        raise InputError(f"no directory {target.parent}; make it first")
    records = {t.name.lower(): n for t, n in counts.items()}
    if suffix in EXPORT_FORMATS:
        if kind != "jsonl" and len(counts) > 1:
            raise InputError(
                f"{target.name} holds one type of records, and {len(counts)} match: "
                f"{', '.join(records)}; choose one with --type, or give a name without suffix for "
                "a directory with a file each"
            )
        _write(reader, query, dict.fromkeys(counts, target), kind, progress)
        return Exported(target, kind, records)
    if target.exists():
        raise InputError(f"{target} exists; give a new name")
    part = target.with_name(target.name + ".part")
    try:
        part.mkdir()
    except OSError as error:
        raise InputError(f"cannot make {part}: {error.strerror}") from error
    try:
        names = {t: part / f"{t.name.lower()}.{kind}" for t in counts}
        _write(reader, query, names, kind, progress)
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Exported(target, kind, records)


def _write(
    reader: JournalReader,
    query: Query | None,
    names: dict[Template, Path],
    kind: str,
    progress: Progress | None,
) -> None:
    """Write each type of records to its file, in one pass; types may share one."""
    plain = PlainRecords(reader)
    total = sum(s.claimed for s in reader.segment_files)
    with ExitStack() as stack:
        sinks: dict[Path, _Sink] = {}
        for template, path in names.items():
            if path not in sinks:
                sinks[path] = stack.enter_context(_sink(path, plain, template, kind))
        asked = JournalQuery(reader, query)
        for rows in asked.rows():
            if len(sinks) == 1:
                next(iter(sinks.values())).take(rows)
            else:
                for number in np.unique(rows.template_ids).tolist():
                    at = rows.template_ids == number
                    some = Rows(rows.slots, rows.starts[at], rows.template_ids[at])
                    sinks[names[Template(number)]].take(some)
            if progress is not None:
                progress(asked.slots_total, total)


def _sink(path: Path, plain: PlainRecords, template: Template, kind: str) -> _Sink:
    if kind == "jsonl":
        return _Lines(path, plain)
    return (_Csv if kind == "csv" else _Parquet)(path, plain, template)
