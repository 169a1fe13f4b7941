"""What a pipeline is at one moment, in plain values that JSON can hold and two moments be told
apart by.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np

from tectra.core.msg import RiskRule
from tectra.core.types import Timestamp
from tectra.engine.pipeline import Pipeline
from tectra.engine.session import SessionSpec
from tectra.oms.order import Order
from tectra.refdata.instrument import Instrument
from tectra.replay import probe
from tectra.replay.mark import mark_px2

__all__ = ["book_state", "order_state", "pipeline_state", "plain", "strategy_attributes"]

_DEPTH_MAX = 6
_ITEMS_MAX = 1_000
_LEVELS = 5
_ENDED_MAX = 100
_NO_PX = -(2**63)


def plain(value: Any, depth: int = 0) -> Any:
    """A value of user code without what differs between two equal runs: objects by their type and
    attributes, never by where they lie. Deeper than six levels or longer than a thousand items it
    is cut.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value.name if isinstance(value, Enum) else value
    if isinstance(value, bytes | bytearray):
        return bytes(value[:_ITEMS_MAX]).hex()
    if isinstance(value, np.generic):
        return plain(value.item(), depth)
    if depth >= _DEPTH_MAX:
        return f"<{type(value).__name__}>"
    if isinstance(value, np.ndarray):
        shown = [plain(v, depth + 1) for v in value.reshape(-1)[:_ITEMS_MAX].tolist()]
        return {"type": "ndarray", "shape": list(value.shape), "values": shown}
    if isinstance(value, Mapping):
        items = list(value.items())[:_ITEMS_MAX]
        return {str(plain(k, depth + 1)): plain(v, depth + 1) for k, v in items}
    if isinstance(value, set | frozenset):
        return sorted((plain(v, depth + 1) for v in value), key=repr)[:_ITEMS_MAX]
    if hasattr(value, "__iter__") and hasattr(value, "__len__"):
        return [plain(v, depth + 1) for v in list(value)[:_ITEMS_MAX]]
    return _object(value, depth)


def _object(value: Any, depth: int) -> Any:
    if isinstance(value, Instrument):
        return value.symbol
    if isinstance(value, Fraction):
        return str(value)
    named = {}
    if is_dataclass(value) and not isinstance(value, type):
        named = {f.name: getattr(value, f.name) for f in fields(value)}
    elif not callable(value):
        named = dict(getattr(value, "__dict__", {}))
    said = {k: plain(v, depth + 1) for k, v in list(named.items())[:_ITEMS_MAX]}
    return {"type": type(value).__name__, **said}


def strategy_attributes(strategy: Any) -> dict[str, Any]:
    """Attributes of a strategy that are no parameters; of a compiled one those it shows."""
    names = set(type(strategy).PARAMS)
    if hasattr(strategy, "__dict__"):
        found = {k: v for k, v in vars(strategy).items() if k not in names}
    else:
        shown = [
            n
            for n, member in vars(type(strategy)).items()
            if not n.startswith("_") and type(member).__name__.endswith("_descriptor")
        ]
        values = {n: getattr(strategy, n) for n in shown if n not in names}
        found = {n: v for n, v in values.items() if not callable(v)}
    return {k: plain(v) for k, v in found.items()}


def order_state(order: Order, symbols: Mapping[int, str]) -> dict[str, Any]:
    """One order."""
    return {
        "order_id": order.order_id,
        "strategy_id": order.strategy_id,
        "symbol": symbols.get(order.instrument_id, str(order.instrument_id)),
        "side": order.side.name,
        "order_type": order.order_type.name,
        "tif": order.tif.name,
        "state": order.state.name,
        "px": None if order.px == _NO_PX else order.px,
        "qty": order.qty,
        "leaves_qty": order.leaves_qty,
        "cum_qty": order.cum_qty,
        "exposure_qty": order.exposure_qty,
        "pending": None if order.pending is None else list(order.pending),
        "reason": order.reason.name,
        "venue_order_id": order.venue_order_id,
        "ts_update_ns": order.ts_update_ns,
    }


def book_state(pipeline: Pipeline, slot: int, levels: int = _LEVELS) -> dict[str, Any]:
    """One book: its top, its best levels, and how far it can be trusted."""
    instrument = pipeline.instruments[slot]
    top = pipeline.book.top(instrument.instrument_id)
    bids, asks = pipeline.book.depth_at(instrument.instrument_id, levels)
    names = [flag.name for flag in top.state]
    return {
        "bid_px": top.bid_px,
        "bid_qty": top.bid_qty,
        "bid_orders": top.bid_orders,
        "ask_px": top.ask_px,
        "ask_qty": top.ask_qty,
        "ask_orders": top.ask_orders,
        "top": "|".join(n for n in names if n) or "SOUND",
        **probe.trust(pipeline, slot),
        "bids": [list(level) for level in bids],
        "asks": [list(level) for level in asks],
    }


