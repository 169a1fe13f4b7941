"""`[backtest]`: a run over the past, as a file describes it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal

from tectra.core.config.fault import Fault
from tectra.core.config.key import DATE, NAME, SYMBOL, decimal, items, number, text
from tectra.core.config.section.base import Section, conflict

__all__ = ["BacktestConfig"]


class BacktestConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A backtest: days, symbols, strategies, capital, costs, pace."""

    data_path: Annotated[str | None, text("File or directory of the data.")] = None
    start_date: Annotated[str | None, text("First day.", DATE, longest=10)] = None
    end_date: Annotated[str | None, text("Last day, included.", DATE, longest=10)] = None
    symbols: Annotated[
        tuple[Annotated[str, text("Symbol.", SYMBOL, longest=24)], ...],
        items("Symbols; none: all in the data.", most=10_000),
    ] = ()
    strategies: Annotated[
        tuple[Annotated[str, text("Strategy.", NAME, longest=64)], ...],
        items("Names in [[strategies]]; none: all of them.", most=1_000),
    ] = ()
    capital: Annotated[
        Decimal, decimal("quote currency", "0.01", "1000000000000", "Money at the start.")
    ] = Decimal(100_000)
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
    speed: Annotated[
        float | Literal["max"],
        number("times real time", 0, 1_000_000, "Pace; 1, 5, 10, 100, 1000, or max.", above=0),
    ] = "max"
    sample_interval_ms: Annotated[
        int, number("ms", 1, 86_400_000, "Time between two points of the equity curve.")
    ] = 1_000

    def rules(self) -> Iterator[Fault]:
        """The last day is not before the first."""
        if self.start_date and self.end_date and self.end_date < self.start_date:
            yield conflict(
                "end_date", self.end_date, f"{self.start_date} or later", "swap start and end"
            )
