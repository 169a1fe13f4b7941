"""`tectra replay`: commands about recorded runs, one module each."""

import click

from tectra.ops.cli.lazy import LazyGroup

__all__ = ["command"]

# name -> (module, one line of help); the module has the command as `command`.
_COMMANDS = {
    "diff": (
        "tectra.ops.cli.replay_diff",
        "Compare two journals record by record, by component.",
    ),
    "golden": (
        "tectra.ops.cli.replay_golden",
        "Keep digests of runs; compare runs with them.",
    ),
    "control": (
        "tectra.ops.cli.replay_control",
        "Drive a replay by JSON lines from another program.",
    ),
    "debug": ("tectra.ops.cli.replay_debug", "Walk through a run and ask it questions."),
    "find": ("tectra.ops.cli.replay_find", "Records of a run that meet a condition."),
    "play": ("tectra.ops.cli.replay_play", "Play a run at any speed and tell what happens."),
    "state": ("tectra.ops.cli.replay_state", "The engine's state at a record or a time."),
    "timeline": ("tectra.ops.cli.replay_timeline", "What happened when, as a picture or by line."),
    "rca": (
        "tectra.ops.cli.replay_rca",
        "The report of an incident: a window with its state and reasons.",
    ),
    "verify": (
        "tectra.ops.cli.replay_verify",
        "Compare every output with the journal.",
    ),
    "whatif": (
        "tectra.ops.cli.replay_whatif",
        "The run again with other parameters, limits or another strategy.",
    ),
}


@click.group(name="replay", cls=LazyGroup, table=_COMMANDS)
def command() -> None:
    """Run a journal's inputs through the engine again."""
