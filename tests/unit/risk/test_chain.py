"""Every rule at limit - 1, limit and limit + 1; the order of the rules; scopes; kills; counters."""

from typing import Any

import numpy as np
import pytest

from tectra.core.errors import InputError, UnknownSymbolError
from tectra.core.msg import (
    DTYPES,
    IntentAction,
    KillAction,
    OrderType,
    RiskRule,
    Side,
    Template,
    TimeInForce,
)
from tectra.portfolio import Portfolio
from tectra.risk import (
    LIMIT_UNSET,
    RULE_OFF,
    RULE_ON,
    OrderIntent,
    RiskChain,
    RiskCheck,
    RiskContext,
    RiskReject,
    Verdict,
    rate_limit,
)

R = RiskRule
MAX = 2**63 - 1
OPEN = {
    R.MAX_QTY: MAX,
    R.MAX_NOTIONAL: MAX,
    R.MAX_POSITION: MAX,
    R.PRICE_BAND: MAX,
    R.ORDER_RATE: rate_limit(2**31 - 1),
}


class Desk:
    """Two strategies and their account in two instruments, all limits open."""

    def __init__(self, **limits: int) -> None:
        self.chain = RiskChain([7, 8], 3)
        self.portfolio = Portfolio([7, 8], 3)
        for rule, value in OPEN.items():
            self.chain.set_limit(rule, value)
        for name, value in limits.items():
            self.chain.set_limit(R[name], value)
        self.next_id = 1

    def context(self, strategy: int = 1, instrument: int = 7, **fields: Any) -> RiskContext:
        own = self.portfolio.position(instrument, strategy)
        account = self.portfolio.position(instrument)
        order = fields.pop("order", None)
        context = RiskContext(own, account, **({"mid_px2": 2_000, "now_ns": 10**9} | fields))
        context.set_order(order)
        return context

    def check(self, *, context: dict[str, Any] | None = None, **fields: Any) -> Verdict:
        base: dict[str, Any] = {
            "order_id": self.next_id,
            "instrument_id": 7,
            "strategy_id": 1,
            "side": Side.BUY,
            "qty": 10,
            "px": 1_000,
        }
        self.next_id += 1
        late = {name: fields.pop(name) for name in ("stop_px", "tif") if name in fields}
        intent = OrderIntent(**(base | fields))
        for name, value in late.items():
            setattr(intent, name, value)
        where = {"strategy": (base | fields)["strategy_id"]}
        where["instrument"] = (base | fields)["instrument_id"]
        return self.chain.check(intent, self.context(**(where | (context or {}))))


def test_a_new_chain_refuses_everything() -> None:
    chain, portfolio = RiskChain([7], 2), Portfolio([7], 2)
    context = RiskContext(portfolio.position(7, 1), portfolio.position(7), mid_px2=2)
    order = OrderIntent(order_id=1, instrument_id=7, strategy_id=1, side=Side.BUY, qty=1, px=1)
    assert chain.check(order, context).rule == R.MAX_QTY
    chain.set_limit(R.MAX_QTY, MAX)
    assert chain.check(order, context).rule == R.MAX_NOTIONAL


def test_accepts_and_says_so() -> None:
    desk = Desk()
    verdict = desk.check()
    assert verdict and verdict.accepted and verdict.rule == R.NONE
    assert not isinstance(verdict, RiskReject)
    record = np.frombuffer(bytes(verdict), DTYPES[Template.ORDER_VERDICT])[0]
    assert record["template_id"] == Template.ORDER_VERDICT
    assert record["accepted"] == 1 and record["reference_px2"] == 2_000
    assert (record["order_id"], record["px"], record["qty"]) == (1, 1_000, 10)
    assert RiskCheck is RiskChain


