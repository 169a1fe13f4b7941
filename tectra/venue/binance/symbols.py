"""What Binance lists: `exchangeInfo` of spot, USD-M and COIN-M to instruments, and the two
spellings of each.

Binance spells a spot pair and its perpetual future alike; here the future of BTCUSDT is
"BTCUSDT.P". Other futures keep Binance's spelling: BTCUSD_PERP, BTCUSDT_240927. Source: Binance API
documentation, "Exchange Information", "Filters".
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import TypeAlias

from tectra.core.errors import FileFormatError, InputError, NumericError
from tectra.core.fixed import Rounding
from tectra.core.json_object import JsonObject
from tectra.core.level import raw_number
from tectra.core.types import Exchange
from tectra.refdata.instrument import Instrument
from tectra.refdata.listing import (
    PERPETUAL,
    DecimalsSeen,
    Listing,
    Listings,
    canonical_text,
    decimals_of,
    limit_of,
    stable_id,
)

__all__ = ["BinanceMarket", "canonical_of", "infer_listings", "native_of", "read_listings"]

_Raw: TypeAlias = bytes | bytearray | memoryview
_WHERE = "binance exchangeInfo"
_I64_MAX = (1 << 63) - 1


class BinanceMarket(Enum):
    """One of Binance's markets, each with addresses and symbols of its own."""

    SPOT = "spot"
    USD_M = "usd-m"
    COIN_M = "coin-m"


def canonical_of(native: str, market: BinanceMarket) -> str:
    """The canonical spelling of Binance's. InputError where it has more than 16 characters."""
    is_perpetual = market is BinanceMarket.USD_M and "_" not in native
    return canonical_text(native, is_perpetual=is_perpetual)


def native_of(symbol: str, market: BinanceMarket) -> str:
    """Binance's spelling of the canonical one. InputError for one of another market."""
    is_perpetual = symbol.endswith(PERPETUAL)
    native = symbol.removesuffix(PERPETUAL)
    if canonical_of(native, market) != symbol:
        raise InputError(
            f"symbol: found {symbol!r}, {'a' if is_perpetual else 'no'} perpetual future; allowed "
            f"on {market.value}: {canonical_of(native, market)}"
        )
    return native


def _default_id(native: str, market: BinanceMarket) -> int:
    return stable_id(f"binance/{market.value}/{native}")


def _step(filters: dict[str, JsonObject], kind: str, name: str) -> str:
    """A step as text; "0" where the venue sets none."""
    return filters[kind].text(name) if kind in filters else "0"


def _listing(info: JsonObject, market: BinanceMarket, ids: Callable[[str], int]) -> Listing:
    native = info.text("symbol")
    filters = {f.text("filterType"): f for f in info.children("filters")}
    tick, lot = _step(filters, "PRICE_FILTER", "tickSize"), _step(filters, "LOT_SIZE", "stepSize")
    px_exponent, qty_exponent = -decimals_of(tick), -decimals_of(lot)
    if not raw_number(tick, px_exponent):
        px_exponent = -info.integer("quotePrecision", high=18)
    if not raw_number(lot, qty_exponent):
        qty_exponent = -info.integer("baseAssetPrecision", high=18)
    least, most = _step(filters, "LOT_SIZE", "minQty"), _step(filters, "LOT_SIZE", "maxQty")
    status = info.text("status" if "status" in info else "contractStatus")
    return Listing(
        native=native,
        market=market.value,
        base=info.text("baseAsset"),
        quote=info.text("quoteAsset"),
        is_trading=status == "TRADING",
        instrument=Instrument(
            instrument_id=ids(native),
            symbol=canonical_of(native, market),
            exchange=Exchange.BINANCE,
            px_exponent=px_exponent,
            qty_exponent=qty_exponent,
            tick=raw_number(tick, px_exponent) or 1,
            lot=raw_number(lot, qty_exponent) or 1,
            qty_min=limit_of(least, qty_exponent, rounding=Rounding.CEIL),
            qty_max=limit_of(most, qty_exponent, rounding=Rounding.FLOOR) or _I64_MAX,
        ),
    )


def read_listings(
    raw: _Raw, market: BinanceMarket, *, ids: Callable[[str], int] | None = None
) -> Listings:
    """Every symbol of an `exchangeInfo` answer, with the exponents of its tick and lot.

    `ids` numbers the instruments by Binance's spelling; without it the number is made of the name,
    the same every day. What cannot be listed (a field missing, a name too long) is in `refused`
    with the reason. FileFormatError for anything else than such an answer.
    """
    numbers = ids or (lambda native: _default_id(native, market))
    found, refused = [], {}
    for i, info in enumerate(JsonObject.parse(raw, _WHERE).children("symbols")):
        try:
            found.append(_listing(info, market, numbers))
        except (FileFormatError, InputError, NumericError) as error:
            refused[str(info.get("symbol") or i)] = str(error)
    return Listings(found, refused=refused)


def _see(message: JsonObject, seen: dict[str, DecimalsSeen], symbol: str) -> None:
    native = message.text("s") if "s" in message else symbol
    if not native:
        return
    found = seen.setdefault(native, DecimalsSeen())
    for name in ("b", "a", "bids", "asks"):
        rows = message.get(name)
        for row in rows if type(rows) is list else ():
            found.see(*row)
    for px, qty in (("p", "q"), ("b", "B"), ("a", "A")):
        if type(message.get(px)) is str and type(message.get(qty)) is str:
            found.see(message.text(px), message.text(qty))


def infer_listings(
    messages: Iterable[_Raw],
    market: BinanceMarket,
    *,
    symbol: str = "",
    ids: Callable[[str], int] | None = None,
) -> Listings:
    """Listings of the symbols in recorded messages, for want of an `exchangeInfo`.

    Exponents are the finest prices and quantities that occur, ticks and lots 1 of them, and each
    listing says `is_inferred`. `symbol` is that of messages which name none (snapshots). Messages
    about something else are passed over; FileFormatError for what is no JSON object.
    """
    numbers = ids or (lambda native: _default_id(native, market))
    seen: dict[str, DecimalsSeen] = {}
    for raw in messages:
        message = JsonObject.parse(raw, "binance message")
        if "stream" in message and "data" in message:
            message = message.child("data")
        try:
            _see(message, seen, symbol)
        except (InputError, TypeError) as error:
            raise FileFormatError(f"binance message: {error}; found {bytes(raw[:60])!r}") from None
    return Listings(
        Listing.inferred(
            native,
            market.value,
            instrument_id=numbers(native),
            symbol=canonical_of(native, market),
            exchange=Exchange.BINANCE,
            seen=decimals,
        )
        for native, decimals in seen.items()
    )
