"""Every check leaves a record, and a line that a person can read."""

import pytest

from tectra.core.errors import InputError
from tectra.core.msg import OrderType, RiskRule, Side
from tectra.portfolio import Portfolio
from tectra.risk import (
    AuditTrail,
    OrderIntent,
    RiskChain,
    RiskContext,
    Verdict,
    explain,
    rate_limit,
)


def checks() -> tuple[AuditTrail, list[Verdict]]:
    trail, verdicts = AuditTrail(100), []
    chain, portfolio = RiskChain([7], 2, audit=trail), Portfolio([7], 2)
    portfolio.on_fill(1, 7, Side.BUY, 1_000, 9)
    limits = {"MAX_QTY": 10, "MAX_NOTIONAL": 9_000, "MAX_POSITION": 10, "PRICE_BAND": 10_000}
    for name, value in limits.items():
        chain.set_limit(RiskRule[name], value)
    chain.set_limit(RiskRule.ORDER_RATE, rate_limit(2, 1))
    context = RiskContext(portfolio.position(7, 1), portfolio.position(7), mid_px2=2_000, now_ns=1)
    for qty, px in ((1, 1_000), (0, 1), (11, 1), (9, 1_001), (2, 1_000), (1, 900), (1, 1_000)):
        order = OrderIntent(
            order_id=len(verdicts) + 1,
            instrument_id=7,
            strategy_id=1,
            side=Side.BUY,
            qty=qty,
            px=px,
        )
        verdicts.append(chain.check(order, context))
    chain.kill(strategy_id=1)
    chain.kill()
    verdicts.append(chain.check(order, context))
    chain.clear()
    chain.clear(strategy_id=1)
    chain.set_limit(RiskRule.MAX_NOTIONAL, None)
    context.mid_px2 = 0
    order = OrderIntent(
        order_id=9,
        instrument_id=7,
        strategy_id=1,
        side=Side.BUY,
        qty=1,
        order_type=OrderType.MARKET,
    )
    verdicts.append(chain.check(order, context))
    return trail, verdicts


def test_one_record_for_each_check() -> None:
    trail, verdicts = checks()
    rows = trail.to_array()
    assert len(trail) == trail.total == len(rows) == len(verdicts) == 9
    assert rows.tobytes() == b"".join(bytes(v) for v in verdicts)
    assert list(rows["rule"]) == [0, 1, 3, 4, 5, 6, 7, 2, 6]
    assert list(rows["accepted"]) == [1] + [0] * 8


def test_words() -> None:
    _, verdicts = checks()
    order = "strategy 1, instrument 7: BUY"
    position = "position 9, requested 2, worst case 11, limit 10"
    rate = "more than 2 orders a second, next in 500000000 ns"
    assert [explain(v) for v in verdicts] == [
        f"accepted: order 1, {order} 1",
        f"rejected by VALIDITY: a field is not valid: found 0, allowed 1; order 2, {order} 0",
        f"rejected by MAX_QTY: quantity 11, limit 10; order 3, {order} 11",
        f"rejected by MAX_NOTIONAL: notional 9009, limit 9000; order 4, {order} 9",
        f"rejected by MAX_POSITION: {position}; order 5, {order} 2",
        f"rejected by PRICE_BAND: price is 100000 ppm off the mid, limit 10000; order 6, {order} 1",
        f"rejected by ORDER_RATE: {rate}; order 7, {order} 1",
        f"rejected by KILL: killed: everything and the strategy; order 7, {order} 1",
        f"rejected by PRICE_BAND: no mid price to compare with; order 9, {order} 1",
    ]


def test_the_trail_keeps_the_last() -> None:
    _, verdicts = checks()
    trail = AuditTrail(4)
    for verdict in verdicts:
        trail(verdict)
    assert (trail.total, len(trail)) == (9, 4)
    assert trail.to_array().tobytes() == b"".join(bytes(v) for v in verdicts[-4:])
    with pytest.raises(InputError, match="capacity"):
        AuditTrail(0)
