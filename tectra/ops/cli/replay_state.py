"""`tectra replay state`: the engine of a run at a record or a time."""

from pathlib import Path

import click

from tectra.ops.cli.show import write_json
from tectra.replay.debug import Debugger
from tectra.replay.debug_condition import parse_place
from tectra.replay.player import ReplaySession

__all__ = ["command"]


@click.command(name="state")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--at",
    "place",
    default=None,
    metavar="RECORD|TIME",
    help="A record's number, HH:MM:SS.fraction or an ISO time, UTC; default: the end.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document with everything.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=None, help="Write that document there."
)
@click.pass_context
def command(
    ctx: click.Context, directory: Path, place: str | None, as_json: bool, out: Path | None
) -> None:
    """Orders, positions, books, strategies, limits and timers of a run at one moment."""
    session = ReplaySession(directory)
    target = session.last_seq if place is None else parse_place(place, session)
    session.seek(target)
    if out is not None:
        session.export_state(out)
        click.echo(f"{out}: the state at record {session.position}")
    elif as_json:
        write_json(session.state())
    else:
        debugger = Debugger(session)
        for words in ("where", "orders", "positions", "strategies"):
            for line in debugger.execute(words):
                click.echo(line)
    if session.position != target:
        click.echo(f"the replay leaves the journal at {session.difference}", err=True)
        ctx.exit(1)
