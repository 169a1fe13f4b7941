"""What a strategy reads: book, trade, fill."""

import gc
from typing import Any

import pytest
from engine_scene import Engine, Quiet

from tectra.core.errors import InputError
from tectra.core.fixed import Price, Quantity
from tectra.core.msg import FillReason, Liquidity, Side, Template
from tectra.strategy import BookView, FillView, TradeView


class Keeps(Quiet):
    """Keeps the views it is handed, and pictures of them at that moment."""

    def __init__(self) -> None:
        super().__init__()
        self.book: Any = None
        self.trades: list[TradeView] = []
        self.fills: list[FillView] = []
        self.order = 0

    def on_start(self, ctx):
        self.context = ctx

    def on_book_update(self, ctx, book):
        self.book = book
        if book.tradeable and not self.order:
            self.order = ctx.submit_order(book.instrument, Side.BUY, qty=5, px=book.ask_px)

    def on_trade(self, ctx, trade):
        self.trades.append(trade)

    def on_fill(self, ctx, fill):
        self.fills.append(fill)


@pytest.fixture
def scene() -> tuple[Engine, Keeps]:
    keeps = Keeps()
    return Engine(keeps), keeps


def test_an_empty_and_a_one_sided_book(scene):
    engine, keeps = scene
    book = keeps.context.book("AAPL")
    for name in ("bid_px", "ask_px", "mid_px2", "spread_px", "best_bid", "best_ask", "mid"):
        assert getattr(book, name) is None
    assert (book.bid_qty, book.ask_qty, book.imbalance) == (0, 0, 0.0)
    assert book.valid and not book.tradeable and book.levels(Side.BUY) == []
    engine.add(1, Side.BUY, 1_000_000, 5)
    assert keeps.book is book
    assert (book.bid_px, book.ask_px, book.mid, book.imbalance) == (1_000_000, None, None, 1.0)
    assert "None" in repr(book)


def test_a_two_sided_book(scene):
    engine, keeps = scene
    engine.quotes(qty=300)
    engine.add(3, Side.BUY, 1_000_000, 100)
    engine.add(4, Side.BUY, 999_900, 7)
    book = keeps.book
    assert (book.symbol, book.instrument_id) == ("AAPL", 1)
    assert (book.bid_px, book.bid_qty, book.ask_px, book.ask_qty) == (
        1_000_000,
        400,
        1_000_100,
        300,
    )
    assert (book.mid_px2, book.spread_px, book.mid) == (2_000_100, 100, pytest.approx(100.005))
    assert book.best_bid == Price("100.0000") and book.best_ask == Price("100.0100")
    assert book.imbalance == pytest.approx(100 / 700)
    assert book.levels(Side.BUY) == [(1_000_000, 400, 2), (999_900, 7, 1)]
    assert book.levels(Side.BUY, 1) == [(1_000_000, 400, 2)] == book.levels(int(Side.BUY), depth=1)
    assert book.levels(Side.SELL) == [(1_000_100, 300, 1)]
    assert (book.queue_ahead(1), book.queue_ahead(3), book.queue_ahead(99)) == (0, 300, None)
    assert book.tradeable and book.ring_seq == engine.pipeline.ring_seq
    assert book.ts_event_ns == book.ts_recv_ns == engine.now_ns


def test_what_levels_refuses(scene):
    _, keeps = scene
    book = keeps.context.book(1)
    for side in (Side.NONE, 3, None, "BUY"):
        with pytest.raises(InputError, match="side: found"):
            book.levels(side)
    for depth in (0, 257, -1):
        with pytest.raises(InputError, match="depth: found"):
            book.levels(Side.BUY, depth)


@pytest.mark.parametrize("state", [b"H", b"P", b"Q"])
def test_a_halt_is_not_tradeable(scene, state: bytes):
    engine, keeps = scene
    engine.quotes()
    engine.market(Template.STATUS, kind=2, state=state)
    assert keeps.book.valid and not keeps.book.tradeable
    engine.market(Template.STATUS, kind=2, state=b"T")
    assert keeps.book.tradeable


def test_a_crossed_book_is_not_tradeable(scene):
    engine, keeps = scene
    engine.quotes(bid=1_000_200, ask=1_000_100)
    assert not keeps.book.tradeable and keeps.book.spread_px == -100


