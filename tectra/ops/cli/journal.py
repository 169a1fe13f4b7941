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
    "cat": ("tectra.ops.cli.journal_cat", "Records as lines, filtered; follows a growing journal."),
    "compact": ("tectra.ops.cli.journal_compact", "Pack closed segments and build indexes."),
    "cut": ("tectra.ops.cli.journal_cut", "A stretch of records as a new journal."),
    "export": ("tectra.ops.cli.journal_export", "Records as Parquet, CSV or JSON lines."),
    "ls": ("tectra.ops.cli.journal_ls", "Segments: records, bytes, times, state, digest."),
    "orders": ("tectra.ops.cli.journal_orders", "Events of orders, by order or time."),
    "prune": ("tectra.ops.cli.journal_prune", "Remove whole journals that are old enough."),
    "repair": ("tectra.ops.cli.journal_repair", "A journal that verifies, of a damaged one."),
    "unpack": ("tectra.ops.cli.journal_unpack", "Packed segments as plain files again."),
    "recover": (
        "tectra.ops.cli.journal_recover",
        "Put the engine together again; what is in flight and held.",
    ),
    "snapshot": ("tectra.ops.cli.journal_snapshot", "Make a snapshot of the engine's state."),
    "verify": ("tectra.ops.cli.journal_verify", "Check every byte; one line a fault."),
}


@click.group(name="journal", cls=LazyGroup, table=_COMMANDS)
def command() -> None:
    """Journals: what is in them, and is it what was written?"""
