"""How commands talk: tables and progress for people, one JSON document for machines."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

__all__ = [
    "clock_text",
    "console",
    "feed_troubles",
    "progress",
    "table",
    "troubles",
    "warn",
    "write_json",
]

Step = Callable[[int, int], None]


def console() -> Console:
    """Standard output; plain when it is not a terminal, and then 132 columns wide. Brackets are
    text: they stand in the names of files.
    """
    width = None if sys.stdout.isatty() else 132
    return Console(width=width, highlight=False, markup=False, emoji=False)


def warn(text: str) -> None:
    """One line on standard error."""
    click.echo(f"warning: {text}", err=True)


def troubles(path: Path, source: Any, offset: int) -> list[str]:
    """What is wrong with an ITCH file, a line each. `source` counted trailing_bytes, unknown and
    malformed; `offset` is where the last whole message ends.
    """
    out = []
    if source.trailing_bytes:
        out.append(
            f"{path}: {source.trailing_bytes} bytes after the last whole message, "
            f"at offset {offset:,}"
        )
    if source.unknown:
        out.append(f"{path}: {source.unknown:,} messages of a type that ITCH 5.0 does not have")
    if source.malformed:
        out.append(f"{path}: {source.malformed:,} messages whose length contradicts their type")
    return out


def feed_troubles(path: Path, feed: Any) -> list[str]:
    """What a feed passed over, a line each: of an ITCH file with offsets, of others by cause."""
    if hasattr(feed, "trailing_bytes"):
        return troubles(path, feed, feed.offset)
    return [
        f"{path}: {n:,} passed over: {cause}" for cause, n in getattr(feed, "faults", {}).items()
    ]


def write_json(value: Any) -> None:
    """One indented JSON document on standard output."""
    click.echo(
        orjson.dumps(
            value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str
        ).decode()
    )


def table(
    title: str, head: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1
) -> Table:
    """A table; the first `left` columns are text, the others numbers."""
    out = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for i, name in enumerate(head):
        out.add_column(name, justify="left" if i < left else "right", no_wrap=True)
    for row in rows:
        out.add_row(*row)
    return out


def _nothing(_done: int, _total: int) -> None:
    """Progress where nobody looks."""


@contextmanager
def progress(title: str, *, quiet: bool = False) -> Iterator[Step]:
    """A bar on standard error that a job moves with `step(done, total)`; nothing where that is no
    terminal.
    """
    if quiet or not sys.stderr.isatty():
        yield _nothing
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def clock_text(ns: int | None) -> str:
    """Nanoseconds since midnight as HH:MM:SS.nnnnnnnnn."""
    if ns is None:
        return "none"
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:09}"
