"""Orders: the table, its state machine, client order ids.

Floor 7. The engine's thread owns the table; snapshots and ids go anywhere.
"""

from tectra.oms.client_id import CLIENT_ID_MAX, ClientOrderIds
from tectra.oms.order import Order, OrderEvent
from tectra.oms.orders import ALL_EVENTS, ALL_STATES, BY_CUM, OrderTable, transition

__all__ = [
    "ALL_EVENTS",
    "ALL_STATES",
    "BY_CUM",
    "CLIENT_ID_MAX",
    "ClientOrderIds",
    "Order",
    "OrderEvent",
    "OrderTable",
    "transition",
]
