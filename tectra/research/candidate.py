"""What research hands on: signals with the features behind them, and pairs that move together."""

from dataclasses import dataclass

from tectra.core.errors import InputError
from tectra.core.market import checked_symbol
from tectra.core.types import Timestamp
from tectra.core.value import Labels, Value
from tectra.signals.feature import FeatureVector

__all__ = ["PairCandidate", "ResearchSignal"]


@dataclass(frozen=True, slots=True)
class ResearchSignal(Value):
    """A signal found in recorded data: `confidence` 0 to 1, the feature vectors it was found with,
    and metadata (study, parameters, scores).
    """

    timestamp: Timestamp
    symbol: str
    type: str
    confidence: float
    features: tuple[FeatureVector, ...] = ()
    metadata: Labels = Labels()  # noqa: RUF009  immutable

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        checked_symbol(self.symbol)
        if not self.type or not 0.0 <= self.confidence <= 1.0:
            raise InputError(
                f"found type {self.type!r}, confidence {self.confidence}; allowed: a name, 0 to 1"
            )


@dataclass(frozen=True, slots=True)
class PairCandidate(Value):
    """Two symbols whose spread `first - hedge_ratio * second` may come back to its mean.

    `correlation` is of returns, -1 to 1; `cointegration` the p-value of the test, 0 to 1;
    `half_life` how many samples the spread takes to halve, above 0.
    """

    symbols: tuple[str, ...]
    correlation: float
    cointegration: float
    half_life: float
    hedge_ratio: float

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        if len(self.symbols) != 2 or self.symbols[0] == self.symbols[1]:
            raise InputError(f"symbols: found {self.symbols}; allowed: two that differ")
        for symbol in self.symbols:
            checked_symbol(symbol)
        for name, low, high in (("correlation", -1.0, 1.0), ("cointegration", 0.0, 1.0)):
            if not low <= getattr(self, name) <= high:
                raise InputError(f"{name}: found {getattr(self, name)}; allowed: {low} to {high}")
        if not self.half_life > 0:
            raise InputError(f"half_life: found {self.half_life}; allowed: above 0")
