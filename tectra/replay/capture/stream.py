"""EventStream: a complete session, in memory or in a file, whose events follow each other."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal, Protocol

import msgspec

from tectra.core.errors import InputError, StateError
from tectra.replay.capture.event import StateMachineEvent
from tectra.replay.capture.plain import Plain
from tectra.replay.capture.storage import EventStorageMode, check_next

__all__ = ["EventStore", "EventStream", "MemoryStore", "SessionInfo", "checked_session_id"]

Indicators = Literal["cache", "recompute"]
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


def checked_session_id(text: str) -> str:
    """A name that can be that of a directory. InputError."""
    if not _ID.fullmatch(text):
        raise InputError(
            f"session id: found {text!r}; allowed: up to 64 letters, digits, '.', '_' and '-', no "
            "'.' or '-' first"
        )
    return text


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream is of: how it is stored, instruments, strategies, the journal's epoch (empty
    without one), and the state before the first event.
    """

    session_id: str
    mode: EventStorageMode = EventStorageMode()
    indicators: Indicators = "cache"
    events: Literal["all", "changes"] = "changes"
    instruments: list[dict[str, Plain]] = []
    strategies: list[str] = []
    epoch: str = ""
    initial: dict[str, Plain] = {}
    format_version: int = 1

    def __post_init__(self) -> None:
        checked_session_id(self.session_id)
        for name, allowed in (
            ("indicators", ("cache", "recompute")),
            ("events", ("all", "changes")),
        ):
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"{name}: found {getattr(self, name)!r}; allowed: {', '.join(allowed)}"
                )


class EventStore(Protocol):
    """Where the events of a stream lie."""

    def __len__(self) -> int:
        """How many there are."""

    def __iter__(self) -> Iterator[StateMachineEvent]:
        """All of them, in order."""

    def event(self, sequence: int) -> StateMachineEvent:
        """One of them, by a number that is there."""

    def sequence_at(self, ts_ns: int) -> int:
        """The last one at or before a time; 0 before the first."""


class MemoryStore:
    """Events in a list. States share what did not change."""

    def __init__(self) -> None:
        self.events: list[StateMachineEvent] = []
        self._times: list[int] = []

    def append(self, event: StateMachineEvent) -> None:
        """One more at the end."""
        self.events.append(event)
        self._times.append(event.timestamp)

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[StateMachineEvent]:
        return iter(self.events)

    def event(self, sequence: int) -> StateMachineEvent:
        """By number, from 1."""
        return self.events[sequence - 1]

    def sequence_at(self, ts_ns: int) -> int:
        """By time, by binary search."""
        return bisect_right(self._times, ts_ns)


class EventStream:
    """A session as events 1 to len(). Over a store that was filled before it only reads. A missing
    or a repeated sequence is refused where it is appended or read. One thread at a time.
    """

    def __init__(self, info: SessionInfo, store: EventStore | None = None) -> None:
        self.info = info
        self.store: EventStore = MemoryStore() if store is None else store
        self._last: StateMachineEvent | None = None

    def append_event(self, event: StateMachineEvent) -> None:
        """One more event. GapError, DuplicateError; InputError for one from before the last;
        StateError for a stream that only reads.
        """
        if not isinstance(self.store, MemoryStore):
            raise StateError("this stream reads a file; append to an EventLog instead")
        check_next(len(self.store), event.sequence)
        if self._last is not None and event.timestamp < self._last.timestamp:
            raise InputError(
                f"event {event.sequence}: found time {event.timestamp}; allowed: "
                f"{self._last.timestamp}, that of the event before it, or later"
            )
        self._last = event
        self.store.append(event)

    def __len__(self) -> int:
        return len(self.store)

    def __iter__(self) -> Iterator[StateMachineEvent]:
        """Every event, in order. GapError, DuplicateError."""
        last = 0
        for event in self.store:
            check_next(last, event.sequence)
            last = event.sequence
            yield event

    def event(self, sequence: int) -> StateMachineEvent:
        """One event. InputError for a sequence that is not there."""
        if not 1 <= sequence <= len(self):
            raise InputError(f"event: found sequence {sequence}; allowed: 1 to {len(self)}")
        return self.store.event(sequence)

    def sequence_at(self, ts_ns: int) -> int:
        """Sequence of the last event at or before a time, by binary search; 0 before the first."""
        return self.store.sequence_at(ts_ns)

    def state_at(self, sequence: int) -> dict[str, Plain]:
        """The state after an event; 0: before the first."""
        return self.info.initial if sequence == 0 else self.event(sequence).state_after

    def validate(self) -> int:
        """Read everything: sequences, and that each event begins where the one before it ended;
        returns how many. GapError, DuplicateError, StateError.
        """
        state, count = self.info.initial, 0
        for event in self:
            if event.state_before is not state and event.state_before != state:
                raise StateError(
                    f"event {event.sequence} begins in another state than event "
                    f"{event.sequence - 1} ended in"
                )
            state, count = event.state_after, event.sequence
        return count
