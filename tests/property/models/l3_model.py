"""The plainest order-by-order book: a dict of orders and sorting.

Slow, and too simple to be wrong.
"""

from dataclasses import dataclass

__all__ = ["ModelBook", "ModelError", "ModelOrder"]

BUY, SELL = 1, 2


class ModelError(Exception):
    """The name of the return code that the book is expected to give."""


@dataclass
class ModelOrder:
    instrument: int
    side: int
    px: int
    qty: int
    prio: int


class ModelBook:
    """Orders by reference. Everything that is asked is computed from them anew."""

    def __init__(self) -> None:
        self.by_ref: dict[int, ModelOrder] = {}
        self.prio = 1

    def add(self, ref: int, side: int, px: int, qty: int, instrument: int = 1) -> None:
        if qty <= 0 or side not in (BUY, SELL):
            raise ModelError("RANGE")
        if ref in self.by_ref:
            raise ModelError("DUPLICATE")
        self.by_ref[ref] = ModelOrder(instrument, side, px, qty, self.prio)
        self.prio += 1

    def _named(self, ref: int, instrument: int) -> ModelOrder:
        if ref not in self.by_ref:
            raise ModelError("UNKNOWN_ORDER")
        if self.by_ref[ref].instrument != instrument:
            raise ModelError("UNKNOWN_INSTRUMENT")
        return self.by_ref[ref]

    def reduce(self, ref: int, qty: int, instrument: int = 1) -> None:
        if qty <= 0:
            raise ModelError("RANGE")
        order = self._named(ref, instrument)
        if qty > order.qty:
            raise ModelError("UNDERFLOW")
        order.qty -= qty
        if order.qty == 0:
            del self.by_ref[ref]

    def delete(self, ref: int, instrument: int = 1) -> None:
        self._named(ref, instrument)
        del self.by_ref[ref]

    def replace(self, ref: int, new_ref: int, px: int, qty: int, instrument: int = 1) -> None:
        if qty <= 0:
            raise ModelError("RANGE")
        old = self._named(ref, instrument)
        if new_ref != ref and new_ref in self.by_ref:
            raise ModelError("DUPLICATE")
        del self.by_ref[ref]
        self.add(new_ref, old.side, px, qty, instrument)

    def clear(self, instrument: int = 1) -> None:
        """Every order of an instrument leaves; 0: every order."""
        for ref in [r for r, o in self.by_ref.items() if instrument in (0, o.instrument)]:
            del self.by_ref[ref]

    def queue(self, instrument: int, side: int) -> list[tuple[int, int, int, int]]:
        """(ref, prio, px, qty), best price first, then first come first."""
        found = [
            (ref, o.prio, o.px, o.qty)
            for ref, o in self.by_ref.items()
            if (o.instrument, o.side) == (instrument, side)
        ]
        sign = -1 if side == BUY else 1
        return sorted(found, key=lambda row: (sign * row[2], row[1]))

    def levels(self, instrument: int, side: int) -> list[tuple[int, int]]:
        """(px, qty), best first."""
        sums: dict[int, int] = {}
        for _, _, px, qty in self.queue(instrument, side):
            sums[px] = sums.get(px, 0) + qty
        return list(sums.items())

    def ahead(self, ref: int) -> int:
        me = self.by_ref[ref]
        return sum(
            o.qty
            for o in self.by_ref.values()
            if (o.instrument, o.side, o.px) == (me.instrument, me.side, me.px) and o.prio < me.prio
        )
