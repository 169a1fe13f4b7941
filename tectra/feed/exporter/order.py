"""What exporters of single orders must know of the book: side, price and size of every order."""

from dataclasses import dataclass

from tectra.core.msg import Side, Template
from tectra.core.record import Record

__all__ = ["Change", "OrderBook"]

_ADDS = (Template.BOOK_ADD, Template.BOOK_ADD_ATTRIBUTED)


@dataclass(frozen=True, slots=True)
class Change:
    """What a record did to one order: `qty` of the step, `left` behind it, price of the order;
    `exec_px` is the price of an execution.
    """

    ref: int
    side: int
    px: int
    qty: int
    left: int
    exec_px: int

    @property
    def other_side(self) -> int:
        """Side of the aggressor of an execution."""
        return int(Side.SELL) if self.side == int(Side.BUY) else int(Side.BUY)


class OrderBook:
    """Orders by instrument and reference."""

    def __init__(self) -> None:
        self._orders: dict[tuple[int, int], list[int]] = {}

    def apply(self, record: Record) -> Change | None:
        """The change that a record of order flow is, of a replace the order that leaves; None for
        one of an order that is not known, or that asks for more than there is.
        """
        template = record.template
        key = (record.get_int("instrument_id"), record.get_int("order_ref"))
        if template in _ADDS:
            if key in self._orders:
                return None
            side, px, qty = (record.get_int(n) for n in ("side", "px", "qty"))
            self._orders[key] = [side, px, qty]
            return Change(key[1], side, px, qty, qty, px)
        found = self._orders.get(key)
        if found is None:
            return None
        side, px, have = found
        whole = template in (Template.BOOK_DELETE, Template.BOOK_REPLACE)
        qty = have if whole else record.get_int("qty")
        if qty > have:
            return None
        exec_px = record.get_int("exec_px") if template is Template.BOOK_EXECUTE_PRICED else px
        if qty == have:
            del self._orders[key]
        else:
            found[2] = have - qty
        if template is Template.BOOK_REPLACE:
            new = (key[0], record.get_int("new_order_ref"))
            self._orders[new] = [side, record.get_int("px"), record.get_int("qty")]
        return Change(key[1], side, px, qty, have - qty, exec_px)
