"""`tectra replay verify`: a journal lived again."""

from pathlib import Path

import click

from tectra.ops.cli.show import progress, write_json
from tectra.replay.verify import verify_replay

__all__ = ["command"]


@click.command(name="verify")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--until",
    type=click.IntRange(0, 2**63 - 1),
    default=None,
    help="Stop after this record and say where the engine stands.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@click.pass_context
def command(ctx: click.Context, directory: Path, until: int | None, as_json: bool) -> None:
    """Compare every output with the journal, byte for byte. Exit code 1 at the first difference."""
    with progress(f"replaying {directory}", quiet=as_json) as step:
        report = verify_replay(directory, until_seq=until, progress=step)
    if as_json:
        write_json(report.as_dict())
    else:
        for line in report.lines():
            click.echo(line)
    ctx.exit(0 if report.ok else 1)
