"""`tectra replay play`: a run again, at any speed."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

import click
import orjson

from tectra.core.errors import StateError
from tectra.ops.cli.replay_records import filter_of, filter_options
from tectra.replay.debug_condition import parse_place
from tectra.replay.debug_text import Names
from tectra.replay.player import ReplaySession
from tectra.replay.speed import SPEEDS, parse_speed
from tectra.replay.view import Event

__all__ = ["command"]


@click.command(name="play")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--speed",
    default="max",
    show_default=True,
    help=f"Market time for each unit of time: {', '.join(SPEEDS)} or any factor.",
)
@click.option("--from", "first", default=None, metavar="RECORD|TIME", help="Begin behind it.")
@click.option("--to", "last", default=None, metavar="RECORD|TIME", help="End there.")
@click.option(
    "--skip-idle",
    type=click.FloatRange(0),
    default=None,
    metavar="SECONDS",
    help="Jump over silences of the market that are longer.",
)
@click.option("--quiet", is_flag=True, help="Tell of nothing but the end.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@filter_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    directory: Path,
    speed: str,
    first: str | None,
    last: str | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Play a recorded run: its engine gets the recorded inputs at the market's pace, its outputs
    are compared, and records are told of as they come. In a terminal the space bar pauses.
    """
    factor, skip_idle = parse_speed(speed), chosen["skip_idle"]
    session = ReplaySession(directory)
    names = Names(session.spec)
    until = None if last is None else parse_place(last, session)
    if first is not None:
        session.seek(parse_place(first, session))

    def tell(event: Event) -> None:
        if as_json:
            sys.stdout.write(orjson.dumps(event.as_dict(), default=str).decode() + "\n")
        else:
            sys.stdout.write(names.line(event).strip() + "\n")
        if factor is not None:
            sys.stdout.flush()

    with _space_bar(session):
        ended = session.run(
            until=until,
            speed=factor,
            on_event=None if chosen["quiet"] else tell,
            wanted=filter_of(chosen),
            idle_max_ns=None if skip_idle is None else int(skip_idle * 1e9),
        )
    sys.stdout.flush()
    if ended == "difference":
        click.echo(f"the replay leaves the journal at {session.difference}", err=True)
        ctx.exit(1)
    if session.raised is not None:
        click.echo(f"reproduced: {session.raised}", err=True)
    where = f"record {session.position:,} of {session.last_seq:,}; times are UTC"
    click.echo(f"{ended}: {where}", err=True)


@contextmanager
def _space_bar(session: ReplaySession) -> Iterator[None]:
    """While entered, the space bar of the terminal pauses the session and lets it go again."""
    try:
        import termios  # noqa: PLC0415  there are systems without
        import tty  # noqa: PLC0415
    except ImportError:
        yield
        return
    if not sys.stdin.isatty():
        yield
        return
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    over = Flag()

    def listen() -> None:
        while not over.is_set():
            if select.select([fd], [], [], 0.1)[0] and os.read(fd, 1) == b" ":
                # It may have ended in this moment.
                with suppress(StateError):
                    (session.resume if session.paused else session.pause)()

    listener = Thread(target=listen, name="tectra-keys", daemon=True)
    tty.setcbreak(fd)
    listener.start()
    try:
        yield
    finally:
        over.set()
        listener.join()
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
