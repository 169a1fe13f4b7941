"""LOBSTER message and order book files as a feed of single orders.

The book file of the same name is read along. What rested before the first message becomes one order
a level, and messages about orders that the file does not add go against those. Messages cover only
the levels shown, so a level that comes into view with more or less than is known of it is put right
by records with the flag SNAPSHOT. Without a book file the book starts empty. Format:
lobsterdata.com, DataStructure.
"""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tectra.core.msg import MarketFlag, Side, StatusKind, Template
from tectra.core.types import Exchange
from tectra.feed import trade_date
from tectra.feed.importer.base import BlockFeed, Faults, Options, RowError
from tectra.feed.importer.lobster_book import BookRows, Resting
from tectra.feed.importer.number import integers, mantissas, places
from tectra.feed.importer.record import Records, interleave, new_records
from tectra.feed.importer.source import ByteSource, Head
from tectra.feed.importer.table import Block, CsvReader, header_of, records_of
from tectra.feed.protocol import Slots
from tectra.refdata.instrument import Instrument

__all__ = ["COLUMNS", "OPTIONS", "book_of", "open_lobster", "sniff"]

COLUMNS = ("time", "type", "order_id", "size", "price", "direction")
OPTIONS = {
    "orderbook": "the book file (default: that of the same name; none: do without)",
    "date": "trade date YYYY-MM-DD (default: that of the name, else 1970-01-01)",
    "symbol": "ticker (default: what stands before the first _ of the name)",
    "instrument_id": "id of the symbol (default 1)",
    "strict": "false: leave damaged rows out and count them (default true: the first one raises)",
}
_TICK = 100  # NASDAQ quotes in cents from one dollar on
_PER_DAY = 86_400_000_000_000
_PX_MAX = 1 << 40
_NS = Decimal("1e-9")
_HALT, _QUOTE, _TRADE = -1, 0, 1
I64 = NDArray[np.int64]
# A level changes one way only within a row, so that the order of these keeps references known.
_FIX_ORDER = (Template.BOOK_CANCEL, Template.BOOK_DELETE, Template.BOOK_ADD)


def sniff(head: Head) -> bool:
    """Whether the first rows are messages of LOBSTER."""
    rows = [header_of(line) for line in head.lines[:5]]
    return bool(rows) and all(_is_message(row) for row in rows)


def _is_message(row: list[str]) -> bool:
    if len(row) != len(COLUMNS) or row[5] not in ("1", "-1") or row[1] not in list("1234567"):
        return False
    seconds, _, places = row[0].partition(".")
    numbers = (seconds, places or "0", row[2], row[3], row[4].removeprefix("-"))
    return all(n.isascii() and n.isdigit() for n in numbers) and int(seconds) <= 86_400


def book_of(path: Path) -> Path | None:
    """The book file that belongs to a message file: the same name with orderbook in it."""
    if "message" not in path.name:
        return None
    name = path.name.replace("message", "orderbook")
    base = name.removesuffix(".gz").removesuffix(".zst").removesuffix(".xz")
    for ending in ("", ".gz", ".zst", ".xz"):
        other = path.with_name(base + ending)
        if other.is_file():
            return other
    return None


class _Rows(NamedTuple):
    time: I64
    kind: I64
    ref: I64
    qty: I64
    px: I64
    side: NDArray[np.uint8]
    line: I64
    rounded: int


def _parse(block: Block, midnight_ns: int) -> tuple[_Rows, I64]:
    """Check a block. RowError."""
    texts, rounded = _to_ns(block["time"])
    time = mantissas(texts, -9, "time", low=0)
    kind, ref = integers(block["type"], "type").copy(), integers(block["order_id"], "order_id")
    qty = integers(block["size"], "size", low=-(1 << 62))
    px = integers(block["price"], "price", low=-(1 << 62))
    direction = integers(block["direction"], "direction", low=-(1 << 62))
    halt = kind == 7
    state_ok = np.isin(px, (_HALT, _QUOTE, _TRADE))
    seen = {"time": time, "type": kind, "size": qty, "price": px, "direction": direction}
    for name, bad, allowed in (
        ("time", time > _PER_DAY, "seconds of one day"),
        ("type", (kind < 1) | (kind > 7), "1 to 7"),
        ("size", ~halt & (qty <= 0), "1 or more"),
        ("price", ~halt & ((px <= 0) | (px > _PX_MAX)), "dollars x 10,000, 1 or more"),
        ("price", halt & ~state_ok, "-1, 0 or 1 in a row of type 7"),
        ("direction", ~np.isin(direction, (1, -1)) & ~halt, "1 or -1"),
    ):
        rows = np.flatnonzero(bad).astype(np.int64)
        if len(rows):
            raise RowError(rows, "out_of_range", _wording(name, seen[name], allowed))
    side = np.where(direction == 1, int(Side.BUY), int(Side.SELL)).astype(np.uint8)
    rows_of = _Rows(time + midnight_ns, kind, ref, qty, px, side, block.lines, rounded)
    return rows_of, rows_of.time


