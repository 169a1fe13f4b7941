"""`tectra session`: commands about sessions as events, one module each."""

import click

from tectra.ops.cli.lazy import LazyGroup

__all__ = ["command"]

# name -> (module, one line of help); the module has the command as `command`.
_COMMANDS = {
    "diff": ("tectra.ops.cli.session_diff", "What differs between two events' states."),
    "events": ("tectra.ops.cli.session_events", "Events as a timeline, CSV or JSON."),
    "export": ("tectra.ops.cli.session_export", "Make a file of events from a journal."),
    "ls": ("tectra.ops.cli.session_ls", "The sessions below a directory."),
    "show": ("tectra.ops.cli.session_show", "A session, or its state at an event or a time."),
}


@click.group(name="session", cls=LazyGroup, table=_COMMANDS)
def command() -> None:
    """Sessions as streams of events. The journal is the truth; this is an export of it."""
