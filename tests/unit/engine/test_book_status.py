"""How far a book can be trusted, as strategies, risk and the journal see it."""

from typing import Any

import pytest
from engine_scene import Engine, Quiet, split

from tectra.core.msg import (
    DIRECTION,
    BookReason,
    BookStatus,
    OrderType,
    RiskRule,
    SessionKind,
    Side,
    Template,
)
from tectra.core.types import Exchange
from tectra.engine import build_pipeline
from tectra.journal.reader import JournalReader
from tectra.journal.verify import verify
from tectra.journal.writer import JournalWriter
from tectra.refdata.instrument import Instrument

BUY, SELL = Side.BUY, Side.SELL
INVALID, RECOVERING = BookStatus.INVALID, BookStatus.RECOVERING


class Watcher(Quiet):
    """Writes down what the book says of itself in every callback."""

    def on_start(self, ctx):
        self.ctx = ctx
        self.seen: list[tuple[Any, ...]] = []

    def on_book_update(self, ctx, book):
        self.seen.append((book.symbol, book.valid, book.tradeable, book.status, book.reason))

    def on_trade(self, ctx, trade):
        book = ctx.book(trade.instrument)
        self.seen.append(("trade", book.valid, book.tradeable))


@pytest.fixture
def scene() -> tuple[Engine, Watcher]:
    watcher = Watcher()
    engine = Engine(watcher, symbols=("AAPL", "MSFT"))
    engine.quotes()
    watcher.seen.clear()
    return engine, watcher


def status(engine: Engine, what: BookStatus, reason: BookReason = BookReason.NONE, **more: Any):
    engine.market(Template.BOOK_STATUS, status=what, reason=reason, **more)


def test_golden_invalid_before_the_next_callback(scene):
    """E: gap, recovery and rebuild as a strategy lives through them."""
    engine, watcher = scene
    engine.add(3, BUY, 1_000_000, 10)
    engine.market(Template.GAP, first_seq=5, last_seq=9)
    engine.add(4, BUY, 1_000_000, 10)
    status(engine, RECOVERING, BookReason.GAP)
    engine.market(Template.BOOK_CLEAR, reason=BookReason.GAP)
    engine.add(11, BUY, 999_900, 7, flags=1)
    engine.add(12, SELL, 1_000_200, 7, flags=1)
    status(engine, BookStatus.VALID, BookReason.RECOVERED)
    engine.add(13, BUY, 1_000_000, 10)
    none, valid = BookStatus.NONE, BookStatus.VALID
    assert watcher.seen == [
        ("AAPL", True, True, none, BookReason.NONE),
        ("AAPL", False, False, INVALID, BookReason.GAP),
        ("AAPL", False, False, INVALID, BookReason.GAP),
        ("AAPL", False, False, RECOVERING, BookReason.GAP),
        ("AAPL", False, False, RECOVERING, BookReason.GAP),  # the clear
        ("AAPL", False, False, RECOVERING, BookReason.GAP),
        ("AAPL", False, False, RECOVERING, BookReason.GAP),
        ("AAPL", True, True, valid, BookReason.RECOVERED),
        ("AAPL", True, True, valid, BookReason.RECOVERED),
    ]
    assert engine.pipeline.book.orders(1, BUY)["order_ref"].tolist() == [13, 11]


def test_a_print_on_an_invalid_book_says_so(scene):
    engine, watcher = scene
    status(engine, BookStatus.STALE, BookReason.STALE)
    engine.market(Template.BOOK_EXECUTE, order_ref=2, qty=1)
    assert watcher.seen[1] == ("trade", False, False)


@pytest.mark.parametrize("what", [INVALID, RECOVERING, BookStatus.STALE])
def test_only_valid_makes_it_valid_again(scene, what):
    engine, watcher = scene
    status(engine, what, BookReason.CHECKSUM)
    assert watcher.seen == [("AAPL", False, False, what, BookReason.CHECKSUM)]
    engine.add(3, BUY, 1_000_000, 10)
    assert watcher.seen[-1][1] is False
    status(engine, BookStatus.VALID)
    assert watcher.seen[-1] == ("AAPL", True, True, BookStatus.VALID, BookReason.NONE)


