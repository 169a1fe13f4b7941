"""The state of an ITCH 5.0 session as messages that rebuild it: what a snapshot server sends."""

from collections.abc import Iterator

__all__ = ["SnapshotState"]

_BY_STOCK = {ord(code): code for code in "RHYN"}
_SYSTEM, _REPLACE, _DELETE = ord("S"), ord("U"), ord("D")
_ADD = (ord("A"), ord("F"))
_REDUCE = (ord("E"), ord("C"), ord("X"))


class SnapshotState:
    """Newest system event, what is known of each stock, and the open orders in queue order.

    Fed with every message of a session in order. `unmatched` counts executions, cancels, deletes
    and replaces of orders that are not here, `reused` adds of a number that was. About a
    microsecond a message; owned by one thread.
    """

    def __init__(self) -> None:
        self.unmatched = self.reused = 0
        self._event = b""
        self._stocks: dict[str, dict[bytes, bytes]] = {code: {} for code in _BY_STOCK.values()}
        # Reference number -> (add message as it was, open shares), oldest first: an order that is
        # replaced goes to the end, and keeps within its level the place that the venue gives it.
        self._orders: dict[bytes, tuple[bytes, int]] = {}

    @property
    def orders(self) -> int:
        """Open orders."""
        return len(self._orders)

    def apply(self, message: bytes) -> None:
        """Take in the next message. Types that change no state pass."""
        kind = message[0] if message else 0
        if kind in _ADD:
            self.reused += message[11:19] in self._orders
            self._orders.pop(message[11:19], None)
            self._orders[message[11:19]] = (message, int.from_bytes(message[20:24], "big"))
        elif kind in _REDUCE:
            self._reduce(message[11:19], int.from_bytes(message[19:23], "big"))
        elif kind == _DELETE:
            self.unmatched += self._orders.pop(message[11:19], None) is None
        elif kind == _REPLACE:
            self._replace(message)
        elif kind in _BY_STOCK:
            self._stocks[_BY_STOCK[kind]][message[1:3]] = message
        elif kind == _SYSTEM:
            self._event = message

    def _reduce(self, reference: bytes, shares: int) -> None:
        found = self._orders.get(reference)
        if found is None:
            self.unmatched += 1
        elif found[1] <= shares:
            del self._orders[reference]
        else:
            self._orders[reference] = (found[0], found[1] - shares)

    def _replace(self, message: bytes) -> None:
        found = self._orders.pop(message[11:19], None)
        if found is None:
            self.unmatched += 1
            return
        add = found[0]
        self._orders[message[19:27]] = (
            add[:1] + message[1:11] + message[19:27] + add[19:20] + message[27:31]
            + add[24:32] + message[31:35] + add[36:],
            int.from_bytes(message[27:31], "big"),
        )  # fmt: skip

    def messages(self) -> Iterator[bytes]:
        """System Event, Stock Directory, Trading Action, Reg SHO, RPII of all stocks, and an Add
        Order with the open shares for each order.
        """
        if self._event:
            yield self._event
        for code in "RHYN":
            yield from self._stocks[code].values()
        for add, shares in self._orders.values():
            yield add[:20] + shares.to_bytes(4, "big") + add[24:]
