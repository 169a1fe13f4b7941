"""Requests become intents and come back; verdicts of the chain become values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from value_strategies import PX_EXPONENT, QTY_EXPONENT, SYMBOL, value_of

from tectra.core.errors import FileFormatError, InputError
from tectra.core.fixed import Price, Quantity
from tectra.core.msg import IntentAction, RiskRule
from tectra.core.order import OrderRequest
from tectra.core.record import decode, encode
from tectra.core.types import Exchange, OrderType, Side, Timestamp
from tectra.oms import ClientOrderIds, intent_of, request_of, verdict_of
from tectra.portfolio.position import Position
from tectra.refdata.instrument import Instrument
from tectra.risk import RiskChain, RiskContext

pytestmark = pytest.mark.timeout(30)
IDS = ClientOrderIds("test")
BTC = Instrument(7, SYMBOL, Exchange.BINANCE, px_exponent=PX_EXPONENT, qty_exponent=QTY_EXPONENT)
NOW = Timestamp(1_000)


def request(**change: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "client_order_id": "cm_test_5",
        "exchange": Exchange.BINANCE,
        "symbol": SYMBOL,
        "side": Side.SELL,
        "order_type": OrderType.LIMIT,
        "quantity": Quantity("0.5"),
        "price": Price("100.25"),
    }
    return OrderRequest(**{**fields, **change})


@given(value_of(OrderRequest), st.integers(0, 99))
def test_round_trip(drawn: OrderRequest, cause_seq: int) -> None:
    wanted = OrderRequest.from_dict({**drawn.to_dict(), "exchange": 1, "symbol": SYMBOL})
    raw = intent_of(wanted, BTC, IDS, strategy_id=3, timestamp=NOW, cause_seq=cause_seq)
    assert len(raw) == 128
    record = decode(raw)
    assert (record.strategy_id, record.cause_seq, record.ts_event_ns) == (3, cause_seq, 1_000)
    assert request_of(record, BTC, IDS) == wanted


@pytest.mark.parametrize(
    "change",
    [
        {"client_order_id": "cm_other_5"},
        {"client_order_id": "mine"},
        {"symbol": "ETHUSDT"},
        {"exchange": Exchange.BYBIT},
        {"price": Price("100.255")},
        {"quantity": Quantity("0.000001")},
    ],
)
def test_what_has_no_intent(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="allowed"):
        intent_of(request(**change), BTC, IDS, strategy_id=1, timestamp=NOW)


def test_other_records_are_no_request() -> None:
    for raw in (
        encode("order_intent", instrument_id=7, action=IntentAction.CANCEL),
        encode("order_intent", instrument_id=8, action=IntentAction.SUBMIT),
        encode("order_send", instrument_id=7, action=IntentAction.SUBMIT),
    ):
        with pytest.raises(FileFormatError):
            request_of(decode(raw), BTC, IDS)


def test_the_chain_answers_a_request() -> None:
    """A request goes through the real chain; its verdict says the reason in words."""
    chain = RiskChain([7], 2)
    chain.set_limit(RiskRule.MAX_QTY, 40_000)
    context = RiskContext(Position(7, 1), Position(7, 0), mid_px2=20_050, now_ns=1_000)
    raw = intent_of(request(), BTC, IDS, strategy_id=1, timestamp=NOW, cause_seq=9)
    verdict = verdict_of(chain.check(raw, context))
    assert not verdict.accepted and verdict.rule is RiskRule.MAX_QTY
    assert verdict.reason == (
        "the quantity is above the limit of one order: found 50000, allowed 40000"
    )
    assert (verdict.order_id, verdict.strategy_id, verdict.cause_seq) == (5, 1, 9)
