"""Resting orders: queue position and every way to be filled."""

import pytest
from sim_scene import BUY, SELL, Scene, record

from tectra.core.msg import FillReason, Liquidity, MarketFlag, OrderType, Template


@pytest.fixture
def scene() -> Scene:
    """Bids 100 (30 ahead in two orders), 99; asks 102. Our bid of 20 rests at 100."""
    s = Scene()
    s.add(1, BUY, 100, 10)
    s.add(2, BUY, 100, 20)
    s.add(3, BUY, 99, 50)
    s.add(4, SELL, 102, 50)
    (ack,) = s.order(1, BUY, 100, 20)
    assert (ack["queue_ahead_qty"], ack["leaves_qty"]) == (30, 20)
    return s


def one(scene):
    (row,) = scene.sim.reports()
    return int(row["px"]), int(row["qty"]), FillReason(row["fill_reason"])


def test_what_stands_ahead_shrinks_only_by_earlier_orders(scene):
    scene.add(5, BUY, 100, 40)
    assert scene.ahead() == [30]
    scene.reduce(1, 4)
    assert scene.ahead() == [26]
    scene.execute(1, 3)
    assert scene.ahead() == [23]
    scene.reduce(5, 10)
    assert scene.ahead() == [23]
    scene.delete(2)
    assert scene.ahead() == [3]
    scene.move(1, 6, 100, 3)
    assert scene.ahead() == [0]
    assert scene.fills() == []


def test_an_execution_behind_us_fills_us_first(scene):
    scene.add(5, BUY, 100, 40)
    scene.execute(1, 10)
    scene.execute(2, 20)
    assert scene.fills() == []
    scene.execute(5, 15, match_id=77)
    (row,) = scene.sim.reports()
    assert (row["px"], row["qty"], row["leaves_qty"]) == (100, 15, 5)
    assert row["fill_reason"] == FillReason.QUEUE_REACHED
    assert row["liquidity"] == Liquidity.MAKER
    assert (row["match_id"], row["ts_event_ns"]) == (77, scene.now_ns)
    scene.execute(5, 15)
    assert one(scene) == (100, 5, FillReason.QUEUE_REACHED)
    assert scene.sim.open_orders() == []


def test_an_execution_at_a_worse_price_fills_at_our_price(scene):
    scene.execute(1, 10)
    scene.execute(2, 20)
    scene.execute(3, 12)
    assert one(scene) == (100, 12, FillReason.TRADED_THROUGH)


def test_executions_on_the_other_side_fill_nothing(scene):
    scene.execute(4, 10)
    assert scene.fills() == []


def test_an_order_that_comes_in_through_us_fills_at_our_price_and_is_taken(scene):
    scene.add(5, SELL, 100, 12)
    assert one(scene) == (100, 12, FillReason.BOOK_CROSSED)
    scene.add(6, SELL, 99, 100)
    assert one(scene) == (100, 8, FillReason.BOOK_CROSSED)
    _, fill, *_ = scene.order(2, BUY, 0, 150, order_type=OrderType.MARKET)
    assert (fill["px"], fill["qty"]) == (99, 92)


def test_a_replace_through_us_fills(scene):
    scene.move(4, 5, 100, 7)
    assert one(scene) == (100, 7, FillReason.BOOK_CROSSED)
    scene.move(5, 6, 101, 7)
    assert scene.fills() == []


@pytest.mark.parametrize(("px", "qty"), [(99, 5), (100, 0), (101, 0)])
def test_a_hidden_print_fills_only_strictly_beyond_us(scene, px, qty):
    scene.trade(px, 5, MarketFlag.HIDDEN, match_id=5)
    assert [q for _, _, q in scene.fills()] == ([qty] if qty else [])


@pytest.mark.parametrize(("px", "qty"), [(99, 20), (100, 0), (101, 0)])
def test_an_auction_fills_only_strictly_beyond_us(scene, px, qty):
    scene.trade(px, 500, MarketFlag.CROSS)
    assert [q for _, _, q in scene.fills()] == ([qty] if qty else [])


def test_a_broken_trade_and_an_empty_cross_fill_nothing(scene):
    scene.trade(90, 5, MarketFlag.HIDDEN | MarketFlag.BROKEN)
    scene.trade(0, 0, MarketFlag.CROSS)
    assert scene.fills() == []


