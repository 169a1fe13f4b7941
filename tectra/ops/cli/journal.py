"""`tectra journal`: commands about journals, one module each."""

import click

from tectra.ops.cli.lazy import LazyGroup

__all__ = ["command"]

# name -> (module, one line of help); the module has the command as `command`.
_COMMANDS = {
    "verify": ("tectra.ops.cli.journal_verify", "Check every byte; one line a fault."),
}


@click.group(name="journal", cls=LazyGroup, table=_COMMANDS)
def command() -> None:
    """Journals: what is in them, and is it what was written?"""
