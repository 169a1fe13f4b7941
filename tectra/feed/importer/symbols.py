"""Which instruments a text file is about, and at which exponents: told by options, or found by one
pass over the file.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tectra.core.errors import InputError
from tectra.core.types import Exchange
from tectra.feed.importer.base import Faults, Options, RowError
from tectra.feed.importer.number import mantissas, places
from tectra.feed.importer.source import ByteSource
from tectra.feed.importer.table import Block, CsvReader
from tectra.refdata.instrument import Instrument

__all__ = ["COMMON", "Directory", "Layout", "find_instruments"]

COMMON = {
    "symbol": "symbol of a file that does not name its own",
    "exchange": "venue, such as binance (default: that of the file, else simulated)",
    "px_exponent": "decimal exponent of prices, -18 to 0 (default: found in the file)",
    "qty_exponent": "decimal exponent of sizes, -18 to 0 (default: found in the file)",
    "instrument_id": "id of the first symbol; the others follow in order of symbols (default 1)",
    "instruments": "Instrument objects that give ids and exponents by symbol",
    "strict": "false: leave damaged rows out and count them (default true: the first one raises)",
}


class Layout:
    """Columns of a text file: all of them, those of prices, those of sizes, that of the symbol."""

    def __init__(
        self,
        names: Sequence[str],
        *,
        px: Sequence[str] = (),
        qty: Sequence[str] = (),
        symbol: str = "",
        skip: int = 0,
        delimiter: str = ",",
    ) -> None:
        self.names = tuple(names)
        self.px = tuple(px)
        self.qty = tuple(qty)
        self.symbol = symbol
        self.skip = skip
        self.delimiter = delimiter

    def reader(self, source: ByteSource, faults: Faults) -> CsvReader:
        """A reader of such a file."""
        return CsvReader(source, self.names, faults, skip=self.skip, delimiter=self.delimiter)


class Directory:
    """Instruments of a file by symbol. Immutable."""

    def __init__(self, layout: Layout, instruments: Iterable[Instrument]) -> None:
        self.layout = layout
        self.by_symbol = {one.symbol: one for one in instruments}
        self.definitions = {one.instrument_id: one for one in self.by_symbol.values()}
        if len(self.definitions) != len(self.by_symbol):
            raise InputError("instruments: two symbols share an id; give each its own")

    def of_rows(self, block: Block) -> NDArray[np.int64]:
        """Instrument id of every row. RowError for a symbol that is not known."""
        if not self.layout.symbol:
            return np.full(len(block), next(iter(self.definitions)), np.int64)
        coded = pc.dictionary_encode(block[self.layout.symbol])
        names = coded.dictionary.to_pylist()
        known = [self.by_symbol[n].instrument_id if n in self.by_symbol else 0 for n in names]
        ids: NDArray[np.int64] = np.array(known, np.int64)[
            coded.indices.to_numpy(zero_copy_only=False)
        ]
        unknown = np.flatnonzero(ids == 0).astype(np.int64)
        if len(unknown):
            cells = block[self.layout.symbol]
            raise RowError(
                unknown,
                "unknown_symbol",
                lambda i: (
                    f"symbol: found {cells[i].as_py()!r}; allowed: {', '.join(self.by_symbol)}"
                ),
            )
        return ids

    def mantissas(
        self, block: Block, name: str, ids: NDArray[np.int64], *, low: int, empty: bool = False
    ) -> NDArray[np.int64]:
        """A price or size column at the exponent of each row's instrument."""
        is_px = name in self.layout.px
        column = block[name]
        wanted = {
            n: d.px_exponent if is_px else d.qty_exponent for n, d in self.definitions.items()
        }
        different = set(wanted.values())
        if len(different) == 1:
            return mantissas(column, different.pop(), name, low=low, empty=empty)
        out = np.zeros(len(column), np.int64)
        for exponent in sorted(different):
            mine = np.isin(ids, [n for n, e in wanted.items() if e == exponent])
            rows = np.flatnonzero(mine).astype(np.int64)
            try:
                out[mine] = mantissas(
                    column.filter(pa.array(mine)), exponent, name, low=low, empty=empty
                )
            except RowError as error:
                raise _moved(error, rows) from None
        return out


