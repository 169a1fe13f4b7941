"""`tectra session events`: what happened, event by event."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click

from tectra.core.errors import InputError
from tectra.ops.cli.session_open import opened, place_of, session_argument
from tectra.ops.cli.show import write_json
from tectra.replay.capture import EVENT_KINDS, ReplayStateMachine, StateMachineEvent
from tectra.replay.capture.criteria import matches
from tectra.replay.capture.event import kinds_of
from tectra.replay.capture.export import csv_lines, readable, timeline

__all__ = ["command"]


def _chosen(
    machine: ReplayStateMachine, kinds: frozenset[str], find: str | None, span: tuple[int, int]
) -> Iterator[StateMachineEvent]:
    start, stop = span
    test = None if find is None else matches(find)
    for event in machine.events(only=kinds, start=start, stop=stop):
        if test is None or test(event):
            yield event


def _line(row: dict[str, Any]) -> str:
    what = "; ".join(filter(None, (row["transition"], row["action"])))
    head = f"{row['sequence']:>9,}  {row['time']}  {row['input']:<16} {row['symbol']:<8}"
    return f"{head} {row['changes']:>4} changes  {what}".rstrip()


@click.command(name="events")
@session_argument
@click.option(
    "--type",
    "kinds",
    multiple=True,
    metavar="KIND",
    help=f"Only events of a kind; repeat for several: {', '.join(EVENT_KINDS)}.",
)
@click.option(
    "--find",
    metavar="WHAT",
    help="entries, exits, fills, rejects, faults ..., or FIELD=VALUE; commas join.",
)
@click.option("--from", "start", metavar="SEQ|TIME", help="From this event or time on.")
@click.option("--to", "end", metavar="SEQ|TIME", help="Up to this event or time.")
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV lines.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, a row for each event.")
def command(
    session: str,
    root: Path,
    kinds: tuple[str, ...],
    find: str | None,
    limit: int | None,
    as_csv: bool,
    as_json: bool,
    **span: str | None,
) -> None:
    """Print the timeline of a session."""
    if as_csv and as_json:
        raise InputError("--csv and --json: found both; allowed: one of them")
    with opened(session, root) as machine:
        count = len(machine.stream)
        start = 1 if span["start"] is None else place_of(machine, span["start"])
        stop = count if span["end"] is None else place_of(machine, span["end"])
        events = islice(_chosen(machine, kinds_of(kinds), find, (start, stop + 1)), limit)
        if as_csv:
            for line in csv_lines(events):
                click.echo(line, nl=False)
        elif as_json:
            write_json([readable(row) for row in timeline(events)])
        else:
            for row in timeline(events):
                click.echo(_line(row))
