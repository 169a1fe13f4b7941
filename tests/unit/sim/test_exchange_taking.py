"""Orders that take liquidity when they arrive."""

from decimal import Decimal

import pytest
from sim_scene import BUY, SELL, Scene, free

from tectra.core.msg import FillReason, Liquidity, OrderType, RejectReason, Template, TimeInForce
from tectra.sim import FeeConfig, FilterConfig


@pytest.fixture
def scene() -> Scene:
    s = Scene()
    s.add(1, BUY, 99, 100)
    s.add(2, SELL, 101, 50)
    s.add(3, SELL, 101, 30)
    s.add(4, SELL, 102, 100)
    s.add(5, SELL, 105, 100)
    return s


def kinds(reports):
    return [Template(r["template_id"]).name for r in reports]


def test_a_market_order_fills_at_the_best_price(scene):
    ack, fill = scene.order(1, BUY, 0, 60, order_type=OrderType.MARKET)
    assert (ack["template_id"], fill["template_id"]) == (Template.ORDER_ACK, Template.ORDER_FILL)
    assert (fill["px"], fill["qty"], fill["leaves_qty"]) == (101, 60, 0)
    assert fill["liquidity"] == Liquidity.TAKER
    assert fill["fill_reason"] == FillReason.TOOK_LIQUIDITY
    assert fill["venue_order_id"] == ack["venue_order_id"] == 1
    assert fill["venue_id"] == 7


def test_a_crossing_limit_walks_levels_at_their_own_prices_and_rests(scene):
    ack, *fills = scene.order(1, BUY, 103, 200)
    assert [(f["px"], f["qty"], f["leaves_qty"]) for f in fills] == [(101, 80, 120), (102, 100, 20)]
    assert [f["exec_id"] for f in fills] == [1, 2]
    assert ack["leaves_qty"] == 200
    (rest,) = scene.sim.open_orders()
    assert (rest.px, rest.leaves_qty, rest.cum_qty, rest.queue_ahead_qty) == (103, 20, 180, 0)


def test_a_market_order_beyond_the_book_expires(scene):
    reports = scene.order(1, BUY, 0, 1000, order_type=OrderType.MARKET)
    assert kinds(reports) == ["ORDER_ACK", *["ORDER_FILL"] * 3, "ORDER_CANCEL"]
    last = reports[-1]
    assert (last["expired"], last["reason"], last["qty"]) == (1, RejectReason.NO_LIQUIDITY, 720)


def test_ioc_takes_what_there_is_and_expires(scene):
    reports = scene.order(1, BUY, 101, 100, tif=TimeInForce.IOC)
    assert kinds(reports) == ["ORDER_ACK", "ORDER_FILL", "ORDER_CANCEL"]
    assert (reports[1]["qty"], reports[2]["qty"]) == (80, 20)
    assert scene.sim.open_orders() == []


def test_fok_takes_all_or_nothing(scene):
    missed = scene.order(1, BUY, 102, 181, tif=TimeInForce.FOK)
    assert kinds(missed) == ["ORDER_ACK", "ORDER_CANCEL"]
    assert missed[1]["qty"] == 181
    done = scene.order(2, BUY, 102, 180, tif=TimeInForce.FOK)
    assert kinds(done) == ["ORDER_ACK", "ORDER_FILL", "ORDER_FILL"]


def test_the_same_displayed_liquidity_is_never_taken_twice(scene):
    assert scene.order(1, BUY, 101, 60)[1]["qty"] == 60
    second = scene.order(2, BUY, 101, 60, tif=TimeInForce.IOC)
    assert [r["qty"] for r in second[1:]] == [20, 40]
    third = scene.order(3, BUY, 0, 10, order_type=OrderType.MARKET)
    assert third[1]["px"] == 102


def test_what_was_taken_shrinks_with_its_level_and_goes_with_it(scene):
    scene.order(1, BUY, 101, 60)
    scene.execute(2, 50)
    # 30 are shown, at most 30 can still be taken ones
    assert kinds(scene.order(2, BUY, 101, 10, tif=TimeInForce.IOC)) == ["ORDER_ACK", "ORDER_CANCEL"]
    scene.add(6, SELL, 101, 5)
    assert scene.order(3, BUY, 101, 10, tif=TimeInForce.IOC)[1]["qty"] == 5
    scene.delete(3)
    scene.delete(6)
    scene.add(7, SELL, 101, 8)
    assert scene.order(4, BUY, 101, 10, tif=TimeInForce.IOC)[1]["qty"] == 8


def test_a_replace_within_a_level_brings_fresh_liquidity():
    s = Scene()
    s.add(1, SELL, 101, 50)
    s.order(1, BUY, 101, 50)
    s.move(1, 2, 101, 40)
    assert s.order(2, BUY, 101, 100, tif=TimeInForce.IOC)[1]["qty"] == 40


def test_post_only_that_would_take_is_refused(scene):
    (reject,) = scene.order(1, BUY, 101, 10, order_type=OrderType.POST_ONLY)
    assert reject["template_id"] == Template.ORDER_REJECT
    assert reject["reason"] == RejectReason.POST_ONLY_WOULD_CROSS
    (ack,) = scene.order(2, BUY, 100, 10, order_type=OrderType.POST_ONLY)
    assert ack["template_id"] == Template.ORDER_ACK


