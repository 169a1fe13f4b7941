"""`tectra bars`: bars of a day file, to a table, a document or a file."""

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import InputError
from tectra.feed.bar import BarBuilder
from tectra.feed.bar_file import COLUMNS, BarWriter, bar_columns
from tectra.feed.itch import ItchFeed
from tectra.ops.cli.book import clock_ns
from tectra.ops.cli.show import console, progress, table, warn, write_json

__all__ = ["command"]

_BATCH_SLOTS = 1 << 15


class _Sink:
    """Where bars go: a file, or memory (all of them, or the first few of a table)."""

    def __init__(self, writer: BarWriter | None, most: int | None) -> None:
        self.writer = writer
        self.most = most
        self.count = 0
        self.kept: list[NDArray[Any]] = []

    def take(self, bars: NDArray[Any]) -> None:
        if not len(bars):
            return
        if self.writer is not None:
            self.writer.write(bars)
        elif self.most is None or self.count < self.most:
            self.kept.append(bars[: None if self.most is None else self.most - self.count])
        self.count += len(bars)


def _aligned(text: str | None, feed: ItchFeed) -> int:
    return 0 if text is None else feed.midnight_ns + clock_ns(text, "--align")


def _run(feed: ItchFeed, builder: BarBuilder, sink: _Sink, quiet: bool) -> None:
    with progress(f"reading {feed.path.name}", quiet=quiet) as step:
        while (batch := feed.next_batch(_BATCH_SLOTS)) is not None:
            bars = builder.update(batch)
            if sink.writer is not None and len(bars):
                sink.writer.symbols = feed.instruments  # a day may name a stock late
            sink.take(bars)
            step(feed.offset, 0)
    sink.take(builder.flush())


def _clock(ts_ns: int, midnight_ns: int) -> str:
    """Time of the venue's day."""
    at = datetime.fromtimestamp((ts_ns - midnight_ns) / 1e9, UTC)
    return f"{at:%H:%M:%S.%f}"[:-3]


def _show(feed: ItchFeed, sink: _Sink, counts: dict[str, int]) -> None:
    bars = np.concatenate(sink.kept) if sink.kept else None
    rows = []
    if bars is not None:
        columns = bar_columns(bars, feed.instruments)
        for i in range(len(bars)):
            c = {name: column[i] for name, column in columns.items()}
            rows.append(
                (
                    c["symbol"],
                    c["interval"],
                    _clock(c["timestamp"], feed.midnight_ns),
                    *(f"{c[n]:.4f}" for n in ("open", "high", "low", "close")),
                    f"{c['volume']:,.0f}",
                    "" if c["vwap"] is None else f"{c['vwap']:.4f}",
                    f"{c['trades']:,}",
                    "partial" if c["partial"] else "",
                )
            )
    names = ("symbol", "bar", "close time", "open", "high", "low", "close", "volume", "vwap")
    out = console()
    out.print(table(f"{feed.path.name}: {sink.count:,} bars", (*names, "trades", ""), rows, left=2))
    if len(rows) < sink.count:
        out.print(f"the first {len(rows)} of {sink.count:,}; all of them with -o bars.parquet")
    out.print("  ".join(f"{name} {n:,}" for name, n in counts.items()))


@click.command(name="bars")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--interval", "-i", default="1m", show_default=True,
    help="Kinds of bars, separated by commas: 1s, 5s, 1m (time), 100t (trades), 10000v (volume), "
    "1000000d (dollars), 100i (tick imbalance).",
)  # fmt: skip
@click.option("--symbols", help="Separated by commas; default: all.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="A .csv or .parquet file.")
@click.option("--mids", is_flag=True, help="Bars of the middle of best bid and offer.")
@click.option(
    "--flat", is_flag=True, help="A bar of the last close for an interval without trades."
)
@click.option("--align", help="HH:MM[:SS] New York: a boundary of time bars; default: UTC's.")
@click.option("--date", help="Trade date, where the name of the file does not say it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document: the bars as columns.")
@click.option("--head", default=20, show_default=True, type=click.IntRange(1), help="Rows shown.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
def command(file: Path, out: Path | None, as_json: bool, force: bool, **how: Any) -> None:
    """Bars of an ITCH 5.0 day, stamped at their close.

    Times in files and documents are nanoseconds since the epoch, UTC.
    """
    if out is not None and out.exists() and not force:
        raise InputError(f"{out}: is there already; give another name, or --force")
    symbols = None if how["symbols"] is None else how["symbols"].split(",")
    with ExitStack() as stack:
        feed = stack.enter_context(ItchFeed(file, symbols=symbols, date=how["date"]))
        builder = BarBuilder(
            how["interval"].split(","),
            source="mids" if how["mids"] else "trades",
            empty="flat" if how["flat"] else "none",
            align_ns=_aligned(how["align"], feed),
        )
        writer = None
        if out is not None:
            writer = stack.enter_context(BarWriter(out, feed.instruments))
        sink = _Sink(writer, None if as_json else how["head"])
        _run(feed, builder, sink, as_json)
        counts = builder.counts()
    if not feed.date_known and out is not None:
        warn("no trade date: times count from 1970-01-01; give --date")
    if out is not None:
        if as_json:
            write_json({"file": str(out), "bars": sink.count, "counts": counts})
        else:
            click.echo(f"{out}: {sink.count:,} bars of {counts['prints']:,} trades")
    elif as_json:
        kept = np.concatenate(sink.kept) if sink.kept else None
        columns = (
            {name: [] for name in COLUMNS} if kept is None else bar_columns(kept, feed.instruments)
        )
        write_json({"file": str(file), "bars": sink.count, "counts": counts, "columns": columns})
    else:
        _show(feed, sink, counts)
