"""Tardis CSV files as a feed: trades, incremental_book_L2, quotes, book_snapshot_N and
derivative_ticker, of one symbol or several, mostly gzip.

Times are microseconds UTC: timestamp is the venue's, local_timestamp that of the recorder. Format:
docs.tardis.dev, downloadable CSV files.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tectra.core.errors import FileFormatError
from tectra.core.msg import BookReason, MarketFlag, Side, Template
from tectra.core.types import Exchange
from tectra.feed.importer.base import BlockFeed, Faults, Options, RowError
from tectra.feed.importer.level import LevelDiff
from tectra.feed.importer.number import MISSING, floats, integers
from tectra.feed.importer.record import Records, as_slots, chosen, interleave, new_records
from tectra.feed.importer.source import ByteSource, Head, read_head
from tectra.feed.importer.symbols import COMMON, Directory, Layout, find_instruments
from tectra.feed.importer.table import Block, header_of, records_of
from tectra.feed.protocol import Slots
from tectra.refdata.mantissa import NO_PX

__all__ = [
    "HEAD_COLUMNS",
    "KINDS",
    "OPTIONS",
    "kind_of",
    "open_tardis",
    "snapshot_columns",
    "sniff",
]

OPTIONS = dict(COMMON)
I64 = NDArray[np.int64]

HEAD_COLUMNS = ("exchange", "symbol", "timestamp", "local_timestamp")
KINDS = {
    "incremental_book_L2": ("is_snapshot", "side", "price", "amount"),
    "trades": ("id", "side", "price", "amount"),
    "quotes": ("ask_amount", "ask_price", "bid_price", "bid_amount"),
    "derivative_ticker": (
        "funding_timestamp",
        "funding_rate",
        "predicted_funding_rate",
        "open_interest",
        "last_price",
        "index_price",
        "mark_price",
    ),
}
_VENUES = {"binance": Exchange.BINANCE, "bybit": Exchange.BYBIT, "coinbase": Exchange.COINBASE}
_VENUES |= {"kraken": Exchange.KRAKEN}
_MOST_US = (1 << 63) // 1000 - 1


def snapshot_columns(depth: int) -> tuple[str, ...]:
    """Columns of book_snapshot_N behind the first four."""
    return tuple(
        f"{side}[{i}].{what}"
        for i in range(depth)
        for side in ("asks", "bids")
        for what in ("price", "amount")
    )


def kind_of(head: Head) -> tuple[str, tuple[str, ...]]:
    """(kind, columns) of a file by its header row; ("", ()) for other content."""
    names = tuple(header_of(head.lines[0])) if head.lines else ()
    if names[:4] != HEAD_COLUMNS:
        return "", ()
    rest = names[4:]
    for kind, columns in KINDS.items():
        if rest == columns:
            return kind, names
    if rest and len(rest) % 4 == 0 and rest == snapshot_columns(len(rest) // 4):
        return f"book_snapshot_{len(rest) // 4}", names
    return "", ()


def sniff(head: Head) -> bool:
    """Whether the header row is that of one of the files."""
    return bool(kind_of(head)[0])


class _Rows(NamedTuple):
    """Columns that every kind has, and those of one kind."""

    ids: I64
    event: I64
    local: I64
    more: dict[str, NDArray[np.generic]]


def _micros(block: Block, name: str) -> I64:
    raw = integers(block[name], name)
    bad = np.flatnonzero(raw > _MOST_US).astype(np.int64)
    if len(bad):
        raise RowError(
            bad, "out_of_range", lambda i: f"{name}: found {raw[i]}; allowed: microseconds"
        )
    return raw * 1000


def _words(block: Block, name: str, codes: dict[str, int]) -> NDArray[np.uint8]:
    """A column of a few words as their codes."""
    coded = pc.dictionary_encode(block[name])
    words = coded.dictionary.to_pylist()
    table = np.array([codes.get(w, 255) for w in words], np.uint8)
    out: NDArray[np.uint8] = table[coded.indices.to_numpy(zero_copy_only=False)]
    bad = np.flatnonzero(out == 255).astype(np.int64)
    if len(bad):
        cells = block[name]
        raise RowError(
            bad,
            "unknown_word",
            lambda i: f"{name}: found {cells[i].as_py()!r}; allowed: {', '.join(codes)}",
        )
    return out


class _Maker:
    """Rows of one file as records."""

    def __init__(self, kind: str, names: tuple[str, ...], directory: Directory, faults: Faults):
        self.kind = kind
        self.names = names
        self.directory = directory
        self.faults = faults
        self.venue = {n: int(d.exchange) for n, d in directory.definitions.items()}
        self.depth = (len(names) - 4) // 4
        self.books = {n: LevelDiff(self.depth) for n in directory.definitions}
        self.in_snapshot = dict.fromkeys(directory.definitions, False)
        self.tail: tuple[Records, Records, I64, I64] | None = None
        self.last_key = (-1, -1)

    def parse(self, block: Block) -> tuple[_Rows, I64]:
        """Check a block. RowError."""
        ids = self.directory.of_rows(block)
        event, local = _micros(block, "timestamp"), _micros(block, "local_timestamp")
        return _Rows(ids, event, local, self._more(block, ids)), local

    def _more(self, block: Block, ids: I64) -> dict[str, NDArray[np.generic]]:
        exact = self.directory.mantissas
        if self.kind == "trades":
            sides = {"buy": int(Side.BUY), "sell": int(Side.SELL), "unknown": int(Side.NONE)}
            texts = block["id"]
            plain = pc.match_substring_regex(texts, r"^\d{1,18}$").to_numpy(False)
            numbers = np.zeros(len(block), np.int64)
            numbers[plain] = pc.cast(texts.filter(pa.array(plain)), pa.int64()).to_numpy()
            return {
                "side": _words(block, "side", sides),
                "px": exact(block, "price", ids, low=-(1 << 62)),
                "qty": exact(block, "amount", ids, low=0),
                "match_id": numbers,
                "odd_id": ~plain,
            }
        if self.kind == "incremental_book_L2":
            return {
                "snapshot": _words(block, "is_snapshot", {"false": 0, "true": 1}),
                "side": _words(block, "side", {"bid": int(Side.BUY), "ask": int(Side.SELL)}),
                "px": exact(block, "price", ids, low=-(1 << 62)),
                "qty": exact(block, "amount", ids, low=0),
            }
        if self.kind == "derivative_ticker":
            return self._ticker(block, ids)
        return {
            name: exact(block, name, ids, low=-(1 << 62) if "price" in name else 0, empty=True)
            for name in self.names[4:]
        }

    def _ticker(self, block: Block, ids: I64) -> dict[str, NDArray[np.generic]]:
        for name in KINDS["derivative_ticker"][1:]:
            cells = block[name]
            filled = pc.if_else(pc.equal(cells, ""), "0", cells)
            floats(filled, name)
        columns = [block[n] for n in KINDS["derivative_ticker"]]
        text = pc.binary_join_element_wise(*columns, ",").to_pylist()
        last = self.directory.mantissas(block, "last_price", ids, low=-(1 << 62), empty=True)
        return {"last_px": last, "text": np.array([t.encode() for t in text], object)}

    def _head(self, rows: _Rows, pick: I64 | slice = slice(None)) -> dict[str, object]:
        ids = rows.ids[pick]
        venues = np.array([self.venue[int(i)] for i in np.unique(ids)], np.uint16)
        return {
            "ts_event_ns": rows.event[pick],
            "ts_recv_ns": rows.local[pick],
            "instrument_id": ids,
            "venue_id": venues[np.searchsorted(np.unique(ids), ids)],
        }

    def trades(self, rows: _Rows) -> Slots:
        """trade records."""
        odd = int(np.count_nonzero(rows.more["odd_id"]))
        if odd:
            self.faults.note(0, "id_not_numeric", "match_id is 0: the id is no number", odd)
        names = ("side", "px", "qty", "match_id")
        columns = {n: rows.more[n] for n in names}
        return as_slots(new_records(Template.TRADE, len(rows.ids), **self._head(rows), **columns))

    def quotes(self, rows: _Rows) -> Slots:
        """quote records; an empty side has no price and no size."""
        records = new_records(
            Template.QUOTE, len(rows.ids), **self._head(rows), flags=int(MarketFlag.LAST)
        )
        for side in ("bid", "ask"):
            px, qty = rows.more[f"{side}_price"], rows.more[f"{side}_amount"]
            records[f"{side}_px"] = np.where(px == MISSING, NO_PX, px)
            records[f"{side}_qty"] = np.where(qty == MISSING, 0, qty)
        return as_slots(records)

    def ticker(self, rows: _Rows) -> Slots:
        """A ticker record with the last price, and the cells verbatim, 64 bytes a record."""
        count = len(rows.ids)
        last = rows.more["last_px"]
        ticker = new_records(
            Template.TICKER,
            count,
            **self._head(rows),
            bid_px=NO_PX,
            ask_px=NO_PX,
            high_px=NO_PX,
            low_px=NO_PX,
            last_px=np.where(last == MISSING, NO_PX, last),
        )
        texts = [bytes(t) for t in rows.more["text"].tolist()]
        owner = np.repeat(np.arange(count), [-(-len(t) // 64) for t in texts])
        parts = [t[i : i + 64] for t in texts for i in range(0, len(t), 64)]
        message = new_records(
            Template.VENUE_MESSAGE,
            len(parts),
            **self._head(rows, owner),
            msg_type=b"F",
            msg_length=np.array([len(t) for t in texts], np.int64)[owner],
            payload=np.array(parts, "S64"),
        )
        return interleave([(ticker, np.arange(count)), (message, owner)])

    def snapshots(self, rows: _Rows) -> Slots:
        """book_level records of what changed from row to row."""
        found: list[tuple[Records, I64]] = []
        for number in np.unique(rows.ids).tolist():
            mine = np.flatnonzero(rows.ids == number)
            grid = {}
            for side in ("bids", "asks"):
                for what in ("price", "amount"):
                    names = [f"{side}[{i}].{what}" for i in range(self.depth)]
                    grid[side, what] = np.stack([rows.more[n][mine] for n in names], axis=1)
            px = {s: grid[s, "price"] for s in ("bids", "asks")}
            qty = {s: np.where(px[s] == MISSING, 0, grid[s, "amount"]) for s in px}
            records, at = self.books[number].update(
                px["bids"], qty["bids"], px["asks"], qty["asks"]
            )
            for name, values in self._head(rows, mine[at]).items():
                records[name] = values
            found.append((records, mine[at].astype(np.int64)))
        return interleave(found)

    def book(self, rows: _Rows) -> Slots:
        """book_level records, a book_clear ahead of each snapshot, LAST at the end of a message."""
        records = new_records(
            Template.BOOK_LEVEL,
            len(rows.ids),
            **self._head(rows),
            side=rows.more["side"],
            px=rows.more["px"],
            qty=rows.more["qty"],
            flags=rows.more["snapshot"] * int(MarketFlag.SNAPSHOT),
        )
        starts = np.zeros(len(rows.ids), bool)
        for number in np.unique(rows.ids).tolist():
            mine = np.flatnonzero(rows.ids == number)
            shown = rows.more["snapshot"][mine].astype(bool)
            before = np.append(self.in_snapshot[number], shown[:-1])
            starts[mine] = shown & ~before
            self.in_snapshot[number] = bool(shown[-1])
        at = np.flatnonzero(starts)
        clears = new_records(
            Template.BOOK_CLEAR,
            len(at),
            **self._head(rows, at),
            reason=int(BookReason.REFRESH),
        )
        same = (rows.local[1:] == rows.local[:-1]) & (rows.ids[1:] == rows.ids[:-1])
        records["flags"][:-1][~same] |= int(MarketFlag.LAST)
        ahead = self._release((int(rows.local[0]), int(rows.ids[0])))
        self.last_key = (int(rows.local[-1]), int(rows.ids[-1]))
        cut = len(records) - 1
        keep = at < cut
        body = interleave([(chosen(clears, keep), at[keep]), (records[:cut], np.arange(cut))])
        self.tail = (chosen(clears, ~keep), records[cut:], at[~keep], np.array([cut]))
        return np.concatenate([ahead, body])

    def _release(self, key: tuple[int, int] | None) -> Slots:
        """The row held back: it ends its message unless the next row belongs to it."""
        if self.tail is None:
            return np.empty(0, np.uint8)
        clears, last, at, cut = self.tail
        if key != self.last_key:
            last["flags"] |= int(MarketFlag.LAST)
        self.tail = None
        return interleave([(clears, at), (last, cut)])

    def finish(self) -> Slots:
        """What was held back."""
        return self._release(None)


def open_tardis(path: Path, options: Options) -> BlockFeed:
    """Open one file. Raises FileFormatError for another header."""
    kind, names = kind_of(read_head(path))
    if not kind:
        raise FileFormatError(
            f"{path}: found no header of a Tardis file; allowed: {', '.join(KINDS)}, "
            "book_snapshot_N"
        )
    layout = Layout(
        names,
        px=[n for n in names[4:] if n == "last_price" or ("price" in n and "_price" not in n)]
        + [n for n in names if n in ("ask_price", "bid_price")],
        qty=[n for n in names[4:] if "amount" in n],
        symbol="symbol",
        skip=1,
    )
    first = _venue(path)
    directory = find_instruments(path, layout, options, exchange=first)
    faults = Faults(path, strict=options.flag("strict", default=True))
    maker = _Maker(kind, names, directory, faults)
    emit: Callable[[_Rows], Slots] = {
        "trades": maker.trades,
        "quotes": maker.quotes,
        "derivative_ticker": maker.ticker,
        "incremental_book_L2": maker.book,
    }.get(kind, maker.snapshots)
    source = ByteSource(path)
    blocks = records_of(layout.reader(source, faults), faults, maker.parse, emit, maker.finish)
    return BlockFeed("tardis", source, directory.definitions, blocks, faults)


def _venue(path: Path) -> Exchange:
    """Exchange that the first row names: binance-futures is Binance."""
    lines = read_head(path).lines
    named = lines[1].split(",")[0].split("-")[0] if len(lines) > 1 else ""
    return _VENUES.get(named, Exchange.SIMULATED)
