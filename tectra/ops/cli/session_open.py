"""What the `tectra session` commands share: which file is meant, and which place in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from tectra.core.errors import InputError
from tectra.feed.selection import time_ns
from tectra.ops.cli.show import warn
from tectra.replay.capture import EventLogReader, ReplayStateMachine, session_path
from tectra.replay.capture.log import EVENTS_NAME
from tectra.replay.capture.stream import EventStream

__all__ = ["opened", "place_of", "session_argument"]

_F = TypeVar("_F", bound=Callable[..., Any])
# A number of this many digits is nanoseconds since the epoch, a shorter one a sequence.
_NS_DIGITS = 16


def session_argument(command: _F) -> _F:
    """FILE and --root."""
    for option in (
        click.argument("session", metavar="FILE|ID"),
        click.option(
            "--root",
            type=click.Path(path_type=Path),
            default=Path("data/sessions"),
            show_default=True,
            help="Where an ID is looked for.",
        ),
    ):
        command = option(command)
    return command


def _file_of(session: str, root: Path) -> Path:
    path = Path(session)
    if path.is_dir():
        path /= EVENTS_NAME
    if path.exists():
        return path
    try:
        named = session_path(session, root)
    except InputError:
        named = path
    if not named.exists():
        raise InputError(
            f"{session}: found no such file and no session of that id below {root}; see "
            "`tectra session ls`"
        )
    return named


@contextmanager
def opened(
    session: str, root: Path, *, journal: Path | None = None
) -> Iterator[ReplayStateMachine]:
    """The machine of a session; what is cut off its file is said on standard error."""
    with EventLogReader(_file_of(session, root)) as reader:
        if reader.tail is not None:
            warn(reader.tail)
        yield ReplayStateMachine(EventStream(reader.info, reader), journal=journal)


def place_of(machine: ReplayStateMachine, text: str) -> int:
    """The sequence that a text means: one itself, or the last event at or before a time."""
    if text.isdecimal() and len(text) < _NS_DIGITS:
        return int(text)
    return machine.stream.sequence_at(time_ns(text))
