"""Canonical events: one envelope for whatever a provider says, and the payloads it carries."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import IntEnum
from typing import Any, Self, TypeAlias

from tectra.core.errors import InputError
from tectra.core.fixed import Price, Quantity
from tectra.core.level import BookLevel
from tectra.core.market import checked_symbol
from tectra.core.msg import SCHEMA_VERSION, BarKind, IntentAction, OrderState, RejectReason
from tectra.core.types import Exchange, Liquidity, Side, Timestamp, TradeSide
from tectra.core.value import I64, U16, U32, U64, Value

__all__ = [
    "BookSnapshotPayload",
    "BookUpdatePayload",
    "Event",
    "EventType",
    "ExecReportPayload",
    "ExecReportState",
    "KlineSummary",
    "Payload",
    "TickerPayload",
    "TradePayload",
]

_NONE = Quantity(0)


class EventType(IntEnum):
    """What an event carries. `EventType.BookSnapshot` is `EventType.BOOK_SNAPSHOT`."""

    BOOK_SNAPSHOT = 1
    BOOK_UPDATE = 2
    TRADE = 3
    TICKER = 4
    EXEC_REPORT = 5
    KLINE_SUMMARY = 6

    BookSnapshot = 1
    BookUpdate = 2
    Trade = 3
    Ticker = 4
    ExecReport = 5
    KlineSummary = 6


class ExecReportState(IntEnum):
    """What a venue says of an order. Each is one OrderState; those that we alone know (NEW, SENT,
    CANCEL_SENT, UNKNOWN) have none.
    """

    ACK = 1
    PARTIAL = 2
    FILLED = 3
    CANCELLED = 4
    REJECTED = 5
    EXPIRED = 6

    @property
    def order_state(self) -> OrderState:
        """The state of the order table that it leads to."""
        return _ORDER_STATE[self]

    @classmethod
    def of(cls, state: OrderState) -> "ExecReportState":
        """Inverse of order_state. InputError for a state that no venue reports."""
        for report, mapped in _ORDER_STATE.items():
            if mapped is state:
                return report
        raise InputError(
            f"order state: found {state.name}; allowed: "
            f"{', '.join(s.name for s in _ORDER_STATE.values())}"
        )


_ORDER_STATE = {
    ExecReportState.ACK: OrderState.ACKED,
    ExecReportState.PARTIAL: OrderState.PARTIAL_FILL,
    ExecReportState.FILLED: OrderState.FILLED,
    ExecReportState.CANCELLED: OrderState.CANCELLED,
    ExecReportState.REJECTED: OrderState.REJECTED,
    ExecReportState.EXPIRED: OrderState.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class BookSnapshotPayload(Value):
    """A whole book; every level has a quantity above 0."""

    ts_event: Timestamp
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]


@dataclass(frozen=True, slots=True)
class BookUpdatePayload(Value):
    """Levels that changed: whole quantities, 0 removes."""

    ts_event: Timestamp
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]


@dataclass(frozen=True, slots=True)
class TradePayload(Value):
    """One print; `side` is the aggressor's, NONE where the venue does not say."""

    ts_event: Timestamp
    price: Price
    quantity: Quantity
    side: TradeSide = Side.NONE
    trade_id: U64 = 0


@dataclass(frozen=True, slots=True)
class TickerPayload(Value):
    """A venue's summary of an instrument; a price that is not said is None, a quantity 0."""

    ts_event: Timestamp
    bid_price: Price | None = None
    bid_quantity: Quantity = _NONE
    ask_price: Price | None = None
    ask_quantity: Quantity = _NONE
    last_price: Price | None = None
    last_quantity: Quantity = _NONE
    high_price: Price | None = None
    low_price: Price | None = None
    volume: Quantity = _NONE
    turnover: float = 0.0


# Fields that a report may carry beside state, order, side, price, quantity and time.
_FILL = {"venue_order_id", "exec_id", "trade_id", "leaves_quantity", "liquidity", "fee"}
_CARRIES = {
    ExecReportState.ACK: {"venue_order_id", "leaves_quantity", "action"},
    ExecReportState.PARTIAL: _FILL,
    ExecReportState.FILLED: _FILL,
    ExecReportState.CANCELLED: {"venue_order_id", "reason"},
    ExecReportState.REJECTED: {"action", "reason", "text"},
    ExecReportState.EXPIRED: {"venue_order_id", "reason"},
}
_ALWAYS = {"ts_event", "state", "order_id", "side", "price", "quantity"}


