from collections.abc import Callable
from typing import Final, SupportsBytes, final

from tectra.core.msg import IntentAction, OrderEventKind, OrderState, RejectReason
from tectra.oms.order import Order, OrderEvent

__all__ = ["ALL_EVENTS", "ALL_STATES", "BY_CUM", "OrderTable", "transition"]

ALL_STATES: Final[tuple[OrderState, ...]]
ALL_EVENTS: Final[tuple[OrderEventKind, ...]]
BY_CUM: str

def transition(state: OrderState, event: OrderEventKind) -> OrderState | str | None: ...

@final
class OrderTable:
    def __new__(
        cls,
        capacity: int = 65536,
        strategies: int = 64,
        *,
        executions: int | None = None,
        on_anomaly: Callable[[OrderEvent], object] | None = None,
    ) -> OrderTable: ...
    def submit(self, intent: bytes | SupportsBytes, now_ns: int) -> OrderEvent: ...
    def event(
        self,
        order_id: int,
        event: OrderEventKind,
        *,
        px: int = 0,
        qty: int = 0,
        now_ns: int = 0,
        cause_seq: int = 0,
    ) -> OrderEvent: ...
    def on_ack(
        self,
        order_id: int,
        now_ns: int,
        *,
        venue_order_id: int = 0,
        px: int = 0,
        qty: int = 0,
        cause_seq: int = 0,
    ) -> OrderEvent: ...
    def on_fill(
        self,
        order_id: int,
        px: int,
        qty: int,
        now_ns: int,
        *,
        exec_id: int = 0,
        cause_seq: int = 0,
    ) -> OrderEvent: ...
    def on_cancel_ack(
        self, order_id: int, now_ns: int, *, expired: bool = False, cause_seq: int = 0
    ) -> OrderEvent: ...
    def on_reject(
        self,
        order_id: int,
        now_ns: int,
        *,
        action: IntentAction = ...,
        reason: RejectReason = ...,
        cause_seq: int = 0,
    ) -> OrderEvent: ...
    def on_report(self, record: bytes | SupportsBytes) -> OrderEvent: ...
    def find(self, order_id: int) -> Order | None: ...
    def open_orders(self, strategy_id: int | None = None) -> list[Order]: ...
    def open_count(self, strategy_id: int) -> int: ...
    def verify(self) -> None: ...
    def __len__(self) -> int: ...
    def __contains__(self, key: object, /) -> bool: ...
    @property
    def capacity(self) -> int: ...
    @property
    def counts(self) -> dict[str, int]: ...
