"""What the engine asks of every source of market data: batches of records, in time order."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np

__all__ = ["Feed", "Slots"]

# Whole records one behind the other: 64 bytes a slot, a 128-byte record takes two.
Slots = np.ndarray[Any, np.dtype[np.uint8]]


@runtime_checkable
class Feed(Protocol):
    """A source of records. One thread owns it: no method may run beside another."""

    @property
    def instruments(self) -> Mapping[int, str]:
        """Symbol by instrument id, as far as the source has told it."""
        ...

    def next_batch(self, max_slots: int = 4096) -> Slots | None:
        """Up to `max_slots` slots of whole records, or None at the end. Raises when damaged."""
        ...

    def close(self) -> None:
        """Give up files and memory. May be called twice."""
        ...
