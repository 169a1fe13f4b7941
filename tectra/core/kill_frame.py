"""Frames of a kill: what triggers it, each step that follows, and the answer to a command. Each is
one record of the schema.
"""

from dataclasses import dataclass
from typing import Annotated, Self

from tectra.core.errors import FileFormatError, InputError
from tectra.core.msg import AckStatus, KillStep, KillStepFlag, StrategyPhase, Template
from tectra.core.msg import KillAction as KillVerb
from tectra.core.record import Record, encode
from tectra.core.types import Timestamp
from tectra.core.value import U16, U32, U64, Between, Value

__all__ = ["Ack", "KillAction", "KillTrigger", "StrategyKillAction", "StrategyKillTrigger"]

_I32 = Annotated[int, Between(-(1 << 31), (1 << 31) - 1)]
_STRATEGY = Annotated[int, Between(1, (1 << 16) - 1)]
_REASON, _ROLLBACK, _TEXT = 16, 40, 40


def _check_text(name: str, text: str, size: int) -> None:
    if not text.isascii() or len(text) > size or text.endswith("\0"):
        raise InputError(f"{name}: found {text!r}; allowed: up to {size} ASCII characters")


def _check_template(record: Record, template: Template) -> None:
    if record.template is not template:
        raise FileFormatError(f"found a {record.template_name}; allowed: {template.name.lower()}")


def _head(timestamp: Timestamp, instrument_id: int) -> dict[str, int]:
    return {
        "ts_event_ns": timestamp.ns,
        "ts_recv_ns": timestamp.ns,
        "instrument_id": instrument_id,
    }


def _stamp(record: Record, name: str = "ts_event_ns") -> Timestamp:
    return Timestamp(record.get_int(name))


@dataclass(frozen=True, slots=True)
class KillTrigger(Value):
    """Stop (or clear) everything, or everything in one instrument: a control_kill record without a
    strategy.
    """

    timestamp: Timestamp
    reason: str
    operator_id: U64 = 0
    instrument_id: U32 = 0
    action: KillVerb = KillVerb.KILL

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        _check_text("reason", self.reason, _REASON)

    def to_record(self) -> bytes:
        """The control_kill record, 64 bytes."""
        return encode(
            Template.CONTROL_KILL,
            **_head(self.timestamp, self.instrument_id),
            action=self.action,
            operator_id=self.operator_id,
            reason=self.reason,
        )

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Inverse of to_record(). FileFormatError for another record, or one of a strategy."""
        _check_template(record, Template.CONTROL_KILL)
        if record.get_int("strategy_id") or record.get_int("state"):
            raise FileFormatError("control_kill: found one of a strategy; use StrategyKillTrigger")
        return cls(
            _stamp(record),
            record.get_text("reason"),
            record.get_int("operator_id"),
            record.get_int("instrument_id"),
            KillVerb(record.get_int("action")),
        )


@dataclass(frozen=True, slots=True)
class StrategyKillTrigger(Value):
    """Stop (or clear) one strategy: a control_kill record with a strategy. `state` is the phase it
    was in, None where not said.
    """

    strategy_id: _STRATEGY
    reason: str
    state: StrategyPhase | None
    timestamp: Timestamp
    operator_id: U64 = 0
    instrument_id: U32 = 0
    action: KillVerb = KillVerb.KILL

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        _check_text("reason", self.reason, _REASON)

    def to_record(self) -> bytes:
        """The control_kill record, 64 bytes."""
        return encode(
            Template.CONTROL_KILL,
            **_head(self.timestamp, self.instrument_id),
            action=self.action,
            state=0 if self.state is None else self.state,
            strategy_id=self.strategy_id,
            operator_id=self.operator_id,
            reason=self.reason,
        )

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Inverse of to_record(). FileFormatError for another record."""
        _check_template(record, Template.CONTROL_KILL)
        if not record.get_int("strategy_id"):
            raise FileFormatError("control_kill: found one of no strategy; use KillTrigger")
        state = record.get_int("state")
        return cls(
            record.get_int("strategy_id"),
            record.get_text("reason"),
            StrategyPhase(state) if state else None,
            _stamp(record),
            record.get_int("operator_id"),
            record.get_int("instrument_id"),
            KillVerb(record.get_int("action")),
        )


