"""`tectra journal compact`: closed segments packed and indexed."""

from dataclasses import asdict
from pathlib import Path

import click

from tectra.core.clock import LiveClock
from tectra.core.stop import StopSignals
from tectra.journal.retention import compact_journal
from tectra.ops.cli.journal_select import age_ns, into_pipe, stoppable
from tectra.ops.cli.show import progress, write_json
from tectra.replay.verify import journal_of

__all__ = ["command"]


@click.command(name="compact")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--older-than", metavar="AGE", help="Only segments last written so long ago: 7d.")
@click.option("--level", default=3, show_default=True, type=click.IntRange(1, 22), help="zstd's.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@into_pipe()
def command(
    directory: Path, older_than: str | None, level: int, dry_run: bool, as_json: bool
) -> None:
    """Pack closed segments behind zstd and build their indexes. No record is lost; a journal that
    is being written may be compacted, its open segment is left.
    """
    before = None if older_than is None else LiveClock().now_ns() - age_ns(older_than)
    where = journal_of(directory)
    with StopSignals(), progress(f"compacting {where}", quiet=as_json) as step:
        found = compact_journal(
            where, before_ns=before, level=level, dry_run=dry_run,
            progress=stoppable(step, "what was packed until then is whole"),
        )  # fmt: skip
    if as_json:
        write_json({"path": str(where), "dry_run": dry_run, "segments": [asdict(f) for f in found]})
        return
    would = "would be " if dry_run else ""
    for one in found:
        what = [f"{would}packed"] if one.packed else []
        what += [f"{would}indexed"] if one.indexed else []
        said = f"left: {one.left}" if one.left else ", ".join(what) or "in order"
        size = f"{one.bytes_before:,} bytes"
        if one.packed and not dry_run:
            size += f" -> {one.bytes_after:,}"
        if one.index_bytes:
            size += f", index {one.index_bytes:,}"
        click.echo(f"segment {one.segment_id}: {said}; {one.records:,} records, {size}")
    before_bytes = sum(f.bytes_before for f in found)
    after_bytes = sum(f.bytes_after for f in found)
    click.echo(f"{where}: {before_bytes:,} bytes, now {after_bytes:,}")
