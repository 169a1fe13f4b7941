"""`[journal]`: the record of everything that came in and went out."""

from typing import Annotated, Literal

from tectra.core.config.key import flag, number
from tectra.core.config.section.base import Section

__all__ = ["JournalConfig"]


class JournalConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The journal: segments, rotation, how long they are kept."""

    enabled: Annotated[bool, flag("Write a journal; live does not run without one.")] = True
    segment_slots: Annotated[
        int, number("slots of 64 bytes", 64, 1 << 28, "Size of a segment.")
    ] = 1 << 20
    rotate_daily: Annotated[bool, flag("Begin a segment at midnight UTC as well.")] = False
    flush_interval_ms: Annotated[
        int, number("ms", 1, 60_000, "Longest time until what is written is on the disk.")
    ] = 1_000
    compress: Annotated[Literal["none", "zstd"], flag("What becomes of a closed segment.")] = "none"
    retention_days: Annotated[
        int | None, number("days", 1, 36_500, "Age at which a segment may go; none: never.")
    ] = None
    free_disk_bytes: Annotated[
        int, number("bytes", 0, 1 << 50, "Free disk below which no new order passes.")
    ] = 1 << 30