BOUNDARIES = [
    # rule, limit, orders at limit - 1, limit, limit + 1: (fields, found)
    (R.MAX_QTY, 10, [({"qty": 9}, 9), ({"qty": 10}, 10), ({"qty": 11}, 11)]),
    (
        R.MAX_NOTIONAL,
        10_000,
        [({"px": 9_999, "qty": 1}, 0), ({"px": 1_000}, 0), ({"px": 10_001, "qty": 1}, 10_001)],
    ),
    (R.MAX_POSITION, 50, [({"qty": 49}, 0), ({"qty": 50}, 0), ({"qty": 51}, 51)]),
    (
        R.MAX_POSITION,
        50,
        [
            ({"qty": 49, "side": Side.SELL}, 0),
            ({"qty": 50, "side": Side.SELL}, 0),
            ({"qty": 51, "side": Side.SELL}, -51),
        ],
    ),
    # 1 % of a mid of 1,000 is 10; one over is 1.1 %
    (R.PRICE_BAND, 10_000, [({"px": 1_009}, 0), ({"px": 1_010}, 0), ({"px": 1_011}, 11_000)]),
    (R.PRICE_BAND, 10_000, [({"px": 991}, 0), ({"px": 990}, 0), ({"px": 989}, 11_000)]),
]


@pytest.mark.parametrize(("rule", "limit", "orders"), BOUNDARIES)
def test_boundaries(rule: RiskRule, limit: int, orders: list[tuple[dict[str, int], int]]) -> None:
    desk = Desk(**{rule.name: limit})
    (under, _), (at, _), (over, found) = orders
    assert desk.check(**under).accepted
    assert desk.check(**at).accepted
    verdict = desk.check(**over)
    assert isinstance(verdict, RiskReject) and not verdict
    assert (verdict.rule, verdict.limit, verdict.found) == (rule, limit, found)


def test_band_is_exact_around_half_a_tick_of_mid() -> None:
    desk = Desk(PRICE_BAND=500_000)
    # mid 1.5: half of it is 0.75; 2 is 0.5 away, 3 is 1.5 away
    assert desk.check(px=2, context={"mid_px2": 3}).accepted
    verdict = desk.check(px=3, context={"mid_px2": 3})
    assert (verdict.rule, verdict.found, verdict.limit) == (R.PRICE_BAND, 1_000_000, 500_000)


@pytest.mark.parametrize("held", ["net", "open", "account"])
def test_position_counts_holdings_and_open_orders(held: str) -> None:
    desk = Desk(MAX_POSITION=50)
    if held == "net":
        desk.portfolio.on_fill(1, 7, Side.BUY, 1_000, 20)
    elif held == "open":
        desk.portfolio.on_open(1, 7, Side.BUY, 20)
    else:
        desk.portfolio.on_fill(2, 7, Side.BUY, 1_000, 20)
    assert desk.check(qty=29).accepted
    assert desk.check(qty=30).accepted
    verdict = desk.check(qty=31)
    assert (verdict.rule, verdict.found) == (R.MAX_POSITION, 51)
    assert verdict.position_qty == (0 if held == "open" else 20)
    # what lessens the position passes
    assert desk.check(qty=50, side=Side.SELL).accepted


def test_open_orders_of_the_other_side_do_not_help() -> None:
    desk = Desk(MAX_POSITION=50)
    desk.portfolio.on_open(1, 7, Side.SELL, 40)
    assert desk.check(qty=50).accepted
    assert desk.check(qty=51).rule == R.MAX_POSITION
    assert desk.check(qty=11, side=Side.SELL).rule == R.MAX_POSITION


def test_strategies_racing_for_the_account_never_pass_its_limit() -> None:
    """Each order is reserved before the next is checked."""
    desk = Desk()
    desk.chain.set_limit(R.MAX_POSITION, 100, instrument_id=7)
    taken = {1: 0, 2: 0}
    for i in range(400):
        strategy, qty = 1 + i % 2, 1 + i * 7 % 13
        if desk.check(strategy_id=strategy, qty=qty):
            desk.portfolio.on_open(strategy, 7, Side.BUY, qty)
            taken[strategy] += qty
    assert sum(taken.values()) == 100
    assert desk.portfolio.worst_case_position(7) == 100