@dataclass(frozen=True, slots=True)
class KillAction(Value):
    """One step taken because of a kill: a kill_response record without a strategy. `trigger_seq` is
    the ring_seq of the trigger, `orders` how many the step touched.
    """

    timestamp: Timestamp
    step: KillStep
    status: AckStatus
    trigger_seq: U64
    ts_done: Timestamp
    orders: U32 = 0
    reason: str = ""
    instrument_id: U32 = 0

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        _check_text("reason", self.reason, _REASON)

    def to_record(self) -> bytes:
        """The kill_response record, 128 bytes."""
        return encode(
            Template.KILL_RESPONSE,
            **_head(self.timestamp, self.instrument_id),
            **_step(self),
        )

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Inverse of to_record(). FileFormatError for another record, or one of a strategy."""
        _check_template(record, Template.KILL_RESPONSE)
        if record.get_int("strategy_id") or record.get_int("flags") or record.get_text("rollback"):
            raise FileFormatError("kill_response: found one of a strategy; use StrategyKillAction")
        return cls(
            _stamp(record),
            KillStep(record.get_int("step")),
            AckStatus(record.get_int("status")),
            record.get_int("trigger_seq"),
            _stamp(record, "ts_done_ns"),
            record.get_int("orders"),
            record.get_text("reason"),
            record.get_int("instrument_id"),
        )


@dataclass(frozen=True, slots=True)
class StrategyKillAction(Value):
    """One step taken against one strategy: a kill_response record with a strategy.

    `action_type` says what is done, `confirmation_required` that a second person must agree first,
    `rollback` how it is undone.
    """

    strategy_id: _STRATEGY
    action_type: KillStep
    confirmation_required: bool
    rollback: str
    timestamp: Timestamp
    status: AckStatus
    trigger_seq: U64
    ts_done: Timestamp
    orders: U32 = 0
    reason: str = ""
    instrument_id: U32 = 0

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        _check_text("reason", self.reason, _REASON)
        _check_text("rollback", self.rollback, _ROLLBACK)

    @property
    def step(self) -> KillStep:
        """The same as action_type."""
        return self.action_type

    def to_record(self) -> bytes:
        """The kill_response record, 128 bytes."""
        return encode(
            Template.KILL_RESPONSE,
            **_head(self.timestamp, self.instrument_id),
            **_step(self),
            flags=KillStepFlag.CONFIRM if self.confirmation_required else 0,
            strategy_id=self.strategy_id,
            rollback=self.rollback,
        )

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Inverse of to_record(). FileFormatError for another record."""
        _check_template(record, Template.KILL_RESPONSE)
        if not record.get_int("strategy_id"):
            raise FileFormatError("kill_response: found one of no strategy; use KillAction")
        return cls(
            strategy_id=record.get_int("strategy_id"),
            action_type=KillStep(record.get_int("step")),
            confirmation_required=bool(record.get_int("flags") & KillStepFlag.CONFIRM),
            rollback=record.get_text("rollback"),
            timestamp=_stamp(record),
            status=AckStatus(record.get_int("status")),
            trigger_seq=record.get_int("trigger_seq"),
            ts_done=_stamp(record, "ts_done_ns"),
            orders=record.get_int("orders"),
            reason=record.get_text("reason"),
            instrument_id=record.get_int("instrument_id"),
        )


def _step(action: KillAction | StrategyKillAction) -> dict[str, int | str]:
    return {
        "step": action.step,
        "status": action.status,
        "trigger_seq": action.trigger_seq,
        "ts_done_ns": action.ts_done.ns,
        "orders": action.orders,
        "reason": action.reason,
    }


@dataclass(frozen=True, slots=True)
class Ack(Value):
    """The answer to a command: a control_ack record. `command` is the template of the command,
    `command_seq` its ring_seq, `code` a return code, 0 or negative.
    """

    timestamp: Timestamp
    status: AckStatus
    command: U16
    command_id: U64
    command_seq: U64
    operator_id: U64
    ts_done: Timestamp
    code: _I32 = 0
    text: str = ""
    instrument_id: U32 = 0

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        _check_text("text", self.text, _TEXT)

    def to_record(self) -> bytes:
        """The control_ack record, 128 bytes."""
        return encode(
            Template.CONTROL_ACK,
            **_head(self.timestamp, self.instrument_id),
            status=self.status,
            command=self.command,
            command_id=self.command_id,
            command_seq=self.command_seq,
            operator_id=self.operator_id,
            ts_done_ns=self.ts_done.ns,
            code=self.code,
            text=self.text,
        )

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Inverse of to_record(). FileFormatError for another record."""
        _check_template(record, Template.CONTROL_ACK)
        return cls(
            _stamp(record),
            AckStatus(record.get_int("status")),
            record.get_int("command"),
            record.get_int("command_id"),
            record.get_int("command_seq"),
            record.get_int("operator_id"),
            _stamp(record, "ts_done_ns"),
            record.get_int("code"),
            record.get_text("text"),
            record.get_int("instrument_id"),
        )
