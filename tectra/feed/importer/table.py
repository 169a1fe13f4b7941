"""Rows of a CSV file in blocks of bounded size, as columns of text with their line numbers, and the
loop that turns such blocks into records.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as pa_csv

from tectra.core.errors import FileFormatError
from tectra.feed.importer.base import Faults, RowError
from tectra.feed.importer.source import BLOCK_BYTES, ByteSource
from tectra.feed.protocol import Slots

__all__ = ["Block", "CsvReader", "check_times", "header_of", "records_of"]

_LINE_MAX = 1 << 20
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows: text by column, and the line of the file on which each row stands, from 1."""

    table: pa.Table
    lines: NDArray[np.int64]

    def __getitem__(self, name: str) -> pa.Array:
        return self.table.column(name).combine_chunks()

    def __len__(self) -> int:
        return len(self.lines)

    def without(self, rows: NDArray[np.int64]) -> "Block":
        """The block less some rows."""
        keep = np.ones(len(self.lines), bool)
        keep[rows] = False
        return Block(self.table.filter(pa.array(keep)), self.lines[keep])


def header_of(line: str, delimiter: str = ",") -> list[str]:
    """Cells of one line."""
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


class CsvReader:
    """Blocks of a CSV file with known columns. `skip` lines at the start are no rows.

    A row with another number of columns, bytes that are no UTF-8 and an open quote are faults.
    """

    def __init__(
        self,
        source: ByteSource,
        names: Sequence[str],
        faults: Faults,
        *,
        skip: int = 0,
        delimiter: str = ",",
    ) -> None:
        self._source = source
        self._names = list(names)
        self._faults = faults
        self._skip = skip
        self._delimiter = delimiter
        self._line = 1

    def blocks(self) -> Iterator[Block]:
        """Every row, once."""
        carry = b""
        first = True
        while True:
            data = self._source.read(BLOCK_BYTES)
            if first:
                data = data.removeprefix(b"\xef\xbb\xbf")
                first = False
            end = data.rfind(b"\n") + 1
            if data and not end:
                carry += data
                if len(carry) > _LINE_MAX:
                    raise self._no_line()
                continue
            if data:
                whole = carry + data[:end]
                # Empty lines wait: at the end of the file they are no rows, between rows they are.
                text = len(whole.rstrip(b"\r\n"))
                cut = whole.find(b"\n", text) + 1 if text else 0
                carry = whole[cut:] + data[end:]
                yield from self._block(whole[:cut])
                if len(carry) > _LINE_MAX:
                    raise self._no_line()
                continue
            if carry.strip():
                self._faults.note(
                    self._line,
                    "no_line_end",
                    "the last line has no line end: the file may have been cut",
                )
                yield from self._block(carry + b"\n")
            return

    def _no_line(self) -> FileFormatError:
        return FileFormatError(
            f"{self._source.path}, line {self._line:,}: found more than {_LINE_MAX:,} bytes "
            "without a row; allowed: a text file of rows"
        )

    def _block(self, data: bytes) -> Iterator[Block]:
        while self._skip and data:
            data = data[data.find(b"\n") + 1 :]
            self._skip -= 1
            self._line += 1
        if not data:
            return
        count = data.count(b"\n")
        lines = np.arange(self._line, self._line + count, dtype=np.int64)
        self._line += count
        table = self._parse(data, len(lines))
        if table is None:
            data, lines = self._mend(data, lines)
            table = self._parse(data, len(lines)) if len(lines) else None
            if table is None:
                if len(lines):
                    raise FileFormatError(
                        f"{self._source.path}, lines {lines[0]:,} to {lines[-1]:,}: no CSV of "
                        f"{len(self._names)} columns"
                    )
                return
        yield Block(table, lines)

    def _parse(self, data: bytes, rows: int) -> pa.Table | None:
        """The rows as text, None when they are not as many, or not all of the right width."""
        try:
            table = pa_csv.read_csv(
                pa.BufferReader(data),
                read_options=pa_csv.ReadOptions(
                    column_names=self._names, use_threads=False, block_size=len(data) + 64
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self._delimiter, ignore_empty_lines=False
                ),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(self._names, pa.string()),
                    strings_can_be_null=False,
                ),
            )
        except (pa.ArrowInvalid, pa.ArrowKeyError):
            return None
        return table if table.num_rows == rows else None

    def _mend(self, data: bytes, lines: NDArray[np.int64]) -> tuple[bytes, NDArray[np.int64]]:
        """Report every damaged line; the others."""
        good: list[bytes] = []
        kept: list[int] = []
        for number, line in zip(lines.tolist(), data.split(b"\n"), strict=False):
            wrong = self._wrong(line.removesuffix(b"\r"))
            if wrong:
                self._faults.add(number, "damaged_row", wrong)
            else:
                good.append(line)
                kept.append(number)
        return b"\n".join([*good, b""]), np.array(kept, np.int64)

    def _wrong(self, line: bytes) -> str:
        """What is wrong with a line, or nothing."""
        shown = line[:80].decode("utf-8", "backslashreplace")
        try:
            text = line.decode()
            cells = next(csv.reader([text], delimiter=self._delimiter, strict=True), [])
        except (UnicodeDecodeError, csv.Error) as error:
            return f"found {shown!r}, which is no CSV row: {error}"
        if "\r" in text or "\n" in "".join(cells) or text.count('"') % 2:
            return f"found {shown!r}; allowed: one row on one line"
        if len(cells) != len(self._names):
            return (
                f"found {len(cells)} columns in {shown!r}; allowed: {len(self._names)} "
                f"({', '.join(self._names)})"
            )
        return ""


def check_times(times: NDArray[np.int64], last: int, name: str = "time") -> None:
    """RowError for the rows whose time lies before one that stands ahead of them."""
    if not len(times):
        return
    highest = np.maximum.accumulate(np.maximum(times, last))
    bad = times < highest
    if bool(bad.any()):
        raise RowError(
            np.flatnonzero(bad).astype(np.int64),
            "time_backwards",
            lambda i: (
                f"{name}: found {int(times[i])} ns behind {int(highest[i])} ns; allowed: times "
                "that do not run backwards; sort the file by time"
            ),
        )


def records_of(
    reader: CsvReader,
    faults: Faults,
    parse: Callable[[Block], tuple[_T, NDArray[np.int64]]],
    emit: Callable[[_T], Slots],
    finish: Callable[[], Slots] | None = None,
) -> Iterator[Slots]:
    """Records of every block, and those that `finish` still has at the end.

    `parse` checks a block and gives its columns and the time of each row; it keeps no state, since
    it is asked again without the rows that it refused. `emit` makes records and may keep state.
    """
    last = -(1 << 63)
    for block in reader.blocks():
        while len(block):
            try:
                columns, times = parse(block)
                check_times(times, last)
            except RowError as error:
                for row in error.rows.tolist():
                    faults.add(int(block.lines[row]), error.cause, error.text(row))
                block = block.without(error.rows)
                continue
            last = max(last, int(times.max())) if len(times) else last
            yield emit(columns)
            break
    if finish is not None:
        yield finish()
