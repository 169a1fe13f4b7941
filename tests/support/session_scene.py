"""Sessions to capture: a strategy with indicators and containers, a run of it, and one by hand that
can be observed.
"""

from pathlib import Path
from typing import Any

import numpy as np

import tectra as tt
from tectra.backtest import SimConfig, make_driver
from tectra.backtest.data import open_data
from tectra.core.msg import SessionKind, Template
from tectra.core.record import encode
from tectra.engine.session import SessionSpec, StrategySpec, open_journal
from tectra.strategy.loader import load_strategy
from tectra.strategy.sample.maker import Maker

__all__ = ["SOURCE", "Session", "write_tracker"]

SOURCE = '''
from collections import deque
import tectra as tt


class Ema:
    def __init__(self, n):
        self.k, self.level = 2.0 / (n + 1), None

    def update(self, x):
        self.level = x if self.level is None else self.level + self.k * (x - self.level)

    @property
    def value(self):
        return self.level


class Tracker(tt.Strategy):
    """Trades the crossing of two averages; keeps counts, a window of prices and a ladder."""

    fast: int = tt.param(5, ge=2)
    slow: int = tt.param(20, ge=3)
    size: int = tt.param(100, ge=1)
    fail_at: int = tt.param(0, ge=0)

    def on_start(self, ctx):
        self.emas = {"fast": Ema(self.fast), "slow": Ema(self.slow)}
        self.prices = deque(maxlen=20)
        self.sides = {}
        self.updates = 0
        ctx.set_timer(interval_ns=60_000_000_000)

    def on_book_update(self, ctx, book):
        self.updates += 1
        if self.updates == self.fail_at:
            raise ValueError("on purpose")
        if book.tradeable:
            for ema in self.emas.values():
                ema.update(book.mid)

    def on_trade(self, ctx, trade):
        self.prices.append(trade.px)

    def on_fill(self, ctx, fill):
        self.sides[fill.side] = self.sides.get(fill.side, 0) + fill.qty

    def on_timer(self, ctx, timestamp):
        for instrument in ctx.instruments:
            book = ctx.book(instrument)
            if not book.tradeable or self.emas["slow"].value is None:
                continue
            for order in ctx.get_open_orders(instrument):
                ctx.cancel_order(order.order_id)
            up = self.emas["fast"].value > self.emas["slow"].value
            missing = (self.size if up else -self.size) - ctx.get_position(instrument).net_qty
            if missing:
                buy = missing > 0
                side, px = (tt.Side.BUY, book.ask_px) if buy else (tt.Side.SELL, book.bid_px)
                ctx.submit_order(instrument, side, qty=abs(missing), px=px, tif="IOC")
                ctx.signal("trend", float(missing), instrument)
            ctx.submit_order(instrument, tt.Side.BUY, qty=self.size, px=book.bid_px)

    def on_params_update(self, params):
        self.updates += 1000
'''


def write_tracker(path: Path) -> Path:
    path.write_text(SOURCE)
    return path


class Session:
    """A backtest by hand, whose pipeline can be observed."""

    def __init__(self, day: Path, out: Path, **params: Any) -> None:
        out.mkdir(parents=True)
        self.out = out
        classes = [load_strategy(str(write_tracker(out.parent / f"{out.name}.py"))), Maker]
        self.data = open_data(day, None)
        self.spec = SessionSpec(
            mode="backtest",
            tectra="test",
            seed=3,
            strategies=[
                StrategySpec.of(classes[0], params, name="tracker"),
                StrategySpec.of(classes[1], {"rest_ms": 20_000}, name="maker", symbols=["MSFT"]),
            ],
            instruments=[i.to_dict() for i in self.data.instruments],
            limits=tt.BacktestConfig().limits,
        )
        self.pipeline = self.spec.make_pipeline(classes)
        self.journal = open_journal(out / "journal", self.spec, classes)
        self.pipeline.attach_journal(self.journal)
        self.driver = make_driver(self.pipeline, SimConfig())

    def run(self, records: int = 800) -> None:
        start = self.data.first_ns
        for record in self.spec.limit_records(start):
            self.driver.control(record)
        self.driver.control(self._session(SessionKind.START, start))
        slots = np.concatenate([np.ascontiguousarray(b) for b in self.data.batches()])
        slots = slots.reshape(-1, 64)[:records]
        half = len(slots) // 2
        self.driver.run(np.ascontiguousarray(slots[:half]).reshape(-1))
        self.driver.control(
            encode(
                Template.CONTROL_PARAM, ts_recv_ns=self.pipeline.now_ns, strategy_id=1,
                name="size", value_type=b"i", value_i=50,
            )
        )  # fmt: skip
        self.driver.run(np.ascontiguousarray(slots[half:]).reshape(-1))
        self.driver.finish()
        self.driver.control(self._session(SessionKind.END, self.pipeline.now_ns))

    def close(self) -> None:
        self.journal.close()
        self.data.close()

    def _session(self, kind: SessionKind, ts_ns: int) -> bytes:
        return encode(
            Template.SESSION, ts_event_ns=ts_ns, ts_recv_ns=ts_ns, kind=kind, mode=b"b",
            strategies=2, seed=3,
        )  # fmt: skip
