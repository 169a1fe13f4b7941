"""`tectra backtest`: one run of a strategy over recorded data."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from shlex import quote
from typing import Any

import click

from tectra.backtest import (
    BacktestConfig,
    BacktestResult,
    FeeConfig,
    LatencyConfig,
    SimConfig,
    run_backtest,
)
from tectra.backtest.data import open_data
from tectra.core.errors import InputError
from tectra.journal.manifest import Manifest
from tectra.ops.cli.show import console, feed_troubles, progress, table, warn, write_json
from tectra.strategy.loader import load_strategy
from tectra.strategy.params import parse_params

__all__ = ["command", "show_journal", "show_result"]


def _rate(name: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InputError(
            f"{name}: found {text!r}; allowed: a decimal fraction such as 0.0004"
        ) from None


def show_result(result: BacktestResult) -> None:
    """The tables a person reads after a run."""
    out = console()
    rows = [
        (
            m.strategy,
            f"{m.orders:,}",
            f"{m.rejected_by_risk:,}",
            f"{m.fills:,}",
            f"{m.maker_share:.0%}",
            f"{m.turnover:,.2f}",
            f"{m.realized:,.2f}",
            f"{m.unrealized:,.2f}",
            f"{m.fees:,.2f}",
            f"{m.pnl:,.2f}",
        )
        for m in result.strategies
    ]
    head = (
        "strategy",
        "orders",
        "refused",
        "fills",
        "maker",
        "turnover",
        "realized",
        "unrealized",
        "fees",
        "P&L",
    )
    out.print(table("Strategies", head, rows))
    summary = result.summary
    out.print(f"market data    {result.records:,} records, {result.records_per_s:,.0f} a second")
    verdicts = ", ".join(f"{name.lower()} {n:,}" for name, n in result.verdicts.items() if n)
    out.print(f"verdicts       {verdicts or 'none'}")
    out.print(f"output digest  {summary.output_digest}")
    if summary.book_errors:
        warn(
            f"{summary.book_errors:,} records contradicted the book, "
            f"the first at record {summary.first_error_seq:,}"
        )
    if summary.invalid_transitions:
        warn(
            f"{summary.invalid_transitions:,} order events were not possible in their order's "
            "state; the journal has them"
        )


def show_journal(directory: Path) -> None:
    """Where a run's journal is, and what its durability promises."""
    journal = directory / "journal"
    if journal.is_dir():
        click.echo(f"journal        {journal}; {Manifest.load(journal).promise()}")


@click.command(name="backtest")
@click.argument("strategy")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--symbol",
    "symbols",
    multiple=True,
    help="Symbol to trade; repeat for several. Default: all in the file.",
)
@click.option(
    "--param",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="Parameter of the strategy; repeat for several.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="New directory for report, trades, metrics and journal.",
)
@click.option("--date", help="Trade date YYYY-MM-DD where the file's name has none.")
@click.option(
    "--entry-latency-us",
    default=100,
    show_default=True,
    type=click.IntRange(0),
    help="Order to the exchange.",
)
@click.option(
    "--response-latency-us",
    default=100,
    show_default=True,
    type=click.IntRange(0),
    help="Report back.",
)
@click.option(
    "--maker-fee",
    default="-0.0001",
    show_default=True,
    help="Fraction of the money traded; negative: rebate.",
)
@click.option(
    "--taker-fee", default="0.0004", show_default=True, help="Fraction of the money traded."
)
@click.option("--seed", default=0, show_default=True, help="Seed of everything random.")
@click.option(
    "--snapshot-every",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Records between two snapshots of the engine; 0: none.",
)
@click.option(
    "--allow-unvalidated",
    is_flag=True,
    help="Take a Parquet file that no `tectra data validate` has passed.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of tables.")
def command(
    strategy: str,
    file: Path,
    symbols: tuple[str, ...],
    pairs: tuple[str, ...],
    as_json: bool,
    **options: object,
) -> None:
    """Run STRATEGY (FILE.py, FILE.py:Class or module:Class) over an ITCH 5.0 FILE."""
    chosen = load_strategy(strategy)
    params = parse_params(chosen.PARAMS, pairs, chosen.__name__)
    latency = LatencyConfig(
        entry_ns=int(str(options["entry_latency_us"])) * 1000,
        response_ns=int(str(options["response_latency_us"])) * 1000,
    )
    fees = FeeConfig(
        maker_rate=_rate("--maker-fee", str(options["maker_fee"])),
        taker_rate=_rate("--taker-fee", str(options["taker_fee"])),
    )
    date = options["date"]
    config = BacktestConfig(
        sim=SimConfig(latency=latency, fees=fees),
        seed=int(str(options["seed"])),
        date=None if date is None else str(date),
        snapshot_every=int(str(options["snapshot_every"])),
    )
    out = options["out"]
    data = open_data(
        file,
        list(symbols) or None,
        date=config.date,
        allow_unvalidated=bool(options["allow_unvalidated"]),
    )
    with progress(f"backtest of {chosen.__name__}", quiet=as_json) as step:
        result = run_backtest(
            strategy=chosen,
            params=params,
            data=data,
            config=config,
            out=out if isinstance(out, Path) else None,
            progress=step,
        )
    feed: Any = data.feed
    for line in feed_troubles(file, feed):
        warn(line)
    if as_json:
        write_json(result.metrics)
        return
    show_result(result)
    if result.directory is not None:
        click.echo(f"report         {result.directory / 'report.html'}")
        show_journal(result.directory)
        click.echo(f"prove it       tectra replay verify {quote(str(result.directory))}")