def _to_ns(column: pa.Array) -> tuple[pa.Array, int]:
    """Times rounded to nanoseconds where they have more places, and how many have.

    Files that went through a table of floats carry such times.
    """
    long = np.flatnonzero(places(column) > 9)
    if not len(long):
        return column, 0
    texts = column.to_pylist()
    for i in long.tolist():
        with suppress(InvalidOperation):
            texts[i] = f"{Decimal(texts[i]).quantize(_NS):f}"
    return pa.array(texts, pa.string()), len(long)


def _wording(name: str, values: I64, allowed: str) -> Callable[[int], str]:
    return lambda i: f"{name}: found {int(values[i])}; allowed: {allowed}"


class _Maker:
    """Messages as records; follows every order, and the book file where there is one."""

    def __init__(self, one: Instrument, book: BookRows | None, faults: Faults) -> None:
        self.one = one
        self.book = book
        self.faults = faults
        self.resting = Resting()
        self.first = True
        self.rows_done = 0
        self.fixes: list[tuple[int, ...]] = []

    def _new(self, template: Template, rows: _Rows, pick: I64, **columns: object) -> Records:
        return new_records(
            template,
            len(pick),
            ts_event_ns=rows.time[pick],
            ts_recv_ns=rows.time[pick],
            instrument_id=self.one.instrument_id,
            venue_id=int(self.one.exchange),
            **columns,
        )

    def emit(self, rows: _Rows) -> Slots:
        """Records of a block, behind the orders that rested before the first one."""
        parts: list[tuple[Records, I64]] = []
        if rows.rounded:
            text = "a time with more than 9 places was rounded"
            self.faults.note(int(rows.line[0]), "time_rounded", text, rows.rounded)
        shown = None if self.book is None else self.book.rows(rows.line)
        if self.first:
            self.first = False
            if shown is not None:
                self.resting.seed(shown[0].tolist(), _undo(rows))
                parts.append(self._seeds(rows))
        self.fixes = []
        kind, ref = self._follow(rows, shown)
        for template, more in (
            (Template.BOOK_ADD, ("side", "px", "qty")),
            (Template.BOOK_CANCEL, ("qty",)),
            (Template.BOOK_DELETE, ()),
            (Template.BOOK_EXECUTE, ("qty",)),
        ):
            at = np.flatnonzero(kind == int(template)).astype(np.int64)
            columns = {n: getattr(rows, n)[at] for n in more}
            records = self._new(template, rows, at, order_ref=ref[at], **columns)
            if template is Template.BOOK_EXECUTE:
                records["match_id"] = self.rows_done + 1 + at
            parts.append((records, 2 * at))
        parts += self._prints(rows, (rows.kind == 4) & (kind == 0))
        parts += self._corrections(rows)
        self.rows_done += len(rows.time)
        return interleave(parts)

    def _seeds(self, rows: _Rows) -> tuple[Records, I64]:
        orders = list(self.resting.orders.items())
        out = self._new(Template.BOOK_ADD, rows, np.zeros(len(orders), np.int64))
        out["flags"] = int(MarketFlag.SNAPSHOT)
        for i, (ref, (side, px, qty)) in enumerate(orders):
            out["order_ref"][i], out["side"][i], out["px"][i], out["qty"][i] = ref, side, px, qty
        return out, np.full(len(orders), -1, np.int64)

    def _follow(self, rows: _Rows, shown: I64 | None) -> tuple[I64, I64]:
        """Apply every message: template (0: none) and reference of the record that each row is."""
        kinds = np.zeros(len(rows.kind), np.int64)
        refs = rows.ref.copy()
        resting = self.resting
        orders = resting.orders
        columns = (rows.kind.tolist(), rows.ref.tolist(), rows.qty.tolist())
        for i, (kind, ref, qty) in enumerate(zip(*columns, strict=True)):
            if kind == 1:
                side, px = int(rows.side[i]), int(rows.px[i])
                if ref in orders:
                    self._note(i, "duplicate_order", f"order {ref} is added twice")
                else:
                    resting.add(ref, side, px, qty)
                    kinds[i] = int(Template.BOOK_ADD)
            elif kind <= 4:
                kinds[i] = self._reduce(rows, refs, i)
            if shown is not None:
                for template, *what in resting.reconcile(shown[i].tolist()):
                    self.fixes.append((i, int(template), *what))
        return kinds, refs

    def _reduce(self, rows: _Rows, refs: I64, i: int) -> int:
        """One cancel, delete or execution: the template of its record."""
        resting = self.resting
        kind, ref, qty = int(rows.kind[i]), int(refs[i]), int(rows.qty[i])
        found = resting.orders.get(ref)
        if found is None:
            ref = resting.anonymous(int(rows.side[i]), int(rows.px[i]), qty)
            if not ref:
                self._note(i, "unknown_order", f"order {rows.ref[i]} was not seen before")
                return 0
            refs[i] = ref
        elif found[2] < qty or (kind == 3 and found[2] != qty):
            self._note(i, "size_differs", f"order {ref} has {found[2]} left; found {qty}")
        whole = resting.orders[ref][2]
        left = resting.reduce(ref, whole if kind == 3 and found is not None else qty)
        if kind == 4 and qty <= whole:
            return int(Template.BOOK_EXECUTE)
        return int(Template.BOOK_CANCEL if left else Template.BOOK_DELETE)

    def _note(self, i: int, cause: str, text: str) -> None:
        self.faults.note(self.rows_done + i + 1, cause, text)

    def _corrections(self, rows: _Rows) -> list[tuple[Records, I64]]:
        """Records that bring the book to what the book file shows."""
        out = []
        for template in (Template.BOOK_ADD, Template.BOOK_CANCEL, Template.BOOK_DELETE):
            mine = [fix for fix in self.fixes if fix[1] == int(template)]
            at = np.array([fix[0] for fix in mine], np.int64)
            records = self._new(template, rows, at)
            for j, name in ((2, "order_ref"), (3, "side"), (4, "px"), (5, "qty")):
                if name in (records.dtype.names or ()):
                    records[name] = [fix[j] for fix in mine]
            records["flags"] = int(MarketFlag.SNAPSHOT)
            order = {int(t): k for k, t in enumerate(_FIX_ORDER)}[int(template)]
            out.append((records, 2 * at + 1, order))
        return [(records, keys) for records, keys, _ in sorted(out, key=lambda part: part[2])]

    def _prints(self, rows: _Rows, unseen: NDArray[np.bool_]) -> list[tuple[Records, I64]]:
        """Trades that touch no order of the book, and trading states."""
        at = np.flatnonzero((rows.kind == 5) | (rows.kind == 6) | unseen).astype(np.int64)
        flags = np.select(
            [rows.kind[at] == 5, rows.kind[at] == 6],
            [int(MarketFlag.HIDDEN), int(MarketFlag.CROSS)],
            default=0,
        )
        resting = rows.side[at]
        other = np.where(resting == int(Side.BUY), int(Side.SELL), int(Side.BUY))
        trades = self._new(
            Template.TRADE,
            rows,
            at,
            px=rows.px[at],
            qty=rows.qty[at],
            side=np.where(rows.kind[at] == 6, int(Side.NONE), other),
            flags=flags,
            match_id=self.rows_done + 1 + at,
        )
        halts = np.flatnonzero(rows.kind == 7).astype(np.int64)
        states = self._new(Template.STATUS, rows, halts, kind=int(StatusKind.TRADING_ACTION))
        states["state"] = np.array([b"H", b"Q", b"T"], "S1")[rows.px[halts] + 1]
        states["symbol"] = self.one.symbol.encode()[:8]
        return [(trades, 2 * at), (states, 2 * halts)]


