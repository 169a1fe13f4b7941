"""A position by average cost, in Python integers and Fractions."""

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class PositionModel:
    """Keeps every fill, so that cash and volumes are sums and not running totals."""

    fills: list[tuple[int, int, int]] = field(default_factory=list)  # signed qty, px, fee
    cost: int = 0
    net: int = 0
    open_buy: int = 0
    open_sell: int = 0

    def fill(self, signed: int, px: int, fee: int) -> None:
        self.fills.append((signed, px, fee))
        if self.net * signed >= 0:
            self.cost += signed * px
        elif abs(signed) > abs(self.net):
            self.cost = (self.net + signed) * px
        else:
            # round() of a Fraction is half even
            self.cost -= round(Fraction(self.cost) * abs(signed) / abs(self.net))
        self.net += signed

    @property
    def cash(self) -> int:
        return -sum(q * px for q, px, _ in self.fills)

    @property
    def fees(self) -> int:
        return sum(fee for _, _, fee in self.fills)

    @property
    def realized(self) -> int:
        return self.cash + self.cost

    def unrealized(self, mark_px2: int) -> int:
        return round(Fraction(self.net * mark_px2, 2)) - self.cost
