"""`tectra simulate`: seeds of the simulated platform, one line each, until one fails."""

import logging
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from tectra.backtest import StrategyRun
from tectra.core.clock import LiveClock
from tectra.core.errors import InputError
from tectra.core.stop import StopSignals
from tectra.ops.cli.show import write_json
from tectra.testing import STRATEGIES, Faults, SimulationReport, simulate

__all__ = ["command"]

_MEMORY = "/dev/shm"  # journals are written and read at once: a disk would be most of the time


def _document(reports: list[SimulationReport], elapsed_ns: int) -> dict[str, Any]:
    simulated = sum(r.simulated_ns for r in reports)
    return {
        "seeds": [
            {**asdict(r), "faults": {k.value: n for k, n in r.faults.items() if n}} for r in reports
        ],
        "simulated_ns": simulated,
        "elapsed_ns": elapsed_ns,
        "real_time_factor": simulated / elapsed_ns if elapsed_ns else 0.0,
    }


@click.command(name="simulate")
@click.argument("strategy", required=False, metavar="[STRATEGY]")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="First seed.")
@click.option("--count", type=click.IntRange(1), default=1, show_default=True, help="Seeds.")
@click.option(
    "--steps",
    type=click.IntRange(100),
    default=10_000,
    show_default=True,
    help="Messages of the venue, of each seed.",
)
@click.option("--calm", is_flag=True, help="No faults.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Empty directory for journals; a seed that fails leaves its own there.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def command(
    strategy: str | None,
    seed: int,
    count: int,
    steps: int,
    calm: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Run the whole platform with faults from seeds: lossy lines, slow servers, rejects, kills,
    crashes and recoveries.

    STRATEGY is FILE.py[:Class] and trades alone; without it the samples do. Exit code 1 at the
    first seed that fails; the message says how to repeat it.
    """
    runs = STRATEGIES if strategy is None else (StrategyRun(strategy),)
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: is not empty; give a new directory")
    clock = LiveClock()
    start = clock.now_ns()
    reports: list[SimulationReport] = []
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    # What a journal says of a place in memory is meant here: the loss of power is simulated.
    logging.getLogger("tectra.journal").setLevel(logging.ERROR)
    with TemporaryDirectory(prefix="tectra-simulate-", dir=memory) as scratch, StopSignals():
        for number in range(seed, seed + count):
            place = (out or Path(scratch)) / f"seed-{number}"
            try:
                report = simulate(
                    number,
                    place,
                    steps=steps,
                    strategies=runs,
                    faults=Faults() if calm else None,
                )
            finally:
                with suppress(OSError):  # only a seed that failed left something
                    place.rmdir()
            reports.append(report)
            if not as_json:
                click.echo(str(report))
    document = _document(reports, clock.now_ns() - start)
    if as_json:
        write_json(document)
    else:
        click.echo(
            f"{count} seeds, {document['simulated_ns'] / 1e9:,.0f} s of market in "
            f"{document['elapsed_ns'] / 1e9:,.1f} s: {document['real_time_factor']:,.0f} times "
            "real time"
        )
