"""A feed as Parquet: one file where it has one type of record, else a directory with a file each.

Rows keep int64 mantissas; exponents and instruments stand in the metadata. ring_seq is the place in
the stream where the feed numbers nothing.
"""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tectra.core.errors import InputError
from tectra.core.msg import HEAD, Template
from tectra.feed.arrow import record_batch
from tectra.feed.exporter.base import Progress, WriteReport, batches
from tectra.feed.importer.base import Options, RecordFeed
from tectra.feed.importer.parquet import NUMBERED
from tectra.feed.importer.record import of_template, starts_of
from tectra.feed.protocol import Slots

__all__ = ["OPTIONS", "write_records"]

OPTIONS = {
    "template": "only records of this type, such as trade",
    "compression": "zstd (default), lz4, snappy, gzip or none",
}
_CODECS = ("zstd", "lz4", "snappy", "gzip", "none")
_GROUP_ROWS = 1 << 16


class _Writer:
    """One file a record type, in a directory of its own until all is well."""

    def __init__(self, folder: Path, feed: RecordFeed, codec: str) -> None:
        self.folder = folder
        self.feed = feed
        self.codec = codec
        self.writers: dict[Template, pq.ParquetWriter] = {}
        self.waiting: dict[Template, list[pa.RecordBatch]] = {}
        self.count = 0
        self.numbered = True
        self.definitions = dict(feed.definitions)

    def take(self, slots: Slots, only: Template | None, report: WriteReport) -> None:
        starts = starts_of(slots)
        rows = slots.reshape(-1, 64)
        heads = rows[starts].view(HEAD).reshape(-1)
        if self.count == 0:
            self.numbered = int(heads["ring_seq"][0]) == 0
            self.definitions = dict(self.feed.definitions) or self.definitions
        place = np.zeros(len(rows), np.uint64)
        place[starts] = np.arange(self.count + 1, self.count + 1 + len(starts), dtype=np.uint64)
        self.count += len(starts)
        for number in np.unique(heads["template_id"]).tolist():
            template = Template(number)
            records, where = of_template(slots, template, starts)
            if only is not None and template is not only:
                name = template.name.lower()
                report.skipped[name] = report.skipped.get(name, 0) + len(records)
                continue
            if self.numbered:
                records["ring_seq"] = place[where]
            self._put(template, record_batch(records, template, self.definitions))
            report.rows += len(records)

    def _put(self, template: Template, batch: pa.RecordBatch) -> None:
        if template not in self.writers:
            schema = batch.schema
            if self.numbered:
                schema = schema.with_metadata({**(schema.metadata or {}), NUMBERED: b"1"})
            path = self.folder / f"{template.name.lower()}.parquet"
            self.writers[template] = pq.ParquetWriter(path, schema, compression=self.codec)
            self.waiting[template] = []
        held = self.waiting[template]
        held.append(batch)
        if sum(map(len, held)) >= _GROUP_ROWS:
            self._flush(template)

    def _flush(self, template: Template) -> None:
        held = self.waiting[template]
        if held:
            writer = self.writers[template]
            table = pa.Table.from_batches(held)
            writer.write_table(table.replace_schema_metadata(writer.schema.metadata))
        self.waiting[template] = []

    def close(self) -> None:
        """Write what waits and close every file."""
        for template, writer in self.writers.items():
            self._flush(template)
            writer.close()


def write_records(
    feed: RecordFeed, path: Path, options: Options, progress: Progress | None = None
) -> WriteReport:
    """Write the records of a feed. `path` must not exist as a directory. InputError."""
    only = None
    if "template" in options:
        names = [t.name.lower() for t in Template]
        only = Template[options.choice("template", names, "").upper()]
    codec = options.choice("compression", _CODECS, "zstd")
    if path.is_dir():
        raise InputError(f"{path} is a directory; give a new name")
    report = WriteReport(path)
    folder = path.with_name(path.name + ".part")
    try:
        folder.mkdir()
    except FileExistsError:
        raise InputError(f"{folder} is in the way; another export runs, or remove it") from None
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    writer = _Writer(folder, feed, codec)
    try:
        for slots in batches(feed, report, progress):
            writer.take(slots, only, report)
        writer.close()
        _name(folder, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report


def _name(folder: Path, path: Path) -> None:
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise InputError(f"{path}: the feed gave no record to write")
    if len(files) == 1:
        files[0].replace(path)
    else:
        path.unlink(missing_ok=True)
        folder.replace(path)
