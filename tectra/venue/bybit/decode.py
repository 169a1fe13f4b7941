"""Bybit's book messages: `orderbook.N.SYMBOL` snapshots and deltas of v5, and the REST order book.

`u` counts the updates of one topic, 1 after a restart of the service, which is a snapshot whatever
`type` says; `seq` orders messages across topics. Prices and quantities are text and become exact
mantissas. Source: Bybit API documentation v5, "Orderbook".
"""

from dataclasses import dataclass
from typing import TypeAlias

from tectra.core.errors import FileFormatError, InputError, NumericError
from tectra.core.json_object import JsonObject
from tectra.core.level import BookLevel, parse_levels
from tectra.core.market import BookUpdate
from tectra.core.types import Exchange, Timestamp
from tectra.core.value import U32, U64, Value
from tectra.refdata.symbol import from_native

__all__ = ["BybitBookUpdate", "decode_book", "from_bybit_book"]

_Raw: TypeAlias = bytes | bytearray | memoryview
_WHERE = "bybit book"
_KINDS = ("snapshot", "delta")


@dataclass(frozen=True, slots=True)
class BybitBookUpdate(Value):
    """One book message. `symbol` is Bybit's spelling; `depth` the levels of the topic, 0 for REST.

    `update_id` is `u`, `cross_seq` is `seq`; `ts_match` is the matching engine's time (`cts`), 0
    where not said, `ts_system` the message's.
    """

    symbol: str
    depth: U32
    ts_system: Timestamp
    ts_match: Timestamp
    update_id: U64
    cross_seq: U64
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    is_snapshot: bool


def _topic(text: str, symbol: str) -> int:
    """Depth of `orderbook.50.BTCUSDT`, which must be about the symbol of the data."""
    name, _, rest = text.partition(".")
    depth, _, native = rest.partition(".")
    if name != "orderbook" or not (depth.isascii() and depth.isdigit()) or len(depth) > 5:
        raise FileFormatError(f"{_WHERE}.topic: found {text!r:.60}; allowed: orderbook.N.SYMBOL")
    if native != symbol:
        raise FileFormatError(
            f"{_WHERE}.data.s: found {symbol!r:.60}; allowed: {native!r:.60}, as the topic says"
        )
    return int(depth)


def _book(
    data: JsonObject, times: JsonObject, *, depth: int, is_snapshot: bool, symbol: str
) -> BybitBookUpdate:
    update_id = data.integer("u")
    return BybitBookUpdate(
        symbol=symbol,
        depth=depth,
        ts_system=times.stamp_ms("ts"),
        ts_match=times.stamp_ms("cts") if "cts" in times else Timestamp(0),
        update_id=update_id,
        cross_seq=data.integer("seq") if "seq" in data else 0,
        bids=parse_levels(data.get("b")),
        asks=parse_levels(data.get("a")),
        is_snapshot=is_snapshot or update_id == 1,
    )


def decode_book(raw: _Raw) -> BybitBookUpdate:
    """One message as it came: of the public stream, or the answer of /v5/market/orderbook.

    FileFormatError for anything else than a book message, for a missing field, a wrong type, a
    price that is no decimal number or fits no int64 mantissa. About 6 us and 0.3 us a level.
    """
    message = JsonObject.parse(raw, _WHERE)
    try:
        if "retCode" in message:
            if message.integer("retCode") != 0:
                raise FileFormatError(
                    f"{_WHERE}: found retCode {message.get('retCode')} "
                    f"{message.get('retMsg')!r:.60}; allowed: 0"
                )
            result = message.child("result")
            symbol = result.text("s")
            return _book(result, result, depth=0, is_snapshot=True, symbol=symbol)
        data = message.child("data")
        symbol = data.text("s")
        depth = _topic(message.text("topic"), symbol)
        kind = message.text("type")
        if kind not in _KINDS:
            raise FileFormatError(
                f"{_WHERE}.type: found {kind!r:.60}; allowed: {' or '.join(_KINDS)}"
            )
        whole = kind == "snapshot"
        return _book(data, message, depth=depth, is_snapshot=whole, symbol=symbol)
    except (InputError, NumericError) as error:
        raise FileFormatError(f"{_WHERE}: {error}") from None


def from_bybit_book(message: _Raw | BybitBookUpdate, *, symbol: str | None = None) -> BookUpdate:
    """The canonical BookUpdate of a book message; `seq` is its update id, the timestamp the
    matching engine's where said, else the message's.

    `symbol` is the canonical one; without it, it is read from the message, and InputError says
    where that is no pair.
    """
    update = message if isinstance(message, BybitBookUpdate) else decode_book(message)
    if symbol is None:
        symbol = str(from_native(update.symbol, Exchange.BYBIT))
    return BookUpdate(
        exchange=Exchange.BYBIT,
        symbol=symbol,
        timestamp=update.ts_match if update.ts_match.ns else update.ts_system,
        bids=update.bids,
        asks=update.asks,
        is_snapshot=update.is_snapshot,
        seq=update.update_id,
    )
