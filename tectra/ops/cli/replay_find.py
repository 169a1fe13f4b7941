"""`tectra replay find`: records of a run that meet a condition."""

from pathlib import Path

import click

from tectra.core.stop import StopSignals
from tectra.ops.cli.replay_records import format_options, write_events
from tectra.replay.debug_condition import HELP, parse_condition, parse_place
from tectra.replay.debug_text import Names
from tectra.replay.player import ReplaySession

__all__ = ["command"]


@click.command(
    name="find", epilog="\b\nCONDITION is one of\n" + "\n".join(f"  {h}" for h in HELP.splitlines())
)
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("condition", nargs=-1, required=True)
@click.option("--from", "first", default=None, metavar="RECORD|TIME", help="Start there.")
@click.option("--to", "last", default=None, metavar="RECORD|TIME", help="End there.")
@format_options
@click.pass_context
def command(
    ctx: click.Context,
    directory: Path,
    condition: tuple[str, ...],
    first: str | None,
    last: str | None,
    as_json: bool,
    csv_path: Path | None,
) -> None:
    """Records of a run at which CONDITION holds. Exit code 1 when there is none."""
    session = ReplaySession(directory)
    names = Names(session.spec)
    start = session.begin_seq if first is None else parse_place(first, session)
    stop = session.last_seq if last is None else parse_place(last, session)
    with StopSignals():
        session.seek(max(session.begin_seq, start - 1))
        wanted = parse_condition(" ".join(condition), session, names)
        found = wanted.find(session, max(1, start), stop)
        count = write_events(found, names, as_json=as_json, csv_path=csv_path)
    ctx.exit(0 if count else 1)
