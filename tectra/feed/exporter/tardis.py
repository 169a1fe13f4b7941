"""A feed as Tardis CSV: trades, incremental_book_L2 or quotes, of all its symbols."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from tectra.core.errors import InputError
from tectra.core.msg import MarketFlag, Side, Template
from tectra.core.types import Exchange
from tectra.feed.exporter.base import Progress, WriteReport, batches, new_file, pass_over
from tectra.feed.exporter.text import csv_lines, decimals, units, words
from tectra.feed.importer.base import Options, RecordFeed
from tectra.feed.importer.record import Records, chosen, of_template
from tectra.feed.importer.tardis import HEAD_COLUMNS, KINDS
from tectra.refdata.instrument import Instrument
from tectra.refdata.mantissa import NO_PX

__all__ = ["OPTIONS", "write_tardis"]

OPTIONS = {"kind": "trades (default), incremental_book_L2 or quotes"}
_TEMPLATES = {
    "trades": Template.TRADE,
    "incremental_book_L2": Template.BOOK_LEVEL,
    "quotes": Template.QUOTE,
}
_Columns = list[pa.Array | np.ndarray]


def _head(records: Records, one: Instrument) -> _Columns:
    count = len(records)
    return [
        pa.array([Exchange(one.exchange).name.lower()] * count, pa.string()),
        pa.array([one.symbol] * count, pa.string()),
        units(records["ts_event_ns"], 1000, "tardis"),
        units(records["ts_recv_ns"], 1000, "tardis"),
    ]


def _trades(records: Records, one: Instrument) -> _Columns:
    return [
        records["match_id"].copy(),
        words(records["side"], ("unknown", "buy", "sell")),
        decimals(records["px"], one.px_exponent),
        decimals(records["qty"], one.qty_exponent),
    ]


def _levels(records: Records, one: Instrument) -> _Columns:
    snapshot = (records["flags"] & int(MarketFlag.SNAPSHOT)) != 0
    return [
        words(snapshot.astype(np.int64), ("false", "true")),
        words((records["side"] == int(Side.SELL)).astype(np.int64), ("bid", "ask")),
        decimals(records["px"], one.px_exponent),
        decimals(records["qty"], one.qty_exponent),
    ]


def _quotes(records: Records, one: Instrument) -> _Columns:
    none = {side: records[f"{side}_px"] == NO_PX for side in ("bid", "ask")}
    return [
        decimals(records["ask_qty"], one.qty_exponent, none["ask"]),
        decimals(records["ask_px"], one.px_exponent, none["ask"]),
        decimals(records["bid_px"], one.px_exponent, none["bid"]),
        decimals(records["bid_qty"], one.qty_exponent, none["bid"]),
    ]


_MAKE: dict[str, Callable[[Records, Instrument], _Columns]] = {
    "trades": _trades,
    "incremental_book_L2": _levels,
    "quotes": _quotes,
}


def write_tardis(
    feed: RecordFeed, path: Path, options: Options, progress: Progress | None = None
) -> WriteReport:
    """Write one kind of file. A book_clear is said by the snapshot rows behind it. InputError for
    times finer than a microsecond.
    """
    kind = options.choice("kind", _TEMPLATES, "trades")
    template = _TEMPLATES[kind]
    taken = {template, Template.BOOK_CLEAR} if kind == "incremental_book_L2" else {template}
    report = WriteReport(path)
    with new_file(path) as out:
        out.write((",".join((*HEAD_COLUMNS, *KINDS[kind])) + "\n").encode())
        for slots in batches(feed, report, progress):
            pass_over(report, slots, frozenset(taken))
            records, _ = of_template(slots, template)
            if template is Template.TRADE:
                broken = (records["flags"] & int(MarketFlag.BROKEN)) != 0
                if bool(broken.any()):
                    count = int(np.count_nonzero(broken))
                    report.skipped["trade"] = report.skipped.get("trade", 0) + count
                    records = chosen(records, ~broken)
            # Runs of one instrument, so that the order of the rows stays.
            owner = records["instrument_id"]
            edges = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist(), len(owner)]
            for start, stop in pairwise(edges if len(owner) else []):
                some = chosen(records, slice(start, stop))
                one = feed.definitions.get(int(owner[start]))
                if one is None:
                    raise InputError(
                        f"instrument id {int(owner[start])} has no definition in the feed"
                    )
                out.write(csv_lines([*_head(some, one), *_MAKE[kind](some, one)]))
            report.rows += len(records)
    return report
