"""`[journal]`: the record of everything that came in and went out."""

from typing import Annotated, Literal

from tectra.core.config.key import flag, number
from tectra.core.config.section.base import Section

__all__ = ["JournalConfig"]


class JournalConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The journal: segments, rotation, how long they are kept."""

    enabled: Annotated[bool, flag("Write a journal; live does not run without one.")] = True
    durability: Annotated[
        Literal["page-cache", "group-commit", "sync"],
        flag("What power loss may take: the tail, what the last sync did not see, or nothing."),
    ] = "page-cache"
    commit_us: Annotated[
        int, number("us", 1, 60_000_000, "Of group-commit: longest time until a sync begins.")
    ] = 1_000
    commit_records: Annotated[
        int, number("records", 1, 1 << 32, "Of group-commit: how many may wait for a sync.")
    ] = 4_096
    reserve_bytes: Annotated[
        int | None,
        number(
            "bytes", 0, 1 << 40, "Disk kept for when it is full; none: 64 MiB in paper and live."
        ),
    ] = None
    segment_slots: Annotated[
        int, number("slots of 64 bytes", 1 << 10, 1 << 28, "Size of a segment.")
    ] = 1 << 20
    rotate_daily: Annotated[bool, flag("Begin a segment at midnight UTC as well.")] = False
    compress: Annotated[Literal["none", "zstd"], flag("What becomes of a closed segment.")] = "none"
    retention_days: Annotated[
        int | None,
        number("days", 1, 36_500, "Age at which `journal prune --config` takes closed journals."),
    ] = None
    free_disk_bytes: Annotated[
        int, number("bytes", 0, 1 << 50, "Free disk below which no new order passes.")
    ] = 1 << 30
