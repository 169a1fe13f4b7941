"""One backtest from files to results: behind `tt.run_backtest` and `tectra backtest`."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from logging import getLogger
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tectra.backtest.assemble import assemble
from tectra.backtest.data import MarketData, open_data
from tectra.backtest.driver import BacktestDriver
from tectra.backtest.result import BacktestResult
from tectra.backtest.setup import SimSetup
from tectra.core.clock import LiveClock
from tectra.core.errors import InputError, StrategyCallbackError
from tectra.core.msg import SessionKind, Template
from tectra.core.record import encode
from tectra.core.stop import StopSignals
from tectra.engine.pipeline import Pipeline
from tectra.engine.session import SessionSpec, StrategySpec, open_journal
from tectra.engine.snapshot import SnapshotKeeper, SnapshotSchedule
from tectra.journal.options import JournalSettings
from tectra.journal.place import dangling, fresh_directory
from tectra.journal.writer import JournalWriter
from tectra.risk.limits import RiskLimits, unused_names
from tectra.sim.config import SimConfig
from tectra.sim.exchange import SimExchange
from tectra.strategy.loader import load_strategy, validate_strategy
from tectra.strategy.params import check_params

__all__ = [
    "BacktestConfig",
    "StrategyRun",
    "make_driver",
    "new_directory",
    "run_backtest",
    "tectra_version",
]

_NEVER_NS = 1 << 62
_LOG = getLogger("tectra.backtest")

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class StrategyRun:
    """One strategy of a run: a class or `FILE.py[:Class]`, its parameters, and the symbols it hears
    of (default: all).
    """

    strategy: Any
    params: Mapping[str, Any] = field(default_factory=dict)
    symbols: Sequence[str] = ()


class BacktestConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything about a run but the strategy and the data. Times in simulated nanoseconds.

    `snapshot_every`: records between two snapshots of the engine beside the journal, 0: none.
    """

    limits: RiskLimits = RiskLimits()
    sim: SimConfig = SimConfig()
    seed: int = 0
    journal: bool = True
    journal_settings: JournalSettings = JournalSettings()
    snapshot_every: int = 0
    sample_ns: int = 1_000_000_000
    latency_sample_shift: int = 4
    date: str | None = None
    strict: bool = False
    allow_unvalidated: bool = False

    def __post_init__(self) -> None:
        for name, low, high in (
            ("seed", 0, _NEVER_NS),
            ("sample_ns", 1, _NEVER_NS),
            ("snapshot_every", 0, _NEVER_NS),
            ("latency_sample_shift", 0, 63),
        ):
            found = getattr(self, name)
            if not low <= found <= high:
                raise InputError(f"{name}: found {found}; allowed: {low} to {high}")


def _classes(strategies: Sequence[Any]) -> list[type[Any]]:
    out = []
    for strategy in strategies:
        if isinstance(strategy, str):
            out.append(load_strategy(strategy))
        elif isinstance(strategy, type):
            validate_strategy(strategy)
            out.append(strategy)
        else:
            raise InputError(
                f"strategy: found {strategy!r}; give a class, or FILE.py[:Class] as text"
            )
    return out


@contextmanager
def new_directory(out: str | Path) -> Iterator[Path]:
    """A run's directory: new, or empty; one that holds a run is refused. Where the run fails before
    it wrote anything, what was made for it is gone again.
    """
    directory = Path(out)
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory}: is a file; give a directory")
    if target := dangling(directory):
        raise InputError(f"{directory}: is a link to {target}, which is not there; give another")
    if directory.is_dir() and any(directory.iterdir()):
        raise InputError(f"{directory}: is not empty; give a new directory, or remove it first")
    with fresh_directory(directory):
        yield directory


def _session(kind: SessionKind, ts_ns: int, strategies: int, seed: int) -> bytes:
    return encode(
        Template.SESSION,
        ts_event_ns=ts_ns,
        ts_recv_ns=ts_ns,
        kind=kind,
        mode=b"b",
        strategies=strategies,
        seed=seed,
    )


def _unique(names: Sequence[str]) -> list[str]:
    """Names with a number behind those that stand more than once."""
    return [n if names.count(n) == 1 else f"{n} {i + 1}" for i, n in enumerate(names)]


def tectra_version() -> str:
    """Version of the installed package, `unknown` where it is not installed."""
    try:
        return version("tectra")
    except PackageNotFoundError:
        return "unknown"


def make_driver(
    pipeline: Pipeline, sim: SimConfig, *, sample_ns: int = _NEVER_NS
) -> BacktestDriver:
    """A pipeline and a simulated exchange over its book, in one loop; without `sample_ns` no equity
    curve is kept.
    """
    return BacktestDriver(pipeline, SimExchange(pipeline.book, config=sim), sample_ns=sample_ns)


