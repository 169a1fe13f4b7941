"""`[directories]`: where files lie."""

from pathlib import Path
from typing import Annotated

from tectra.core.config.key import text
from tectra.core.config.section.base import Section

__all__ = ["STANDARD_DIRECTORIES", "DirectoryConfig"]

STANDARD_DIRECTORIES = ("data", "journals", "snapshots", "logs", "sessions", "reports")


class DirectoryConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Standard directories, below `root` where they are not absolute."""

    root: Annotated[str, text("What the others are relative to.")] = "."
    data: Annotated[str, text("Recorded market data.")] = "data"
    journals: Annotated[str, text("Journals.")] = "journals"
    snapshots: Annotated[str, text("Snapshots of state.")] = "snapshots"
    logs: Annotated[str, text("Logs.")] = "logs"
    sessions: Annotated[str, text("Sessions to step through.")] = "sessions"
    reports: Annotated[str, text("Results of backtests.")] = "reports"

    def path(self, name: str) -> Path:
        """One of the standard directories, with its root."""
        found: str = getattr(self, name)
        return Path(self.root) / found
