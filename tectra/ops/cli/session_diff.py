"""`tectra session diff`: what differs between two events' states."""

from pathlib import Path

import click

from tectra.ops.cli.session_open import opened, place_of, session_argument
from tectra.ops.cli.show import write_json
from tectra.replay.capture.export import readable

__all__ = ["command"]


@click.command(name="diff")
@session_argument
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def command(session: str, root: Path, a: str, b: str, as_json: bool) -> None:
    """Compare the states after events (or at times) A and B; 0 is before the first."""
    with opened(session, root) as machine:
        places = place_of(machine, a), place_of(machine, b)
        found = machine.diff(*places)
    if as_json:
        write_json([{"path": p, "a": readable(x), "b": readable(y)} for p, x, y in found])
        return
    click.echo(f"{len(found):,} values differ between events {places[0]} and {places[1]}")
    for path, x, y in found:
        click.echo(f"{path}: {readable(x)} -> {readable(y)}")
