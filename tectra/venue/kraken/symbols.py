"""Kraken's instruments: the v2 channel `instrument` and the REST call AssetPairs."""

from tectra.core.errors import FileFormatError
from tectra.core.fixed import Price, Quantity
from tectra.core.json_object import JsonObject
from tectra.core.types import Exchange
from tectra.refdata.definition import Definition
from tectra.refdata.symbol import from_native

__all__ = ["asset_pairs", "canonical", "pairs"]


def canonical(native: str, *, interface: str = "") -> str:
    """BTCUSD of BTC/USD, or of XBT/USD with interface "v1"."""
    return str(from_native(native, Exchange.KRAKEN, interface))


def pairs(data: JsonObject) -> tuple[Definition, ...]:
    """Definitions of the data of an `instrument` message. The precisions are those of the book's
    checksum.
    """
    out = []
    for pair in data.children("pairs"):
        px = pair.integer("price_precision", high=18)
        qty = pair.integer("qty_precision", high=18)
        tick = pair.decimal("price_increment") if "price_increment" in pair else None
        least = pair.decimal("qty_min") if "qty_min" in pair else "0"
        out.append(
            Definition(
                Exchange.KRAKEN,
                pair.text("symbol"),
                Price(1, px) if tick is None else Price(tick),
                Quantity(1, qty),
                Quantity(least),
                px_places=px,
                qty_places=qty,
            )
        )
    return tuple(out)


def asset_pairs(message: JsonObject) -> tuple[Definition, ...]:
    """Definitions of the answer to AssetPairs, under the spelling of WebSocket v1 (`wsname`); those
    that have none trade on no WebSocket.
    """
    result = message.child("result")
    out = []
    for name in result:
        pair = result.child(name)
        if "wsname" not in pair:
            continue
        tick = pair.decimal("tick_size") if "tick_size" in pair else None
        least = pair.decimal("ordermin") if "ordermin" in pair else "0"
        decimals = pair.integer("pair_decimals", high=18)
        out.append(
            Definition(
                Exchange.KRAKEN,
                pair.text("wsname"),
                Price(1, decimals) if tick is None else Price(tick),
                Quantity(1, pair.integer("lot_decimals", high=18)),
                Quantity(least),
            )
        )
    if not out:
        raise FileFormatError("AssetPairs: found no pair with a wsname; allowed: at least one")
    return tuple(out)
