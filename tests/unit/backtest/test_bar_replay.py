"""The same strategy on ticks and on bars, and nothing of a bar before its close."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tectra.backtest.data import MarketData
from tectra.backtest.run import run_backtest
from tectra.core.errors import InputError
from tectra.core.msg import DTYPES, HEAD, Side, Template
from tectra.feed.bar import BarBuilder
from tectra.feed.bar_feed import BarFeed, BarRecords
from tectra.feed.bar_replay import BarTicks
from tectra.feed.itch import ItchFeed
from tectra.journal.scan import walk
from tectra.strategy.api import Strategy

S = 1_000_000_000
SEEN: list[tuple[str, int, Any]] = []


class Follower(Strategy):
    """Buys what rose since its last look and sells it when it fell; remembers what it saw."""

    def on_start(self, ctx: Any) -> None:
        SEEN.clear()
        self.last = 0
        self.next_ns = 0

    def on_book_update(self, ctx: Any, book: Any) -> None:
        SEEN.append(("book", book.ts_event_ns, (book.bid_px, book.ask_px)))
        mid2 = book.mid_px2
        if not book.tradeable or mid2 is None or book.ts_event_ns < self.next_ns:
            return
        self.next_ns = book.ts_event_ns // (60 * S) * (60 * S) + 60 * S
        held = ctx.get_position(book.instrument).net_qty
        if self.last and mid2 > self.last and held <= 0:
            ctx.submit_order(book.instrument, Side.BUY, quantity=1, price=book.best_ask)
        elif self.last and mid2 < self.last and held >= 0:
            ctx.submit_order(book.instrument, Side.SELL, quantity=1, price=book.best_bid)
        self.last = mid2

    def on_trade(self, ctx: Any, trade: Any) -> None:
        SEEN.append(("trade", trade.ts_event_ns, trade.px))

    def on_fill(self, ctx: Any, fill: Any) -> None:
        SEEN.append(("fill", fill.ts_event_ns, fill.px))

    def on_timer(self, ctx: Any, timestamp: int) -> None: ...

    def on_params_update(self, params: Mapping[str, Any]) -> None: ...


def bars_of(day: Path, spec: str = "1m") -> BarRecords:
    with ItchFeed(day, symbols=["AAPL"]) as feed:
        return BarRecords.collect(feed, BarBuilder(spec))


def fills() -> list[int]:
    return [ts for kind, ts, _ in SEEN if kind == "fill"]


def test_one_strategy_on_ticks_and_on_bars(small_day: Path) -> None:
    on_ticks = run_backtest(strategy=Follower, data=small_day, symbols=["AAPL"])
    assert len(fills()) > 3 and on_ticks.summary.book_errors == 0
    ticks_seen = len(SEEN)
    data = MarketData(BarTicks(bars_of(small_day)), ["AAPL"])
    on_bars = run_backtest(strategy=Follower, data=data)
    assert len(fills()) > 3
    assert on_bars.summary.book_errors == on_bars.summary.unknown_orders == 0
    assert ticks_seen > 3 * len(SEEN), "bars are coarser than ticks"


def test_bars_among_ticks_change_nothing(small_day: Path) -> None:
    """Bar records pass the engine without touching book, orders or strategies."""
    plain = run_backtest(strategy=Follower, data=small_day, symbols=["AAPL"])
    seen = list(SEEN)
    feed = BarFeed(ItchFeed(small_day, symbols=["AAPL"]), BarBuilder(["1s", "1m"]))
    both = run_backtest(strategy=Follower, data=MarketData(feed, ["AAPL"]))
    assert both.summary.inputs > plain.summary.inputs
    assert seen == SEEN
    assert both.summary.unknown_orders == 0


def test_no_value_of_a_bar_before_its_close(small_day: Path) -> None:
    """Cut the stream anywhere ahead of a close: what was seen is the same whatever that bar says,
    and everything seen of it carries its close or a later time."""
    records = bars_of(small_day)
    data = MarketData(BarTicks(BarRecords(records.bars, records.instruments)), ["AAPL"])
    run_backtest(strategy=Follower, data=data)
    whole = list(SEEN)
    for k in (1, 7, 100, len(records.bars) - 1):
        close = int(records.bars["ts_event_ns"][k])
        other = records.bars.copy()
        for name in ("open", "high", "low", "close", "bid", "ask"):
            other[name][k:] *= 2
        other["volume_qty"][k:] += 1000
        data = MarketData(BarTicks(BarRecords(other, records.instruments)), ["AAPL"])
        run_backtest(strategy=Follower, data=data)
        assert [s for s in SEEN if s[1] < close] == [s for s in whole if s[1] < close]
        assert [s for s in SEEN if s[1] >= close] != [s for s in whole if s[1] >= close]


def test_ticks_of_one_bar() -> None:
    bars = np.zeros(2, DTYPES[Template.BAR])
    bars["block_length"], bars["template_id"] = 120, int(Template.BAR)
    bars["schema_id"], bars["version"], bars["instrument_id"] = 7433, 2, 1
    bars["ts_event_ns"] = bars["ts_recv_ns"] = (10 * S, 20 * S)
    bars["open"], bars["high"], bars["low"], bars["close"] = (1, 3), (4, 4), (0.5, 2), (2, 2.5)
    bars["volume_qty"], bars["bid"], bars["ask"] = 10, (1.99, 0), (2.01, 0)
    batch = BarTicks(BarRecords(bars, {1: "X"})).next_batch()
    assert batch is not None
    starts, _ = walk(batch)
    kinds = batch.reshape(-1, 64)[starts].view(HEAD)["template_id"].reshape(-1).tolist()
    assert kinds == [8] * 4 + [1] * 2 + [8] * 4 + [7] * 2
    trades = batch.reshape(-1, 64)[starts][np.array(kinds) == 8].view(DTYPES[Template.TRADE])
    assert trades["px"].reshape(-1).tolist() == [
        10_000, 5_000, 40_000, 20_000, 30_000, 40_000, 20_000, 25_000,
    ]  # fmt: skip
    assert trades["qty"].reshape(-1).tolist() == [2, 2, 2, 4] * 2
    assert set(trades["ts_event_ns"].reshape(-1)) == {10 * S, 20 * S}


def test_refuses_bars_that_run_back() -> None:
    bars = np.zeros(2, DTYPES[Template.BAR])
    bars["ts_event_ns"] = (20, 10)
    with pytest.raises(InputError, match="sort"):
        BarRecords(bars, {0: "X"})
