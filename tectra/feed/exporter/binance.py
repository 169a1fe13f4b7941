"""A feed as Binance public data CSV: trades, aggTrades, klines or bookTicker of one symbol."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from tectra.core.errors import InputError
from tectra.core.msg import MarketFlag, Side, Template
from tectra.feed.exporter.base import (
    Progress,
    WriteReport,
    batches,
    new_file,
    only_instrument,
    pass_over,
)
from tectra.feed.exporter.text import csv_lines, decimals, units, words
from tectra.feed.importer.base import Options, RecordFeed
from tectra.feed.importer.binance import COLUMNS
from tectra.feed.importer.record import Records, chosen, of_template
from tectra.refdata.instrument import Instrument
from tectra.refdata.mantissa import NO_PX

__all__ = ["OPTIONS", "write_binance"]

OPTIONS = {
    "kind": "trades (default), aggTrades, klines, bookTicker or bookDepth",
    "symbol": "which symbol of the feed (default: its only one)",
    "header": "true: with a header row (default false)",
    "unit": "us (default) or ms",
}
_TEMPLATES = {
    "trades": Template.TRADE,
    "aggTrades": Template.TRADE,
    "klines": Template.BAR,
    "bookTicker": Template.QUOTE,
    "bookDepth": Template.VENUE_MESSAGE,
}
_Lines = Callable[[Records, Instrument, int], bytes]


def _trades(records: Records, one: Instrument, unit: int) -> bytes:
    makers = _makers(records)
    px, qty = decimals(records["px"], one.px_exponent), decimals(records["qty"], one.qty_exponent)
    return csv_lines(
        [records["match_id"].copy(), px, qty, _quote(records, one), _times(records, unit), makers]
    )


def _agg_trades(records: Records, one: Instrument, unit: int) -> bytes:
    number = records["match_id"].copy()
    px, qty = decimals(records["px"], one.px_exponent), decimals(records["qty"], one.qty_exponent)
    return csv_lines([number, px, qty, number, number, _times(records, unit), _makers(records)])


def _makers(records: Records) -> pa.Array:
    if bool(np.any(records["side"] == int(Side.NONE))):
        raise InputError("binance: found a trade without an aggressor; allowed: buy or sell")
    return words((records["side"] == int(Side.SELL)).astype(np.int64), ("false", "true"))


def _times(records: Records, unit: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return units(records["ts_event_ns"], unit, "binance")


def _quote(records: Records, one: Instrument) -> pa.Array:
    """Price times size, exactly."""
    pairs = zip(records["px"].tolist(), records["qty"].tolist(), strict=True)
    return pa.array([f"{one.money(p * q):f}" for p, q in pairs], pa.string())


def _klines(records: Records, one: Instrument, unit: int) -> bytes:
    zeros = pa.array(["0"] * len(records), pa.string())
    return csv_lines(
        [
            units(records["ts_open_ns"], unit, "binance"),
            *[records[n].copy() for n in ("open", "high", "low", "close")],
            decimals(records["volume_qty"], one.qty_exponent),
            _times(records, unit) - 1,
            records["turnover"].copy(),
            records["trades"].copy(),
            zeros,
            zeros,
            zeros,
        ]
    )


def _tickers(records: Records, one: Instrument, unit: int) -> bytes:
    for side in ("bid", "ask"):
        if bool(np.any(records[f"{side}_px"] == NO_PX)):
            raise InputError(f"binance: found a quote without a {side}; allowed: both sides")
    return csv_lines(
        [
            records["seq"].copy(),
            decimals(records["bid_px"], one.px_exponent),
            decimals(records["bid_qty"], one.qty_exponent),
            decimals(records["ask_px"], one.px_exponent),
            decimals(records["ask_qty"], one.qty_exponent),
            _times(records, unit),
            units(records["ts_recv_ns"], unit, "binance"),
        ]
    )


def _depths(records: Records, one: Instrument, unit: int) -> bytes:
    del one, unit
    return b"".join(bytes(p) + b"\n" for p in records["payload"].tolist())


_LINES: dict[str, _Lines] = {
    "trades": _trades,
    "aggTrades": _agg_trades,
    "klines": _klines,
    "bookTicker": _tickers,
    "bookDepth": _depths,
}


def write_binance(
    feed: RecordFeed, path: Path, options: Options, progress: Progress | None = None
) -> WriteReport:
    """Write one kind of file of one symbol. InputError for what it has no form for."""
    kind = options.choice("kind", _LINES, "trades")
    unit = {"us": 1_000, "ms": 1_000_000}[options.choice("unit", ("us", "ms"), "us")]
    template = _TEMPLATES[kind]
    report = WriteReport(path)
    with new_file(path) as out:
        if options.flag("header", default=False):
            out.write((",".join(COLUMNS[kind]) + "\n").encode())
        for slots in batches(feed, report, progress):
            pass_over(report, slots, frozenset({template}))
            records, _ = of_template(slots, template)
            number = only_instrument(feed, options.text("symbol"), "binance")
            keep = records["instrument_id"] == number
            if template is Template.TRADE:
                keep &= (records["flags"] & MarketFlag.BROKEN) == 0
            elif template is Template.VENUE_MESSAGE:
                keep &= records["msg_type"] == b"D"
            left = int(np.count_nonzero(~keep))
            if left:
                name = template.name.lower()
                report.skipped[name] = report.skipped.get(name, 0) + left
            if bool(keep.any()):
                some = chosen(records, keep)
                out.write(_LINES[kind](some, feed.definitions[number], unit))
                report.rows += len(some)
    return report
