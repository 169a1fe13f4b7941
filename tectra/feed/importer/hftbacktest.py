"""hftbacktest event files (.npz, .npy) as a feed: depth, trades, best prices, single orders.

Rows that the local side saw are read, in the order of local time; rows of the exchange's side only
are the same events once more. Prices there are floats: a mantissa is taken when it is the float's
shortest decimal, and the row is refused otherwise. Format: docs/data.rst of hftbacktest.
"""

import ast
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tectra.core.closing import Closing
from tectra.core.errors import FileFormatError, InputError, TruncatedInputError
from tectra.core.msg import BookReason, MarketFlag, Side, Template
from tectra.core.types import Exchange
from tectra.feed.importer.base import BlockFeed, Faults, Options
from tectra.feed.importer.dbn_mbo import MboBook, MboRows, held_back
from tectra.feed.importer.record import Records, interleave, new_records
from tectra.feed.importer.source import Head
from tectra.feed.protocol import Slots
from tectra.refdata.instrument import Instrument
from tectra.refdata.mantissa import NO_PX

__all__ = [
    "ADD",
    "BBO",
    "BUY",
    "CANCEL",
    "CLEAR",
    "DEPTH",
    "EVENT",
    "EXCH",
    "FILL",
    "LOCAL",
    "MODIFY",
    "OPTIONS",
    "SELL",
    "SNAPSHOT",
    "TRADE",
    "open_hftbacktest",
    "sniff",
]

EVENT = np.dtype(
    [
        ("ev", "<u8"),
        ("exch_ts", "<i8"),
        ("local_ts", "<i8"),
        ("px", "<f8"),
        ("qty", "<f8"),
        ("order_id", "<u8"),
        ("ival", "<i8"),
        ("fval", "<f8"),
    ],
    align=True,
)
DEPTH, TRADE, CLEAR, SNAPSHOT, BBO = 1, 2, 3, 4, 5
ADD, CANCEL, MODIFY, FILL = 10, 11, 12, 13
EXCH, LOCAL, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28

OPTIONS = {
    "symbol": "symbol of the file (default: its name up to the first _ or .)",
    "exchange": "venue, such as binance (default: simulated)",
    "instrument_id": "id of the symbol (default 1)",
    "px_exponent": "decimal exponent of prices, -15 to 0 (default: the least that fits all)",
    "qty_exponent": "decimal exponent of sizes, -15 to 0 (default: the least that fits all)",
    "strict": "false: leave damaged rows out and count them (default true: the first one raises)",
}
I64 = NDArray[np.int64]
_Part = Callable[..., tuple[Records, I64]]
_BLOCK_ROWS = 1 << 14
_HEADER_MAX = 4096
_DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError)
_PLACES_MAX = 15
_EXACT = float(1 << 53)
_END_NS = (1 << 63) - 1
_KINDS = (DEPTH, TRADE, CLEAR, SNAPSHOT, BBO, ADD, CANCEL, MODIFY, FILL)
_ORDERS = (ADD, CANCEL, MODIFY, FILL)


def sniff(head: Head) -> bool:
    """Whether the file is an .npy of events, or a zip whose member data.npy is one."""
    try:
        with _Rows(head.path) as rows:
            return rows.count >= 0
    except (FileFormatError, InputError):
        return False


