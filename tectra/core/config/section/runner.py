"""`[[runners]]`: one symbol, one strategy, its own source and its own execution."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from tectra.core.config.fault import Fault
from tectra.core.config.key import DATE, SYMBOL, decimal, flag, items, number, text
from tectra.core.config.section.base import Section, conflict
from tectra.core.config.section.data_source import Venue

__all__ = ["ExecutionConfig", "RunnerConfig", "RunnerSourceConfig"]


class RunnerSourceConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a runner's market data comes from."""

    type: Annotated[Literal["live", "historical"], flag("A venue, or a file.")]
    source: Annotated[Venue | None, flag("The venue, where type is live.")] = None
    path: Annotated[
        str | None, text("The file, relative to directories.root, where type is historical.")
    ] = None
    date: Annotated[
        str | None, text("Trade date, where the file's name has none.", DATE, longest=10)
    ] = None
    simulate_realtime: Annotated[bool, flag("Give the file's records at their own pace.")] = False
    speed: Annotated[
        float | Literal["max"],
        number("times real time", 0, 1_000_000, "Pace with simulate_realtime.", above=0),
    ] = 1.0

    def rules(self) -> Iterator[Fault]:
        """A venue has no file, a file no venue."""
        if self.type == "live":
            if self.source is None:
                yield conflict("source", None, "a venue, where type is live", "name the venue")
            if self.path is not None:
                yield conflict("path", self.path, "no path, where type is live", "remove it")
            if self.simulate_realtime:
                yield conflict(
                    "simulate_realtime", True, "false, where type is live", "remove it", kind="mode"
                )
        else:
            if self.path is None:
                yield conflict("path", None, "a file, where type is historical", "name the file")
            if self.source is not None:
                yield conflict(
                    "source", self.source, "no source, where type is historical", "remove it"
                )


class ExecutionConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a runner's orders go, and what the simulated exchange does with them."""

    type: Annotated[
        Literal["live", "simulated"] | None,
        flag("none: live where `mode` is live and the data is, else simulated."),
    ] = None
    slippage: Annotated[
        float, number("fraction", 0.0, 0.1, "Part of the price lost on each taking fill.")
    ] = 0.0
    maker_fee_fraction: Annotated[
        Decimal, decimal("fraction", "-0.1", "0.1", "Fee of a resting fill; negative: rebate.")
    ] = Decimal("-0.0001")
    taker_fee_fraction: Annotated[
        Decimal, decimal("fraction", "-0.1", "0.1", "Fee of a taking fill; negative: rebate.")
    ] = Decimal("0.0004")
    entry_latency_us: Annotated[
        int, number("us", 0, 3_600_000_000, "Time of an order to the exchange.")
    ] = 100
    response_latency_us: Annotated[
        int, number("us", 0, 3_600_000_000, "Time of a report back.")
    ] = 100


class RunnerConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One runner. Live and historical ones run side by side."""

    symbol: Annotated[str, text("Symbol that it trades.", SYMBOL, longest=24)]
    strategy: Annotated[str, text("FILE.py, FILE.py:Class, FILE.lua, or a name in [[strategies]].")]
    data_source: RunnerSourceConfig
    execution: ExecutionConfig = ExecutionConfig()
    parameters: Annotated[
        dict[str, Any], items("Parameters, as the strategy declares them.", most=256)
    ] = msgspec.field(default_factory=dict)

    def rules(self) -> Iterator[Fault]:
        """Orders out of the past do not go to an exchange."""
        if self.data_source.type == "historical" and self.execution.type == "live":
            yield Fault(
                path=("execution", "type"),
                found="'live' with historical data",
                allowed="simulated, where data_source.type is historical",
                fix="set execution.type to simulated, or data_source.type to live",
                kind="mode",
            )
