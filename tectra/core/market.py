"""Market data as values: a change of a book, a trade, a venue's own summary. Prices and quantities
are exact.
"""

from dataclasses import dataclass

from tectra.core.errors import InputError
from tectra.core.fixed import Price, Quantity
from tectra.core.level import BookLevel
from tectra.core.types import Exchange, Side, Timestamp, TradeSide
from tectra.core.value import U64, Value

__all__ = ["BookUpdate", "Ticker", "Trade", "checked_symbol"]

_ZERO = Quantity(0)


def checked_symbol(symbol: object) -> None:
    """Raise InputError for what is no symbol as records carry it: 1 to 16 ASCII characters."""
    if not isinstance(symbol, str) or not (symbol.isascii() and 0 < len(symbol) <= 16):
        raise InputError(f"symbol: found {symbol!r}; allowed: 1 to 16 ASCII characters")


@dataclass(frozen=True, slots=True)
class BookUpdate(Value):
    """Levels of a book at one moment: the whole book (`is_snapshot`), or those that changed.

    A level carries the whole quantity at its price, not a difference; 0 removes it. Bids and asks
    keep the venue's order. `timestamp` is the venue's, `seq` its sequence number of the last change
    (0: not said).
    """

    exchange: Exchange
    symbol: str
    timestamp: Timestamp
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    is_snapshot: bool = False
    seq: U64 = 0

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        checked_symbol(self.symbol)


@dataclass(frozen=True, slots=True)
class Trade(Value):
    """One print. `side` is the aggressor's, NONE where the venue does not say."""

    exchange: Exchange
    symbol: str
    timestamp: Timestamp
    price: Price
    quantity: Quantity
    side: TradeSide = Side.NONE
    trade_id: U64 = 0

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        checked_symbol(self.symbol)


@dataclass(frozen=True, slots=True)
class Ticker(Value):
    """A venue's summary of an instrument: best prices, last trade, and its day so far. A price that
    is not said is None, a quantity 0; `turnover` is in quote currency.
    """

    exchange: Exchange
    symbol: str
    timestamp: Timestamp
    bid_price: Price | None = None
    bid_quantity: Quantity = _ZERO
    ask_price: Price | None = None
    ask_quantity: Quantity = _ZERO
    last_price: Price | None = None
    last_quantity: Quantity = _ZERO
    high_price: Price | None = None
    low_price: Price | None = None
    volume: Quantity = _ZERO
    turnover: float = 0.0
    seq: U64 = 0

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        checked_symbol(self.symbol)
