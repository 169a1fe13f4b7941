"""Options that several commands on recorded data share: which records, and how a format is read."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from tectra.core.errors import InputError
from tectra.feed.selection import Selection

__all__ = ["chosen", "format_options", "pairs", "select_options"]

_F = TypeVar("_F", bound=Callable[..., Any])


def select_options(command: _F) -> _F:
    """--symbols, --types, --from and --to."""
    for option in (
        click.option(
            "--types",
            multiple=True,
            metavar="NAME,...",
            help="Only records of these types, such as trade,book_level.",
        ),
        click.option("--to", "end", metavar="TIME", help="Ahead of this time; a date is included."),
        click.option(
            "--from",
            "start",
            metavar="TIME",
            help="From this time on: 2012-06-21, 2012-06-21T09:30 (UTC, or with an offset), or ns.",
        ),
        click.option(
            "--symbols", multiple=True, metavar="A,B", help="Only these symbols. Default: all."
        ),
    ):
        command = option(command)
    return command


def format_options(command: _F) -> _F:
    """--format and --option."""
    for option in (
        click.option(
            "--option",
            "options",
            multiple=True,
            metavar="NAME=VALUE",
            help="Option of the format; repeat for several.",
        ),
        click.option("--format", "format_name", help="Format of the input. Default: its content."),
    ):
        command = option(command)
    return command


def _split(texts: Iterable[str]) -> list[str] | None:
    return [part.strip() for text in texts for part in text.split(",") if part.strip()] or None


def chosen(
    symbols: Iterable[str], types: Iterable[str], start: str | None, end: str | None
) -> Selection:
    """The selection that the options mean. InputError."""
    return Selection.of(start=start, end=end, symbols=_split(symbols), types=_split(types))


def pairs(options: Iterable[str]) -> dict[str, str]:
    """NAME=VALUE options as a mapping. InputError."""
    out = {}
    for text in options:
        name, mark, value = text.partition("=")
        if not mark or not name:
            raise InputError(f"--option: found {text!r}; allowed: NAME=VALUE")
        out[name.strip()] = value.strip()
    return out
