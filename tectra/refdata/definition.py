"""What a venue says of an instrument: its steps, and the exponents that hold them."""

from collections.abc import Iterable
from dataclasses import dataclass

from tectra.core.errors import InputError
from tectra.core.fixed import Fixed, Price, Quantity
from tectra.core.level import BookLevel
from tectra.core.types import Exchange
from tectra.core.value import U32, Value
from tectra.refdata.instrument import Instrument
from tectra.refdata.symbol import from_native

__all__ = ["Definition", "canonical_symbol", "infer_definition", "places_of"]

# Decimal digits that an inferred mantissa may have: an int64 holds eighteen of any value.
_DIGITS = 17
_PLACES_MAX = 12


def places_of(value: Fixed) -> int:
    """Decimal places that the value needs, zeros at the end not counted."""
    return value.normalize().scale


def canonical_symbol(native: str, exchange: Exchange) -> str:
    """The canonical symbol of a venue's spelling: the pair it is, otherwise the spelling itself
    (`UNI-USD-SWAP`). InputError where that is longer than a record holds.
    """
    try:
        return str(from_native(native, exchange))
    except InputError:
        if native.isascii() and 0 < len(native) <= 16:
            return native
        raise InputError(
            f"symbol of {exchange.label}: found {native!r:.60}; allowed: a pair, or 1 to 16 ASCII "
            "characters"
        ) from None


@dataclass(frozen=True, slots=True)
class Definition(Value):
    """One instrument as its venue defines it; `native` is the venue's spelling. The places are
    those that the venue writes, where it says so, None where not. `is_inferred`: nothing said it,
    it was read off the numbers of a book.
    """

    exchange: Exchange
    native: str
    tick_size: Price
    lot_size: Quantity
    qty_min: Quantity = Quantity(0)  # noqa: RUF009  immutable
    px_places: U32 | None = None
    qty_places: U32 | None = None
    is_inferred: bool = False

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        for name in ("tick_size", "lot_size"):
            if getattr(self, name).mantissa <= 0:
                raise InputError(
                    f"{self.native}: {name}: found {getattr(self, name)}; allowed: above 0"
                )

    @property
    def exponents(self) -> tuple[int, int]:
        """Of price and quantity: as fine as the steps need."""
        qty = max(places_of(self.lot_size), places_of(self.qty_min))
        return -places_of(self.tick_size), -qty

    def instrument(self, instrument_id: int, *, ts_from_ns: int = 0) -> Instrument:
        """The same for reference data, under the canonical symbol, from a time on."""
        px_exponent, qty_exponent = self.exponents
        return Instrument(
            instrument_id=instrument_id,
            symbol=canonical_symbol(self.native, self.exchange),
            exchange=self.exchange,
            px_exponent=px_exponent,
            qty_exponent=qty_exponent,
            tick=self.tick_size.raw(px_exponent),
            lot=self.lot_size.raw(qty_exponent),
            qty_min=self.qty_min.raw(qty_exponent),
            ts_from_ns=ts_from_ns,
        )


def _finest(values: list[Fixed]) -> int:
    """Places that a mantissa has room for beside the greatest value, at least those seen."""
    whole = max((len(str(abs(int(v)))) for v in values), default=1)
    seen = max((places_of(v) for v in values), default=0)
    return max(seen, min(_DIGITS - whole, _PLACES_MAX), 0)


def infer_definition(exchange: Exchange, native: str, levels: Iterable[BookLevel]) -> Definition:
    """A definition where the venue's own is not at hand: places as fine as an int64 has room for
    beside the numbers of these levels. Its steps are no ticks of the venue: is_inferred says so.
    """
    rows = list(levels)
    px, qty = _finest([v.price for v in rows]), _finest([v.quantity for v in rows])
    return Definition(exchange, native, Price(1, px), Quantity(1, qty), is_inferred=True)
