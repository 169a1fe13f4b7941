"""Records of a DBN file told apart, and one pass over it ahead: which instruments there are, and at
which exponent each one's prices are whole.
"""

from collections.abc import Iterator
from math import gcd

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import FileFormatError, TruncatedInputError
from tectra.core.types import Exchange
from tectra.feed.importer.base import Faults, Options
from tectra.feed.importer.dbn_wire import (
    LAYOUTS,
    NO_PRICE,
    RTYPES,
    Metadata,
    definition_layout,
    read_metadata,
)
from tectra.feed.importer.source import BLOCK_BYTES, ByteSource
from tectra.refdata.instrument import Instrument

__all__ = ["FIXED", "QUOTED", "Run", "Scan", "instruments_of", "metadata_of", "runs_of"]

I64 = NDArray[np.int64]
_HEAD_MAX = 1 << 26
# Exponent of every price of DBN.
FIXED = -9
_VENUES = {"XNAS": Exchange.NASDAQ}
QUOTED = frozenset({"mbp-1", "cmbp-1", "cbbo", "tcbbo", "bbo"})
_KNOWN = {"mbo", "trades", "mbp-10", "ohlcv", "definition", "status"} | QUOTED


class Run:
    """Records of one type and size that stand behind one another."""

    def __init__(self, kind: str, rtype: int, rows: NDArray[np.void], offset: int) -> None:
        self.kind = kind
        self.rtype = rtype
        self.rows = rows
        self.offset = offset

    @property
    def places(self) -> I64:
        """Offset in the (decompressed) file of each record."""
        return self.offset + np.arange(len(self.rows), dtype=np.int64) * self.rows.dtype.itemsize


def metadata_of(source: ByteSource) -> Metadata:
    """What stands ahead of the records."""
    start = source.read(8)
    size = int.from_bytes(start[4:8], "little") if start[:3] == b"DBN" else 0
    if size > _HEAD_MAX:
        raise FileFormatError(f"{source.path}: metadata of {size:,} bytes; allowed: {_HEAD_MAX:,}")
    try:
        return read_metadata(start + source.read(size))
    except TruncatedInputError as error:
        raise TruncatedInputError(f"{source.path}: {error}") from error
    except FileFormatError as error:
        raise FileFormatError(f"{source.path}: {error}") from error


def _layout(kind: str, size: int, *, ts_out: bool) -> np.dtype[np.void] | None:
    body = size - 8 * ts_out
    found = definition_layout(body) if kind == "definition" else LAYOUTS.get(kind)
    if found is None or found.itemsize != body:
        return None
    if not ts_out:
        return found
    fields = dict(found.fields or {})
    return np.dtype(
        {
            "names": list(fields),
            "formats": [f[0] for f in fields.values()],
            "offsets": [f[1] for f in fields.values()],
            "itemsize": size,
        }
    )


def runs_of(source: ByteSource, meta: Metadata, faults: Faults) -> Iterator[Run]:
    """Every record that is known, in order. Others are counted by their name."""
    carry = b""
    offset = meta.size
    while True:
        data = source.read(BLOCK_BYTES)
        raw = np.frombuffer(carry + data, np.uint8)
        at = 0
        while at + 2 <= len(raw):
            size = int(raw[at]) * 4
            if size < 16:
                raise FileFormatError(
                    f"{source.path}, offset {offset + at:,}: found a record of {size} bytes; "
                    "allowed: 16 or more; what follows cannot be told apart"
                )
            count = (len(raw) - at) // size
            if not count:
                break
            rows = raw[at : at + count * size].reshape(count, size)
            other = np.flatnonzero((rows[:, 0] != raw[at]) | (rows[:, 1] != raw[at + 1]))
            if len(other):
                rows = rows[: int(other[0])]
            yield from _run(rows, offset + at, meta, faults)
            at += rows.size
        carry = raw[at:].tobytes()
        offset += at
        if not data:
            break
    if carry:
        text = f"{len(carry)} bytes behind the last whole record"
        if faults.strict:
            raise TruncatedInputError(
                f"{source.path}, offset {offset:,}: {text}; download it again"
            )
        faults.note(offset, "cut_record", text)


