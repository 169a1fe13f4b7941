"""The plainest price-level book: a dict for each side."""

__all__ = ["ModelLevels"]

BUY, SELL = 1, 2


class ModelLevels:
    """Whole quantities by price; 0 removes."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[int, int]] = {BUY: {}, SELL: {}}

    def set(self, side: int, px: int, qty: int) -> None:
        if qty:
            self.sides[side][px] = qty
        else:
            self.sides[side].pop(px, None)

    def levels(self, side: int) -> list[tuple[int, int]]:
        return sorted(self.sides[side].items(), reverse=side == BUY)
