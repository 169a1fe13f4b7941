"""Binance's book messages: diffs (`depthUpdate`), partial books and REST snapshots, of spot and
futures.

A diff says `U` to `u`, the update ids it covers; on futures also `pu`, the `u` of the diff before.
A snapshot says `lastUpdateId`. Prices and quantities are text and become exact mantissas.
Source: Binance API documentation, "Diff. Depth Stream", "How to manage a local order book".
"""

from dataclasses import dataclass
from typing import TypeAlias

from tectra.core.errors import FileFormatError, InputError, NumericError
from tectra.core.json_object import JsonObject
from tectra.core.level import BookLevel, parse_levels
from tectra.core.market import BookUpdate
from tectra.core.types import Exchange, Timestamp
from tectra.core.value import U64, Value
from tectra.refdata.symbol import from_native

__all__ = ["BinanceDepthUpdate", "decode_depth", "from_binance_depth"]

_Raw: TypeAlias = bytes | bytearray | memoryview
_WHERE = "binance depth"
_UNSAID = Timestamp(0)


@dataclass(frozen=True, slots=True)
class BinanceDepthUpdate(Value):
    """One book message. `symbol` is Binance's spelling, "" where the message has none.

    A diff covers the update ids `first_id` to `final_id`; `prev_id` is the final id of the diff
    before (futures), 0 where not said. In a snapshot both ids are `lastUpdateId`. `ts_match` is the
    matching engine's time (futures) and `ts_event` the message's; 0 where not said.
    """

    symbol: str
    ts_event: Timestamp
    ts_match: Timestamp
    first_id: U64
    final_id: U64
    prev_id: U64
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    is_snapshot: bool


def _diff(data: JsonObject) -> BinanceDepthUpdate:
    first, final = data.integer("U"), data.integer("u")
    if first > final:
        raise FileFormatError(f"{_WHERE}: found U {first} above u {final}; allowed: U <= u")
    return BinanceDepthUpdate(
        symbol=data.text("s"),
        ts_event=data.stamp_ms("E"),
        ts_match=data.stamp_ms("T") if "T" in data else _UNSAID,
        first_id=first,
        final_id=final,
        prev_id=data.integer("pu") if "pu" in data else 0,
        bids=parse_levels(data.get("b")),
        asks=parse_levels(data.get("a")),
        is_snapshot=False,
    )


def _snapshot(data: JsonObject, stream: str) -> BinanceDepthUpdate:
    last = data.integer("lastUpdateId")
    symbol = data.text("symbol") if "symbol" in data else stream.partition("@")[0].upper()
    return BinanceDepthUpdate(
        symbol=symbol,
        ts_event=data.stamp_ms("E") if "E" in data else _UNSAID,
        ts_match=data.stamp_ms("T") if "T" in data else _UNSAID,
        first_id=last,
        final_id=last,
        prev_id=0,
        bids=parse_levels(data.get("bids")),
        asks=parse_levels(data.get("asks")),
        is_snapshot=True,
    )


def decode_depth(raw: _Raw) -> BinanceDepthUpdate:
    """One message as it came from the wire, alone or within a combined stream's envelope.

    FileFormatError for anything else than a book message, for a missing field, a wrong type, a
    price that is no decimal number or fits no int64 mantissa. About 6 us and 0.3 us a level.
    """
    message = JsonObject.parse(raw, _WHERE)
    stream = ""
    if "stream" in message:
        stream = message.text("stream")
        message = message.child("data")
    try:
        if "lastUpdateId" in message:
            return _snapshot(message, stream)
        if message.get("e") == "depthUpdate":
            return _diff(message)
    except (InputError, NumericError) as error:
        raise FileFormatError(f"{_WHERE}: {error}") from None
    raise FileFormatError(
        f"{_WHERE}: found event {message.get('e')!r:.60}; allowed: depthUpdate, or a snapshot with "
        "lastUpdateId"
    )


def from_binance_depth(
    message: _Raw | BinanceDepthUpdate, *, symbol: str | None = None
) -> BookUpdate:
    """The canonical BookUpdate of a book message; `seq` is its final update id, the timestamp the
    matching engine's where said, else the message's.

    `symbol` is the canonical one; without it, it is read from the message. InputError where that
    has none (REST) or one that is no pair.
    """
    update = message if isinstance(message, BinanceDepthUpdate) else decode_depth(message)
    if symbol is None:
        if not update.symbol:
            raise InputError(f"{_WHERE}: found no symbol in the message; give symbol=")
        symbol = str(from_native(update.symbol, Exchange.BINANCE))
    return BookUpdate(
        exchange=Exchange.BINANCE,
        symbol=symbol,
        timestamp=update.ts_match if update.ts_match.ns else update.ts_event,
        bids=update.bids,
        asks=update.asks,
        is_snapshot=update.is_snapshot,
        seq=update.final_id,
    )
