"""`tectra journal prune`: journals whose time is over, removed."""

from dataclasses import asdict
from pathlib import Path

import click

from tectra.core.clock import LiveClock
from tectra.core.config.load import load_config
from tectra.core.errors import ConfigError
from tectra.core.stop import StopSignals
from tectra.journal.plain import time_text
from tectra.journal.retention import prune_journals
from tectra.ops.cli.journal_select import age_ns, into_pipe, stoppable
from tectra.ops.cli.show import progress, write_json

__all__ = ["command"]


@click.command(name="prune")
@click.argument("root", type=click.Path(path_type=Path))
@click.option("--older-than", metavar="AGE", help="Closed so long ago: 30d.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), metavar="FILE",
              help="Its [journal] retention_days where --older-than is not given.")  # fmt: skip
@click.option("--keep", default=0, show_default=True, type=click.IntRange(0),
              help="The newest so many stay, whatever their age.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@into_pipe()
def command(
    root: Path,
    older_than: str | None,
    config_file: Path | None,
    keep: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Remove whole journals in ROOT that were closed long enough ago; of a run's directory only the
    journal. One that is open, not closed or damaged stays.
    """
    before = LiveClock().now_ns() - age_ns(_age(older_than, config_file))
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


def _age(older_than: str | None, config_file: Path | None) -> str:
    """The age that was asked for; the configuration is checked also where it does not decide."""
    days = None if config_file is None else load_config(config_file).config.journal.retention_days
    if older_than is not None:
        return older_than
    if config_file is None:
        raise click.UsageError(
            "give --older-than AGE, or --config FILE with journal.retention_days"
        )
    if days is None:
        raise ConfigError(
            f"{config_file}: journal.retention_days: found nothing; allowed: whole number, "
            "1 to 36500 (days); name it, or give --older-than AGE"
        )
    return f"{days}d"
