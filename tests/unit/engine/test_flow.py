"""Orders on their way out and reports on their way in: risk, gate, states, positions."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from engine_scene import Engine, Quiet

from tectra.core.kill import KillWord
from tectra.core.msg import (
    IntentAction,
    KillAction,
    OrderEventKind,
    OrderState,
    RejectReason,
    RiskRule,
    Side,
    Template,
)
from tectra.core.ring import SpscRing
from tectra.risk.limits import LimitScope, RiskLimits


class Buys(Quiet):
    """Sends `orders` buys of `qty` at the offer on each book update; does what `then` says on
    fills.
    """

    def __init__(self, orders: int = 1, qty: int = 5, px: int | None = 1_000_100) -> None:
        super().__init__()
        self.orders, self.qty, self.px = orders, qty, px
        self.fills: list[tuple[int, int]] = []
        self.todo: list[Any] = []

    def on_book_update(self, ctx, book):
        if not book.tradeable:
            return
        if self.todo:
            self.todo.pop(0)(ctx)
            return
        for _ in range(self.orders):
            ctx.submit_order(book.instrument, Side.BUY, qty=self.qty, px=self.px)

    def on_fill(self, ctx, fill):
        position = ctx.get_position("AAPL")
        self.fills.append((position.net_qty, position.open_buy_qty))


def events(rows: list[Any]) -> list[tuple[str, str, str, int]]:
    return [
        (
            OrderEventKind(int(r["event"])).name,
            OrderState(int(r["from_state"])).name,
            OrderState(int(r["to_state"])).name,
            int(r["valid"]),
        )
        for r in rows
        if r["template_id"] == Template.ORDER_EVENT
    ]


def live(engine: Engine) -> int:
    return len(engine.pipeline.orders.open_orders())


def scope(**fields: Any) -> RiskLimits:
    return RiskLimits(default=LimitScope(**fields), instruments={})


def test_an_order_that_passes_is_five_records():
    engine = Engine(Buys())
    engine.quotes()
    rows = engine.said()[1:]
    assert [Template(int(r["template_id"])).name for r in rows] == [
        "BOOK_ADD",
        "ORDER_INTENT",
        "ORDER_EVENT",
        "ORDER_VERDICT",
        "ORDER_EVENT",
        "ORDER_SEND",
    ]
    cause = int(rows[0]["ring_seq"])
    assert {int(r["cause_seq"]) for r in rows[1:]} == {cause}
    assert events(rows) == [("SUBMIT", "NONE", "NEW", 1), ("SEND", "NEW", "SENT", 1)]
    (sent,) = engine.sent()
    assert sent.tobytes()[24:] == rows[-1].tobytes()[24:]


@pytest.mark.parametrize(
    ("limits", "buys", "rule"),
    [
        (scope(order_qty_max=Decimal(4)), Buys(), RiskRule.MAX_QTY),
        (scope(order_notional_max=Decimal(500)), Buys(), RiskRule.MAX_NOTIONAL),
        (scope(position_max=Decimal(4)), Buys(), RiskRule.MAX_POSITION),
        (scope(price_band_ppm=1), Buys(), RiskRule.PRICE_BAND),
        (scope(orders_per_second=1, orders_burst=1), Buys(orders=2), RiskRule.ORDER_RATE),
        (scope(), Buys(px=-1), RiskRule.VALIDITY),
        (scope(), Buys(px=0), RiskRule.VALIDITY),
        (scope(), Buys(qty=0), RiskRule.VALIDITY),
        (scope(), Buys(qty=-5), RiskRule.VALIDITY),
        (scope(order_notional_max=Decimal(10)), Buys(qty=2**62, px=2**62), RiskRule.MAX_NOTIONAL),
    ],
)
def test_every_rule_refuses_with_a_verdict_and_nothing_leaves(limits, buys, rule):
    """RK-05, and fail closed."""
    engine = Engine(buys, limits=limits)
    engine.quotes()
    rows = engine.said()
    verdicts = [r for r in rows if r["template_id"] == Template.ORDER_VERDICT]
    assert len(verdicts) == buys.orders
    refused = verdicts[-1]
    assert (refused["accepted"], RiskRule(int(refused["rule"]))) == (0, rule)
    assert refused["order_id"] == buys.orders and refused["qty"] == buys.qty
    assert len(engine.sent()) == buys.orders - 1
    assert live(engine) == buys.orders - 1
    if rule is not RiskRule.VALIDITY or buys.qty > 0:
        assert events(rows)[-1] == ("REJECT", "NEW", "REJECTED", 1)
    else:
        assert [e[3] for e in events(rows)] == [0]


def test_the_position_counts_open_orders():
    engine = Engine(Buys(orders=3, qty=4), limits=scope(position_max=Decimal(10)))
    engine.quotes()
    verdicts = engine.said(Template.ORDER_VERDICT)
    assert [int(v["accepted"]) for v in verdicts] == [1, 1, 0]
    assert int(verdicts[-1]["found"]) == 12


def test_each_intent_has_its_verdict_and_only_accepted_ones_leave():
    """RK-04, RK-05: over a mixture of good, bad, cancels, changes and kills."""
    buys = Buys(orders=8, qty=5)
    engine = Engine(buys, limits=scope(position_max=Decimal(60), order_qty_max=Decimal(7)))
    rows: list[Any] = []
    engine.quotes()
    buys.todo = [
        lambda ctx: ctx.cancel_order(1),
        lambda ctx: ctx.modify_order(2, qty=7),
        lambda ctx: ctx.modify_order(3, qty=8),
        lambda ctx: [ctx.cancel_order(4), ctx.cancel_order(4)],
    ]
    for order_id in range(1, 6):
        engine.ack(order_id, qty=5, px=1_000_100)
    for i in range(4):
        engine.add(10 + i, Side.BUY, 1_000_000, 1)
    engine.step(Template.CONTROL_KILL, action=KillAction.KILL)
    engine.add(20, Side.BUY, 1_000_000, 1)
    rows = engine.said()
    intents = [r for r in rows if r["template_id"] == Template.ORDER_INTENT]
    verdicts = [r for r in rows if r["template_id"] == Template.ORDER_VERDICT]
    sends = [r for r in rows if r["template_id"] == Template.ORDER_SEND]

    def key(r: Any) -> tuple[int, ...]:
        return (
            int(r["order_id"]),
            int(r["action"]),
            int(r["px"]),
            int(r["qty"]),
            int(r["cause_seq"]),
        )

    assert [key(r) for r in intents] == [key(r) for r in verdicts]
    accepted = [key(r) for r in verdicts if r["accepted"]]
    assert {key(r) for r in sends} <= set(accepted)
    # Of the accepted ones only the second cancel of order 4 has nothing left to cancel.
    assert len(accepted) - len(sends) == 1 == engine.pipeline.summary.invalid_transitions
    assert [key(r) for r in engine.sent()] == [key(r) for r in sends]


def test_only_the_gate_pushes_to_the_out_ring(root: Path):
    """RK-04: the one place in headers and modules where a request enters a ring is tt_gate_send."""
    callers = set()
    for path in [*(root / "ext/tectra").glob("*.h"), *(root / "tectra").rglob("*.pyx")]:
        text = path.read_text()
        for match in re.finditer(r"tt_spsc_try_push(?:_n)?\((\w+)", text):
            if match[1] not in ("r", "tt_spsc"):
                callers.add((path.name, match[1]))
    assert {c for c in callers if c[1] in ("out", "p")} == {("gate.h", "out")}
    for name in ("flow.h", "pipeline.h", "strategy.h", "pipeline.pyx", "state.pyx", "context.pyx"):
        assert not any(c[0] == name for c in callers)


def test_a_strategy_holds_nothing_that_leads_to_the_ring():
    class Looks(Quiet):
        def on_book_update(self, ctx, book):
            self.names = {n for o in (ctx, book) for n in dir(o) if not n.startswith("_")}
            self.kinds = {type(getattr(o, n)).__name__ for o in (ctx, book) for n in dir(o)}

    looks = Looks()
    engine = Engine(looks)
    engine.quotes()
    assert not looks.kinds & {"Pipeline", "SpscRing", "RiskChain", "OrderTable", "JournalWriter"}


def test_a_limit_record_changes_what_passes():
    engine = Engine(Buys(qty=5))
    engine.quotes()
    assert len(engine.sent()) == 1
    engine.step(Template.CONTROL_LIMIT, rule=RiskRule.MAX_QTY, new_value=4, instrument_id=1)
    engine.add(3, Side.BUY, 1_000_000, 1)
    assert not engine.sent()


@pytest.mark.parametrize("where", [{}, {"strategy_id": 1}, {"instrument_id": 1}])
def test_a_kill_record_stops_orders_and_lets_cancels_through(where: dict):
    buys = Buys()
    engine = Engine(buys)
    engine.quotes()
    engine.ack(1, px=1_000_100, qty=5)
    engine.sent()
    engine.step(Template.CONTROL_KILL, action=KillAction.KILL, **where)
    engine.add(3, Side.BUY, 1_000_000, 1)
    assert not engine.sent()
    (refused,) = [r for r in engine.said(Template.ORDER_VERDICT) if not r["accepted"]]
    assert refused["rule"] == RiskRule.KILL
    buys.todo = [lambda ctx: ctx.cancel_order(1)]
    engine.add(4, Side.BUY, 1_000_000, 1)
    (cancel,) = engine.sent()
    assert cancel["action"] == IntentAction.CANCEL
    engine.step(Template.CONTROL_KILL, action=KillAction.CLEAR, **where)
    engine.add(5, Side.BUY, 1_000_000, 1)
    assert len(engine.sent()) == 1


def test_the_kill_word_becomes_a_record_before_anything_else():
    word = KillWord.private()
    engine = Engine(Buys(), kill=word)
    word.set()
    engine.quotes()
    names = engine.names()
    assert names[:2] == ["CONTROL_KILL", "BOOK_ADD"] and names.count("CONTROL_KILL") == 1
    assert "ORDER_SEND" not in names and engine.pipeline.risk.killed
    # The chain cannot be cleared while the word stands.
    engine.step(Template.CONTROL_KILL, action=KillAction.CLEAR)
    engine.add(3, Side.BUY, 1_000_000, 1)
    assert engine.pipeline.risk.killed and not engine.sent()
    word.clear(word.epoch)
    engine.step(Template.CONTROL_KILL, action=KillAction.CLEAR)
    engine.add(4, Side.BUY, 1_000_000, 1)
    assert len(engine.sent()) == 1


def test_the_kill_word_set_inside_a_step_is_seen_by_the_gate():
    word = KillWord.private()

    class Late(Buys):
        def on_book_update(self, ctx, book):
            super().on_book_update(ctx, book)
            if book.tradeable:
                word.set()

    engine = Engine(Late(), kill=word)
    engine.quotes()
    rows = engine.said()
    assert not engine.sent() and engine.pipeline.summary.gate_refusals == 1
    (reject,) = [r for r in rows if r["template_id"] == Template.ORDER_REJECT]
    assert reject["text"] == b"gate: killed" and reject["reason"] == RejectReason.RISK
    assert events(rows)[-1] == ("REJECT", "SENT", "REJECTED", 1)
    assert live(engine) == 0


@pytest.mark.parametrize("strategies", [1, 3, 40])
def test_a_full_ring_makes_rejects_that_are_inputs(strategies: int):
    """Every order is answered, whatever the number of strategies that send 64 at once."""

    class Burst(Buys):
        def on_trade(self, ctx, trade):
            for _ in range(64):
                ctx.submit_order("AAPL", Side.BUY, qty=1, px=1_000_000)

        def on_book_update(self, ctx, book):
            self.on_trade(ctx, None)

    engine = Engine(*[Burst() for _ in range(strategies)], ring=SpscRing.private(16))
    engine.quotes()
    engine.sent()
    engine.said()
    engine.market(Template.BOOK_EXECUTE, order_ref=2, qty=1)
    rows = engine.said()
    asked = sum(r["template_id"] == Template.ORDER_INTENT for r in rows)
    sent = len(engine.sent())
    rejects = [r for r in rows if r["template_id"] == Template.ORDER_REJECT]
    assert asked == 128 * strategies and 0 < sent <= 8
    assert len(rejects) == asked - sent and {bytes(r["text"]) for r in rejects} == {
        b"gate: out ring full"
    }
    first = next(i for i, r in enumerate(rows) if r["template_id"] == Template.ORDER_REJECT)
    assert not any(r["template_id"] == Template.ORDER_INTENT for r in rows[first:])
    engine.pipeline.orders.verify()


def test_the_way_of_an_order_through_its_states():
    """OM-03: one event a transition, with time, cause and what is left."""
    engine = Engine(Buys(qty=10))
    engine.quotes()
    engine.ack(1, px=1_000_100, qty=10)
    engine.fill(1, 1_000_100, 4, leaves_qty=6)
    engine.fill(1, 1_000_100, 6, leaves_qty=0)
    rows = engine.said()
    assert events(rows) == [
        ("SUBMIT", "NONE", "NEW", 1),
        ("SEND", "NEW", "SENT", 1),
        ("ACK", "SENT", "ACKED", 1),
        ("PARTIAL_FILL", "ACKED", "PARTIAL_FILL", 1),
        ("FILL", "PARTIAL_FILL", "FILLED", 1),
    ]
    made = [r for r in rows if r["template_id"] == Template.ORDER_EVENT]
    assert [(int(r["cum_qty"]), int(r["leaves_qty"])) for r in made] == [
        (0, 10),
        (0, 10),
        (0, 10),
        (4, 6),
        (10, 0),
    ]
    seqs = {int(r["ring_seq"]): r for r in rows}
    for row in made:
        assert int(row["cause_seq"]) in seqs
        assert row["ts_event_ns"] == seqs[int(row["cause_seq"])]["ts_recv_ns"]
    assert len([r for r in rows if r["template_id"] == Template.POSITION_UPDATE]) == 2


def test_position_and_reservation_are_right_before_the_strategy_hears():
    buys = Buys(qty=10)
    engine = Engine(buys)
    engine.quotes()
    engine.ack(1, px=1_000_100, qty=10)
    engine.fill(1, 1_000_100, 4, leaves_qty=6)
    engine.fill(1, 1_000_100, 6, leaves_qty=0)
    assert buys.fills == [(4, 6), (10, 0)]


# A fill after a reject proves that the order lives: what is left of it is reserved again.
@pytest.mark.parametrize(("how", "reserved"), [("cancel", 0), ("reject", 7), ("expire", 0)])
def test_what_ends_an_order_frees_what_it_reserved(how: str, reserved: int):
    engine = Engine(Buys(qty=10))
    engine.quotes()
    if how == "reject":
        engine.market(Template.ORDER_REJECT, order_id=1, action=IntentAction.SUBMIT, side=Side.BUY)
    else:
        engine.ack(1, px=1_000_100, qty=10)
        reason = RejectReason.NONE if how == "cancel" else list(RejectReason)[-1]
        engine.market(Template.ORDER_CANCEL, order_id=1, side=Side.BUY, reason=reason)
    assert live(engine) == 0
    engine.fill(1, 1_000_100, 3)
    (update,) = engine.said(Template.POSITION_UPDATE)
    assert (update["net_qty"], update["open_buy_qty"]) == (3, reserved)


def test_a_report_that_cannot_be_is_said_and_counted_not_lost():
    engine = Engine(Buys())
    engine.quotes()
    engine.market(Template.ORDER_REJECT, order_id=1, action=IntentAction.SUBMIT, side=Side.BUY)
    engine.said()
    engine.ack(1, px=1_000_100, qty=5)
    rows = engine.said()
    assert [e[3] for e in events(rows)] == [0]
    assert engine.pipeline.summary.invalid_transitions == 1
    engine.ack(99)
    assert engine.pipeline.summary.unknown_orders == 1 and not events(engine.said())


def test_two_strategies_have_rows_of_their_own_and_one_account():
    first, second = Buys(qty=3), Buys(qty=4)
    engine = Engine(first, second)
    engine.quotes()
    for order_id, qty in ((1, 3), (2, 4)):
        engine.ack(order_id, px=1_000_100, qty=qty)
        engine.fill(order_id, 1_000_100, qty)
    engine.end()
    rows = engine.said(Template.PNL_UPDATE)
    assert [(int(r["strategy_id"]), int(r["net_qty"])) for r in rows] == [(0, 7), (1, 3), (2, 4)]
    assert [int(r["total"]) for r in rows] == [-350, -150, -200]
    assert {int(r["mark_px2"]) for r in rows} == {2_000_100}


def test_a_position_is_marked_at_the_last_mid_when_the_book_is_gone():
    engine = Engine(Buys(qty=3))
    engine.quotes()
    engine.ack(1, px=1_000_100, qty=3)
    engine.fill(1, 1_000_100, 3)
    engine.market(Template.BOOK_REPLACE, order_ref=2, new_order_ref=3, px=1_000_900, qty=5)
    engine.market(Template.BOOK_DELETE, order_ref=1)
    engine.market(Template.BOOK_DELETE, order_ref=3)
    engine.end()
    row = engine.said(Template.PNL_UPDATE)[-1]
    assert (int(row["mark_px2"]), int(row["unrealized"])) == (2_000_900, 3 * 350)


def test_money_that_does_not_fit_is_counted_and_said():
    engine = Engine(Buys())
    engine.quotes()
    engine.ack(1)
    engine.fill(1, 2**62, 2**62)
    assert engine.pipeline.summary.overflows == 1
    (update,) = engine.said(Template.POSITION_UPDATE)
    assert update["net_qty"] == 0


def test_a_replay_pipeline_without_a_ring_sends_nowhere():
    engine = Engine(Buys(), with_out_ring=False)
    engine.quotes()
    assert engine.pipeline.out is None and len(engine.said(Template.ORDER_SEND)) == 1
