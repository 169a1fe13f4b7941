"""Where an engine stands, as plain values in units of price and money: what a person asks first."""

from decimal import Decimal
from typing import Any

from tectra.engine.pipeline import Pipeline
from tectra.refdata.instrument import Instrument
from tectra.replay.describe import Names
from tectra.replay.mark import mark_px2

__all__ = ["standing", "standing_lines"]

_NO_PX = -(1 << 63)
_BOOKS_MAX = 20
_ORDERS_SHOWN = 20


def _positions(pipeline: Pipeline, names: Names) -> list[dict[str, Any]]:
    by_id = {i.instrument_id: i for i in pipeline.instruments}
    out = []
    for strategy_id in range(1, len(pipeline.strategies) + 1):
        for row in pipeline.portfolio.positions(strategy_id):
            if not (row.fills or row.open_buy_qty or row.open_sell_qty):
                continue
            instrument = by_id[row.instrument_id]
            px2 = mark_px2(pipeline, instrument, row.last_px)
            unrealized = row.unrealized_pnl(px2) if row.fills else 0
            out.append(
                {
                    "strategy": names.strategy(strategy_id),
                    "symbol": instrument.symbol,
                    "net": str(instrument.quantity(row.net_qty)),
                    "realized": str(instrument.money(row.realized_pnl)),
                    "unrealized": str(instrument.money(unrealized)),
                    "fees": str(instrument.money(row.fees)),
                    "pnl": str(instrument.money(row.realized_pnl + unrealized - row.fees)),
                    "open_buy": str(instrument.quantity(row.open_buy_qty)),
                    "open_sell": str(instrument.quantity(row.open_sell_qty)),
                }
            )
    return out


def _orders(pipeline: Pipeline, names: Names) -> list[dict[str, Any]]:
    by_id = {i.instrument_id: i for i in pipeline.instruments}
    out = []
    for order in sorted(pipeline.orders.open_orders(), key=lambda o: o.order_id):
        instrument = by_id[order.instrument_id]
        out.append(
            {
                "order_id": order.order_id,
                "strategy": names.strategy(order.strategy_id),
                "symbol": instrument.symbol,
                "side": order.side.name,
                "price": None if order.px == _NO_PX else str(instrument.price(order.px)),
                "quantity": str(instrument.quantity(order.qty)),
                "filled": str(instrument.quantity(order.cum_qty)),
                "state": order.state.name,
            }
        )
    return out


def _book(pipeline: Pipeline, instrument: Instrument) -> dict[str, Any]:
    sides = {}
    for name, best in (
        ("bid", pipeline.book.best_bid(instrument.instrument_id)),
        ("ask", pipeline.book.best_ask(instrument.instrument_id)),
    ):
        sides[name] = None if best is None else str(instrument.price(best[0]))
        sides[f"{name}_quantity"] = None if best is None else str(instrument.quantity(best[1]))
    return {"symbol": instrument.symbol, **sides}


def standing(pipeline: Pipeline, names: Names) -> dict[str, Any]:
    """Positions, P&L, open orders, best prices of what is held or asked for, and whether all is
    killed. Prices, quantities and money are texts, exact.
    """
    positions, orders = _positions(pipeline, names), _orders(pipeline, names)
    wanted = {row["symbol"] for row in (*positions, *orders)}
    shown = [i for i in pipeline.instruments if i.symbol in wanted or len(wanted) == 0]
    return {
        "ring_seq": pipeline.ring_seq,
        "ts_ns": pipeline.now_ns,
        "killed": pipeline.risk.killed,
        "pnl": str(sum((Decimal(row["pnl"]) for row in positions), Decimal(0))),
        "positions": positions,
        "orders": orders,
        "books": [_book(pipeline, i) for i in shown[:_BOOKS_MAX]],
    }


def standing_lines(state: dict[str, Any]) -> list[str]:
    """The same as text."""
    out = [f"P&L {state['pnl']}{', ALL KILLED' if state['killed'] else ''}"]
    out += [
        f"{row['strategy']} {row['symbol']}: net {row['net']}, realized {row['realized']}, "
        f"unrealized {row['unrealized']}, fees {row['fees']}, P&L {row['pnl']}"
        for row in state["positions"]
    ]
    for row in state["orders"][:_ORDERS_SHOWN]:
        price = "market" if row["price"] is None else row["price"]
        out.append(
            f"open order {row['order_id']}: {row['strategy']} {row['side']} {row['quantity']} "
            f"{row['symbol']} @ {price}, filled {row['filled']}, {row['state']}"
        )
    if len(state["orders"]) > _ORDERS_SHOWN:
        out.append(f"and {len(state['orders']) - _ORDERS_SHOWN:,} more open orders")
    for row in state["books"]:
        bid = "none" if row["bid"] is None else f"{row['bid']} x {row['bid_quantity']}"
        ask = "none" if row["ask"] is None else f"{row['ask']} x {row['ask_quantity']}"
        out.append(f"{row['symbol']} bid {bid}, ask {ask}")
    return out
