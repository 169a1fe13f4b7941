"""A stream of single orders as a NASDAQ ITCH 5.0 day file, .gz when the name says so.

Prices have four decimals, sizes none, times are nanoseconds of one trade date. A directory message
goes ahead of the first record of an instrument that has none.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tectra.core.errors import InputError
from tectra.core.msg import MarketFlag, Side, StatusKind, Template
from tectra.core.record import Record, iter_records
from tectra.feed import trade_date
from tectra.feed.exporter.base import Progress, WriteReport, batches
from tectra.feed.importer.base import Options, RecordFeed
from tectra.feed.itch_encode import ItchWriter, encode

__all__ = ["OPTIONS", "write_itch"]

OPTIONS = {"date": "trade date YYYY-MM-DD (default: the day in New York of the first record)"}
_LETTERS = {int(Side.BUY): "B", int(Side.SELL): "S"}
_OTHER = {int(Side.BUY): "S", int(Side.SELL): "B", int(Side.NONE): "B"}
# Where the fields behind the symbol stand in a directory message.
_DETAILS = slice(19, 39)
_DIRECTORY = ("Q", "N", 100, "N", "C", "Z", "P", "N", "N", "1", "N", 0, "N")


def _day(ts_ns: int) -> date | None:
    day = datetime.fromtimestamp(ts_ns // 1_000_000_000, UTC).date()
    if day.year < 1987:
        return None
    return day if trade_date.midnight_ns(day) <= ts_ns else day - timedelta(days=1)


class _Writer:
    """Records as messages."""

    def __init__(
        self, out: ItchWriter, feed: RecordFeed, midnight_ns: int, report: WriteReport
    ) -> None:
        self.out = out
        self.feed = feed
        self.midnight_ns = midnight_ns
        self.report = report
        self.listed: set[int] = set()

    def take(self, record: Record) -> None:
        """Write one record."""
        number = record.get_int("instrument_id")
        template = record.template
        if template is Template.VENUE_MESSAGE and record.get_int("protocol"):
            self._verbatim(record)
            return
        if template is Template.INSTRUMENT:
            details = bytes(record["details"])  # type: ignore[arg-type]
            self._list(record, number, record.get_text("symbol"), details)
            return
        if number and number not in self.listed:
            self._introduce(record, number)
        if not self._say(record, number):
            name = record.template_name
            self.report.skipped[name] = self.report.skipped.get(name, 0) + 1

    def _time(self, record: Record) -> int:
        time = record.get_int("ts_event_ns") - self.midnight_ns
        if not 0 <= time < 1 << 47:
            raise InputError(
                f"itch: found a time of {time} ns behind midnight; allowed: one day; give date"
            )
        return time

    def _introduce(self, record: Record, number: int) -> None:
        one = self.feed.definitions.get(number)
        if one is None:
            raise InputError(f"itch: instrument id {number} has no definition in the feed")
        if (one.px_exponent, one.qty_exponent) != (-4, 0) or number > 0xFFFF or len(one.symbol) > 8:
            raise InputError(
                f"itch: {one.symbol} has id {number}, prices at 1e{one.px_exponent}, sizes at "
                f"1e{one.qty_exponent}; allowed: ids to 65,535, 1e-4, whole sizes, 8 letters"
            )
        self._list(record, number, one.symbol, b"")

    def _list(self, record: Record, number: int, symbol: str, details: bytes) -> None:
        """A directory message, with the details of another one where there are some."""
        message = bytearray(encode("R", number, self._time(record), symbol, *_DIRECTORY))
        if details:
            message[_DETAILS] = details[:20].ljust(20, b"\0")
        self.out.write_message(bytes(message))
        self.listed.add(number)
        self.report.rows += 1

    def _verbatim(self, record: Record) -> None:
        raw = bytes(record["payload"])[: record.get_int("msg_length")]  # type: ignore[arg-type]
        raw = raw.ljust(record.get_int("msg_length"), b"\0")
        self.out.write_message(raw)
        self.report.rows += 1

    def _say(self, record: Record, number: int) -> bool:
        make = _MESSAGES.get(record.template)
        body = make(self, record) if make is not None else None
        if body is None:
            return False
        code, *fields = body
        self.out.write(str(code), number, self._time(record), *fields)
        self.report.rows += 1
        return True

    def symbol(self, record: Record) -> str:
        """Symbol of the instrument."""
        number = record.get_int("instrument_id")
        one = self.feed.definitions.get(number)
        return self.feed.instruments.get(number, "") if one is None else one.symbol


_Body = tuple[str | int | bytes, ...]


def _ints(record: Record, *names: str) -> tuple[int, ...]:
    return tuple(record.get_int(n) for n in names)


def _add(writer: _Writer, record: Record) -> _Body:
    ref, qty, px = _ints(record, "order_ref", "qty", "px")
    body: _Body = (ref, _LETTERS[record.get_int("side")], qty, writer.symbol(record), px)
    if record.template is Template.BOOK_ADD:
        return ("A", *body)
    return ("F", *body, record.get_text("attribution"))


def _execute(_: _Writer, record: Record) -> _Body:
    ref, qty, match = _ints(record, "order_ref", "qty", "match_id")
    if record.template is Template.BOOK_EXECUTE:
        return "E", ref, qty, match
    printable = "N" if record.get_int("flags") & MarketFlag.NOT_PRINTABLE else "Y"
    return "C", ref, qty, match, printable, record.get_int("exec_px")


def _cancel(_: _Writer, record: Record) -> _Body:
    return "X", *_ints(record, "order_ref", "qty")


def _delete(_: _Writer, record: Record) -> _Body:
    return "D", record.get_int("order_ref")


def _replace(_: _Writer, record: Record) -> _Body:
    return "U", *_ints(record, "order_ref", "new_order_ref", "qty", "px")


def _trade(writer: _Writer, record: Record) -> _Body | None:
    flags, qty, px, match = _ints(record, "flags", "qty", "px", "match_id")
    if flags & MarketFlag.BROKEN:
        return "B", match
    if flags & MarketFlag.CROSS:
        return "Q", qty, writer.symbol(record), px, match, "O"
    side = record.get_int("side")
    # Reference 0 says that the side tells nothing; another one that it is the resting order's.
    ref = 1 if side else 0
    return "P", ref, _OTHER[side], qty, writer.symbol(record), px, match


def _status(writer: _Writer, record: Record) -> _Body | None:
    state, code = record.get_text("state"), record.get_text("code")
    symbol = record.get_text("symbol") or writer.symbol(record)
    bodies: dict[int, _Body] = {
        StatusKind.SYSTEM_EVENT: ("S", state),
        StatusKind.MARKET_WIDE_BREAKER: ("W", state),
        StatusKind.TRADING_ACTION: ("H", symbol, state, "", code[:4]),
        StatusKind.OPERATIONAL_HALT: ("h", symbol, code[:1], state),
        StatusKind.SHORT_SALE: ("Y", symbol, state),
        StatusKind.RETAIL_INTEREST: ("N", symbol, state),
    }
    return bodies.get(record.get_int("kind"))


def _auction(writer: _Writer, record: Record) -> _Body:
    paired, imbalance = _ints(record, "paired_qty", "imbalance_qty")
    prices = _ints(record, "far_px", "near_px", "reference_px")
    texts = [record.get_text(n) for n in ("direction", "cross_type", "price_variation")]
    symbol = writer.symbol(record)
    return "I", paired, imbalance, texts[0], symbol, *prices, texts[1], texts[2]


_MESSAGES = {
    Template.BOOK_ADD: _add,
    Template.BOOK_ADD_ATTRIBUTED: _add,
    Template.BOOK_EXECUTE: _execute,
    Template.BOOK_EXECUTE_PRICED: _execute,
    Template.BOOK_CANCEL: _cancel,
    Template.BOOK_DELETE: _delete,
    Template.BOOK_REPLACE: _replace,
    Template.TRADE: _trade,
    Template.STATUS: _status,
    Template.AUCTION: _auction,
}


def write_itch(
    feed: RecordFeed, path: Path, options: Options, progress: Progress | None = None
) -> WriteReport:
    """Write a day file. InputError for what ITCH's fields cannot hold."""
    report = WriteReport(path)
    told = trade_date.to_date(options.text("date")) if "date" in options else None
    first = feed.next_batch()
    day = told
    if day is None and first is not None and len(first):
        day = _day(next(iter_records(first)).get_int("ts_event_ns"))
    name = f"{day:%m%d%Y}.NASDAQ_ITCH50" if day is not None else ""
    midnight = 0 if day is None else trade_date.midnight_ns(day)
    with ItchWriter(path, name=name) as out:
        writer = _Writer(out, feed, midnight, report)
        if first is not None:
            for record in iter_records(first):
                writer.take(record)
                report.records += 1
        for slots in batches(feed, report, progress):
            for record in iter_records(slots):
                writer.take(record)
    return report
