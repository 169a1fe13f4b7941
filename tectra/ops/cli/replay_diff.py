"""`tectra replay diff`: two journals side by side."""

from pathlib import Path

import click

from tectra.ops.cli.show import write_json
from tectra.replay.diff import CONTEXT, diff_journals

__all__ = ["command"]


@click.command(name="diff")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option(
    "--context",
    type=click.IntRange(0, 1_000),
    default=CONTEXT,
    show_default=True,
    help="Records to show before the first difference.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@click.pass_context
def command(ctx: click.Context, a: Path, b: Path, context: int, as_json: bool) -> None:
    """Compare two journals (or runs) record by record and count what differs by component. Exit
    code 1 when they differ.
    """
    found = diff_journals(a, b, context=context)
    if as_json:
        write_json(found.as_dict())
    else:
        for line in found.lines():
            click.echo(line)
    ctx.exit(0 if found.equal else 1)