def _run(rows: NDArray[np.uint8], offset: int, meta: Metadata, faults: Faults) -> Iterator[Run]:
    rtype, size = int(rows[0, 1]), rows.shape[1]
    kind = RTYPES.get(rtype, f"rtype_{rtype:#x}")
    if kind not in _KNOWN:
        faults.note(offset, kind, f"{kind} records have no form here", len(rows))
        return
    layout = _layout(kind, size, ts_out=meta.ts_out)
    if layout is None:
        faults.add(offset, "record_size", f"found a {kind} record of {size} bytes")
        faults.note(offset, "record_size", f"{kind} records of {size} bytes", len(rows) - 1)
        return
    yield Run(kind, rtype, np.ascontiguousarray(rows).reshape(-1).view(layout), offset)


class Scan:
    """One pass ahead: which instruments there are, the grid of their prices, their definitions."""

    def __init__(self) -> None:
        self.grid: dict[int, int] = {}
        self.defined: dict[int, tuple[str, int]] = {}

    def take(self, run: Run) -> None:
        """Learn from a run."""
        rows = run.rows
        names = [n for n in rows.dtype.names or () if n in _PRICES or "_px_" in n]
        numbers = rows["instrument_id"]
        for number in np.unique(numbers).tolist():
            mine = rows if len(names) == 0 else rows[numbers == number]
            found = self.grid.get(number, 0)
            for name in names:
                px = mine[name]
                px = px[px != NO_PRICE]
                if len(px):
                    found = gcd(found, int(np.gcd.reduce(np.abs(px))))
            self.grid[number] = found
        if run.kind == "definition":
            for row in rows:
                step = int(row["min_price_increment"])
                name = bytes(row["raw_symbol"]).decode("ascii", "replace")
                known = 0 < step < NO_PRICE
                number = int(row["instrument_id"])
                self.defined[number] = (name, step if known else 0)
                if known:
                    self.grid[number] = gcd(self.grid[number], step)


_PRICES = {"price", "open", "high", "low", "close"}


def _places(grid: int) -> int:
    """Least exponent, -9 to 0, at which every multiple of `grid` x 1e-9 is whole."""
    places = 0
    while grid and places < 9 and grid % 10 ** (places + 1) == 0:
        places += 1
    return FIXED + places


def _symbols(meta: Metadata) -> dict[int, str]:
    """Symbol by id, as far as the metadata maps them."""
    out: dict[int, str] = {}
    for one in meta.mappings:
        for _, _, text in one.intervals:
            if text.isascii() and text.isdigit():
                out[int(text)] = one.raw_symbol
            elif one.raw_symbol.isascii() and one.raw_symbol.isdigit():
                out[int(one.raw_symbol)] = text
    return out


def instruments_of(
    meta: Metadata, scan: Scan, options: Options, faults: Faults
) -> dict[int, Instrument]:
    """Instruments by id. InputError for an option that is none."""
    venue = options.exchange(_VENUES.get(meta.dataset.split(".")[0], Exchange.SIMULATED))
    told = options.exponent("px_exponent")
    names = _symbols(meta)
    out: dict[int, Instrument] = {}
    for number in sorted(scan.grid):
        if number == 0:
            continue
        defined, step = scan.defined.get(number, ("", 0))
        symbol = defined or names.get(number, "") or f"#{number}"
        if len(symbol) > 16 or not symbol.isascii():
            faults.note(0, "long_symbol", f"{symbol!r} is called #{number}: 16 letters at most")
            symbol = f"#{number}"
        exponent = _places(scan.grid[number]) if told is None else max(told, FIXED)
        tick = max(1, step // 10 ** (exponent - FIXED))
        out[number] = Instrument(number, symbol, venue, px_exponent=exponent, tick=tick)
    return out
