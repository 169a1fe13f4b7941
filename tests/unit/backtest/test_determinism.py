"""The same configuration gives the same bytes: in one process, in another, by another road."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_scene import OPEN_LIMITS, Engine, Quiet
from trading import Momentum, write_strategy

import tectra as tt
from tectra.backtest.data import open_data
from tectra.backtest.driver import BacktestDriver
from tectra.core.msg import Side, Template, TimeInForce
from tectra.core.ring import SpscRing
from tectra.feed.itch import ItchFeed
from tectra.sim import SimConfig, SimExchange
from tectra.strategy import param
from tectra.strategy.sample.passthrough import Passthrough

# Several whole runs a test.
pytestmark = pytest.mark.timeout(30)


def bytes_of(directory: Path) -> dict[str, str]:
    return {
        p.relative_to(directory).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(directory.rglob("*"))
        if p.is_file()
    }


RUN = """
import sys
import tectra as tt
config = tt.BacktestConfig(seed=11)
strategy, data, out = sys.argv[1:]
result = tt.run_backtest(strategy=strategy, data=data, out=out, config=config)
print(result.summary.input_digest, result.summary.output_digest)
"""


@pytest.mark.e2e
@pytest.mark.timeout(60)
def test_two_processes_write_the_same_journal(small_day, tmp_path, fresh_env):
    """BT-18."""
    file = write_strategy(tmp_path / "mine.py")
    said = []
    for number, seed in enumerate(("0", "1", "random")):
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(file), str(small_day), str(tmp_path / f"o{number}")],
            env={**fresh_env, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert said[0] == said[1] == said[2] and len(said[0].split()) == 2
    first = bytes_of(tmp_path / "o0" / "journal")
    assert first and first == bytes_of(tmp_path / "o1" / "journal")
    assert first == bytes_of(tmp_path / "o2" / "journal")


def test_twice_in_one_process(small_day, tmp_path):
    def run(name: str, **fields: Any) -> Any:
        config = tt.BacktestConfig(**fields)
        return tt.run_backtest(
            strategy=Momentum, data=small_day, config=config, out=tmp_path / name
        )

    one, two, other = run("a"), run("b"), run("c", seed=1)
    assert one.summary == two.summary and one.trades == two.trades
    assert bytes_of(tmp_path / "a/journal") == bytes_of(tmp_path / "b/journal")
    assert other.summary.input_digest != one.summary.input_digest
    assert other.output_digest != one.output_digest


def test_neither_samples_nor_batches_nor_the_journal_change_what_the_engine_says(small_day):
    plain = tt.run_backtest(strategy=Momentum, data=small_day)
    config = tt.BacktestConfig(sample_ns=7_000_000_000, latency_sample_shift=0)
    other = tt.run_backtest(strategy=Momentum, data=small_day, config=config)
    assert other.summary == plain.summary
    from tectra.backtest.data import MarketData

    for slots in (1, 2, 65, 100_000):
        feed = ItchFeed(small_day, venue_id=open_data_venue(small_day))
        data = MarketData(feed, None, batch_slots=max(slots, 2))
        assert tt.run_backtest(strategy=Momentum, data=data).summary == plain.summary
        data.close()


def open_data_venue(path: Path) -> int:
    data = open_data(path, None)
    data.close()
    return int(data.instruments[0].exchange)


class PassPython(Quiet):
    """The sample Passthrough once more, in Python."""

    every: int = param(1, ge=1)
    size: int = param(1, ge=1)

    def on_start(self, ctx):
        self.seen = 0

    def on_book_update(self, ctx, book):
        if not book.tradeable:
            return
        self.seen += 1
        if self.seen % self.every == 0:
            ctx.submit_order(
                book.instrument, Side.BUY, qty=self.size, px=book.bid_px, tif=TimeInForce.IOC
            )


def test_a_compiled_and_a_python_strategy_that_do_the_same_are_the_same(small_day):
    config = tt.BacktestConfig(limits=OPEN_LIMITS)
    params = {"every": 7, "size": 3}
    runs = [
        tt.run_backtest(strategy=s, params=params, data=small_day, config=config)
        for s in (Passthrough, PassPython)
    ]
    assert runs[0].summary == runs[1].summary and runs[0].summary.outputs > 10_000


def test_passthrough_sends_the_orders_it_should():
    """SF-21: a small stream by hand, and the list of orders it must cause."""
    engine = Engine(Passthrough(every=2, size=7), symbols=("AAPL", "MSFT"))
    engine.add(1, Side.BUY, 1_000_000, 10)
    engine.add(2, Side.SELL, 1_000_200, 10)
    engine.add(3, Side.BUY, 1_000_100, 5)
    engine.add(4, Side.BUY, 500_000, 5, instrument_id=2)
    engine.market(Template.BOOK_EXECUTE, order_ref=3, qty=5)
    engine.market(Template.BOOK_CANCEL, order_ref=1, qty=4)
    engine.add(5, Side.SELL, 500_100, 5, instrument_id=2)
    engine.market(Template.STATUS, kind=2, state=b"H")
    engine.add(6, Side.BUY, 1_000_000, 1)
    engine.market(Template.STATUS, kind=2, state=b"T")
    engine.add(7, Side.BUY, 1_000_150, 1)
    engine.market(Template.BOOK_REPLACE, order_ref=2, new_order_ref=8, px=1_000_100, qty=9)
    engine.market(Template.BOOK_DELETE, order_ref=7)
    golden = [
        (1, 1, 1_000_100),
        (2, 1, 1_000_000),
        (3, 1, 1_000_150),
    ]
    sent = engine.sent()
    assert [(int(r["order_id"]), int(r["instrument_id"]), int(r["px"])) for r in sent] == golden
    assert {(int(r["qty"]), int(r["side"]), int(r["tif"])) for r in sent} == {
        (7, 1, TimeInForce.IOC)
    }


def test_one_class_runs_from_a_file_and_from_a_ring(small_day):
    """SF-42: the same class, the same engine, whatever brings the records."""
    by_file = tt.run_backtest(strategy=Momentum, data=small_day)
    ring = SpscRing.private(1 << 14)
    data = open_data(small_day, None)
    engine = Engine(
        Momentum(), symbols=[i.symbol for i in data.instruments], limits=None, start=False, seed=0
    )
    driver = BacktestDriver(engine.pipeline, SimExchange(engine.pipeline.book, config=SimConfig()))
    from tectra.backtest.run import BacktestConfig
    from tectra.core.msg import SessionKind
    from tectra.engine.session import SessionSpec

    spec = SessionSpec(
        mode="paper",
        tectra="",
        seed=0,
        strategies=[],
        instruments=[i.to_dict() for i in data.instruments],
        limits=BacktestConfig().limits,
    )
    for row in spec.limit_records(data.first_ns):
        driver.control(row)
    session = {"ts_event_ns": data.first_ns, "ts_recv_ns": data.first_ns, "mode": b"b"}
    from sim_scene import record

    start = record(Template.SESSION, kind=SessionKind.START, strategies=1, **session)
    driver.control(start.tobytes())
    buffer = np.zeros(64 * 4096, dtype=np.uint8)
    for batch in data.batches():
        at = 0
        while at < len(batch):
            at += 64 * ring.push_many(batch[at:])
            n = ring.drain_into(buffer)
            driver.run(buffer[: 64 * n])
    data.close()
    driver.finish()
    verdicts = by_file.ledger.count(Template.ORDER_VERDICT)
    mine = engine.said()
    assert sum(r["template_id"] == Template.ORDER_VERDICT for r in mine) >= verdicts > 100
    fills = [r for r in mine if r["template_id"] == Template.ORDER_FILL]
    wanted = by_file.ledger.table(Template.ORDER_FILL)
    assert [(int(f["px"]), int(f["qty"]), int(f["ts_recv_ns"])) for f in fills] == [
        (int(f["px"]), int(f["qty"]), int(f["ts_recv_ns"])) for f in wanted
    ]