def test_what_says_nothing_new_calls_nobody(scene):
    engine, watcher = scene
    status(engine, BookStatus.VALID)
    status(engine, BookStatus.VALID)
    engine.market(Template.GAP)
    engine.market(Template.GAP)
    status(engine, INVALID, BookReason.GAP)
    assert [row[3] for row in watcher.seen] == [BookStatus.VALID, INVALID]


def test_a_refused_record_invalidates_once_and_valid_forgives(scene):
    engine, watcher = scene
    engine.market(Template.BOOK_DELETE, order_ref=77)
    engine.market(Template.BOOK_DELETE, order_ref=78)
    assert watcher.seen == [("AAPL", False, False, INVALID, BookReason.MALFORMED)]
    assert engine.pipeline.summary.book_errors == 2
    status(engine, BookStatus.VALID)
    assert watcher.seen[-1][1:3] == (True, True)
    engine.market(Template.BOOK_DELETE, order_ref=79)
    assert watcher.seen[-1][1] is False


@pytest.mark.parametrize("unknown", [0, 5, 255])
def test_an_unknown_status_is_invalid(scene, unknown: int):
    engine, watcher = scene
    engine.market(Template.BOOK_STATUS, status=unknown, reason=200)
    assert watcher.seen == [("AAPL", False, False, INVALID, BookReason.MALFORMED)]
    assert engine.pipeline.summary.book_errors == 1


def test_a_reason_of_a_later_version_is_a_number(scene):
    engine, watcher = scene
    status(engine, INVALID, 200)  # type: ignore[arg-type]
    assert watcher.seen[-1][4] == 200


class Both(Watcher):
    """Looks at every book in every callback."""

    def on_book_update(self, ctx, book):
        self.seen.append((book.symbol, *(ctx.book(i).valid for i in ctx.instruments)))


@pytest.mark.parametrize("template", [Template.GAP, Template.BOOK_CLEAR])
def test_a_record_of_all_changes_all_before_anybody_hears(template: Template):
    both = Both()
    engine = Engine(both, symbols=("AAPL", "MSFT"))
    engine.quotes()
    engine.add(3, BUY, 5, 5, instrument_id=2)
    both.seen.clear()
    engine.market(template, instrument_id=0)
    assert both.seen == [("AAPL", False, False), ("MSFT", False, False)]
    engine.market(Template.BOOK_STATUS, instrument_id=2, status=BookStatus.VALID)
    assert both.seen[2:] == [("MSFT", False, True)]


def test_a_status_of_all_is_one_of_its_venue():
    watcher = Watcher()
    table = [Instrument(1, "A", Exchange.KRAKEN), Instrument(2, "B", Exchange.COINBASE)]
    pipeline = build_pipeline(table, strategies=1)
    pipeline.add_strategy(watcher)
    engine = Engine(start=False)
    engine.pipeline = pipeline
    engine.step(Template.SESSION, kind=SessionKind.START, mode=b"b")
    status(engine, INVALID, BookReason.LINK, instrument_id=0, venue_id=Exchange.KRAKEN)
    assert [row[0] for row in watcher.seen] == ["A"]
    status(engine, INVALID, BookReason.LINK, instrument_id=0)
    assert [row[0] for row in watcher.seen] == ["A", "B"]
    status(engine, BookStatus.VALID, instrument_id=0, venue_id=Exchange.COINBASE)
    assert watcher.seen[2:] == [("B", True, False, BookStatus.VALID, BookReason.NONE)]


def test_a_stranger_says_nothing(scene):
    engine, watcher = scene
    status(engine, INVALID, instrument_id=77)
    engine.market(Template.BOOK_CLEAR, instrument_id=77)
    engine.market(Template.GAP, instrument_id=77)
    assert watcher.seen == []