class _Rows(Closing):
    """Events read block by block out of .npy or .npz."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.size = path.stat().st_size
            self._file = path.open("rb")
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error
        try:
            self._stream: IO[bytes] = self._open()
            self.count = self._header()
        except BaseException:
            self._file.close()
            raise
        self.row = 0

    def _open(self) -> IO[bytes]:
        start = self._file.read(6)
        self._file.seek(0)
        if start[:4] != b"PK\x03\x04":
            return self._file
        try:
            return zipfile.ZipFile(self._file).open("data.npy")
        # RuntimeError: zipfile's word for a locked member, and for a packing that it cannot undo.
        except (zipfile.BadZipFile, KeyError, OSError, RuntimeError) as error:
            raise FileFormatError(f"{self.path}: no member data.npy: {error}") from error

    def _header(self) -> int:
        """Rows of the array; its header must be exactly that of events."""
        try:
            start = self._stream.read(10)
            if start[:6] != b"\x93NUMPY" or start[6:8] not in (b"\x01\x00", b"\x02\x00"):
                raise ValueError(f"found {start[:8]!r}")
            size = int.from_bytes(start[8:10], "little")
            if start[6] == 2:
                size += int.from_bytes(self._stream.read(2), "little") << 16
            text = self._stream.read(min(size, _HEADER_MAX)).decode("latin-1")
            found = ast.literal_eval(text.strip())
            shape, names = found["shape"], [tuple(f) for f in found["descr"]]
            if len(text) != size or names != npy.dtype_to_descr(EVENT) or len(shape) != 1:
                raise ValueError(f"found {names} of shape {shape}")
            count = int(shape[0])
            if found["fortran_order"] or count < 0:
                raise ValueError(f"found {count} rows")
        except (*_DAMAGE, KeyError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
            raise FileFormatError(
                f"{self.path} is no .npy of events, one row each with "
                f"{', '.join(EVENT.names or ())}: {error}"
            ) from error
        return count

    @property
    def position(self) -> int:
        """Bytes of the file that were read."""
        return self.size if self._file.closed else min(self._file.tell(), self.size)

    def blocks(self) -> Iterator[tuple[int, NDArray[np.void]]]:
        """(number of the first row from 0, events)."""
        while self.row < self.count:
            wanted = min(_BLOCK_ROWS, self.count - self.row) * 64
            try:
                data = b""
                while len(data) < wanted and (more := self._stream.read(wanted - len(data))):
                    data += more
            except _DAMAGE as error:
                raise FileFormatError(
                    f"{self.path}, row {self.row:,}: damaged file: {error}"
                ) from error
            whole = len(data) // 64
            if whole:
                yield self.row, np.frombuffer(data[: whole * 64], EVENT)
            self.row += whole
            if len(data) < wanted:
                raise TruncatedInputError(
                    f"{self.path}: ends behind row {self.row:,} of {self.count:,}"
                )

    def close(self) -> None:
        """Give up the file."""
        self._file.close()


def _mantissas(values: NDArray[np.float64], places: int) -> tuple[I64, NDArray[np.bool_]]:
    """(mantissas at -places, which of them are not the float's own value)."""
    unit = 10.0**places
    with np.errstate(all="ignore"):
        whole = np.rint(values * unit)
        good = (np.abs(whole) < _EXACT) & (whole / unit == values)
    return np.where(good, whole, 0.0).astype(np.int64), ~good


def _least(values: NDArray[np.float64], places: int) -> int:
    """Fewest decimal places, from `places` up, at which all finite values are exact."""
    left = values[np.isfinite(values)]
    while len(left) and places < _PLACES_MAX:
        left = left[_mantissas(left, places)[1]]
        if not len(left):
            break
        places += 1
    return places


class _Scan:
    """One pass ahead: decimal places, and what kinds of rows there are."""

    def __init__(self, rows: _Rows) -> None:
        self.px = self.qty = 0
        self.has_orders = False
        self.has_part_clears = False
        for _, events in rows.blocks():
            kind = events["ev"] & np.uint64(0xFF)
            priced = ~np.isin(kind, (CLEAR,))
            self.px = _least(events["px"][priced], self.px)
            self.qty = _least(events["qty"][priced], self.qty)
            self.has_orders |= bool(np.isin(kind, _ORDERS).any())
            sides = events["ev"] & np.uint64(BUY | SELL)
            one = (sides == BUY) | (sides == SELL)
            self.has_part_clears |= bool(((kind == CLEAR) & one).any())


class _Maker:
    """Events as records."""

    def __init__(self, one: Instrument, scan: _Scan, faults: Faults) -> None:
        self.one = one
        self.scan = scan
        self.faults = faults
        self.book = MboBook(faults)
        self.shown: dict[int, set[int]] = {int(Side.BUY): set(), int(Side.SELL): set()}
        self.best = {int(Side.BUY): (NO_PX, 0), int(Side.SELL): (NO_PX, 0)}
        self.last = -(1 << 63)

    def slots(self, first: int, events: NDArray[np.void]) -> Slots:
        """Records of a block."""
        ended = np.flatnonzero((events["exch_ts"] == _END_NS) | (events["local_ts"] == _END_NS))
        events = events[: int(ended[0])] if len(ended) else events
        local = (events["ev"] & np.uint64(LOCAL)) != 0
        neither = (events["ev"] & np.uint64(LOCAL | EXCH)) == 0
        kind = (events["ev"] & np.uint64(0xFF)).astype(np.int64)
        px, px_bad = _mantissas(events["px"], -self.one.px_exponent)
        qty, qty_bad = _mantissas(events["qty"], -self.one.qty_exponent)
        side = np.select(
            [(events["ev"] & np.uint64(BUY)) != 0, (events["ev"] & np.uint64(SELL)) != 0],
            [int(Side.BUY), int(Side.SELL)],
            default=0,
        )
        both = (events["ev"] & np.uint64(BUY | SELL)) == BUY | SELL
        clear = kind == CLEAR
        bare = clear | (kind == CANCEL)
        empty = (kind == BBO) & ~np.isfinite(events["px"])
        wrong = {
            "an unknown kind of event": ~np.isin(kind, _KINDS) | neither,
            "a price that is no decimal of the exponent": px_bad & ~bare & ~empty,
            "a size that is no decimal of the exponent": (qty_bad | (qty < 0)) & ~bare & ~empty,
            "no size": np.isin(kind, (ADD, FILL)) & (qty <= 0),
            "no side": (np.isin(kind, (DEPTH, SNAPSHOT, BBO, ADD)) & (side == 0)) | (both & ~clear),
            "a time before 1970": (events["exch_ts"] < 0) | (events["local_ts"] < 0),
        }
        times = events["local_ts"]
        good = np.ones(len(events), bool)
        for cause, bad in wrong.items():
            self._complain(first, events, bad & good, cause)
            good &= ~bad
        seen = good & local
        highest = np.maximum.accumulate(np.where(seen, np.maximum(times, self.last), self.last))
        back = seen & (times < highest)
        self._complain(first, events, back, "a local time behind a later one")
        if len(highest):
            self.last = max(self.last, int(highest[-1]))
        at = np.flatnonzero(seen & ~back).astype(np.int64)
        head = {
            "ts_event_ns": events["exch_ts"][at],
            "ts_recv_ns": times[at],
            "instrument_id": np.full(len(at), self.one.instrument_id, np.uint32),
            "venue_id": np.full(len(at), int(self.one.exchange), np.uint16),
        }
        columns = _Columns(
            kind[at], side[at], px[at], qty[at], both[at], events[at], first + at, empty[at]
        )
        if self.scan.has_orders:
            return self._orders(head, columns)
        return self._levels(head, columns)

    def _complain(
        self, first: int, events: NDArray[np.void], bad: NDArray[np.bool_], cause: str
    ) -> None:
        for i in np.flatnonzero(bad).tolist():
            self.faults.add(first + i, cause.replace(" ", "_"), f"found {cause}: {events[i]}")

    def _orders(self, head: dict[str, NDArray[np.generic]], c: "_Columns") -> Slots:
        """A file of single orders: as DBN's, but a cancel takes the whole order."""
        letters = np.full(256, b"N", "S1")
        for number, letter in ((ADD, b"A"), (CANCEL, b"D"), (MODIFY, b"M"), (FILL, b"F")):
            letters[number] = letter
        letters[TRADE], letters[CLEAR] = b"T", b"R"
        sides = np.array([b"N", b"B", b"A"], "S1")
        rows = MboRows(
            head,
            letters[c.kind],
            sides[c.side],
            c.events["order_id"],
            c.px,
            c.qty,
            np.zeros(len(c.kind), np.uint8),
            c.events["ival"],
            c.rows,
        )
        return self.book.records(rows)

    def _levels(self, head: dict[str, NDArray[np.generic]], c: "_Columns") -> Slots:
        """A file of price levels, trades and best prices."""

        def part(template: Template, at: I64, **more: object) -> tuple[Records, I64]:
            own = {n: v[at] for n, v in head.items()}
            return new_records(template, len(at), **own, **more), 2 * at

        depth = np.flatnonzero(np.isin(c.kind, (DEPTH, SNAPSHOT))).astype(np.int64)
        trades = np.flatnonzero(c.kind == TRADE).astype(np.int64)
        flags = (c.kind[depth] == SNAPSHOT) * int(MarketFlag.SNAPSHOT)
        parts = [
            part(
                Template.BOOK_LEVEL,
                depth,
                side=c.side[depth],
                px=c.px[depth],
                qty=c.qty[depth],
                flags=flags,
            ),
            part(
                Template.TRADE,
                trades,
                side=c.side[trades],
                px=c.px[trades],
                qty=c.qty[trades],
                match_id=c.events["ival"][trades].astype(np.uint64),
            ),
        ]
        whole = (c.kind == CLEAR) & ((c.side == 0) | c.both)
        at = np.flatnonzero(whole).astype(np.int64)
        parts.append(part(Template.BOOK_CLEAR, at, reason=int(BookReason.REFRESH)))
        if self.scan.has_part_clears:
            parts.append(self._part_clears(part, c, whole))
        parts.append(self._quotes(part, c))
        return interleave(parts)

    def _part_clears(
        self, part: _Part, c: "_Columns", whole: NDArray[np.bool_]
    ) -> tuple[Records, I64]:
        """Levels that a clear of one side takes out, which needs to know what stands there."""
        rows: list[tuple[int, int, int]] = []
        for i, kind in enumerate(c.kind.tolist()):
            side = int(c.side[i])
            if kind in (DEPTH, SNAPSHOT):
                level = self.shown[side]
                level.add(int(c.px[i])) if c.qty[i] else level.discard(int(c.px[i]))
            elif whole[i]:
                for level in self.shown.values():
                    level.clear()
            elif kind == CLEAR:
                limit = float(c.events["px"][i]) * 10.0**-self.one.px_exponent
                level = self.shown[side]
                if not np.isfinite(limit):
                    gone = sorted(level)
                elif side == int(Side.BUY):
                    gone = sorted(p for p in level if p >= limit)
                else:
                    gone = sorted(p for p in level if p <= limit)
                rows += [(i, side, p) for p in gone]
                level.difference_update(gone)
        at = np.array([r[0] for r in rows], np.int64)
        return part(
            Template.BOOK_LEVEL,
            at,
            side=np.array([r[1] for r in rows], np.uint8),
            px=np.array([r[2] for r in rows], np.int64),
        )

    def _quotes(self, part: _Part, c: "_Columns") -> tuple[Records, I64]:
        """One quote for each run of best prices of one moment."""
        at = np.flatnonzero(c.kind == BBO).astype(np.int64)
        values = []
        ends = []
        for k, i in enumerate(at.tolist()):
            px = NO_PX if c.empty[i] else int(c.px[i])
            self.best[int(c.side[i])] = (px, 0 if c.empty[i] else int(c.qty[i]))
            follows = (
                k + 1 < len(at)
                and at[k + 1] == i + 1
                and c.side[i + 1] != c.side[i]
                and c.events["exch_ts"][i + 1] == c.events["exch_ts"][i]
                and c.events["local_ts"][i + 1] == c.events["local_ts"][i]
            )
            if not follows:
                ends.append(i)
                values.append((*self.best[int(Side.BUY)], *self.best[int(Side.SELL)]))
        grid = np.array(values, np.int64).reshape(-1, 4)
        return part(
            Template.QUOTE,
            np.array(ends, np.int64),
            flags=int(MarketFlag.LAST),
            bid_px=grid[:, 0],
            bid_qty=grid[:, 1],
            ask_px=grid[:, 2],
            ask_qty=grid[:, 3],
        )


@dataclass(frozen=True, slots=True)
class _Columns:
    """What was read of the rows that are good; `rows` are their numbers in the file."""

    kind: I64
    side: I64
    px: I64
    qty: I64
    both: NDArray[np.bool_]
    events: NDArray[np.void]
    rows: I64
    empty: NDArray[np.bool_]


def open_hftbacktest(path: Path, options: Options) -> BlockFeed:
    """Open one file. FileFormatError, TruncatedInputError."""
    with _Rows(path) as ahead:
        scan = _Scan(ahead)
    px, qty = options.exponent("px_exponent"), options.exponent("qty_exponent")
    symbol = options.text("symbol", path.name.split(".")[0].split("_")[0] or "DATA")
    one = Instrument(
        options.integer("instrument_id", 1, low=1, high=(1 << 32) - 1),
        symbol[:16],
        options.exchange(Exchange.SIMULATED),
        px_exponent=-scan.px if px is None else max(px, -_PLACES_MAX),
        qty_exponent=-scan.qty if qty is None else max(qty, -_PLACES_MAX),
    )
    faults = Faults(path, strict=options.flag("strict", default=True), unit="row")
    maker = _Maker(one, scan, faults)
    rows = _Rows(path)

    blocks = (maker.slots(first, events) for first, events in _whole_trades(rows, scan))
    return BlockFeed("hftbacktest", rows, {one.instrument_id: one}, blocks, faults)


def _whole_trades(rows: _Rows, scan: _Scan) -> Iterator[tuple[int, NDArray[np.void]]]:
    """Blocks that end in no trade whose fills may still come."""
    if not scan.has_orders:
        yield from rows.blocks()
        return
    held = np.empty(0, EVENT)
    try:
        for first, events in rows.blocks():
            joined = np.concatenate([held, events])
            cut = len(joined) - _waiting(joined)
            if cut:
                yield first - len(held), joined[:cut]
            held = joined[cut:]
    except FileFormatError:
        if len(held):
            yield rows.row - len(held), held
        raise
    if len(held):
        yield rows.row - len(held), held


def _waiting(events: NDArray[np.void]) -> int:
    """Rows at the end, from the trade on whose fills may still come."""
    at = np.flatnonzero((events["ev"] & np.uint64(LOCAL)) != 0)
    kind = events["ev"][at] & np.uint64(0xFF)
    action = np.where(kind == TRADE, b"T", b"").astype("S1")
    wait = held_back(action, events["exch_ts"][at])
    return len(events) - int(at[-wait]) if wait else 0
