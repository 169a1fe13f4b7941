"""`tectra trader`: the trading application, as far as it needs no venue."""

import click

from tectra.ops.cli.lazy import LazyGroup

__all__ = ["command"]

# name -> (module, one line of help); the module has the command as `command`.
_COMMANDS = {
    "record": ("tectra.ops.cli.trader_record", "Journal a simulated session of every kind."),
}


@click.group(name="trader", cls=LazyGroup, table=_COMMANDS)
def command() -> None:
    """The trading application."""
