"""`[log]`: what is said, how, and where."""

from typing import Annotated, ClassVar, Literal

import msgspec

from tectra.core.config.key import flag, items, number, text
from tectra.core.config.section.base import Section
from tectra.core.config.section.engine import Level

__all__ = ["LogConfig"]


class LogConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The log."""

    LIVE: ClassVar[frozenset[str]] = frozenset({"level", "levels"})

    level: Annotated[Level | None, flag("Least level that is logged; none: engine.log_level.")] = (
        None
    )
    levels: Annotated[
        dict[str, Annotated[Level, flag("Least level of this component.")]],
        items("Levels of components, by name: risk, journal, feed.", most=256),
    ] = msgspec.field(default_factory=dict)
    format: Annotated[
        Literal["json", "pretty"], flag("One JSON object a line, or lines for people.")
    ] = "pretty"
    file: Annotated[str | None, text("File in directories.logs; none: standard error.")] = None
    rotate_bytes: Annotated[
        int, number("bytes", 4_096, 1 << 40, "Size at which a file is closed and a new one begun.")
    ] = 64 << 20
    keep_files: Annotated[int, number("files", 1, 10_000, "Closed files that are kept.")] = 10
