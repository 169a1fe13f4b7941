"""What book assembly says of itself: log lines with fields, and counters."""

from logging import getLogger

from tectra.core.counters import Counters
from tectra.core.msg import BookReason
from tectra.core.types import Exchange

__all__ = ["AssemblyTelemetry"]

_LOG = getLogger("tectra.feed.assembly")
_NAMES = (
    "book.updates",
    "book.duplicates",
    "book.invalid",
    "book.requests",
    "book.recovered",
    "book.refreshes",
    "book.drifts",
    "book.resync",
    "checksum.failed",
)


class AssemblyTelemetry:
    """One for all books of a thread. Counters are on the given page, or on one of its own.

    Owner thread: the feed's.
    """

    def __init__(self, counters: Counters | None = None) -> None:
        self.counters = Counters.private(2 * len(_NAMES)) if counters is None else counters
        self._at = {name: self.counters.claim(name) for name in _NAMES}

    def count(self, name: str) -> None:
        """Add one to a counter."""
        self.counters.add(self._at[name])

    def counts(self) -> dict[str, int]:
        """Every counter of assembly by name."""
        return {name: self.counters.get(index) for name, index in self._at.items()}

    def on_resync(self, provider: Exchange, symbol: str, reason: BookReason) -> None:
        """A book is built anew, and why."""
        self.count("book.resync")
        _LOG.warning(
            "book.resync",
            extra={"provider": provider.label, "symbol": symbol, "reason": reason.name},
        )

    def on_checksum_failed(
        self, provider: Exchange, symbol: str, *, expected: int, found: int
    ) -> None:
        """A book is not what its venue's checksum says."""
        self.count("checksum.failed")
        _LOG.error(
            "checksum.failed",
            extra={
                "provider": provider.label,
                "symbol": symbol,
                "expected": expected,
                "found": found,
            },
        )
