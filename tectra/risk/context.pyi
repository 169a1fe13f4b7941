from typing import Protocol, final

from tectra.core.msg import IntentAction, OrderState, OrderType, Side, TimeInForce
from tectra.portfolio.position import Position

__all__ = ["OrderIntent", "RiskContext"]

class _Changed(Protocol):
    @property
    def order_id(self) -> int: ...
    @property
    def instrument_id(self) -> int: ...
    @property
    def strategy_id(self) -> int: ...
    @property
    def side(self) -> Side: ...
    @property
    def state(self) -> OrderState: ...
    @property
    def qty(self) -> int: ...
    @property
    def leaves_qty(self) -> int: ...
    @property
    def cum_qty(self) -> int: ...
    @property
    def pending(self) -> tuple[int, int] | None: ...

@final
class OrderIntent:
    order_id: int
    px: int | None
    qty: int
    stop_px: int
    tif: TimeInForce | int
    tag: int
    cause_seq: int
    def __new__(
        cls,
        *,
        order_id: int,
        instrument_id: int,
        strategy_id: int,
        side: Side,
        qty: int,
        px: int | None = None,
        order_type: OrderType = ...,
        action: IntentAction = ...,
    ) -> OrderIntent: ...
    def __bytes__(self) -> bytes: ...

@final
class RiskContext:
    mid_px2: int
    now_ns: int
    def __new__(
        cls,
        position: Position,
        account: Position,
        *,
        mid_px2: int = 0,
        bid_px: int = 0,
        ask_px: int = 0,
        now_ns: int = 0,
        recent_pnl: int = 0,
        open_orders: int = 0,
    ) -> RiskContext: ...
    def set_order(self, order: _Changed | None) -> None: ...
    @property
    def position(self) -> Position: ...
    @property
    def account(self) -> Position: ...
    @property
    def bid_px(self) -> int: ...
    @property
    def ask_px(self) -> int: ...
    @property
    def recent_pnl(self) -> int: ...
    @property
    def open_orders(self) -> int: ...
