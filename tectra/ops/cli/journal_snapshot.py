"""`tectra journal snapshot`: the state of an engine beside its journal."""

from pathlib import Path

import click

from tectra.core.stop import StopSignals
from tectra.engine.recover import make_snapshot
from tectra.engine.snapshot_file import COMPRESSIONS
from tectra.ops.cli.show import progress, write_json
from tectra.replay.verify import journal_of

__all__ = ["command"]


@click.command(name="snapshot")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--at",
    type=click.IntRange(1, 2**63 - 1),
    default=None,
    help="Behind the step of this record. Default: the last whole one.",
)
@click.option("--compression", type=click.Choice(COMPRESSIONS), default="none", help="Of the file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def command(directory: Path, at: int | None, compression: str, as_json: bool) -> None:
    """Replay a journal and write the engine's state beside it, so that a recovery begins there."""
    with progress(f"replaying {directory}", quiet=as_json) as step, StopSignals():
        made = make_snapshot(journal_of(directory), at=at, compression=compression, progress=step)
    if as_json:
        write_json(
            {
                "path": str(made.path),
                "ring_seq": made.ring_seq,
                "now_ns": made.ts_ns,
                "bytes": made.stored_bytes,
                "compression": made.compression,
                "output_digest": made.output_digest,
            }
        )
        return
    click.echo(f"{made.path}: state behind record {made.ring_seq}, {made.stored_bytes:,} bytes")
