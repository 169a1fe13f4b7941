"""How events lie in a file: rows of a block, whole states or deltas. Any thread.

A block stands alone: it begins with the whole state before its first event. Full: every event has
its whole state after. Delta: every event has what changed, and the block's state is the periodic
snapshot.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Self

import msgspec

from tectra.core.errors import DuplicateError, FileFormatError, GapError, InputError
from tectra.replay.capture.delta import apply_delta, delta_of
from tectra.replay.capture.event import StateMachineEvent

__all__ = ["EventStorageMode", "check_next", "pack_events", "unpack_events"]

_Fields = dict[str, Any]


class _Body(msgspec.Struct):
    """A block's body. A row: sequence, timestamp, market_data, the state after (whole, or what
    changed), transition, action.
    """

    before: _Fields
    events: list[tuple[int, int, _Fields, Any, list[_Fields], list[_Fields]]]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Body).decode


class EventStorageMode(msgspec.Struct, frozen=True):
    """`full` or `delta`, and how many events lie between two whole states (1 to 1,000,000)."""

    name: str = "delta"
    snapshot_interval: int = 100

    def __post_init__(self) -> None:
        if self.name not in ("full", "delta"):
            raise InputError(f"storage mode: found {self.name!r}; allowed: full, delta")
        if not 1 <= self.snapshot_interval <= 1_000_000:
            raise InputError(
                f"snapshot interval: found {self.snapshot_interval}; allowed: 1 to 1,000,000"
            )

    @classmethod
    def full(cls, *, events_per_block: int = 100) -> Self:
        """A complete state with every event."""
        return cls("full", events_per_block)

    @classmethod
    def delta(cls, *, snapshot_interval: int = 100) -> Self:
        """What changed with every event, a complete state every `snapshot_interval` events."""
        return cls("delta", snapshot_interval)


def check_next(last: int, found: int) -> None:
    """Events follow each other: GapError for a missing one, DuplicateError for a repeated one."""
    if found > last + 1:
        raise GapError(
            f"event {found} follows event {last}: {last + 1} to {found - 1} are missing; capture "
            "the session again from its journal"
        )
    if found <= last:
        raise DuplicateError(
            f"event {found} follows event {last}: it is there already; allowed: {last + 1}"
        )


def pack_events(events: Sequence[StateMachineEvent], mode: EventStorageMode) -> bytes:
    """The body of one block. InputError for no event, and for a value that is not plain."""
    if not events:
        raise InputError("a block of events: found none; allowed: one or more")
    full = mode.name == "full"
    try:
        rows = [
            [
                e.sequence,
                e.timestamp,
                e.market_data,
                e.state_after if full else delta_of(e.state_before, e.state_after),
                e.transition,
                e.action,
            ]
            for e in events
        ]
        return _encode({"before": events[0].state_before, "events": rows})
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"an event holds what is no plain value: {error}") from None


def unpack_events(body: bytes, mode: EventStorageMode) -> Iterator[StateMachineEvent]:
    """Inverse of pack_events(), event by event. FileFormatError for anything else."""
    try:
        block = _decode(body)
        state = block.before
        for sequence, timestamp, market_data, after, transition, action in block.events:
            before = state
            state = after if mode.name == "full" else apply_delta(before, after)
            if type(state) is not dict:
                raise FileFormatError(
                    f"event {sequence}: found a state of {type(state).__name__}; allowed: a mapping"
                )
            yield StateMachineEvent(
                sequence=sequence,
                timestamp=timestamp,
                market_data=market_data,
                state_before=before,
                transition=transition,
                action=action,
                state_after=state,
            )
    except (msgspec.DecodeError, RecursionError) as error:
        raise FileFormatError(f"a block of events: {error}") from None
