"""`tectra generate`: data for tests and demonstrations, the same for the same seed."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from tectra.backtest.result import whole_file
from tectra.book.l3 import L3Book
from tectra.core.bar import MarketData
from tectra.core.clock import LiveClock
from tectra.core.errors import InputError
from tectra.core.msg import Side
from tectra.feed.bar import prints_of
from tectra.feed.bar_file import BarWriter
from tectra.feed.bar_spec import BarSpec
from tectra.feed.history import SimulatedFeed
from tectra.feed.itch_day import PROFILES, make_symbols, write_market_day
from tectra.feed.order_flow import REGIMES, OrderFlow
from tectra.feed.recording import VenueRecording
from tectra.feed.recording_file import RecordingWriter
from tectra.feed.source import bar_record
from tectra.ops.cli.mdg import write_journal
from tectra.ops.cli.show import progress, write_json

__all__ = ["command"]

_SECOND = 1_000_000_000


@click.group(name="generate")
def command() -> None:
    """Synthetic data: ITCH days, order flow, bars, ticks, recordings of venues."""


def _common(out: str) -> Callable[[Any], Any]:
    """Options of every kind."""

    def decorate(function: Any) -> Any:
        for option in (
            click.option("--json", "as_json", is_flag=True, help="A summary as JSON."),
            click.option("--force", is_flag=True, help="Replace what is there."),
            click.option("--out", "-o", required=True, type=click.Path(path_type=Path), help=out),
            click.option(
                "--seed", default=1, show_default=True, help="The same seed, the same data."
            ),
        ):
            function = option(function)
        return function

    return decorate


def _fresh(out: Path, force: bool) -> None:
    if out.is_dir() and (not force or any(out.iterdir())):
        raise InputError(f"{out}: is a directory; give a new name")
    if out.exists() and not force:
        raise InputError(f"{out}: is there already; give another name, or --force")


def _names(symbols: str) -> tuple[str, ...]:
    """A number of symbols, or their names."""
    return make_symbols(int(symbols)) if symbols.isdecimal() else tuple(symbols.split(","))


def _say(out: Path, began_ns: int, as_json: bool, **summary: Any) -> None:
    seconds = (LiveClock().now_ns() - began_ns) / 1e9
    if as_json:
        write_json({"out": str(out), "seconds": round(seconds, 3), **summary})
        return
    plain = {k: v for k, v in summary.items() if not isinstance(v, dict)}
    listed = ", ".join(f"{k} {v:,}" if isinstance(v, int) else f"{k} {v}" for k, v in plain.items())
    click.echo(f"{out}: {listed} in {seconds:.1f} s")


@command.command(name="itch")
@_common("The day: .itch, or .itch.gz.")
@click.option("--messages", default=1_000_000, show_default=True, help="About how many.")
@click.option("--symbols", default="100", show_default=True, help="How many, or their names.")
@click.option("--date", default="2026-01-05", show_default=True, help="Trade date.")
@click.option(
    "--profile", default="regular", show_default=True, type=click.Choice(PROFILES),
    help="stress has a market-wide breaker.",
)  # fmt: skip
def itch(out: Path, seed: int, as_json: bool, force: bool, **how: Any) -> None:
    """A NASDAQ ITCH 5.0 day of any size: all message types, auctions, halts, pauses."""
    _fresh(out, force)
    began = LiveClock().now_ns()
    with progress(f"writing {out.name}", quiet=as_json) as step:
        day = write_market_day(
            out, seed=seed, messages=how["messages"], symbols=_names(how["symbols"]),
            date=how["date"], profile=how["profile"], progress=step,
        )  # fmt: skip
    summary = asdict(day)
    summary.pop("path")
    _say(out, began, as_json, **summary)


def _schedule(text: str) -> list[tuple[int, str]]:
    """calm, or calm,volatile@30,thin@45: from how many seconds on."""
    out: list[tuple[int, str]] = []
    for part in text.split(","):
        name, _, seconds = part.partition("@")
        try:
            out.append((round(float(seconds or 0) * _SECOND), name))
        except ValueError:
            raise InputError(
                f"--regime: found {part!r}; allowed: NAME or NAME@SECONDS of {', '.join(REGIMES)}"
            ) from None
    return out


def _flow_of(seed: int, how: dict[str, Any]) -> OrderFlow:
    return OrderFlow(
        _names(how["symbols"]), seed=seed, schedule=_schedule(how["regime"]),
        span_ns=round(how["messages"] / how["rate"] * _SECOND), rate=how["rate"],
    )  # fmt: skip


def _flow_options(function: Any) -> Any:
    for option in (
        click.option("--rate", default=1000.0, show_default=True, help="Steps a second."),
        click.option(
            "--regime", default="calm", show_default=True,
            help=f"{', '.join(REGIMES)}; NAME@SECONDS switches: calm,volatile@30.",
        ),
        click.option("--symbols", default="2", show_default=True, help="How many, or names."),
        click.option("--messages", default=100_000, show_default=True, help="About how many."),
    ):  # fmt: skip
        function = option(function)
    return function


@command.command(name="flow")
@_common("A directory for the journal.")
@_flow_options
@click.option("--truth", type=click.Path(path_type=Path), help="A CSV of fair prices and regimes.")
def flow(out: Path, seed: int, as_json: bool, force: bool, truth: Path | None, **how: Any) -> None:
    """Order flow in a chosen regime, as a journal that verifies and replays."""
    _fresh(out, force)
    began = LiveClock().now_ns()
    feed = _flow_of(seed, how)
    with progress(f"writing {out.name}", quiet=as_json) as step:
        records = write_journal(out, feed, seed=seed, step=step)
    if truth is not None:
        with whole_file(truth) as part, part.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("timestamp", "symbol", "regime", "fair_price"))
            for row in feed.truth:
                symbol = feed.instruments[int(row["instrument_id"])]
                label = feed.label(int(row["regime"]))
                rows.writerow((int(row["ts_ns"]), symbol, label, float(row["fair_price"])))
    _say(out, began, as_json, records=records, symbols=len(feed.instruments))


@command.command(name="ticks")
@_common("A .csv of trades.")
@_flow_options
def ticks(out: Path, seed: int, as_json: bool, force: bool, **how: Any) -> None:
    """Trades of generated order flow: timestamp, symbol, price, quantity, side, trade_id."""
    _fresh(out, force)
    began = LiveClock().now_ns()
    feed, book, count = _flow_of(seed, how), L3Book(), 0
    with whole_file(out) as part, part.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("timestamp", "symbol", "price", "quantity", "side", "trade_id"))
        while (batch := feed.next_batch(1 << 15)) is not None:
            for p in prints_of(np.ascontiguousarray(batch), book):
                symbol, price = feed.instruments[int(p["instrument_id"])], int(p["px"])
                text = f"{price // 10_000}.{price % 10_000:04}"
                side = Side(int(p["side"])).name.lower()
                rows.writerow(
                    (int(p["ts_event_ns"]), symbol, text, int(p["qty"]), side, int(p["match_id"]))
                )
                count += 1
    _say(out, began, as_json, ticks=count, symbols=len(feed.instruments))


@command.command(name="bars")
@_common("A .csv or .parquet of bars.")
@click.option("--bars", "count", default=1000, show_default=True, type=click.IntRange(1),
              help="Bars of each symbol.")  # fmt: skip
@click.option("--symbols", default="1", show_default=True, help="How many, or their names.")
@click.option("--interval", default="100ms", show_default=True, help="Of a bar: 100ms, 1s, 1m.")
def bars(out: Path, seed: int, as_json: bool, force: bool, **how: Any) -> None:
    """Bars of a random walk."""
    _fresh(out, force)
    began = LiveClock().now_ns()
    names = _names(how["symbols"])
    spec = BarSpec.parse(how["interval"])
    source = SimulatedFeed(names, seed=seed, ticks=how["count"], interval_ns=spec.amount)
    source.connect()
    ids = {name: i for i, name in enumerate(names, 1)}
    made = 0
    with BarWriter(out, {i: name for name, i in ids.items()}) as writer:
        while part := _take(source, 10_000):
            rows = bar_record(part, ids)
            rows["interval"], rows["ts_open_ns"] = spec.amount, rows["ts_event_ns"] - spec.amount
            writer.write(rows)
            made += len(part)
    _say(out, began, as_json, bars=made, symbols=len(names))


def _take(source: SimulatedFeed, count: int) -> Sequence[MarketData]:
    out: list[MarketData] = []
    while len(out) < count and (bar := source.next_tick()) is not None:
        out.append(bar)
    return out


def _gap(text: str) -> tuple[str, int, int]:
    """VENUE:BEGIN:END in seconds."""
    try:
        venue, begin, end = text.split(":")
        return venue, round(float(begin) * _SECOND), round(float(end) * _SECOND)
    except ValueError:
        raise InputError(f"--gap: found {text!r}; allowed: VENUE:BEGIN:END, in seconds") from None


@command.command(name="recording")
@_common("A directory; NAME/VENUE/SYMBOL/snapshots and trades by day.")
@click.option(
    "--hours", default=24.0, show_default=True, help="Span of virtual time; 336: two weeks."
)
@click.option("--every", default="1s", show_default=True, help="Between snapshots: 100ms, 1s, 10s.")
@click.option("--venues", default="binance,bybit", show_default=True, help="Their names.")
@click.option("--symbol", default="BTCUSDT", show_default=True, help="One symbol.")
@click.option("--levels", default=20, show_default=True, help="Of each side.")
@click.option("--gap", "gaps", multiple=True, help="VENUE:BEGIN:END in seconds; may repeat.")
def recording(out: Path, seed: int, as_json: bool, force: bool, **how: Any) -> None:
    """What recorders of several venues would have: L2 snapshots and trades, as Parquet."""
    _fresh(out, force)
    began = LiveClock().now_ns()
    made = VenueRecording(
        seed=seed, venues=how["venues"].split(","), symbol=how["symbol"],
        span_ns=round(how["hours"] * 3600 * _SECOND), every_ns=BarSpec.parse(how["every"]).amount,
        levels=how["levels"], gaps=[_gap(g) for g in how["gaps"]],
    )  # fmt: skip
    hours = round(how["hours"] * len(made.venues))
    with progress(f"writing {out.name}", quiet=as_json) as step, RecordingWriter(out) as writer:
        for number, chunk in enumerate(made.chunks()):
            writer.write(chunk)
            step(number, hours)
    _say(out, began, as_json, snapshots=writer.snapshots, trades=writer.trades, files=writer.files)
