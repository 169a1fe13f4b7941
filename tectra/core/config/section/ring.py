"""`[rings]`: sizes of the rings between threads and processes, and when they push back."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from tectra.core.config.fault import Fault
from tectra.core.config.key import flag, number
from tectra.core.config.section.base import Section, conflict

__all__ = ["RingConfig"]

_SLOTS = "slots of 64 bytes"
_SIZES = ("market_data_slots", "orders_slots", "reports_slots", "control_slots", "recorder_slots")


class RingConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rings. Every size is a power of two."""

    LIVE: ClassVar[frozenset[str]] = frozenset(
        {"high_fraction", "low_fraction", "idle", "park_interval_us", "batch_records"}
    )

    market_data_slots: Annotated[
        int, number(_SLOTS, 64, 1 << 26, "From the feed to the engine.")
    ] = 65_536
    orders_slots: Annotated[int, number(_SLOTS, 64, 1 << 26, "From the engine to the gateway.")] = (
        4_096
    )
    reports_slots: Annotated[
        int, number(_SLOTS, 64, 1 << 26, "From the gateway to the engine.")
    ] = 4_096
    control_slots: Annotated[int, number(_SLOTS, 64, 1 << 26, "Commands to the engine.")] = 1_024
    recorder_slots: Annotated[int, number(_SLOTS, 64, 1 << 26, "To the recorder.")] = 16_384
    high_fraction: Annotated[
        float, number("fraction", 0.01, 1.0, "Filled part from which a ring reports pressure.")
    ] = 0.8
    low_fraction: Annotated[
        float, number("fraction", 0.0, 1.0, "Filled part below which the pressure is over.")
    ] = 0.5
    unblock_after_ms: Annotated[
        int, number("ms", 1, 60_000, "Time after which a slot of a dead producer is given up.")
    ] = 10
    batch_records: Annotated[
        int, number("records", 1, 65_536, "Most records taken in one turn.")
    ] = 256
    idle: Annotated[
        Literal["spin", "yield", "backoff", "park"],
        flag("What a consumer does with nothing to do."),
    ] = "backoff"
    park_interval_us: Annotated[
        int, number("us", 1, 1_000_000, "Longest sleep of the park and backoff policies.")
    ] = 50

    def rules(self) -> Iterator[Fault]:
        """Powers of two, and pressure that can end."""
        for name in _SIZES:
            slots = getattr(self, name)
            if slots & (slots - 1):
                near = 1 << (slots.bit_length() - 1)
                yield conflict(name, slots, "a power of two", f"write {near} or {near * 2}")
        if self.low_fraction >= self.high_fraction:
            yield conflict(
                "low_fraction", self.low_fraction, f"below high_fraction, {self.high_fraction}"
            )
