"""The risk chain against a slow independent model: same rule, for any limits and orders."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from risk_model import Bucket, RiskModel

from tectra.core.msg import RiskRule, Side
from tectra.portfolio import Portfolio
from tectra.risk import RULE_OFF, OrderIntent, RiskChain, RiskContext, rate_limit

INSTRUMENTS, STRATEGIES = (21, 22), (1, 2)
EDGE = [0, 1, 2, 99, 100, 101, 2**31, 2**62, 2**63 - 1]
VALUE = st.one_of(st.integers(0, 300), st.sampled_from(EDGE))
SCOPE = st.tuples(st.sampled_from((0, *STRATEGIES)), st.sampled_from((0, *INSTRUMENTS)))
LIMIT_RULES = st.sampled_from(["MAX_QTY", "MAX_NOTIONAL", "MAX_POSITION", "PRICE_BAND"])
PX = st.one_of(st.integers(1, 120), st.sampled_from([-1, 0, 2**62, 2**63 - 1]))
SIGNED = st.one_of(st.integers(-200, 200), st.sampled_from([-(2**62), 2**62, 2**63 - 1]))

ORDERS = st.fixed_dictionaries(
    {
        "id": st.sampled_from([0, 1, 2**64 - 1]),
        "strategy": st.sampled_from(STRATEGIES),
        "instrument": st.sampled_from(INSTRUMENTS),
        "side": st.sampled_from([1, 2, 1, 2, 1, 2, 0, 3]),
        "type": st.sampled_from([1, 1, 1, 1, 2, 3, 4, 5, 0, 6]),
        "tif": st.sampled_from([1, 1, 1, 2, 3, 4, 0, 5]),
        "px": PX,
        "stop": st.sampled_from([0, 0, 90, 100, 2**63 - 1]),
        "qty": st.one_of(st.integers(1, 120), st.sampled_from([-1, 0, 2**62, 2**63 - 1])),
        "market": st.booleans(),
    }
)
ROWS = st.fixed_dictionaries(
    {"net": SIGNED, "open_buy": st.sampled_from(EDGE), "open_sell": st.sampled_from(EDGE)}
)
STEPS = st.lists(
    st.tuples(ORDERS, st.sampled_from([0, 1, 199, 200, 201, 2**62]), st.integers(0, 10**9)),
    min_size=1,
    max_size=12,
)


def set_row(portfolio: Portfolio, strategy: int, instrument: int, row: dict[str, int]) -> None:
    position = portfolio.position(instrument, strategy)
    if row["net"]:
        position.on_fill(Side.BUY if row["net"] > 0 else Side.SELL, 0, abs(row["net"]))
    position.on_open(Side.BUY, row["open_buy"])
    position.on_open(Side.SELL, row["open_sell"])


@settings(max_examples=150)
@given(
    limits=st.lists(st.tuples(SCOPE, LIMIT_RULES, VALUE), max_size=8),
    rates=st.lists(
        st.tuples(st.sampled_from((0, *STRATEGIES)), st.integers(0, 5), st.integers(0, 5)),
        max_size=3,
    ),
    kills=st.sets(SCOPE, max_size=2),
    armed=st.booleans(),
    off=st.sets(st.sampled_from(["MAX_QTY", "MAX_POSITION", "PRICE_BAND", "KILL"]), max_size=2),
    rows=st.lists(ROWS, min_size=6, max_size=6),
    steps=STEPS,
)
def test_same_verdict_as_the_model(
    limits: list[tuple[tuple[int, int], str, int]],
    rates: list[tuple[int, int, int]],
    kills: set[tuple[int, int]],
    armed: bool,
    off: set[str],
    rows: list[dict[str, int]],
    steps: list[tuple[dict[str, Any], int, int]],
) -> None:
    chain, model = RiskChain(INSTRUMENTS, 3), RiskModel()
    portfolio = Portfolio(INSTRUMENTS, 3)
    for name in ("MAX_QTY", "MAX_NOTIONAL", "MAX_POSITION", "PRICE_BAND", "ORDER_RATE"):
        chain.set_limit(RiskRule[name], None)
    for (strategy, instrument), name, value in limits:
        chain.set_limit(RiskRule[name], value, strategy_id=strategy, instrument_id=instrument)
        model.limits.setdefault((strategy, instrument), {})[name] = value
    per_scope = {s: (rate, burst or rate) for s, rate, burst in rates}
    for strategy, rate, burst in rates:
        chain.set_limit(RiskRule.ORDER_RATE, rate_limit(rate, burst), strategy_id=strategy)
    for strategy in STRATEGIES:
        found = [per_scope[s] for s in (0, strategy) if s in per_scope]
        if found:
            model.rates[strategy] = Bucket(min(r for r, _ in found), min(b for _, b in found))
    for strategy, instrument in kills if armed else ():
        chain.kill(strategy_id=strategy, instrument_id=instrument)
        model.kills.add((strategy, instrument))
    for name in sorted(off):
        chain.set_limit(RiskRule[name], RULE_OFF)
    model.off = set(off)
    by_key = dict(zip([(s, i) for s in (0, 1, 2) for i in INSTRUMENTS], rows, strict=True))
    for (strategy, instrument), row in by_key.items():
        set_row(portfolio, strategy, instrument, row)
    now = 1_000
    for order, mid_px2, wait in steps:
        now += wait
        order = dict(order)
        if order["market"] and order["type"] in (2, 4):
            order["px"] = None
        strategy, instrument = order["strategy"], order["instrument"]
        intent = OrderIntent(
            order_id=order["id"],
            instrument_id=instrument,
            strategy_id=strategy,
            side=order["side"],
            qty=order["qty"],
            px=order["px"],
            order_type=order["type"],
        )
        intent.stop_px, intent.tif = order["stop"], order["tif"]
        context = RiskContext(
            portfolio.position(instrument, strategy),
            portfolio.position(instrument),
            mid_px2=mid_px2,
            now_ns=now,
        )
        verdict = chain.check(intent, context)
        own, account = by_key[strategy, instrument], by_key[0, instrument]
        expected = model.check(order, own, account, mid_px2, now)
        assert verdict.rule.name == expected
        assert verdict.accepted == (expected == "NONE")


@given(
    rate=st.integers(1, 50),
    burst=st.integers(1, 50),
    times=st.lists(st.integers(0, 3 * 10**9), min_size=1, max_size=60),
)
def test_never_more_orders_than_the_rate(rate: int, burst: int, times: list[int]) -> None:
    """In any window the orders passed are at most burst + rate * window."""
    chain, portfolio = RiskChain([21], 2), Portfolio([21], 2)
    for rule in RiskRule:
        if RiskRule.MAX_QTY <= rule < RiskRule.ORDER_RATE:
            chain.set_limit(rule, None)
    chain.set_limit(RiskRule.ORDER_RATE, rate_limit(rate, burst))
    intent = OrderIntent(order_id=1, instrument_id=21, strategy_id=1, side=Side.BUY, qty=1, px=100)
    context = RiskContext(portfolio.position(21, 1), portfolio.position(21))
    passed = []
    for now in sorted(times):
        context.now_ns = now
        if chain.check(intent, context):
            passed.append(now)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            window = passed[last] - passed[first]
            assert last - first + 1 <= burst + rate * window / 10**9 + 1e-9
