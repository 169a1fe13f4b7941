"""`tectra session export`: a journal made into a file of events."""

from pathlib import Path

import click

from tectra.ops.cli.show import progress, write_json
from tectra.replay.capture import CaptureOptions, EventLogReader, EventStorageMode, export_session

__all__ = ["command"]


@click.command(name="export")
@click.argument("journal", type=click.Path(path_type=Path))
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    default=Path("data/sessions"),
    show_default=True,
    help="The session's directory is made here.",
)
@click.option("--id", "session_id", help="Name of the session. Default: the journal's epoch.")
@click.option(
    "--mode",
    type=click.Choice(["full", "delta"]),
    default="delta",
    show_default=True,
    help="Whole states, or what changed and a whole state now and then.",
)
@click.option(
    "--interval",
    type=click.IntRange(1, 1_000_000),
    default=100,
    show_default=True,
    help="Events between two whole states; events in a block.",
)
@click.option(
    "--indicators",
    type=click.Choice(["cache", "recompute"]),
    default="cache",
    show_default=True,
    help="Store their values, or leave them out and recompute them when asked.",
)
@click.option(
    "--events",
    type=click.Choice(["all", "changes"]),
    default="changes",
    show_default=True,
    help="An event for every input, or only where something changed.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def command(
    journal: Path,
    root: Path,
    session_id: str | None,
    mode: str,
    interval: int,
    as_json: bool,
    **more: str,
) -> None:
    """Run JOURNAL (or a run's directory) again and write its events; every output must be that of
    the journal.
    """
    options = CaptureOptions(
        mode=EventStorageMode(mode, interval),
        indicators="cache" if more["indicators"] == "cache" else "recompute",
        events="all" if more["events"] == "all" else "changes",
    )
    with progress(f"events of {journal}", quiet=as_json) as step:
        log = export_session(
            journal, root=root, session_id=session_id, options=options, progress=step
        )
    with EventLogReader(log.path) as reader:
        found = {
            "path": str(log.path),
            "session_id": reader.info.session_id,
            "events": len(reader),
            "bytes": log.path.stat().st_size,
            "unpacked_bytes": reader.unpacked_bytes,
        }
    if as_json:
        write_json(found)
        return
    count = max(1, len(reader))
    click.echo(
        f"{log.path}: {len(reader):,} events, {found['bytes']:,} bytes, "
        f"{log.path.stat().st_size / count:.1f} an event ({reader.unpacked_bytes / count:.1f} "
        "before LZ4)"
    )
