"""`tectra run`: what a configuration says, as far as this version can; else one line why not."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import msgspec

from tectra.backtest import (
    BacktestConfig,
    BacktestResult,
    FeeConfig,
    LatencyConfig,
    SimConfig,
    StrategyRun,
    run_backtest,
)
from tectra.backtest.data import open_data
from tectra.core.config.fault import path_text
from tectra.core.config.load import Loaded, load_config
from tectra.core.config.section import Config, ExecutionConfig, RiskScopeConfig, StrategyConfig
from tectra.core.errors import ConfigError, StateError
from tectra.core.log import init_logging
from tectra.journal.place import fresh_directory
from tectra.journal.retention import compact_journal
from tectra.ops.cli.backtest import show_journal, show_result
from tectra.ops.cli.config import layered
from tectra.ops.cli.demo import command as demo_command
from tectra.ops.cli.show import feed_troubles, progress, warn, write_json
from tectra.risk.configured import NOT_ENFORCED, limits_of
from tectra.runtime.wiring import journal_of, log_of
from tectra.strategy.loader import load_strategy

__all__ = ["command"]

_READ = (
    "mode",
    "engine.seed",
    "engine.latency_sample_shift",
    "engine.log_level",
    "log.",
    "data_source.type",
    "journal.enabled",
    "journal.compress",
    "journal.segment_slots",
    "journal.rotate_daily",
    "journal.durability",
    "journal.commit_us",
    "journal.commit_records",
    "journal.reserve_bytes",
    "journal.retention_days",
    "directories.root",
    "directories.logs",
    "directories.reports",
    "strategies",
    "runners",
    "backtest.",
)
_NOT_READ = ("backtest.capital",)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One backtest that a configuration asks for."""

    name: str
    data: Path
    date: str | None
    symbols: tuple[str, ...]
    strategies: tuple[StrategyRun, ...]
    scopes: dict[str, list[RiskScopeConfig]]
    sim: SimConfig
    sample_ns: int


def _not_yet(where: str, what: str) -> StateError:
    return StateError(
        f"{where}: {what} is not in this version; it runs historical ITCH files with simulated "
        "execution"
    )


def _data(path: str, config: Config, where: str) -> Path:
    if not path.removesuffix(".gz").endswith(("itch", "ITCH50", ".bin")):
        raise _not_yet(where, f"a file of the form of {Path(path).name}")
    return Path(config.directories.root) / path


def _strategy(
    script: str, params: dict[str, Any], symbols: tuple[str, ...], where: str
) -> StrategyRun:
    if script.endswith(".lua"):
        raise _not_yet(where, f"a Lua strategy ({script})")
    return StrategyRun(load_strategy(script), params, symbols)


def _sim(execution: ExecutionConfig, where: str) -> SimConfig:
    if execution.slippage:
        raise _not_yet(where, "slippage beside the fills of the recorded book")
    return SimConfig(
        latency=LatencyConfig(
            entry_ns=execution.entry_latency_us * 1_000,
            response_ns=execution.response_latency_us * 1_000,
        ),
        fees=FeeConfig(
            maker_rate=execution.maker_fee_fraction, taker_rate=execution.taker_fee_fraction
        ),
    )


def _runner_jobs(config: Config) -> list[Job]:
    named = {s.name: s for s in config.strategies}
    jobs = []
    for i, runner in enumerate(config.runners):
        where = f"runners[{i}]"
        if runner.data_source.type == "live":
            raise _not_yet(f"{where}.data_source", f"market data of {runner.data_source.source}")
        if runner.data_source.simulate_realtime:
            raise _not_yet(f"{where}.data_source.simulate_realtime", "a paced file")
        known = named.get(runner.strategy)
        script = runner.strategy if known is None else known.script
        params = {**({} if known is None else known.parameters), **runner.parameters}
        strategy = _strategy(script, params, (), f"{where}.strategy")
        jobs.append(
            Job(
                name=f"{i}-{runner.symbol.replace('/', '-')}",
                data=_data(str(runner.data_source.path), config, f"{where}.data_source.path"),
                date=runner.data_source.date,
                symbols=(runner.symbol,),
                strategies=(strategy,),
                scopes={strategy.strategy.__name__: _scopes(config, known)},
                sim=_sim(runner.execution, f"{where}.execution.slippage"),
                sample_ns=config.backtest.sample_interval_ms * 1_000_000,
            )
        )
    return jobs


def _scopes(config: Config, strategy: StrategyConfig | None) -> list[RiskScopeConfig]:
    """The limits of a strategy: its own, and those that [risk.strategies] has under its name."""
    if strategy is None:
        return []
    named = config.risk.strategies.get(strategy.name)
    return [strategy.risk] if named is None else [strategy.risk, named]


def _chosen(config: Config) -> list[StrategyConfig]:
    names = config.backtest.strategies
    return [s for s in config.strategies if s.enabled and (not names or s.name in names)]


