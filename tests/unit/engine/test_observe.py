"""Whoever observes a pipeline hears every input and what was captured in its step, and nothing
else changes.
"""

import pytest
from engine_scene import Engine, Quiet, split

from tectra.core.errors import StateError, StrategyCallbackError
from tectra.core.msg import Side, Template
from tectra.engine.parts import LEDGER_MASK, OUTPUT_MASK


class Buyer(Quiet):
    def on_book_update(self, ctx, book):
        if book.tradeable:
            ctx.submit_order(book.instrument, Side.BUY, qty=10, px=book.bid_px)


@pytest.mark.parametrize("mask", [OUTPUT_MASK, LEDGER_MASK], ids=["outputs", "ledger"])
def test_each_input_with_what_it_caused(mask):
    engine, plain = Engine(Buyer(), capture_mask=mask), Engine(Buyer(), capture_mask=mask)
    heard = []
    engine.pipeline.observe(lambda given, said: heard.append((split(given)[0], split(said))))
    for it in (engine, plain):
        it.quotes()
        it.ack(1)
        it.fill(1, 1_000_000, 10)
    assert [Template(int(g["template_id"])).name for g, _ in heard] == [
        "BOOK_ADD", "BOOK_ADD", "ORDER_ACK", "ORDER_FILL",
    ]  # fmt: skip
    seqs = [int(r["ring_seq"]) for g, said in heard for r in (g, *said)]
    assert heard[0][1] == [] and Template.ORDER_SEND in {int(r["template_id"]) for r in heard[1][1]}
    inside = {int(g["ring_seq"]) for g, _ in heard}
    told = [int(r["ring_seq"]) for _, said in heard for r in said]
    assert told == sorted(told) and max(seqs) == engine.pipeline.ring_seq
    assert set(told) - inside == {int(r["ring_seq"]) for r in engine.said()} - inside
    assert engine.pipeline.summary == plain.pipeline.summary


def test_taken_off_it_hears_no_more():
    engine = Engine(Buyer())
    heard = []
    engine.pipeline.observe(lambda given, said: heard.append(given))
    engine.add(1, Side.BUY, 999_000, 1)
    with pytest.raises(StateError, match="take it off first"):
        engine.pipeline.observe(print)
    engine.pipeline.observe(None)
    engine.add(2, Side.BUY, 999_000, 1)
    assert len(heard) == 1
    engine.pipeline.observe(None)


def test_a_callback_that_raises_is_told_with_its_fault():
    class Falls(Quiet):
        def on_book_update(self, ctx, book):
            raise ValueError("on purpose")

    engine = Engine(Falls())
    heard = []
    engine.pipeline.observe(lambda given, said: heard.append(split(said)))
    with pytest.raises(StrategyCallbackError):
        engine.add(1, Side.BUY, 999_000, 1)
    ((*_, last),) = heard
    assert int(last["template_id"]) == Template.STRATEGY_STATE


def test_what_an_observer_raises_comes_out_of_the_step():
    engine = Engine(Quiet())

    def refuse(given, said):
        raise KeyError("mine")

    engine.pipeline.observe(refuse)
    with pytest.raises(KeyError, match="mine"):
        engine.add(1, Side.BUY, 999_000, 1)
    engine.pipeline.observe(None)
    engine.add(2, Side.BUY, 999_000, 1)