def test_rate_is_a_bucket_of_the_strategy() -> None:
    desk = Desk(ORDER_RATE=rate_limit(10, 3))
    at = 5 * 10**9
    for _ in range(3):
        assert desk.check(context={"now_ns": at}).accepted
    verdict = desk.check(context={"now_ns": at})
    assert (verdict.rule, verdict.limit, verdict.found) == (R.ORDER_RATE, 10, 10**8)
    assert desk.check(strategy_id=2, context={"now_ns": at}).accepted
    assert not desk.check(context={"now_ns": at + 10**8 - 1}).accepted
    assert desk.check(context={"now_ns": at + 10**8}).accepted
    assert not desk.check(context={"now_ns": at}).accepted, "time that runs back earns nothing"
    assert desk.chain.counts(R.ORDER_RATE)["rejected"] == 3


def test_an_order_that_fails_elsewhere_takes_no_token() -> None:
    desk = Desk(ORDER_RATE=rate_limit(1, 1), MAX_QTY=10)
    for _ in range(5):
        assert desk.check(qty=11).rule == R.MAX_QTY
    assert desk.check().accepted
    assert desk.check().rule == R.ORDER_RATE


def test_the_first_rule_that_refuses_is_named() -> None:
    """An order that breaks all rules; take them away one by one."""
    desk = Desk(MAX_QTY=9, MAX_NOTIONAL=9, MAX_POSITION=9, PRICE_BAND=9, ORDER_RATE=rate_limit(0))
    desk.chain.kill()
    found = [desk.check(px=0).rule]
    found.append(desk.check(px=2_000).rule)
    desk.chain.clear()
    for rule in (R.MAX_QTY, R.MAX_NOTIONAL, R.MAX_POSITION, R.PRICE_BAND, R.ORDER_RATE):
        found.append(desk.check(px=2_000).rule)
        desk.chain.set_limit(rule, None)
    assert found == list(R)[1:]
    assert desk.check(px=2_000).accepted


GOOD = {"px": 1_000, "qty": 10}
INVALID = [
    {"qty": 0},
    {"qty": -1},
    {"qty": -(2**63)},
    {"px": 0},
    {"px": -1},
    {"px": None},
    {"px": -(2**63) + 1},
    {"side": 0},
    {"side": 3},
    {"side": 255},
    {"order_id": 0},
    {"order_type": 0},
    {"order_type": 6},
    {"tif": 0},
    {"tif": 5},
    {"action": 0},
    {"action": 4},
    {"order_type": OrderType.POST_ONLY, "px": 0},
    {"order_type": OrderType.STOP, "px": None, "stop_px": 0},
    {"order_type": OrderType.STOP_LIMIT, "stop_px": -5},
    {"order_type": OrderType.STOP_LIMIT, "px": 0, "stop_px": 5},
    {"order_type": OrderType.MARKET, "px": 1_000},
    {"order_type": OrderType.MARKET, "px": None, "qty": 0},
]


@pytest.mark.parametrize("fields", INVALID, ids=str)
def test_a_field_that_is_not_valid(fields: dict[str, Any]) -> None:
    desk = Desk()
    assert desk.check(**(GOOD | fields)).rule == R.VALIDITY
    assert desk.check(**GOOD).accepted


@pytest.mark.parametrize("tif", list(TimeInForce))
@pytest.mark.parametrize("kind", list(OrderType))
def test_every_type_passes_with_its_prices(kind: OrderType, tif: TimeInForce) -> None:
    market = kind in (OrderType.MARKET, OrderType.STOP)
    fields = {"px": None if market else 1_000, "stop_px": 1_001 if "STOP" in kind.name else 0}
    assert Desk().check(order_type=kind, tif=tif, **fields).accepted


