"""What books hand out: tops, states, fault reports and the dtypes of their arrays.

Plain values, any thread.
"""

from enum import IntFlag
from typing import Any, NamedTuple

import numpy as np

from tectra.core.errors import InputError

__all__ = [
    "BookState",
    "CHANGES_LEVELS_MAX",
    "Fault",
    "FaultReport",
    "LADDER",
    "NO_PX",
    "ORDER",
    "TOPS",
    "Top",
    "changes_dtype",
    "checked_levels",
]

# "No price" in arrays: the smallest int64, never a valid mantissa. Objects say None.
NO_PX = -(2**63)
CHANGES_LEVELS_MAX = 4096

# One row for each level, best first, both sides side by side; a level that is not there: px NO_PX,
# qty and orders 0.
LADDER = np.dtype(
    [
        ("bid_px", "<i8"),
        ("bid_qty", "<i8"),
        ("ask_px", "<i8"),
        ("ask_qty", "<i8"),
        ("bid_orders", "<u4"),
        ("ask_orders", "<u4"),
    ]
)

# One resting order. prio grows with each order that joins any book of the set.
ORDER = np.dtype([("order_ref", "<u8"), ("prio", "<u8"), ("px", "<i8"), ("qty", "<i8")])

# One row for each instrument of a book set; state: BookState flags. An empty side: px NO_PX.
TOPS = np.dtype(
    [
        ("instrument_id", "<u4"),
        ("state", "<u4"),
        ("bid_px", "<i8"),
        ("bid_qty", "<i8"),
        ("ask_px", "<i8"),
        ("ask_qty", "<i8"),
        ("bid_orders", "<u4"),
        ("ask_orders", "<u4"),
    ]
)


class BookState(IntFlag):
    """What is wrong with the top of a book; 0 is two-sided with bid < ask, fit for trading."""

    NO_BID = 1
    NO_ASK = 2
    LOCKED = 4
    CROSSED = 8


class Top(NamedTuple):
    """Best prices of one instrument; px None and qty 0 where a side is empty.

    A price-level book counts no orders.
    """

    bid_px: int | None
    bid_qty: int
    ask_px: int | None
    ask_qty: int
    bid_orders: int
    ask_orders: int

    @property
    def state(self) -> BookState:
        """Flags of what is wrong with this top."""
        if self.bid_px is None or self.ask_px is None:
            bid = BookState.NO_BID if self.bid_px is None else BookState(0)
            return bid | (BookState.NO_ASK if self.ask_px is None else BookState(0))
        if self.bid_px < self.ask_px:
            return BookState(0)
        return BookState.LOCKED if self.bid_px == self.ask_px else BookState.CROSSED

    @property
    def tradeable(self) -> bool:
        """Both sides are there and bid < ask."""
        return not self.state

    @property
    def mid_px2(self) -> int | None:
        """Twice the middle price, exact; None unless both sides are there."""
        return None if self.bid_px is None or self.ask_px is None else self.bid_px + self.ask_px

    @property
    def spread_px(self) -> int | None:
        """ask - bid, negative when crossed; None unless both sides are there."""
        return None if self.bid_px is None or self.ask_px is None else self.ask_px - self.bid_px


class Fault(NamedTuple):
    """A record that a book could not apply. code is a TT_E_* number, name its short name."""

    ring_seq: int
    ts_event_ns: int
    instrument_id: int
    template_id: int
    order_ref: int
    code: int
    name: str


class FaultReport(NamedTuple):
    """All faults of a book set: how many, by name, and the first few in full."""

    total: int
    by_name: dict[str, int]
    first: tuple[Fault, ...]


def checked_levels(levels: int, highest: int = CHANGES_LEVELS_MAX) -> int:
    """`levels` when it is in 1..highest; InputError otherwise."""
    if not 1 <= levels <= highest:
        raise InputError(f"levels: found {levels}; allowed: 1 to {highest}")
    return levels


def changes_dtype(levels: int) -> np.dtype[Any]:
    """Rows of L3Book.record_changes for the top `levels`, best first.

    A level that is not there: px NO_PX, qty 0.
    """
    n = (checked_levels(levels),)
    return np.dtype(
        [
            ("ts_event_ns", "<i8"),
            ("ring_seq", "<u8"),
            ("bid_px", "<i8", n),
            ("bid_qty", "<i8", n),
            ("ask_px", "<i8", n),
            ("ask_qty", "<i8", n),
        ]
    )
