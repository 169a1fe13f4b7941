"""What Bybit lists: `instruments-info` to instruments, and the two spellings of each.

Bybit spells a spot pair and its perpetual future alike; here the future of BTCUSDT is "BTCUSDT.P".
Futures with a date and options keep Bybit's spelling. Source: Bybit API documentation v5, "Get
Instruments Info".
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

__all__ = ["BybitMarket", "canonical_of", "infer_listings", "native_of", "read_listings"]

_Raw: TypeAlias = bytes | bytearray | memoryview
_WHERE = "bybit instruments-info"
_I64_MAX = (1 << 63) - 1


class BybitMarket(Enum):
    """One of Bybit's categories, each with streams and symbols of its own."""

    SPOT = "spot"
    LINEAR = "linear"
    INVERSE = "inverse"
    OPTION = "option"


_FUTURES = (BybitMarket.LINEAR, BybitMarket.INVERSE)


def canonical_of(native: str, market: BybitMarket) -> str:
    """The canonical spelling of Bybit's. InputError where it has more than 16 characters."""
    # BTCUSDT and BTCUSD are perpetual; BTC-26DEC25 and BTCUSDM26 end in a day or a year.
    is_perpetual = market in _FUTURES and "-" not in native and not native[-1:].isdigit()
    return canonical_text(native, is_perpetual=is_perpetual)


def native_of(symbol: str, market: BybitMarket) -> str:
    """Bybit's spelling of the canonical one. InputError for one of another market."""
    native = symbol.removesuffix(PERPETUAL)
    if canonical_of(native, market) != symbol:
        raise InputError(
            f"symbol: found {symbol!r}; allowed on {market.value}: {canonical_of(native, market)}"
        )
    return native


def _default_id(native: str, market: BybitMarket) -> int:
    return stable_id(f"bybit/{market.value}/{native}")


def _listing(info: JsonObject, market: BybitMarket, ids: Callable[[str], int]) -> Listing:
    native = info.text("symbol")
    lots = info.child("lotSizeFilter")
    tick = info.child("priceFilter").text("tickSize")
    lot = lots.text("basePrecision" if market is BybitMarket.SPOT else "qtyStep")
    px_exponent, qty_exponent = -decimals_of(tick), -decimals_of(lot)
    most = lots.get("maxLimitOrderQty") or lots.text("maxOrderQty")
    return Listing(
        native=native,
        market=market.value,
        base=info.text("baseCoin"),
        quote=info.text("quoteCoin"),
        is_trading=info.text("status") == "Trading",
        instrument=Instrument(
            instrument_id=ids(native),
            symbol=canonical_of(native, market),
            exchange=Exchange.BYBIT,
            px_exponent=px_exponent,
            qty_exponent=qty_exponent,
            tick=raw_number(tick, px_exponent),
            lot=raw_number(lot, qty_exponent),
            qty_min=limit_of(lots.text("minOrderQty"), qty_exponent, rounding=Rounding.CEIL),
            qty_max=limit_of(most, qty_exponent, rounding=Rounding.FLOOR) or _I64_MAX,
        ),
    )


def read_listings(
    raw: _Raw, market: BybitMarket, *, ids: Callable[[str], int] | None = None
) -> Listings:
    """Every symbol of an `instruments-info` answer, with the exponents of its tick and lot.

    `ids` numbers the instruments by Bybit's spelling; without it the number is made of the name,
    the same every day. What cannot be listed (a field missing, a name too long) is in `refused`
    with the reason. FileFormatError for anything else than such an answer.
    """
    numbers = ids or (lambda native: _default_id(native, market))
    answer = JsonObject.parse(raw, _WHERE)
    if answer.integer("retCode", low=-_I64_MAX) != 0:
        raise FileFormatError(
            f"{_WHERE}: found retCode {answer.get('retCode')} {answer.get('retMsg')!r:.60}; "
            "allowed: 0"
        )
    found, refused = [], {}
    for i, info in enumerate(answer.child("result").children("list")):
        try:
            found.append(_listing(info, market, numbers))
        except (FileFormatError, InputError, NumericError) as error:
            refused[str(info.get("symbol") or i)] = str(error)
    return Listings(found, refused=refused)


def _see(message: JsonObject, seen: dict[str, DecimalsSeen]) -> None:
    data = message.get("data") or message.get("result")
    for item in data if type(data) is list else (data,):
        if type(item) is not dict or type(item.get("s")) is not str:
            continue
        found = seen.setdefault(item["s"], DecimalsSeen())
        for name in ("b", "a"):
            for row in item.get(name) or ():
                found.see(*row)
        if "p" in item and "v" in item:
            found.see(item["p"], item["v"])


def infer_listings(
    messages: Iterable[_Raw], market: BybitMarket, *, ids: Callable[[str], int] | None = None
) -> Listings:
    """Listings of the symbols in recorded book and trade messages, for want of the venue's own.

    Exponents are the finest prices and quantities that occur, ticks and lots 1 of them, and each
    listing says `is_inferred`. Messages about something else are passed over; FileFormatError for
    what is no JSON object.
    """
    numbers = ids or (lambda native: _default_id(native, market))
    seen: dict[str, DecimalsSeen] = {}
    for raw in messages:
        try:
            _see(JsonObject.parse(raw, "bybit message"), seen)
        except (AttributeError, InputError, TypeError) as error:
            raise FileFormatError(f"bybit message: {error}; found {bytes(raw[:60])!r}") from None
    return Listings(
        Listing.inferred(
            native,
            market.value,
            instrument_id=numbers(native),
            symbol=canonical_of(native, market),
            exchange=Exchange.BYBIT,
            seen=decimals,
        )
        for native, decimals in seen.items()
    )
