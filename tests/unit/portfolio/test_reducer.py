"""The reducer of positions: the engine's numbers from records alone, and snapshots of them."""

import random

import pytest
from engine_scene import Engine, Quiet, split

from tectra.core.errors import FileFormatError, InputError
from tectra.core.msg import IntentAction, OrderState, RejectReason, Side, Template
from tectra.portfolio import PositionReducer


class Trades(Quiet):
    """Sends, changes and cancels as the test says."""

    def on_start(self, ctx):
        self.ctx = ctx
        self.todo = []

    def on_book_update(self, ctx, book):
        for what, *more in self.todo:
            getattr(ctx, what)(*more[:-1], **more[-1])
        self.todo.clear()


def random_run(seed: int, steps: int) -> tuple[Engine, list[tuple[Template, bytes]]]:
    """Orders, fills before and after ends, replaces that are answered or not, late and double
    reports.
    """
    chooser = random.Random(seed)
    one, two = Trades(), Trades()
    engine = Engine(one, two)
    engine.quotes()
    ref, exec_id = 100, 0
    for _ in range(steps):
        who = chooser.choice((one, two))
        known = [o.order_id for o in engine.pipeline.orders.open_orders()]
        deed = chooser.randrange(7)
        side = chooser.choice((Side.BUY, Side.SELL))
        if deed == 0 or not known:
            px = chooser.randrange(999_000, 1_001_000, 100)
            qty = chooser.randrange(1, 500)
            who.todo.append(("submit_order", "AAPL", side, {"qty": qty, "px": px}))
            ref += 1
            engine.add(ref, Side.BUY, 500_000, 1)
            continue
        order = engine.pipeline.orders.find(chooser.choice(known))
        fields = {"order_id": order.order_id, "side": order.side}
        owner = (one, two)[order.strategy_id - 1]
        if deed == 1:
            engine.ack(**fields)
        elif deed == 2:
            exec_id += chooser.randrange(2)
            px = chooser.randrange(999_000, 1_001_000, 100)
            fee = chooser.randrange(-50, 90)
            qty = chooser.randrange(1, order.qty + 20)
            engine.fill(px=px, qty=qty, exec_id=exec_id, fee=fee, **fields)
        elif deed == 3:
            engine.market(Template.ORDER_CANCEL, **fields)
        elif deed == 4 and order.state in (OrderState.ACKED, OrderState.PARTIAL_FILL):
            change = {"qty": chooser.randrange(1, 900)}
            owner.todo.append(("modify_order", order.order_id, change))
            ref += 1
            engine.add(ref, Side.BUY, 500_000, 1)
        elif deed == 5 and order.pending is not None:
            px, qty = order.pending
            engine.ack(action=IntentAction.MODIFY, px=px, qty=qty, **fields)
        else:
            action = chooser.choice((IntentAction.SUBMIT, IntentAction.MODIFY))
            engine.market(Template.ORDER_REJECT, action=action, reason=RejectReason.OTHER, **fields)
    rows = split(engine.pipeline.captured())
    return engine, [(Template(int(r["template_id"])), r.tobytes()) for r in rows]


@pytest.mark.parametrize("seed", range(12))
def test_it_comes_to_the_engine_s_numbers(seed):
    """OM-10."""
    engine, records = random_run(seed, 150)
    whole = PositionReducer()
    whole.apply(records)
    assert whole.differences(engine.pipeline.portfolio) == []
    assert any(row.fills for row in whole.rows.values())
    cut = random.Random(seed).randrange(len(records))
    first = PositionReducer()
    first.apply(records[:cut])
    second = PositionReducer.from_bytes(first.to_bytes())
    second.apply(records[cut:])
    assert second.to_bytes() == whole.to_bytes() and second.rows == whole.rows


def test_a_difference_is_told():
    engine, records = random_run(3, 60)
    reducer = PositionReducer()
    reducer.apply(records)
    reducer.rows[0, 1].fees += 1
    (line,) = reducer.differences(engine.pipeline.portfolio)
    assert line.startswith("strategy 0, instrument 1: fees")


def test_snapshots_that_are_none():
    _, records = random_run(1, 30)
    reducer = PositionReducer()
    reducer.apply(records)
    data = reducer.to_bytes()
    for at in range(len(data)):
        bad = bytearray(data)
        bad[at] ^= 16
        with pytest.raises(FileFormatError):
            PositionReducer.from_bytes(bytes(bad))
    for size in (0, 10, len(data) - 1):
        with pytest.raises(FileFormatError):
            PositionReducer.from_bytes(data[:size])
    with pytest.raises(InputError, match="in their order"):
        reducer.apply(records[:1])
