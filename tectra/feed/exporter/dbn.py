"""A feed as Databento DBN version 3: mbo (single orders) or trades.

An execution becomes a trade, a fill and the cancel that takes it off the book, as Databento writes
them; where it was not printed there is no trade. A replace under the same reference is a modify,
under another one a cancel and an add. A file in .zst is compressed.
"""

import shutil
import struct
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tectra.core.errors import InputError
from tectra.core.msg import MarketFlag, Side, Template
from tectra.core.record import Record, iter_records
from tectra.feed.exporter.base import Progress, WriteReport, batches, new_file
from tectra.feed.exporter.order import Change, OrderBook
from tectra.feed.importer.base import Options, RecordFeed
from tectra.feed.importer.dbn_scan import FIXED
from tectra.feed.importer.dbn_wire import (
    FLAG_LAST,
    FLAG_SNAPSHOT,
    NO_PRICE,
    SCHEMAS,
    Mapping,
    Metadata,
    encode_metadata,
)

__all__ = ["OPTIONS", "write_dbn"]

OPTIONS = {
    "schema": "mbo (default) or trades",
    "dataset": "name of the dataset in the metadata (default TECTRA)",
    "publisher_id": "0 to 65535 (default 0)",
}
_MBO = struct.Struct("<BBHIQQqIBBccQiI")
_TRADE = struct.Struct("<BBHIQqIccBBQiI")
_SIDES = {int(Side.BUY): b"B", int(Side.SELL): b"A", int(Side.NONE): b"N"}
_EXECUTES = (Template.BOOK_EXECUTE, Template.BOOK_EXECUTE_PRICED)
_ADDS = (Template.BOOK_ADD, Template.BOOK_ADD_ATTRIBUTED)
_FLOW = (
    *_ADDS,
    *_EXECUTES,
    Template.BOOK_CANCEL,
    Template.BOOK_DELETE,
    Template.BOOK_REPLACE,
)
_U32 = (1 << 32) - 1


