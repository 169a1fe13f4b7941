"""Trades of any CSV file with a header row as a feed: a time, a price and a size, and where there
are such columns a side, an id, a symbol and the time of receipt.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tectra.core.errors import FileFormatError
from tectra.core.msg import Side, Template
from tectra.feed.importer.base import BlockFeed, Faults, Options, RowError
from tectra.feed.importer.columns import TRADE_WORDS, choose, given_columns
from tectra.feed.importer.moment import moments_ns
from tectra.feed.importer.record import as_slots, new_records
from tectra.feed.importer.source import ByteSource, Head, read_head
from tectra.feed.importer.symbols import COMMON, Directory, Layout, find_instruments
from tectra.feed.importer.table import Block, header_of, records_of
from tectra.feed.protocol import Slots

__all__ = ["OPTIONS", "open_trades", "sniff"]

OPTIONS = {
    **COMMON,
    "columns": "which column is what: time=ts,price=px,size=qty,side=side,id=id,symbol=sym,"
    "local_time=recv",
    "zone": "time zone of times that do not name theirs (default UTC)",
    "delimiter": "between the columns (default: comma, semicolon or tab, as the header shows)",
}
I64 = NDArray[np.int64]
_BUY, _SELL, _NONE = int(Side.BUY), int(Side.SELL), int(Side.NONE)
_SIDES = {"buy": _BUY, "b": _BUY, "bid": _BUY, "1": _BUY, "sell": _SELL, "s": _SELL, "ask": _SELL}
_SIDES |= {"a": _SELL, "-1": _SELL, "unknown": _NONE, "none": _NONE, "n": _NONE, "": _NONE}


class _Rows(NamedTuple):
    ids: I64
    event: I64
    recv: I64
    px: I64
    qty: I64
    side: NDArray[np.uint8]
    match_id: NDArray[np.uint64]
    odd_ids: int


def sniff(head: Head) -> bool:
    """Whether the header row names a time, a price and a size, and no open, high, low, close."""
    if not head.lines:
        return False
    for delimiter in ",;\t":
        names = header_of(head.lines[0], delimiter)
        found = choose(names, TRADE_WORDS, {})
        if {"time", "price", "size"} <= set(found):
            return not {"open", "high", "low", "close"} <= {n.lower() for n in names}
    return False


class _Maker:
    def __init__(
        self, directory: Directory, words: Mapping[str, str], zone: str, faults: Faults
    ) -> None:
        self.directory = directory
        self.words = words
        self.zone = zone
        self.faults = faults
        self.venue = next((int(d.exchange) for d in directory.definitions.values()), 0)

    def parse(self, block: Block) -> tuple[_Rows, I64]:
        """Check a block. RowError."""
        words = self.words
        ids = self.directory.of_rows(block)
        event = moments_ns(block[words["time"]], words["time"], self.zone)
        recv = event
        if "local_time" in words:
            recv = moments_ns(block[words["local_time"]], words["local_time"], self.zone)
        px = self.directory.mantissas(block, words["price"], ids, low=-(1 << 62))
        qty = self.directory.mantissas(block, words["size"], ids, low=0)
        numbers, odd = self._ids(block)
        return _Rows(ids, event, recv, px, qty, self._sides(block), numbers, odd), recv

    def _sides(self, block: Block) -> NDArray[np.uint8]:
        if "side" not in self.words:
            return np.zeros(len(block), np.uint8)
        cells = block[self.words["side"]]
        coded = pc.dictionary_encode(pc.utf8_lower(cells))
        codes = [_SIDES.get(w, 255) for w in coded.dictionary.to_pylist()]
        out: NDArray[np.uint8] = np.array(codes, np.uint8)[coded.indices.to_numpy(False)]
        bad = np.flatnonzero(out == 255).astype(np.int64)
        if len(bad):
            raise RowError(
                bad,
                "unknown_word",
                lambda i: f"side: found {cells[i].as_py()!r}; allowed: buy, sell, unknown",
            )
        return out

    def _ids(self, block: Block) -> tuple[NDArray[np.uint64], int]:
        out = np.zeros(len(block), np.uint64)
        if "id" not in self.words:
            return out, 0
        cells = block[self.words["id"]]
        plain = pc.match_substring_regex(cells, r"^\d{1,19}$").to_numpy(False)
        out[plain] = pc.cast(cells.filter(pa.array(plain)), pa.uint64()).to_numpy()
        return out, int(np.count_nonzero(~plain))

    def emit(self, rows: _Rows) -> Slots:
        """trade records."""
        if rows.odd_ids:
            self.faults.note(
                0, "id_not_numeric", "match_id is 0: the id is no number", rows.odd_ids
            )
        return as_slots(
            new_records(
                Template.TRADE,
                len(rows.ids),
                ts_event_ns=rows.event,
                ts_recv_ns=rows.recv,
                instrument_id=rows.ids,
                venue_id=self.venue,
                side=rows.side,
                px=rows.px,
                qty=rows.qty,
                match_id=rows.match_id,
            )
        )


def open_trades(path: Path, options: Options) -> BlockFeed:
    """Open a CSV file of trades. InputError, FileFormatError."""
    lines = read_head(path).lines
    if not lines:
        raise FileFormatError(f"{path}: found no text; allowed: a header row and trades")
    delimiter = options.text("delimiter") or max(",;\t", key=lines[0].count)
    names = header_of(lines[0], delimiter)
    words = choose(names, TRADE_WORDS, given_columns(options, TRADE_WORDS))
    if not {"time", "price", "size"} <= set(words) or len(set(names)) != len(names):
        raise FileFormatError(
            f"{path}: found columns {', '.join(map(repr, names))}; allowed: a time, a price and a "
            "size, each name once; say which is which with the option columns"
        )
    layout = Layout(
        names,
        px=[words["price"]],
        qty=[words["size"]],
        symbol=words.get("symbol", ""),
        skip=1,
        delimiter=delimiter,
    )
    directory = find_instruments(path, layout, options, symbol=path.name.split(".")[0][:16])
    faults = Faults(path, strict=options.flag("strict", default=True))
    maker = _Maker(directory, words, options.text("zone", "UTC"), faults)
    source = ByteSource(path)
    blocks = records_of(layout.reader(source, faults), faults, maker.parse, maker.emit)
    return BlockFeed("csv_trades", source, directory.definitions, blocks, faults)