@pytest.mark.parametrize("mid_px2", [0, -1, -(2**63)])
def test_no_reference_price_is_a_rejection(mid_px2: int) -> None:
    desk = Desk()
    assert desk.check(context={"mid_px2": mid_px2}).rule == R.PRICE_BAND
    market = {"order_type": OrderType.MARKET, "px": None}
    assert desk.check(context={"mid_px2": mid_px2}, **market).rule == R.MAX_NOTIONAL
    for rule in (R.MAX_NOTIONAL, R.PRICE_BAND):
        desk.chain.set_limit(rule, None)
    assert desk.check(context={"mid_px2": mid_px2}).accepted
    assert desk.check(context={"mid_px2": mid_px2}, **market).rule == R.PRICE_BAND


def test_what_overflows_is_a_rejection() -> None:
    desk = Desk()
    assert desk.check(px=2**62, qty=4).rule == R.MAX_NOTIONAL
    assert desk.check(px=2**63 - 1, qty=2**63 - 1).found == MAX
    desk.chain.set_limit(R.MAX_NOTIONAL, None)
    desk.chain.set_limit(R.PRICE_BAND, 10)
    assert desk.check(px=2**63 - 1, qty=1).rule == R.PRICE_BAND
    desk.portfolio.on_open(1, 7, Side.BUY, 2**63 - 1)
    desk.portfolio.on_open(2, 7, Side.SELL, 2**63 - 1)
    assert desk.check(qty=1).rule == R.MAX_POSITION
    assert desk.check(qty=1, side=Side.SELL, strategy_id=2).rule == R.MAX_POSITION


def test_market_orders_are_valued_at_the_mid_and_stops_at_the_worse() -> None:
    desk = Desk(MAX_NOTIONAL=10_005)
    market = {"order_type": OrderType.MARKET, "px": None, "qty": 10}
    assert desk.check(context={"mid_px2": 2_001}, **market).accepted
    assert desk.check(context={"mid_px2": 2_002}, **market).found == 10_010
    stop = market | {"order_type": OrderType.STOP}
    assert desk.check(context={"mid_px2": 2_000}, stop_px=1_000, **stop).accepted
    assert desk.check(context={"mid_px2": 2_000}, stop_px=1_001, **stop).rule == R.MAX_NOTIONAL


def test_the_account_sends_no_orders() -> None:
    desk = Desk()
    assert desk.check(strategy_id=0).rule == R.VALIDITY


def test_rows_of_another_order_are_refused() -> None:
    desk = Desk()
    order = OrderIntent(order_id=1, instrument_id=7, strategy_id=1, side=Side.BUY, qty=1, px=1_000)
    for strategy, instrument in ((2, 7), (1, 8)):
        with pytest.raises(InputError, match="rows of"):
            desk.chain.check(order, desk.context(strategy, instrument))
    with pytest.raises(InputError, match="found 3 bytes"):
        desk.chain.check(b"abc", desk.context())
    assert desk.chain.check(bytes(order), desk.context()).accepted


@pytest.mark.parametrize(
    ("scope", "stops"),
    [
        ({}, {(1, 7), (1, 8), (2, 7), (2, 8)}),
        ({"strategy_id": 1}, {(1, 7), (1, 8)}),
        ({"instrument_id": 7}, {(1, 7), (2, 7)}),
        ({"strategy_id": 1, "instrument_id": 7}, {(1, 7)}),
    ],
)
def test_kill_scopes(scope: dict[str, int], stops: set[tuple[int, int]]) -> None:
    desk = Desk()
    record = desk.chain.kill(**scope)
    assert desk.chain.killed == (not scope)
    for strategy in (1, 2):
        for instrument in (7, 8):
            verdict = desk.check(strategy_id=strategy, instrument_id=instrument)
            expected = R.KILL if (strategy, instrument) in stops else R.NONE
            assert verdict.rule == expected
    cancel = desk.check(action=IntentAction.CANCEL)
    assert cancel.accepted and desk.chain.totals["cancels"] == 1
    for other in ({}, {"strategy_id": 2}, {"instrument_id": 8}):
        if other != scope:
            desk.chain.clear(**other)
    strategy, instrument = min(stops)
    assert desk.check(strategy_id=strategy, instrument_id=instrument).rule == R.KILL
    desk.chain.clear(**scope)
    assert desk.check(strategy_id=strategy, instrument_id=instrument).accepted
    raw = np.frombuffer(record, DTYPES[Template.CONTROL_KILL])[0]
    assert raw["action"] == KillAction.KILL
    desk.chain.apply_control(record)
    assert desk.check(strategy_id=strategy, instrument_id=instrument).rule == R.KILL