class _Writer:
    """Records as rows of one schema."""

    def __init__(self, feed: RecordFeed, schema: str, publisher: int, report: WriteReport) -> None:
        self.feed = feed
        self.mbo = schema == "mbo"
        self.publisher = publisher
        self.report = report
        self.book = OrderBook()
        self.first_ns = self.last_ns = 0

    def rows(self, record: Record) -> Iterator[bytes]:
        """The rows of one record, none when the schema has no form for it."""
        template = record.template
        if template in _FLOW:
            change = self.book.apply(record)
            if change is None:
                self._skip("order flow that contradicts the book")
                return
            yield from self._flow(record, change)
        elif template is Template.TRADE and not record.get_int("flags") & MarketFlag.BROKEN:
            px, qty = record.get_int("px"), record.get_int("qty")
            yield self._row(record, b"T", 0, record.get_int("side"), px, qty, "match_id")
        elif template is Template.BOOK_CLEAR and self.mbo:
            yield self._row(record, b"R", 0, 0, None, 0, "seq")
        else:
            self._skip(record.template_name)

    def _flow(self, record: Record, change: Change) -> Iterator[bytes]:
        template = record.template
        ref, side, px, qty = change.ref, change.side, change.px, change.qty
        if template in _EXECUTES:
            printed = not record.get_int("flags") & MarketFlag.NOT_PRINTABLE
            if printed:
                yield self._row(record, b"T", 0, change.other_side, change.exec_px, qty, "match_id")
            if self.mbo:
                yield self._row(record, b"F", ref, side, change.exec_px, qty, "match_id")
                yield self._row(record, b"C", ref, side, px, qty, "match_id")
            elif not printed:
                self._skip(record.template_name)
        elif not self.mbo:
            self._skip(record.template_name)
        elif template in _ADDS:
            yield self._row(record, b"A", ref, side, px, qty, "")
        elif template is Template.BOOK_REPLACE:
            new = record.get_int("new_order_ref")
            to_px, to_qty = record.get_int("px"), record.get_int("qty")
            if new == ref:
                yield self._row(record, b"M", ref, side, to_px, to_qty, "")
            else:
                yield self._row(record, b"C", ref, side, px, qty, "")
                yield self._row(record, b"A", new, side, to_px, to_qty, "")
        else:
            yield self._row(record, b"C", ref, side, px, qty, "")

    def _row(
        self,
        record: Record,
        action: bytes,
        ref: int,
        side: int,
        px: int | None,
        qty: int,
        sequence: str,
    ) -> bytes:
        number = record.get_int("instrument_id")
        one = self.feed.definitions.get(number)
        if one is None:
            raise InputError(f"dbn: instrument id {number} has no definition in the feed")
        if one.px_exponent < FIXED or one.qty_exponent != 0:
            raise InputError(
                f"dbn: {one.symbol} has prices at 1e{one.px_exponent} and sizes at "
                f"1e{one.qty_exponent}; allowed: prices down to 1e-9 and whole sizes"
            )
        price = NO_PRICE if px is None else px * int(10 ** (one.px_exponent - FIXED))
        if not -NO_PRICE <= price <= NO_PRICE or not 0 <= qty < _U32:
            raise InputError(f"dbn: price {px} or size {qty} of {one.symbol} is beyond the field")
        flags = 0
        if action != b"R":
            bits = record.get_int("flags")
            flags = FLAG_LAST * bool(bits & MarketFlag.LAST)
            flags |= FLAG_SNAPSHOT * bool(bits & MarketFlag.SNAPSHOT)
        seq = record.get_int(sequence) if sequence else 0
        if seq > _U32:
            raise InputError(f"dbn: {sequence}: found {seq}; allowed: 0 to {_U32}")
        event, recv = record.get_int("ts_event_ns"), record.get_int("ts_recv_ns")
        self.first_ns = self.first_ns or recv
        self.last_ns = max(self.last_ns, recv)
        head = (self.publisher, number, event)
        if self.mbo:
            body = (ref, price, qty, flags, 0, action, _SIDES[side], recv, 0, seq)
            return _MBO.pack(14, 0xA0, *head, *body)
        return _TRADE.pack(
            12, 0x00, *head, price, qty, action, _SIDES[side], flags, 0, recv, 0, seq
        )

    def _skip(self, name: str) -> None:
        self.report.skipped[name] = self.report.skipped.get(name, 0) + 1

    def metadata(self, schema: str, dataset: str) -> bytes:
        """Metadata of what was written."""
        start = datetime.fromtimestamp(self.first_ns // 1_000_000_000, UTC).date()
        end = datetime.fromtimestamp(self.last_ns // 1_000_000_000, UTC).date() + timedelta(days=1)
        dates = (int(f"{start:%Y%m%d}"), int(f"{end:%Y%m%d}"))
        known = sorted(self.feed.definitions.items())
        return encode_metadata(
            Metadata(
                3,
                dataset,
                SCHEMAS[schema],
                self.first_ns,
                self.last_ns + 1,
                stype_in=1,
                symbols=tuple(dict.fromkeys(d.symbol for _, d in known)),
                mappings=tuple(Mapping(d.symbol, ((*dates, str(n)),)) for n, d in known),
            )
        )


def write_dbn(
    feed: RecordFeed, path: Path, options: Options, progress: Progress | None = None
) -> WriteReport:
    """Write one schema. InputError for prices, sizes or numbers that DBN's fields cannot hold."""
    schema = options.choice("schema", ("mbo", "trades"), "mbo")
    publisher = options.integer("publisher_id", 0, low=0, high=65_535)
    report = WriteReport(path)
    writer = _Writer(feed, schema, publisher, report)
    with new_file(path) as out, tempfile.TemporaryFile(dir=path.parent) as body:
        for slots in batches(feed, report, progress):
            rows = [row for record in iter_records(slots) for row in writer.rows(record)]
            body.write(b"".join(rows))
            report.rows += len(rows)
        # Metadata stands first and says what only the end knows.
        out.write(writer.metadata(schema, options.text("dataset", "TECTRA")))
        body.seek(0)
        shutil.copyfileobj(body, out)
    return report
