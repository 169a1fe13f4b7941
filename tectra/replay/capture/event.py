"""StateMachineEvent: one update of a session, with the state before and after it. Any thread."""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any

import msgspec

from tectra.core.errors import InputError
from tectra.core.msg import (
    DIRECTION,
    BarKind,
    BookReason,
    BookStatus,
    Callback,
    FillReason,
    IntentAction,
    KillAction,
    Liquidity,
    OrderEventKind,
    OrderState,
    OrderType,
    RejectReason,
    RiskRule,
    SessionKind,
    Side,
    StatusKind,
    StrategyPhase,
    Template,
    TimeInForce,
)
from tectra.core.record import Record
from tectra.replay.capture.plain import Plain

__all__ = ["EVENT_KINDS", "StateMachineEvent", "Vocabulary", "kinds_of"]

_Names = dict[str, type[IntEnum]]
_SIDE: _Names = {"side": Side}
_ORDER: _Names = _SIDE | {"action": IntentAction, "order_type": OrderType, "tif": TimeInForce}
_BOOK: _Names = _SIDE | {"reason": BookReason, "status": BookStatus}
# Fields of a record that are numbers with names, by its template.
_NAMES: dict[Template, _Names] = dict.fromkeys(DIRECTION, _SIDE)
_NAMES |= dict.fromkeys((Template.BOOK_STATUS, Template.BOOK_CLEAR), _BOOK)
_NAMES |= {
    t: _ORDER | {"reason": RejectReason, "liquidity": Liquidity, "fill_reason": FillReason}
    for t in DIRECTION
    if Template.ORDER_ACK <= t <= Template.ORDER_REJECT
}
_NAMES |= {
    Template.STATUS: {"kind": StatusKind},
    Template.BAR: {"kind": BarKind},
    Template.SESSION: {"kind": SessionKind},
    Template.CONTROL_KILL: {"action": KillAction},
    Template.CONTROL_LIMIT: {"rule": RiskRule},
    Template.ORDER_INTENT: _ORDER,
    Template.ORDER_VERDICT: _ORDER | {"rule": RiskRule},
    Template.ORDER_SEND: _ORDER,
    Template.ORDER_EVENT: _SIDE
    | {
        "event": OrderEventKind,
        "from_state": OrderState,
        "to_state": OrderState,
        "reason": RejectReason,
    },
    Template.STRATEGY_DECISION: _SIDE | {"callback": Callback},
    Template.STRATEGY_STATE: {"phase": StrategyPhase, "callback": Callback},
}
_NO_PX = -(1 << 63)
_LEFT_OUT = ("reserved", "reserved2")
# What an event can be asked for; one event may be of several kinds.
EVENT_KINDS = ("market", "report", "timer", "control", "state", "action")
_ACTIONS = {
    Template.ORDER_INTENT: "intent",
    Template.ORDER_VERDICT: "verdict",
    Template.ORDER_SEND: "send",
    Template.STRATEGY_SIGNAL: "signal",
    Template.STRATEGY_DECISION: "decision",
    Template.KILL_RESPONSE: "kill_response",
}


class StateMachineEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One update. `sequence` counts the events of a session from 1, `timestamp` is engine time in
    ns; `market_data` is the input (market data, a report, a timer, a command) by field;
    `transition` are changes of orders and strategies, each with its reason, `action` what was
    wanted, judged and sent. States are plain values and share what did not change: change none.
    """

    sequence: int
    timestamp: int
    market_data: dict[str, Plain]
    state_before: dict[str, Plain]
    transition: list[dict[str, Plain]]
    action: list[dict[str, Plain]]
    state_after: dict[str, Plain]

    @property
    def ring_seq(self) -> int:
        """Number of the input in its journal; 0 where the source has no journal."""
        return int(self.market_data.get("ring_seq", 0))

    @property
    def kinds(self) -> frozenset[str]:
        """Which of EVENT_KINDS it is: that of its input, `state` with a transition, `action` with
        an action.
        """
        out = {str(self.market_data.get("kind_of", "market"))}
        if self.transition:
            out.add("state")
        if self.action:
            out.add("action")
        return frozenset(out)


def kinds_of(names: Iterable[str]) -> frozenset[str]:
    """Names of event kinds, checked. InputError."""
    found = frozenset(names)
    for name in sorted(found - set(EVENT_KINDS)):
        raise InputError(f"event type: found {name!r}; allowed: {', '.join(EVENT_KINDS)}")
    return found


def _kind_of(template: Template) -> str:
    if template < Template.ORDER_ACK:
        return "market"
    if template <= Template.ORDER_REJECT:
        return "report"
    return "timer" if template is Template.TIMER else "control"


def _value(value: Any, names: type[IntEnum] | None) -> Plain:
    if names is not None and isinstance(value, int):
        return names(value).name if value in names._value2member_map_ else value
    if isinstance(value, bytes):
        text = value.rstrip(b"\0")
        return text.decode() if text.isascii() else value
    if isinstance(value, tuple):
        return list(value)
    return None if value == _NO_PX else value


class Vocabulary:
    """Turns records into events' plain words: enums by name, instruments by symbol."""

    def __init__(self, symbols: Mapping[int, str]) -> None:
        self.symbols = symbols

    def fields(self, record: Record) -> dict[str, Plain]:
        """Every field of a record that says something, and the symbol."""
        template = record.template
        names = _NAMES[template]
        out = {
            name: _value(value, names.get(name))
            for name, value in record.to_dict().items()
            if name not in _LEFT_OUT
        }
        symbol = self.symbols.get(out["instrument_id"])
        if symbol is not None:
            out["symbol"] = symbol
        return out

    def market_data(self, record: Record) -> dict[str, Plain]:
        """An input."""
        out = self.fields(record)
        out["kind_of"] = _kind_of(record.template)
        return out

    def actions(self, outputs: Iterable[Record]) -> list[dict[str, Plain]]:
        """What strategies wanted, what risk said, what was sent, in order."""
        return [
            {"kind": _ACTIONS[record.template], **self.fields(record)}
            for record in outputs
            if record.template in _ACTIONS
        ]

    def transitions(self, given: Record, outputs: Iterable[Record]) -> list[dict[str, Plain]]:
        """Changes of orders and strategies, each with its reason."""
        out: list[dict[str, Plain]] = []
        refused: dict[int, str] = {}
        for record in outputs:
            if record.template is Template.ORDER_VERDICT and not record.accepted:
                refused[record.get_int("order_id")] = RiskRule(record.get_int("rule")).name
            elif record.template is Template.ORDER_EVENT:
                out.append(self._order(record, given, refused))
            elif record.template is Template.STRATEGY_STATE:
                said = self.fields(record)
                out.append(
                    {
                        "kind": "strategy",
                        "strategy_id": said["strategy_id"],
                        "to": said["phase"],
                        "callback": said["callback"],
                        "reason": said["text"],
                        "cause_seq": said["cause_seq"],
                    }
                )
        return out

    def _order(self, record: Record, given: Record, refused: Mapping[int, str]) -> dict[str, Plain]:
        said = self.fields(record)
        order_id = said["order_id"]
        reason = said["reason"]
        if order_id in refused:
            reason = f"RISK: {refused[order_id]}"
        elif reason == "NONE":
            reason = f"{given.template_name} {given.get_int('ring_seq')}"
        kept = ("order_id", "strategy_id", "symbol", "side", "px", "qty", "leaves_qty", "cum_qty",
                "last_px", "last_qty", "cause_seq")  # fmt: skip
        return {
            "kind": "order",
            "from": said["from_state"],
            "to": said["to_state"],
            "event": said["event"],
            "reason": reason,
            "valid": bool(said["valid"]),
            **{name: said[name] for name in kept if name in said},
        }
