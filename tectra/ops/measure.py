"""The hot paths and the yardsticks beside them, timed in interleaved pairs in this process.

The ratio of two runs taken back to back holds on a shared machine, absolute times do not: read the
ratios first.
"""

import gc
import gzip
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tectra.backtest import BacktestDriver, SimConfig, make_driver, run_backtest
from tectra.book.l3 import L3Book
from tectra.core.clock import ClockDomain, LiveClock
from tectra.core.msg import SessionKind, Template
from tectra.core.record import encode
from tectra.core.ring import SpscRing
from tectra.core.types import Exchange
from tectra.engine.build import build_pipeline
from tectra.feed.itch import ItchFeed
from tectra.feed.synthetic import generate_messages
from tectra.journal.scan import walk
from tectra.journal.writer import JournalWriter
from tectra.ops.yardstick import copy_slots, decode_tight, plain_checks, risk_checks, walk_prefixes
from tectra.paths import sample_day
from tectra.portfolio.position import Portfolio
from tectra.refdata.instrument import Instrument
from tectra.replay import verify_replay
from tectra.risk.chain import RiskChain
from tectra.risk.limits import LimitScope, RiskLimits, apply_limits
from tectra.strategy.sample.idle import Idle
from tectra.strategy.sample.passthrough import Passthrough
from tectra.strategy.sample.steady import Steady
from tectra.strategy.sample.watcher import Watcher

__all__ = ["CASES", "Case", "Day", "Figure", "machine", "measure"]

PAIRS = 9

# Every rule is on, and the benchmarks' orders pass them all.
_WIDE = LimitScope(
    order_qty_max=Decimal(10_000),
    order_notional_max=Decimal(10_000_000),
    position_max=Decimal(10_000_000),
    price_band_ppm=100_000,
    orders_per_second=1_000_000,
)

# (subject, its units of work, yardstick, its units of work)
Work = tuple[Callable[[], object], int, Callable[[], object], int]


@dataclass(frozen=True)
class Case:
    """One comparison over about `n` units of work: `make(stack, n)` gives (subject, its units,
    yardstick, its units).
    """

    name: str
    subject: str
    yardstick: str
    unit: str
    n: int
    make: Callable[[ExitStack, int], Work]


@dataclass(frozen=True)
class Figure:
    """Medians over the pairs; `ratio` is time a unit of the subject over that of its yardstick."""

    name: str
    subject: str
    yardstick: str
    unit: str
    ns: float
    yardstick_ns: float
    ratio: float

    @property
    def per_s(self) -> float:
        """Units a second."""
        return 1e9 / self.ns


class Prepared:
    """A call whose set-up is made by `prepare` before each call and outside the clock."""

    def __init__(self, make: Callable[[], Any], use: Callable[[Any], object]) -> None:
        self._make = make
        self._use = use
        self._ready: Any = None

    def prepare(self) -> None:
        self._ready = self._make()

    def __call__(self) -> object:
        return self._use(self._ready)


@dataclass(frozen=True)
class Day:
    """The first records of the sample day: their file, not compressed, and their instruments."""

    file: Path
    slots: NDArray[np.uint8]
    instruments: tuple[Instrument, ...]

    @classmethod
    def make(cls, stack: ExitStack, messages: int) -> "Day":
        """Of at most that many messages, in a directory that goes with the stack."""
        file = _directory(stack) / "2026-01-05.itch"
        with gzip.open(sample_day()) as packed:
            file.write_bytes(_first(packed.read(), messages))
        with ItchFeed(file, venue_id=int(Exchange.NASDAQ)) as feed:
            parts = []
            while (batch := feed.next_batch(65536)) is not None:
                parts.append(np.array(batch))
            symbols = sorted(feed.instruments.items())
        instruments = tuple(Instrument(i, s, Exchange.NASDAQ, tick=100) for i, s in symbols)
        return cls(file, np.concatenate(parts), instruments)

    @property
    def events(self) -> int:
        """Records of the day."""
        return len(walk(self.slots)[0])

    def driver(self, strategy: Any, *, sample_shift: int = 40, **options: Any) -> BacktestDriver:
        """A backtest of one strategy under wide limits, started; `options` go to build_pipeline."""
        pipeline = build_pipeline(
            self.instruments, strategies=1, sample_shift=sample_shift, **options
        )
        pipeline.add_strategy(strategy)
        driver = make_driver(pipeline, SimConfig())
        chain = RiskChain([i.instrument_id for i in self.instruments], 2)
        limits = RiskLimits(default=_WIDE, instruments={})
        for record in apply_limits(chain, limits, self.instruments):
            driver.control(record)
        driver.control(encode(Template.SESSION, kind=SessionKind.START, mode=b"b"))
        return driver

    def run_of(self, strategy: Callable[[], Any], **options: Any) -> Prepared:
        """A run over the day, its driver made outside the clock."""
        return Prepared(
            lambda: self.driver(strategy(), **options), lambda driver: driver.run(self.slots)
        )

    def book(self) -> Prepared:
        """The books of the day, and nothing else."""
        return Prepared(L3Book, lambda book: book.apply(self.slots))


