"""`tectra replay debug`: a run walked through at a prompt, or by a script."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import click

from tectra.core.errors import TectraError
from tectra.replay.debug import Debugger
from tectra.replay.debug_condition import parse_place
from tectra.replay.player import ReplaySession

__all__ = ["command"]

_PROMPT = "tectra> "


@click.command(name="debug")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--at", "place", default=None, metavar="RECORD|TIME", help="Begin there.")
@click.option(
    "-c",
    "--command",
    "commands",
    multiple=True,
    help="Do this instead of asking. May be given several times.",
)
@click.pass_context
def command(
    ctx: click.Context, directory: Path, place: str | None, commands: tuple[str, ...]
) -> None:
    """Walk through a recorded run and ask it questions; `help` lists the commands.

    Without --command the commands are read from standard input, at a prompt in a terminal. In a
    script the exit code is 1 when a command could not be done.
    """
    session = ReplaySession(directory)
    if place is not None:
        session.seek(parse_place(place, session))
    debugger = Debugger(session)
    if not commands and sys.stdin.isatty():
        _converse(debugger)
        return
    failed = _script(debugger, commands or (line.rstrip("\n") for line in sys.stdin))
    ctx.exit(1 if failed else 0)


def _script(debugger: Debugger, lines: Iterable[str]) -> bool:
    """Do commands in order, each shown before its answer; True when one could not be done."""
    failed = False
    for line in lines:
        click.echo(f"{_PROMPT}{line}")
        try:
            for answer in debugger.execute(line):
                click.echo(answer)
        except TectraError as error:
            if type(error).__name__ == "StoppedError":
                raise
            click.echo(f"? {error}")
            failed = True
        if debugger.done:
            break
    return failed


def _converse(debugger: Debugger) -> None:
    """Ask until the user has enough; Ctrl-C ends what is under way, not the conversation."""
    with suppress(ImportError):
        _complete(debugger)
    for answer in debugger.execute("where"):
        click.echo(answer)
    for line in _lines():
        try:
            for answer in debugger.execute(line):
                click.echo(answer)
        except (TectraError, KeyboardInterrupt) as error:
            click.echo(f"? {str(error) or 'stopped'}")
        if debugger.done:
            return


def _lines() -> Iterator[str]:
    while True:
        try:
            yield input(_PROMPT)
        except KeyboardInterrupt:
            click.echo("\n(quit, or Ctrl-D, leaves)")
        except EOFError:
            click.echo()
            return


def _complete(debugger: Debugger) -> None:
    """History and completion of command names, where the interpreter has readline."""
    import readline  # noqa: PLC0415  it takes the terminal over on import

    def complete(text: str, state: int) -> str | None:
        found = [w for w in debugger.words if w.startswith(text)]
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
