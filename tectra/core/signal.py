"""What a strategy says and keeps: signals, decisions, and the state from which it is restored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from tectra.core.crc32c import crc32c
from tectra.core.errors import FileFormatError, InputError
from tectra.core.market import checked_symbol
from tectra.core.msg import Callback, Template
from tectra.core.record import Record, encode
from tectra.core.types import Side, Timestamp
from tectra.core.value import U16, U32, U64, Labels, Value

__all__ = ["Signal", "StrategyDecision", "StrategyState"]


def _check_confidence(confidence: float) -> None:
    if not 0.0 <= confidence <= 1.0:
        raise InputError(f"confidence: found {confidence}; allowed: 0 to 1")


@dataclass(frozen=True, slots=True)
class Signal(Value):
    """Something seen in the market that may lead to orders. `confidence` is 0 to 1; `metadata` are
    named numbers and texts.
    """

    timestamp: Timestamp
    symbol: str
    type: str
    confidence: float = 1.0
    metadata: Labels = Labels()  # noqa: RUF009  immutable

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        checked_symbol(self.symbol)
        _check_confidence(self.confidence)
        if not self.type:
            raise InputError("type: found nothing; allowed: the name of the signal")

    @classmethod
    def from_record(cls, record: Record, symbol: str) -> Self:
        """From a strategy_signal record: the type is its name; value, strategy and sequence numbers
        are metadata. FileFormatError for another record.
        """
        if record.template is not Template.STRATEGY_SIGNAL:
            raise FileFormatError(f"found a {record.template_name}; allowed: strategy_signal")
        names = ("strategy_id", "ring_seq", "cause_seq")
        metadata: dict[str, str | int | float | bool] = {n: record.get_int(n) for n in names}
        value = record.value
        if isinstance(value, float):
            metadata["value"] = value
        return cls(
            Timestamp(record.get_int("ts_event_ns")),
            symbol,
            record.get_text("name"),
            metadata=Labels(metadata),
        )


@dataclass(frozen=True, slots=True)
class StrategyDecision(Value):
    """What a strategy decided in one callback, in one line of up to 40 ASCII characters."""

    timestamp: Timestamp
    strategy_id: U16
    text: str
    instrument_id: U32 = 0
    side: Side = Side.NONE
    callback: Callback = Callback.NONE
    confidence: float = 1.0
    cause_seq: U64 = 0

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        _check_confidence(self.confidence)
        if not self.text.isascii() or len(self.text) > 40 or self.text.endswith("\0"):
            raise InputError(f"text: found {self.text!r}; allowed: up to 40 ASCII characters")

    def to_record(self) -> bytes:
        """The strategy_decision record, 128 bytes."""
        return encode(
            Template.STRATEGY_DECISION,
            ts_event_ns=self.timestamp.ns,
            ts_recv_ns=self.timestamp.ns,
            instrument_id=self.instrument_id,
            side=self.side,
            callback=self.callback,
            strategy_id=self.strategy_id,
            cause_seq=self.cause_seq,
            confidence=self.confidence,
            text=self.text,
        )

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Inverse of to_record(). FileFormatError for another record."""
        if record.template is not Template.STRATEGY_DECISION:
            raise FileFormatError(f"found a {record.template_name}; allowed: strategy_decision")
        confidence = record.confidence
        assert isinstance(confidence, float)
        return cls(
            Timestamp(record.get_int("ts_event_ns")),
            record.get_int("strategy_id"),
            record.get_text("text"),
            record.get_int("instrument_id"),
            Side(record.get_int("side")),
            Callback(record.get_int("callback")),
            confidence,
            record.get_int("cause_seq"),
        )


@dataclass(frozen=True, slots=True)
class StrategyState(Value):
    """Everything a strategy needs to go on after a crash: its name, the version of its state's
    meaning, the last record it saw, and a JSON document of its own.

    Make one with of(); `document` is canonical JSON text, so that equal states are equal text.
    """

    strategy: str
    version: U32
    timestamp: Timestamp
    ring_seq: U64
    document: str

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        if not self.strategy:
            raise InputError("strategy: found nothing; allowed: its name")
        object.__setattr__(self, "document", _canonical(_loads(self.document)))

    @classmethod
    def of(
        cls,
        strategy: str,
        state: Mapping[str, Any],
        *,
        version: int,
        timestamp: Timestamp,
        ring_seq: int,
    ) -> Self:
        """From a mapping of plain values: text, numbers, lists, mappings, None. InputError for
        anything else; floats come back bit for bit, NaN is refused.
        """
        return cls(strategy, version, timestamp, ring_seq, _canonical(state))

    @property
    def state(self) -> dict[str, Any]:
        """The document as plain values, a fresh copy."""
        found = orjson.loads(self.document)
        assert isinstance(found, dict)
        return found

    def dump(self) -> bytes:
        """One line for a file: a CRC32C in hex, and JSON."""
        body = orjson.dumps(self.to_dict())
        return b"%08x %s\n" % (crc32c(body), body)

    @classmethod
    def restore(cls, raw: bytes) -> Self:
        """Inverse of dump(). FileFormatError for a line that was cut or changed."""
        mark, _, body = raw.rstrip(b"\n").partition(b" ")
        if mark != b"%08x" % crc32c(body):
            raise FileFormatError(
                f"strategy state: found checksum {mark[:8]!r}, computed {crc32c(body):08x}; the "
                "line is damaged; use the one before it"
            )
        return cls.from_dict(orjson.loads(body))


def _canonical(state: object) -> str:
    if not isinstance(state, Mapping):
        raise InputError(f"state: found {type(state).__name__}; allowed: a mapping")
    try:
        text = orjson.dumps(dict(state), option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise InputError(f"state: {error}; allowed: text, numbers, lists, mappings, None") from None
    if orjson.loads(text) != dict(state):
        raise InputError("state: found values that JSON does not keep, such as NaN or a tuple")
    return text.decode()


def _loads(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError(f"document: {error}; allowed: JSON; use StrategyState.of()") from None
