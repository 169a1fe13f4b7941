"""Canonical symbols and each venue's spelling of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.errors import InputError
from tectra.core.types import Exchange
from tectra.refdata import BTCUSD, BTCUSDT, ETHUSD, ETHUSDT, Symbol, from_native, to_native
from tectra.refdata.symbol import QUOTES

PAIRS = [BTCUSDT, BTCUSD, ETHUSDT, ETHUSD, Symbol("DOGE", "USD"), Symbol("ETH", "BTC")]
TICKERS = [Symbol("AAPL"), Symbol("BRK.B"), Symbol("GBTC"), Symbol("PFE-A")]
PAIR_VENUES = [e for e in Exchange if e is not Exchange.NASDAQ]


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("BTCUSDT", BTCUSDT),
        ("BTC/USDT", BTCUSDT),
        ("BTC-USDT", BTCUSDT),
        ("btc_usdt", BTCUSDT),
        ("ETH-USDT", ETHUSDT),
        ("BTC-USD", BTCUSD),
        ("BTCUSD", BTCUSD),
        ("ETH-USD", ETHUSD),
        (" ethusd ", ETHUSD),
        ("WUSDT", Symbol("W", "USDT")),
        ("ARBUSD", Symbol("ARB", "USD")),
        ("ETHBTC", Symbol("ETH", "BTC")),
        ("AAPL", Symbol("AAPL")),
        ("GBTC", Symbol("GBTC")),
        ("USD", Symbol("USD")),
        ("PFE-A", Symbol("PFE-A")),
    ],
)
def test_spellings(text, symbol):
    assert Symbol.parse(text) == symbol


@pytest.mark.parametrize("exchange", PAIR_VENUES, ids=lambda e: e.label)
@pytest.mark.parametrize("symbol", PAIRS, ids=str)
def test_pairs_round_trip(exchange, symbol):
    assert from_native(to_native(symbol, exchange), exchange) == symbol
    assert Symbol.parse(to_native(symbol, exchange)) == symbol


@pytest.mark.parametrize(
    "exchange", [Exchange.NASDAQ, Exchange.ALPACA, Exchange.SIMULATED], ids=lambda e: e.label
)
@pytest.mark.parametrize("symbol", TICKERS, ids=str)
def test_tickers_round_trip(exchange, symbol):
    assert from_native(to_native(symbol, exchange), exchange) == symbol


@pytest.mark.parametrize(
    ("exchange", "interface", "native"),
    [
        (Exchange.BINANCE, "", "BTCUSD"),
        (Exchange.BINANCE, "stream", "btcusd"),
        (Exchange.BYBIT, "", "BTCUSD"),
        (Exchange.COINBASE, "", "BTC-USD"),
        (Exchange.KRAKEN, "", "BTC/USD"),
        (Exchange.KRAKEN, "v1", "XBT/USD"),
        (Exchange.ALPACA, "", "BTC/USD"),
        (Exchange.SIMULATED, "", "BTCUSD"),
    ],
)
def test_native_spelling(exchange, interface, native):
    assert to_native(BTCUSD, exchange, interface) == native
    assert from_native(native, exchange, interface) == BTCUSD


@given(
    st.from_regex(r"[A-Z0-9]{1,8}", fullmatch=True),
    st.sampled_from(QUOTES),
    st.sampled_from(PAIR_VENUES),
)
def test_every_pair_that_exists_round_trips(base, quote, exchange):
    try:
        symbol = Symbol(base, quote)
    except InputError:
        return  # its canonical spelling would read as another pair
    assert Symbol.parse(str(symbol)) == symbol
    assert from_native(to_native(symbol, exchange), exchange) == symbol


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda: Symbol.parse(""), "allowed"),
        (lambda: Symbol.parse("BTC/XYZ"), "quote of"),
        (lambda: Symbol("BT C", "USD"), "allowed"),
        (lambda: Symbol("AFD", "USD") and Symbol("AAFD", "USD"), "reads as"),
        (lambda: to_native(BTCUSD, Exchange.NASDAQ), "plain tickers"),
        (lambda: to_native(Symbol("AAPL"), Exchange.BINANCE), "pairs such as"),
        (lambda: from_native("AAPL", Exchange.BYBIT), "quote of"),
        (lambda: from_native("BTCUSD", Exchange.COINBASE), "BASE-QUOTE"),
        (lambda: to_native(BTCUSD, Exchange.KRAKEN, "v3"), "'', 'v1'"),
    ],
)
def test_bad_input(run, words):
    with pytest.raises(InputError, match=words):
        run()
