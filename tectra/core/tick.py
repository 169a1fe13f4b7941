"""NormalisedTick: one step of a market in one form for every venue, with what the book looked like
after it.
"""

from dataclasses import dataclass

from tectra.core.fixed import Price, Quantity
from tectra.core.market import checked_symbol
from tectra.core.types import Exchange, Side, Timestamp
from tectra.core.value import U16, U64, Value

__all__ = ["BookFeatures", "NormalisedTick"]


@dataclass(frozen=True, slots=True)
class BookFeatures(Value):
    """The best `levels` levels of each side in numbers; the formulas stand in tectra.book.metrics.
    What is not defined (a side is empty, a book is crossed) is None.
    """

    levels: U16
    bid_price: Price | None
    bid_quantity: Quantity
    ask_price: Price | None
    ask_quantity: Quantity
    mid: float | None
    spread: Price | None
    imbalance: float | None
    microprice: float | None
    vwap: float | None
    pressure: float | None


@dataclass(frozen=True, slots=True)
class NormalisedTick(Value):
    """One event of a venue: a change of its book (`trade_price` None) or a trade.

    `seq` counts up by one from tick to tick of a mapper and never repeats; `venue_seq` is the
    venue's own number. `ts_event` is the venue's clock and may go back, `ts_recv` is ours. The
    direction is the aggressor's side of a trade, NONE where the venue does not say and for a book.
    """

    exchange: Exchange
    symbol: str
    seq: U64
    venue_seq: U64
    ts_event: Timestamp
    ts_recv: Timestamp
    direction: Side
    trade_price: Price | None
    trade_quantity: Quantity
    is_snapshot: bool
    features: BookFeatures

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        checked_symbol(self.symbol)
