from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tectra.book.l2 import L2Book
from tectra.book.l3 import L3Book
from tectra.core.msg import BookReason, BookStatus

__all__ = ["ImageStamp", "L3Image", "Trust", "l2_image", "l3_image", "restore"]

class ImageStamp(NamedTuple):
    ring_seq: int
    ts_ns: int
    venue_id: int = 0

class Trust(NamedTuple):
    status: BookStatus = ...
    reason: BookReason = ...
    seq: int = 0

class L3Image(NamedTuple):
    records: NDArray[np.uint8]
    priorities: NDArray[np.uint64]
    next_priority: int

def l3_image(
    book: L3Book, stamp: ImageStamp, *, trust: Mapping[int, Trust] | None = None
) -> L3Image: ...
def l2_image(
    book: L2Book, stamp: ImageStamp, *, trust: Trust | None = None
) -> NDArray[np.uint8]: ...
def load_image(
    book: L3Book, records: Any, priorities: NDArray[np.uint64] | None, *, next_priority: int
) -> None: ...
def restore(
    records: Any,
    priorities: NDArray[np.uint64] | None,
    *,
    next_priority: int,
    instruments_max: int = 65536,
) -> L3Book: ...
