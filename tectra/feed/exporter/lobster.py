"""A stream of single orders as a LOBSTER pair: messages, and the book behind each of them.

Records with the flag SNAPSHOT change the book and are no message. A replace is a delete and an add.
"""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tectra.core.errors import InputError
from tectra.core.msg import MarketFlag, Side, StatusKind, Template
from tectra.core.record import Record, iter_records
from tectra.feed import trade_date
from tectra.feed.exporter.base import (
    Progress,
    WriteReport,
    batches,
    new_file,
    only_instrument,
)
from tectra.feed.importer.base import Options, RecordFeed
from tectra.feed.importer.lobster_book import EMPTY_PX, Resting
from tectra.refdata.instrument import Instrument

__all__ = ["OPTIONS", "write_lobster"]

OPTIONS = {
    "levels": "levels of the book file, 1 to 200 (default 10)",
    "symbol": "which symbol of the feed (default: its only one)",
    "date": "trade date YYYY-MM-DD (default: the day in New York of the first record)",
}
_BUY = int(Side.BUY)
_ADDS = (Template.BOOK_ADD, Template.BOOK_ADD_ATTRIBUTED)
_EXECUTES = (Template.BOOK_EXECUTE, Template.BOOK_EXECUTE_PRICED)
_STATES = {"H": -1, "P": -1, "Q": 0, "T": 1}
_LEVELS_MAX = 200


def _scaled(value: int, exponent: int, wanted: int, what: str) -> int:
    """A mantissa at another exponent, exactly."""
    unit = int(10 ** abs(exponent - wanted))
    if exponent >= wanted:
        return value * unit
    number, rest = divmod(value, unit)
    if rest:
        raise InputError(f"lobster: {what}: found {value}e{exponent}; allowed: {-wanted} places")
    return number


