"""`tectra journal unpack`: packed segments as plain files again."""

from pathlib import Path

import click

from tectra.core.stop import StopSignals
from tectra.journal.retention import unpack_journal
from tectra.ops.cli.journal_select import stoppable
from tectra.ops.cli.show import progress
from tectra.replay.verify import journal_of

__all__ = ["command"]


@click.command(name="unpack")
@click.argument("directory", type=click.Path(path_type=Path))
def command(directory: Path) -> None:
    """Put the plain segment files back, byte for byte, for tools that read no packed ones.

    Nobody should read the journal meanwhile.
    """
    where = journal_of(directory)
    with StopSignals(), progress(f"unpacking {where}") as step:
        done = unpack_journal(
            where, progress=stoppable(step, "what was unpacked until then is whole")
        )
    click.echo(f"{where}: {done} segments unpacked")
