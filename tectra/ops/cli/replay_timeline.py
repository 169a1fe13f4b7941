"""`tectra replay timeline`: what happened when."""

from collections import Counter
from pathlib import Path
from typing import Any

import click

from tectra.core.msg import Template
from tectra.core.stop import StopSignals
from tectra.ops.cli.replay_records import filter_of, filter_options, format_options, write_events
from tectra.ops.cli.show import warn, write_json
from tectra.replay.debug_condition import parse_place
from tectra.replay.debug_text import Names, clock_text
from tectra.replay.player import ReplaySession
from tectra.replay.view import EventFilter

__all__ = ["command"]

_BAR = 40
_ORDERS = (Template.ORDER_SEND, Template.ORDER_FILL, Template.ORDER_REJECT)


@click.command(name="timeline")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--from", "first", default=None, metavar="RECORD|TIME", help="Start there.")
@click.option("--to", "last", default=None, metavar="RECORD|TIME", help="End there.")
@click.option(
    "--rows",
    default=30,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Rows of the picture.",
)
@filter_options
@format_options
def command(
    directory: Path,
    first: str | None,
    last: str | None,
    rows: int,
    as_json: bool,
    csv_path: Path | None,
    **chosen: Any,
) -> None:
    """A picture of the whole run, or with --from or --to one line a record."""
    session = ReplaySession(directory)
    wanted = filter_of(chosen)
    if first is None and last is None and csv_path is None:
        _picture(session, wanted, rows, as_json)
        return
    start = 1 if first is None else parse_place(first, session)
    stop = session.last_seq if last is None else parse_place(last, session)
    with StopSignals():
        events = session.view.find(wanted, start, stop)
        if not write_events(events, Names(session.spec), as_json=as_json, csv_path=csv_path):
            warn(f"no such record from {start:,} to {stop:,}; times of day are UTC here")


def _picture(session: ReplaySession, wanted: EventFilter, rows: int, as_json: bool) -> None:
    """Records, requests, fills and rejects in equal pieces of the time between the first market
    record and the last.
    """
    market = session.view.next(EventFilter(inputs_only=True), 0)
    first_ns = session.view.first_ns if market is None else market.ts_ns
    width_ns = max(1, -(-(session.view.last_ns + 1 - first_ns) // rows))
    counts: list[Counter[str]] = [Counter() for _ in range(rows)]
    for event in session.view.find(wanted):
        row = counts[min(rows - 1, max(0, (event.ts_ns - first_ns) // width_ns))]
        row["records"] += 1
        if event.template in _ORDERS:
            row[event.name] += 1
    if as_json:
        write_json(
            [
                {"ts_ns": first_ns + i * width_ns, "width_ns": width_ns, **row}
                for i, row in enumerate(counts)
            ]
        )
        return
    most = max(row["records"] for row in counts) or 1
    click.echo(f"{'from (UTC)':<14} {'records':>9} {'sent':>6} {'fills':>6} {'rejects':>7}")
    for i, row in enumerate(counts):
        bar = "#" * -(-row["records"] * _BAR // most)
        numbers = " ".join(
            f"{row[name]:>{width}}"
            for name, width in zip(("order_send", "order_fill", "order_reject"), (6, 6, 7),
                                   strict=True)
        )  # fmt: skip
        clock = clock_text(first_ns + i * width_ns)[:12]
        click.echo(f"{clock:<14} {row['records']:>9,} {numbers}  {bar}".rstrip())
