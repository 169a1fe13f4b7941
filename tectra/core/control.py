"""Control messages of consumers: JSON text to one of four types, and nothing else.

{"type": "Subscribe", "id": 1, "exchange": "Binance", "symbols": ["BTCUSDT"], "events": ["Trade"]}
{"type": "Unsubscribe", "id": 2, "exchange": "Binance", "symbols": ["BTCUSDT"], "events": ["Trade"]}
{"type": "MergedSubscribe", "id": 3, "symbol": "BTCUSDT", "exchanges": ["Binance", "Kraken"],
 "events": ["BookUpdate"], "window_ms": 50}
{"type": "SetTradingMode", "id": 4, "mode": "paper"}
"""

from enum import Enum
from typing import Annotated, Any, Self, TypeAlias

import msgspec
import orjson

from tectra.core.errors import InputError

__all__ = [
    "ControlMessage",
    "ExchangeName",
    "MergedSubscribe",
    "SetTradingMode",
    "StreamName",
    "Subscribe",
    "TradingMode",
    "Unsubscribe",
    "parse_control",
]


class ExchangeName(Enum):
    """Exchanges as messages spell them: the labels of Exchange."""

    BINANCE = "Binance"
    BYBIT = "Bybit"
    COINBASE = "Coinbase"
    KRAKEN = "Kraken"
    ALPACA = "Alpaca"
    NASDAQ = "Nasdaq"
    SIMULATED = "Simulated"
    OKX = "Okx"


class StreamName(Enum):
    """Events as messages spell them: the names of EventType."""

    BOOK_SNAPSHOT = "BookSnapshot"
    BOOK_UPDATE = "BookUpdate"
    TRADE = "Trade"
    TICKER = "Ticker"
    EXEC_REPORT = "ExecReport"
    KLINE_SUMMARY = "KlineSummary"


class TradingMode(Enum):
    """What becomes of orders: refused, simulated, or sent."""

    OFF = "off"
    PAPER = "paper"
    LIVE = "live"


_Id = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Symbol = Annotated[str, msgspec.Meta(min_length=1, max_length=16, pattern=r"^[ -~]+\Z")]
_Symbols = Annotated[tuple[_Symbol, ...], msgspec.Meta(min_length=1, max_length=1024)]
_Events = Annotated[tuple[StreamName, ...], msgspec.Meta(min_length=1, max_length=6)]
_Two = Annotated[tuple[ExchangeName, ...], msgspec.Meta(min_length=2, max_length=7)]
_Window = Annotated[int, msgspec.Meta(ge=1, le=60_000)]


class _Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the four. Immutable: any thread."""

    id: _Id

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the JSON text has them."""
        plain = msgspec.to_builtins(self)
        assert isinstance(plain, dict)
        return {n: list(v) if isinstance(v, tuple) else v for n, v in plain.items()}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Self:
        """Inverse of to_dict(). InputError for anything else."""
        try:
            return msgspec.convert(plain, cls)
        except msgspec.ValidationError as error:
            raise InputError(f"control message: {error}") from None


class Subscribe(_Message, frozen=True, tag=True):
    """Send these events of these symbols of one exchange."""

    exchange: ExchangeName
    symbols: _Symbols
    events: _Events


class Unsubscribe(_Message, frozen=True, tag=True):
    """Send them no more."""

    exchange: ExchangeName
    symbols: _Symbols
    events: _Events


class MergedSubscribe(_Message, frozen=True, tag=True):
    """Send one symbol of several exchanges merged over windows of `window_ms` milliseconds."""

    symbol: _Symbol
    exchanges: _Two
    events: _Events
    window_ms: _Window


class SetTradingMode(_Message, frozen=True, tag=True):
    """Say what becomes of orders."""

    mode: TradingMode


ControlMessage: TypeAlias = Subscribe | Unsubscribe | MergedSubscribe | SetTradingMode


def parse_control(raw: bytes | bytearray | memoryview | str) -> ControlMessage:
    """One of the four messages. InputError with the path for bad JSON, an unknown type, an unknown
    or missing field, and a value of a wrong type or out of range.
    """
    try:
        plain = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InputError(f"control message: {error}; allowed: one JSON object") from None
    try:
        message: ControlMessage = msgspec.convert(plain, ControlMessage)
    except msgspec.ValidationError as error:
        raise InputError(
            f"control message: {error}; allowed types: Subscribe, Unsubscribe, MergedSubscribe, "
            "SetTradingMode"
        ) from None
    return message
