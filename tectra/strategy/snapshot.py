"""Read-only pictures of orders, positions and P&L, as strategies ask for them. Quantities and
prices are raw mantissas.
"""

from dataclasses import dataclass

from tectra.core.msg import OrderState, OrderType, Side, TimeInForce

__all__ = ["OrderSnapshot", "PnlSnapshot", "PositionSnapshot"]


@dataclass(frozen=True, slots=True)
class OrderSnapshot:
    """One order at one moment; px None for a market order."""

    order_id: int
    instrument_id: int
    side: Side
    order_type: OrderType
    tif: TimeInForce
    state: OrderState
    px: int | None
    qty: int
    leaves_qty: int
    cum_qty: int
    venue_order_id: int


@dataclass(frozen=True, slots=True)
class PositionSnapshot:
    """One position at one moment; money at px_exponent + qty_exponent."""

    instrument_id: int
    net_qty: int
    cost: int
    realized: int
    fees: int
    open_buy_qty: int
    open_sell_qty: int

    @property
    def worst_long_qty(self) -> int:
        """Position if every open buy fills."""
        return self.net_qty + self.open_buy_qty

    @property
    def worst_short_qty(self) -> int:
        """Position if every open sell fills."""
        return self.net_qty - self.open_sell_qty


@dataclass(frozen=True, slots=True)
class PnlSnapshot:
    """Money mantissas; unrealized is None while there is no mid to mark at."""

    realized: int
    unrealized: int | None
    fees: int
