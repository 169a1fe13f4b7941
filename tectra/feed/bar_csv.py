"""Bars from CSV and Parquet files, whatever their columns are called and their times look like.

The one parser of bars: sources and commands come here. pyarrow is imported for Parquet only.
"""

import csv
import gzip
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from tectra.core.bar import MarketData
from tectra.core.errors import FileFormatError, InputError, NumericError

__all__ = ["parse_time_ns", "read_bars"]

_NAMES = {
    "timestamp": ("timestamp", "time", "date", "datetime", "ts", "close_time", "ts_event_ns", ""),
    "symbol": ("symbol", "ticker", "instrument", "code"),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c", "adj close", "last"),
    "volume": ("volume", "vol", "v", "volume_qty"),
    "bid": ("bid", "bid_price"),
    "ask": ("ask", "ask_price"),
}
_NEEDED = ("timestamp", "open", "high", "low", "close")
# Open time, open, high, low, close, volume, close time: a Binance kline file has no header.
_KLINE = ("", "open", "high", "low", "close", "volume", "close_time")
_EPOCH, _US = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
# Epoch times by size: seconds to the year 5138, then milliseconds, microseconds, nanoseconds.
_UNITS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (1 << 63, 1))


def parse_time_ns(text: object) -> int:
    """Nanoseconds since the epoch, UTC, of a cell: an integer of seconds, milli-, micro- or
    nanoseconds (told apart by its size), ISO 8601 with or without a zone (UTC then), or a date.
    """
    if isinstance(text, datetime):
        at = text if text.tzinfo else text.replace(tzinfo=UTC)
        return (at - _EPOCH) // _US * 1000
    word = str(text).strip()
    try:
        if word.isascii() and word.removeprefix("-").isdigit():
            number = int(word)
            if len(word) == 8 and word.startswith(("19", "20")):
                return parse_time_ns(datetime.strptime(word, "%Y%m%d").replace(tzinfo=UTC))
            return next(number * unit for top, unit in _UNITS if abs(number) < top)
        return parse_time_ns(datetime.fromisoformat(word))
    except (ValueError, StopIteration):
        raise InputError(
            f"time: found {word!r}; allowed: an epoch time in s, ms, us or ns, ISO 8601, YYYYMMDD"
        ) from None


def _unit_of(text: object) -> int:
    """Nanoseconds of one step of an epoch time."""
    word = str(text).strip()
    number = int(word) if word.isascii() and word.isdigit() else 0
    return next((unit for top, unit in _UNITS if number < top), 1)


def _places(header: Sequence[str], names: Mapping[str, str]) -> dict[str, int]:
    """Column of each field; `names` (field -> column name) go before the usual ones."""
    lower = [h.strip().lower() for h in header]
    out = {}
    for field, usual in _NAMES.items():
        tried = (names[field].lower(),) if field in names else usual
        found = [lower.index(n) for n in tried if n in lower]
        if found:
            out[field] = found[0]
            if lower.count(lower[found[0]]) > 1:
                raise FileFormatError(
                    f"column {field}: found {header[found[0]]!r} more than once; allowed: one "
                    "column of a name"
                )
        elif field in _NEEDED or field in names:
            raise FileFormatError(
                f"column {field}: found {', '.join(header)}; allowed: "
                f"{', '.join(filter(None, tried))}; say columns={{{field!r}: NAME}}"
            )
    return out


def _number(cell: Any, field: str) -> float:
    plain = cell not in ("", None) and "_" not in str(cell)
    value = float(cell) if plain else math.nan
    if not math.isfinite(value):
        raise InputError(f"{field}: found {cell!r}; allowed: a finite number")
    return value


