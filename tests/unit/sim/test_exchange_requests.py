"""Cancel, replace, trading state, latency, capacity, and the Gateway protocol."""

from itertools import pairwise

import numpy as np
import pytest
from sim_scene import BUY, SELL, Scene, free, record

from tectra.book.l3 import L3Book
from tectra.core.errors import CapacityError, FileFormatError, InputError, RingEmptyError
from tectra.core.msg import IntentAction, OrderType, RejectReason, Side, Template
from tectra.gateway import Gateway
from tectra.sim import LatencyConfig, SimConfig, SimExchange


@pytest.fixture
def scene() -> Scene:
    s = Scene()
    s.add(1, BUY, 100, 10)
    s.add(2, SELL, 102, 50)
    s.order(1, BUY, 100, 20)
    return s


def refused(reports, reason, action=IntentAction.SUBMIT):
    (row,) = reports
    assert row["template_id"] == Template.ORDER_REJECT
    assert (row["reason"], row["action"]) == (reason, action)


def test_a_cancel_takes_the_rest_off(scene):
    scene.execute(1, 10)
    scene.add(3, BUY, 100, 5)
    scene.execute(3, 5)
    assert scene.fills() == [(1, 100, 5)]
    (row,) = scene.cancel(1)
    assert row["template_id"] == Template.ORDER_CANCEL
    assert (row["qty"], row["expired"], row["reason"]) == (15, 0, RejectReason.NONE)
    assert row["side"] == Side.BUY
    assert scene.sim.open_orders() == []


def test_a_cancel_of_an_unknown_order_and_of_a_finished_one(scene):
    refused(scene.cancel(9), RejectReason.UNKNOWN_ORDER, IntentAction.CANCEL)
    scene.cancel(1)
    refused(scene.cancel(1), RejectReason.TOO_LATE, IntentAction.CANCEL)
    scene.order(2, BUY, 102, 5)
    refused(scene.cancel(2), RejectReason.TOO_LATE, IntentAction.CANCEL)


def test_finished_orders_are_forgotten_oldest_first(scene):
    for i in range(2, 400):
        scene.order(i, BUY, 102, 1, tif=3)
    refused(scene.cancel(399), RejectReason.TOO_LATE, IntentAction.CANCEL)
    refused(scene.cancel(2), RejectReason.UNKNOWN_ORDER, IntentAction.CANCEL)
    assert [o.order_id for o in scene.sim.open_orders()] == [1]


def test_less_at_the_same_price_keeps_the_place(scene):
    scene.add(3, BUY, 100, 30)
    (ack,) = scene.replace(1, 100, 15)
    assert ack["action"] == IntentAction.MODIFY
    assert (ack["px"], ack["qty"], ack["leaves_qty"], ack["queue_ahead_qty"]) == (100, 15, 15, 10)


@pytest.mark.parametrize(("px", "qty", "ahead"), [(100, 21, 40), (100, 20, 40), (99, 5, 0)])
def test_anything_else_loses_the_place(scene, px, qty, ahead):
    scene.add(3, BUY, 100, 30)
    (ack,) = scene.replace(1, px, qty)
    assert (ack["px"], ack["qty"], ack["leaves_qty"]) == (px, qty, qty)
    assert ack["queue_ahead_qty"] == ahead
    assert scene.ahead() == [ahead]


def test_the_quantity_of_a_replace_is_the_new_total(scene):
    scene.add(3, SELL, 100, 8)
    scene.fills()
    (ack,) = scene.replace(1, 99, 12)
    assert (ack["qty"], ack["leaves_qty"]) == (12, 4)
    refused(scene.replace(1, 99, 8), RejectReason.TOO_LATE, IntentAction.MODIFY)
    assert scene.sim.open_orders()[0].leaves_qty == 4


def test_a_replace_that_crosses_takes(scene):
    ack, fill = scene.replace(1, 102, 60)
    assert ack["action"] == IntentAction.MODIFY
    assert (fill["px"], fill["qty"], fill["leaves_qty"]) == (102, 50, 10)
    assert scene.sim.open_orders()[0].px == 102


def test_a_refused_replace_leaves_the_order_as_it_was(scene):
    scene.order(2, SELL, 103, 5)
    scene.order(3, BUY, 99, 5, order_type=OrderType.POST_ONLY)
    modify = IntentAction.MODIFY
    before = scene.sim.open_orders()
    refused(scene.replace(1, 103, 60), RejectReason.SELF_TRADE, modify)
    refused(scene.replace(1, 100, 0), RejectReason.SIZE_FILTER, modify)
    refused(scene.replace(1, -1, 5), RejectReason.PRICE_FILTER, modify)
    refused(scene.replace(3, 102, 5), RejectReason.POST_ONLY_WOULD_CROSS, modify)
    refused(scene.replace(8, 101, 5), RejectReason.UNKNOWN_ORDER, modify)
    scene.halt(b"H")
    refused(scene.replace(1, 99, 5), RejectReason.HALTED, modify)
    assert scene.sim.open_orders() == before
    assert scene.replace(1, 100, 5)[0]["template_id"] == Template.ORDER_ACK


@pytest.mark.parametrize("state", [b"H", b"P", b"Q"])
def test_a_halt_refuses_new_orders_and_lets_cancels_through(scene, state):
    scene.halt(state)
    refused(scene.order(2, BUY, 99, 5), RejectReason.HALTED)
    assert scene.cancel(1)[0]["template_id"] == Template.ORDER_CANCEL
    scene.market(Template.STATUS, kind=4, state=b"0")
    refused(scene.order(3, BUY, 99, 5), RejectReason.HALTED)
    scene.halt(b"T")
    assert scene.order(4, BUY, 99, 5)[0]["template_id"] == Template.ORDER_ACK


