"""Bars (open, high, low, close, volume) of CSV and Parquet files as a feed, whatever their columns
are called and however they write the time.

A bar is stored at its close. A file that stamps bars at their open, as most do, says so with
stamp=open, the default: taking an opening time for a closing one would show the future. The files
of BarWriter have both times and the kind of each bar, and are taken as they say.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tectra.core.errors import FileFormatError, InputError
from tectra.core.msg import BarFlag, BarKind, Template
from tectra.feed import bar_file
from tectra.feed.bar_spec import BarSpec
from tectra.feed.importer.base import BlockFeed, Faults, Options, Progressing, RowError
from tectra.feed.importer.columns import BAR_WORDS, choose, given_columns
from tectra.feed.importer.moment import interval_ns, interval_of, later_ns, moments_ns
from tectra.feed.importer.number import floats, integers
from tectra.feed.importer.record import as_slots, new_records
from tectra.feed.importer.source import ByteSource, Head, read_head
from tectra.feed.importer.symbols import COMMON, Directory, Layout, find_instruments
from tectra.feed.importer.table import Block, CsvReader, header_of, records_of
from tectra.feed.protocol import Slots

__all__ = ["OPTIONS", "open_bars_csv", "open_bars_parquet", "sniff_csv", "sniff_parquet"]

OPTIONS = {
    **COMMON,
    "columns": "which column is what: time=Date,open=O,high=H,low=L,close=C,volume=V,symbol=S",
    "stamp": "what the time of a bar is: open (default) or close",
    "interval": "length of a bar: 1m, 1h, 1d (default: the distance that most bars have)",
    "zone": "time zone of times that do not name theirs (default UTC)",
    "delimiter": "between the columns (default: comma, semicolon or tab, as the header shows)",
}
I64 = NDArray[np.int64]
_PRICES = ("open", "high", "low", "close")
_BATCH_ROWS = 1 << 14


class _Rows(NamedTuple):
    ids: I64
    opened: I64
    closed: I64
    prices: dict[str, NDArray[np.float64]]
    volume: I64
    turnover: NDArray[np.float64]
    trades: I64
    rounded: int
    kind: I64
    amount: I64
    flags: I64


class _ParquetReader:
    """Rows of a Parquet file as text, which is how their values stay exact."""

    def __init__(self, path: Path, faults: Faults) -> None:
        self.path = path
        self.faults = faults
        self.rows = 0

    def blocks(self) -> Iterator[Block]:
        """Every row, once."""
        try:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(_BATCH_ROWS):
                    lines = np.arange(self.rows + 1, self.rows + 1 + len(batch), dtype=np.int64)
                    self.rows += len(batch)
                    columns = [
                        _text(c, n) for n, c in zip(batch.schema.names, batch.columns, strict=True)
                    ]
                    yield Block(pa.table(columns, names=batch.schema.names), lines)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise FileFormatError(
                f"{self.path}, behind row {self.rows:,}: damaged Parquet data: {error}"
            ) from error


def _text(column: pa.Array, name: str) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        return pa.array([""] * len(column))
    try:
        return pc.fill_null(pc.cast(column, pa.string()), "")
    except pa.ArrowException as error:
        raise FileFormatError(f"column {name}: {error}") from error


class _ParquetLayout(Layout):
    def reader(self, source: ByteSource, faults: Faults) -> CsvReader:
        """Rows of the file behind the source."""
        return _ParquetReader(source.path, faults)  # type: ignore[return-value]


class _Maker:
    def __init__(
        self,
        directory: Directory,
        words: Mapping[str, str],
        options: Options,
        interval: int,
        faults: Faults,
    ) -> None:
        self.directory = directory
        self.faults = faults
        self.words = words
        self.zone = options.text("zone", "UTC")
        self.at_close = options.choice("stamp", ("open", "close"), "open") == "close"
        self.interval = interval
        """0: the bars are of the kinds that a file of BarWriter says."""
        self.venue = next((int(d.exchange) for d in directory.definitions.values()), 0)

    def parse(self, block: Block) -> tuple[_Rows, I64]:
        """Check a block. RowError."""
        words = self.words
        ids = self.directory.of_rows(block)
        times = self._times(block) if self.interval else _own_times(block)
        prices = {n: floats(block[words[n]], words[n]) for n in _PRICES}
        top = np.maximum(prices["open"], prices["close"])
        low = np.minimum(prices["open"], prices["close"])
        bad = np.flatnonzero((prices["high"] < top) | (prices["low"] > low)).astype(np.int64)
        if len(bad):
            raise RowError(
                bad,
                "no_bar",
                lambda i: (
                    f"found open {prices['open'][i]}, high {prices['high'][i]}, low "
                    f"{prices['low'][i]}, close {prices['close'][i]}; allowed: low <= open, "
                    "close <= high"
                ),
            )
        volume, rounded = np.zeros(len(block), np.int64), 0
        if "volume" in words:
            volume, rounded = self._volume(block, words["volume"], ids)
        turnover = np.zeros(len(block))
        if "turnover" in words:
            turnover = floats(block[words["turnover"]], words["turnover"])
        trades = np.zeros(len(block), np.int64)
        if "trades" in words:
            trades = np.minimum(integers(block[words["trades"]], words["trades"]), (1 << 32) - 1)
        kinds = self._kinds(block, ids)
        return _Rows(ids, *times, prices, volume, turnover, trades, rounded, *kinds), times[1]

    def _times(self, block: Block) -> tuple[I64, I64]:
        """When each bar began and closed."""
        column = block[self.words["time"]]
        stamp = moments_ns(column, self.words["time"], self.zone)
        step = -self.interval if self.at_close else self.interval
        other = later_ns(stamp, step, column, self.zone)
        return (other, stamp) if self.at_close else (stamp, other)

    def _kinds(self, block: Block, ids: I64) -> tuple[I64, I64, I64]:
        """Kind, amount and flags of each bar."""
        count = len(block)
        if self.interval:
            kind = np.full(count, int(BarKind.TIME), np.int64)
            return kind, np.full(count, self.interval, np.int64), np.zeros(count, np.int64)
        kinds, amounts = np.empty(count, np.int64), np.empty(count, np.int64)
        for i, text in enumerate(block["interval"].to_pylist()):
            try:
                spec = BarSpec.parse(text)
            except InputError as error:
                raise RowError(np.array([i], np.int64), "no_bar", _saying(error)) from None
            kinds[i], amounts[i] = int(spec.kind), spec.amount
            if spec.kind is BarKind.VOLUME:
                places = -self.directory.definitions[int(ids[i])].qty_exponent - spec.scale
                amounts[i] = int(Decimal(spec.amount).scaleb(places).to_integral_value())
        partial = pc.equal(pc.utf8_lower(block["partial"]), "true").to_numpy(False)
        return kinds, amounts, np.where(partial, int(BarFlag.PARTIAL), 0).astype(np.int64)

    def _volume(self, block: Block, name: str, ids: I64) -> tuple[I64, int]:
        """Volumes, and how many had to be rounded: sums of floats have more places than they mean,
        and all of them at once would not fit.
        """
        try:
            return self.directory.mantissas(block, name, ids, low=0), 0
        except RowError:
            cells = block[name]
        texts, count = cells.to_pylist(), 0
        least = {
            n: Decimal(1).scaleb(d.qty_exponent) for n, d in self.directory.definitions.items()
        }
        for i, text in enumerate(texts):
            with suppress(InvalidOperation):
                exact = Decimal(text)
                short = exact.quantize(least[int(ids[i])])
                count += short != exact
                texts[i] = f"{short:f}"
        column = block.table.column_names.index(name)
        table = block.table.set_column(column, name, pa.array(texts, pa.string()))
        return self.directory.mantissas(Block(table, block.lines), name, ids, low=0), count

    def emit(self, rows: _Rows) -> Slots:
        """bar records."""
        if rows.rounded:
            text = "a volume with more places than fit was rounded to the exponent"
            self.faults.note(0, "volume_rounded", text, rows.rounded)
        return as_slots(
            new_records(
                Template.BAR,
                len(rows.ids),
                ts_event_ns=rows.closed,
                ts_recv_ns=rows.closed,
                instrument_id=rows.ids,
                venue_id=self.venue,
                kind=rows.kind,
                flags=rows.flags,
                ts_open_ns=rows.opened,
                interval=rows.amount,
                volume_qty=rows.volume,
                turnover=rows.turnover,
                trades=rows.trades,
                **rows.prices,
            )
        )


def _own_times(block: Block) -> tuple[I64, I64]:
    """When the bars of a file of BarWriter began and closed: nanoseconds, whatever their size."""
    opened, closed = (integers(block[n], n) for n in ("open_time", "timestamp"))
    bad = np.flatnonzero(closed < opened).astype(np.int64)
    if len(bad):
        raise RowError(
            bad, "out_of_range", lambda i: f"timestamp: found {closed[i]}; allowed: from open_time"
        )
    return opened, closed


def _saying(error: Exception) -> Callable[[int], str]:
    return lambda _: str(error)


def sniff_csv(head: Head) -> bool:
    """Whether the header row names a time, open, high, low and close."""
    if len(head.lines) < 1:
        return False
    line = head.lines[0]
    return any(_words(_named(header_of(line, d)), {}) for d in ",;\t")


def sniff_parquet(head: Head) -> bool:
    """Whether a Parquet file has such columns."""
    if head.directory or head.data[:4] != b"PAR1":
        return False
    try:
        return bool(_words(pq.read_schema(head.path).names, {}))
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return False


def _named(names: list[str]) -> list[str]:
    """Header cells; the first one is mostly left empty when it is the index, which is the time."""
    return ["time", *names[1:]] if names and not names[0] else names


def _words(names: list[str], given: Mapping[str, str]) -> dict[str, str]:
    """Our word -> column; empty when one that is needed is not there."""
    found = choose(names, BAR_WORDS, given)
    return found if {"time", *_PRICES} <= set(found) else {}


def open_bars_csv(path: Path, options: Options) -> BlockFeed:
    """Open a CSV file of bars with a header row. InputError, FileFormatError."""
    lines = read_head(path).lines
    if not lines:
        raise FileFormatError(f"{path}: found no text; allowed: a header row and bars")
    delimiter = options.text("delimiter") or max(",;\t", key=lines[0].count)
    names = _named(header_of(lines[0], delimiter))
    words = _needed(path, names, options)
    layout = Layout(
        names,
        px=[words[n] for n in _PRICES],
        qty=[words["volume"]] if "volume" in words else [],
        symbol=words.get("symbol", ""),
        skip=1,
        delimiter=delimiter,
    )
    return _open("csv_bars", path, layout, words, options)


def open_bars_parquet(path: Path, options: Options) -> BlockFeed:
    """Open a Parquet file of bars. InputError, FileFormatError."""
    try:
        names = pq.read_schema(path).names
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path} is no whole Parquet file: {error}") from error
    words = _needed(path, names, options)
    layout = _ParquetLayout(
        names,
        px=[words[n] for n in _PRICES],
        qty=[words["volume"]] if "volume" in words else [],
        symbol=words.get("symbol", ""),
    )
    return _open("parquet_bars", path, layout, words, options)


def _needed(path: Path, names: list[str], options: Options) -> dict[str, str]:
    given = given_columns(options, BAR_WORDS)
    words = _words(names, given)
    if not words or len(set(names)) != len(names):
        raise FileFormatError(
            f"{path}: found columns {', '.join(map(repr, names))}; allowed: a time, open, high, "
            "low and close, each name once; say which is which with the option columns"
        )
    return words


def _open(
    name: str, path: Path, layout: Layout, words: dict[str, str], options: Options
) -> BlockFeed:
    stem = path.name.split(".")[0][:16]
    directory = find_instruments(path, layout, options, symbol=stem, fit_sizes=True)
    told = options.text("interval")
    asked = any(name in options for name in ("columns", "stamp", "interval"))
    is_own = tuple(layout.names) == bar_file.COLUMNS and not asked
    interval = interval_ns(told) if told else 0 if is_own else _find_interval(path, layout, words)
    if not interval and not is_own:
        raise InputError(f"{path}: one bar does not tell its length; give the option interval")
    strict = options.flag("strict", default=True)
    unit = "row" if isinstance(layout, _ParquetLayout) else "line"
    faults = Faults(path, strict=strict, unit=unit)
    maker = _Maker(directory, words, options, interval, faults)
    source = ByteSource(path)
    reader = layout.reader(source, faults)
    blocks = records_of(reader, faults, maker.parse, maker.emit)
    progress: Progressing = source
    return BlockFeed(name, progress, directory.definitions, blocks, faults)


def _find_interval(path: Path, layout: Layout, words: dict[str, str]) -> int:
    """The distance that most bars of the first block have that has several; 0: there is none."""
    times = np.empty(0, np.int64)
    with ByteSource(path) as source:
        for block in layout.reader(source, Faults(path, strict=False)).blocks():
            while len(block):
                try:
                    # As the clock shows them: a day is a day, also when it has 23 hours.
                    more = moments_ns(block[words["time"]], words["time"])
                except RowError as error:
                    block = block.without(error.rows)
                    continue
                times = np.append(times, more)
                break
            if interval := interval_of(times):
                return interval
    return 0