def test_the_tightest_scope_applies() -> None:
    desk = Desk(MAX_QTY=100)
    set_limit = desk.chain.set_limit
    set_limit(R.MAX_QTY, 80, instrument_id=7)
    set_limit(R.MAX_QTY, 60, strategy_id=1)
    set_limit(R.MAX_QTY, 70, strategy_id=1, instrument_id=8)
    want = {(1, 7): 60, (1, 8): 60, (2, 7): 80, (2, 8): 100}
    for (strategy, instrument), limit in want.items():
        where = {"strategy_id": strategy, "instrument_id": instrument}
        assert desk.check(qty=limit, **where).accepted
        assert desk.check(qty=limit + 1, **where).limit == limit
        assert desk.chain.effective_limits(strategy, instrument)[R.MAX_QTY] == limit
    record = set_limit(R.MAX_QTY, None, strategy_id=1)
    raw = np.frombuffer(record, DTYPES[Template.CONTROL_LIMIT])[0]
    assert (raw["old_value"], raw["new_value"]) == (60, LIMIT_UNSET)
    assert desk.chain.get_limit(R.MAX_QTY, strategy_id=1) is None
    assert desk.chain.effective_limits(1, 8)[R.MAX_QTY] == 70
    other = Desk(MAX_QTY=100)
    other.chain.set_limit(R.MAX_QTY, 60, strategy_id=1)
    version = other.chain.version
    other.chain.apply_control(record)
    assert other.chain.effective_limits(1, 8)[R.MAX_QTY] == 100
    assert other.chain.version == version + 1


def test_rules_are_switched_off_and_on_for_all() -> None:
    desk = Desk(MAX_QTY=5)
    desk.chain.set_limit(R.MAX_QTY, RULE_OFF)
    assert desk.check().accepted
    assert desk.chain.counts(R.MAX_QTY) == {
        "checked": 0,
        "passed": 0,
        "rejected": 0,
        "skipped": 1,
    }
    desk.chain.set_limit(R.MAX_QTY, RULE_ON)
    assert desk.check().rule == R.MAX_QTY
    assert desk.chain.counts(R.MAX_QTY)["skipped"] == 1
    with pytest.raises(InputError):
        desk.chain.set_limit(R.MAX_QTY, RULE_OFF, strategy_id=1)


@pytest.mark.parametrize(
    ("rule", "value", "scope"),
    [
        (R.MAX_QTY, -4, {}),
        (R.NONE, 1, {}),
        (R.VALIDITY, 1, {}),
        (R.KILL, 1, {}),
        (R.MAX_QTY, 1, {"strategy_id": 3}),
        (R.ORDER_RATE, 1, {"instrument_id": 7}),
    ],
)
def test_a_limit_that_cannot_be(rule: RiskRule, value: int, scope: dict[str, int]) -> None:
    desk = Desk()
    before = desk.chain.effective_limits(1, 7), desk.chain.version
    with pytest.raises(InputError):
        desk.chain.set_limit(rule, value, **scope)
    assert (desk.chain.effective_limits(1, 7), desk.chain.version) == before


