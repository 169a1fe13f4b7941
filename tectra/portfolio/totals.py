"""Sums of P&L over the instruments of one strategy."""

from dataclasses import dataclass

__all__ = ["Totals"]


@dataclass(frozen=True, slots=True)
class Totals:
    """P&L of one strategy (0: the account) as money mantissas; fees are negative for rebates."""

    strategy_id: int
    realized: int
    unrealized: int
    fees: int

    @property
    def total(self) -> int:
        """Realized and unrealized less fees."""
        return self.realized + self.unrealized - self.fees
