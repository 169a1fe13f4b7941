"""Signals, and the state of a strategy through a file."""

from typing import Any

import pytest
from hypothesis import given
from value_strategies import value_of

from tectra.core.errors import FileFormatError, InputError
from tectra.core.record import decode, encode
from tectra.core.signal import Signal, StrategyState
from tectra.core.types import Timestamp

pytestmark = pytest.mark.timeout(30)
NOW = Timestamp(5)


def test_signal_fields() -> None:
    signal = Signal(NOW, "AAPL", "cross", 0.75, {"fast": 12, "side": "up"})
    assert list(signal.to_dict()) == ["timestamp", "symbol", "type", "confidence", "metadata"]
    assert signal.metadata["fast"] == 12
    for change in ({"confidence": 1.5}, {"confidence": -0.1}, {"type": ""}, {"symbol": ""}):
        with pytest.raises(InputError):
            Signal.from_dict({**signal.to_dict(), **change})


def test_signal_of_a_record() -> None:
    raw = encode(
        "strategy_signal", ts_event_ns=5, strategy_id=2, cause_seq=40, ring_seq=42, value=0.5,
        name="imbalance",
    )  # fmt: skip
    signal = Signal.from_record(decode(raw), "AAPL")
    assert (signal.type, signal.timestamp) == ("imbalance", NOW)
    assert dict(signal.metadata) == {
        "strategy_id": 2, "ring_seq": 42, "cause_seq": 40, "value": 0.5,
    }  # fmt: skip
    with pytest.raises(FileFormatError):
        Signal.from_record(decode(encode("trade")), "AAPL")


@given(value_of(StrategyState))
def test_dump_and_restore(state: StrategyState) -> None:
    line = state.dump()
    assert StrategyState.restore(line) == state
    assert line.endswith(b"\n") and line.count(b"\n") == 1


def state(**fields: Any) -> StrategyState:
    return StrategyState.of("Cross", fields, version=3, timestamp=NOW, ring_seq=77)


def test_state_comes_back_as_it_was() -> None:
    held = {"ema": 0.1 + 0.2, "orders": [1, 2], "by": {"AAPL": None}, "big": (1 << 63) - 1}
    again = StrategyState.restore(state(**held).dump())
    assert again.state == held and again.state is not again.state
    assert (again.strategy, again.version, again.ring_seq) == ("Cross", 3, 77)
    assert state(a=1, b=2) == state(b=2, a=1)


def test_every_damage_is_seen() -> None:
    line = state(ema=1.5, fills=3).dump()
    for end in range(len(line) - 1):
        with pytest.raises(FileFormatError):
            StrategyState.restore(line[:end])
    for at in range(len(line) - 1):
        broken = bytearray(line)
        broken[at] ^= 1
        with pytest.raises(FileFormatError):
            StrategyState.restore(bytes(broken))


@pytest.mark.parametrize("bad", [{"x": float("nan")}, {"x": (1,)}, {"x": object()}, {1: 2}])
def test_what_a_document_cannot_keep(bad: Any) -> None:
    with pytest.raises(InputError):
        StrategyState.of("Cross", bad, version=1, timestamp=NOW, ring_seq=0)
    with pytest.raises(InputError):
        StrategyState("Cross", 1, NOW, 0, "[1]")
    with pytest.raises(InputError):
        StrategyState("Cross", 1, NOW, 0, "{")
    with pytest.raises(InputError):
        StrategyState("", 1, NOW, 0, "{}")
