"""`tectra wal replay`: filtered events of a journal, at the pace at which they came."""

from pathlib import Path
from typing import Any

import click
import numpy as np

from tectra.core.clock import LiveClock
from tectra.core.errors import StoppedError
from tectra.core.msg import HEAD
from tectra.core.stop import StopSignals, stop_reason, stop_requested
from tectra.journal.plain import PlainRecords
from tectra.journal.query import JournalQuery
from tectra.ops.cli.journal_cat import print_record
from tectra.ops.cli.journal_select import into_pipe, open_journal_dir, query_of, query_options
from tectra.ops.cli.show import warn
from tectra.replay.speed import Pacer

__all__ = ["command"]


@click.command(name="replay")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--speed", default="max", show_default=True, metavar="FACTOR",
              help="1x, 10x, 0.5x of the events' own pace, or max.")  # fmt: skip
@query_options
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
def command(directory: Path, speed: str, as_json: bool, **options: Any) -> None:
    """Print the events of a journal that match, at the pace of their times of receipt.

    Tells on standard error how many there were and how long it took.
    """
    pacer = Pacer(speed)
    with StopSignals(), into_pipe():
        reader = open_journal_dir(directory)
        plain = PlainRecords(reader)
        query = JournalQuery(reader, query_of(options, plain))
        clock = LiveClock()
        start, shown = clock.now_ns(), 0
        for template, data in query.records():
            at = int(np.frombuffer(data, HEAD, 1)[0]["ts_recv_ns"])
            while pacer.speed is not None and not stop_requested() and not pacer.wait_for(at):
                pass
            if stop_requested():
                break
            print_record(plain, template, data, as_json=as_json)
            shown += 1
        took = (clock.now_ns() - start) / 1e9
        for note in query.notes:
            warn(f"{note}; tectra journal compact builds it again")
        if stop_requested():
            raise StoppedError(f"stopped by {stop_reason()} after {shown:,} events")
        rate = f", {shown / took:,.0f} a second" if took else ""
        click.echo(f"{shown:,} events in {took:.3f} s{rate}", err=True)
