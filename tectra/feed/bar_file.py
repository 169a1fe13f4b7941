"""Bars to files: CSV or Parquet by the name, complete or not there at all."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tectra.core.errors import InputError
from tectra.core.msg import BarFlag, BarKind
from tectra.core.part_file import Whole
from tectra.feed.bar_batch import bar_vwap
from tectra.feed.bar_spec import BarSpec

__all__ = ["COLUMNS", "BarWriter", "bar_columns"]

_SCHEMA = pa.schema(
    [
        ("timestamp", pa.int64()),
        ("open_time", pa.int64()),
        ("symbol", pa.string()),
        ("interval", pa.string()),
        *((name, pa.float64()) for name in ("open", "high", "low", "close", "volume")),
        *((name, pa.float64()) for name in ("vwap", "turnover")),
        ("trades", pa.int64()),
        *((name, pa.float64()) for name in ("bid", "ask")),
        ("partial", pa.bool_()),
    ]
)
COLUMNS = tuple(_SCHEMA.names)


def bar_columns(
    bars: NDArray[Any],
    symbols: Mapping[int, str],
    qty_exponents: Mapping[int, int] | None = None,
) -> dict[str, list[Any]]:
    """Bars as plain columns: times in nanoseconds (timestamp is the close), volume in units."""
    known = qty_exponents or {}
    exponents = [known.get(int(i), 0) for i in bars["instrument_id"]]
    vwaps = [float(bar_vwap(bars[k : k + 1], e)[0]) for k, e in enumerate(exponents)]
    volumes = [
        float(int(v) * 10**e) if e >= 0 else int(v) / 10**-e
        for v, e in zip(bars["volume_qty"], exponents, strict=True)
    ]
    return {
        "timestamp": bars["ts_event_ns"].tolist(),
        "open_time": bars["ts_open_ns"].tolist(),
        "symbol": [symbols.get(int(i), str(i)) for i in bars["instrument_id"]],
        "interval": [
            _interval(int(k), int(a), e)
            for k, a, e in zip(bars["kind"], bars["interval"], exponents, strict=True)
        ],
        **{name: bars[name].tolist() for name in ("open", "high", "low", "close")},
        "volume": volumes,
        "vwap": [None if v != v else v for v in vwaps],
        **{name: bars[name].tolist() for name in ("turnover", "trades", "bid", "ask")},
        "partial": [bool(f & BarFlag.PARTIAL) for f in bars["flags"].tolist()],
    }


def _interval(kind: int, amount: int, qty_exponent: int) -> str:
    if kind != BarKind.VOLUME or qty_exponent == 0:
        return str(BarSpec(BarKind(kind), amount))
    if qty_exponent > 0:
        return str(BarSpec(BarKind.VOLUME, amount * 10**qty_exponent))
    return str(BarSpec(BarKind.VOLUME, amount, -qty_exponent))


class BarWriter(Whole):
    """Writes bars to NAME.csv or NAME.parquet. The file appears when close() is called, or at the
    end of a `with` block that raised nothing. Owned by one thread.
    """

    def __init__(self, path: str | Path, symbols: Mapping[int, str]) -> None:
        self.path = Path(path)
        self.symbols = symbols
        self.bars = 0
        self._part = self.path.with_name(self.path.name + ".part")
        self._text: IO[str] | None = None
        self._table: pq.ParquetWriter | None = None
        if self.path.suffix not in (".csv", ".parquet"):
            raise InputError(
                f"{self.path}: found suffix {self.path.suffix!r}; allowed: .csv, .parquet"
            )
        if self.path.is_dir() or not self.path.parent.is_dir():
            raise InputError(f"{self.path}: is no place for a file; give another name")
        if self.path.suffix == ".csv":
            self._text = self._part.open("w", newline="", encoding="ascii")
            csv.writer(self._text).writerow(COLUMNS)

    def write(self, bars: NDArray[Any]) -> None:
        """Append bars."""
        columns = bar_columns(bars, self.symbols)
        self.bars += len(bars)
        if self._text is not None:
            csv.writer(self._text).writerows(zip(*columns.values(), strict=True))
            return
        table = pa.table(columns, schema=_SCHEMA)
        if self._table is None:
            self._table = pq.ParquetWriter(self._part, _SCHEMA)
        self._table.write_table(table)

    def close(self) -> None:
        """Finish the file and give it its name. May be called twice."""
        if self._text is None and self._table is None and self.path.suffix == ".parquet":
            self._table = pq.ParquetWriter(self._part, _SCHEMA)
        self._release()
        if self._part.exists():
            self._part.replace(self.path)

    def abort(self) -> None:
        """Drop what was written."""
        self._release()
        self._part.unlink(missing_ok=True)

    def _release(self) -> None:
        if self._text is not None:
            self._text.close()
        if self._table is not None:
            self._table.close()
