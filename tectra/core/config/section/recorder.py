"""`[recorder]`: market data into QuestDB and files."""

from typing import Annotated, ClassVar

from tectra.core.config.key import ENDPOINT, flag, number, text
from tectra.core.config.section.base import Section

__all__ = ["RecorderConfig"]


class RecorderConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The recorder: where events go and how they are gathered."""

    LIVE: ClassVar[frozenset[str]] = frozenset({"batch_size", "flush_interval_ms"})

    enabled: Annotated[bool, flag("Record market data.")] = False
    questdb_endpoint: Annotated[
        str, text("HOST:PORT of QuestDB's line protocol.", ENDPOINT, longest=255)
    ] = "127.0.0.1:9009"
    questdb_http_endpoint: Annotated[
        str, text("HOST:PORT of QuestDB's HTTP interface.", ENDPOINT, longest=255)
    ] = "127.0.0.1:9000"
    batch_size: Annotated[int, number("rows", 1, 1_000_000, "Rows written at once.")] = 1_000
    flush_interval_ms: Annotated[
        int, number("ms", 1, 60_000, "Longest time that a row waits for its batch.")
    ] = 100
    buffer_events: Annotated[
        int,
        number("events", 64, 100_000_000, "Events that may wait; more are dropped and counted."),
    ] = 10_000
    depth_levels: Annotated[
        int, number("levels", 1, 1_000, "Levels of a book that are recorded, each side.")
    ] = 20
