"""What a venue lists: its own name of a thing, and the instrument that stands for it here."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from tectra.core.crc32c import crc32c
from tectra.core.errors import InputError
from tectra.core.fixed import Quantity, Rounding
from tectra.core.types import Exchange
from tectra.refdata.instrument import Instrument

__all__ = [
    "PERPETUAL",
    "DecimalsSeen",
    "Listing",
    "Listings",
    "canonical_text",
    "decimals_of",
    "limit_of",
    "stable_id",
]

# Ends the canonical spelling of a perpetual future which its venue spells like a spot pair.
PERPETUAL = ".P"
_PLACES_MAX = 18
_SYMBOL_MAX = 16
_I64_MAX = (1 << 63) - 1


def canonical_text(native: str, *, is_perpetual: bool) -> str:
    """A venue's spelling without separators as the canonical one. InputError where records have no
    room for it: more than 16 characters.
    """
    symbol = native.upper() + (PERPETUAL if is_perpetual else "")
    if not (symbol.isascii() and 0 < len(symbol) <= _SYMBOL_MAX):
        raise InputError(
            f"symbol: found {symbol!r:.60}; allowed: 1 to {_SYMBOL_MAX} ASCII characters"
        )
    return symbol


def decimals_of(text: str) -> int:
    """Decimal places that count in plain decimal text: 2 of "0.01000000", 0 of "10"."""
    whole, _, places = text.partition(".")
    if not (text.isascii() and whole.isdigit() and (not places or places.isdigit())):
        raise InputError(f"step: found {text!r:.40}; allowed: plain decimal text such as '0.01'")
    count = len(places.rstrip("0"))
    if count > _PLACES_MAX:
        raise InputError(f"step: found {text!r:.40}; allowed: at most {_PLACES_MAX} places")
    return count


def limit_of(text: str, exponent: int, *, rounding: Rounding) -> int:
    """A venue's limit as a mantissa, rounded to the safe side: venues write limits that are no
    multiple of their own lot (1542.6000000000001). At most int64.
    """
    decimals_of(text)
    try:
        return Quantity(text).raw(exponent, rounding=rounding)
    except OverflowError:
        return _I64_MAX


def stable_id(text: str) -> int:
    """An instrument id made of a name: the same on every machine and day, never 0."""
    return crc32c(text.encode()) or 1


class DecimalsSeen:
    """The finest prices and quantities that messages were seen to have. Owner: one thread."""

    def __init__(self) -> None:
        self.px_decimals = 0
        self.qty_decimals = 0

    def see(self, px: str, qty: str) -> None:
        """One price and one quantity, as the venue wrote them. Raises InputError."""
        self.px_decimals = max(self.px_decimals, decimals_of(px))
        self.qty_decimals = max(self.qty_decimals, decimals_of(qty))


@dataclass(frozen=True, slots=True)
class Listing:
    """One thing that a venue lists. `native` is the venue's name of it, `market` the venue's name
    of the market it is in. `is_inferred`: the venue did not say ticks and lots; the exponents are
    the finest that messages were seen to have, and a finer one may still come.
    """

    native: str
    market: str
    base: str
    quote: str
    is_trading: bool
    instrument: Instrument
    is_inferred: bool = False

    @classmethod
    def inferred(
        cls,
        native: str,
        market: str,
        *,
        instrument_id: int,
        symbol: str,
        exchange: Exchange,
        seen: DecimalsSeen,
    ) -> "Listing":
        """What messages alone tell: exponents as fine as was seen, ticks and lots of 1."""
        instrument = Instrument(
            instrument_id=instrument_id,
            symbol=symbol,
            exchange=exchange,
            px_exponent=-seen.px_decimals,
            qty_exponent=-seen.qty_decimals,
        )
        return cls(native, market, "", "", True, instrument=instrument, is_inferred=True)

    def finer(self, seen: DecimalsSeen) -> "Listing":
        """The same with exponents as fine as was seen: orders that are older than a change of the
        tick rest between ticks.
        """
        old = self.instrument
        px_exponent = min(old.px_exponent, -seen.px_decimals)
        qty_exponent = min(old.qty_exponent, -seen.qty_decimals)
        more = 10 ** (old.qty_exponent - qty_exponent)
        made = replace(
            old,
            px_exponent=px_exponent,
            qty_exponent=qty_exponent,
            tick=old.tick * 10 ** (old.px_exponent - px_exponent),
            lot=old.lot * more,
            qty_min=old.qty_min * more,
            qty_max=min(old.qty_max * more, _I64_MAX),
        )
        return replace(self, instrument=made)


class Listings(Mapping[str, Listing]):
    """Listings of one market by the venue's name; `refused` says why others are left out."""

    def __init__(
        self, listings: Iterable[Listing], *, refused: Mapping[str, str] | None = None
    ) -> None:
        self._by_native: dict[str, Listing] = {}
        self.refused: dict[str, str] = dict(refused or {})
        taken: dict[int, str] = {}
        for listing in listings:
            number = listing.instrument.instrument_id
            other = taken.setdefault(number, listing.native)
            if other != listing.native:
                self.refused[listing.native] = f"instrument id {number} is that of {other}"
                continue
            self._by_native[listing.native] = listing

    def __getitem__(self, native: str) -> Listing:
        return self._by_native[native]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_native)

    def __len__(self) -> int:
        return len(self._by_native)

    def instruments(self) -> dict[str, Instrument]:
        """Instrument by the venue's name, as decoders want it."""
        return {native: listing.instrument for native, listing in self._by_native.items()}

    def native_of(self, symbol: str) -> str:
        """The venue's name of a canonical symbol. Raises InputError."""
        for native, listing in self._by_native.items():
            if listing.instrument.symbol == symbol:
                return native
        raise InputError(
            f"symbol: found {symbol!r}; allowed: one of the {len(self)} listed"
            f"{'' if self._by_native else ', and there are none'}"
        )
