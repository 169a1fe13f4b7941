"""`[event_sourcing]`: what a session keeps of each event."""

from typing import Annotated, Literal

from tectra.core.config.key import flag, number
from tectra.core.config.section.base import Section

__all__ = ["EventSourcingConfig"]


class EventSourcingConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sessions that can be stepped through later."""

    enabled: Annotated[bool, flag("Keep sessions.")] = True
    storage_mode: Annotated[
        Literal["full", "delta"],
        flag("full: the whole state at each event; delta: changes, and a snapshot now and then."),
    ] = "full"
    snapshot_interval: Annotated[
        int, number("events", 1, 1_000_000, "Events between two snapshots in delta mode.")
    ] = 100
    include_indicators: Annotated[
        bool, flag("Keep indicator values, else they are worked out again.")
    ] = False