def _undo(rows: _Rows) -> tuple[int, int, int]:
    """(side, px, size added) of the first message; size negative for what it took."""
    if rows.kind[0] > 4:
        return int(Side.BUY), 0, 0
    size = int(rows.qty[0])
    return int(rows.side[0]), int(rows.px[0]), size if rows.kind[0] == 1 else -size


class _Pair:
    """Message and book file as one source."""

    def __init__(self, message: ByteSource, book: BookRows | None) -> None:
        self._message = message
        self._book = book

    @property
    def size(self) -> int:
        """Bytes of the message file."""
        return self._message.size

    @property
    def position(self) -> int:
        """Bytes of the message file that were read."""
        return self._message.position

    def close(self) -> None:
        """Close both."""
        self._message.close()
        if self._book is not None:
            self._book.close()


def open_lobster(path: Path, options: Options) -> BlockFeed:
    """Open a message file, with its book file beside it. InputError, FileFormatError."""
    symbol = options.text("symbol", path.name.split("_")[0].split(".")[0])
    date = options.text("date")
    day = trade_date.to_date(date) if date else trade_date.date_of_name(path)
    number = options.integer("instrument_id", 1, low=1, high=(1 << 32) - 1)
    one = Instrument(number, symbol[:16], Exchange.NASDAQ, tick=_TICK)
    told = options.text("orderbook")
    where = book_of(path) if not told else None if told == "none" else Path(told)
    faults = Faults(path, strict=options.flag("strict", default=True))
    midnight = 0 if day is None else trade_date.midnight_ns(day)
    source = ByteSource(path)
    try:
        book = None if where is None else BookRows(where)
    except BaseException:
        source.close()
        raise
    maker = _Maker(one, book, faults)
    reader = CsvReader(source, COLUMNS, faults)
    blocks = records_of(reader, faults, lambda b: _parse(b, midnight), maker.emit)
    feed = BlockFeed("lobster", _Pair(source, book), {number: one}, blocks, faults)
    feed.midnight_ns = midnight
    return feed
