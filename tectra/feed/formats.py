"""Every file format of market data that tectra reads and writes, by one pair of functions.

`open_feed` tells the format from the content and gives records; `write_feed` writes records in any
format that can say them; `to_arrow` and `from_arrow` are the same for tables in memory.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tectra.core.errors import FileFormatError, InputError
from tectra.feed.arrow import from_arrow, to_arrow
from tectra.feed.exporter import binance as binance_out
from tectra.feed.exporter import dbn as dbn_out
from tectra.feed.exporter import hftbacktest as hftbacktest_out
from tectra.feed.exporter import itch as itch_out
from tectra.feed.exporter import journal as journal_out
from tectra.feed.exporter import lobster as lobster_out
from tectra.feed.exporter import parquet as parquet_out
from tectra.feed.exporter import tardis as tardis_out
from tectra.feed.exporter import trades as trades_out
from tectra.feed.exporter.base import Progress, WriteReport
from tectra.feed.importer import (
    bars,
    binance,
    bitstamp,
    dbn,
    hftbacktest,
    itch,
    journal,
    lobster,
    parquet,
    store,
    tardis,
    trades,
)
from tectra.feed.importer.base import BlockFeed, Options, RecordFeed
from tectra.feed.importer.source import Head, read_head

__all__ = [
    "FORMATS",
    "Format",
    "RecordFeed",
    "WriteReport",
    "detect",
    "from_arrow",
    "open_feed",
    "to_arrow",
    "write_feed",
]

_Open = Callable[[Path, Options, Iterable[str] | None], RecordFeed]
_Write = Callable[[RecordFeed, Path, Options, Progress | None], WriteReport]


@dataclass(frozen=True, slots=True)
class Format:
    """One format. `options` and `write_options` say what may be given, name by name; `write` is
    None for a format that is only read; `has_orders` is true where its records can hold single
    orders (L3), which a backtest needs.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    sniff: Callable[[Head], bool]
    open: _Open
    write: _Write | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    write_options: Mapping[str, str] = field(default_factory=dict)
    has_orders: bool = False


def _chosen(opener: Callable[[Path, Options], BlockFeed]) -> _Open:
    """An opener whose feed is cut down to the symbols asked for."""

    def run(path: Path, options: Options, symbols: Iterable[str] | None) -> BlockFeed:
        feed = opener(path, options)
        if symbols is not None:
            try:
                feed.keep(symbols)
            except BaseException:
                feed.close()
                raise
        return feed

    return run


# In the order in which content is tried: what is told by a magic number first, and CSV files of
# known columns ahead of those whose columns are only guessed.
_ALL = (
    Format(
        "store",
        "tick store that tectra import made",
        (),
        store.sniff,
        store.open_store,
        None,
        store.OPTIONS,
        has_orders=True,
    ),
    Format(
        "journal",
        "tectra journal directory",
        (),
        journal.sniff,
        _chosen(journal.open_journal_feed),
        journal_out.write_journal,
        journal.OPTIONS,
        journal_out.OPTIONS,
        has_orders=True,
    ),
    Format(
        "parquet",
        "Parquet of tectra records, one file or a directory",
        (".parquet",),
        parquet.sniff,
        _chosen(parquet.open_records),
        parquet_out.write_records,
        parquet.OPTIONS,
        parquet_out.OPTIONS,
        has_orders=True,
    ),
    Format(
        "dbn",
        "Databento DBN, versions 1 to 3",
        (".dbn", ".dbn.zst"),
        dbn.sniff,
        _chosen(dbn.open_dbn),
        dbn_out.write_dbn,
        dbn.OPTIONS,
        dbn_out.OPTIONS,
        has_orders=True,
    ),
    Format(
        "hftbacktest",
        "hftbacktest events",
        (".npz", ".npy"),
        hftbacktest.sniff,
        _chosen(hftbacktest.open_hftbacktest),
        hftbacktest_out.write_hftbacktest,
        hftbacktest.OPTIONS,
        hftbacktest_out.OPTIONS,
        has_orders=True,
    ),
    Format(
        "lobster",
        "LOBSTER message file, with its orderbook file beside it",
        (".csv",),
        lobster.sniff,
        _chosen(lobster.open_lobster),
        lobster_out.write_lobster,
        lobster.OPTIONS,
        lobster_out.OPTIONS,
        has_orders=True,
    ),
    Format(
        "bitstamp",
        "Bitstamp log of single orders",
        (".log",),
        bitstamp.sniff,
        _chosen(bitstamp.open_bitstamp),
        None,
        bitstamp.OPTIONS,
        has_orders=True,
    ),
    Format(
        "tardis",
        "Tardis CSV: trades, incremental_book_L2, quotes, book_snapshot_N, derivative_ticker",
        (".csv.gz", ".csv"),
        tardis.sniff,
        _chosen(tardis.open_tardis),
        tardis_out.write_tardis,
        tardis.OPTIONS,
        tardis_out.OPTIONS,
    ),
    Format(
        "binance",
        "Binance public data: trades, aggTrades, klines, bookTicker, bookDepth",
        (".zip", ".csv"),
        binance.sniff,
        _chosen(binance.open_binance),
        binance_out.write_binance,
        binance.OPTIONS,
        binance_out.OPTIONS,
    ),
    Format(
        "itch",
        "NASDAQ TotalView-ITCH 5.0 day file",
        (".itch", ".NASDAQ_ITCH50", ".gz"),
        itch.sniff,
        itch.open_itch,
        itch_out.write_itch,
        itch.OPTIONS,
        itch_out.OPTIONS,
        has_orders=True,
    ),
    Format(
        "csv_bars",
        "CSV of bars: a time, open, high, low, close and mostly a volume",
        (".csv",),
        bars.sniff_csv,
        _chosen(bars.open_bars_csv),
        trades_out.write_bars_csv,
        bars.OPTIONS,
        trades_out.BAR_OPTIONS,
    ),
    Format(
        "csv_trades",
        "CSV of trades: a time, a price and a size",
        (".csv",),
        trades.sniff,
        _chosen(trades.open_trades),
        trades_out.write_trades,
        trades.OPTIONS,
        trades_out.OPTIONS,
    ),
    Format(
        "parquet_bars",
        "Parquet of bars",
        (".parquet",),
        bars.sniff_parquet,
        _chosen(bars.open_bars_parquet),
        trades_out.write_bars_parquet,
        bars.OPTIONS,
        trades_out.BAR_OPTIONS,
    ),
)