def _orders(pipeline: Pipeline, symbols: Mapping[int, str]) -> dict[str, Any]:
    open_orders = pipeline.orders.open_orders()
    ended: list[Order] = []
    order_id = probe.next_order_id(pipeline) - 1
    while order_id > 0 and len(ended) < _ENDED_MAX:
        order = pipeline.orders.find(order_id)
        if order is not None and order.is_done:
            ended.append(order)
        order_id -= 1
    return {
        "open": [order_state(o, symbols) for o in open_orders],
        "ended": [order_state(o, symbols) for o in reversed(ended)],
        "counts": pipeline.orders.counts,
        "next_order_id": probe.next_order_id(pipeline),
    }


def _positions(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Rows that something happened in; strategy 0 is the account. P&L at the engine's mark: the
    mid, or the last one there was, as in its own P&L records.
    """
    out = []
    for strategy_id in range(pipeline.portfolio.strategies):
        for instrument in pipeline.instruments:
            row = pipeline.portfolio.position(instrument.instrument_id, strategy_id)
            if not (row.fills or row.net_qty or row.open_buy_qty or row.open_sell_qty):
                continue
            px2 = mark_px2(pipeline, instrument, row.last_px)
            unrealized = row.unrealized_pnl(px2) if row.fills else 0
            average = row.avg_entry_px
            out.append(
                {
                    "strategy_id": strategy_id,
                    "symbol": instrument.symbol,
                    "net_qty": row.net_qty,
                    "avg_entry_px": None if average is None else float(average),
                    "cost": row.cost,
                    "realized": row.realized_pnl,
                    "unrealized": unrealized,
                    "fees": row.fees,
                    "open_buy_qty": row.open_buy_qty,
                    "open_sell_qty": row.open_sell_qty,
                    "fills": row.fills,
                }
            )
    return out


def _risk(pipeline: Pipeline, names: Mapping[int, str]) -> dict[str, Any]:
    symbols = {i.instrument_id: i.symbol for i in pipeline.instruments}
    chain = pipeline.risk
    limits = {
        names[strategy_id]: {
            i.symbol: {
                rule.name: value
                for rule, value in chain.effective_limits(strategy_id, i.instrument_id).items()
            }
            for i in pipeline.instruments
        }
        for strategy_id in range(1, chain.strategies)
    }
    rules = [r for r in RiskRule if r is not RiskRule.NONE]
    return {
        "limits": limits,
        "latches": [
            {"strategy": names.get(s, "all"), "symbol": symbols.get(i, "all")}
            for s, i in probe.latches(pipeline)
        ],
        "risk": {"totals": chain.totals, **{r.name: chain.counts(r) for r in rules}},
    }


def pipeline_state(pipeline: Pipeline, spec: SessionSpec) -> dict[str, Any]:
    """Everything a user may ask of an engine, as plain values; prices, quantities and money are
    mantissas. Of ended orders the last hundred.
    """
    symbols = {i.instrument_id: i.symbol for i in pipeline.instruments}
    names = {0: "all", **{i: s.name for i, s in enumerate(spec.strategies, start=1)}}
    strategies = [
        {
            "strategy_id": number,
            "name": named.name,
            "class": type(strategy).__name__,
            "params": {n: plain(_param(strategy, n)) for n in type(strategy).PARAMS},
            "attributes": strategy_attributes(strategy),
        }
        for number, (named, strategy) in enumerate(
            zip(spec.strategies, pipeline.strategies, strict=True), start=1
        )
    ]
    return {
        "now_ns": pipeline.now_ns,
        "time": str(Timestamp(max(0, pipeline.now_ns))),
        "orders": _orders(pipeline, symbols),
        "positions": _positions(pipeline),
        "books": {
            i.symbol: book_state(pipeline, slot) for slot, i in enumerate(pipeline.instruments)
        },
        "strategies": strategies,
        **_risk(pipeline, names),
        "timers": probe.timers(pipeline),
        "engine": asdict(pipeline.summary),
    }


def _param(strategy: Any, name: str) -> Any:
    params = getattr(strategy, "params", None)
    if isinstance(params, Mapping) and name in params:
        return params[name]
    return getattr(strategy, name)
