from collections.abc import Iterable
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from tectra.book.l3 import L3Book
from tectra.feed.bar_spec import BarSpec
from tectra.feed.protocol import Slots
from tectra.refdata.instrument import Instrument

PRINT: Final[np.dtype[Any]]

@final
class BarBuilder:
    book: L3Book | None
    specs: tuple[BarSpec, ...]
    def __new__(
        cls,
        specs: str | BarSpec | Iterable[str | BarSpec],
        *,
        source: str = "trades",
        empty: str = "none",
        align_ns: int = 0,
        instruments: Iterable[Instrument] = (),
        crosses: bool = True,
        with_book: bool = True,
        instruments_max: int = 65536,
    ) -> BarBuilder: ...
    def update(self, records: Any) -> NDArray[np.void]: ...
    def merge(self, records: Any) -> Slots: ...
    def flush(self, ts_ns: int = 0) -> NDArray[np.void]: ...
    def counts(self) -> dict[str, int]: ...
    @property
    def corrections(self) -> NDArray[np.void]: ...
    @property
    def now_ns(self) -> int: ...

def prints_of(records: Any, book: L3Book) -> NDArray[np.void]: ...
