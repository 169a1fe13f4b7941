"""Definitions of instruments as venues give them, and those read off numbers."""

import pytest

from tectra.core.errors import InputError
from tectra.core.fixed import Price, Quantity
from tectra.core.level import BookLevel, raw_pairs
from tectra.core.types import Exchange
from tectra.refdata.definition import Definition, canonical_symbol, infer_definition, places_of


def test_exponents_hold_the_steps() -> None:
    made = Definition(
        Exchange.OKX, "BTC-USDT", Price("0.10"), Quantity("0.00000001"), Quantity("0.00001")
    )
    assert made.exponents == (-1, -8)
    instrument = made.instrument(5, ts_from_ns=9)
    assert (instrument.symbol, instrument.tick, instrument.qty_min) == ("BTCUSDT", 1, 1000)
    assert instrument.ts_from_ns == 9 and instrument.tick_size == Price("0.1")
    whole = Definition(Exchange.COINBASE, "BIP-20DEC30-CDE", Price("5"), Quantity(1))
    assert whole.exponents == (0, 0) and whole.instrument(1).tick == 5
    odd = Definition(Exchange.OKX, "X-USDT", Price("0.5"), Quantity(1), Quantity("0.25"))
    assert odd.exponents == (-1, -2) and odd.instrument(1).lot == 100


def test_steps_above_zero() -> None:
    with pytest.raises(InputError, match="tick_size: found 0; allowed: above 0"):
        Definition(Exchange.OKX, "X", Price(0), Quantity(1))
    with pytest.raises(InputError, match="lot_size"):
        Definition(Exchange.OKX, "X", Price(1), Quantity(0))


def test_canonical_symbols() -> None:
    assert canonical_symbol("BTC-USD", Exchange.COINBASE) == "BTCUSD"
    assert canonical_symbol("BTC/USD", Exchange.KRAKEN) == "BTCUSD"
    assert canonical_symbol("UNI-USD-SWAP", Exchange.OKX) == "UNI-USD-SWAP"
    with pytest.raises(InputError, match="of Okx: found 'BTC-USD-220514-22000-C'"):
        canonical_symbol("BTC-USD-220514-22000-C", Exchange.OKX)


def test_places_read_off_levels() -> None:
    """As fine as an int64 has room for, so that what comes later fits as well."""
    levels = [
        BookLevel(Price("65083.67"), Quantity("0.00000100")),
        BookLevel(Price("9999999997"), Quantity("123456789012.5")),
    ]
    made = infer_definition(Exchange.KRAKEN, "XBT/USD", levels)
    assert made.is_inferred and made.exponents == (-7, -6)
    assert raw_pairs(levels, made.exponents)[0] == (650836700000, 1)
    assert infer_definition(Exchange.KRAKEN, "X", []).exponents == (-12, -12)
    assert places_of(Price("1.500")) == 1
    tight = [BookLevel(Price("1"), Quantity("1234567890.12345678"))]
    assert infer_definition(Exchange.KRAKEN, "X", tight).exponents == (-12, -8)