class Trader(Watcher):
    """Sends a market order and a limit order in every callback after `armed`."""

    armed = False

    def on_book_update(self, ctx, book):
        super().on_book_update(ctx, book)
        if self.armed:
            ctx.submit_order(book.instrument, BUY, quantity=1, order_type=OrderType.MARKET)


def test_a_market_order_wants_a_sound_reference():
    trader = Trader()
    engine = Engine(trader)
    engine.quotes()
    status(engine, INVALID, BookReason.CHECKSUM)
    assert engine.pipeline.mid_px2(engine.instruments[0]) is None
    trader.armed = True
    engine.said()
    engine.add(3, BUY, 1_000_000, 1)
    (verdict,) = [r for r in engine.said() if r["template_id"] == Template.ORDER_VERDICT]
    assert (verdict["accepted"], verdict["rule"]) == (0, RiskRule.MAX_NOTIONAL)
    status(engine, BookStatus.VALID)
    (verdict,) = [r for r in engine.said() if r["template_id"] == Template.ORDER_VERDICT]
    assert verdict["accepted"] == 1
    assert engine.pipeline.mid_px2(engine.instruments[0]) == 2_000_100


def test_half_a_snapshot_marks_nothing():
    engine = Engine(Quiet())
    engine.quotes()
    engine.fill(1, 5, 5)
    engine.market(Template.BOOK_CLEAR)
    engine.add(11, BUY, 10, 7, flags=1)
    engine.add(12, SELL, 20, 7, flags=1)
    assert engine.pipeline.mid_px2(engine.instruments[0]) is None
    status(engine, BookStatus.VALID)
    assert engine.pipeline.mid_px2(engine.instruments[0]) == 30


def test_these_records_are_inputs_of_the_journal(scene):
    engine, _ = scene
    engine.said()
    before = engine.pipeline.summary
    engine.market(Template.BOOK_CLEAR)
    status(engine, BookStatus.VALID)
    engine.market(Template.TICKER)
    engine.market(Template.BAR)
    rows = split(engine.pipeline.captured())
    assert [r["template_id"] for r in rows] == [19, 18, 16, 17]
    after = engine.pipeline.summary
    assert after.inputs == before.inputs + 4
    assert (after.unknown_orders, after.invalid_transitions) == (0, 0)


class Storm(Quiet):
    """As many orders as a callback may send, in each."""

    def on_book_update(self, ctx, book):
        for _ in range(64):
            ctx.submit_order(book.instrument, BUY, quantity=1, price=book.instrument.price(100))


def test_one_record_may_wake_every_strategy_for_every_book():
    """The gate refuses what does not fit into the out ring: each refusal must find a place."""
    symbols = [f"S{n}" for n in range(80)]
    engine = Engine(Storm(), symbols=symbols)
    engine.market(Template.GAP, instrument_id=0)
    refused = engine.pipeline.summary.gate_refusals
    assert refused > 2_000
    assert refused + len(engine.sent()) == 80 * 64
    assert len(engine.said(Template.ORDER_REJECT)) == refused


def test_a_replay_of_the_journal_says_the_same(tmp_path):
    """Gap, recovery and clear are inputs: the journal has them, and its inputs say it all again."""
    with JournalWriter(tmp_path / "j", session={}) as journal:
        engine = Engine(Storm(), journal=journal)
        engine.quotes()
        engine.market(Template.GAP)
        status(engine, RECOVERING, BookReason.GAP)
        engine.market(Template.BOOK_CLEAR)
        engine.add(11, BUY, 999_900, 7, flags=1)
        engine.market(Template.BOOK_DELETE, order_ref=99)
        status(engine, BookStatus.VALID, BookReason.RECOVERED)
    assert verify(tmp_path / "j").ok
    slots = b"".join(s.tobytes() for s in JournalReader(tmp_path / "j").slots())
    again = Engine(Storm(), limits=None, start=False).pipeline
    for row in split(slots):
        if DIRECTION[Template(int(row["template_id"]))] == "input":
            again.step_record(row.tobytes())
    assert again.summary == engine.pipeline.summary
    assert again.summary.outputs > 1_000