def _backtest_job(config: Config) -> Job:
    plan = config.backtest
    if plan.data_path is None:
        raise ConfigError(
            "backtest.data_path: found nothing; allowed: a file, where mode is backtest; name it"
        )
    if plan.start_date != plan.end_date:
        raise _not_yet("backtest.start_date", "a run over several days")
    if plan.speed != "max":
        raise _not_yet("backtest.speed", "a paced file")
    chosen = _chosen(config)
    if not chosen:
        raise ConfigError("strategies: found none; allowed: at least one; add [[strategies]]")
    runs = [
        _strategy(s.script, s.parameters, s.symbols, f"strategies {s.name}.script") for s in chosen
    ]
    scopes: dict[str, list[RiskScopeConfig]] = {}
    for strategy, run in zip(chosen, runs, strict=True):
        scopes.setdefault(run.strategy.__name__, []).extend(_scopes(config, strategy))
    execution = ExecutionConfig(
        type="simulated",
        slippage=plan.slippage,
        maker_fee_fraction=plan.maker_fee_fraction,
        taker_fee_fraction=plan.taker_fee_fraction,
        entry_latency_us=plan.entry_latency_us,
        response_latency_us=plan.response_latency_us,
    )
    return Job(
        name="backtest",
        data=_data(plan.data_path, config, "backtest.data_path"),
        date=plan.start_date,
        symbols=plan.symbols,
        strategies=tuple(runs),
        scopes=scopes,
        sim=_sim(execution, "backtest.slippage"),
        sample_ns=plan.sample_interval_ms * 1_000_000,
    )


def _jobs(config: Config) -> list[Job]:
    """The backtests of a configuration; StateError names the first thing that cannot run."""
    if config.runners:
        return _runner_jobs(config)
    mode = config.effective_mode()
    if mode != "backtest":
        raise _not_yet("mode", f"{mode} trading from {config.data_source.type}")
    return [_backtest_job(config)]


def _claim(root: Path) -> Path:
    """The first free run-N, made here: of two processes that ask at once, each gets its own."""
    with fresh_directory(root):
        n = 1
        while True:
            try:
                (root / f"run-{n}").mkdir()
            except FileExistsError:
                n += 1
            else:
                return root / f"run-{n}"


def _run(job: Job, config: Config, out: Path, quiet: bool) -> BacktestResult:
    data = open_data(job.data, list(job.symbols) or None, date=job.date)
    with progress(f"{job.name}", quiet=quiet) as step:
        result = run_backtest(
            strategies=job.strategies,
            data=data,
            config=BacktestConfig(
                limits=limits_of(config.risk, job.scopes),
                sim=job.sim,
                seed=config.engine.seed,
                journal=config.journal.enabled,
                journal_settings=journal_of(config),
                sample_ns=job.sample_ns,
                latency_sample_shift=config.engine.latency_sample_shift,
            ),
            out=out,
            progress=step,
        )
    if config.journal.enabled and config.journal.compress == "zstd":
        with progress(f"{job.name}: packing", quiet=quiet) as step:
            compact_journal(out / "journal", progress=step)
    feed: Any = data.feed
    for line in feed_troubles(job.data, feed):
        warn(line)
    return result


def _unused(path: str) -> bool:
    """Whether nothing of this version reads a key while a backtest runs."""
    if path.startswith("risk."):
        return path.removeprefix("risk.").startswith(NOT_ENFORCED)
    return not path.startswith(_READ) or path.startswith(_NOT_READ)


def _warn_of_unused(loaded: Loaded) -> None:
    """Say what was asked for and is not looked at: nothing is ignored in silence."""
    asked = _asked(loaded)
    unused = [path for path in asked if _unused(path)]
    if unused:
        warn(f"not used in this version: {', '.join(unused)}")
    mode = loaded.config.journal.durability
    waits = [path for path in asked if path.startswith("journal.commit_")]
    if waits and mode != "group-commit":
        warn(f"not used: {', '.join(waits)}: of group-commit, and journal.durability is {mode}")
    if "journal.retention_days" in asked:
        warn("journal.retention_days: a run removes nothing; `tectra journal prune --config` does")


def _asked(loaded: Loaded) -> list[str]:
    """Paths of what more than the defaults and a profile say."""
    return sorted(
        path_text(path)
        for path, _, origin in loaded.rows()
        if origin.layer not in ("default", "profile")
    )


def _speaks_of_the_log(loaded: Loaded) -> bool:
    """Whether more than the defaults say how to log; else the command line's word stands."""
    return any(
        path[0] == "log" or path == ("engine", "log_level")
        for path, _, origin in loaded.rows()
        if origin.layer not in ("default", "profile")
    )


@click.command(name="run")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@layered
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of tables.")
@click.pass_context
def command(
    ctx: click.Context,
    file: Path | None,
    profile: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run what FILE says; without FILE, the demo on this host."""
    loaded = load_config(file, profile=profile or (None if file else "demo"), settings=settings)
    if file is None and loaded.profile == "demo":
        if asked := _asked(loaded):
            warn(f"not used by the demo: {', '.join(asked)}; give a file to run what you say")
        ctx.invoke(demo_command, out=None, as_json=as_json)
        return
    jobs = _jobs(loaded.config)
    if _speaks_of_the_log(loaded):
        ctx.call_on_close(init_logging(log_of(loaded.config)).close)
    _warn_of_unused(loaded)
    root = _claim(loaded.config.directories.path("reports"))
    results = {}
    try:
        for job in jobs:
            result = _run(job, loaded.config, root / job.name, as_json)
            results[job.name] = result.metrics
            if not as_json:
                click.echo(f"\n{job.name}: {', '.join(job.symbols) or 'all symbols'} of {job.data}")
                show_result(result)
                click.echo(f"report         {root / job.name / 'report.html'}")
                show_journal(root / job.name)
    finally:
        with suppress(OSError):  # nothing was written: what was refused leaves no trace
            root.rmdir()
    if as_json:
        write_json(results)
