"""`tectra itch`: what an ITCH 5.0 file holds, and synthetic days."""

from pathlib import Path
from shlex import quote

import click

from tectra.core.errors import TruncatedInputError
from tectra.feed.itch_stats import ItchStats, collect
from tectra.feed.itch_wire import LAYOUTS
from tectra.feed.synthetic import SYMBOLS, generate_day
from tectra.ops.cli.show import clock_text, console, progress, table, troubles, warn, write_json

__all__ = ["command"]


@click.group(name="itch")
def command() -> None:
    """NASDAQ TotalView-ITCH 5.0 files, plain or .gz."""


def _as_json(stats: ItchStats) -> dict[str, object]:
    return {
        "file": str(stats.path),
        "messages": stats.total,
        "by_type": stats.messages,
        "unknown": stats.unknown,
        "malformed": stats.malformed,
        "symbols": len(stats.symbols),
        "first": clock_text(stats.first_ns),
        "last": clock_text(stats.last_ns),
        "first_ns": stats.first_ns,
        "last_ns": stats.last_ns,
        "bytes": stats.bytes,
        "bytes_on_disk": stats.disk_bytes,
        "trailing_offset": stats.trailing_offset,
        "trailing_bytes": stats.trailing_bytes,
        "end_of_session": stats.end_of_session,
    }


@command.command(name="stats")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of tables.")
@click.option(
    "--strict",
    is_flag=True,
    help="A file cut inside a message, or an unknown or malformed message, is an error.",
)
def stats_command(file: Path, as_json: bool, strict: bool) -> None:
    """Messages by type, symbols, first and last time, bytes."""
    with progress(f"reading {file.name}", quiet=as_json) as step:
        stats = collect(file, step)
    found = troubles(file, stats, stats.trailing_offset or 0)
    if as_json:
        write_json(_as_json(stats))
    else:
        rows = [
            (code, LAYOUTS[code].name.replace("_", " "), f"{n:,}")
            for code, n in sorted(stats.messages.items(), key=lambda e: -e[1])
        ]
        out = console()
        out.print(
            table(
                f"{file.name}: {stats.total:,} messages", ("type", "message", "count"), rows, left=2
            )
        )
        out.print(f"symbols        {len(stats.symbols):,}")
        out.print(
            f"first, last    {clock_text(stats.first_ns)}  {clock_text(stats.last_ns)}  (New York)"
        )
        out.print(f"bytes          {stats.bytes:,} ({stats.disk_bytes:,} on disk)")
        out.print(f"session ended  {'yes' if stats.end_of_session else 'no end-of-session record'}")
    if strict and found:
        raise TruncatedInputError("; ".join(found))
    for line in found:
        warn(line)


@command.command(name="generate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--messages", default=250_000, show_default=True, help="About how many messages.")
@click.option("--symbols", default=",".join(SYMBOLS), show_default=True, help="Their names.")
@click.option("--date", default="2026-01-05", show_default=True, help="Trade date.")
def generate_command(file: Path, seed: int, messages: int, symbols: str, date: str) -> None:
    """Write a synthetic trading day: crosses, a halt, replaces, hidden trades."""
    generate_day(file, seed=seed, messages=messages, symbols=symbols.split(","), date=date)
    size = file.stat().st_size
    click.echo(f"{file}: {size:,} bytes; look at it with: tectra itch stats {quote(str(file))}")
