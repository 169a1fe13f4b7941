from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from tectra.book.l2 import L2Book
from tectra.book.l3 import L3Book

__all__ = ["MetricsFiller", "MetricsPublisher", "book_metrics"]

@final
class MetricsFiller:
    def __new__(cls, levels: int = 5) -> MetricsFiller: ...
    @property
    def array(self) -> NDArray[np.void]: ...
    @property
    def levels(self) -> int: ...
    def fill(
        self,
        book: L3Book | L2Book,
        instrument_id: int | None = None,
        ts_event_ns: int = 0,
        ring_seq: int = 0,
    ) -> NDArray[np.void]: ...

@final
class MetricsPublisher:
    def __new__(cls, book: L3Book, levels: int = 5) -> MetricsPublisher: ...
    @property
    def book(self) -> L3Book: ...
    @property
    def levels(self) -> int: ...
    def apply(self, records: Any) -> NDArray[np.void]: ...

def book_metrics(
    book: L3Book | L2Book, instrument_id: int | None = None, levels: int = 5
) -> Any: ...
