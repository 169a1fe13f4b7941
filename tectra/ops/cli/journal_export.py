"""`tectra journal export`: records as Parquet, CSV or JSON lines."""

from pathlib import Path
from typing import Any

import click

from tectra.core.stop import StopSignals
from tectra.journal.export import EXPORT_FORMATS, export_journal
from tectra.journal.plain import PlainRecords
from tectra.ops.cli.journal_select import open_journal_dir, query_of, query_options, stoppable
from tectra.ops.cli.show import progress, write_json

__all__ = ["command"]


@click.command(name="export")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path),
              help="New file, .parquet, .csv or .jsonl; without suffix a directory.")  # fmt: skip
@click.option("--format", "file_format", type=click.Choice(EXPORT_FORMATS),
              help="Format of the files of a directory. Default: parquet.")  # fmt: skip
@query_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def command(
    directory: Path, out: Path, file_format: str | None, as_json: bool, **options: Any
) -> None:
    """Write records as files that other programs read: one file a type, JSON lines any types.

    Parquet has the mantissas, with their exponents in the metadata; CSV and JSON lines have exact
    decimals. A file is there only when it is whole.
    """
    with StopSignals(), progress(f"writing {out.name}", quiet=as_json) as step:
        reader = open_journal_dir(directory)
        query = query_of(options, PlainRecords(reader))
        done = export_journal(
            reader, out, query, file_format=file_format,
            progress=stoppable(step, "nothing was written"),
        )  # fmt: skip
    if as_json:
        write_json({"path": str(done.path), "format": done.format, "records": done.records})
        return
    for name, count in done.records.items():
        click.echo(f"{count:>10,} {name}")
    click.echo(f"{done.path}: {sum(done.records.values()):,} records")
