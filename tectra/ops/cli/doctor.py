"""`tectra doctor`: what to fix on this host before trading."""

from pathlib import Path

import click

from tectra.ops.cli.show import write_json
from tectra.ops.doctor import Status, as_json, examine, lines, probe_machine

__all__ = ["command"]


@click.command(name="doctor")
@click.option("--json", "as_document", is_flag=True, help="One JSON document instead of text.")
@click.option("--strict", is_flag=True, help="Exit code 1 if there is anything to look at.")
@click.option(
    "--journal",
    type=click.Path(path_type=Path),
    help="Directory of the journals.  [default: the working directory]",
)
@click.pass_context
def command(ctx: click.Context, as_document: bool, strict: bool, journal: Path | None) -> None:
    """Look at this host: cores, clocks, memory, network, disk. Changes nothing, needs no root."""
    items = examine(probe_machine(journal))
    if as_document:
        write_json(as_json(items))
    else:
        for line in lines(items):
            click.echo(line)
    ctx.exit(1 if strict and any(i.status is Status.WARN for i in items) else 0)
