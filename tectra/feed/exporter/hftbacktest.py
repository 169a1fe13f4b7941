"""A feed as an hftbacktest event file (.npz or .npy) of one symbol.

Its rules: rows that the exchange side sees rise in exchange time, rows that the local side sees in
local time, and local time lies behind exchange time. Events that cannot be in both orders at once
are written twice, once for each side.
"""

import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tectra.core.errors import InputError
from tectra.core.msg import MarketFlag, Side, Template
from tectra.core.record import Record, iter_records
from tectra.feed.exporter.base import (
    Progress,
    WriteReport,
    batches,
    new_file,
    only_instrument,
)
from tectra.feed.exporter.order import OrderBook
from tectra.feed.importer import hftbacktest as wire
from tectra.feed.importer.base import Options, RecordFeed
from tectra.refdata.instrument import Instrument
from tectra.refdata.mantissa import NO_PX

__all__ = ["OPTIONS", "write_hftbacktest"]

OPTIONS = {
    "symbol": "which symbol of the feed (default: its only one)",
    "latency_ns": "receipt behind the event where the feed has none of its own (default: refuse)",
}
_EXECUTES = (Template.BOOK_EXECUTE, Template.BOOK_EXECUTE_PRICED)
_FLOW = (
    Template.BOOK_ADD,
    Template.BOOK_ADD_ATTRIBUTED,
    *_EXECUTES,
    Template.BOOK_CANCEL,
    Template.BOOK_DELETE,
    Template.BOOK_REPLACE,
)
_EXACT = 1 << 53
_CHUNK = 1 << 16
_SIDES = {int(Side.BUY): wire.BUY, int(Side.SELL): wire.SELL, int(Side.NONE): 0}
_Row = tuple[int, int, int, float, float, int, int, float]


class _Writer:
    """Records as events, all with the flags of both sides."""

    def __init__(self, one: Instrument, latency_ns: int, report: WriteReport) -> None:
        self.one = one
        self.latency_ns = latency_ns
        self.report = report
        self.book = OrderBook()
        self.px_unit = float(10**-one.px_exponent)
        self.qty_unit = float(10**-one.qty_exponent)

    def rows(self, record: Record) -> Iterator[_Row]:
        """Events of one record."""
        template = record.template
        if record.get_int("instrument_id") != self.one.instrument_id:
            self._skip(record)
        elif template in _FLOW:
            yield from self._flow(record)
        elif template is Template.BOOK_LEVEL:
            kind = wire.DEPTH
            if record.get_int("flags") & MarketFlag.SNAPSHOT:
                kind = wire.SNAPSHOT
            yield self._row(record, kind, record.get_int("side"), "px", "qty")
        elif template is Template.TRADE and not record.get_int("flags") & MarketFlag.BROKEN:
            number = record.get_int("match_id")
            yield self._row(record, wire.TRADE, record.get_int("side"), "px", "qty", ival=number)
        elif template is Template.QUOTE:
            yield self._row(record, wire.BBO, int(Side.BUY), "bid_px", "bid_qty")
            yield self._row(record, wire.BBO, int(Side.SELL), "ask_px", "ask_qty")
        elif template is Template.BOOK_CLEAR:
            yield self._event(record, wire.CLEAR, 0, (0, 0), 0, 0)
        else:
            self._skip(record)

    def _flow(self, record: Record) -> Iterator[_Row]:
        change = self.book.apply(record)
        if change is None:
            self._skip(record)
            return
        template, side, ref = record.template, change.side, change.ref
        if template in _EXECUTES:
            fill = (change.exec_px, change.qty)
            number = record.get_int("match_id")
            # The print, then the fill that it is of: without it a reader would take the fill off
            # the print ahead of it.
            yield self._event(record, wire.TRADE, change.other_side, fill, 0, number)
            yield self._event(record, wire.FILL, side, fill, ref, number)
        if template is Template.BOOK_REPLACE:
            new = record.get_int("new_order_ref")
            to = (record.get_int("px"), record.get_int("qty"))
            if new == ref:
                yield self._event(record, wire.MODIFY, side, to, ref, 0)
            else:
                yield self._event(record, wire.CANCEL, side, (change.px, change.qty), ref, 0)
                yield self._event(record, wire.ADD, side, to, new, 0)
        elif template in (Template.BOOK_ADD, Template.BOOK_ADD_ATTRIBUTED):
            yield self._event(record, wire.ADD, side, (change.px, change.qty), ref, 0)
        elif change.left:
            yield self._event(record, wire.MODIFY, side, (change.px, change.left), ref, 0)
        else:
            yield self._event(record, wire.CANCEL, side, (change.px, change.qty), ref, 0)

    def _row(
        self, record: Record, kind: int, side: int, px: str, qty: str, *, ival: int = 0
    ) -> _Row:
        return self._event(record, kind, side, (record.get_int(px), record.get_int(qty)), 0, ival)

    def _event(
        self, record: Record, kind: int, side: int, level: tuple[int, int], ref: int, ival: int
    ) -> _Row:
        event, recv = record.get_int("ts_event_ns"), record.get_int("ts_recv_ns")
        if recv <= event:
            if not self.latency_ns:
                raise InputError(
                    f"hftbacktest: found a receipt at {recv} ns that is not behind its event at "
                    f"{event} ns, which the format wants; give the option latency_ns"
                )
            recv = event + self.latency_ns
        px, qty = level
        if (abs(px) >= _EXACT and px != NO_PX) or qty >= _EXACT or ival >= 1 << 63:
            raise InputError(f"hftbacktest: {px}, {qty} or {ival} is more than the field can hold")
        flags = wire.EXCH | wire.LOCAL | _SIDES[side] | kind
        price = float("nan") if px == NO_PX else px / self.px_unit
        return flags, event, recv, price, qty / self.qty_unit, ref, ival, 0.0

    def _skip(self, record: Record) -> None:
        name = record.template_name
        self.report.skipped[name] = self.report.skipped.get(name, 0) + 1


