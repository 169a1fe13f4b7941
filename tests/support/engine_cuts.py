"""A journaled run cut at its records: state at a cut, a new pipeline with it, and the tail."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from engine_scene import OPEN_LIMITS, Quiet
from trading import Momentum

import tectra as tt
from tectra.backtest import SimConfig, StrategyRun, make_driver
from tectra.backtest.data import open_data
from tectra.core.msg import DIRECTION, SessionKind, Side, Template
from tectra.core.record import encode
from tectra.engine import Pipeline, SessionSpec, StrategySpec
from tectra.engine.compare import Comparator
from tectra.engine.parts import OUTPUT_MASK
from tectra.engine.snapshot import SnapshotKeeper, SnapshotSchedule
from tectra.journal.reader import JournalReader
from tectra.journal.scan import walk
from tectra.journal.writer import JournalWriter
from tectra.strategy import param
from tectra.strategy.sample.cross import Cross
from tectra.strategy.sample.idle import Idle
from tectra.strategy.sample.maker import Maker
from tectra.strategy.sample.passthrough import Passthrough
from tectra.strategy.sample.requote import Requote
from tectra.strategy.sample.steady import Steady
from tectra.strategy.sample.watcher import Watcher

__all__ = ["CutRun", "Keeper", "LiveRun", "everybody", "journaled", "templates_of"]

_INPUTS = np.isin(np.arange(2**16), [int(t) for t, d in DIRECTION.items() if d == "input"])


class Mood(Enum):
    CALM = "calm"
    BUSY = "busy"


class Average:
    """A user's own class: attributes, and one list that somebody else holds as well."""

    def __init__(self, window: deque[float]) -> None:
        self.window = window
        self.mean = 0.0

    def add(self, value: float) -> float:
        self.window.append(value)
        self.mean = sum(self.window) / len(self.window)
        return self.mean


@dataclass
class Last:
    order_id: int
    px: Decimal


class Keeper(Quiet):
    """Holds one of everything that state may hold, and says it in its orders and signals."""

    every: int = param(60, ge=1)
    beat_s: int = param(7, ge=1)

    def on_start(self, ctx):
        self.ctx = ctx
        self.random = ctx.random
        self.mood = Mood.CALM
        self.seen = Counter()
        self.by_side = defaultdict(list)
        self.ids = set()
        window: deque[float] = deque(maxlen=7)
        self.window = window
        self.average = Average(window)
        self.sums = np.zeros((2, 3))
        self.last: Last | None = None
        self.book = ctx.book(ctx.instruments[0])
        ctx.set_timer(interval_ns=self.beat_s * 1_000_000_000)

    def on_book_update(self, ctx, book):
        self.seen[book.instrument.symbol] += 1
        count = sum(self.seen.values())
        if not book.tradeable or count % self.every:
            return
        mean = self.average.add(float(book.mid_px2 or 0))
        self.sums[count % 2, count % 3] += mean
        side = Side.BUY if self.random.chance(0.5) else Side.SELL
        px = book.ask_px if side == Side.BUY else book.bid_px
        order_id = self.ctx.submit_order(book.instrument, side, qty=100, px=px, tif="IOC")
        self.ids.add(order_id)
        self.by_side[side].append(order_id)
        self.last = Last(order_id, Decimal(px) / 10_000)
        self.mood = Mood.BUSY if len(self.ids) % 2 else Mood.CALM
        ctx.signal("sums", float(self.sums.sum()) + self.window[0] + len(self.ids))

    def on_timer(self, ctx, timestamp):
        assert self.average.window is self.window and self.ctx is ctx
        ctx.decide(f"{self.mood.value} {self.last and self.last.px} {self.book.bid_px}")
        for side, ids in self.by_side.items():
            ctx.signal(f"orders {side.name}", float(len(ids)))


def everybody() -> list[StrategyRun]:
    """Every sample strategy and two that trade a lot."""
    return [
        StrategyRun(Cross, {"sample_ms": 5_000, "slow": 20, "fast": 5}),
        StrategyRun(Maker, {"rest_ms": 500}),
        StrategyRun(Steady, {"every": 300}),
        StrategyRun(Passthrough, {"every": 500}),
        StrategyRun(Requote, {"interval_ms": 20_000}),
        StrategyRun(Idle, {}),
        StrategyRun(Watcher, {}),
        StrategyRun(Momentum, {}),
        StrategyRun(Keeper, {}),
    ]


