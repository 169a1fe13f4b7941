"""`tectra replay control`: a replay driven by another program."""

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from tectra.core.errors import InputError, StoppedError
from tectra.replay.control import ReplayControl, parse_command
from tectra.replay.player import ReplaySession

__all__ = ["command"]


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(orjson.dumps(answer, default=str).decode() + "\n")
    sys.stdout.flush()


@click.command(name="control")
@click.argument("directory", type=click.Path(path_type=Path))
def command(directory: Path) -> None:
    """Read commands as JSON lines from standard input, and answer each with a JSON line.

    \b
    {"command": "play", "speed": "10x", "until": 5000}   pause, resume, stop, status
    {"command": "seek", "ring_seq": 17}                  step, step_back (n), seek_time (ts_ns)
    {"command": "set_filter", "filter": {"symbol": "AAPL", "actions_only": true}}
    {"command": "set_speed", "speed": "100x"}            state (path)

    A play tells of the records that pass the filter as lines with `event`, and of its end with
    `ended`. At the end of input a play is waited for.
    """
    session = ReplaySession(directory)
    control = ReplayControl(session, _say)
    try:
        for line in sys.stdin:
            if not line.strip():
                continue
            try:
                control.say(control.handle(parse_command(line)))
            except InputError as error:
                control.say({"answer": None, "ok": False, "error": str(error)})
    except KeyboardInterrupt:
        session.stop()
        control.wait()
        raise StoppedError(f"replay stopped on request after record {session.position}") from None
    control.wait()
    if control.stopped is not None:
        raise control.stopped
