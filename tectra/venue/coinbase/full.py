"""Messages of Coinbase Exchange's `full` channel: order by order, numbered for each product."""

from dataclasses import dataclass

from tectra.core.errors import FileFormatError
from tectra.core.fixed import Price, Quantity
from tectra.core.json_object import JsonObject
from tectra.core.types import Side, Timestamp
from tectra.core.value import U64, Value
from tectra.feed.said import price_of, quantity_of, side_of

__all__ = ["FULL_TYPES", "CoinbaseOrder", "decode_order"]

FULL_TYPES = ("received", "open", "done", "match", "change", "activate")


@dataclass(frozen=True, slots=True)
class CoinbaseOrder(Value):
    """One message about one order. `kind` is its type; `side` the side of the resting order.

    `quantity` is what the message says of size: what remains (open, done), what traded (match), the
    new size (change); None where it says none (market orders). `order_id` of a match is the
    maker's. `price` is None for an order without one; of a change it is the new one. `sequence` is
    0 where the message has none (activate).
    """

    kind: str
    symbol: str
    sequence: U64
    ts_event: Timestamp
    order_id: str
    side: Side
    price: Price | None
    quantity: Quantity | None


_SIZES = {
    "received": ("size",),
    "open": ("remaining_size",),
    "done": ("remaining_size",),
    "match": ("size",),
    "change": ("new_size",),
    "activate": ("size",),
}
_NEEDED = {"open": ("price", "quantity"), "match": ("price", "quantity"), "change": ("quantity",)}


def _time(message: JsonObject) -> Timestamp:
    """ISO text; `activate` says seconds as decimal text."""
    return message.stamp_iso("time") if "time" in message else Timestamp(0)


def decode_order(message: JsonObject) -> CoinbaseOrder:
    """The order message in a parsed one. FileFormatError for a type that is none of these, a
    missing field or a wrong type.
    """
    kind = message.one_of("type", FULL_TYPES)
    price = message.get("new_price") if kind == "change" else None
    price = message.get("price") if price is None else price
    size = next((message.get(name) for name in _SIZES[kind] if name in message), None)
    out = CoinbaseOrder(
        kind=kind,
        symbol=message.text("product_id"),
        sequence=message.integer("sequence") if kind != "activate" else 0,
        ts_event=_time(message),
        order_id=message.text("maker_order_id" if kind == "match" else "order_id"),
        side=side_of(message.get("side"), "buy", "sell"),
        price=None if price is None else price_of(price),
        quantity=None if size is None else quantity_of(size),
    )
    for name in _NEEDED.get(kind, ()):
        if getattr(out, name) is None and not (kind == "change" and price is None):
            raise FileFormatError(f"{kind}: found no {name}; allowed: one")
    return out
