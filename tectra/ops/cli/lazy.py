"""Groups of commands that know their commands by name and import the one that is used."""

import importlib
from collections.abc import Mapping
from typing import Any

import click

__all__ = ["Commands", "LazyGroup"]

# name -> (module, one line of help); the module has the command as `command`.
Commands = Mapping[str, tuple[str, str]]


class LazyGroup(click.Group):
    """A group over a table of commands."""

    def __init__(self, *args: Any, table: Commands, **more: Any) -> None:
        super().__init__(*args, **more)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._table:
            return None
        command: click.Command = importlib.import_module(self._table[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._table[name][1]) for name in sorted(self._table)])
