from typing import Any, final

from tectra.core.msg import OrderType, Side, TimeInForce
from tectra.core.rng import Random
from tectra.refdata.instrument import Instrument
from tectra.strategy.amount import Amount
from tectra.strategy.snapshot import OrderSnapshot, PnlSnapshot, PositionSnapshot
from tectra.strategy.view import BookView, TradeView

@final
class Context:
    instruments: tuple[Instrument, ...]
    params: dict[str, Any]
    random: Random
    @property
    def now_ns(self) -> int: ...
    @property
    def cause_seq(self) -> int: ...
    @property
    def strategy_id(self) -> int: ...
    def book(self, instrument: Instrument | str | int) -> BookView: ...
    def submit_order(
        self,
        instrument: Instrument | str | int,
        side: Side,
        *,
        quantity: Amount | None = None,
        price: Amount | None = None,
        qty: int | None = None,
        px: int | None = None,
        order_type: OrderType | None = None,
        tif: TimeInForce | str = "DAY",
    ) -> int: ...
    def cancel_order(self, order_id: int) -> None: ...
    def modify_order(
        self,
        order_id: int,
        *,
        quantity: Amount | None = None,
        price: Amount | None = None,
        qty: int | None = None,
        px: int | None = None,
    ) -> None: ...
    def get_order(self, order_id: int) -> OrderSnapshot | None: ...
    def get_open_orders(
        self, instrument: Instrument | str | int | None = None
    ) -> tuple[OrderSnapshot, ...]: ...
    def get_position(self, instrument: Instrument | str | int) -> PositionSnapshot: ...
    def get_pnl(self, instrument: Instrument | str | int) -> PnlSnapshot: ...
    def recent_trades(
        self, instrument: Instrument | str | int, count: int = 10
    ) -> list[TradeView]: ...
    def set_timer(self, *, interval_ns: int = 0, due_ns: int | None = None) -> int: ...
    def cancel_timer(self, timer_id: int) -> bool: ...
    def signal(
        self, name: str, value: float, instrument: Instrument | str | int | None = None
    ) -> None: ...
    def decide(
        self,
        text: str,
        *,
        side: Side = ...,
        confidence: float = 1.0,
        instrument: Instrument | str | int | None = None,
    ) -> None: ...
