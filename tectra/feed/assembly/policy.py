"""How patient book assembly is, and the states that a book goes through."""

from dataclasses import dataclass, field
from enum import IntEnum

from tectra.core.errors import InputError
from tectra.core.msg import BookStatus
from tectra.feed.resync import ResyncPolicy

__all__ = ["AssemblyPolicy", "AssemblyState"]

_SECOND = 1_000_000_000
_REFRESH_LEAST_NS, _REFRESH_MOST_NS = 120 * _SECOND, 300 * _SECOND


class AssemblyState(IntEnum):
    """Where the assembly of one book stands."""

    EMPTY = 0
    """Nothing came yet."""
    BUFFERING = 1
    """Changes came, and wait for the first snapshot."""
    SYNCED = 2
    """The book is what the venue has."""
    INVALID = 3
    """It is not, and the next request for a snapshot waits for its time."""
    RECOVERING = 4
    """It is not, and a request is in flight or its answer not yet proved."""
    STALE = 5
    """Nothing came for so long that it may not be."""

    @property
    def status(self) -> BookStatus:
        """What records say of a book in this state."""
        return _STATUS[self]


_STATUS = {
    AssemblyState.EMPTY: BookStatus.NONE,
    AssemblyState.BUFFERING: BookStatus.NONE,
    AssemblyState.SYNCED: BookStatus.VALID,
    AssemblyState.INVALID: BookStatus.INVALID,
    AssemblyState.RECOVERING: BookStatus.RECOVERING,
    AssemblyState.STALE: BookStatus.STALE,
}


@dataclass(frozen=True, slots=True)
class AssemblyPolicy:
    """Nanoseconds: `stale_ns` without an update make a book stale; `refresh_ns` from one comparison
    with a snapshot to the next (2 to 5 minutes, 0 for none); `join_wait_ns` until a fetched
    snapshot that no change has contradicted is believed. `buffer_max` changes wait for a snapshot,
    then the oldest go.
    """

    stale_ns: int = 300 * _SECOND
    refresh_ns: int = 180 * _SECOND
    join_wait_ns: int = 2 * _SECOND
    buffer_max: int = 1000
    resync: ResyncPolicy = field(default_factory=ResyncPolicy)

    def __post_init__(self) -> None:
        if self.refresh_ns and not _REFRESH_LEAST_NS <= self.refresh_ns <= _REFRESH_MOST_NS:
            raise InputError(
                f"assembly: found refresh_ns {self.refresh_ns}; allowed: {_REFRESH_LEAST_NS} to "
                f"{_REFRESH_MOST_NS}, or 0 for none"
            )
        if self.stale_ns <= 0 or self.join_wait_ns < 0 or self.buffer_max < 1:
            raise InputError(
                f"assembly: found stale_ns {self.stale_ns}, join_wait_ns {self.join_wait_ns}, "
                f"buffer_max {self.buffer_max}; allowed: above 0, 0 or more, 1 or more"
            )
