"""Risk, positions and orders as Python calls them, against what a person would write in Python."""

import itertools
from dataclasses import dataclass
from time import perf_counter_ns

import gate as gates
import pytest
from conftest import Gate

from tectra.core.msg import OrderEventKind, RiskRule, Side
from tectra.oms import OrderTable
from tectra.portfolio import Portfolio
from tectra.risk import OrderIntent, RiskChain, RiskContext, rate_limit

LIMITS = {
    RiskRule.MAX_QTY: 1_000,
    RiskRule.MAX_NOTIONAL: 10**9,
    RiskRule.MAX_POSITION: 10_000,
    RiskRule.PRICE_BAND: 10_000,
    RiskRule.ORDER_RATE: rate_limit(2**31 - 1),
}


@dataclass
class Plain:
    """The bare comparisons of the same rules over Python attributes; no record, no counters."""

    net: int = 0
    open_buy: int = 0
    tokens: int = 10**9

    def check(self, side: int, px: int, qty: int, mid_px2: int) -> bool:
        if qty <= 0 or px <= 0 or qty > 1_000 or px * qty > 10**9:
            return False
        if side == 1 and self.net + self.open_buy + qty > 10_000:
            return False
        if abs(2 * px - mid_px2) * 1_000_000 > 10_000 * mid_px2 or self.tokens <= 0:
            return False
        self.tokens -= 1
        return True


def desk() -> tuple[RiskChain, OrderIntent, RiskContext]:
    chain, portfolio = RiskChain([7], 2), Portfolio([7], 2)
    for rule, value in LIMITS.items():
        chain.set_limit(rule, value)
    intent = OrderIntent(
        order_id=1, instrument_id=7, strategy_id=1, side=Side.BUY, qty=10, px=1_000
    )
    context = RiskContext(portfolio.position(7, 1), portfolio.position(7), mid_px2=2_000, now_ns=1)
    return chain, intent, context


def test_check_from_python(gate: Gate) -> None:
    chain, intent, context = desk()
    plain = Plain()
    many = range(gates.size(1_000, 10))

    def subject() -> None:
        check = chain.check
        for _ in many:
            check(intent, context)

    def yardstick() -> None:
        check = plain.check
        for _ in many:
            check(1, 1_000, 10, 2_000)

    gate(subject, yardstick, "risk.check_from_python")


def test_check_rate_and_tail() -> None:
    """PF-15: 100,000 orders a second, p99 below 80 us; three orders of magnitude to spare."""
    chain, intent, context = desk()
    n = gates.size(200_000, 100)
    times = []
    for _ in range(n):
        start = perf_counter_ns()
        chain.check(intent, context)
        times.append(perf_counter_ns() - start)
    times.sort()
    p99 = times[int(n * 0.99)]
    print(f"\ncheck from Python: p50 {times[n // 2]} ns, p99 {p99} ns with the clock")
    if not gates.TINY:
        assert p99 < 80_000
        assert sum(times) / n < 10_000


def test_position_tracking_and_restore() -> None:
    """PF-16: below 10 us a fill, 100 ms a snapshot."""
    ids = list(range(1, gates.size(10_000, 10) + 1))
    portfolio = Portfolio(ids, 4)
    start = perf_counter_ns()
    for instrument, strategy in itertools.product(ids, (1, 2, 3)):
        portfolio.on_fill(strategy, instrument, Side.BUY, 1_000 + instrument, 3)
    per_fill = (perf_counter_ns() - start) / (3 * len(ids))
    data = portfolio.snapshot()
    other = Portfolio(ids, 4)
    start = perf_counter_ns()
    other.restore(data)
    restore = perf_counter_ns() - start
    print(f"\nfill {per_fill:.0f} ns; restore of {len(data) >> 10} KiB {restore / 1e6:.1f} ms")
    assert other.snapshot() == data
    if not gates.TINY:
        assert per_fill < 10_000
        assert restore < 100_000_000


@pytest.mark.parametrize("orders", [1_000, 100_000])
def test_order_life(orders: int) -> None:
    """Submit, send, ack, fill of each order: the same time whatever the table holds."""
    n = gates.size(orders, 20)
    table = OrderTable(n, 2)
    intents = [
        OrderIntent(order_id=i, instrument_id=7, strategy_id=1, side=Side.BUY, qty=1, px=1)
        for i in range(1, n + 1)
    ]
    start = perf_counter_ns()
    for i, intent in enumerate(intents, 1):
        table.submit(intent, i)
        table.event(i, OrderEventKind.SEND)
        table.on_ack(i, i)
        table.on_fill(i, 1, 1, i, exec_id=i)
    took = (perf_counter_ns() - start) / n
    print(f"\n{n} orders: {took:.0f} ns for submit, send, ack and fill from Python")
    assert table.counts["transitions"] == 4 * n
