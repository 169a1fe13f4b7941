"""What Binance and Bybit list: exponents, ticks, lots, spellings, and what is refused."""

import json
from typing import Any

import pytest
import venue_captures

from tectra.core.errors import FileFormatError, InputError
from tectra.core.fixed import Rounding
from tectra.core.types import Exchange
from tectra.refdata.listing import (
    DecimalsSeen,
    Listing,
    Listings,
    decimals_of,
    limit_of,
    stable_id,
)
from tectra.venue.binance import BinanceMarket
from tectra.venue.binance import symbols as binance
from tectra.venue.bybit import BybitMarket
from tectra.venue.bybit import symbols as bybit

SPOT, USD_M, COIN_M = BinanceMarket.SPOT, BinanceMarket.USD_M, BinanceMarket.COIN_M
INFO: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00"}
        | {"tickSize": "0.05000000"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.00000000"}
        | {"stepSize": "0.00001000"},
    ],
}
BYBIT: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "status": "Trading",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "priceFilter": {"tickSize": "0.5"},
    "lotSizeFilter": {"qtyStep": "0.001", "minOrderQty": "0.001", "maxOrderQty": "100.0000001"},
}


def binance_read(*infos: dict[str, Any], market: BinanceMarket = SPOT) -> Listings:
    return binance.read_listings(json.dumps({"symbols": infos}).encode(), market)


def bybit_read(*infos: dict[str, Any], market: BybitMarket = BybitMarket.LINEAR) -> Listings:
    answer = {"retCode": 0, "retMsg": "OK", "result": {"list": infos}}
    return bybit.read_listings(json.dumps(answer).encode(), market)


def test_binance() -> None:
    found = binance_read(INFO)["BTCUSDT"]
    it = found.instrument
    assert (it.px_exponent, it.tick, it.qty_exponent, it.lot) == (-2, 5, -5, 1)
    assert (it.qty_min, it.qty_max, it.exchange) == (1, 900_000_000, Exchange.BINANCE)
    assert (found.base, found.quote, found.is_trading, found.is_inferred) == (
        "BTC",
        "USDT",
        True,
        False,
    )
    assert binance_read(INFO)["BTCUSDT"] == found  # the same number every day
    assert binance_read(INFO, market=USD_M)["BTCUSDT"].instrument.symbol == "BTCUSDT.P"


def test_binance_without_filters() -> None:
    found = binance_read(INFO | {"filters": []})["BTCUSDT"].instrument
    assert (found.px_exponent, found.qty_exponent, found.tick, found.lot) == (-8, -8, 1, 1)
    assert found.qty_max == (1 << 63) - 1


def test_bybit() -> None:
    it = bybit_read(BYBIT)["BTCUSDT"].instrument
    assert (it.symbol, it.px_exponent, it.tick, it.qty_exponent) == ("BTCUSDT.P", -1, 5, -3)
    assert (it.lot, it.qty_min, it.qty_max) == (1, 1, 100_000)  # a limit finer than the lot
    spot = BYBIT | {"lotSizeFilter": BYBIT["lotSizeFilter"] | {"basePrecision": "0.00001"}}
    found = bybit_read(spot, market=BybitMarket.SPOT)["BTCUSDT"].instrument
    assert (found.symbol, found.qty_exponent) == ("BTCUSDT", -5)
    with pytest.raises(FileFormatError, match="10001"):
        bybit.read_listings(b'{"retCode":10001,"retMsg":"params error"}', BybitMarket.SPOT)


@pytest.mark.parametrize(
    "change",
    [
        {"symbol": ""},
        {"symbol": "X" * 17},
        {"status": None},
        {"filters": 5},
        {"filters": [{"filterType": "PRICE_FILTER", "tickSize": "1e-8"}]},
        {"filters": [{"filterType": "PRICE_FILTER"}]},
        {"filters": [{"filterType": "PRICE_FILTER", "tickSize": "-0.01"}]},
        {"baseAsset": 5},
    ],
)
def test_one_bad_symbol_is_left_out_with_a_reason(change: dict[str, Any]) -> None:
    found = binance_read(INFO | change, INFO | {"symbol": "ETHUSDT"})
    assert list(found) == ["ETHUSDT"] and len(found.refused) == 1
    other = {k: v for k, v in change.items() if k in ("symbol", "status")}
    if other:
        assert bybit_read(BYBIT | other).refused


@pytest.mark.parametrize("bad", [b"", b"[]", b"{}", b'{"symbols":{}}', b'{"symbols":[5]}'])
def test_what_is_no_answer(bad: bytes) -> None:
    for read in (
        lambda: binance.read_listings(bad, SPOT),
        lambda: bybit.read_listings(bad, BybitMarket.SPOT),
    ):
        with pytest.raises(FileFormatError):
            read()


@pytest.mark.parametrize(
    ("native", "market", "symbol"),
    [
        ("BTCUSDT", SPOT, "BTCUSDT"),
        ("BTCUSDT", USD_M, "BTCUSDT.P"),
        ("BTCUSDT_240927", USD_M, "BTCUSDT_240927"),
        ("BTCUSD_PERP", COIN_M, "BTCUSD_PERP"),
        ("1000SHIBUSDT", USD_M, "1000SHIBUSDT.P"),
    ],
)
def test_binance_spellings(native: str, market: BinanceMarket, symbol: str) -> None:
    assert binance.canonical_of(native, market) == symbol
    assert binance.native_of(symbol, market) == native
    for other in BinanceMarket:
        if other is not market and (other is USD_M) != (market is USD_M) and "_" not in native:
            with pytest.raises(InputError, match="allowed on"):
                binance.native_of(symbol, other)


