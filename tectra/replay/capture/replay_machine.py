"""ReplayStateMachine: a session looked at, forwards and backwards. No strategy runs. One thread."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tectra.core.errors import InputError, StateError
from tectra.replay.capture.criteria import matches
from tectra.replay.capture.delta import differences
from tectra.replay.capture.event import StateMachineEvent, kinds_of
from tectra.replay.capture.plain import Plain
from tectra.replay.capture.session import recompute_indicators
from tectra.replay.capture.state import StateSnapshot
from tectra.replay.capture.storage import check_next
from tectra.replay.capture.stream import EventStream

__all__ = ["ReplayStateMachine"]

Criteria = str | Callable[[StateMachineEvent], bool]


class ReplayStateMachine:
    """Stands after an event of a stream, 0 before the first: `sequence`, `current_state`, `event`.

    Read-only: states come from the stream. `journal` is the run the stream was made from, needed
    only to recompute indicators that were left out.
    """

    def __init__(self, stream: EventStream, *, journal: str | Path | None = None) -> None:
        self.stream = stream
        self.journal = journal
        self.sequence = 0
        self.event: StateMachineEvent | None = None
        self._state = stream.info.initial

    # ---- where it stands ----

    @property
    def current_state(self) -> dict[str, Plain]:
        """The state here, plain values; not to be changed."""
        return self._state

    @property
    def context(self) -> dict[str, Plain]:
        """The state without indicators: orders, positions, strategies, market."""
        return {name: part for name, part in self._state.items() if name != "indicators"}

    @property
    def timestamp(self) -> int | None:
        """Engine time of the event it stands after, ns; None before the first."""
        return None if self.event is None else self.event.timestamp

    @property
    def snapshot(self) -> StateSnapshot:
        """The state here, to be kept; its sequence is the event's."""
        return StateSnapshot(self.sequence, self.timestamp or 0, self._state)

    def indicators(self) -> dict[str, Plain]:
        """Indicators by strategy and name: those stored, else recomputed from the journal's inputs.
        StateError when they were left out and no journal was given.
        """
        stored: dict[str, Plain] | None = self._state.get("indicators")
        if stored is not None:
            return stored
        if self.journal is None:
            raise StateError(
                "this session was captured with indicators='recompute'; give its journal: "
                "ReplayStateMachine(stream, journal=...)"
            )
        return recompute_indicators(self.journal, 0 if self.event is None else self.event.ring_seq)

    # ---- moving ----

    def apply_event(self, event: StateMachineEvent) -> dict[str, Plain]:
        """Move over the next event, wherever it comes from; returns the state after it. GapError,
        DuplicateError for another sequence; StateError for one that begins in another state.
        """
        check_next(self.sequence, event.sequence)
        if event.state_before is not self._state and event.state_before != self._state:
            raise StateError(
                f"event {event.sequence} begins in another state than the one after event "
                f"{self.sequence}; it is of another session"
            )
        return self._stand(event)

    def seek(self, sequence: int) -> dict[str, Plain]:
        """Stand after an event, 0 before the first; returns the state there. InputError."""
        if sequence == 0:
            return self._stand(None)
        return self._stand(self.stream.event(sequence))

    def at_time(self, ts_ns: int) -> dict[str, Plain]:
        """Stand after the last event at or before a time, by binary search; returns the state."""
        return self.seek(self.stream.sequence_at(ts_ns))

    def step_forward(self, *, only: Iterable[str] = ()) -> StateMachineEvent | None:
        """Move over the next event, or the next of these kinds (EVENT_KINDS), and return it; None
        when there is none, and nothing moves.
        """
        wanted = kinds_of(only)
        for sequence in range(self.sequence + 1, len(self.stream) + 1):
            event = self.stream.event(sequence)
            if not wanted or wanted & event.kinds:
                self._stand(event)
                return event
        return None

    def step_backward(self, *, only: Iterable[str] = ()) -> StateMachineEvent | None:
        """Stand before the event it stands after, or before the last one of these kinds, and return
        that event, taken back; None when there is none, and nothing moves.
        """
        wanted = kinds_of(only)
        for sequence in range(self.sequence, 0, -1):
            event = self.stream.event(sequence)
            if not wanted or wanted & event.kinds:
                self.seek(sequence - 1)
                return event
        return None

    def _stand(self, event: StateMachineEvent | None) -> dict[str, Plain]:
        self.event = event
        self.sequence = 0 if event is None else event.sequence
        self._state = self.stream.info.initial if event is None else event.state_after
        return self._state

    # ---- looking ----

    def events(
        self, *, only: Iterable[str] = (), start: int = 1, stop: int | None = None
    ) -> Iterator[StateMachineEvent]:
        """Events with start <= sequence < stop, or those of these kinds; nothing moves."""
        wanted = kinds_of(only)
        end = len(self.stream) + 1 if stop is None else min(stop, len(self.stream) + 1)
        for sequence in range(max(1, start), end):
            event = self.stream.event(sequence)
            if not wanted or wanted & event.kinds:
                yield event

    def find(
        self, criteria: Criteria, *, start: int = 1, stop: int | None = None
    ) -> Iterator[StateMachineEvent]:
        """Events that a named criterion (see CRITERIA: `entries`, `fills` ...), a `field=value`
        text, or a function finds; nothing moves.
        """
        test = matches(criteria) if isinstance(criteria, str) else criteria
        return (event for event in self.events(start=start, stop=stop) if test(event))

    def diff(self, a: int, b: int) -> list[tuple[str, Plain, Plain]]:
        """(path, after a, after b) of everything that differs between two events' states."""
        for sequence in (a, b):
            if not 0 <= sequence <= len(self.stream):
                raise InputError(f"event: found sequence {sequence}; allowed: 0 to "
                                 f"{len(self.stream)}")  # fmt: skip
        return differences(self.stream.state_at(a), self.stream.state_at(b))
