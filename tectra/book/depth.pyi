from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tectra.book.l2 import L2Book
from tectra.book.l3 import L3Book
from tectra.core.msg import Side

__all__ = [
    "CUMULATIVE",
    "DepthNear",
    "Sweep",
    "WINDOW",
    "cumulative_depth",
    "depth_near",
    "ladder_window",
    "sweep",
]

CUMULATIVE: np.dtype[Any]
WINDOW: np.dtype[Any]

class DepthNear(NamedTuple):
    bid_qty: int
    ask_qty: int
    bid_levels: int
    ask_levels: int

class Sweep(NamedTuple):
    filled_qty: int
    notional: int
    worst_px: int | None
    levels: int
    @property
    def average_px(self) -> float | None: ...

def depth_near(
    book: L3Book | L2Book,
    instrument_id: int | None = None,
    *,
    distance_px: int | None = None,
    bps: int | None = None,
) -> DepthNear: ...
def sweep(
    book: L3Book | L2Book,
    side: Side | int,
    *,
    qty: int,
    instrument_id: int | None = None,
    limit_px: int | None = None,
) -> Sweep: ...
def ladder_window(
    book: L3Book | L2Book,
    ticks: int,
    *,
    tick: int,
    instrument_id: int | None = None,
    center_px: int | None = None,
) -> NDArray[np.void]: ...
def cumulative_depth(
    book: L3Book | L2Book, levels: int, *, instrument_id: int | None = None
) -> NDArray[np.void]: ...
