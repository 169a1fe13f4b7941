"""Client order ids: `cm_{instance}_{counter}`, made from our order id and read back into it."""

import re

from tectra.core.errors import InputError

__all__ = ["CLIENT_ID_MAX", "ClientOrderIds"]

# The shortest limit of the venues we know (Binance, newClientOrderId).
CLIENT_ID_MAX = 36
_INSTANCE = re.compile(r"[A-Za-z0-9-]{1,12}")
_COUNTER = re.compile(r"0|[1-9][0-9]*")
_ORDER_ID_MAX = (1 << 64) - 1


class ClientOrderIds:
    """Names the orders of one running instance; `instance` tells programs on one account apart.

    An order id has one name for ever, so a name that was sent and never answered can be asked for
    again after a restart. No state: any thread.
    """

    def __init__(self, instance: str) -> None:
        if not _INSTANCE.fullmatch(instance):
            raise InputError(
                f"instance: found {instance!r}; allowed: 1 to 12 letters, digits or hyphens"
            )
        self.instance = instance
        self._prefix = f"cm_{instance}_"

    def make(self, order_id: int) -> str:
        """Name of an order. Raises InputError for an id outside 1 .. 2^64 - 1."""
        if not 0 < order_id <= _ORDER_ID_MAX:
            raise InputError(f"order_id: found {order_id}; allowed: 1 to 2^64 - 1")
        return f"{self._prefix}{order_id}"

    def parse(self, client_order_id: str) -> int | None:
        """Order id in a name of this instance; None for a name that somebody else made."""
        if not client_order_id.startswith(self._prefix):
            return None
        counter = client_order_id[len(self._prefix) :]
        if not _COUNTER.fullmatch(counter) or not 0 < int(counter) <= _ORDER_ID_MAX:
            return None
        return int(counter)
