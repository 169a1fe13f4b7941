from typing import Any, NamedTuple, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import Buffer

from tectra.feed.protocol import Slots

__all__ = ["LaneMerger", "Rows", "gather", "renumber", "scan"]

_Bytes: TypeAlias = Buffer | NDArray[Any]

class Rows(NamedTuple):
    slot: NDArray[np.uint32]
    template_id: NDArray[np.uint8]
    width: NDArray[np.uint8]
    venue_id: NDArray[np.uint16]
    instrument_id: NDArray[np.uint32]
    ts_event_ns: NDArray[np.int64]
    ts_recv_ns: NDArray[np.int64]

def scan(slots: _Bytes) -> Rows: ...
def gather(slots: _Bytes, at: ArrayLike) -> Slots: ...
def renumber(slots: _Bytes, at: ArrayLike, ids: ArrayLike) -> None: ...

@final
class LaneMerger:
    def __new__(cls, lanes: int) -> LaneMerger: ...
    def feed(
        self,
        lane: int,
        slots: Slots,
        rows: Rows,
        key: NDArray[np.int64],
        tie: NDArray[np.uint64] | None = None,
    ) -> None: ...
    def end(self, lane: int) -> None: ...
    def take(self, max_slots: int) -> tuple[Slots, int | None]: ...