class _Run:
    """The parts of one run and the order in which they start and end."""

    def __init__(
        self,
        classes: Sequence[type[Any]],
        chosen: Sequence[StrategyRun],
        data: MarketData,
        config: BacktestConfig,
    ) -> None:
        self.config = config
        self.data = data
        self.classes = classes
        checked = [
            check_params(c.PARAMS, p.params, c.__name__)
            for c, p in zip(classes, chosen, strict=True)
        ]
        names = _unique([c.__name__ for c in classes])
        self.setup = SimSetup(
            exchange=config.sim,
            sample_ns=config.sample_ns,
            utc_offset_s=round(data.utc_offset.total_seconds()),
        )
        self.spec = SessionSpec(
            mode="backtest",
            tectra=tectra_version(),
            seed=config.seed,
            strategies=[
                StrategySpec.of(c, p, name=n, symbols=r.symbols)
                for c, p, n, r in zip(classes, checked, names, chosen, strict=True)
            ],
            instruments=[i.to_dict() for i in data.instruments],
            limits=config.limits,
            sim=self.setup.to_journal(),
        )
        self.limits = self.spec.limit_records(data.first_ns)
        preset = RiskLimits().instruments  # limits that were not asked for by name
        for name in unused_names(config.limits, data.instruments, dict.fromkeys(names, 0)):
            if name not in preset:
                _LOG.warning("limits name %r, which is no strategy and no symbol of this run", name)
        self.pipeline = self.spec.make_pipeline(classes, sample_shift=config.latency_sample_shift)
        self.keeper: SnapshotKeeper | None = None

    def go(self, directory: Path | None, progress: Progress | None) -> BacktestResult:
        clock = LiveClock()
        pipeline = self.pipeline
        with ExitStack() as stack:
            journal: JournalWriter | None = None
            if directory is not None and self.config.journal:
                chosen = msgspec.structs.asdict(self.config.journal_settings)
                journal = stack.enter_context(
                    open_journal(directory / "journal", self.spec, self.classes, **chosen)
                )
                pipeline.attach_journal(journal)
                if self.config.snapshot_every:
                    schedule = SnapshotSchedule(every_records=self.config.snapshot_every)
                    self.keeper = SnapshotKeeper.beside(pipeline, schedule)
                    stack.callback(self.keeper.close)
            driver = make_driver(pipeline, self.config.sim, sample_ns=self.config.sample_ns)
            start = clock.now_ns()
            try:
                self._drive(driver, stack, progress)
            except StrategyCallbackError as error:
                seq = getattr(error, "ring_seq", 0)
                if directory is None or journal is None:
                    error.add_note(
                        "give a directory (out=, --out) to keep a journal that replays up to this "
                        "record"
                    )
                else:
                    command = f"tectra replay verify {shlex.quote(str(directory))} --until {seq}"
                    error.add_note(f"replay up to it: {command}")
                raise
            elapsed = clock.now_ns() - start
            result = assemble(
                driver,
                self.spec,
                elapsed_ns=elapsed,
                directory=directory,
                utc_offset=self.data.utc_offset,
            )
            if journal is not None:
                journal.close(result=msgspec.to_builtins(result.metrics["engine"]))
        if directory is not None:
            result.save(directory)
        return result

    def _drive(self, driver: BacktestDriver, stack: ExitStack, progress: Progress | None) -> None:
        stack.enter_context(StopSignals())
        count = len(self.classes)
        for record in self.limits:
            driver.control(record)
        driver.control(_session(SessionKind.START, self.data.first_ns, count, self.config.seed))
        for batch in self.data.batches():
            driver.run(np.ascontiguousarray(batch))
            if self.keeper is not None:
                self.keeper.offer()
            if progress is not None:
                progress(driver.records, 0)
        driver.finish(self.setup.grace_ns)
        driver.control(_session(SessionKind.END, driver.pipeline.now_ns, count, self.config.seed))


def run_backtest(
    *,
    strategy: Any = None,
    strategies: Sequence[StrategyRun] = (),
    data: str | Path | MarketData,
    symbols: Sequence[str] | None = None,
    params: Mapping[str, Any] | None = None,
    config: BacktestConfig | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> BacktestResult:
    """Run strategies over recorded data against the simulated exchange.

    `strategy` is a class or `FILE.py[:Class]`, with `params`; or `strategies` is a list of
    StrategyRun. With `out` the report, the trades, the metrics and the journal are written there;
    the directory must be new or empty. Raises InputError, StrategyLoadError, ParameterError before
    anything is written, StrategyCallbackError when user code raises.
    """
    config = config or BacktestConfig()
    chosen = (
        list(strategies) if strategy is None else [StrategyRun(strategy, params or {}), *strategies]
    )
    if not chosen:
        raise InputError("run_backtest: give strategy= or strategies=")
    classes = _classes([c.strategy for c in chosen])
    with ExitStack() as stack:
        if isinstance(data, MarketData):
            market = data
        else:
            market = open_data(
                data,
                symbols,
                date=config.date,
                strict=config.strict,
                allow_unvalidated=config.allow_unvalidated,
            )
            stack.callback(market.close)
        run = _Run(classes, chosen, market, config)
        directory = None if out is None else stack.enter_context(new_directory(out))
        return run.go(directory, progress)
