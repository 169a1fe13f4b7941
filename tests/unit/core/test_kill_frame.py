"""Frames of a kill: field lists, and each as exactly one record."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from value_strategies import value_of

from tectra.core.errors import FileFormatError, InputError
from tectra.core.kill_frame import (
    Ack,
    KillAction,
    KillTrigger,
    StrategyKillAction,
    StrategyKillTrigger,
)
from tectra.core.msg import AckStatus, KillStep, StrategyPhase, Template
from tectra.core.record import decode, encode
from tectra.core.signal import StrategyDecision
from tectra.core.types import Timestamp

pytestmark = pytest.mark.timeout(30)
FRAMES = {
    KillTrigger: (Template.CONTROL_KILL, 64),
    StrategyKillTrigger: (Template.CONTROL_KILL, 64),
    KillAction: (Template.KILL_RESPONSE, 128),
    StrategyKillAction: (Template.KILL_RESPONSE, 128),
    Ack: (Template.CONTROL_ACK, 128),
    StrategyDecision: (Template.STRATEGY_DECISION, 128),
}
EACH = pytest.mark.parametrize("kind", list(FRAMES), ids=lambda k: k.__name__)


@EACH
@given(data=st.data())
def test_round_trip_and_constant_length(kind: Any, data: Any) -> None:
    frame = data.draw(value_of(kind))
    raw = frame.to_record()
    template, size = FRAMES[kind]
    assert len(raw) == size and decode(raw).template is template
    assert kind.from_record(decode(raw)) == frame


@EACH
def test_other_records_are_refused(kind: Any) -> None:
    with pytest.raises(FileFormatError, match="found a trade"):
        kind.from_record(decode(encode("trade")))


def test_field_lists() -> None:
    names = {k: {f.name for f in fields(k)} for k in FRAMES}
    assert {"strategy_id", "reason", "state", "timestamp"} <= names[StrategyKillTrigger]
    assert {"action_type", "confirmation_required", "rollback"} <= names[StrategyKillAction]
    assert {"timestamp", "reason", "operator_id"} <= names[KillTrigger]
    assert {"step", "status", "trigger_seq", "orders"} <= names[KillAction]
    assert {"status", "command", "command_id", "command_seq", "code"} <= names[Ack]


def test_frames_of_a_strategy_and_of_all_do_not_mix() -> None:
    now = Timestamp(1)
    one = StrategyKillTrigger(5, "loss", StrategyPhase.STARTED, now)
    everything = KillTrigger(now, "loss")
    for wrong, frame in ((KillTrigger, one), (StrategyKillTrigger, everything)):
        with pytest.raises(FileFormatError, match="use "):
            wrong.from_record(decode(frame.to_record()))
    step = StrategyKillAction(
        5, KillStep.FLATTEN, True, "tectra strategy start 5", now, AckStatus.DONE, 9, now
    )
    whole = KillAction(now, KillStep.HALT, AckStatus.DONE, 9, now)
    for wrong_action, action in ((KillAction, step), (StrategyKillAction, whole)):
        with pytest.raises(FileFormatError, match="use "):
            wrong_action.from_record(decode(action.to_record()))
    assert decode(step.to_record()).flags == 1 and step.step is KillStep.FLATTEN


def test_texts_fit_their_fields() -> None:
    now = Timestamp(1)
    for make in (
        lambda: KillTrigger(now, "x" * 17),
        lambda: KillTrigger(now, "é"),
        lambda: KillTrigger(now, "a\0"),
        lambda: Ack(now, AckStatus.DONE, 30, 1, 1, 1, now, text="x" * 41),
        lambda: StrategyDecision(now, 1, "x" * 41),
        lambda: StrategyDecision(now, 1, "x", confidence=1.1),
    ):
        with pytest.raises(InputError, match="allowed"):
            make()
    with pytest.raises(OverflowError):
        StrategyKillTrigger(0, "loss", None, now)
