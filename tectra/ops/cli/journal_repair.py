"""`tectra journal repair`: a journal that verifies, made of a damaged one."""

from pathlib import Path

import click

from tectra.journal.repair import repair
from tectra.ops.cli.journal_select import into_pipe
from tectra.ops.cli.show import progress, write_json
from tectra.replay.verify import journal_of

__all__ = ["command"]


@click.command(name="repair")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="New directory for the result.")
@click.option(
    "--in-place", is_flag=True, help="Replace the journal; the original goes to damaged-<n> in it."
)
@click.option("--dry-run", is_flag=True, help="Report only; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@into_pipe()
def command(
    directory: Path, out: Path | None, in_place: bool, dry_run: bool, as_json: bool
) -> None:
    """Make a journal that verifies, with every record that is valid and in its place. What is
    missing is named: segment, offset, sequence numbers, cause. Never in place unless asked.
    """
    if in_place and out is not None:
        raise click.UsageError("give -o OUT or --in-place, not both")
    if not dry_run and not in_place and out is None:
        raise click.UsageError("give -o OUT for the repaired journal, or --in-place, or --dry-run")
    with progress(f"repairing {directory}", quiet=as_json) as step:
        report = repair(
            journal_of(directory), out, in_place=in_place, dry_run=dry_run, progress=step
        )
    if as_json:
        write_json(report.as_dict())
    else:
        for line in report.lines():
            click.echo(line)