def _midnight(options: Options, ts_ns: int) -> int:
    if "date" in options:
        return trade_date.midnight_ns(trade_date.to_date(options.text("date")))
    day = datetime.fromtimestamp(ts_ns // 1_000_000_000, UTC).date()
    if day.year < 1987:
        return 0
    for one in (day, day - timedelta(days=1)):
        if trade_date.midnight_ns(one) <= ts_ns:
            return trade_date.midnight_ns(one)
    return 0


class _Writer:
    """Turns records into rows of both files."""

    def __init__(self, one: Instrument, levels: int, midnight_ns: int, report: WriteReport) -> None:
        self.one = one
        self.levels = levels
        self.midnight_ns = midnight_ns
        self.report = report
        self.book = Resting()
        self.messages: list[str] = []
        self.books: list[str] = []
        self._waiting: list[str] = []

    def take(self, record: Record) -> None:
        """One record."""
        if record.get_int("instrument_id") != self.one.instrument_id:
            self._skip(record)
            return
        template = record.template
        flags = record.get_int("flags") if "flags" in record.keys() else 0  # noqa: SIM118
        quiet = bool(flags & MarketFlag.SNAPSHOT)
        if not quiet:
            self.settle()
        if template in _ADDS:
            self._add(record, record.get_int("order_ref"), quiet=quiet)
        elif template in _EXECUTES or template is Template.BOOK_CANCEL:
            self._reduce(record, quiet=quiet)
        elif template is Template.BOOK_DELETE:
            self._delete(record, quiet=quiet)
        elif template is Template.BOOK_REPLACE:
            side = self._delete(record, quiet=quiet)
            self.settle()
            self._add(record, record.get_int("new_order_ref"), quiet=quiet, side=side)
        elif template is Template.TRADE and not flags & MarketFlag.BROKEN:
            self._trade(record, flags)
        elif template is Template.STATUS and record.get_int("kind") == StatusKind.TRADING_ACTION:
            state = record.get_text("state")
            self._say(record, 7, 0, 0, _STATES.get(state, -1), -1)
        else:
            self._skip(record)

    def _skip(self, record: Record) -> None:
        name = record.template_name
        self.report.skipped[name] = self.report.skipped.get(name, 0) + 1

    def _add(self, record: Record, ref: int, *, quiet: bool, side: int = 0) -> None:
        side = side or record.get_int("side")
        px, qty = record.get_int("px"), record.get_int("qty")
        if ref in self.book.orders:
            raise InputError(f"lobster: order {ref} is added twice; the stream has no one book")
        self.book.add(ref, side, px, qty)
        if not quiet:
            self._say(record, 1, ref, qty, px, 1 if side == _BUY else -1)

    def _found(self, record: Record) -> list[int] | None:
        found = self.book.orders.get(record.get_int("order_ref"))
        if found is None:
            self._skip(record)
        return found

    def _reduce(self, record: Record, *, quiet: bool) -> None:
        found = self._found(record)
        if found is None:
            return
        side, px, have = found
        qty = record.get_int("qty")
        if qty > have:
            raise InputError(
                f"lobster: order {record.get_int('order_ref')} has {have} left; found {qty}"
            )
        ref = record.get_int("order_ref")
        left = self.book.reduce(ref, qty)
        kind = 4 if record.template in _EXECUTES else 2 if left else 3
        if record.template is Template.BOOK_EXECUTE_PRICED:
            px = record.get_int("exec_px")
        if not quiet:
            self._say(record, kind, ref, qty, px, 1 if side == _BUY else -1)

    def _delete(self, record: Record, *, quiet: bool) -> int:
        found = self._found(record)
        if found is None:
            return 0
        side, px, have = found
        ref = record.get_int("order_ref")
        self.book.reduce(ref, have)
        if not quiet:
            self._say(record, 3, ref, have, px, 1 if side == _BUY else -1)
        return side

    def _trade(self, record: Record, flags: int) -> None:
        kind = 6 if flags & MarketFlag.CROSS else 5
        resting = -1 if record.get_int("side") == _BUY else 1
        self._say(record, kind, 0, record.get_int("qty"), record.get_int("px"), resting)

    def _say(self, record: Record, kind: int, ref: int, qty: int, px: int, direction: int) -> None:
        one = self.one
        time = record.get_int("ts_event_ns") - self.midnight_ns
        if not 0 <= time < 90_000_000_000_000:
            raise InputError(
                f"lobster: found a time of {time} ns behind midnight; allowed: one day; give date"
            )
        seconds, rest = divmod(time, 1_000_000_000)
        text = f"{seconds}.{rest:09d}".rstrip("0").rstrip(".")
        size = _scaled(qty, one.qty_exponent, 0, "size")
        price = px if kind == 7 else _scaled(px, one.px_exponent, -4, "price")
        self._waiting.append(f"{text},{kind},{ref},{size},{price},{direction}\n")

    def settle(self) -> None:
        """Write the book behind the messages so far: what follows changes it again."""
        if not self._waiting:
            return
        row = self._row()
        self.messages += self._waiting
        self.books += [row] * len(self._waiting)
        self.report.rows += len(self._waiting)
        self._waiting.clear()

    def _row(self) -> str:
        one, book = self.one, self.book
        cells: list[Any] = []
        asks = book.px[int(Side.SELL)][: self.levels]
        bids = book.px[_BUY][-self.levels :][::-1]
        for i in range(self.levels):
            for side, prices, empty in ((int(Side.SELL), asks, EMPTY_PX), (_BUY, bids, -EMPTY_PX)):
                if i < len(prices):
                    px = prices[i]
                    cells.append(_scaled(px, one.px_exponent, -4, "price"))
                    cells.append(_scaled(book.total[side, px], one.qty_exponent, 0, "size"))
                else:
                    cells += (empty, 0)
        return ",".join(map(str, cells)) + "\n"


def write_lobster(
    feed: RecordFeed, path: Path, options: Options, progress: Progress | None = None
) -> WriteReport:
    """Write message and book file of one symbol; `path` is the message file, `message` in its name
    becomes `orderbook` for the other. InputError for what LOBSTER has no form for.
    """
    levels = options.integer("levels", 10, low=1, high=_LEVELS_MAX)
    if "message" not in path.name:
        raise InputError(
            f"{path}: found no 'message' in the name; allowed: a name such as "
            f"AAPL_2012-06-21_34200000_57600000_message_{levels}.csv"
        )
    report = WriteReport(path)
    book = path.with_name(path.name.replace("message", "orderbook"))
    writer: _Writer | None = None
    with ExitStack() as stack:
        out, out_book = stack.enter_context(new_file(path)), stack.enter_context(new_file(book))
        for slots in batches(feed, report, progress):
            for record in iter_records(slots):
                if writer is None:
                    number = only_instrument(feed, options.text("symbol"), "lobster")
                    midnight = _midnight(options, record.get_int("ts_event_ns"))
                    writer = _Writer(feed.definitions[number], levels, midnight, report)
                writer.take(record)
            if writer is not None:
                _flush(writer, out, out_book)
        if writer is not None:
            writer.settle()
            _flush(writer, out, out_book)
    return report


def _flush(writer: _Writer, out: Any, out_book: Any) -> None:
    out.write("".join(writer.messages).encode())
    out_book.write("".join(writer.books).encode())
    writer.messages.clear()
    writer.books.clear()
