"""`tectra wal`: the journal as a log of events."""

import click

from tectra.ops.cli.lazy import LazyGroup

__all__ = ["command"]

# name -> (module, one line of help); the module has the command as `command`.
_COMMANDS = {
    "replay": ("tectra.ops.cli.wal_replay", "Print filtered events at the pace of their times."),
}


@click.group(name="wal", cls=LazyGroup, table=_COMMANDS)
def command() -> None:
    """The write-ahead log of a run: its events again, as lines."""