def test_strangers_are_named() -> None:
    desk = Desk()
    with pytest.raises(UnknownSymbolError, match="instrument_id 9"):
        desk.chain.kill(instrument_id=9)
    record = bytearray(desk.chain.kill(instrument_id=7))
    record[32] = 9
    with pytest.raises(UnknownSymbolError):
        desk.chain.apply_control(bytes(record))
    with pytest.raises(InputError, match="64"):
        desk.chain.apply_control(b"")
    for ids, strategies in (([], 2), ([0], 2), ([7, 7], 2), ([7], 0)):
        with pytest.raises(InputError):
            RiskChain(ids, strategies)
    with pytest.raises(InputError, match="orders per second"):
        rate_limit(2**31)
    with pytest.raises(TypeError):
        Verdict()
    with pytest.raises(InputError, match="rule"):
        desk.chain.counts(R.NONE)


def test_counters_add_up() -> None:
    desk = Desk(MAX_QTY=10, MAX_NOTIONAL=10_000)
    for qty, px in ((11, 1), (10, 1_000), (10, 1_001), (1, 0), (1, 1_000)):
        desk.check(qty=qty, px=px)
    counts = {rule: desk.chain.counts(rule) for rule in list(R)[1:]}
    assert counts[R.VALIDITY] == {"checked": 5, "passed": 4, "rejected": 1, "skipped": 0}
    assert counts[R.MAX_QTY] == {"checked": 4, "passed": 3, "rejected": 1, "skipped": 0}
    assert counts[R.MAX_NOTIONAL] == {"checked": 3, "passed": 2, "rejected": 1, "skipped": 0}
    assert counts[R.ORDER_RATE]["passed"] == 2 == desk.chain.totals["accepted"]
    assert desk.chain.totals["orders"] == 5


class Changed:
    """An order at the venue, as OrderTable.find gives it."""

    order_id, instrument_id, strategy_id, side, state = 5, 7, 1, Side.BUY, 4
    qty, cum_qty, leaves_qty = 30, 10, 20
    pending: tuple[int, int] | None = None


def test_modify_is_checked_as_what_it_adds() -> None:
    desk = Desk(MAX_POSITION=50, MAX_QTY=40)
    desk.portfolio.on_fill(1, 7, Side.BUY, 1_000, 10)
    desk.portfolio.on_open(1, 7, Side.BUY, 20)
    order: dict[str, Any] = {"order_id": 5, "action": IntentAction.MODIFY}
    with_order = {"order": Changed()}
    assert desk.check(qty=50, context=with_order, **order).accepted  # leaves 40, adds 20
    verdict = desk.check(qty=51, context=with_order, **order)
    assert (verdict.rule, verdict.found) == (R.MAX_QTY, 41)
    desk.chain.set_limit(R.MAX_QTY, MAX)
    assert desk.check(qty=51, context=with_order, **order).found == 51
    assert desk.check(qty=11, context=with_order, **order).accepted
    assert desk.check(qty=10, context=with_order, **order).rule == R.VALIDITY
    wrong = order | {"side": Side.SELL}
    assert desk.check(qty=20, context=with_order, **wrong).rule == R.VALIDITY
    assert desk.check(qty=20, **order).accepted, "unknown order: all of it counts as new"
    assert desk.check(qty=21, **order).rule == R.MAX_POSITION


def test_context_holds_positions_open_orders_pnl_and_market() -> None:
    desk = Desk()
    context = desk.context(bid_px=999, ask_px=1_001, recent_pnl=-5, open_orders=3)
    assert context.position.strategy_id == 1 and context.account.strategy_id == 0
    assert (context.bid_px, context.ask_px, context.mid_px2) == (999, 1_001, 2_000)
    assert (context.recent_pnl, context.open_orders, context.now_ns) == (-5, 3, 10**9)
    context.mid_px2, context.now_ns = 4, 5
    order = OrderIntent(order_id=1, instrument_id=7, strategy_id=1, side=Side.BUY, qty=1)
    order.tag, order.cause_seq, order.stop_px = 8, 9, 10
    assert (order.tag, order.cause_seq, order.stop_px, order.px) == (8, 9, 10, None)
    assert order.tif == TimeInForce.DAY
    assert (context.mid_px2, context.now_ns) == (4, 5)