def _in_both_orders(events: NDArray[np.void]) -> bool:
    exch = events["exch_ts"]
    return bool(np.all(exch[1:] >= exch[:-1]))


def _split(events: NDArray[np.void]) -> Iterator[NDArray[np.void]]:
    """Events in the order of both clocks: one that is next by both is written once, the others
    once for each side.
    """
    order = np.argsort(events["exch_ts"], kind="stable")
    out: list[tuple[int, int]] = []
    i = j = 0
    done_exch = np.zeros(len(events), bool)
    done_local = np.zeros(len(events), bool)
    both, exch, local = wire.EXCH | wire.LOCAL, wire.EXCH, wire.LOCAL
    count = len(events)
    while i < count or j < count:
        while i < count and done_exch[order[i]]:
            i += 1
        while j < count and done_local[j]:
            j += 1
        if i >= count and j >= count:
            break
        a = int(order[i]) if i < count else -1
        if a == j:
            out.append((a, both))
            done_exch[a] = done_local[a] = True
        elif j >= count or (a >= 0 and events["exch_ts"][a] <= events["local_ts"][j]):
            out.append((a, exch))
            done_exch[a] = True
        else:
            out.append((j, local))
            done_local[j] = True
        if len(out) == _CHUNK:
            yield _marked(events, out)
            out = []
    if out:
        yield _marked(events, out)


def _marked(events: NDArray[np.void], picked: list[tuple[int, int]]) -> NDArray[np.void]:
    rows: NDArray[np.void] = np.array(events[np.array([p[0] for p in picked])])
    mask = np.uint64((1 << 64) - 1 - (wire.EXCH | wire.LOCAL))
    rows["ev"] = (rows["ev"] & mask) | np.array([p[1] for p in picked], np.uint64)
    return rows


def _rows_after_split(events: NDArray[np.void]) -> int:
    return sum(len(part) for part in _split(events))


def write_hftbacktest(
    feed: RecordFeed, path: Path, options: Options, progress: Progress | None = None
) -> WriteReport:
    """Write the events of one symbol; .npy plain, every other name as .npz. InputError."""
    latency = options.integer("latency_ns", 0, low=0, high=3_600_000_000_000)
    report = WriteReport(path)
    writer: _Writer | None = None
    with new_file(path, compress=False) as out, tempfile.TemporaryFile(dir=path.parent) as spool:
        for slots in batches(feed, report, progress):
            if writer is None:
                number = only_instrument(feed, options.text("symbol"), "hftbacktest")
                writer = _Writer(feed.definitions[number], latency, report)
            rows = [row for record in iter_records(slots) for row in writer.rows(record)]
            spool.write(np.array(rows, wire.EVENT).tobytes())
            report.rows += len(rows)
        spool.flush()
        _pack(spool, report, out, plain=path.suffix == ".npy")
    return report


def _pack(spool: IO[bytes], report: WriteReport, out: Any, *, plain: bool) -> None:
    count = report.rows
    events = np.empty(0, wire.EVENT)
    if count:
        events = np.memmap(spool, wire.EVENT, "r", shape=(count,))
    if bool(np.any(np.diff(events["local_ts"]) < 0)):
        raise InputError("hftbacktest: the feed is not in the order of receipt; merge or sort it")
    whole = _in_both_orders(events)
    if not whole:
        report.rows = _rows_after_split(events)
    header = {
        "descr": npy.dtype_to_descr(wire.EVENT),
        "fortran_order": False,
        "shape": (report.rows,),
    }
    parts = (events[i : i + _CHUNK] for i in range(0, count, _CHUNK)) if whole else _split(events)
    if plain:
        _write(out, header, parts)
        return
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(zipfile.ZipInfo("data.npy"), "w", force_zip64=True) as member,
    ):
        _write(member, header, parts)


def _write(out: Any, header: dict[str, Any], parts: Iterator[NDArray[np.void]]) -> None:
    npy.write_array_header_1_0(out, header)
    for part in parts:
        out.write(part.tobytes())
