"""`[[providers]]`, `[orchestrator]`, `[dispatcher]`: the way of data to its many consumers."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from tectra.core.config.fault import Fault
from tectra.core.config.key import NAME, SYMBOL, flag, items, number, text
from tectra.core.config.section.base import Section, conflict
from tectra.core.config.section.data_source import SourceType
from tectra.core.config.section.limiter import StreamLimiterConfig

__all__ = ["ConsumerConfig", "DispatcherConfig", "OrchestratorConfig", "ProviderConfig"]

Channel = Literal["book", "trade", "ticker", "bar"]
Symbols = tuple[Annotated[str, text("Symbol.", SYMBOL, longest=24)], ...]


class ProviderConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider of market data for the fan-out."""

    name: Annotated[str, text("Name of the provider.", NAME, longest=64)]
    type: Annotated[SourceType, flag("Source that it reads, as in [data_source].")]
    enabled: Annotated[bool, flag("Start it.")] = True
    symbols: Annotated[Symbols, items("Symbols that it brings.", most=10_000)] = ()
    channels: Annotated[
        tuple[Annotated[Channel, flag("Channel.")], ...], items("Kinds of events.", most=4)
    ] = ("book", "trade")


class OrchestratorConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Starts providers, keeps the routing table, merges windows."""

    merge_window_ms: Annotated[
        int, number("ms", 1, 3_600_000, "Longest time that a merge window stays open.")
    ] = 10_000
    merge_events_max: Annotated[
        int, number("events", 1, 10_000_000, "Events that close a merge window.")
    ] = 1_000
    routing_apply_ms: Annotated[
        int, number("ms", 1, 60_000, "Longest time until a change of routes holds.")
    ] = 1_000
    restart_initial_ms: Annotated[
        int, number("ms", 1, 600_000, "Wait before a provider that ended is started again.")
    ] = 1_000
    health_interval_ms: Annotated[
        int, number("ms", 10, 600_000, "Time between two looks at each provider.")
    ] = 1_000


class ConsumerConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A consumer of the dispatcher."""

    name: Annotated[str, text("Name of the consumer.", NAME, longest=64)]
    symbols: Annotated[Symbols, items("Symbols that it wants; none: all.", most=10_000)] = ()
    channels: Annotated[
        tuple[Annotated[Channel, flag("Channel.")], ...], items("Kinds of events.", most=4)
    ] = ("book", "trade")
    buffer_events: Annotated[
        int, number("events", 2, 16_777_216, "Events that may wait for it.")
    ] = 4_096
    lossy: Annotated[
        bool,
        flag("Overwrite what it did not take, and tell it the gap; else the ring pushes back."),
    ] = True
    weight: Annotated[int, number("shares", 1, 1_000, "Its share of the dispatcher's turns.")] = 1


class DispatcherConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Orders, deduplicates, coalesces and hands out."""

    LIVE: ClassVar[frozenset[str]] = frozenset(
        {"flush_interval_ms", "lateness_tolerance_ms", "coalesce_interval_ms"}
    )

    flush_interval_ms: Annotated[
        int, number("ms", 1, 60_000, "Time between two flushes of events that wait.")
    ] = 50
    lateness_tolerance_ms: Annotated[
        int, number("ms", 0, 600_000, "How late an event may be and still be put in order.")
    ] = 150
    coalesce_interval_ms: Annotated[
        int, number("ms", 1, 60_000, "Time between two hand-outs of coalesced state.")
    ] = 50
    coalesce_channels: Annotated[
        tuple[Annotated[Channel, flag("Channel.")], ...],
        items("Kinds of events of which the latest is enough.", most=4),
    ] = ("ticker", "book", "bar")
    dedup_events: Annotated[
        int, number("events", 1, 100_000_000, "Events of a stream that are remembered.")
    ] = 10_000
    limiter: StreamLimiterConfig = StreamLimiterConfig()
    consumers: Annotated[tuple[ConsumerConfig, ...], items("Consumers.", most=1_000)] = ()

    def rules(self) -> Iterator[Fault]:
        """Every consumer has a name of its own."""
        names = [c.name for c in self.consumers]
        if twice := {n for n in names if names.count(n) > 1}:
            yield conflict("consumers", min(twice), "each name once")
