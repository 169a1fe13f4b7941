"""`tectra replay`: commands about recorded runs, one module each."""

import click

from tectra.ops.cli.lazy import LazyGroup

__all__ = ["command"]

# name -> (module, one line of help); the module has the command as `command`.
_COMMANDS = {
    "verify": (
        "tectra.ops.cli.replay_verify",
        "Compare every output with the journal.",
    ),
}


@click.group(name="replay", cls=LazyGroup, table=_COMMANDS)
def command() -> None:
    """Run a journal's inputs through the engine again."""
