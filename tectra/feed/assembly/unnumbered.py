"""Book streams whose messages carry no number of their own."""

from dataclasses import dataclass

from tectra.core.errors import InputError
from tectra.feed.assembly.delta import BookDelta
from tectra.feed.assembly.rule import BookChecksum

__all__ = ["UnnumberedRule"]


@dataclass(frozen=True, slots=True)
class UnnumberedRule:
    """A snapshot comes first in the stream, and each message follows the one before because nothing
    says otherwise: what proves the book is its checksum (Kraken), or the numbers of the whole
    connection (Coinbase), whose reader calls BookAssembler.invalidate().
    """

    depth_max: int = 0
    checksum: BookChecksum | None = None
    fetches_snapshot: bool = False
    snapshot_levels: int = 0
    overlaps: bool = False

    def __post_init__(self) -> None:
        if self.depth_max < 0:
            raise InputError(f"book rule: found depth_max {self.depth_max}; allowed: 0 or more")

    def covers(self, delta: BookDelta) -> tuple[int, int] | None:
        """None: it has no number."""
        return None

    def is_reset(self, delta: BookDelta) -> bool:
        """False: nothing counts."""
        return False