def test_a_sweep_deeper_than_the_scratch_grows_it():
    s = Scene()
    for i in range(1000):
        s.add(i + 1, SELL, 101 + i, 1)
    _, *fills = s.order(1, BUY, 0, 1000, order_type=OrderType.MARKET)
    assert [f["px"] for f in fills] == list(range(101, 1101))


@pytest.mark.parametrize("side", [BUY, SELL])
def test_an_order_that_would_meet_an_own_one_is_refused(side):
    other = SELL if side is BUY else BUY
    sign = 1 if side is BUY else -1
    s = Scene()
    s.add(1, other, 100 + sign, 10)
    s.order(1, other, 100 + 2 * sign, 5)
    # ten at the better price are somebody else's: no own order is met
    assert s.order(2, side, 100 + 2 * sign, 10)[1]["qty"] == 10
    (reject,) = s.order(3, side, 100 + 2 * sign, 10)
    assert reject["reason"] == RejectReason.SELF_TRADE
    (reject,) = s.order(4, side, 0, 1, order_type=OrderType.MARKET)
    assert reject["reason"] == RejectReason.SELF_TRADE
    (ack,) = s.order(5, side, 100 + sign, 10)
    assert ack["template_id"] == Template.ORDER_ACK


FILTERS = [
    ({"px": 1003}, RejectReason.PRICE_FILTER),
    ({"px": 0}, RejectReason.PRICE_FILTER),
    ({"px": -5}, RejectReason.PRICE_FILTER),
    ({"qty": 15}, RejectReason.SIZE_FILTER),
    ({"qty": 0}, RejectReason.SIZE_FILTER),
    ({"qty": -10}, RejectReason.SIZE_FILTER),
    ({"qty": 10}, RejectReason.SIZE_FILTER),
    ({"qty": 1010}, RejectReason.SIZE_FILTER),
    ({"qty": 1000, "px": 2**62 // 5 * 5}, RejectReason.SIZE_FILTER),
    ({"instrument_id": 9}, RejectReason.UNKNOWN_INSTRUMENT),
    ({"order_type": OrderType.STOP}, RejectReason.UNSUPPORTED),
    ({"order_type": OrderType.STOP_LIMIT}, RejectReason.UNSUPPORTED),
    ({"order_type": 9}, RejectReason.OTHER),
    ({"flags": 1}, RejectReason.UNSUPPORTED),
    ({"order_type": OrderType.POST_ONLY, "tif": TimeInForce.IOC}, RejectReason.UNSUPPORTED),
    ({"tif": 0}, RejectReason.OTHER),
    ({"side": 0}, RejectReason.OTHER),
    ({"order_id": 0}, RejectReason.OTHER),
    ({"action": 9}, RejectReason.OTHER),
]


@pytest.mark.parametrize(("change", "reason"), FILTERS)
def test_filters_refuse_with_the_reason_and_a_text(change, reason):
    s = Scene()
    s.market(Template.INSTRUMENT, tick=5, lot=10, qty_min=20, qty_max=1000)
    (reject,) = s.order(**{"order_id": 1, "side": BUY, "px": 1000, "qty": 100, **change})
    assert reject["template_id"] == Template.ORDER_REJECT
    assert (reject["reason"], reject["action"]) == (reason, change.get("action", 1))
    assert reject["text"]
    assert s.order(2, BUY, 1000, 100)[0]["template_id"] == Template.ORDER_ACK
    assert s.sim.stats()["rejects_by_reason"][reason.name] == 1


def test_an_undefined_instrument_uses_the_configured_filters():
    s = Scene(free(filters=FilterConfig(tick=10, lot=5, qty_min=5, qty_max=50)))
    s.add(1, BUY, 1000, 7)
    assert s.order(1, BUY, 1005, 5)[0]["reason"] == RejectReason.PRICE_FILTER
    assert s.order(2, BUY, 1000, 55)[0]["reason"] == RejectReason.SIZE_FILTER
    assert s.order(3, BUY, 1000, 50)[0]["template_id"] == Template.ORDER_ACK


def test_a_used_order_id_is_refused(scene):
    scene.order(1, BUY, 90, 10)
    assert scene.order(1, BUY, 90, 10)[0]["reason"] == RejectReason.OTHER
    scene.cancel(1)
    assert scene.order(1, BUY, 90, 10)[0]["reason"] == RejectReason.OTHER


def test_fees_by_liquidity_and_unit():
    fees = FeeConfig(maker_rate=Decimal("-0.0001"), taker_rate=Decimal("0.0004"), per_unit=3)
    s = Scene(free(fees=fees))
    s.add(1, BUY, 10_000, 100)
    s.add(2, SELL, 10_010, 100)
    _, fill = s.order(1, BUY, 10_010, 100)
    assert fill["fee"] == round(10_010 * 100 * 0.0004) + 300
    s.order(2, BUY, 10_000, 50)
    s.execute(1, 100)
    s.add(3, SELL, 10_000, 50)
    (fill,) = s.sim.reports()
    assert fill["liquidity"] == Liquidity.MAKER
    assert fill["fee"] == -50 + 150


@pytest.mark.parametrize(
    ("px", "rate", "fee"),
    [(25, "0.1", 2), (35, "0.1", 4), (25, "-0.1", -2), (35, "-0.1", -4), (26, "0.1", 3)],
)
def test_fees_round_half_to_even(px, rate, fee):
    s = Scene(free(fees=FeeConfig(taker_rate=Decimal(rate))))
    s.add(1, SELL, px, 1)
    assert s.order(1, BUY, px, 1)[1]["fee"] == fee
