"""MarketData: three ways to be wrong, and what it says about the middle."""

import pytest

from tectra.core.bar import MarketData
from tectra.core.errors import InputError

BAR = {
    "symbol": "AAPL",
    "timestamp": 1_769_851_800_000_000_000,
    "open": 10.0,
    "high": 12.0,
    "low": 9.0,
    "close": 11.0,
    "volume": 500,
    "bid": 10.9,
    "ask": 11.1,
}


def bar(**change: object) -> MarketData:
    return MarketData(**{**BAR, **change})


def test_field_list() -> None:
    assert list(bar().to_dict()) == [
        "symbol", "timestamp", "open", "high", "low", "close", "volume", "bid", "ask",
    ]  # fmt: skip
    bar().validate()


def test_high_below_low_is_refused() -> None:
    with pytest.raises(InputError, match=r"high 8\.0 below low 9\.0"):
        bar(high=8.0).validate()


def test_bid_above_ask_is_refused() -> None:
    with pytest.raises(InputError, match=r"bid 11\.2 above ask 11\.1"):
        bar(bid=11.2).validate()


def test_negative_volume_is_refused() -> None:
    with pytest.raises(InputError, match="volume -1"):
        bar(volume=-1).validate()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"open": 8.9}, "open 8.9"),
        ({"close": 12.1}, "close 12.1"),
        ({"low": -1.0}, "prices"),
        ({"volume": 1 << 63, "symbol": ""}, "found nothing"),
    ],
)
def test_other_contradictions(change: dict[str, object], found: str) -> None:
    with pytest.raises(InputError, match=found):
        bar(**change).validate()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"close": float("nan")}, TypeError),
        ({"close": float("inf")}, TypeError),
        ({"close": "11"}, TypeError),
        ({"volume": 1.5}, TypeError),
        ({"timestamp": 1 << 63}, OverflowError),
        ({"volume": 1 << 64}, OverflowError),
    ],
)
def test_types_are_checked_at_once(change: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        bar(**change)


def test_mid_price() -> None:
    assert bar().mid_price() == 11.0
    assert bar(bid=10.0, ask=10.5).mid_price() == 10.25
    assert bar(bid=0.0).mid_price() == bar(ask=0.0).mid_price() == 11.0
    assert bar(ask=0.0, bid=99.0).validate() is None
