"""One strategy that hands over to another: what each of the two hears, and when."""

import pytest
from engine_scene import Engine, Quiet

from tectra.core.errors import InputError, ParameterError
from tectra.core.msg import OrderEventKind, Side, Template
from tectra.strategy import param
from tectra.strategy.sample.maker import Maker
from tectra.strategy.takeover import SWITCH, takeover_class

HEARD: list[tuple[str, str]] = []


class Spoken(Quiet):
    """Notes what it hears."""

    size: int = param(5, ge=1)

    def on_start(self, ctx):
        HEARD.append((type(self).__name__, f"start {sorted(ctx.params)} {ctx.params.get('size')}"))
        ctx.set_timer(interval_ns=1_000_000_000)

    def on_stop(self, ctx):
        HEARD.append((type(self).__name__, "stop"))

    def on_book_update(self, ctx, book):
        HEARD.append((type(self).__name__, "book"))

    def on_timer(self, ctx, timestamp):
        HEARD.append((type(self).__name__, "timer"))

    def on_params_update(self, params):
        HEARD.append((type(self).__name__, f"params {dict(params)} {self.size}"))


class First(Spoken):
    orders: int = param(2)

    def on_start(self, ctx):
        super().on_start(ctx)
        for k in range(self.orders):
            ctx.submit_order("AAPL", Side.BUY, qty=1 + k, px=1_000_000)


class Second(Spoken):
    other: str = param("x")


@pytest.fixture(autouse=True)
def heard():
    HEARD.clear()
    return HEARD


def set_param(engine: Engine, name: str, value: int, kind: bytes = b"i") -> None:
    engine.step(
        Template.CONTROL_PARAM,
        strategy_id=1,
        value_type=kind,
        name=name.encode(),
        value_i=value,
    )


def cancels(engine: Engine) -> list[int]:
    return [
        int(r["order_id"])
        for r in engine.said()
        if r["template_id"] == Template.ORDER_EVENT and r["event"] == OrderEventKind.CANCEL_SEND
    ]


@pytest.mark.parametrize("cancel", [True, False])
def test_the_first_until_the_switch_then_the_second(cancel):
    made = takeover_class(First, Second, {"size": 9}, cancel=cancel)
    assert made.__name__ == "FirstThenSecond" and set(made.PARAMS) == {"size", "orders", SWITCH}
    engine = Engine(made(size=3))
    engine.add(1, Side.SELL, 1_010_000, 10)
    set_param(engine, "size", 4)
    assert HEARD == [
        ("First", "start ['orders', 'size'] 3"),
        ("First", "book"),
        ("First", "params {'size': 4} 4"),
    ]
    HEARD.clear()
    set_param(engine, SWITCH, 1, b"b")
    assert HEARD == [], "the switch is heard at the next event"
    engine.said()
    engine.add(2, Side.SELL, 1_020_000, 10)
    assert HEARD == [
        ("First", "stop"),
        ("Second", "start ['other', 'size'] 9"),
        ("Second", "book"),
    ]
    assert cancels(engine) == ([1, 2] if cancel else [])
    HEARD.clear()
    set_param(engine, "size", 6)
    set_param(engine, "orders", 6)
    assert HEARD == [("Second", "params {'size': 6} 6")], "what the second has not is not its own"


def test_many_open_orders_leave_before_the_second_starts():
    engine = Engine(takeover_class(First, Second, {})(orders=60))
    engine.sent()
    set_param(engine, SWITCH, 1, b"b")
    engine.add(1, Side.SELL, 1_010_000, 10)
    assert cancels(engine) == list(range(1, 33)) and HEARD[-1] == ("First", "stop")
    engine.add(2, Side.SELL, 1_020_000, 10)
    assert cancels(engine) == list(range(33, 61))
    assert HEARD[-2:] == [("Second", "start ['other', 'size'] 5"), ("Second", "book")]


def test_the_first_timers_go_with_it_and_the_second_has_its_own():
    made = takeover_class(First, Second, {})
    engine = Engine(made())
    timer = {"strategy_id": 1, "interval_ns": 1_000_000_000}
    engine.step(Template.TIMER, timer_id=1, due_ns=1_010, **timer)
    assert HEARD[-1] == ("First", "timer")
    set_param(engine, SWITCH, 1, b"b")
    HEARD.clear()
    engine.step(Template.TIMER, timer_id=1, due_ns=1_020, **timer)
    assert HEARD == [("First", "stop"), ("Second", "start ['other', 'size'] 5")]
    engine.step(Template.TIMER, timer_id=3, due_ns=1_030, **timer)
    assert HEARD[-1] == ("Second", "timer")


def test_what_cannot_take_part():
    with pytest.raises(InputError, match="Maker: is compiled"):
        takeover_class(Maker, Second, {})
    with pytest.raises(InputError, match="Maker: is compiled"):
        takeover_class(First, Maker, {})
    with pytest.raises(ParameterError, match="unknown parameter 'orders'"):
        takeover_class(First, Second, {"orders": 1})

    class Taken(Quiet):
        takeover: int = param(1)

    with pytest.raises(InputError, match="is the switch here"):
        takeover_class(Taken, Second, {})
