"""`tectra journal cat`: records as lines."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import click
import orjson

from tectra.core.errors import StoppedError
from tectra.core.msg import Template
from tectra.core.stop import StopSignals, stop_reason, stop_requested
from tectra.journal.plain import PlainRecords
from tectra.journal.query import JournalQuery
from tectra.ops.cli.journal_select import into_pipe, open_journal_dir, query_of, query_options
from tectra.ops.cli.show import warn

__all__ = ["command", "print_record"]

_LOOK_S = 0.05


def print_record(plain: PlainRecords, template: Template, data: Any, *, as_json: bool) -> None:
    """One record on standard output."""
    if as_json:
        click.echo(orjson.dumps(plain.values(template, data)))
    else:
        click.echo(plain.line(template, data))


def _wait() -> bool:
    Event().wait(_LOOK_S)
    return not stop_requested()


def _records(query: JournalQuery, *, follow: bool) -> Iterator[tuple[Template, memoryview]]:
    return query.follow(_wait) if follow else query.records()


@click.command(name="cat")
@click.argument("directory", type=click.Path(path_type=Path))
@query_options
@click.option("--follow", is_flag=True, help="Go on as the journal grows, until it is closed.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
def command(directory: Path, follow: bool, as_json: bool, **options: Any) -> None:
    """Records of a journal as lines: number, time of receipt, type, symbol, fields.

    Prices and quantities are exact decimals where the journal tells the exponents (price=), and
    mantissas where it does not (px=).
    """
    with StopSignals(), into_pipe():
        reader = open_journal_dir(directory)
        plain = PlainRecords(reader)
        query = JournalQuery(reader, query_of(options, plain))
        shown = 0
        for template, data in _records(query, follow=follow):
            print_record(plain, template, data, as_json=as_json)
            shown += 1
            if stop_requested():
                break
        for note in query.notes:
            warn(f"{note}; tectra journal compact builds it again")
        if reader.tail is not None and not follow:
            warn(f"reading ended here: {reader.tail}")
        if stop_requested():
            raise StoppedError(f"stopped by {stop_reason()} after {shown:,} records")
