"""Commands for a replay, as values and as JSON lines, so that another program can drive one."""

from collections.abc import Callable
from threading import Lock, Thread
from typing import Any, TypeAlias

import msgspec

from tectra.core.errors import InputError, StateError, TectraError
from tectra.replay.player import ReplaySession
from tectra.replay.speed import Pacer, speed_text
from tectra.replay.view import Event, EventFilter

__all__ = [
    "Command",
    "Pause",
    "Play",
    "ReplayControl",
    "Resume",
    "Seek",
    "SeekTime",
    "SetFilter",
    "SetSpeed",
    "State",
    "Status",
    "Step",
    "StepBack",
    "Stop",
    "parse_command",
]

Say = Callable[[dict[str, Any]], object]


class _Base(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="command",
):
    """One command; its tag is its name in lower case with underscores."""


class Play(_Base, frozen=True, tag="play"):
    """Play forward: `speed` a factor or `max`, `until` a record. Records that pass the filter are
    told of while it plays, where `events` asks for them.
    """

    speed: str = "max"
    until: int | None = None
    events: bool = True


class Pause(_Base, frozen=True, tag="pause"):
    """Hold the play."""


class Resume(_Base, frozen=True, tag="resume"):
    """Let a held play go on."""


class Step(_Base, frozen=True, tag="step"):
    """Go `n` records forward."""

    n: int = 1


class StepBack(_Base, frozen=True, tag="step_back"):
    """Go `n` records back."""

    n: int = 1


class Seek(_Base, frozen=True, tag="seek"):
    """Stand behind a record."""

    ring_seq: int


class SeekTime(_Base, frozen=True, tag="seek_time"):
    """Stand where the engine stood at a time, ns since the epoch."""

    ts_ns: int


class SetSpeed(_Base, frozen=True, tag="set_speed"):
    """Change the speed of the play."""

    speed: str


class SetFilter(_Base, frozen=True, tag="set_filter"):
    """Change which records a play tells of."""

    filter: EventFilter = EventFilter()


class Stop(_Base, frozen=True, tag="stop"):
    """End the play."""


class Status(_Base, frozen=True, tag="status"):
    """Say where the session stands."""


class State(_Base, frozen=True, tag="state"):
    """Say the whole state of the engine, or write it to a file."""

    path: str = ""


Command: TypeAlias = (
    Play
    | Pause
    | Resume
    | Step
    | StepBack
    | Seek
    | SeekTime
    | SetSpeed
    | SetFilter
    | Stop
    | Status
    | State
)


def parse_command(line: str | bytes) -> Command:
    """A command from one line of JSON; InputError says what is wrong with it."""
    try:
        found: Command = msgspec.json.decode(line, type=Command)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise InputError(f"command: {error}; allowed: one JSON object a line") from None
    return found


class ReplayControl:
    """Does commands over a session. A play runs on a thread of its own, so that it can be paused;
    what it tells goes to `say`, as do the answers `handle` returns to its caller.

    One thread calls `handle`; `say` is called by that thread's play.
    """

    def __init__(self, session: ReplaySession, say: Say, *, pacer: Pacer | None = None) -> None:
        self.session = session
        self._say = say
        self._lock = Lock()
        self._pacer = pacer
        self._player: Thread | None = None
        self.stopped: BaseException | None = None

    def say(self, answer: dict[str, Any]) -> None:
        """Tell; one line at a time whoever speaks."""
        with self._lock:
            self._say(answer)

    def handle(self, command: Command) -> dict[str, Any]:
        """Do a command; the answer says `ok`, and where the session stands or what was wrong."""
        name = str(command.__struct_config__.tag)
        try:
            found = self._do(command)
        except TectraError as error:
            return {"answer": name, "ok": False, "error": str(error)}
        return {"answer": name, "ok": True, **self.status(), **found}

    def status(self) -> dict[str, Any]:
        """Where the session stands."""
        session = self.session
        return {
            "position": session.position,
            "last_seq": session.last_seq,
            "now_ns": session.now_ns,
            "playing": session.running,
            "paused": session.paused,
            "speed": speed_text(session.speed) if session.running else None,
            "at_end": session.at_end,
            "difference": None if session.difference is None else str(session.difference),
        }

    def wait(self) -> None:
        """Until the play is over."""
        if self._player is not None:
            self._player.join()
            self._player = None

    def _do(self, command: Command) -> dict[str, Any]:
        session = self.session
        match command:
            case Play():
                self._play(command)
            case Pause():
                session.pause()
            case Resume():
                session.resume()
            case Step(n=n):
                session.step(n)
            case StepBack(n=n):
                session.step_back(n)
            case Seek(ring_seq=ring_seq):
                session.seek(ring_seq)
            case SeekTime(ts_ns=ts_ns):
                session.seek_time(ts_ns)
            case SetSpeed(speed=speed):
                session.set_speed(speed)
            case SetFilter(filter=wanted):
                session.set_filter(wanted)
            case Stop():
                session.stop()
                self.wait()
            case State(path=path) if path:
                session.export_state(path)
                return {"path": path}
            case State():
                return {"state": session.state()}
            case Status():
                pass
        return {}

    def _play(self, command: Play) -> None:
        if self.session.running:
            raise StateError("play: the session plays already; stop that first")
        self.wait()
        if command.until is not None and command.until < 0:
            raise InputError(f"until: found {command.until}; allowed: a record's number")
        pacer = Pacer(command.speed) if self._pacer is None else self._pacer
        if self._pacer is not None:
            pacer.set_speed(command.speed)
        self._player = Thread(target=self._run, args=(command, pacer), name="tectra-replay")
        self._player.start()
        # So that a pause that comes next finds a run to hold.
        while self._player.is_alive() and not self.session.running:
            self._player.join(0.001)

    def _run(self, command: Play, pacer: Pacer) -> None:
        hear = self._hear if command.events else None
        try:
            ended: str = self.session.run(until=command.until, pacer=pacer, on_event=hear)
        except Exception as error:  # noqa: BLE001  told, and kept for the thread that waits
            self.stopped = error
            self.say({"ended": "error", "error": str(error), "position": self.session.position})
            return
        self.say({"ended": ended, "position": self.session.position})

    def _hear(self, event: Event) -> None:
        self.say({"event": event.as_dict()})