@pytest.mark.parametrize(
    ("native", "market", "symbol"),
    [
        ("BTCUSDT", BybitMarket.SPOT, "BTCUSDT"),
        ("BTCUSDT", BybitMarket.LINEAR, "BTCUSDT.P"),
        ("BTCUSD", BybitMarket.INVERSE, "BTCUSD.P"),
        ("BTCUSDM26", BybitMarket.INVERSE, "BTCUSDM26"),
        ("BTC-26DEC25", BybitMarket.LINEAR, "BTC-26DEC25"),
        ("BTC-6JAN23-175-C", BybitMarket.OPTION, "BTC-6JAN23-175-C"),
    ],
)
def test_bybit_spellings(native: str, market: BybitMarket, symbol: str) -> None:
    assert bybit.canonical_of(native, market) == symbol
    assert bybit.native_of(symbol, market) == native


def test_spellings_beyond_sixteen_characters() -> None:
    with pytest.raises(InputError, match="16"):
        bybit.canonical_of("1000000BABYDOGEUSDT", BybitMarket.LINEAR)
    with pytest.raises(InputError, match="allowed on linear"):
        bybit.native_of("BTCUSDT", BybitMarket.LINEAR)


def test_finer_keeps_what_tick_and_lot_are() -> None:
    seen = DecimalsSeen()
    seen.see("16500.123", "0.00000010")
    found = binance_read(INFO)["BTCUSDT"]
    finer = found.finer(seen)
    assert (finer.instrument.px_exponent, finer.instrument.qty_exponent) == (-3, -7)
    assert finer.instrument.tick_size == found.instrument.tick_size
    assert finer.instrument.lot_size == found.instrument.lot_size
    assert finer.finer(seen) == finer


def test_inferred() -> None:
    messages = [
        b'{"e":"trade","s":"ETHBTC","p":"0.01230000","q":"1.50"}',
        b'{"stream":"x","data":{"e":"depthUpdate","s":"ETHBTC","b":[["0.012","1"]],"a":[]}}',
        b'{"result":null,"id":1}',
    ]
    found = binance.infer_listings(messages, SPOT)
    it = found["ETHBTC"].instrument
    assert found["ETHBTC"].is_inferred and (it.px_exponent, it.qty_exponent) == (-4, -1)
    rest = b'{"lastUpdateId":1,"bids":[["0.00001","1.000"]],"asks":[]}'
    assert (
        binance.infer_listings([rest], SPOT, symbol="ETHBTC")["ETHBTC"].instrument.px_exponent == -5
    )
    assert not binance.infer_listings([rest], SPOT)
    for bad in (
        b"{",
        b'{"s":"X","b":[["1"]]}',
        b'{"s":"X","b":[["1e5","1"]]}',
        b'{"s":"X","b":[5]}',
    ):
        with pytest.raises(FileFormatError):
            binance.infer_listings([bad], SPOT)
    for bad in (b"{", b'{"data":{"s":"X","b":[["1"]]}}', b'{"data":{"s":"X","b":5}}'):
        with pytest.raises(FileFormatError):
            bybit.infer_listings([bad], BybitMarket.SPOT)


def test_listings() -> None:
    found = binance_read(INFO)
    assert found.native_of("BTCUSDT") == "BTCUSDT" and len(found) == 1
    assert found.instruments() == {"BTCUSDT": found["BTCUSDT"].instrument}
    with pytest.raises(InputError, match="1 listed"):
        found.native_of("ETHUSDT")
    clash = Listing("OTHER", "spot", "", "", True, instrument=found["BTCUSDT"].instrument)
    both = Listings([found["BTCUSDT"], clash])
    assert list(both) == ["BTCUSDT"] and "that of BTCUSDT" in both.refused["OTHER"]


def test_small_things() -> None:
    assert [decimals_of(t) for t in ("10", "0.01000", "1.0", "0.00000001")] == [0, 2, 0, 8]
    for bad in ("", ".5", "1e5", "-1", "1.x", "0." + "1" * 19):
        with pytest.raises(InputError):
            decimals_of(bad)
    assert limit_of("1.0001", -2, rounding=Rounding.CEIL) == 101
    assert limit_of("9" * 19, -8, rounding=Rounding.FLOOR) == (1 << 63) - 1
    assert stable_id("binance/spot/BTCUSDT") == stable_id("binance/spot/BTCUSDT") != 0


def test_everything_that_the_captures_list(test_data: Any) -> None:
    """Spellings go there and back for all of them."""
    files = {
        "binance/cf_binance_spot_20211012.jsonl.zst": 1695,
        "binance/cf_binance_usdm_20210722.jsonl.zst": 122,
        "bybit/cf_bybit_v5_linear_20260809.jsonl.gz": 800 + 557,
    }
    for name, count in files.items():
        total = 0
        for url, raw in venue_captures.listing_answers(test_data / name):
            if "bybit" in url:
                market: Any = BybitMarket(url.partition("category=")[2].partition("&")[0])
                module: Any = bybit
            else:
                market, module = (USD_M if "fapi" in url else SPOT), binance
            found = module.read_listings(raw, market)
            total += len(found) + len(found.refused)
            for native, listing in found.items():
                assert module.native_of(listing.instrument.symbol, market) == native
            assert all("16 ASCII" in why for why in found.refused.values()), found.refused
        assert total == count
