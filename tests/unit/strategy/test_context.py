"""What a strategy may do and ask: every method of the context, and what it refuses."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from engine_scene import Engine, Quiet

from tectra.core.errors import InputError, StrategyCallbackError, StrategyError
from tectra.core.fixed import Price, Quantity
from tectra.core.msg import (
    IntentAction,
    MarketFlag,
    OrderState,
    OrderType,
    Side,
    Template,
    TimeInForce,
)
from tectra.strategy.context import Context


class Script(Quiet):
    """Runs one function on every book update of a two-sided book; keeps what it returned."""

    def __init__(self, action: Callable[[Context, Any], Any], **params: Any) -> None:
        super().__init__(**params)
        self.action = action
        self.found: list[Any] = []
        self.timers: list[int] = []

    def on_book_update(self, ctx, book):
        if book.tradeable:
            self.found.append(self.action(ctx, book))

    def on_timer(self, ctx, timestamp):
        self.timers.append(timestamp)


def run(action: Callable[[Context, Any], Any]) -> tuple[Engine, Script]:
    script = Script(action)
    engine = Engine(script, symbols=("AAPL", "MSFT"))
    engine.quotes()
    return engine, script


def intents(engine: Engine) -> list[Any]:
    return engine.said(Template.ORDER_INTENT)


@pytest.mark.parametrize(
    ("kwargs", "px", "qty", "kind"),
    [
        ({"qty": 7, "px": 1_000_000}, 1_000_000, 7, OrderType.LIMIT),
        ({"quantity": 7, "price": "100.01"}, 1_000_100, 7, OrderType.LIMIT),
        ({"quantity": Quantity("7"), "price": Price("100.01")}, 1_000_100, 7, OrderType.LIMIT),
        ({"quantity": Decimal(7), "price": Decimal("1E2")}, 1_000_000, 7, OrderType.LIMIT),
        ({"quantity": "7", "price": 100}, 1_000_000, 7, OrderType.LIMIT),
        ({"qty": 7}, -(2**63), 7, OrderType.MARKET),
        ({"qty": 7, "px": 1_000_000, "order_type": OrderType.POST_ONLY}, 1_000_000, 7, 3),
    ],
)
def test_submit_makes_one_intent(kwargs: dict, px: int, qty: int, kind: int):
    engine, script = run(lambda ctx, book: ctx.submit_order("AAPL", Side.BUY, **kwargs))
    (made,) = intents(engine)
    assert script.found == [1]
    assert (made["px"], made["qty"], made["order_type"], made["side"]) == (px, qty, kind, Side.BUY)
    assert (made["order_id"], made["strategy_id"], made["action"]) == (1, 1, IntentAction.SUBMIT)


@pytest.mark.parametrize("tif", [TimeInForce.IOC, "IOC", int(TimeInForce.IOC)])
@pytest.mark.parametrize("which", ["AAPL", 1, "book"])
def test_ways_to_name_an_instrument_and_a_time_in_force(tif: Any, which: Any):
    def act(ctx: Context, book: Any) -> int:
        chosen = book.instrument if which == "book" else which
        return ctx.submit_order(chosen, Side.SELL, qty=1, px=1, tif=tif)

    engine, _ = run(act)
    (made,) = intents(engine)
    assert (made["instrument_id"], made["tif"]) == (1, TimeInForce.IOC)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"qty": 1.0, "px": 1}, r"qty: found 1.0 \(float\)"),
        ({"qty": 1, "px": 1.5}, r"px: found 1.5 \(float\); allowed: an int64 mantissa"),
        ({"quantity": 1.0}, r"quantity: found 1.0 \(float\)"),
        ({"qty": 1, "price": 100.01}, r"price: found 100.01 \(float\)"),
        ({"qty": 1, "price": True}, "price: found True"),
        ({"qty": 1, "price": "100.00001"}, "price"),
        ({"qty": 1, "price": "abc"}, "price"),
        ({"quantity": "1.5"}, "quantity"),
        ({"qty": "1"}, "qty: found '1'"),
        ({"qty": 2**63}, "qty: found 9223372036854775808"),
        ({}, "exactly one of quantity= and qty="),
        ({"qty": 1, "quantity": 1}, "exactly one"),
        ({"qty": 1, "px": 1, "price": 1}, "at most one"),
        ({"qty": 1, "tif": "NEVER"}, "tif: found 'NEVER'; allowed: DAY"),
        ({"qty": 1, "tif": None}, "tif"),
        ({"qty": 1, "order_type": 99}, "order_type: found 99; allowed: OrderType.LIMIT"),
        ({"qty": 1, "side": Side.NONE}, "side: found .*; allowed: Side.BUY, Side.SELL"),
        ({"qty": 1, "side": "BUY"}, "side: found 'BUY'"),
        ({"qty": 1, "instrument": "NOPE"}, "found 'NOPE'; allowed in this run: AAPL, MSFT"),
        ({"qty": 1, "instrument": None}, "found None"),
    ],
)
def test_submit_refuses_and_leaves_no_intent(kwargs: dict, message: str):
    kwargs = dict(kwargs)
    where, side = kwargs.pop("instrument", "AAPL"), kwargs.pop("side", Side.BUY)

    def act(ctx: Context, book: Any) -> None:
        with pytest.raises(InputError, match=message):
            ctx.submit_order(where, side, **kwargs)

    engine, script = run(act)
    assert script.found == [None] and not intents(engine)


def test_an_order_is_not_there_before_the_callback_returned():
    """SF-03."""

    def act(ctx: Context, book: Any) -> tuple:
        if ctx.get_order(1):
            return ctx.get_order(1), ctx.get_open_orders()
        order_id = ctx.submit_order("AAPL", Side.BUY, qty=5, px=1_000_000)
        seen = ctx.get_order(order_id), ctx.get_open_orders(), ctx.get_position("AAPL").open_buy_qty
        for change in (ctx.cancel_order, lambda o: ctx.modify_order(o, qty=1)):
            with pytest.raises(StrategyError):
                change(order_id)
        return seen

    engine, script = run(act)
    assert script.found == [(None, (), 0)]
    names = [n for n in engine.names() if n.startswith("ORDER")]
    assert names == ["ORDER_INTENT", "ORDER_EVENT", "ORDER_VERDICT", "ORDER_EVENT", "ORDER_SEND"]
    engine.add(3, Side.BUY, 999_900, 1)
    order, (same,) = script.found[1]
    assert order == same and order.state is OrderState.SENT
    assert (order.leaves_qty, order.cum_qty, order.px, order.side) == (5, 0, 1_000_000, Side.BUY)


def test_the_batch_of_one_callback_is_bounded():
    def act(ctx: Context, book: Any) -> int:
        for _ in range(64):
            ctx.submit_order("AAPL", Side.BUY, qty=1, px=1_000_000)
        with pytest.raises(StrategyError, match="batch of this callback is full"):
            ctx.submit_order("AAPL", Side.BUY, qty=1, px=1_000_000)
        return 64

    engine, _ = run(act)
    assert len(engine.sent()) == 64
    assert [int(r["order_id"]) for r in intents(engine)] == list(range(1, 65))


def test_notes_are_bounded_as_well():
    def act(ctx: Context, book: Any) -> None:
        for i in range(16):
            ctx.signal("x", float(i))
        with pytest.raises(StrategyError, match="full"):
            ctx.decide("one more")

    engine, _ = run(act)
    assert len(engine.said(Template.STRATEGY_SIGNAL)) == 16


class Meddler(Quiet):
    """Tries to touch an order of the other strategy."""

    def on_trade(self, ctx, trade):
        with pytest.raises(StrategyError, match="none of this strategy's"):
            ctx.cancel_order(1)
        with pytest.raises(StrategyError, match="none of this strategy's"):
            ctx.modify_order(1, qty=2)
        self.open = ctx.get_open_orders()


def test_orders_of_another_strategy_are_out_of_reach():
    meddler = Meddler()
    owner = Script(lambda ctx, book: ctx.submit_order("AAPL", Side.BUY, qty=5, px=1_000_000))
    engine = Engine(owner, meddler)
    engine.quotes()
    engine.market(Template.BOOK_EXECUTE, order_ref=2, qty=1, match_id=9)
    assert meddler.open == ()


def test_cancel_and_modify():
    def act(ctx: Context, book: Any) -> None:
        if not ctx.get_open_orders():
            ctx.submit_order("AAPL", Side.BUY, qty=5, px=1_000_000)
        elif book.bid_qty == 501:
            ctx.modify_order(1, price="99.99", quantity=9)
        elif book.bid_qty == 502:
            ctx.cancel_order(1)
        elif book.bid_qty == 503:
            with pytest.raises(InputError, match="at most one"):
                ctx.modify_order(1, qty=1, quantity=1)
            with pytest.raises(InputError, match="float"):
                ctx.modify_order(1, px=1.5)
            with pytest.raises(StrategyError, match="no order 77"):
                ctx.modify_order(77, qty=1)
            with pytest.raises(StrategyError, match="found order 77"):
                ctx.cancel_order(77)

    engine, _ = run(act)
    engine.ack(1, px=1_000_000, qty=5)
    engine.said()
    engine.add(3, Side.BUY, 1_000_000, 1)
    (changed,) = intents(engine)
    assert (changed["action"], changed["px"], changed["qty"]) == (IntentAction.MODIFY, 999_900, 9)
    engine.ack(1, px=999_900, qty=9, action=IntentAction.MODIFY)
    engine.add(4, Side.BUY, 1_000_000, 1)
    (cancel,) = intents(engine)
    assert (cancel["action"], cancel["order_id"]) == (IntentAction.CANCEL, 1)
    engine.add(5, Side.BUY, 1_000_000, 1)


def test_position_and_pnl_follow_the_fills():
    def act(ctx: Context, book: Any) -> Any:
        if not ctx.get_order(1):
            ctx.submit_order("AAPL", Side.BUY, qty=5, px=1_000_100)
        return ctx.get_position("AAPL"), ctx.get_pnl("AAPL"), ctx.get_pnl("MSFT")

    engine, script = run(act)
    engine.ack(1)
    engine.fill(1, 1_000_100, 2, fee=30, leaves_qty=3)
    engine.add(3, Side.BUY, 1_000_000, 1)
    position, pnl, other = script.found[-1]
    assert (position.net_qty, position.cost, position.open_buy_qty) == (2, 2_000_200, 3)
    assert (position.worst_long_qty, position.worst_short_qty) == (5, 2)
    assert (pnl.realized, pnl.unrealized, pnl.fees) == (0, -100, 30)
    assert (other.realized, other.unrealized) == (0, 0)
    engine.market(Template.BOOK_DELETE, order_ref=2)
    engine.add(4, Side.SELL, 999_900, 1)
    assert script.found[-1] is not None


def test_pnl_has_no_mark_without_two_sides():
    class Ask(Quiet):
        def on_fill(self, ctx, fill):
            self.pnl = ctx.get_pnl("AAPL")

        def on_book_update(self, ctx, book):
            if not ctx.get_order(1):
                ctx.submit_order("AAPL", Side.BUY, qty=5, px=1_000_000)

    ask = Ask()
    engine = Engine(ask)
    engine.add(1, Side.BUY, 1_000_000, 5)
    engine.ack(1)
    engine.fill(1, 1_000_000, 5)
    assert ask.pnl.unrealized is None


def test_recent_trades():
    def act(ctx: Context, book: Any) -> list[tuple[int, int]]:
        trades = ctx.recent_trades("AAPL", 64)
        assert ctx.recent_trades("AAPL", -1) == [] and len(ctx.recent_trades("AAPL", 1)) <= 1
        assert len(ctx.recent_trades("AAPL", 1000)) <= 64
        return [(t.qty, t.side) for t in trades]

    engine, script = run(act)
    for i in range(70):
        engine.market(Template.BOOK_EXECUTE, order_ref=2, qty=1 + i % 3, match_id=i)
    # Both orders, then 70 prints of which 64 are kept: an ask was hit, so the aggressor bought.
    assert script.found[-1] == [(1 + i % 3, Side.BUY) for i in range(6, 70)]


def test_a_print_that_is_not_to_be_printed_is_not_kept():
    engine, script = run(lambda ctx, book: len(ctx.recent_trades("AAPL")))
    fields = {"order_ref": 2, "qty": 1, "match_id": 1, "flags": MarketFlag.NOT_PRINTABLE}
    engine.market(Template.BOOK_EXECUTE_PRICED, exec_px=1_000_050, **fields)
    engine.market(Template.BOOK_EXECUTE, order_ref=2, qty=1, match_id=2)
    assert script.found == [0, 0, 1]


def timer_at(engine: Engine, due_ns: int, timer_id: int, interval_ns: int = 0, owner: int = 1):
    engine.step(
        Template.TIMER,
        ts_event_ns=due_ns,
        ts_recv_ns=due_ns,
        due_ns=due_ns,
        timer_id=timer_id,
        interval_ns=interval_ns,
        strategy_id=owner,
    )


def test_timers():
    def act(ctx: Context, book: Any) -> tuple:
        if script.found:
            return ()
        with pytest.raises(InputError, match="found interval_ns=0"):
            ctx.set_timer()
        with pytest.raises(InputError, match="found interval_ns=-5"):
            ctx.set_timer(interval_ns=-5)
        with pytest.raises(TypeError):
            ctx.set_timer(interval_ns=1.5)
        first, second = ctx.set_timer(interval_ns=100), ctx.set_timer(due_ns=5_000)
        third = ctx.set_timer(due_ns=1)
        assert ctx.cancel_timer(third) is True and ctx.cancel_timer(third) is False
        return first, second

    script = Script(act)
    engine = Engine(script)
    engine.quotes()
    first, second = script.found[0]
    timer_at(engine, 1_130, first, 100)
    timer_at(engine, 5_000, second)
    assert script.timers == [1_130, 5_000]


def test_the_table_of_timers_is_bounded():
    def act(ctx: Context, book: Any) -> None:
        for _ in range(256):
            ctx.set_timer(interval_ns=2**62)
        with pytest.raises(StrategyError, match="256 timers"):
            ctx.set_timer(interval_ns=1)

    run(act)


def test_a_timer_of_another_strategy_cannot_be_dropped():
    mine: list[int] = []

    def other(ctx: Context, book: Any) -> bool:
        return ctx.cancel_timer(mine[0])

    owner = Script(lambda ctx, book: mine.append(ctx.set_timer(interval_ns=1_000)))
    thief = Script(other)
    engine = Engine(owner, thief)
    engine.quotes()
    assert thief.found == [False]


def test_signals_and_decisions():
    def act(ctx: Context, book: Any) -> None:
        ctx.signal("spread", 1.5, "AAPL")
        ctx.signal("n" * 40, 2.0)
        ctx.decide("buy: " + "x" * 60, side=Side.BUY, confidence=0.25, instrument="MSFT")

    engine, _ = run(act)
    rows = [r for r in engine.said() if r["template_id"] >= Template.STRATEGY_SIGNAL]
    assert [Template(int(r["template_id"])).name for r in rows] == [
        "STRATEGY_SIGNAL",
        "STRATEGY_SIGNAL",
        "STRATEGY_DECISION",
    ]
    assert (rows[0]["name"], rows[0]["value"], rows[0]["instrument_id"]) == (b"spread", 1.5, 1)
    assert (rows[1]["name"], rows[1]["instrument_id"]) == (b"n" * 23, 0)
    assert rows[2]["text"] == b"buy: " + b"x" * 34
    assert (rows[2]["confidence"], rows[2]["side"], rows[2]["instrument_id"]) == (0.25, 1, 2)


def test_time_cause_parameters_and_randomness():
    def act(ctx: Context, book: Any) -> tuple:
        assert ctx.strategy_id == 1 and ctx.params == {}
        assert ctx.book("MSFT").best_bid is None and ctx.book(book.instrument) is book
        assert [i.symbol for i in ctx.instruments] == ["AAPL", "MSFT"]
        return ctx.now_ns, ctx.cause_seq, book.ring_seq, ctx.random.u64()

    engine, script = run(act)
    _, again = run(act)
    assert script.found == again.found
    now, cause, seq, _ = script.found[0]
    assert (now, cause) == (engine.now_ns, seq)


def test_nobody_else_makes_a_context():
    with pytest.raises(TypeError, match="made by the engine"):
        Context()


def test_an_error_in_a_callback_names_callback_and_record():
    def act(ctx: Context, book: Any) -> None:
        ctx.submit_order("AAPL", Side.BUY, qty=1, px=1)
        raise KeyError("mine")

    with pytest.raises(StrategyCallbackError, match=r"Script.on_book_update raised at record") as e:
        run(act)
    assert isinstance(e.value.__cause__, KeyError)
