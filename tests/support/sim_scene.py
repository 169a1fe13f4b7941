"""A book and a simulated exchange to try orders on: short calls make records, read reports."""

from decimal import Decimal

import numpy as np

from tectra.book.l3 import L3Book
from tectra.core.msg import (
    DTYPES,
    SCHEMA_ID,
    SCHEMA_VERSION,
    IntentAction,
    OrderType,
    Side,
    Template,
    TimeInForce,
)
from tectra.sim import FeeConfig, LatencyConfig, SimConfig, SimExchange

__all__ = ["BUY", "SELL", "Scene", "free", "record"]

BUY, SELL = Side.BUY, Side.SELL


def record(template: Template, **fields: object) -> np.void:
    """One record of a template; fields not named are zero."""
    dtype = DTYPES[template]
    row = np.zeros(1, dtype)[0]
    row["block_length"] = dtype.itemsize - 8
    row["template_id"] = template
    row["schema_id"] = SCHEMA_ID
    row["version"] = SCHEMA_VERSION
    for name, value in fields.items():
        row[name] = value
    return row


def free(**settings: object) -> SimConfig:
    """A configuration without latency and fees."""
    latency = LatencyConfig(entry_ns=0, response_ns=0)
    fees = FeeConfig(maker_rate=Decimal(0), taker_rate=Decimal(0))
    return SimConfig(**{"latency": latency, "fees": fees, **settings})


class Scene:
    """One exchange; instrument 1 unless told. Time moves by 10 ns a step."""

    def __init__(self, config: SimConfig | None = None) -> None:
        self.sim = SimExchange(L3Book(), config=config or free())
        self.now_ns = 1_000

    def market(self, template: Template, **fields: object) -> None:
        self.now_ns += 10
        fields = {"instrument_id": 1, "ts_event_ns": self.now_ns, **fields}
        self.sim.on_market(record(template, **fields))
        self.sim.check()

    def add(self, ref: int, side: Side, px: int, qty: int, **more: object) -> None:
        self.market(Template.BOOK_ADD, order_ref=ref, side=side, px=px, qty=qty, **more)

    def execute(self, ref: int, qty: int, **more: object) -> None:
        self.market(Template.BOOK_EXECUTE, order_ref=ref, qty=qty, **more)

    def reduce(self, ref: int, qty: int) -> None:
        self.market(Template.BOOK_CANCEL, order_ref=ref, qty=qty)

    def delete(self, ref: int) -> None:
        self.market(Template.BOOK_DELETE, order_ref=ref)

    def move(self, ref: int, new_ref: int, px: int, qty: int) -> None:
        self.market(Template.BOOK_REPLACE, order_ref=ref, new_order_ref=new_ref, px=px, qty=qty)

    def trade(self, px: int, qty: int, flags: int = 4, **more: object) -> None:
        self.market(Template.TRADE, px=px, qty=qty, flags=flags, **more)

    def halt(self, state: bytes) -> None:
        self.market(Template.STATUS, kind=2, state=state)

    def request(self, order_id: int, **fields: object) -> np.void:
        base = {
            "instrument_id": 1,
            "order_id": order_id,
            "action": IntentAction.SUBMIT,
            "order_type": OrderType.LIMIT,
            "tif": TimeInForce.DAY,
            "venue_id": 7,
        }
        return record(Template.ORDER_SEND, **{**base, **fields})

    def order(self, order_id: int, side: Side, px: int, qty: int, **more: object) -> list[np.void]:
        """Send, let it arrive at once, and return what the exchange says."""
        self.now_ns += 10
        request = self.request(order_id, side=side, px=px, qty=qty, **more)
        self.sim.submit(request, now_ns=self.now_ns)
        self.sim.arrive()
        self.sim.check()
        return self.sim.reports()

    def cancel(self, order_id: int) -> list[np.void]:
        return self.order(order_id, Side.NONE, 0, 0, action=IntentAction.CANCEL)

    def replace(self, order_id: int, px: int, qty: int) -> list[np.void]:
        return self.order(order_id, Side.NONE, px, qty, action=IntentAction.MODIFY)

    def fills(self) -> list[tuple[int, int, int]]:
        """(order_id, px, qty) of the fills reported since the last look."""
        rows = self.sim.reports()
        assert all(row["template_id"] == Template.ORDER_FILL for row in rows)
        return [(int(r["order_id"]), int(r["px"]), int(r["qty"])) for r in rows]

    def ahead(self) -> list[int]:
        return [order.queue_ahead_qty for order in self.sim.open_orders()]
