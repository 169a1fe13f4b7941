"""MarketData, the bar of research and indicators: floats, as these want them."""

import math
from dataclasses import dataclass

from tectra.core.errors import InputError
from tectra.core.value import I64, Value

__all__ = ["MarketData"]


@dataclass(frozen=True, slots=True)
class MarketData(Value):
    """One bar. `timestamp` is int64 nanoseconds since the epoch, UTC, of its close; prices are
    float64 in quote currency, `volume` whole units (uint64).

    Making one checks types only: data as it came may be looked at before validate() judges it.
    """

    symbol: str
    timestamp: I64
    open: float
    high: float
    low: float
    close: float
    volume: int
    bid: float = 0.0
    ask: float = 0.0

    def validate(self) -> None:
        """Raise InputError unless low <= open, close <= high, bid <= ask where both are said (above
        0), no price is negative, and the volume fits a uint64.
        """
        prices = (self.open, self.high, self.low, self.close, self.bid, self.ask)
        if not self.symbol:
            raise InputError("symbol: found nothing; allowed: text")
        if not all(math.isfinite(p) and p >= 0 for p in prices):
            raise InputError(f"{self.symbol}: found prices {prices}; allowed: 0 or more")
        if self.high < self.low:
            raise InputError(
                f"{self.symbol}: found high {self.high} below low {self.low}; allowed: low <= high"
            )
        if not self.low <= min(self.open, self.close) <= max(self.open, self.close) <= self.high:
            raise InputError(
                f"{self.symbol}: found open {self.open}, close {self.close}; allowed: the "
                f"low {self.low} to the high {self.high}"
            )
        if self.bid > self.ask > 0:
            raise InputError(
                f"{self.symbol}: found bid {self.bid} above ask {self.ask}; allowed: bid <= ask"
            )
        if not 0 <= self.volume < 1 << 64:
            raise InputError(f"{self.symbol}: found volume {self.volume}; allowed: 0 to 2^64 - 1")

    def mid_price(self) -> float:
        """Middle of bid and ask; the close where one of them is not said."""
        return (self.bid + self.ask) / 2 if self.bid > 0 and self.ask > 0 else self.close