def test_a_non_printable_execution_moves_the_queue_and_fills_nothing(scene):
    scene.add(5, BUY, 100, 10)
    flags = MarketFlag.NOT_PRINTABLE
    scene.market(Template.BOOK_EXECUTE_PRICED, order_ref=5, qty=10, exec_px=98, flags=flags)
    scene.market(Template.BOOK_EXECUTE_PRICED, order_ref=1, qty=10, exec_px=98, flags=flags)
    assert scene.ahead() == [20]
    assert scene.fills() == []
    scene.trade(98, 20, MarketFlag.CROSS)
    assert scene.fills() == [(1, 100, 20)]


def test_a_printable_priced_execution_fills_at_our_limit(scene):
    scene.add(5, BUY, 100, 10)
    scene.market(Template.BOOK_EXECUTE_PRICED, order_ref=5, qty=10, exec_px=98, match_id=3)
    assert one(scene) == (100, 10, FillReason.QUEUE_REACHED)


def test_one_print_is_shared_in_price_time_order(scene):
    scene.order(2, BUY, 101, 4)
    scene.order(3, BUY, 101, 5)
    scene.execute(3, 12)
    assert scene.fills() == [(2, 101, 4), (3, 101, 5), (1, 100, 3)]
    scene.trade(98, 3, MarketFlag.HIDDEN)
    assert scene.fills() == [(1, 100, 3)]


def test_a_print_between_two_own_orders_moves_one_and_fills_the_other(scene):
    scene.add(5, BUY, 100, 10)
    scene.order(2, BUY, 100, 8)
    assert scene.ahead() == [30, 40]
    scene.execute(5, 10)
    assert scene.fills() == [(1, 100, 10)]
    assert scene.ahead() == [30, 30]


def test_sells_mirror_buys():
    s = Scene()
    s.add(1, SELL, 100, 10)
    s.add(2, SELL, 101, 10)
    s.order(1, SELL, 100, 20)
    s.add(3, SELL, 100, 10)
    s.execute(1, 10)
    s.execute(3, 4)
    assert s.fills() == [(1, 100, 4)]
    s.execute(2, 4)
    assert s.fills() == [(1, 100, 4)]
    s.trade(101, 4)
    assert s.fills() == [(1, 100, 4)]
    s.trade(100, 4)
    assert s.fills() == []
    s.add(4, BUY, 100, 4)
    assert s.fills() == [(1, 100, 4)]
    s.add(5, BUY, 101, 40)
    assert s.fills() == [(1, 100, 4)]


def test_nothing_fills_by_crossing_while_halted(scene):
    scene.halt(b"H")
    scene.add(5, SELL, 100, 12)
    assert scene.fills() == []
    scene.halt(b"T")
    scene.add(6, SELL, 100, 12)
    assert scene.fills() == [(1, 100, 12)]


def test_other_instruments_touch_nothing(scene):
    scene.add(11, BUY, 100, 10, instrument_id=2)
    scene.execute(11, 10, instrument_id=2)
    scene.trade(1, 10, instrument_id=2)
    scene.add(12, SELL, 1, 10, instrument_id=3)
    assert scene.fills() == []
    assert scene.ahead() == [30]


def test_an_order_may_wait_for_the_first_order_of_its_book():
    s = Scene()
    s.market(Template.INSTRUMENT, tick=1, lot=1)
    (ack,) = s.order(1, BUY, 100, 10)
    assert ack["queue_ahead_qty"] == 0
    s.add(1, BUY, 100, 5)
    s.execute(1, 5)
    assert s.fills() == [(1, 100, 5)]
    s.add(2, SELL, 99, 9)
    assert s.fills() == [(1, 100, 5)]


def test_many_instruments_and_orders_grow_everything():
    s = Scene()
    for i in range(1, 700):
        s.add(i, BUY, 100, 10, instrument_id=i)
        s.order(i, BUY, 100, 5, instrument_id=i)
        s.order(10_000 + i, SELL, 100 + i, 5, instrument_id=i)
    assert len(s.sim.open_orders()) == 2 * 699
    for i in range(1, 700):
        s.sim.on_market(scene_sell(s, 5_000 + i, i))
    fills = s.sim.reports()
    assert sorted(int(f["order_id"]) for f in fills) == list(range(1, 700))
    s.sim.check()


def scene_sell(s: Scene, ref: int, instrument_id: int):
    fields = {"order_ref": ref, "side": SELL, "px": 100, "qty": 5}
    return record(Template.BOOK_ADD, instrument_id=instrument_id, ts_event_ns=s.now_ns, **fields)
