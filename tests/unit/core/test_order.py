"""OrderRequest and RiskVerdict: what goes together, and a text for every reason to say no."""

from typing import Any

import pytest
from hypothesis import given
from value_strategies import value_of

from tectra.core.errors import FileFormatError, InputError
from tectra.core.fixed import Price, Quantity
from tectra.core.msg import RejectReason, RiskRule
from tectra.core.order import REJECT_TEXT, RISK_TEXT, OrderRequest, RiskVerdict, reject_text
from tectra.core.record import decode, encode
from tectra.core.types import Exchange, OrderType, Side, Timestamp

pytestmark = pytest.mark.timeout(30)
REQUEST: dict[str, Any] = {
    "client_order_id": "cm_a_1",
    "exchange": Exchange.KRAKEN,
    "symbol": "BTCUSD",
    "side": Side.BUY,
    "order_type": OrderType.LIMIT,
    "quantity": Quantity("0.5"),
    "price": Price("100"),
}


def test_field_list() -> None:
    request = OrderRequest(**REQUEST)
    assert list(request.to_dict())[:7] == list(REQUEST)
    assert isinstance(request.side, Side) and isinstance(request.order_type, OrderType)


@pytest.mark.parametrize(
    "change",
    [
        {"client_order_id": ""},
        {"client_order_id": "x" * 37},
        {"client_order_id": "a\nb"},
        {"client_order_id": "ä"},
        {"side": Side.NONE},
        {"quantity": Quantity(0)},
        {"quantity": Quantity(-1)},
        {"price": None},
        {"order_type": OrderType.POST_ONLY, "price": None},
        {"order_type": OrderType.MARKET},
        {"order_type": OrderType.STOP, "stop_price": Price(1)},
        {"order_type": OrderType.STOP, "price": None},
        {"order_type": OrderType.STOP_LIMIT},
        {"order_type": OrderType.STOP_LIMIT, "stop_price": Price(0)},
        {"stop_price": Price(1)},
    ],
)
def test_what_does_not_go_together(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="allowed"):
        OrderRequest(**{**REQUEST, **change})


@pytest.mark.parametrize("rule", list(RiskRule))
def test_every_rule_has_a_text(rule: RiskRule) -> None:
    verdict = RiskVerdict(Timestamp(1), 2, 3, 4, rule, limit=10, found=11)
    assert verdict.accepted is (rule is RiskRule.NONE)
    assert reject_text(rule) in verdict.reason and len(reject_text(rule)) > 5
    assert verdict.accepted or "found 11, allowed 10" in verdict.reason
    assert RiskVerdict.from_record(decode(verdict.to_record())) == verdict


@pytest.mark.parametrize("reason", list(RejectReason))
def test_every_reason_of_a_venue_has_a_text(reason: RejectReason) -> None:
    assert len(reject_text(reason)) > 5


def test_texts_differ() -> None:
    texts = [*RISK_TEXT.values(), *REJECT_TEXT.values()]
    assert len(set(texts)) == len(texts) == len(RiskRule) + len(RejectReason)


@given(value_of(RiskVerdict))
def test_a_verdict_is_one_record(verdict: RiskVerdict) -> None:
    raw = verdict.to_record()
    assert len(raw) == 128
    assert RiskVerdict.from_record(decode(raw)) == verdict


def test_contradictions_are_refused() -> None:
    for raw in (
        encode("order_verdict", rule=RiskRule.NONE, accepted=0),
        encode("order_verdict", rule=RiskRule.KILL, accepted=1),
        encode("order_intent"),
    ):
        with pytest.raises(FileFormatError):
            RiskVerdict.from_record(decode(raw))
