"""Limits in plain Python, at their edges."""

import pytest

from tectra.core.msg import RiskRule
from tectra.testing.limits import Limits

S = 1_000_000_000


@pytest.fixture
def limits() -> Limits:
    made = Limits()
    for rule, value in (
        (RiskRule.MAX_QTY, 500),
        (RiskRule.MAX_NOTIONAL, 60_000),
        (RiskRule.PRICE_BAND, 10_000),
    ):
        made.set(int(rule), 0, 7, value)
    return made


@pytest.mark.parametrize(
    ("leaves", "px", "wrong"),
    [
        (500, 100, ""), (501, 100, "MAX_QTY"), (500, 121, "MAX_NOTIONAL"), (10, 101, ""),
        (10, 102, "PRICE_BAND"), (10, 99, ""), (10, 98, "PRICE_BAND"),
    ],
)  # fmt: skip
def test_an_order_at_its_limits(limits: Limits, leaves: int, px: int, wrong: str) -> None:
    said = limits.order(1, 7, leaves, px, 200)
    assert said.startswith(wrong) and bool(said) == bool(wrong)
    assert limits.order(1, 8, leaves, px, 200) == ""  # nothing was set there


def test_the_tightest_scope_applies_until_it_is_taken_back(limits: Limits) -> None:
    limits.set(int(RiskRule.MAX_QTY), 2, 0, 50)
    assert limits.order(2, 7, 51, 100, 200) and not limits.order(1, 7, 51, 100, 200)
    limits.set(int(RiskRule.MAX_QTY), 2, 0, -1)
    assert not limits.order(2, 7, 51, 100, 200)


def test_a_rate_is_a_bucket() -> None:
    limits = Limits()
    assert not any(limits.rate(1, 0) for _ in range(100))
    limits.set(int(RiskRule.ORDER_RATE), 0, 0, 3 << 32 | 2)
    assert [bool(limits.rate(2, 0)) for _ in range(4)] == [False, False, False, True]
    assert [bool(limits.rate(3, t)) for t in (0, 0, 0, S // 2, S // 2)] == [False] * 4 + [True]


def test_a_position_may_not_go_beyond_the_widest_limit_that_a_request_met(limits: Limits) -> None:
    limits.set(int(RiskRule.MAX_POSITION), 0, 7, 300)
    limits.order(1, 7, 1, 100, 200)
    limits.set(int(RiskRule.MAX_POSITION), 0, 7, 100)
    limits.order(1, 7, 1, 100, 200)
    assert limits.position(7, -300) == ""
    assert limits.position(7, 301) == "MAX_POSITION: 301 beyond 300"