def _moved(error: RowError, rows: NDArray[np.int64]) -> RowError:
    """A complaint about a part of a block, as one about the block."""
    place = {int(rows[i]): int(i) for i in error.rows}
    return RowError(rows[error.rows], error.cause, lambda i: error.text(place[i]))


def _given(options: Options) -> list[Instrument]:
    raw = options.raw("instruments")
    if raw is None:
        return []
    if not isinstance(raw, list | tuple) or not all(isinstance(i, Instrument) for i in raw):
        raise InputError(f"instruments: found {raw!r}; allowed: a list of Instrument")
    return list(raw)


def find_instruments(
    path: Path,
    layout: Layout,
    options: Options,
    *,
    exchange: Exchange = Exchange.SIMULATED,
    symbol: str = "",
    fit_sizes: bool = False,
) -> Directory:
    """The instruments of a text file. `symbol` is that of a file without a column for it.

    Exponents are those of options or of `instruments`, else the most decimal places that the file
    shows, by a pass over it; with `fit_sizes` fewer where the largest size would not fit 64 bits.
    InputError.
    """
    given = _given(options)
    venue = options.exchange(exchange)
    px, qty = options.exponent("px_exponent"), options.exponent("qty_exponent")
    name = options.text("symbol", symbol)
    if not layout.symbol:
        if given:
            match = [i for i in given if i.symbol == name] or (given if len(given) == 1 else [])
            if not match:
                raise InputError(f"instruments: none of them is {name!r}, which the file is about")
            return Directory(layout, match[:1])
        if not name:
            raise InputError(
                f"{path}: neither its name nor its rows say a symbol; give the option symbol"
            )
    elif given:
        return Directory(layout, given)
    need_pass = bool(layout.symbol) or (px is None and layout.px) or (qty is None and layout.qty)
    found = _scan(path, layout, fit_sizes=fit_sizes) if need_pass else {}
    if layout.symbol and "symbol" in options:
        found = {name: found[name]} if name in found else {}
    if not layout.symbol:
        found = {name: found.get("", (0, 0))}
    first = options.integer("instrument_id", 1, low=1, high=(1 << 32) - 1 - len(found))
    return Directory(
        layout,
        [
            Instrument(
                first + i,
                one,
                venue,
                px_exponent=-found[one][0] if px is None else px,
                qty_exponent=-found[one][1] if qty is None else qty,
            )
            for i, one in enumerate(sorted(found))
        ],
    )


def _scan(path: Path, layout: Layout, *, fit_sizes: bool) -> dict[str, tuple[int, int]]:
    """Most decimal places of prices and of sizes, by symbol ("" without a column for it)."""
    found: dict[str, tuple[int, int]] = {}
    digits = 1
    with ByteSource(path) as source:
        quiet = Faults(path, strict=False)
        for block in layout.reader(source, quiet).blocks():
            most = [np.zeros(len(block), np.int64) for _ in range(2)]
            for at, columns in enumerate((layout.px, layout.qty)):
                for column in columns:
                    most[at] = np.maximum(most[at], places(block[column]))
                    if at:
                        whole = pc.max(
                            pc.find_substring(
                                pc.binary_join_element_wise(block[column], "", "."), "."
                            )
                        )
                        digits = max(digits, int(whole.as_py() or 1))
            if not layout.symbol:
                names, owner = [""], np.zeros(len(block), np.int64)
            else:
                coded = pc.dictionary_encode(block[layout.symbol])
                names = coded.dictionary.to_pylist()
                owner = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
            for i, one in enumerate(names):
                mine = owner == i
                px, qty = found.get(one, (0, 0))
                found[one] = (
                    max(px, int(most[0][mine].max(initial=0))),
                    max(qty, int(most[1][mine].max(initial=0))),
                )
    if fit_sizes:
        return {one: (px, min(qty, max(0, 18 - digits))) for one, (px, qty) in found.items()}
    return found
