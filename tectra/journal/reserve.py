"""Space kept for the moment when the disk gives no more: segments that are allocated already.

With them goes a small file that is given up when the manifest cannot be written otherwise. Used by
the thread that prepares segments, once filled by the writer's owner.
"""

import os
from contextlib import suppress
from pathlib import Path

from tectra.journal.mapped import MappedSegment, allocate

__all__ = ["Reserve"]

_FILES_MAX = 64
_SPARE_BYTES = 1 << 18


class Reserve:
    """So many whole segments as `size` bytes need, at least one and at most 64; none for 0."""

    def __init__(self, directory: Path, capacity: int, segment_bytes: int, size: int) -> None:
        self._capacity = capacity
        self._spare = directory / "spare.tmp"
        count = min(-(-size // segment_bytes), _FILES_MAX)
        self._wanted = [directory / f"reserve-{number}.tmp" for number in range(1, count + 1)]
        self._files: list[Path] = []

    @property
    def wanted(self) -> int:
        """Segments there should be."""
        return len(self._wanted)

    @property
    def segments(self) -> int:
        """Segments that are left."""
        return len(self._files)

    def fill(self) -> None:
        """Make what is missing. OSError when there is no room; what was made before stays."""
        for path in self._wanted:
            if path not in self._files:
                os.close(allocate(path, self._capacity))
                self._files.append(path)
        if self._wanted and not self._spare.exists():
            try:
                self._spare.write_bytes(bytes(_SPARE_BYTES))
            except OSError:
                self._spare.unlink(missing_ok=True)
                raise

    def take(self) -> MappedSegment | None:
        """The next segment, or None when all are used up (or cannot be opened any more)."""
        while self._files:
            path = self._files.pop(0)
            with suppress(OSError):
                return MappedSegment(path, self._capacity, made=True)
        return None

    def give_up_spare(self) -> bool:
        """Free the room kept for the manifest; False when that was done before."""
        try:
            self._spare.unlink()
        except OSError:
            return False
        return True

    def discard(self) -> None:
        """Remove every file of it."""
        for path in (*self._files, self._spare):
            with suppress(OSError):
                path.unlink()
        self._files.clear()
