"""The sections of the configuration, one subject a file. Floor 1; frozen, any thread."""

from tectra.core.config.section.backtest import BacktestConfig
from tectra.core.config.section.base import Section
from tectra.core.config.section.control import ControlConfig
from tectra.core.config.section.cpu import CpuConfig
from tectra.core.config.section.data_source import (
    DataSourceConfig,
    FileSourceConfig,
    SimulatedSourceConfig,
    VenueSourceConfig,
)
from tectra.core.config.section.directory import DirectoryConfig
from tectra.core.config.section.dispatch import (
    ConsumerConfig,
    DispatcherConfig,
    OrchestratorConfig,
    ProviderConfig,
)
from tectra.core.config.section.engine import EngineConfig
from tectra.core.config.section.event_sourcing import EventSourcingConfig
from tectra.core.config.section.exchange import ExchangeConfig
from tectra.core.config.section.journal import JournalConfig
from tectra.core.config.section.limiter import (
    OrderLimiterConfig,
    StreamLimiterConfig,
    VenueLimiterConfig,
)
from tectra.core.config.section.log import LogConfig
from tectra.core.config.section.market_data import MarketDataConfig, ReconnectConfig
from tectra.core.config.section.recorder import RecorderConfig
from tectra.core.config.section.ring import RingConfig
from tectra.core.config.section.risk import RiskConfig, RiskScopeConfig
from tectra.core.config.section.root import Config
from tectra.core.config.section.runner import ExecutionConfig, RunnerConfig, RunnerSourceConfig
from tectra.core.config.section.strategy import StrategyConfig

__all__ = [
    "BacktestConfig",
    "Config",
    "ConsumerConfig",
    "ControlConfig",
    "CpuConfig",
    "DataSourceConfig",
    "DirectoryConfig",
    "DispatcherConfig",
    "EngineConfig",
    "EventSourcingConfig",
    "ExchangeConfig",
    "ExecutionConfig",
    "FileSourceConfig",
    "JournalConfig",
    "LogConfig",
    "MarketDataConfig",
    "OrchestratorConfig",
    "OrderLimiterConfig",
    "ProviderConfig",
    "ReconnectConfig",
    "RecorderConfig",
    "RingConfig",
    "RiskConfig",
    "RiskScopeConfig",
    "RunnerConfig",
    "RunnerSourceConfig",
    "Section",
    "SimulatedSourceConfig",
    "StrategyConfig",
    "StreamLimiterConfig",
    "VenueLimiterConfig",
    "VenueSourceConfig",
]
