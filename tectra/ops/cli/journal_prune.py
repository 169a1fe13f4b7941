"""`tectra journal prune`: journals whose time is over, removed."""

from dataclasses import asdict
from pathlib import Path

import click

from tectra.core.clock import LiveClock
from tectra.core.stop import StopSignals
from tectra.journal.plain import time_text
from tectra.journal.retention import prune_journals
from tectra.ops.cli.journal_select import age_ns, into_pipe, stoppable
from tectra.ops.cli.show import progress, write_json

__all__ = ["command"]


@click.command(name="prune")
@click.argument("root", type=click.Path(path_type=Path))
@click.option("--older-than", required=True, metavar="AGE", help="Closed so long ago: 30d.")
@click.option("--keep", default=0, show_default=True, type=click.IntRange(0),
              help="The newest so many stay, whatever their age.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@into_pipe()
def command(root: Path, older_than: str, keep: int, dry_run: bool, as_json: bool) -> None:
    """Remove whole journals in ROOT that were closed long enough ago; of a run's directory only the
    journal. One that is open, not closed or damaged stays.
    """
    before = LiveClock().now_ns() - age_ns(older_than)
    with StopSignals(), progress(f"pruning {root}", quiet=as_json) as step:
        found = prune_journals(
            root, before_ns=before, keep=keep, dry_run=dry_run,
            progress=stoppable(step, "what was removed until then is gone"),
        )  # fmt: skip
    if as_json:
        rows = [{**asdict(f), "path": str(f.path)} for f in found]
        write_json({"root": str(root), "dry_run": dry_run, "journals": rows})
        return
    verb = "would remove" if dry_run else "removed"
    for one in found:
        said = f"{verb}: {one.reason}" if one.remove else one.reason
        click.echo(f"{one.path}: {said}; {one.bytes:,} bytes, of {time_text(one.closed_ns)[:19]}")
    gone = [f for f in found if f.remove]
    click.echo(f"{verb} {len(gone)} of {len(found)} journals, {sum(f.bytes for f in gone):,} bytes")
