"""What a bar counts until it closes, and how users write it: 1s, 5s, 1m, 100t, 10000v, 1000000d,
100i.
"""

import re
from dataclasses import dataclass
from typing import Self

from tectra.core.errors import InputError
from tectra.core.msg import BarKind

__all__ = ["BarSpec"]

_TEXT = re.compile(r"(\d+)(?:\.(\d+))?(ns|us|ms|s|m|h|t|v|d|i)")
_NS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_KINDS = {
    "t": BarKind.TICK,
    "v": BarKind.VOLUME,
    "d": BarKind.DOLLAR,
    "i": BarKind.IMBALANCE,
}
_LETTERS = {kind: letter for letter, kind in _KINDS.items()}
_TIME_MAX = 366 * 86_400 * 1_000_000_000
_SCALE_MAX = 18
_ALLOWED = (
    "time as 250ms, 1s, 5s, 1m, 24h; ticks as 100t; volume as 10000v or 0.5v; dollars (quote "
    "currency) as 1000000d; tick imbalance with the length of its first bar as 100i"
)


@dataclass(frozen=True, slots=True)
class BarSpec:
    """One kind of bar: `amount` * 10^-scale trades, units or quote currency, or nanoseconds."""

    kind: BarKind
    amount: int
    scale: int = 0

    def __post_init__(self) -> None:
        top = {BarKind.TIME: _TIME_MAX, BarKind.TICK: (1 << 32) - 2}.get(self.kind, 1 << 62)
        if self.kind is BarKind.IMBALANCE:
            top = 1 << 24
        decimals = _SCALE_MAX if self.kind is BarKind.VOLUME else 0
        if not 1 <= self.amount <= top or not 0 <= self.scale <= decimals:
            raise InputError(
                f"bars by {self.kind.name}: found {self.amount} at scale {self.scale}; allowed: 1 "
                f"to {top} at scale 0 to {decimals}"
            )

    @classmethod
    def parse(cls, text: "str | BarSpec") -> Self:
        """From its text; InputError for anything else. A BarSpec passes as it is."""
        if isinstance(text, cls):
            return text
        found = _TEXT.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise InputError(f"bars: found {text!r}; allowed: {_ALLOWED}")
        whole, fraction, unit = found[1], (found[2] or "").rstrip("0"), found[3]
        digits, scale = int(whole + fraction), len(fraction)
        if unit in _KINDS:
            return cls(_KINDS[unit], digits, scale)
        amount, rest = divmod(digits * _NS[unit], 10**scale)
        if rest:
            raise InputError(f"bars: found {text!r}; allowed: whole nanoseconds")
        return cls(BarKind.TIME, amount)

    def __str__(self) -> str:
        """The shortest text that parses to the same."""
        if self.kind is BarKind.TIME:
            unit = next(u for u in reversed(_NS) if self.amount % _NS[u] == 0)
            return f"{self.amount // _NS[unit]}{unit}"
        if self.scale == 0:
            return f"{self.amount}{_LETTERS[self.kind]}"
        whole, rest = divmod(self.amount, 10**self.scale)
        return f"{whole}.{rest:0{self.scale}}{_LETTERS[self.kind]}"
