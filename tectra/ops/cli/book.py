"""`tectra book`: the ladder of a symbol at a time, or every distinct state of it."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from tectra.backtest.data import MarketData, open_data
from tectra.backtest.result import whole_file
from tectra.book.l3 import L3Book
from tectra.book.view import NO_PX
from tectra.core.errors import InputError
from tectra.core.msg import HEAD
from tectra.core.types import Timestamp
from tectra.journal.scan import walk
from tectra.ops.cli.show import clock_text, console, feed_troubles, table, warn, write_json
from tectra.refdata.instrument import Instrument

__all__ = ["clock_ns", "command"]

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,9}))?)?")


def clock_ns(text: str, option: str = "--at") -> int:
    """Nanoseconds since midnight of HH:MM[:SS[.fraction]]."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise InputError(
            f"{option}: found {text!r}; allowed: HH:MM, HH:MM:SS or HH:MM:SS.fraction, New York "
            "time"
        )
    hours, minutes, seconds, fraction = found.groups()
    whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)
    return whole * 1_000_000_000 + int((fraction or "0").ljust(9, "0"))


def _until(batch: NDArray[np.uint8], ts_ns: int) -> tuple[NDArray[np.uint8], bool]:
    """The records of a batch up to a time, and whether the time was passed."""
    starts, _ = walk(batch)
    late = np.flatnonzero(
        batch.reshape(-1, 64)[starts].view(HEAD)["ts_event_ns"].reshape(-1) > ts_ns
    )
    if not len(late):
        return batch, False
    return batch[: int(starts[late[0]]) * 64], True


def _scaled(px: int, instrument: Instrument) -> str | None:
    return None if px == NO_PX else str(instrument.price(px))


def _ladder(book: L3Book, instrument: Instrument, levels: int) -> list[dict[str, Any]]:
    return [
        {
            "bid_orders": int(level["bid_orders"]),
            "bid_qty": int(level["bid_qty"]),
            "bid": _scaled(int(level["bid_px"]), instrument),
            "ask": _scaled(int(level["ask_px"]), instrument),
            "ask_qty": int(level["ask_qty"]),
            "ask_orders": int(level["ask_orders"]),
        }
        for level in book.levels(instrument.instrument_id, levels)
    ]


def _states(
    data: MarketData, book: L3Book, instrument: Instrument, levels: int
) -> Iterator[list[Any]]:
    for batch in data.batches():
        for row in book.record_changes(batch, instrument.instrument_id, levels):
            out: list[Any] = [int(row["ts_event_ns"])]
            for i in range(levels):
                ask, bid = int(row["ask_px"][i]), int(row["bid_px"][i])
                out += [
                    _scaled(ask, instrument),
                    int(row["ask_qty"][i]),
                    _scaled(bid, instrument),
                    int(row["bid_qty"][i]),
                ]
            yield out


def _columns(levels: int) -> list[str]:
    names = ["ts_event_ns"]
    for i in range(1, levels + 1):
        names += [f"ask_{i}", f"ask_qty_{i}", f"bid_{i}", f"bid_qty_{i}"]
    return names


def _every_change(
    data: MarketData, instrument: Instrument, levels: int, target: Path | None, as_json: bool
) -> L3Book:
    book = L3Book()
    names = _columns(levels)
    states = _states(data, book, instrument, levels)
    if as_json:
        write_json({"symbol": instrument.symbol, "columns": names, "states": list(states)})
    elif target is not None:
        count = 0
        with whole_file(target) as part, part.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(names)
            for state in states:
                rows.writerow(state)
                count += 1
        click.echo(f"{target}: {count:,} distinct states of {instrument.symbol}")
    else:
        click.echo(",".join(names))
        for state in states:
            click.echo(",".join("" if v is None else str(v) for v in state))
    return book


def _say_faults(book: L3Book, feed: Any, file: Path) -> None:
    for line in feed_troubles(file, feed):
        warn(line)
    report = book.fault_report()
    if report.total:
        warn(f"{report.total:,} records contradicted the book; the first: {report.first[0]}")


@click.command(name="book")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--symbol", required=True, help="Symbol as the venue spells it.")
@click.option(
    "--levels",
    default=5,
    show_default=True,
    type=click.IntRange(1, 256),
    help="Price levels of each side.",
)
@click.option(
    "--at", "at_text", help="State at HH:MM:SS New York time; default: the end of the file."
)
@click.option("--every-change", is_flag=True, help="Every distinct state of the levels, in order.")
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(path_type=Path),
    help="Write there instead of the terminal.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--date", help="Trade date YYYY-MM-DD where the file's name has none.")
def command(
    file: Path,
    symbol: str,
    levels: int,
    at_text: str | None,
    every_change: bool,
    csv_path: Path | None,
    as_json: bool,
    date: str | None,
) -> None:
    """Show the order book of a symbol at a time, or every state of it."""
    if every_change and at_text:
        raise click.UsageError("--at and --every-change exclude each other")
    if as_json and csv_path is not None:
        raise click.UsageError("--json and --csv exclude each other")
    at_ns = None if at_text is None else clock_ns(at_text)
    data = open_data(file, [symbol], date=date)
    instrument = data.instruments[0]
    if every_change:
        _say_faults(_every_change(data, instrument, levels, csv_path, as_json), data.feed, file)
        return
    book = L3Book()
    book.add_instrument(instrument.instrument_id)
    last_ns = data.first_ns
    end_ns = None if at_ns is None else data.midnight_ns + at_ns
    for batch in data.batches():
        part, passed = batch, False
        if end_ns is not None:
            part, passed = _until(batch, end_ns)
        book.apply(part)
        if len(part):
            starts, _ = walk(part)
            last_ns = int(part.reshape(-1, 64)[starts[-1]].view(HEAD)["ts_event_ns"][0])
        if passed:
            break
    shown_ns = last_ns if end_ns is None else end_ns
    ladder = _ladder(book, instrument, levels)
    clock = clock_text(shown_ns - data.midnight_ns)
    if as_json:
        head = {"symbol": instrument.symbol, "ts_event_ns": shown_ns, "new_york": clock}
        write_json({**head, "utc": str(Timestamp(shown_ns)), "levels": ladder})
    else:
        _show(ladder, f"{instrument.symbol} at {clock} New York", csv_path)
    _say_faults(book, data.feed, file)


def _show(ladder: list[dict[str, Any]], title: str, csv_path: Path | None) -> None:
    """The ladder as a file or as a table."""
    if csv_path is not None:
        with whole_file(csv_path) as part, part.open("w", newline="") as file:
            rows = csv.DictWriter(file, list(ladder[0]) if ladder else ["bid", "ask"])
            rows.writeheader()
            rows.writerows(ladder)
        click.echo(f"{csv_path}: {len(ladder)} levels")
    else:
        shown = [
            [
                "" if v in (None, 0) else f"{v:,}" if isinstance(v, int) else str(v)
                for v in r.values()
            ]
            for r in ladder
        ]
        head = ("orders", "quantity", "bid", "ask", "quantity", "orders")
        console().print(table(title, head, shown, left=0))