@pytest.mark.parametrize(
    ("template", "fields"),
    [
        (Template.BOOK_EXECUTE, {"order_ref": 99, "qty": 1}),
        (Template.BOOK_DELETE, {"order_ref": 99}),
        (Template.BOOK_EXECUTE, {"order_ref": 1, "qty": 501}),
        (Template.BOOK_CANCEL, {"order_ref": 1, "qty": 501}),
        (Template.BOOK_ADD, {"order_ref": 1, "qty": 1, "px": 1, "side": 1}),
        (Template.BOOK_REPLACE, {"order_ref": 99, "new_order_ref": 100, "qty": 1, "px": 1}),
        (Template.GAP, {"first_seq": 5, "last_seq": 9}),
        (Template.GAP, {"first_seq": 5, "last_seq": 9, "instrument_id": 0}),
    ],
)
def test_a_contradiction_or_a_gap_makes_the_book_invalid_for_good(scene, template, fields):
    engine, keeps = scene
    engine.quotes()
    assert keeps.book.valid
    engine.market(template, **fields)
    assert not keeps.book.valid and not keeps.book.tradeable
    engine.add(50, Side.BUY, 1_000_000, 1)
    assert not keeps.book.valid
    summary = engine.pipeline.summary
    assert summary.first_error_seq and summary.first_error_rc < 0


def test_trouble_in_one_instrument_leaves_the_others_alone():
    keeps = Keeps()
    engine = Engine(keeps, symbols=("AAPL", "MSFT"))
    engine.market(Template.BOOK_DELETE, order_ref=9, instrument_id=2)
    engine.market(Template.GAP, first_seq=1, last_seq=2, instrument_id=2)
    assert keeps.context.book("AAPL").valid and not keeps.context.book("MSFT").valid


def test_a_trade_and_its_aggressor(scene):
    engine, keeps = scene
    engine.quotes()
    engine.market(Template.BOOK_EXECUTE, order_ref=2, qty=30, match_id=7)
    engine.market(Template.TRADE, px=1_000_050, qty=4, side=Side.SELL, match_id=8, flags=4)
    first, second = keeps.trades
    assert (first.px, first.qty, first.side, first.match_id) == (1_000_100, 30, Side.BUY, 7)
    assert first.price == Price("100.0100") and first.quantity == Quantity("30")
    assert (second.px, second.side, second.flags) == (1_000_050, Side.SELL, 4)
    assert second.ring_seq == first.ring_seq + 1 and "AAPL" in repr(first)
    assert second.ts_event_ns == second.ts_recv_ns == engine.now_ns


def test_a_broken_trade_is_no_trade(scene):
    engine, keeps = scene
    engine.market(Template.TRADE, px=1_000_050, qty=4, match_id=8, flags=16)
    seen = len(keeps.trades)
    engine.market(Template.TRADE, px=1_000_050, qty=4, match_id=8, flags=0)
    assert len(keeps.trades) == seen + 1


def test_a_fill(scene):
    engine, keeps = scene
    engine.quotes()
    engine.ack(keeps.order)
    engine.fill(
        keeps.order,
        1_000_100,
        2,
        fee=-3,
        leaves_qty=3,
        exec_id=77,
        liquidity=Liquidity.MAKER,
        fill_reason=FillReason.NONE,
    )
    (fill,) = keeps.fills
    assert (fill.order_id, fill.side, fill.px, fill.qty) == (keeps.order, Side.BUY, 1_000_100, 2)
    assert (fill.leaves_qty, fill.fee, fill.exec_id) == (3, -3, 77)
    assert (fill.liquidity, fill.reason) == (Liquidity.MAKER, FillReason.NONE)
    assert fill.price == Price("100.0100") and fill.quantity == Quantity("2")
    assert fill.ring_seq and fill.ts_event_ns == engine.now_ns and "order 1" in repr(fill)


def test_a_view_that_outlives_its_engine_is_safe(scene):
    engine, keeps = scene
    engine.quotes()
    book = keeps.book
    del engine, scene
    gc.collect()
    assert book.bid_px == 1_000_000


@pytest.mark.parametrize("kind", [BookView, TradeView, FillView])
def test_nobody_else_makes_a_view(kind):
    with pytest.raises(TypeError, match="made by the engine"):
        kind()