class CutRun:
    """A journal's records and the pipelines that step them. `edges`: slots at which a step begins,
    the end among them.
    """

    def __init__(self, directory: Path, classes: Sequence[type[Any]]) -> None:
        self.directory = directory
        reader = JournalReader(directory)
        self.spec = SessionSpec.from_journal(reader.session)
        self.classes = list(classes)
        parts = [(s.starts, slots) for s, slots in reader.segments()]
        self.slots = np.concatenate([slots for _, slots in parts])
        before = np.cumsum([0, *[len(slots) for _, slots in parts]])
        starts = np.concatenate([s + n for (s, _), n in zip(parts, before, strict=False)])
        templates = self.slots.view("<u2")[starts, 1]
        inputs = starts[_INPUTS[templates]]
        self.edges = [*inputs.tolist(), len(self.slots)]

    def pipeline(self) -> Pipeline:
        return self.spec.make_pipeline(self.classes, capture_mask=OUTPUT_MASK, with_out_ring=False)

    def play(self, pipeline: Pipeline, first: int, last: int) -> None:
        """Step the records between two edges; every output is compared with the journal's."""
        comparator = Comparator(pipeline)
        comparator.run(np.ascontiguousarray(self.slots[first:last]).reshape(-1))
        divergence = comparator.finish()
        assert divergence is None, str(divergence)
        pipeline.drop_captured()


def journaled(data: Path, out: Path, strategies: Sequence[StrategyRun], **fields: Any) -> CutRun:
    """A backtest with a journal, ready to be cut."""
    tt.run_backtest(
        strategies=strategies, data=data, out=out, config=tt.BacktestConfig(seed=5, **fields)
    )
    return CutRun(out / "journal", [s.strategy for s in strategies])


def templates_of(run: CutRun) -> set[Template]:
    """Which kinds of records the journal holds."""
    known = {int(t): t for t in Template}
    return {known[t] for t in np.unique(run.slots.view("<u2")[:, 1]).tolist() if t in known}


class LiveRun:
    """A journaled loop over a file, step by step, as a paper session makes it."""

    def __init__(
        self,
        data: Path,
        directory: Path,
        strategies: Sequence[StrategyRun],
        *,
        every: int = 0,
        durability: str = "page-cache",
    ) -> None:
        self.market = open_data(data, None)
        self.classes = [s.strategy for s in strategies]
        spec = SessionSpec(
            mode="paper",
            tectra="test",
            seed=5,
            strategies=[StrategySpec.of(s.strategy, dict(s.params)) for s in strategies],
            instruments=[i.to_dict() for i in self.market.instruments],
            limits=OPEN_LIMITS,
        )
        self.spec = spec
        self.pipeline = spec.make_pipeline(self.classes, capture_mask=0)
        self.journal = JournalWriter(
            directory,
            session=spec.to_journal(),
            segment_slots=4_096,
            clock_domain="realtime",
            durability=durability,
        )
        self.pipeline.attach_journal(self.journal)
        self.keeper = None
        if every:
            schedule = SnapshotSchedule(every_records=every)
            self.keeper = SnapshotKeeper.beside(self.pipeline, schedule)
        self.driver = make_driver(self.pipeline, SimConfig())
        for row in spec.limit_records(self.market.first_ns):
            self.driver.control(row)
        start = {"ts_event_ns": self.market.first_ns, "ts_recv_ns": self.market.first_ns}
        self.driver.control(encode(Template.SESSION, kind=SessionKind.START, mode=b"p", **start))

    def close(self) -> None:
        self.market.close()
        self.journal.close()

    def batches(self, slots: int = 256) -> Iterator[int]:
        """Step everything; the number of the last record after each batch."""
        for batch in self.market.batches():
            for part in whole_records(np.ascontiguousarray(batch), slots):
                self.driver.run(part.reshape(-1))
                if self.keeper is not None:
                    self.keeper.offer()
                yield self.pipeline.ring_seq


def whole_records(batch: Any, slots: int) -> Iterator[Any]:
    """A batch cut into parts of about `slots` slots, between records."""
    rows = batch.reshape(-1, 64)
    starts = [*walk(rows.reshape(-1))[0].tolist(), len(rows)]
    edges = [*starts[::slots], len(rows)]
    for first, last in pairwise(edges):
        if last > first:
            yield rows[first:last]
