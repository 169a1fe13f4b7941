"""The whole configuration."""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from tectra.core.config.fault import Fault
from tectra.core.config.key import flag, items
from tectra.core.config.section.backtest import BacktestConfig
from tectra.core.config.section.base import Section
from tectra.core.config.section.control import ControlConfig
from tectra.core.config.section.cpu import CpuConfig
from tectra.core.config.section.data_source import DataSourceConfig, Venue
from tectra.core.config.section.directory import DirectoryConfig
from tectra.core.config.section.dispatch import (
    DispatcherConfig,
    OrchestratorConfig,
    ProviderConfig,
)
from tectra.core.config.section.engine import EngineConfig
from tectra.core.config.section.event_sourcing import EventSourcingConfig
from tectra.core.config.section.exchange import ExchangeConfig
from tectra.core.config.section.journal import JournalConfig
from tectra.core.config.section.log import LogConfig
from tectra.core.config.section.market_data import MarketDataConfig
from tectra.core.config.section.recorder import RecorderConfig
from tectra.core.config.section.ring import RingConfig
from tectra.core.config.section.risk import RiskConfig
from tectra.core.config.section.runner import RunnerConfig
from tectra.core.config.section.strategy import StrategyConfig

__all__ = ["Config", "Mode"]

Mode = Literal["backtest", "paper", "live"]


class Config(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything an engine is told before it starts."""

    mode: Annotated[
        Mode | None, flag("none: live if a runner's execution is live, else paper.")
    ] = None
    engine: EngineConfig = EngineConfig()
    data_source: DataSourceConfig = DataSourceConfig()
    exchanges: Annotated[
        dict[Venue, ExchangeConfig], items("Exchange accounts, by venue.", most=16)
    ] = msgspec.field(default_factory=dict)
    market_data: MarketDataConfig = MarketDataConfig()
    risk: RiskConfig = RiskConfig()
    strategies: Annotated[tuple[StrategyConfig, ...], items("Strategies.", most=1_000)] = ()
    runners: Annotated[tuple[RunnerConfig, ...], items("Runners.", most=1_000)] = ()
    backtest: BacktestConfig = BacktestConfig()
    event_sourcing: EventSourcingConfig = EventSourcingConfig()
    journal: JournalConfig = JournalConfig()
    recorder: RecorderConfig = RecorderConfig()
    providers: Annotated[tuple[ProviderConfig, ...], items("Providers.", most=100)] = ()
    orchestrator: OrchestratorConfig = OrchestratorConfig()
    dispatcher: DispatcherConfig = DispatcherConfig()
    rings: RingConfig = RingConfig()
    cpu: CpuConfig = CpuConfig()
    log: LogConfig = LogConfig()
    directories: DirectoryConfig = DirectoryConfig()
    control: ControlConfig = ControlConfig()

    def effective_mode(self) -> Mode:
        """The mode that holds: as said, or as the runners' execution says."""
        if self.mode is not None:
            return self.mode
        asked = [r.execution.type for r in self.runners] + [s.mode for s in self.strategies]
        return "live" if "live" in asked else "paper"

    def execution_of(self, runner: RunnerConfig) -> Literal["live", "simulated"]:
        """Which executor a runner's orders go to."""
        if runner.execution.type is not None:
            return runner.execution.type
        live = self.effective_mode() == "live" and runner.data_source.type == "live"
        return "live" if live else "simulated"

    def log_level(self) -> str:
        """The least level that is logged."""
        return self.log.level or self.engine.log_level

    def rules(self) -> Iterator[Fault]:
        """Modes that agree, names that stand once, accounts for what trades live."""
        yield from _modes(self)
        yield from _names(self)
        yield from _live(self)


def _modes(config: Config) -> Iterator[Fault]:
    for i, runner in enumerate(config.runners):
        if config.mode in ("paper", "backtest") and runner.execution.type == "live":
            yield Fault(
                path=("runners", i, "execution", "type"),
                found=f"'live' with mode {config.mode!r}",
                allowed=f"simulated, where mode is {config.mode}",
                fix="set mode to live, or execution.type to simulated",
                kind="mode",
            )
        if config.mode == "backtest" and runner.data_source.type == "live":
            yield Fault(
                path=("runners", i, "data_source", "type"),
                found="'live' with mode 'backtest'",
                allowed="historical, where mode is backtest",
                fix="set mode to paper or live, or data_source.type to historical",
                kind="mode",
            )
    for i, strategy in enumerate(config.strategies):
        if strategy.mode == "live" and config.mode in ("paper", "backtest"):
            yield Fault(
                path=("strategies", i, "mode"),
                found=f"'live' with mode {config.mode!r}",
                allowed=f"paper, where mode is {config.mode}",
                fix="set mode to live, or remove this one",
                kind="mode",
            )
    past = config.data_source.type in ("simulated", "file")
    if past and config.mode == "live" and not config.runners:
        yield Fault(
            path=("data_source", "type"),
            found=f"{config.data_source.type!r} with mode 'live'",
            allowed="a venue, where mode is live",
            fix="name a venue, or set mode to paper",
            kind="mode",
        )


def _names(config: Config) -> Iterator[Fault]:
    named = {
        "strategies": [s.name for s in config.strategies],
        "providers": [p.name for p in config.providers],
    }
    for section, names in named.items():
        for i, name in enumerate(names):
            if name in names[:i]:
                yield Fault(path=(section, i, "name"), found=repr(name), allowed="each name once")
    known = {s.name for s in config.strategies}
    for i, name in enumerate(config.backtest.strategies):
        if name not in known:
            yield Fault(
                path=("backtest", "strategies", i),
                found=repr(name),
                allowed=f"a name in [[strategies]]: {', '.join(sorted(known)) or 'there are none'}",
            )


def _live(config: Config) -> Iterator[Fault]:
    if config.effective_mode() != "live":
        return
    if not config.journal.enabled:
        yield Fault(path=("journal", "enabled"), found="false", allowed="true, where mode is live")
    if config.journal.reserve_bytes == 0:
        yield Fault(
            path=("journal", "reserve_bytes"),
            found="0",
            allowed="1 and more, where mode is live",
            fix="leave it out for 64 MiB: a full disk leaves cancels and kills that room",
        )
    for i, runner in enumerate(config.runners):
        if config.execution_of(runner) != "live" or runner.data_source.source in config.exchanges:
            continue
        yield Fault(
            path=("runners", i, "data_source", "source"),
            found=repr(runner.data_source.source),
            allowed=f"a venue with an account in [exchanges]: "
            f"{', '.join(sorted(config.exchanges)) or 'there are none'}",
            fix=f"add [exchanges.{runner.data_source.source}] with api_key_env and secret_key_env",
        )
