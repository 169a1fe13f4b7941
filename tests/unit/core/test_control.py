"""Control messages: four types and nothing else."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from value_strategies import value_of

from tectra.core import control
from tectra.core.control import (
    ExchangeName,
    MergedSubscribe,
    SetTradingMode,
    StreamName,
    Subscribe,
    TradingMode,
    Unsubscribe,
    parse_control,
)
from tectra.core.errors import InputError
from tectra.core.event import EventType
from tectra.core.types import Exchange

pytestmark = pytest.mark.timeout(30)
KINDS = (Subscribe, Unsubscribe, MergedSubscribe, SetTradingMode)
SUBSCRIBE = {
    "type": "Subscribe",
    "id": 1,
    "exchange": "Binance",
    "symbols": ["BTCUSDT"],
    "events": ["Trade", "BookUpdate"],
}
MERGED = {
    "type": "MergedSubscribe",
    "id": 3,
    "symbol": "BTCUSDT",
    "exchanges": ["Binance", "Kraken"],
    "events": ["BookUpdate"],
    "window_ms": 50,
}
MODE = {"type": "SetTradingMode", "id": 4, "mode": "paper"}


def test_the_four() -> None:
    for plain, kind in (
        (SUBSCRIBE, Subscribe),
        ({**SUBSCRIBE, "type": "Unsubscribe"}, Unsubscribe),
        (MERGED, MergedSubscribe),
        (MODE, SetTradingMode),
    ):
        message = parse_control(orjson.dumps(plain))
        assert type(message) is kind and message.to_dict() == plain
    assert parse_control(orjson.dumps(MODE)).mode is TradingMode.PAPER


@given(st.one_of([value_of(k) for k in KINDS]))
def test_round_trip(message: Any) -> None:
    assert parse_control(orjson.dumps(message.to_dict())) == message


def test_the_examples_of_the_docstring() -> None:
    text = control.__doc__ or ""
    start = text.index("{")
    examples = ["{" + part for part in text[start:].replace("\n", " ").split("{")[1:]]
    assert [type(parse_control(e.strip())) for e in examples] == list(KINDS)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"[]",
        b"1",
        b'{"type":"Subscribe"',
        {},
        {**SUBSCRIBE, "type": "subscribe"},
        {**SUBSCRIBE, "type": "Shutdown"},
        {**SUBSCRIBE, "type": None},
        {k: v for k, v in SUBSCRIBE.items() if k != "type"},
        *[{k: v for k, v in SUBSCRIBE.items() if k != name} for name in SUBSCRIBE],
        *[{k: v for k, v in MERGED.items() if k != name} for name in MERGED],
        {**SUBSCRIBE, "stranger": 1},
        {**SUBSCRIBE, "id": "1"},
        {**SUBSCRIBE, "id": 1.5},
        {**SUBSCRIBE, "id": -1},
        {**SUBSCRIBE, "id": True},
        {**SUBSCRIBE, "exchange": "binance"},
        {**SUBSCRIBE, "exchange": 1},
        {**SUBSCRIBE, "symbols": []},
        {**SUBSCRIBE, "symbols": "BTCUSDT"},
        {**SUBSCRIBE, "symbols": [""]},
        {**SUBSCRIBE, "symbols": ["X" * 17]},
        {**SUBSCRIBE, "symbols": ["BTÇ"]},
        {**SUBSCRIBE, "symbols": ["A\n"]},
        {**SUBSCRIBE, "symbols": [None]},
        {**SUBSCRIBE, "events": ["Trades"]},
        {**SUBSCRIBE, "events": []},
        {**MERGED, "exchanges": ["Binance"]},
        {**MERGED, "window_ms": 0},
        {**MERGED, "window_ms": 60_001},
        {**MERGED, "window_ms": 0.5},
        {**MODE, "mode": "LIVE"},
        {**MODE, "mode": None},
        {**MODE, "symbols": ["BTCUSDT"]},
    ],
)
def test_everything_else_is_refused(bad: Any) -> None:
    raw = bad if isinstance(bad, bytes) else orjson.dumps(bad)
    with pytest.raises(InputError, match=r"control message: .*allowed"):
        parse_control(raw)


def test_names_are_those_of_the_enums() -> None:
    assert [e.value for e in ExchangeName] == [e.label for e in Exchange]
    assert [EventType[e.value].name for e in StreamName] == [e.name for e in StreamName]
