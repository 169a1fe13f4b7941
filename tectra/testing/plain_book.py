"""A book of orders by a dict, from the venue's messages. It shares no code with any other book, and
judges all of them. Owner thread: the simulation's. A few microseconds a message.
"""

from tectra.core.msg import Side

__all__ = ["PlainBook"]

_SIDES = {b"B": Side.BUY, b"S": Side.SELL}


def _number(message: bytes, begin: int, end: int) -> int:
    return int.from_bytes(message[begin:end], "big")


class PlainBook:
    """Every resting order by its reference; of equal prices the earlier one stands first."""

    def __init__(self) -> None:
        self._orders: dict[int, tuple[int, Side, int, int]] = {}  # locate, side, price, shares

    def take(self, message: bytes) -> None:
        """One ITCH message (Nasdaq TotalView-ITCH 5.0, section 1.3, 1.4); others change nothing."""
        kind, ref = message[:1], _number(message, 11, 19)
        if kind in (b"A", b"F"):
            self._orders[ref] = (
                _number(message, 1, 3),
                _SIDES[message[19:20]],
                _number(message, 32, 36),
                _number(message, 20, 24),
            )
        elif kind in (b"E", b"C", b"X"):
            locate, side, px, qty = self._orders[ref]
            self._orders[ref] = locate, side, px, qty - _number(message, 19, 23)
            if qty == _number(message, 19, 23):
                del self._orders[ref]
        elif kind in (b"D", b"U"):
            locate, side, _, _ = self._orders.pop(ref)
            if kind == b"U":
                px, qty = _number(message, 31, 35), _number(message, 27, 31)
                self._orders[_number(message, 19, 27)] = locate, side, px, qty

    def orders(self, instrument: int, side: Side) -> list[tuple[int, int, int]]:
        """(reference, price, shares), the best first."""
        found = [
            (ref, px, qty)
            for ref, (locate, of_side, px, qty) in self._orders.items()
            if locate == instrument and of_side is side
        ]
        return sorted(found, key=lambda o: -o[1] if side is Side.BUY else o[1])
