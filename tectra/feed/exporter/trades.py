"""Trades and bars of a feed as CSV with a header row, every number exact."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tectra.core.errors import InputError
from tectra.core.msg import MarketFlag, Template
from tectra.feed.exporter.base import Progress, WriteReport, batches, new_file, pass_over
from tectra.feed.exporter.text import csv_lines, decimals, words
from tectra.feed.importer.base import Options, RecordFeed
from tectra.feed.importer.record import Records, of_template
from tectra.refdata.mantissa import NO_PX

__all__ = ["BAR_OPTIONS", "OPTIONS", "write_bars_csv", "write_bars_parquet", "write_trades"]

OPTIONS: dict[str, str] = {}
BAR_OPTIONS = {"stamp": "what the time column is: open (default) or close"}
_TRADES = ("timestamp", "local_timestamp", "symbol", "id", "side", "price", "size")
_BARS = ("timestamp", "symbol", "open", "high", "low", "close", "volume", "turnover", "trades")


def _by_exponent(records: Records, field: str, exponents: dict[int, int]) -> pa.Array:
    """A px or qty column as text, each row at its instrument's exponent."""
    owner = records["instrument_id"]
    unknown = np.setdiff1d(owner, np.array(list(exponents), np.uint32))
    if len(unknown):
        raise InputError(f"instrument id {int(unknown[0])} has no definition in the feed")
    different = sorted(set(exponents.values()))
    if len(different) == 1:
        return decimals(records[field], different[0])
    texts = np.empty(len(records), object)
    for exponent in different:
        mine = np.isin(owner, [n for n, e in exponents.items() if e == exponent])
        texts[mine] = decimals(records[field][mine], exponent).to_pylist()
    return pa.array(texts.tolist(), pa.string())


def _symbols(records: Records, feed: RecordFeed) -> pa.Array:
    names = {n: d.symbol for n, d in feed.definitions.items()}
    return pa.array([names.get(int(n), "") for n in records["instrument_id"]], pa.string())


def write_trades(
    feed: RecordFeed, path: Path, options: Options, progress: Progress | None = None
) -> WriteReport:
    """Write trade records; broken ones, which have no price, are skipped and counted. Times in ns.

    InputError for an instrument without a definition.
    """
    del options
    report = WriteReport(path)
    with new_file(path) as out:
        out.write((",".join(_TRADES) + "\n").encode())
        for slots in batches(feed, report, progress):
            pass_over(report, slots, frozenset({Template.TRADE}))
            records, _ = of_template(slots, Template.TRADE)
            broken = (records["px"] == NO_PX) | (records["flags"] & MarketFlag.BROKEN != 0)
            if bool(broken.any()):
                count = int(np.count_nonzero(broken))
                report.skipped["broken trade"] = report.skipped.get("broken trade", 0) + count
                records = records[~broken]
            if not len(records):
                continue
            known = feed.definitions
            px = {n: d.px_exponent for n, d in known.items()}
            qty = {n: d.qty_exponent for n, d in known.items()}
            columns = [
                records["ts_event_ns"].copy(),
                records["ts_recv_ns"].copy(),
                _symbols(records, feed),
                records["match_id"].copy(),
                words(records["side"], ("unknown", "buy", "sell")),
                _by_exponent(records, "px", px),
                _by_exponent(records, "qty", qty),
            ]
            out.write(csv_lines(columns))
            report.rows += len(records)
    return report


def _bar_table(records: Records, feed: RecordFeed, *, at_close: bool) -> pa.Table:
    qty = {n: d.qty_exponent for n, d in feed.definitions.items()}
    stamp = records["ts_event_ns"] if at_close else records["ts_open_ns"]
    columns = [
        pa.array(stamp.copy()),
        _symbols(records, feed),
        *[pa.array(records[n].copy()) for n in ("open", "high", "low", "close")],
        _by_exponent(records, "volume_qty", qty),
        pa.array(records["turnover"].copy()),
        pa.array(records["trades"].copy()),
    ]
    return pa.table(columns, names=list(_BARS))


def write_bars_csv(
    feed: RecordFeed, path: Path, options: Options, progress: Progress | None = None
) -> WriteReport:
    """Write bar records. Times in ns; floats as their shortest text, which reads back the same."""
    at_close = options.choice("stamp", ("open", "close"), "open") == "close"
    report = WriteReport(path)
    with new_file(path) as out:
        out.write((",".join(_BARS) + "\n").encode())
        for slots in batches(feed, report, progress):
            pass_over(report, slots, frozenset({Template.BAR}))
            records, _ = of_template(slots, Template.BAR)
            if len(records):
                table = _bar_table(records, feed, at_close=at_close)
                out.write(csv_lines([c.combine_chunks() for c in table.columns]))
                report.rows += len(records)
    return report


def write_bars_parquet(
    feed: RecordFeed, path: Path, options: Options, progress: Progress | None = None
) -> WriteReport:
    """Write bar records as Parquet for other tools: time in ns UTC, volume as its digits."""
    at_close = options.choice("stamp", ("open", "close"), "open") == "close"
    report = WriteReport(path)
    with new_file(path, compress=False) as out:
        writer: pq.ParquetWriter | None = None
        for slots in batches(feed, report, progress):
            pass_over(report, slots, frozenset({Template.BAR}))
            records, _ = of_template(slots, Template.BAR)
            if not len(records):
                continue
            table = _bar_table(records, feed, at_close=at_close)
            stamps = pc.cast(table.column("timestamp"), pa.timestamp("ns", "UTC"))
            table = table.set_column(0, "timestamp", stamps)
            writer = writer or pq.ParquetWriter(out, table.schema, compression="zstd")
            writer.write_table(table)
            report.rows += len(records)
        if writer is None:
            raise InputError(f"{path}: the feed gave no bar to write")
        writer.close()
    return report