def test_a_halt_before_the_first_order_counts():
    s = Scene()
    s.halt(b"H")
    refused(s.order(1, BUY, 99, 5), RejectReason.HALTED)


def test_entry_and_response_latency_are_on_the_stamps():
    s = Scene(free(latency=LatencyConfig(entry_ns=100, response_ns=30)))
    s.add(1, SELL, 100, 5)
    s.sim.submit(s.request(1, side=BUY, px=100, qty=5), now_ns=2_000)
    assert s.sim.next_arrival_ns == 2_100
    assert s.sim.next_report_ns is None
    assert s.sim.advance(2_099) == 0
    s.market(Template.BOOK_DELETE, order_ref=1)  # gone before we come
    assert s.sim.advance(2_100) == 1
    assert s.sim.next_report_ns == 2_130
    assert s.sim.reports(2_129) == []
    (ack,) = s.sim.reports(2_130)
    assert (ack["ts_event_ns"], ack["ts_recv_ns"]) == (2_100, 2_130)
    with pytest.raises(RingEmptyError):
        s.sim.arrive()


def jittered(seed):
    s = Scene(free(latency=LatencyConfig(entry_ns=10, response_ns=5, jitter_ns=1000, seed=seed)))
    s.add(1, SELL, 100, 5)
    for i in range(200):
        s.sim.submit(s.request(i + 1, side=BUY, px=50, qty=5), now_ns=i)
    s.sim.advance(10_000)
    times = ("order_id", "ts_event_ns", "ts_recv_ns")
    return [tuple(int(r[name]) for name in times) for r in s.sim.reports()]


def test_jitter_comes_from_the_seed_and_never_reorders():
    one = jittered(1)
    assert one == jittered(1) != jittered(2)
    assert [r[0] for r in one] == list(range(1, 201))
    assert all(a[1] <= b[1] and a[2] <= b[2] for a, b in pairwise(one))
    assert all(10 + i <= r[1] <= 1010 + i for i, r in enumerate(one))
    assert len({r[1] - i for i, r in enumerate(one)}) > 20


def test_it_satisfies_the_gateway_protocol(scene):
    sim = scene.sim
    assert isinstance(sim, Gateway)
    sim.send(scene.request(5, side=BUY, px=90, qty=1), now_ns=5_000)
    sim.replace(scene.request(5, px=91, qty=1, action=IntentAction.MODIFY), now_ns=5_000)
    sim.cancel(scene.request(5, action=IntentAction.CANCEL).tobytes(), now_ns=5_000)
    assert sim.advance(5_000) == 3
    kinds = [Template(r["template_id"]).name for r in sim.reports()]
    assert kinds == ["ORDER_ACK", "ORDER_ACK", "ORDER_CANCEL"]
    with pytest.raises(InputError, match=r"found 2, allowed 1 \(SUBMIT\)"):
        sim.send(scene.request(6, action=IntentAction.CANCEL), now_ns=5_000)


def test_wrong_records_are_refused_and_change_nothing(scene):
    sim = scene.sim
    before = sim.open_orders()
    for bad in (b"", b"x" * 63, bytes(64), record(Template.TIMER).tobytes() + bytes(64)):
        with pytest.raises(FileFormatError):
            sim.submit(bad, now_ns=1)
        with pytest.raises(FileFormatError):
            sim.on_market(bad)
    with pytest.raises(FileFormatError):
        sim.submit(record(Template.BOOK_ADD), now_ns=1)
    with pytest.raises(InputError):
        sim.on_market(record(Template.BOOK_DELETE, instrument_id=1, order_ref=99))
    assert sim.open_orders() == before
    sim.check()


def test_orders_max_bounds_what_it_holds():
    s = Scene(free(orders_max=256))
    s.add(1, SELL, 100, 5)
    for i in range(256):
        s.sim.submit(s.request(i + 1, side=BUY, px=50, qty=5), now_ns=0)
    with pytest.raises(CapacityError, match="orders_max"):
        s.sim.submit(s.request(999, side=BUY, px=50, qty=5), now_ns=0)
    assert s.sim.advance(0) == 256
    s.sim.check()


def test_rings_grow_while_they_wrap():
    s = Scene()
    s.add(1, SELL, 100, 5)
    sent = 0
    for size in (100, 200, 400, 3000):
        for _ in range(size):
            sent += 1
            s.sim.submit(s.request(sent, side=BUY, px=50, qty=5), now_ns=sent)
        assert s.sim.advance(sent) == size
        got = [int(r["order_id"]) for r in s.sim.reports()]
        assert got == list(range(sent - size + 1, sent + 1))
    s.sim.check()
    assert s.sim.stats()["acks"] == sent


def test_the_constructor_says_what_it_takes():
    with pytest.raises(TypeError):
        SimExchange(None)
    with pytest.raises(InputError, match="found dict, allowed SimConfig"):
        SimExchange(L3Book(), config={})
    assert SimExchange(L3Book()).config == SimConfig()


def test_reports_own_their_bytes(scene):
    (row,) = scene.order(7, BUY, 90, 1)
    del scene.sim
    assert isinstance(row, np.void)
    assert row["order_id"] == 7
