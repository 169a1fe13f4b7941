from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from tectra.core.hist import Histogram
from tectra.feed.batch import Rows
from tectra.feed.protocol import Slots

__all__ = ["BUCKETS", "BookWatch", "LEVELS"]

BUCKETS: Final[int]
LEVELS: Final[int]

@final
class BookWatch:
    events: list[tuple[str, int, int, int, tuple[int, int] | str]]
    counts: dict[str, int]
    def __new__(cls, detailed: int = 256, kept: int = 100) -> BookWatch: ...
    def update(
        self, slots: Slots, rows: Rows, index: NDArray[np.uint32], first_row: int
    ) -> None: ...
    def finish(self, ts: int) -> None: ...
    def series(self) -> tuple[int, int, NDArray[np.float64], NDArray[np.float64]]: ...
    def instrument(
        self, at: int
    ) -> tuple[int, int, dict[int, int], Histogram, list[Histogram], bool]: ...
    def __len__(self) -> int: ...
