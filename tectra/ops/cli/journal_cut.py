"""`tectra journal cut`: a stretch of a journal as a journal of its own."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tectra.core.errors import InputError
from tectra.core.stop import StopSignals
from tectra.journal.cut import cut_journal
from tectra.ops.cli.journal_select import open_journal_dir, query_of, range_options, stoppable
from tectra.ops.cli.show import progress, write_json

__all__ = ["command"]


@click.command(name="cut")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="New directory.")
@range_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def command(directory: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Write the records of a stretch into a new journal, byte for byte, with their numbers.

    Its session says what it was cut from. A stretch that begins with the journal can be replayed.
    """
    query = query_of(options)
    if query.everything:
        raise InputError("nothing says where to cut; give --seq A:B, or --from and --to")
    if not out.parent.is_dir():
        raise InputError(f"--out: no directory {out.parent}; make it first")
    with StopSignals(), progress(f"writing {out.name}", quiet=as_json) as step:
        reader = open_journal_dir(directory)
        done = cut_journal(reader, out, query, progress=stoppable(step, "nothing was written"))
    if as_json:
        write_json({**asdict(done), "path": str(done.path)})
    else:
        click.echo(
            f"{done.path}: {done.records:,} records, ring_seq {done.first_ring_seq} to "
            f"{done.last_ring_seq}"
        )
