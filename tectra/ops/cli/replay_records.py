"""What the commands about records of a run have in common: places, filters, ways to write them."""

import csv
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson

from tectra.core.part_file import PartFile
from tectra.replay.debug_text import Names
from tectra.replay.view import Event, EventFilter

__all__ = ["filter_of", "filter_options", "format_options", "write_events"]

_F = TypeVar("_F", bound=Callable[..., Any])


def filter_options(command: _F) -> _F:
    """--record, --symbol, --inputs, --outputs, --state-changes, --actions, --order."""
    options = (
        click.option(
            "--record",
            "templates",
            multiple=True,
            metavar="NAME",
            help="Only records of this kind, such as order_fill. May be given several times.",
        ),
        click.option("--symbol", default="", help="Only records of this symbol."),
        click.option("--order", "order_id", type=click.IntRange(1, 2**64 - 1), default=None,
                     help="Only records of this order."),
        click.option("--inputs", "inputs_only", is_flag=True, help="Only what came in."),
        click.option("--outputs", "outputs_only", is_flag=True, help="Only what the engine said."),
        click.option("--state-changes", "state_changes_only", is_flag=True,
                     help="Only records that say a state is another than before."),
        click.option("--actions", "actions_only", is_flag=True,
                     help="Only what strategies asked for and what became of it."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def filter_of(chosen: dict[str, Any]) -> EventFilter:
    """The filter that the options ask for."""
    return EventFilter(
        templates=chosen["templates"],
        symbol=chosen["symbol"],
        order_id=chosen["order_id"] or 0,
        inputs_only=chosen["inputs_only"],
        outputs_only=chosen["outputs_only"],
        state_changes_only=chosen["state_changes_only"],
        actions_only=chosen["actions_only"],
    )


def format_options(command: _F) -> _F:
    """--json and --csv."""
    options = (
        click.option("--json", "as_json", is_flag=True, help="One JSON object a line."),
        click.option(
            "--csv",
            "csv_path",
            type=click.Path(path_type=Path),
            help="Write there as CSV instead of the terminal.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def write_events(
    events: Iterable[Event], names: Names, *, as_json: bool, csv_path: Path | None
) -> int:
    """Write records as lines, JSON lines or a CSV file; returns how many there were."""
    if as_json and csv_path is not None:
        raise click.UsageError("--json and --csv exclude each other")
    count = 0
    with ExitStack() as stack:
        rows = None
        if csv_path is not None:
            part = stack.enter_context(PartFile(csv_path))
            part.write(b"")
            rows = csv.writer(_Text(part), lineterminator="\n")
            rows.writerow(["ring_seq", "ts_ns", "record", "direction", "symbol", "fields"])
        for count, event in enumerate(events, start=1):  # noqa: B007  counted, and kept
            if rows is not None:
                fields = event.fields()
                symbol = names.symbol(fields.get("instrument_id", 0))
                said = orjson.dumps(fields, default=str).decode()
                head = [event.ring_seq, event.ts_ns, event.name, event.direction]
                rows.writerow([*head, symbol, said])
            elif as_json:
                sys.stdout.write(orjson.dumps(event.as_dict(), default=str).decode() + "\n")
            else:
                click.echo(names.line(event).strip())
    if csv_path is not None:
        click.echo(f"{csv_path}: {count} records")
    return count


class _Text:
    """A text file over a file that is whole or not there."""

    def __init__(self, part: PartFile) -> None:
        self._part = part

    def write(self, text: str) -> int:
        """Append text."""
        self._part.write(text.encode())
        return len(text)
