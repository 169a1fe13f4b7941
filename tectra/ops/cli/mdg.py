"""`tectra mdg`: the market-data generator: a made-up feed, normalised, into a journal."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from shlex import quote
from shutil import rmtree
from typing import Any

import click
import msgspec
import numpy as np

from tectra.backtest.driver import BacktestDriver
from tectra.backtest.run import BacktestConfig, make_driver
from tectra.core.errors import InputError, JournalError
from tectra.core.msg import HEAD, SessionKind, Template
from tectra.core.record import encode
from tectra.core.stop import StopSignals
from tectra.core.types import Exchange
from tectra.engine.session import SessionSpec, StrategySpec, open_journal
from tectra.feed.history import SimulatedFeed
from tectra.feed.itch_day import make_symbols
from tectra.feed.protocol import Feed, Slots
from tectra.feed.source import SourceFeed
from tectra.journal.outlet import writer_absent
from tectra.journal.place import dangling, make_directories, remove_made
from tectra.ops.cli.show import progress, write_json
from tectra.refdata.instrument import Instrument
from tectra.risk.limits import RiskLimits
from tectra.strategy.sample.idle import Idle

__all__ = ["command", "write_journal"]

Step = Callable[[int, int], None]


def _batches(feed: Feed) -> Iterator[Slots]:
    while (batch := feed.next_batch(1 << 14)) is not None:
        yield np.ascontiguousarray(batch)


def _session(kind: SessionKind, ts_ns: int, seed: int) -> bytes:
    return encode(
        Template.SESSION, ts_event_ns=ts_ns, ts_recv_ns=ts_ns, kind=kind, mode=b"b", strategies=1,
        seed=seed,
    )  # fmt: skip


def write_journal(
    out: Path,
    feed: Feed,
    *,
    seed: int,
    step: Step,
    strategy: type[Any] = Idle,
    name: str = "mdg",
    each: Callable[[BacktestDriver], None] | None = None,
    durability: str = "page-cache",
) -> int:
    """Run a feed through an engine that journals everything; how many records of the feed.

    The strategy does nothing unless another is given; `each` is called behind every batch. The
    journal verifies and replays as that of any run. `out` appears only when it is whole.
    """
    if target := dangling(out):
        raise InputError(f"{out}: is a link to {target}, which is not there; give another name")
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out}: is not empty; give a new directory")
    out = out.resolve()  # a link to an empty directory stays one
    part = out.with_name(out.name + ".part")
    with writer_absent(part / "journal"):  # what a run that was killed left behind goes
        rmtree(part, ignore_errors=True)
    made = make_directories(part)
    listed = sorted(feed.instruments.items())
    spec = SessionSpec(
        mode="backtest", tectra=name, seed=seed, strategies=[StrategySpec.of(strategy, {})],
        instruments=[Instrument(i, s, Exchange.SIMULATED).to_dict() for i, s in listed],
        limits=RiskLimits(),
    )  # fmt: skip
    try:
        with ExitStack() as stack:
            stack.enter_context(StopSignals())
            journal = stack.enter_context(
                open_journal(part / "journal", spec, [strategy], durability=durability)
            )
            pipeline = spec.make_pipeline([strategy])
            pipeline.attach_journal(journal)
            driver = make_driver(pipeline, BacktestConfig().sim)
            for batch in _batches(feed):
                if not driver.records:
                    first_ns = int(batch[:64].view(HEAD)["ts_recv_ns"][0])
                    for record in spec.limit_records(first_ns):
                        driver.control(record)
                    driver.control(_session(SessionKind.START, first_ns, seed))
                driver.run(batch)
                if each is not None:
                    each(driver)
                step(driver.records, 0)
            driver.finish()
            driver.control(_session(SessionKind.END, pipeline.now_ns, seed))
            journal.close(result=msgspec.to_builtins(pipeline.summary))
    except BaseException:
        # Two that begin at once: the directory is the other's where the lock is.
        with suppress(JournalError), writer_absent(part / "journal"):
            rmtree(part, ignore_errors=True)
        remove_made(made[:-1])
        raise
    if out.exists():
        out.rmdir()
    part.rename(out)
    records: int = driver.records
    return records


@click.command(name="mdg")
@click.option(
    "--out", "-o", required=True, type=click.Path(path_type=Path), help="A new directory."
)
@click.option("--seed", default=1, show_default=True, help="The same seed, the same events.")
@click.option("--ticks", default=600, show_default=True, type=click.IntRange(1),
              help="Of 100 ms, for each symbol.")  # fmt: skip
@click.option("--symbols", default="2", show_default=True, help="How many, or their names.")
@click.option("--json", "as_json", is_flag=True, help="A summary as JSON.")
def command(out: Path, seed: int, ticks: int, symbols: str, as_json: bool) -> None:
    """Generate MarketData events and write them to a journal."""
    if out.is_file():
        raise InputError(f"{out}: is a file; give a new directory")
    names = make_symbols(int(symbols)) if symbols.isdecimal() else tuple(symbols.split(","))
    feed = SourceFeed(SimulatedFeed(names, seed=seed, ticks=ticks), names)
    with progress(f"writing {out.name}", quiet=as_json) as step:
        records = write_journal(out, feed, seed=seed, step=step)
    if as_json:
        write_json({"out": str(out), "records": records, "symbols": len(names), "seed": seed})
    else:
        click.echo(
            f"{out}: {records:,} events; check them with: tectra journal verify {quote(str(out))}"
        )
