"""Coinbase's instruments: REST lists of products of both interfaces, and the channel `status`."""

from tectra.core.fixed import Price, Quantity
from tectra.core.json_object import JsonObject
from tectra.core.types import Exchange
from tectra.refdata.definition import Definition, canonical_symbol

__all__ = ["canonical", "products"]


def canonical(native: str) -> str:
    """BTCUSD of BTC-USD; a future keeps its own name."""
    return canonical_symbol(native, Exchange.COINBASE)


def _first(fields: JsonObject, *names: str) -> str | None:
    """The first of these fields that is there and says something."""
    for name in names:
        if fields.get(name):
            return fields.decimal(name)
    return None


def products(rows: list[JsonObject]) -> tuple[Definition, ...]:
    """Definitions of a list of products. The price step is `price_increment` of Advanced Trade,
    `quote_increment` of the Exchange.
    """
    out = []
    for row in rows:
        native = row.text("product_id" if "product_id" in row else "id")
        tick = _first(row, "price_increment", "quote_increment")
        lot = _first(row, "base_increment")
        if tick is None or lot is None:
            continue
        least = _first(row, "base_min_size") or "0"
        out.append(
            Definition(Exchange.COINBASE, native, Price(tick), Quantity(lot), Quantity(least))
        )
    return tuple(out)
