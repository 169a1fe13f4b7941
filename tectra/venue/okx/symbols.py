"""OKX's instruments: the channel `instruments` and the REST call of the same name."""

from tectra.core.fixed import Price, Quantity
from tectra.core.json_object import JsonObject
from tectra.core.types import Exchange
from tectra.refdata.definition import Definition, canonical_symbol

__all__ = ["canonical", "definitions"]


def canonical(native: str) -> str:
    """BTCUSDT of BTC-USDT; a derivative keeps its own name: BTC-USD-220527."""
    return canonical_symbol(native, Exchange.OKX)


def definitions(rows: list[JsonObject]) -> tuple[Definition, ...]:
    """Definitions of the `data` of an instruments message. Instruments that are not open yet have
    no steps and are left out.
    """
    return tuple(
        Definition(
            Exchange.OKX,
            row.text("instId"),
            Price(row.text("tickSz")),
            Quantity(row.text("lotSz")),
            Quantity(row.text("minSz")) if row.get("minSz") else Quantity(0),
        )
        for row in rows
        if row.get("tickSz") and row.get("lotSz")
    )