FORMATS: Mapping[str, Format] = {one.name: one for one in _ALL}


def _named(name: str) -> Format:
    if name not in FORMATS:
        raise InputError(f"format: found {name!r}; allowed: {', '.join(sorted(FORMATS))}")
    return FORMATS[name]


def detect(path: str | Path) -> str:
    """Name of the format of a file or directory, by its content. FileFormatError when no format
    knows it, InputError when it cannot be read.
    """
    head = read_head(path)
    if not head.directory and not head.data:
        raise FileFormatError(f"{path} is empty: no format of market data is")
    for one in _ALL:
        if one.sniff(head):
            return one.name
    if head.directory:
        raise FileFormatError(
            f"{path} is a directory that holds neither a journal nor Parquet files of records; "
            "give one file"
        )
    raise FileFormatError(
        f"{path}: found a start of {head.data[:24]!r}, which is none of the formats tried: "
        f"{', '.join(f.name for f in _ALL)}; name one with format= if it is one of them"
    )


def open_feed(
    path: str | Path,
    format: str | None = None,  # noqa: A002  the word that users look for
    *,
    symbols: Iterable[str] | None = None,
    options: Mapping[str, object] | None = None,
) -> RecordFeed:
    """Open market data of any format as a feed of records; `format` None tells it by the content.

    `symbols` None takes all. `options` are those of FORMATS[format].options. Raises InputError
    (file, option, value), FileFormatError (content), UnknownSymbolError.
    """
    if isinstance(symbols, str):
        raise InputError(f"symbols: found {symbols!r}; allowed: a list such as ['AAPL']")
    one = _named(detect(path) if format is None else format)
    where = Path(path)
    if not where.exists():
        raise InputError(f"no such file: {where}")
    return one.open(where, Options(one.name, one.options, options or {}), symbols)


def write_feed(
    feed: RecordFeed,
    path: str | Path,
    format: str,  # noqa: A002
    *,
    options: Mapping[str, object] | None = None,
    progress: Progress | None = None,
) -> WriteReport:
    """Write every record of a feed that the format can say; the report counts the others.

    The file gets its name when it is whole. `options` are those of FORMATS[format].write_options.
    `progress(done, total)` is called in bytes of the input. Raises InputError for a format that is
    only read, a wrong option or a record whose values the format cannot hold.
    """
    one = _named(format)
    if one.write is None:
        able = ", ".join(sorted(f.name for f in _ALL if f.write is not None))
        raise InputError(f"format {one.name} is only read; allowed: {able}")
    if not isinstance(feed, RecordFeed):
        raise InputError(
            f"feed: found {type(feed).__name__}; allowed: what open_feed gives, which knows the "
            "exponents of its instruments"
        )
    where = Path(path)
    if where.name in ("", ".", "..") or not where.parent.is_dir():
        raise InputError(f"{where}: no directory {where.parent} to write into; make it first")
    if where.exists() and not (where.is_file() or where.is_dir()):
        # The new file takes its name by a rename, which would put it in the place of the device.
        raise InputError(f"{where} is a device, pipe or socket; give the name of a file")
    return one.write(feed, where, Options(one.name, one.write_options, options or {}), progress)
