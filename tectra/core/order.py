"""What is asked for and what risk answers: OrderRequest, RiskVerdict, and the text of every reason
to say no.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

from tectra.core.errors import FileFormatError, InputError
from tectra.core.fixed import Price, Quantity
from tectra.core.market import checked_symbol
from tectra.core.msg import IntentAction, RejectReason, RiskRule, Template
from tectra.core.record import Record, encode
from tectra.core.types import Exchange, OrderType, Side, TimeInForce, Timestamp, TradeSide
from tectra.core.value import I64, U16, U32, U64, Value

__all__ = ["REJECT_TEXT", "RISK_TEXT", "OrderRequest", "RiskVerdict", "reject_text"]

# Why the risk chain refuses, by its rules.
RISK_TEXT: Mapping[RiskRule, str] = MappingProxyType(
    {
        RiskRule.NONE: "accepted",
        RiskRule.VALIDITY: "a field of the order is not valid",
        RiskRule.KILL: "trading is killed",
        RiskRule.MAX_QTY: "the quantity is above the limit of one order",
        RiskRule.MAX_NOTIONAL: "the notional is above the limit of one order",
        RiskRule.MAX_POSITION: "the position could go beyond its limit",
        RiskRule.PRICE_BAND: "the price is too far from the mid price, or there is none",
        RiskRule.ORDER_RATE: "too many orders in too short a time",
    }
)
# Why a venue, or the order manager before it, refuses.
REJECT_TEXT: Mapping[RejectReason, str] = MappingProxyType(
    {
        RejectReason.NONE: "not refused",
        RejectReason.UNKNOWN_INSTRUMENT: "there is no such instrument",
        RejectReason.UNKNOWN_ORDER: "there is no such order",
        RejectReason.PRICE_FILTER: "the price is off the tick grid or out of range",
        RejectReason.SIZE_FILTER: "the quantity is off the lot grid or out of range",
        RejectReason.POST_ONLY_WOULD_CROSS: "a post-only order would have traded at once",
        RejectReason.NO_LIQUIDITY: "nothing to trade against",
        RejectReason.HALTED: "the market or the instrument is halted",
        RejectReason.TOO_LATE: "the order was done before the request arrived",
        RejectReason.UNSUPPORTED: "the venue does not have this kind of request",
        RejectReason.SELF_TRADE: "it would have traded with our own order",
        RejectReason.RISK: "the risk chain refused it",
        RejectReason.CAPACITY: "a fixed table was full",
        RejectReason.OTHER: "for a reason that the venue tells in its own words",
    }
)


def reject_text(reason: RiskRule | RejectReason) -> str:
    """The text of a reason: of a rule of the chain, or of a venue."""
    return RISK_TEXT[reason] if isinstance(reason, RiskRule) else REJECT_TEXT[reason]


_PRICED = {OrderType.LIMIT, OrderType.POST_ONLY, OrderType.STOP_LIMIT}
_STOPPED = {OrderType.STOP, OrderType.STOP_LIMIT}


@dataclass(frozen=True, slots=True)
class OrderRequest(Value):
    """An order that somebody wants at a venue. InputError where type and prices do not go together.

    `client_order_id` is 1 to 36 printable ASCII characters; the quantity is above 0; LIMIT,
    POST_ONLY and STOP_LIMIT have a price, STOP and STOP_LIMIT a stop price above 0.
    """

    client_order_id: str
    exchange: Exchange
    symbol: str
    side: TradeSide
    order_type: OrderType
    quantity: Quantity
    price: Price | None = None
    stop_price: Price | None = None
    tif: TimeInForce = TimeInForce.DAY
    reduce_only: bool = False
    tag: U64 = 0

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        checked_symbol(self.symbol)
        name = self.client_order_id
        if not (name.isascii() and name.isprintable() and 0 < len(name) <= 36):
            raise InputError(
                f"client_order_id: found {name!r}; allowed: 1 to 36 printable ASCII characters"
            )
        if self.side is Side.NONE:
            raise InputError("side: found NONE; allowed: BUY, SELL")
        if not self.quantity > Quantity(0):
            raise InputError(f"quantity: found {self.quantity}; allowed: above 0")
        if (self.price is not None) != (self.order_type in _PRICED):
            needs = "a price" if self.order_type in _PRICED else "no price"
            raise InputError(f"{self.order_type.name}: found price {self.price}; allowed: {needs}")
        if (self.stop_price is not None) != (self.order_type in _STOPPED):
            needs = "a stop price" if self.order_type in _STOPPED else "no stop price"
            raise InputError(
                f"{self.order_type.name}: found stop price {self.stop_price}; allowed: {needs}"
            )
        if self.stop_price is not None and not self.stop_price > Price(0):
            raise InputError(f"stop_price: found {self.stop_price}; allowed: above 0")


@dataclass(frozen=True, slots=True)
class RiskVerdict(Value):
    """What the risk chain said of one request: `rule` NONE is yes, else the first rule that
    refused, with its limit and what it found. Quantities and prices are mantissas, as in the
    record.
    """

    timestamp: Timestamp
    order_id: U64
    instrument_id: U32
    strategy_id: U16
    rule: RiskRule
    limit: I64 = 0
    found: I64 = 0
    side: Side = Side.NONE
    px: I64 = 0
    qty: I64 = 0
    position_qty: I64 = 0
    reference_px2: I64 = 0
    action: IntentAction = IntentAction.SUBMIT
    cause_seq: U64 = 0

    @property
    def accepted(self) -> bool:
        """Did every rule agree?"""
        return self.rule is RiskRule.NONE

    @property
    def reason(self) -> str:
        """Why, in words; "accepted" where nothing refused."""
        text = RISK_TEXT[self.rule]
        return text if self.accepted else f"{text}: found {self.found}, allowed {self.limit}"

    def to_record(self) -> bytes:
        """The order_verdict record, 128 bytes."""
        return encode(
            Template.ORDER_VERDICT,
            ts_event_ns=self.timestamp.ns,
            ts_recv_ns=self.timestamp.ns,
            accepted=int(self.accepted),
            **{name: getattr(self, name) for name in _VERDICT},
        )

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Inverse of to_record(). FileFormatError for another record, or one whose `accepted` and
        `rule` contradict each other.
        """
        if record.template is not Template.ORDER_VERDICT:
            raise FileFormatError(f"found a {record.template_name}; allowed: order_verdict")
        found: dict[str, Any] = {name: record.get_int(name) for name in _VERDICT}
        if record.get_int("accepted") != (found["rule"] == RiskRule.NONE):
            raise FileFormatError(f"order_verdict: found a yes with the rule {found['rule']}")
        return cls(timestamp=Timestamp(record.get_int("ts_event_ns")), **found)


_VERDICT = (
    "order_id",
    "instrument_id",
    "strategy_id",
    "rule",
    "limit",
    "found",
    "side",
    "px",
    "qty",
    "position_qty",
    "reference_px2",
    "action",
    "cause_seq",
)
