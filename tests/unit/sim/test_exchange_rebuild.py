"""The simulated exchange while its recorded book is cleared and built anew: nothing trades."""

import pytest
from sim_scene import BUY, SELL, Scene

from tectra.core.msg import BookStatus, OrderType, RejectReason, Template, TimeInForce


@pytest.fixture
def scene() -> Scene:
    """An own bid of 10 at 100, behind 30; an offer of 50 at 103."""
    s = Scene()
    s.add(1, BUY, 100, 30)
    s.add(2, SELL, 103, 50)
    s.order(1, BUY, 100, 10)
    assert s.ahead() == [30]
    return s


def clear(s: Scene, instrument_id: int = 1) -> None:
    s.market(Template.BOOK_CLEAR, instrument_id=instrument_id)


def whole(s: Scene, status: BookStatus = BookStatus.VALID, instrument_id: int = 1) -> None:
    s.market(Template.BOOK_STATUS, status=status, instrument_id=instrument_id)


def rejected(rows) -> list[int]:
    return [int(r["reason"]) for r in rows if r["template_id"] == Template.ORDER_REJECT]


@pytest.mark.parametrize("who", [0, 1])
def test_nothing_fills_until_the_book_is_whole(scene, who):
    clear(scene, who)
    assert scene.ahead() == [0]
    scene.add(11, SELL, 99, 500)  # crosses us, but is a snapshot
    scene.add(12, BUY, 99, 5)
    scene.execute(12, 5)  # trades below us
    scene.trade(90, 100)  # a hidden print below us
    assert scene.fills() == []
    whole(scene, BookStatus.RECOVERING, who)
    scene.trade(90, 100)
    assert scene.fills() == []
    whole(scene, instrument_id=who)
    scene.trade(90, 100)
    assert scene.fills() == [(1, 100, 10)]


def test_what_a_snapshot_shows_at_our_price_stands_before_us(scene):
    clear(scene)
    scene.add(11, BUY, 100, 7, flags=1)
    scene.add(12, BUY, 100, 8, flags=1)
    scene.add(13, BUY, 101, 9, flags=1)
    scene.move(13, 14, 100, 4)
    assert scene.ahead() == [19]
    whole(scene)
    scene.add(15, BUY, 100, 100)  # came after us
    assert scene.ahead() == [19]
    for ref, qty in ((11, 7), (12, 8), (14, 4)):
        scene.execute(ref, qty)
    assert scene.fills() == [] and scene.ahead() == [0]
    scene.execute(15, 6)
    assert scene.fills() == [(1, 100, 6)]


def test_what_left_again_before_the_book_was_whole_does_not_count(scene):
    clear(scene)
    scene.add(11, BUY, 100, 7)
    scene.delete(11)
    assert scene.ahead() == [0]


def test_new_orders_are_refused_and_cancels_are_not(scene):
    clear(scene)
    scene.add(11, SELL, 103, 50)
    market = {"order_type": OrderType.MARKET, "tif": TimeInForce.IOC}
    assert rejected(scene.order(2, BUY, 0, 5, **market)) == [RejectReason.OTHER]
    assert rejected(scene.order(3, BUY, 103, 5)) == [RejectReason.OTHER]
    assert rejected(scene.replace(1, 101, 10)) == [RejectReason.OTHER]
    assert rejected(scene.replace(1, 100, 9)) == []  # less, at its place
    assert rejected(scene.cancel(1)) == []
    assert scene.sim.open_orders() == []
    whole(scene)
    (ack, fill) = scene.order(4, BUY, 103, 5)
    assert fill["qty"] == 5


def test_an_instrument_not_heard_of_before_is_part_of_all():
    s = Scene()
    s.add(1, SELL, 100, 5, instrument_id=9)
    clear(s, 0)
    s.add(2, SELL, 100, 5, instrument_id=9)
    assert rejected(s.order(1, BUY, 100, 5, instrument_id=9)) == [RejectReason.OTHER]
    whole(s, instrument_id=9)
    assert rejected(s.order(2, BUY, 100, 5, instrument_id=9)) == []


def test_what_was_taken_is_forgotten_with_its_levels():
    s = Scene()
    for n in range(1, 40):
        s.add(n, SELL, 100 + n, 10)
        s.add(100 + n, SELL, 100 + n, 10, instrument_id=2)
    s.order(1, BUY, 139, 250)
    s.order(2, BUY, 139, 250, instrument_id=2)
    clear(s)
    s.add(200, SELL, 101, 10)
    whole(s)
    assert [int(r["qty"]) for r in s.order(3, BUY, 101, 10)[1:]] == [10]
    # the other instrument remembers: its first 25 levels are taken
    rows = s.order(4, BUY, 126, 10, instrument_id=2)
    assert [int(r["px"]) for r in rows[1:]] == [126]


def test_a_status_without_a_clear_changes_nothing(scene):
    whole(scene, BookStatus.INVALID)
    assert scene.ahead() == [30]
    scene.trade(90, 100)
    assert scene.fills() == [(1, 100, 10)]
