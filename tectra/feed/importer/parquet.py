"""Parquet files of tectra records as a feed: one file holds records of one type, a directory of
such files a whole stream, in the order of ring_seq.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tectra.core.arrow import table_template
from tectra.core.errors import FileFormatError, InputError, LayoutVersionError
from tectra.core.msg import Template
from tectra.feed.arrow import instruments_in, table_slots
from tectra.feed.importer.base import BlockFeed, Options
from tectra.feed.importer.record import Records, chosen, interleave, of_template
from tectra.feed.importer.source import Head
from tectra.feed.protocol import Slots
from tectra.refdata.instrument import Instrument

__all__ = ["NUMBERED", "OPTIONS", "open_records", "sniff"]

OPTIONS: dict[str, str] = {}
# Metadata key of files whose ring_seq is only the place in the stream, and 0 in its records.
NUMBERED = b"tectra.numbered"
_BATCH_ROWS = 1 << 14
_MAGIC = b"PAR1"


def _is_ours(path: Path) -> bool:
    try:
        meta = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return False
    return b"tectra.template" in meta


def sniff(head: Head) -> bool:
    """Whether a file, or every Parquet file of a directory, holds tectra records."""
    if head.directory:
        found = sorted(head.path.glob("*.parquet"))
        return bool(found) and all(map(_is_ours, found))
    return head.data[:4] == _MAGIC and _is_ours(head.path)


class _File:
    """One file read batch by batch, in the order in which its rows stand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.file = pq.ParquetFile(path)
            schema = self.file.schema_arrow
            self.template = table_template(schema.empty_table())
        except FileNotFoundError:
            raise InputError(f"no such file: {path}") from None
        except (InputError, LayoutVersionError):
            raise
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise FileFormatError(f"{path} is no whole Parquet file: {error}") from error
        self.instruments = instruments_in(schema, path)
        self.numbered = NUMBERED in (schema.metadata or {})
        self._schema = schema
        self._rows = 0

    def batches(self) -> Iterator[Records]:
        """Records, a bounded number at a time."""
        try:
            for batch in self.file.iter_batches(_BATCH_ROWS):
                table = pa.Table.from_batches([batch]).replace_schema_metadata(
                    self._schema.metadata
                )
                slots = table_slots(table)
                self._rows += len(batch)
                yield of_template(slots, self.template)[0]
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise FileFormatError(
                f"{self.path}, row {self._rows:,}: damaged Parquet data: {error}"
            ) from error
        except InputError as error:
            raise FileFormatError(f"{self.path}, behind row {self._rows:,}: {error}") from error

    @property
    def share(self) -> float:
        """Rows read of all rows."""
        total = self.file.metadata.num_rows
        return self._rows / total if total else 1.0


class _Files:
    def __init__(self, files: list[_File]) -> None:
        self.files = files
        self.size = sum(f.path.stat().st_size for f in files)

    @property
    def position(self) -> int:
        """Share of the rows read, as bytes."""
        return int(sum(f.share * f.path.stat().st_size for f in self.files))

    def close(self) -> None:
        """Close every file."""
        for one in self.files:
            one.file.close()


def open_records(path: Path, _options: Options) -> BlockFeed:
    """Open one Parquet file of records, or a directory of them. FileFormatError, InputError,
    LayoutVersionError.
    """
    paths = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not paths:
        raise InputError(f"{path}: no .parquet file in it")
    files = [_File(p) for p in paths]
    definitions: dict[int, Instrument] = {}
    for one in files:
        definitions |= one.instruments
    templates = [f.template for f in files]
    if len(set(templates)) != len(templates):
        raise InputError(f"{path}: two files of one record type; give one of them")
    blocks = _alone(files[0]) if len(files) == 1 else _merged(files)
    return BlockFeed("parquet", _Files(files), definitions, blocks)


def _alone(file: _File) -> Iterator[Slots]:
    for records in file.batches():
        yield _finish([file], [records])


def _finish(files: list[_File], parts: list[Records]) -> Slots:
    ordered = []
    for file, records in zip(files, parts, strict=True):
        keys = records["ring_seq"].astype(np.int64)
        if file.numbered:
            records = chosen(records, slice(None))
            records["ring_seq"] = 0
        ordered.append((records, keys if len(files) > 1 else np.arange(len(keys))))
    return interleave(ordered)


def _merged(files: list[_File]) -> Iterator[Slots]:
    """All files in the order of ring_seq, each read only as far as the slowest asks for."""
    streams = [f.batches() for f in files]
    held: list[Records | None] = [next(s, None) for s in streams]
    last = [0] * len(files)
    while any(h is not None for h in held):
        ends = [int(h["ring_seq"][-1]) for h in held if h is not None]
        limit = np.uint64(min(ends))
        parts: list[Records] = []
        for i, one in enumerate(held):
            if one is None:
                parts.append(np.empty(0, _dtype(files[i].template)))
                continue
            seqs = one["ring_seq"]
            _check_rising(files[i].path, seqs, last[i])
            cut = int(np.searchsorted(seqs, limit, side="right"))
            parts.append(one[:cut])
            if cut:
                last[i] = int(seqs[cut - 1])
            held[i] = one[cut:] if cut < len(one) else next(streams[i], None)
        yield _finish(files, parts)


def _dtype(template: Template) -> np.dtype[np.void]:
    return of_template(np.empty(0, np.uint8), template, np.empty(0, np.int64))[0].dtype


def _check_rising(path: Path, seqs: NDArray[np.uint64], last: int) -> None:
    if int(seqs[0]) <= last or bool(np.any(seqs[1:] <= seqs[:-1])):
        raise FileFormatError(
            f"{path}: ring_seq does not rise behind {last:,}; records of several files are put in "
            "order by it"
        )
