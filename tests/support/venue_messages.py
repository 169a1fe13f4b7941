"""Sound messages of each kind, the literals that are no numbers, and every way to spoil a field."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from tectra.core.types import Exchange
from tectra.refdata.instrument import Instrument

__all__ = [
    "BINANCE",
    "BINANCE_TABLE",
    "BYBIT",
    "BYBIT_TABLE",
    "NO_NUMBERS",
    "leaves",
    "put",
    "raw",
]

BINANCE_TABLE = {"BTCUSDT": Instrument(5, "BTCUSDT", Exchange.BINANCE, -2, -5)}
BYBIT_TABLE = {"BTCUSDT": Instrument(6, "BTCUSDT", Exchange.BYBIT, -2, -5)}

KLINE = {
    "t": 1672515780000,
    "T": 1672515839999,
    "s": "BTCUSDT",
    "i": "1m",
    "f": 100,
    "L": 200,
    "o": "16500.10",
    "c": "16500.20",
    "h": "16500.30",
    "l": "16500.00",
    "v": "10.5",
    "n": 100,
    "x": False,
    "q": "173250.0",
    "V": "5",
    "Q": "82500",
    "B": "0",
}
_B: dict[str, Any] = {
    "spot diff": {"e": "depthUpdate", "E": 1672515782136, "s": "BTCUSDT", "U": 157, "u": 160}
    | {"b": [["16500.10", "0.5"], ["16500.00", "0"]], "a": [["16500.20", "1"]]},
    "futures diff": {"e": "depthUpdate", "E": 1672515782136, "T": 1672515782130, "s": "BTCUSDT"}
    | {"U": 157, "u": 160, "pu": 149, "b": [["16500.10", "0.5"]], "a": [["16500.20", "1"]]},
    "spot quote": {"u": 400900217, "s": "BTCUSDT", "b": "16500.10", "B": "31.21"}
    | {"a": "16500.20", "A": "40.66"},
    "futures quote": {"e": "bookTicker", "u": 400900217, "s": "BTCUSDT", "b": "16500.10"}
    | {"B": "31.21", "a": "16500.20", "A": "40.66", "T": 1568014460891, "E": 1568014460893},
    "trade": {"e": "trade", "E": 1672515782136, "s": "BTCUSDT", "t": 12345, "p": "16500.10"}
    | {"q": "0.1", "T": 1672515782130, "m": True, "M": True},
    "aggTrade": {"e": "aggTrade", "E": 1672515782136, "s": "BTCUSDT", "a": 12345}
    | {"p": "16500.10", "q": "0.1", "f": 100, "l": 105, "T": 1672515782130, "m": False},
    "ticker": {"e": "24hrTicker", "E": 1672515782136, "s": "BTCUSDT", "p": "1.5", "P": "250.00"}
    | {"w": "16400.5", "x": "16000", "c": "16500.10", "Q": "10", "b": "16500.10", "B": "10"}
    | {"a": "16500.20", "A": "100", "o": "16400", "h": "16600", "l": "16300", "v": "10000"}
    | {"q": "165000000.5", "O": 0, "C": 86400000, "F": 0, "L": 18150, "n": 18151},
    "kline": {"e": "kline", "E": 1672515782136, "s": "BTCUSDT", "k": KLINE},
}
BINANCE: dict[str, Any] = _B | {
    "spot partial": {
        "stream": "btcusdt@depth5",
        "data": {"lastUpdateId": 160, "bids": [["16500.10", "0.5"]], "asks": [["16500.20", "1"]]},
    },
    "combined diff": {"stream": "btcusdt@depth@100ms", "data": _B["spot diff"]},
}

BYBIT: dict[str, Any] = {
    "orderbook": {
        "topic": "orderbook.50.BTCUSDT",
        "type": "delta",
        "ts": 1672304484978,
        "data": {"s": "BTCUSDT", "u": 18521288, "seq": 7961638724}
        | {"b": [["16500.10", "0.006"], ["16500.00", "0"]], "a": [["16500.20", "0.029"]]},
        "cts": 1672304484976,
    },
    "publicTrade": {
        "topic": "publicTrade.BTCUSDT",
        "type": "snapshot",
        "ts": 1672304486868,
        "data": [
            {"T": 1672304486865, "s": "BTCUSDT", "S": "Buy", "v": "0.001", "p": "16500.50"}
            | {"L": "PlusTick", "i": "20f43950-d8dd-5b31-9112-a178eb6023af", "BT": False},
            {"T": 1672304486866, "s": "BTCUSDT", "S": "Sell", "v": "0.002", "p": "16500.40"}
            | {"i": "2290000000061666327", "BT": False, "seq": 5},
        ],
    },
    "tickers": {
        "topic": "tickers.BTCUSDT",
        "type": "snapshot",
        "ts": 1673272861686,
        "cs": 24987956059,
        "data": {"symbol": "BTCUSDT", "lastPrice": "17216.00", "highPrice24h": "17281.50"}
        | {"lowPrice24h": "16915.00", "turnover24h": "1570383121.943499", "volume24h": "91705.27"}
        | {"bid1Price": "17215.50", "bid1Size": "84.489", "ask1Price": "17216.00"}
        | {"ask1Size": "83.02", "predictedDeliveryPrice": ""},
    },
    "kline": {
        "topic": "kline.5.BTCUSDT",
        "type": "snapshot",
        "ts": 1672324988882,
        "data": [
            {"start": 1672324800000, "end": 1672325099999, "interval": "5", "open": "16649.5"}
            | {"close": "16677", "high": "16677", "low": "16608", "volume": "2.081"}
            | {"turnover": "34666.4005", "confirm": True, "timestamp": 1672324988882},
        ],
    },
}

# Sixty ways to say what is no number, as they stand in JSON.
_WORDS = "NaN nan Infinity -Infinity inf -inf null true None 0x10 1_000 1,5 1e400 1E+5 1e5 1e-3"
_SIGNED = "-0 -1 +1 -0.5 --1 - + . 1. .5 1.2.3 1e e1 1.e1 0b1 ١ １ ½ ∞ 1\u200b"
_LONG = ["9" * 40, "0." + "1" * 40, "0." + "0" * 40, str(1 << 63), "1" + "0" * 30, "1\\u0000"]
_SPACED = [" 1", "1 ", "1 0", "\\t1", "1\\n", "", " "]
NO_NUMBERS = (
    [json.dumps(w, ensure_ascii=False) for w in (*_WORDS.split(), *_SIGNED.split())]
    + [f'"{w}"' for w in (*_LONG, *_SPACED)]
    + ["null", "true", "false", "1.5", "-1", "1e400", "[]", "{}", '["1"]', '{"a":1}', "NaN"]
    + ["Infinity", str(1 << 64), "-0", "1E+5"]
)


def raw(message: Any) -> bytes:
    """A message as a venue would send it."""
    return json.dumps(message, separators=(",", ":")).encode()


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value of a message stands that is no object or list."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path


def put(message: Any, path: tuple[Any, ...], literal: str | None) -> bytes:
    """The message with another literal at a place; None takes the field away."""
    made = copy.deepcopy(message)
    at = made
    for key in path[:-1]:
        at = at[key]
    if literal is None:
        del at[path[-1]]
        return raw(made)
    at[path[-1]] = "\x01here\x01"
    return raw(made).replace(b'"\\u0001here\\u0001"', literal.encode())
