"""`tectra feed`: live feeds of equities, sent and heard."""

import click

from tectra.ops.cli.lazy import LazyGroup

__all__ = ["command"]

# name -> (module, one line of help); the module has the command as `command`.
_COMMANDS = {
    "listen": ("tectra.ops.cli.feed_listen", "Hear a MoldUDP64 feed, and mend what it loses."),
    "serve": ("tectra.ops.cli.feed_serve", "Send a day file as a MoldUDP64 feed."),
}


@click.group(name="feed", cls=LazyGroup, table=_COMMANDS)
def command() -> None:
    """MoldUDP64 feeds of ITCH 5.0."""
