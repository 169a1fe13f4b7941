"""What the journal says is open and held, beside what the venue says. Floor 9; any thread."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tectra.core.msg import OrderState, Side
from tectra.engine.pipeline import Pipeline

__all__ = [
    "HeldPosition",
    "Mismatch",
    "OpenOrder",
    "VenueOrder",
    "differences",
    "open_orders_of",
    "positions_of",
]


@dataclass(frozen=True)
class OpenOrder:
    """An order that had not ended: it is at the venue, on its way there, or nobody knows."""

    order_id: int
    venue_order_id: int
    strategy_id: int
    symbol: str
    side: Side
    px: int
    qty: int
    leaves_qty: int
    cum_qty: int
    state: OrderState


@dataclass(frozen=True)
class HeldPosition:
    """One row that ever traded or has open orders; strategy 0 is the account."""

    strategy_id: int
    symbol: str
    net_qty: int
    cost: int
    realized: int
    fees: int
    open_buy_qty: int
    open_sell_qty: int
    fills: int


@dataclass(frozen=True)
class VenueOrder:
    """An order that the venue says is open, by our id or, with order_id 0, by the venue's."""

    symbol: str
    side: Side
    leaves_qty: int
    order_id: int = 0
    venue_order_id: int = 0


@dataclass(frozen=True)
class Mismatch:
    """One thing that journal and venue say differently; None: that side does not have it."""

    what: str
    journal: str | None
    venue: str | None

    def __str__(self) -> str:
        return f"{self.what}: journal {self.journal or 'nothing'}, venue {self.venue or 'nothing'}"


def open_orders_of(pipeline: Pipeline) -> tuple[OpenOrder, ...]:
    """Orders that have not ended, by id."""
    symbols = {i.instrument_id: i.symbol for i in pipeline.instruments}
    return tuple(
        OpenOrder(
            order_id=o.order_id,
            venue_order_id=o.venue_order_id,
            strategy_id=o.strategy_id,
            symbol=symbols.get(o.instrument_id, str(o.instrument_id)),
            side=o.side,
            px=o.px,
            qty=o.qty,
            leaves_qty=o.leaves_qty,
            cum_qty=o.cum_qty,
            state=o.state,
        )
        for o in sorted(pipeline.orders.open_orders(), key=lambda o: o.order_id)
    )


def positions_of(pipeline: Pipeline) -> tuple[HeldPosition, ...]:
    """Rows of the account and of every strategy."""
    symbols = {i.instrument_id: i.symbol for i in pipeline.instruments}
    return tuple(
        HeldPosition(
            strategy_id=p.strategy_id,
            symbol=symbols[p.instrument_id],
            net_qty=p.net_qty,
            cost=p.cost,
            realized=p.realized_pnl,
            fees=p.fees,
            open_buy_qty=p.open_buy_qty,
            open_sell_qty=p.open_sell_qty,
            fills=p.fills,
        )
        for strategy_id in range(pipeline.portfolio.strategies)
        for p in pipeline.portfolio.positions(strategy_id)
    )


def differences(
    pipeline: Pipeline, positions: Mapping[str, int], open_orders: Iterable[VenueOrder]
) -> tuple[Mismatch, ...]:
    """Everything that differs: net quantities of the account by symbol (one that is not named is
    0 at the venue), and open orders with side and what is left of them.
    """
    mine = {p.symbol: p.net_qty for p in positions_of(pipeline) if p.strategy_id == 0}
    out = []
    for symbol in sorted({*mine, *positions}):
        ours, theirs = mine.get(symbol, 0), positions.get(symbol, 0)
        if ours != theirs:
            out.append(Mismatch(f"position {symbol}", str(ours), str(theirs)))
    left = list(open_orders)
    for order in open_orders_of(pipeline):
        found = next((v for v in left if _is(order, v)), None)
        theirs_text = None
        if found is not None:
            left.remove(found)
            theirs_text = f"{found.side.name} {found.leaves_qty} {found.symbol}"
        ours_text = f"{order.side.name} {order.leaves_qty} {order.symbol}"
        if ours_text != theirs_text:
            ours_text += f" ({order.state.name})"
            out.append(Mismatch(f"order {order.order_id}", ours_text, theirs_text))
    for extra in left:
        name = extra.order_id or f"of the venue {extra.venue_order_id}"
        text = f"{extra.side.name} {extra.leaves_qty} {extra.symbol}"
        out.append(Mismatch(f"order {name}", None, text))
    return tuple(out)


def _is(order: OpenOrder, said: VenueOrder) -> bool:
    if said.order_id:
        return said.order_id == order.order_id
    return said.venue_order_id != 0 and said.venue_order_id == order.venue_order_id
