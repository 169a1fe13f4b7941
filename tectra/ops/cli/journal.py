"""`tectra journal`: commands about journals, one module each."""

import click

from tectra.ops.cli.lazy import LazyGroup

__all__ = ["command"]

# name -> (module, one line of help); the module has the command as `command`.
_COMMANDS = {
    "keygen": ("tectra.ops.cli.journal_keygen", "A key that signs checkpoints."),
    "prove": ("tectra.ops.cli.journal_prove", "Prove that a record is in a journal."),
    "sign": ("tectra.ops.cli.journal_sign", "Sign what a journal holds now."),
    "verifier": ("tectra.ops.cli.journal_verifier", "Checkers that need no tectra."),
    "verify": ("tectra.ops.cli.journal_verify", "Check every byte; one line a fault."),
}


@click.group(name="journal", cls=LazyGroup, table=_COMMANDS)
def command() -> None:
    """Journals: what is in them, and is it what was written?"""
