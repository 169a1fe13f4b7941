"""Orders: the table, its state machine, client order ids, requests, lineage.

Floor 7. The engine's thread owns the table; snapshots and ids go anywhere.
"""

from tectra.oms.client_id import CLIENT_ID_MAX, ClientOrderIds
from tectra.oms.lineage import Lineage, LineageSignal, trace_order, trace_orders
from tectra.oms.order import Order, OrderEvent
from tectra.oms.orders import ALL_EVENTS, ALL_STATES, BY_CUM, OrderTable, transition
from tectra.oms.request import intent_of, request_of, verdict_of

__all__ = [
    "ALL_EVENTS",
    "ALL_STATES",
    "BY_CUM",
    "CLIENT_ID_MAX",
    "ClientOrderIds",
    "Lineage",
    "LineageSignal",
    "Order",
    "OrderEvent",
    "OrderTable",
    "intent_of",
    "request_of",
    "trace_order",
    "trace_orders",
    "transition",
    "verdict_of",
]
