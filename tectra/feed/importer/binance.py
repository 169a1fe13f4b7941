"""Binance public data (data.binance.vision) as a feed: trades, aggTrades, klines, bookTicker and
bookDepth, with and without a header row, zipped or not.

Times are milliseconds, in spot files from 2025 on microseconds; their size tells. Format of the
files: README of binance-public-data.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tectra.core.errors import FileFormatError
from tectra.core.msg import BarKind, MarketFlag, Side, Template
from tectra.core.types import Exchange
from tectra.feed.importer.base import BlockFeed, Faults, Options, RowError
from tectra.feed.importer.number import floats, integers, times_ns
from tectra.feed.importer.record import Records, as_slots, new_records
from tectra.feed.importer.source import ByteSource, Head, read_head
from tectra.feed.importer.symbols import COMMON, Directory, Layout, find_instruments
from tectra.feed.importer.table import Block, header_of, records_of
from tectra.feed.protocol import Slots

__all__ = ["COLUMNS", "OPTIONS", "kind_of", "open_binance", "sniff"]

OPTIONS = {**COMMON, "kind": "one of " + "trades, aggTrades, klines, bookTicker, bookDepth"}

COLUMNS = {
    "trades": ("id", "price", "qty", "quote_qty", "time", "is_buyer_maker"),
    "spot_trades": ("id", "price", "qty", "quote_qty", "time", "is_buyer_maker", "is_best_match"),
    "aggTrades": (
        "agg_trade_id",
        "price",
        "quantity",
        "first_trade_id",
        "last_trade_id",
        "transact_time",
        "is_buyer_maker",
    ),
    "spot_aggTrades": (
        "agg_trade_id",
        "price",
        "quantity",
        "first_trade_id",
        "last_trade_id",
        "transact_time",
        "is_buyer_maker",
        "is_best_match",
    ),
    "klines": (
        "open_time",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "close_time",
        "quote_volume",
        "count",
        "taker_buy_volume",
        "taker_buy_quote_volume",
        "ignore",
    ),
    "bookTicker": (
        "update_id",
        "best_bid_price",
        "best_bid_qty",
        "best_ask_price",
        "best_ask_qty",
        "transaction_time",
        "event_time",
    ),
    "bookDepth": ("timestamp", "percentage", "depth", "notional"),
}
_BOOLS = ("true", "false")


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit() and text.isascii()


def kind_of(head: Head) -> tuple[str, bool]:
    """(key of COLUMNS, has a header row); ("", False) for other content."""
    lines = head.lines
    if not lines:
        return "", False
    first = header_of(lines[0])
    for kind, names in COLUMNS.items():
        if tuple(first) == names:
            return kind, True
    return _by_row(first), False


def _by_row(row: list[str]) -> str:
    """Kind of a row without a header over it."""
    booleans = [i for i, cell in enumerate(row) if cell.lower() in _BOOLS]
    numbers = [i for i, cell in enumerate(row) if _is_number(cell)]
    width = len(row)
    if len(booleans) + len(numbers) != width:
        return "bookDepth" if width == 4 and numbers == [1, 2, 3] and row[0][4:5] == "-" else ""
    shapes = {
        (6, (5,)): "trades",
        (7, (5, 6)): "spot_trades",
        (7, (6,)): "aggTrades",
        (8, (6, 7)): "spot_aggTrades",
        (12, ()): "klines",
        (7, ()): "bookTicker",
    }
    found = shapes.get((width, tuple(booleans)), "")
    return "" if found == "klines" and len(row[0]) not in (13, 16) else found


def sniff(head: Head) -> bool:
    """Whether the first row has the columns of one of the files."""
    return bool(kind_of(head)[0])


def _unit(scale: int) -> bool:
    return scale in (10**6, 10**3)


def _sides(block: Block, name: str) -> NDArray[np.uint8]:
    """Aggressor: the seller where the buyer was the maker."""
    cells = block[name]
    text = pc.utf8_lower(cells)
    yes, no = pc.equal(text, "true").to_numpy(False), pc.equal(text, "false").to_numpy(False)
    bad = np.flatnonzero(~(yes | no)).astype(np.int64)
    if len(bad):
        raise RowError(
            bad, "not_a_flag", lambda i: f"{name}: found {cells[i].as_py()!r}; allowed: True, False"
        )
    return np.where(yes, int(Side.SELL), int(Side.BUY)).astype(np.uint8)


class _Maker:
    """Rows of one file as records."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.one = next(iter(directory.by_symbol.values()))

    def _new(self, template: Template, times: NDArray[np.int64], **columns: object) -> Records:
        return new_records(
            template,
            len(times),
            ts_event_ns=times,
            ts_recv_ns=times,
            instrument_id=self.one.instrument_id,
            venue_id=int(self.one.exchange),
            **columns,
        )

    def _amount(self, block: Block, name: str, *, low: int = 0) -> NDArray[np.int64]:
        return self.directory.mantissas(block, name, np.empty(0, np.int64), low=low)

    def trades(self, block: Block) -> tuple[Records, NDArray[np.int64]]:
        """Trades and aggregate trades."""
        names = block.table.column_names
        whole = names[0] == "id"
        for name in ("first_trade_id", "last_trade_id"):
            if not whole:
                integers(block[name], name, low=-1)
        if whole:
            floats(block["quote_qty"], "quote_qty")
        times = times_ns(block["time" if whole else "transact_time"], "time", _unit)
        records = self._new(
            Template.TRADE,
            times,
            match_id=integers(block[names[0]], names[0]),
            px=self._amount(block, "price"),
            qty=self._amount(block, names[2]),
            side=_sides(block, "is_buyer_maker"),
        )
        return records, times

    def klines(self, block: Block) -> tuple[Records, NDArray[np.int64]]:
        """Bars, stamped at the end of the interval: the close time and one unit of it."""
        opened = times_ns(block["open_time"], "open_time", _unit)
        closed = times_ns(block["close_time"], "close_time", _unit)
        unit = np.where(integers(block["close_time"], "close_time") < 10**14, 10**6, 10**3)
        closed = closed + unit
        bad = np.flatnonzero(closed <= opened).astype(np.int64)
        if len(bad):
            raise RowError(
                bad,
                "out_of_range",
                lambda i: (
                    f"close_time: found {closed[i]} ns; allowed: behind open_time {opened[i]}"
                ),
            )
        records = self._new(
            Template.BAR,
            closed,
            kind=int(BarKind.TIME),
            ts_open_ns=opened,
            interval=closed - opened,
            volume_qty=self._amount(block, "volume"),
            turnover=floats(block["quote_volume"], "quote_volume"),
            trades=_count(block, "count"),
            **{name: _price(block, name) for name in ("open", "high", "low", "close")},
        )
        return records, closed

    def quotes(self, block: Block) -> tuple[Records, NDArray[np.int64]]:
        """Best bid and offer; ts_recv is the venue's event time."""
        times = times_ns(block["event_time"], "event_time", _unit)
        records = self._new(
            Template.QUOTE,
            times,
            seq=integers(block["update_id"], "update_id"),
            bid_px=self._amount(block, "best_bid_price"),
            bid_qty=self._amount(block, "best_bid_qty"),
            ask_px=self._amount(block, "best_ask_price"),
            ask_qty=self._amount(block, "best_ask_qty"),
            flags=int(MarketFlag.LAST),
        )
        records["ts_event_ns"] = times_ns(block["transaction_time"], "transaction_time", _unit)
        return records, times

    def depth(self, block: Block) -> tuple[Records, NDArray[np.int64]]:
        """Depth within a percentage of the price has no price of its own: rows go verbatim."""
        cells = block["timestamp"]
        try:
            parsed = pc.strptime(cells, format="%Y-%m-%d %H:%M:%S", unit="s")
            times = pc.cast(parsed, pa.int64()).to_numpy() * 10**9
        except pa.ArrowInvalid:
            good = pc.match_substring_regex(cells, r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
            bad = np.flatnonzero(~good.to_numpy(False)).astype(np.int64)
            raise RowError(
                bad if len(bad) else np.arange(len(cells)),
                "not_a_time",
                lambda i: f"timestamp: found {cells[i].as_py()!r}; allowed: YYYY-MM-DD HH:MM:SS",
            ) from None
        for name in ("percentage", "depth", "notional"):
            floats(block[name], name)
        rows = pc.binary_join_element_wise(*[block[n] for n in COLUMNS["bookDepth"]], ",")
        long = np.flatnonzero(pc.binary_length(rows).to_numpy() > 64).astype(np.int64)
        if len(long):
            raise RowError(
                long, "out_of_range", lambda i: f"found a row of more than 64 bytes: {rows[i]}"
            )
        records = self._new(
            Template.VENUE_MESSAGE,
            times,
            msg_type=b"D",
            msg_length=pc.binary_length(rows).to_numpy(),
            payload=np.array(rows.to_pylist(), "S64"),
        )
        return records, times


def _price(block: Block, name: str) -> NDArray[np.float64]:
    values = floats(block[name], name)
    bad = np.flatnonzero(values < 0).astype(np.int64)
    if len(bad):
        raise RowError(bad, "out_of_range", lambda i: f"{name}: found {values[i]}; allowed: 0 up")
    return values


def _count(block: Block, name: str) -> NDArray[np.int64]:
    values = integers(block[name], name)
    bad = np.flatnonzero(values >= 1 << 32).astype(np.int64)
    if len(bad):
        raise RowError(bad, "out_of_range", lambda i: f"{name}: found {values[i]}; allowed: u32")
    return values


_PX = {"price", "best_bid_price", "best_ask_price", "open", "high", "low", "close"}
_QTY = {"qty", "quantity", "volume", "best_bid_qty", "best_ask_qty"}


def open_binance(path: Path, options: Options) -> BlockFeed:
    """Open one file. The symbol is the option, or what stands before the first - of its name."""
    found, header = kind_of(read_head(path))
    wanted = options.choice("kind", ("", *COLUMNS), "")
    if wanted and found.removeprefix("spot_") != wanted.removeprefix("spot_"):
        raise FileFormatError(f"{path}: found {found or 'no rows'} of Binance; asked for: {wanted}")
    if not found:
        raise FileFormatError(
            f"{path}: found no row of Binance public data; allowed: {', '.join(COLUMNS)}"
        )
    names = COLUMNS[found]
    layout = Layout(
        names,
        px=[n for n in names if n in _PX],
        qty=[n for n in names if n in _QTY],
        skip=int(header),
    )
    symbol = path.name.split("-")[0].split(".")[0] if "-" in path.name else ""
    directory = find_instruments(
        path, layout, options, exchange=Exchange.BINANCE, symbol=symbol[:16]
    )
    faults = Faults(path, strict=options.flag("strict", default=True))
    maker = _Maker(directory)
    parse: Callable[[Block], tuple[Records, NDArray[np.int64]]] = {
        "klines": maker.klines,
        "bookTicker": maker.quotes,
        "bookDepth": maker.depth,
    }.get(found, maker.trades)
    source = ByteSource(path)
    return BlockFeed(
        "binance", source, directory.definitions, _run(layout, source, faults, parse), faults
    )


def _run(
    layout: Layout,
    source: ByteSource,
    faults: Faults,
    parse: Callable[[Block], tuple[Records, NDArray[np.int64]]],
) -> Iterator[Slots]:
    return records_of(layout.reader(source, faults), faults, parse, as_slots)
