"""What one message of a venue says, under the venue's own names: the common form of decoders that
read more than books.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from tectra.core.errors import FileFormatError
from tectra.core.event import KlineSummary, TickerPayload, TradePayload
from tectra.core.fixed import Price, Quantity
from tectra.core.market import Ticker, Trade
from tectra.core.types import Exchange, Side, Timestamp
from tectra.core.value import U64, Value
from tectra.refdata.symbol import Symbol

__all__ = [
    "MessageKind",
    "Said",
    "VenueMessage",
    "bar_of",
    "decimal_ns",
    "price_of",
    "quantity_of",
    "refused",
    "side_of",
]

_NS_PER_S = 1_000_000_000
_PLAIN = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,18})?", re.ASCII)


class MessageKind(StrEnum):
    """What a message is about."""

    BOOK = "book"
    ORDER = "order"
    """Order by order: an order came, changed, traded or went."""
    TRADE = "trade"
    TICKER = "ticker"
    BAR = "bar"
    INSTRUMENT = "instrument"
    HEARTBEAT = "heartbeat"
    CONTROL = "control"
    """Answers to subscriptions, states of the connection or the venue."""
    ERROR = "error"
    """The venue refused something."""
    OTHER = "other"
    """A channel that is known, and not read here."""
    UNKNOWN = "unknown"
    """Nothing that the decoder knows; venues add kinds."""


_Payload: TypeAlias = TradePayload | TickerPayload | KlineSummary


@dataclass(frozen=True, slots=True)
class Said(Value):
    """A trade, a summary or a bar of one instrument. `symbol` is the venue's spelling, `seq` the
    venue's number of it, 0 where it has none.
    """

    symbol: str
    payload: _Payload
    seq: U64 = 0

    def canonical(self, exchange: Exchange, symbol: Symbol | str) -> Trade | Ticker | KlineSummary:
        """The same under the canonical symbol; a bar carries no symbol."""
        p = self.payload
        if isinstance(p, TradePayload):
            return Trade(exchange, str(symbol), p.ts_event, p.price, p.quantity, p.side, p.trade_id)
        if isinstance(p, TickerPayload):
            fields = {name: getattr(p, name) for name in TickerPayload.__slots__}
            ts = fields.pop("ts_event")
            return Ticker(exchange, str(symbol), ts, **fields, seq=self.seq)
        return p


@dataclass(frozen=True, slots=True)
class VenueMessage:
    """One message. `channel` is the venue's name of what it is, `items` what it says: the venue's
    book messages, its order messages, or Said. `seq` numbers the messages of the connection, None
    where the venue does not. `text` is what an error says.
    """

    kind: MessageKind
    channel: str
    items: tuple[Any, ...] = ()
    seq: int | None = None
    text: str = ""


def _plain(text: object, what: str) -> str:
    if type(text) is not str or not _PLAIN.fullmatch(text):
        raise FileFormatError(
            f"{what}: found {text!r:.60}; allowed: plain decimal text such as '150.25'"
        )
    return text


def price_of(text: object) -> Price:
    """A price from plain decimal text: digits with or without a point."""
    return Price(_plain(text, "price"))


def quantity_of(text: object) -> Quantity:
    """A quantity from plain decimal text."""
    return Quantity(_plain(text, "quantity"))


def refused(where: str, error: Exception) -> FileFormatError:
    """Why a decoder named `where` takes no message, from whatever its fields raised."""
    text = str(error)
    return FileFormatError(text if text.startswith(where) else f"{where}: {text}")


def side_of(text: object, buy: str, sell: str) -> Side:
    """BUY or SELL from the venue's words."""
    if text == buy:
        return Side.BUY
    if text == sell:
        return Side.SELL
    raise FileFormatError(f"side: found {text!r:.60}; allowed: {buy} or {sell}")


def decimal_ns(text: object) -> Timestamp:
    """A time in seconds since the epoch, as decimal text."""
    value = Price(_plain(text, "time"))
    if value.scale > 9:
        raise FileFormatError(f"time: found {text!r:.60}; allowed: seconds, up to nine places")
    return Timestamp(value.mantissa * 10 ** (9 - value.scale))


def bar_of(
    opens: Timestamp, interval_s: int, prices: tuple[str, str, str, str], volume: str, **more: Any
) -> KlineSummary:
    """A bar from text: open, high, low, close. Bars hold floats; the volume is exact."""
    first, high, low, last = (float(price_of(p)) for p in prices)
    return KlineSummary(
        ts_open=opens,
        ts_close=Timestamp(opens.ns + interval_s * _NS_PER_S),
        interval=interval_s * _NS_PER_S,
        open=first,
        high=high,
        low=low,
        close=last,
        volume=quantity_of(volume),
        **more,
    )
