"""Orders of a real run, led back to the signals and the tick that caused them."""

from typing import Any

import pytest
from engine_scene import OPEN_LIMITS, Engine, Quiet

import tectra as tt
from tectra.core.errors import UnknownOrderError
from tectra.core.msg import RiskRule, Side, Template
from tectra.journal.reader import JournalReader
from tectra.oms import trace_order, trace_orders


class Talks(Quiet):
    """Two signals and two orders on every fifth update; orders without signals on a timer."""

    def on_start(self, ctx: Any) -> None:
        self.updates = 0
        self.said: dict[int, tuple[int, tuple[float, ...]]] = {}
        ctx.set_timer(interval_ns=60_000_000_000)

    def on_book_update(self, ctx: Any, book: Any) -> None:
        self.updates += 1
        if not book.tradeable or self.updates % 5:
            return
        ctx.signal("count", self.updates, book.instrument)
        px = book.bid_px - 1_000
        first = ctx.submit_order(book.instrument, Side.BUY, qty=1, px=px)
        ctx.signal("imbalance", book.imbalance, book.instrument)
        second = ctx.submit_order(book.instrument, Side.BUY, qty=1, px=px)
        for order_id in (first, second):
            self.said[order_id] = (ctx.cause_seq, (float(self.updates), book.imbalance))

    def on_timer(self, ctx: Any, timestamp: int) -> None:
        for order in ctx.get_open_orders():
            ctx.cancel_order(order.order_id)
        for instrument in ctx.instruments:
            book = ctx.book(instrument)
            if book.tradeable:
                order = ctx.submit_order(instrument, Side.BUY, qty=1, px=book.bid_px - 2_000)
                self.said[order] = (ctx.cause_seq, ())


SEEN: list[Talks] = []


class Remembered(Talks):
    """Talks, and can be asked after the run what it said."""

    def on_start(self, ctx: Any) -> None:
        super().on_start(ctx)
        SEEN.append(self)


@pytest.mark.timeout(60)
def test_every_order_of_a_run_leads_back(small_day: Any, tmp_path: Any) -> None:
    """The strategy's own notes are the oracle."""
    SEEN.clear()
    tt.run_backtest(
        strategy=Remembered,
        data=small_day,
        out=tmp_path / "run",
        config=tt.BacktestConfig(limits=OPEN_LIMITS),
    )
    said = SEEN[0].said
    found = trace_orders(JournalReader(tmp_path / "run" / "journal").slots())
    assert len(said) > 500 and found.keys() == said.keys()
    causes = set()
    for order_id, (cause_seq, values) in said.items():
        lineage = found[order_id]
        assert (lineage.order_id, lineage.strategy_id) == (order_id, 1)
        assert lineage.cause_seq == cause_seq < lineage.intent_seq
        assert lineage.cause is not None and lineage.cause.ring_seq == cause_seq
        assert tuple(s.value for s in lineage.signals) == values
        assert [s.name for s in lineage.signals] == ["count", "imbalance"][: len(values)]
        assert all(cause_seq < s.signal_id for s in lineage.signals)
        assert lineage.rule is RiskRule.NONE
        assert (lineage.cause.template is Template.TIMER) == (not values)
        causes.add(lineage.cause.template)
    assert {Template.TIMER, Template.BOOK_ADD, Template.BOOK_DELETE} <= causes


class Once(Quiet):
    def on_book_update(self, ctx: Any, book: Any) -> None:
        if book.tradeable:
            ctx.signal("edge", 1.5, book.instrument)
            ctx.submit_order(book.instrument, Side.BUY, qty=10_000_000, px=book.ask_px)


def test_a_captured_stream_and_a_refused_order() -> None:
    engine = Engine(Once())
    engine.quotes()
    slots = engine.pipeline.captured()
    lineage = trace_order([slots], 1)
    assert lineage.cause is not None and lineage.cause.template is Template.BOOK_ADD
    assert (lineage.rule, lineage.signals[0].name) == (RiskRule.MAX_QTY, "edge")
    assert trace_orders([slots]) == {1: lineage}
    with pytest.raises(UnknownOrderError, match=r"orders \[99\]"):
        trace_order([slots], 99)
    assert trace_orders([]) == {}