@dataclass(frozen=True, slots=True)
class ExecReportPayload(Value):
    """What a venue says of one of our orders.

    `price` and `quantity` are those of this execution in PARTIAL and FILLED, of the standing order
    in ACK, of the request otherwise. `fee` is in quote currency, negative for a rebate. InputError
    for a field that a report of this state does not have, and where PARTIAL and FILLED do not
    agree with `leaves_quantity`.
    """

    ts_event: Timestamp
    state: ExecReportState
    order_id: U64
    side: Side
    price: Price | None
    quantity: Quantity
    venue_order_id: U64 = 0
    exec_id: U64 = 0
    trade_id: U64 = 0
    leaves_quantity: Quantity = _NONE
    liquidity: Liquidity = Liquidity.NONE
    fee: Decimal = Decimal(0)
    action: IntentAction = IntentAction.SUBMIT
    reason: RejectReason = RejectReason.NONE
    text: str = ""

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        known = _CARRIES[self.state] | _ALWAYS
        for field in fields(self):
            if field.name not in known and getattr(self, field.name) != field.default:
                raise InputError(
                    f"{self.state.name} report: found {field.name} {getattr(self, field.name)}; "
                    f"allowed beside the order: {', '.join(sorted(_CARRIES[self.state]))}"
                )
        if not self.text.isascii() or len(self.text) > 40 or "\0" in self.text:
            raise InputError(f"text: found {self.text!r}; allowed: up to 40 ASCII characters")
        if self.state is ExecReportState.FILLED and self.leaves_quantity:
            raise InputError(f"FILLED report: found {self.leaves_quantity} left; allowed: 0")
        if self.state is ExecReportState.PARTIAL and not self.leaves_quantity > _NONE:
            raise InputError(f"PARTIAL report: found {self.leaves_quantity} left; allowed: above 0")


@dataclass(frozen=True, slots=True)
class KlineSummary(Value):
    """A bar as a provider publishes it: floats for prices, exact volume. `interval` is nanoseconds
    of a TIME bar; trades, quantity or notional of the others. 0.0 for a bid or ask not said.
    """

    ts_open: Timestamp
    ts_close: Timestamp
    interval: I64
    open: float
    high: float
    low: float
    close: float
    volume: Quantity
    turnover: float = 0.0
    bid: float = 0.0
    ask: float = 0.0
    trades: U32 = 0
    kind: BarKind = BarKind.TIME
    is_closed: bool = True

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        if not self.low <= min(self.open, self.close) <= max(self.open, self.close) <= self.high:
            raise InputError(
                f"bar: found open {self.open}, high {self.high}, low {self.low}, close "
                f"{self.close}; allowed: low <= open, close <= high"
            )


Payload: TypeAlias = (
    BookSnapshotPayload
    | BookUpdatePayload
    | TradePayload
    | TickerPayload
    | ExecReportPayload
    | KlineSummary
)

_TYPES: dict[type[Value], EventType] = {
    BookSnapshotPayload: EventType.BOOK_SNAPSHOT,
    BookUpdatePayload: EventType.BOOK_UPDATE,
    TradePayload: EventType.TRADE,
    TickerPayload: EventType.TICKER,
    ExecReportPayload: EventType.EXEC_REPORT,
    KlineSummary: EventType.KLINE_SUMMARY,
}
_CLASSES: dict[EventType, Any] = {t: c for c, t in _TYPES.items()}


@dataclass(frozen=True, slots=True)
class Event(Value):
    """One event on the way to consumers.

    `event_id` counts up in our stream and `seq_provider` is the provider's own number; `version` is
    the schema's, `routing_version` that of the routing table which chose the consumers. `trace_id`
    follows everything that one input caused. A merged event is an event like any other: its
    `merge_id` names the merge window, 0 for an event as it came.
    """

    event_id: U64
    seq_provider: U64
    provider: Exchange
    symbol: str
    ingest_ts: Timestamp
    payload: Payload
    trace_id: U64 = 0
    merge_id: U64 = 0
    routing_version: U32 = 0
    version: U16 = SCHEMA_VERSION

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        checked_symbol(self.symbol)

    @property
    def type(self) -> EventType:
        """What the payload is."""
        return _TYPES[type(self.payload)]

    @property
    def is_merged(self) -> bool:
        """Did a merge window make it?"""
        return self.merge_id != 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, with the type of the payload beside it."""
        return {**Value.to_dict(self), "type": self.type.value}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Inverse of to_dict(). InputError for an unknown type, an unknown or a missing field."""
        rest = dict(plain)
        kind = rest.pop("type", None)
        if isinstance(kind, (dict, list)) or kind not in _CLASSES:
            raise InputError(f"Event: found type {kind!r}; allowed: {[t.value for t in EventType]}")
        if set(rest) != {f.name for f in fields(cls)}:
            raise InputError(
                f"Event: found fields {sorted(rest)}; allowed: exactly "
                f"{sorted(f.name for f in fields(cls))}"
            )
        try:
            rest["payload"] = _CLASSES[kind].from_dict(rest["payload"])
            rest["provider"] = Exchange(rest["provider"])
            rest["ingest_ts"] = Timestamp.from_dict(rest["ingest_ts"])
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise InputError(f"Event: {error}; allowed: what to_dict() writes") from None
        return cls(**rest)