def _first(data: bytes, messages: int) -> bytes:
    """The first messages of a framed stream."""
    end = 0
    for _ in range(messages):
        if end + 2 > len(data):
            break
        end += 2 + int.from_bytes(data[end : end + 2], "big")
    return data[:end]


def _directory(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tectra-bench-")))


def _decode(stack: ExitStack, n: int) -> Work:
    data = generate_messages(n)
    file = _directory(stack) / "2026-01-05.itch"
    file.write_bytes(data)
    out = np.zeros(4096 * 64, np.uint8)

    def subject() -> None:
        with ItchFeed(file) as feed:
            while feed.next_batch_into(out):
                pass

    count = walk_prefixes(data)
    return subject, count, lambda: decode_tight(data), count


def _book(stack: ExitStack, n: int) -> Work:
    day = Day.make(stack, n)
    data = day.file.read_bytes()
    walked = walk_prefixes(data)
    return day.book(), day.events, lambda: walk_prefixes(data), walked


def _risk(_: ExitStack, n: int) -> Work:
    instrument = Instrument(1, "BENCH", Exchange.SIMULATED)
    chain, portfolio = RiskChain([1], 2), Portfolio([1], 2)
    scope = LimitScope(
        order_qty_max=Decimal(1000),
        order_notional_max=Decimal(1_000_000),
        position_max=Decimal(5000),
        price_band_ppm=20_000,
        orders_per_second=1000,
    )
    apply_limits(chain, RiskLimits(default=scope, instruments={}), [instrument])
    if risk_checks(chain, portfolio, 10) != 10:
        raise AssertionError("the benchmark's orders must pass every rule")
    return lambda: risk_checks(chain, portfolio, n), n, lambda: plain_checks(chain, portfolio, n), n


def _records(n: int) -> NDArray[np.uint8]:
    one = np.frombuffer(encode(Template.BOOK_DELETE, instrument_id=1, order_ref=1), np.uint8)
    return np.tile(one, n)


def _journal(stack: ExitStack, n: int) -> Work:
    slots = _records(n)
    sequence = slots.view("<u8").reshape(n, 8)[:, 1]
    directory = _directory(stack) / "journal"
    writer = stack.enter_context(JournalWriter(directory, session={}, segment_slots=1 << 18))
    target = np.zeros(1 << 24, np.uint8)

    def subject() -> None:
        sequence[:] = np.arange(n, dtype=np.uint64) + writer.last_ring_seq + 1
        writer.append_many(slots)

    return subject, n, lambda: copy_slots(slots, target), n


def _ring(stack: ExitStack, n: int) -> Work:
    part, rounds = min(n, 4000), max(1, n // 4000)
    slots, out = _records(part), np.zeros(part * 64, np.uint8)
    ring = stack.enter_context(SpscRing.private(1 << 13))

    def subject() -> None:
        for _ in range(rounds):
            ring.push_many(slots)
            ring.drain_into(out)

    def yardstick() -> None:
        for _ in range(2 * rounds):
            copy_slots(slots, out)

    return subject, rounds * part, yardstick, rounds * part


def _engine(stack: ExitStack, n: int, strategy: Callable[[], Any]) -> Work:
    day = Day.make(stack, n)
    return day.run_of(strategy), day.events, day.book(), day.events


def _journaled(stack: ExitStack, n: int) -> Work:
    day, directory = Day.make(stack, n), _directory(stack)
    writers = ExitStack()
    stack.callback(writers.close)

    def make() -> BacktestDriver:
        writers.close()
        parent = Path(writers.enter_context(tempfile.TemporaryDirectory(dir=directory)))
        writer = writers.enter_context(JournalWriter(parent / "journal", session={}))
        return day.driver(Idle(), journal=writer)

    subject = Prepared(make, lambda driver: driver.run(day.slots))
    return subject, day.events, day.run_of(Idle), day.events


def _replay(stack: ExitStack, n: int) -> Work:
    day, out = Day.make(stack, n), _directory(stack) / "run"
    params = {"every": 100}
    result = run_backtest(strategy=Passthrough, params=params, data=day.file, out=out)

    def subject() -> None:
        if not verify_replay(out).ok:
            raise AssertionError("the replay said something else")

    return subject, result.summary.inputs, day.run_of(lambda: Passthrough(**params)), day.events


CASES = (
    Case(
        "decode", "ITCH bytes to 64-byte records", "tight C decode to 40-byte rows",
        "message", 400_000, _decode,
    ),
    Case(
        "book", "order-by-order book of a day", "walk of the length prefixes",
        "message", 250_000, _book,
    ),
    Case(
        "risk", "six rules, verdict, counters, pass", "the bare comparisons",
        "order", 100_000, _risk,
    ),
    Case(
        "journal", "append with CRC32C, from Python in bulk", "copy of the slots",
        "record", 100_000, _journal,
    ),
    Case(
        "ring", "shared-memory ring, push and drain in bulk", "two copies of the slots",
        "record", 100_000, _ring,
    ),
    Case(
        "compiled strategy", "whole engine, compiled callback on every event", "the book alone",
        "event", 250_000, lambda stack, n: _engine(stack, n, Idle),
    ),
    Case(
        "Python strategy", "whole engine, Python callback on every event", "the book alone",
        "event", 250_000, lambda stack, n: _engine(stack, n, Watcher),
    ),
    Case(
        "Python orders", "the same with an order each 100 events", "the book alone",
        "event", 250_000, lambda stack, n: _engine(stack, n, lambda: Steady(every=100)),
    ),
    Case(
        "journaled", "compiled strategy with a journal of every record", "the same without",
        "event", 250_000, _journaled,
    ),
    Case(
        "replay", "replay of a journal, outputs compared", "the run without a journal",
        "record", 250_000, _replay,
    ),
)  # fmt: skip


def _time(clock: LiveClock, function: Callable[[], object]) -> int:
    prepare = getattr(function, "prepare", None)
    if prepare is not None:
        prepare()
    start = clock.now_ns()
    function()
    return clock.now_ns() - start


def measure(case: Case, pairs: int = PAIRS) -> Figure:
    """Interleaved pairs in alternating order, collector off."""
    clock = LiveClock(ClockDomain.MONOTONIC)
    with ExitStack() as stack:
        subject, units, yardstick, yard_units = case.make(stack, case.n)
        _time(clock, subject)
        _time(clock, yardstick)
        times = list(_pairs(clock, subject, yardstick, pairs))
    ours = [s / units for s, _ in times]
    theirs = [y / yard_units for _, y in times]
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    return Figure(
        case.name,
        case.subject,
        case.yardstick,
        case.unit,
        statistics.median(ours),
        statistics.median(theirs),
        ratio,
    )


def _pairs(
    clock: LiveClock, subject: Callable[[], object], yardstick: Callable[[], object], pairs: int
) -> Iterator[tuple[int, int]]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        for i in range(pairs):
            if i % 2:
                theirs = _time(clock, yardstick)
                yield _time(clock, subject), theirs
            else:
                ours = _time(clock, subject)
                yield ours, _time(clock, yardstick)
    finally:
        if enabled:
            gc.enable()


def machine() -> str:
    """What a reader must know of the machine."""
    model = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores seen"
