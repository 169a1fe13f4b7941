"""Venues: how each one spells order types, and which it has."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tectra.core.errors import UnsupportedOrderType
from tectra.core.types import Exchange, OrderType

__all__ = ["WireOrderType", "order_type_from_wire", "order_types", "wire_order_type"]


@dataclass(frozen=True, slots=True)
class WireOrderType:
    """Name of an order type in a venue's messages, and the further fields that make it so."""

    name: str
    fields: tuple[tuple[str, str | bool], ...] = ()


def _wire(name: str, **fields: str | bool) -> WireOrderType:
    return WireOrderType(name, tuple(fields.items()))


# What is missing here, the venue does not have. Where the type of an order depends on a price field
# alone (Bybit's triggerPrice), the venue's codec adds that field.
_WIRE: dict[Exchange, dict[OrderType, WireOrderType]] = {
    Exchange.BINANCE: {
        OrderType.LIMIT: _wire("LIMIT"),
        OrderType.MARKET: _wire("MARKET"),
        OrderType.POST_ONLY: _wire("LIMIT_MAKER"),
        OrderType.STOP: _wire("STOP_LOSS"),
        OrderType.STOP_LIMIT: _wire("STOP_LOSS_LIMIT"),
    },
    Exchange.BYBIT: {
        OrderType.LIMIT: _wire("Limit"),
        OrderType.MARKET: _wire("Market"),
        OrderType.POST_ONLY: _wire("Limit", timeInForce="PostOnly"),
    },
    Exchange.COINBASE: {
        OrderType.LIMIT: _wire("limit_limit_gtc"),
        OrderType.MARKET: _wire("market_market_ioc"),
        OrderType.POST_ONLY: _wire("limit_limit_gtc", post_only=True),
        OrderType.STOP_LIMIT: _wire("stop_limit_stop_limit_gtc"),
    },
    Exchange.KRAKEN: {
        OrderType.LIMIT: _wire("limit"),
        OrderType.MARKET: _wire("market"),
        OrderType.POST_ONLY: _wire("limit", post_only=True),
        OrderType.STOP: _wire("stop-loss"),
        OrderType.STOP_LIMIT: _wire("stop-loss-limit"),
    },
    Exchange.ALPACA: {
        OrderType.LIMIT: _wire("limit"),
        OrderType.MARKET: _wire("market"),
        OrderType.STOP: _wire("stop"),
        OrderType.STOP_LIMIT: _wire("stop_limit"),
    },
    # OUCH 4.2: enter_order is a limit order; display "P" makes it post-only.
    Exchange.NASDAQ: {
        OrderType.LIMIT: _wire("O", display="Y"),
        OrderType.POST_ONLY: _wire("O", display="P"),
    },
    Exchange.SIMULATED: {
        OrderType.LIMIT: _wire("LIMIT"),
        OrderType.MARKET: _wire("MARKET"),
        OrderType.POST_ONLY: _wire("POST_ONLY"),
    },
    Exchange.OKX: {
        OrderType.LIMIT: _wire("limit"),
        OrderType.MARKET: _wire("market"),
        OrderType.POST_ONLY: _wire("post_only"),
    },
}


def order_types(exchange: Exchange) -> tuple[OrderType, ...]:
    """Order types that a venue has."""
    return tuple(_WIRE[exchange])


def wire_order_type(exchange: Exchange, order_type: OrderType) -> WireOrderType:
    """How `exchange` spells an order type; raises UnsupportedOrderType with what it has."""
    found = _WIRE[exchange].get(order_type)
    if found is None:
        allowed = ", ".join(t.name for t in _WIRE[exchange])
        raise UnsupportedOrderType(
            f"order type on {exchange.label}: found {order_type.name}; allowed: {allowed}"
        )
    return found


def order_type_from_wire(
    exchange: Exchange, name: str, fields: Mapping[str, object] = MappingProxyType({})
) -> OrderType:
    """The order type behind a venue's name; `fields` are those of the message. The most specific
    match wins.
    """
    best: tuple[int, OrderType] | None = None
    for order_type, wire in _WIRE[exchange].items():
        fits = wire.name == name and all(fields.get(k) == v for k, v in wire.fields)
        if fits and (best is None or len(wire.fields) > best[0]):
            best = (len(wire.fields), order_type)
    if best is None:
        allowed = ", ".join(w.name for w in _WIRE[exchange].values())
        raise UnsupportedOrderType(
            f"order type from {exchange.label}: found {name!r}; allowed: {allowed}"
        )
    return best[1]