def _bar(
    cells: Sequence[Any], places: Mapping[str, int], symbol: str | None, shift_ns: int
) -> MarketData:
    if len(cells) <= max(places.values()):
        raise InputError(f"found {len(cells)} cells; allowed: as many as there are columns")
    prices = {f: _number(cells[places[f]], f) for f in ("open", "high", "low", "close")}
    extra = {
        f: _number(cells[places[f]], f)
        for f in ("bid", "ask")
        if f in places and cells[places[f]] not in ("", None)
    }
    volume = _number(cells[places["volume"]], "volume") if "volume" in places else 0.0
    if not 0 <= volume < 1 << 63:
        raise InputError(f"volume: found {volume}; allowed: 0 to 2^63 - 1")
    name = symbol if symbol is not None else str(cells[places["symbol"]])
    bar = MarketData(
        symbol=name,
        timestamp=parse_time_ns(cells[places["timestamp"]]) + shift_ns,
        volume=round(volume),
        **prices,
        **extra,
    )
    bar.validate()
    return bar


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    with path.open("rb") as raw, ExitStack() as stack:
        inner = stack.enter_context(gzip.open(raw)) if path.suffix == ".gz" else raw
        file = stack.enter_context(TextIOWrapper(inner, "utf-8-sig", newline=""))
        for cells in (rows := csv.reader(file)):
            if any(c.strip() for c in cells):
                yield rows.line_num, cells


def _parquet_rows(path: Path) -> Iterator[tuple[int, list[Any]]]:
    import pyarrow.parquet as pq  # noqa: PLC0415  heavy, and CSV does without

    table = pq.read_table(path)
    yield 0, list(table.column_names)
    columns = [_column(c) for c in table.columns]
    for number, cells in enumerate(zip(*columns, strict=True), 1):
        yield number, list(cells)


def _column(column: Any) -> list[Any]:
    """Values of a Parquet column; times as nanoseconds."""
    if str(column.type).startswith(("timestamp", "date")):
        ns = column.to_numpy().astype("datetime64[ns]").astype(np.int64)
        return [int(v) for v in ns]
    out: list[Any] = column.to_pylist()
    return out


def _header(first: list[Any], names: Mapping[str, str]) -> tuple[dict[str, int], bool]:
    """Columns, and whether the first row holds values already."""
    word = str(first[0])
    if word.isascii() and word.isdigit() and len(first) >= len(_KLINE):
        return _places(_KLINE, {"timestamp": "close_time"}), True
    return _places([str(c) for c in first], names), False


def _walk(
    rows: Iterable[tuple[int, list[Any]]],
    symbol: str | None,
    columns: Mapping[str, str],
    shift_ns: int,
) -> Iterator[MarketData]:
    stream = iter(rows)
    first = next(stream, None)
    if first is None:
        raise FileFormatError("found no row; allowed: a header and a bar a row")
    places, is_kline = _header(first[1], columns)
    if "symbol" not in places and symbol is None:
        raise InputError("found no column of symbols; say symbol=")
    if is_kline:
        # Klines close at the last unit of time that they hold; bars are [open, close).
        shift_ns = _unit_of(first[1][_KLINE.index("close_time")])
    for line, cells in chain([first] if is_kline else [], stream):
        try:
            yield _bar(cells, places, symbol, shift_ns)
        except (InputError, NumericError, ValueError) as error:
            raise FileFormatError(f"row {line}: {error}") from error


def read_bars(
    path: str | Path,
    *,
    symbol: str | None = None,
    columns: Mapping[str, str] | None = None,
    stamp: str = "close",
    interval_ns: int = 0,
) -> list[MarketData]:
    """Bars of a .csv, .csv.gz or .parquet file in order of their close.

    Columns are found by their usual names, in any order and case; `columns` says others (field ->
    name). `symbol` where the file has no such column. Times are those of the close; `stamp` "open"
    moves them by `interval_ns` to it, as a bar that is stamped at its open is known only then.
    Volumes are rounded to whole units. Raises InputError, FileFormatError with the row.
    """
    path = Path(path)
    if stamp not in ("close", "open") or (stamp == "open") != (interval_ns > 0):
        raise InputError(
            f"stamp: found {stamp!r} with interval_ns {interval_ns}; allowed: 'close' with 0, "
            "'open' with the length of a bar"
        )
    rows = _parquet_rows(path) if path.suffix == ".parquet" else _csv_rows(path)
    try:
        bars = list(_walk(rows, symbol, columns or {}, interval_ns))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (FileFormatError, InputError, UnicodeDecodeError, csv.Error, EOFError) as error:
        kind = InputError if isinstance(error, InputError) else FileFormatError
        raise kind(f"{path}: {error}") from error
    except Exception as error:
        if type(error).__module__.startswith("pyarrow"):
            raise FileFormatError(f"{path}: is no Parquet file: {error}") from error
        raise
    return sorted(bars, key=lambda bar: bar.timestamp)
