"""Recordings to Parquet: VENUE/SYMBOL/snapshots-DATE.parquet and trades-DATE.parquet."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tectra.core.errors import InputError
from tectra.core.part_file import Whole
from tectra.feed.recording import RecordingChunk

__all__ = ["RecordingWriter"]


def _table(rows: NDArray[Any]) -> pa.Table:
    columns = {}
    for name in rows.dtype.names or ():
        values = np.ascontiguousarray(rows[name])
        if values.ndim == 2:
            columns[name] = pa.FixedSizeListArray.from_arrays(
                pa.array(values.reshape(-1)), values.shape[1]
            )
        else:
            columns[name] = pa.array(values)
    meta = {"px_exponent": "-2", "qty_exponent": "-8"}
    return pa.table(columns).replace_schema_metadata(meta)


class RecordingWriter(Whole):
    """Writes chunks as they come, a row group each. Files get their names when they are whole: at
    the next day, or at close(). Owned by one thread.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.snapshots = 0
        self.trades = 0
        self.files = 0
        self._open: dict[tuple[str, str, str], tuple[str, Path, pq.ParquetWriter]] = {}
        if self.root.is_file():
            raise InputError(f"{self.root}: is a file; give a directory")

    def write(self, chunk: RecordingChunk) -> None:
        """Append a chunk to the files of its day."""
        day = datetime.fromtimestamp(chunk.begin_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d")
        for kind, rows in (("snapshots", chunk.snapshots), ("trades", chunk.trades)):
            self._writer(chunk, kind, day, rows).write_table(_table(rows))
        self.snapshots += len(chunk.snapshots)
        self.trades += len(chunk.trades)

    def _writer(
        self, chunk: RecordingChunk, kind: str, day: str, rows: NDArray[Any]
    ) -> pq.ParquetWriter:
        key = (chunk.venue, chunk.symbol, kind)
        found = self._open.get(key)
        if found is not None and found[0] == day:
            return found[2]
        if found is not None:
            self._finish(key)
        path = self.root / chunk.venue / chunk.symbol / f"{kind}-{day}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = pq.ParquetWriter(path.with_name(path.name + ".part"), _table(rows[:0]).schema)
        self._open[key] = day, path, writer
        return writer

    def _finish(self, key: tuple[str, str, str]) -> None:
        _, path, writer = self._open.pop(key)
        writer.close()
        path.with_name(path.name + ".part").replace(path)
        self.files += 1

    def close(self) -> None:
        """Finish every file. May be called twice."""
        for key in list(self._open):
            self._finish(key)

    def abort(self) -> None:
        """Drop the files that are not whole."""
        for _, path, writer in self._open.values():
            writer.close()
            path.with_name(path.name + ".part").unlink(missing_ok=True)
        self._open.clear()
