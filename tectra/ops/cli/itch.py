"""`tectra itch`: what an ITCH 5.0 file holds, synthetic days, and what a capture holds of one."""

from pathlib import Path
from shlex import quote

import click

from tectra.core.errors import TruncatedInputError
from tectra.feed.itch_stats import ItchStats, collect
from tectra.feed.itch_wire import LAYOUTS
from tectra.feed.mold_extract import Extracted, extract_capture
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


def _extracted_as_json(found: Extracted) -> dict[str, object]:
    names = (
        "session", "frames", "payloads", "skipped", "packets", "other", "messages",
        "first_sequence", "next_sequence", "missing", "duplicates", "late", "unnumbered",
        "not_itch", "ended",
    )  # fmt: skip
    out: dict[str, object] = {"file": str(found.path), "out": str(found.out)}
    out |= {name: getattr(found, name) for name in names}
    return out | {"gaps": [{"first": a, "count": n} for a, n in found.gaps], "cut": found.cut}


@command.command(name="extract")
@click.argument("capture", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="ITCH file.")
@click.option("--session", help="MoldUDP64 session, where the capture has several.")
@click.option("--port", type=click.IntRange(1, 65535), help="UDP destination port.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@click.option("--strict", is_flag=True, help="A gap, or anything else amiss, is an error; no file.")
def extract_command(
    capture: Path, out: Path, session: str | None, port: int | None, as_json: bool, strict: bool
) -> None:
    """Messages of MoldUDP64 packets in a pcap or pcapng CAPTURE, in order, each once."""
    found = extract_capture(capture, out, session=session, port=port, strict=strict)
    if as_json:
        write_json(_extracted_as_json(found))
    else:
        numbers = f"{found.first_sequence:,} to {found.next_sequence - 1:,}"
        rows = [
            ("session", found.session.strip("\0") or "none"),
            ("numbers", numbers if found.first_sequence else "none"),
            ("messages", f"{found.messages:,}"),
            ("missing", f"{found.missing:,} in {len(found.gaps):,} gaps"),
            ("again", f"{found.duplicates:,}"),
            ("packets", f"{found.packets:,} of {found.payloads:,} UDP payloads"),
            ("frames", f"{found.frames:,}"),
            *((reason, f"{n:,}") for reason, n in found.skipped.items()),
        ]
        for name, text in rows:
            click.echo(f"{name:<20} {text}")
    for line in found.faults():
        warn(line)
