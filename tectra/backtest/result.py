"""What a backtest returns, and what it leaves in its directory."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tectra.backtest.attribution import (
    OrderOutcome,
    TradeAttribution,
    attribute_trades,
    order_outcomes,
    run_figures,
)
from tectra.backtest.ledger import Ledger, trades_table
from tectra.backtest.metrics import Equity, StrategyMetrics
from tectra.backtest.report import ReportData, render
from tectra.core.errors import InputError
from tectra.engine.parts import EngineSummary
from tectra.refdata.instrument import Instrument

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BacktestResult", "whole_file"]


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A file beside the target that takes its name once it is whole, and is gone otherwise.
    InputError where the rename would take the place of a device, pipe or directory.
    """
    if target.exists() and not target.is_file():
        raise InputError(f"{target} is no regular file; give the name of a file")
    part = target.with_name(f".{target.name}.part")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@dataclass(frozen=True)
class BacktestResult:
    """One finished run. `directory` is where its files are, None when it wrote none."""

    strategies: Sequence[StrategyMetrics]
    instruments: Sequence[Instrument]
    equity: Equity
    verdicts: Mapping[str, int]
    summary: EngineSummary
    ledger: Ledger
    report_data: ReportData
    records: int
    elapsed_ns: int
    directory: Path | None = None

    @property
    def metrics(self) -> dict[str, Any]:
        """Figures by strategy, and those of the run, as plain values."""
        return {
            "strategies": {m.strategy: asdict(m) for m in self.strategies},
            "verdicts": dict(self.verdicts),
            "engine": asdict(self.summary),
            "records": self.records,
            "elapsed_s": self.elapsed_ns / 1e9,
            "records_per_s": self.records_per_s,
            "pnl": str(self.pnl),
            "trades": len(self.trade_list),
            **self._figures,
        }

    @property
    def pnl(self) -> Decimal:
        """Profit of the run after fees, exact, in the units of the price."""
        return sum((m.pnl for m in self.strategies), Decimal(0))

    @property
    def sharpe(self) -> float:
        """Annual Sharpe ratio of the P&L between samples; see attribution.sharpe_ratio()."""
        return self._figures["sharpe"]

    @property
    def drawdown(self) -> float:
        """How far the P&L fell below its highest value, 0 or negative."""
        return self._figures["drawdown_max"]

    @property
    def win_rate(self) -> float:
        """Part of the closing trades that gained after their fee, 0..1."""
        return self._figures["win_rate"]

    @property
    def pnl_series(self) -> Equity:
        """P&L over time, all strategies in column 0."""
        return self.equity

    @cached_property
    def trade_list(self) -> list[TradeAttribution]:
        """Every execution with what it added, in order."""
        return attribute_trades(self.ledger, self.instruments, self._names)

    @cached_property
    def order_list(self) -> list[OrderOutcome]:
        """Every order and how it ended, in the order of submission."""
        return order_outcomes(self.ledger, self.instruments, self._names)

    @cached_property
    def _figures(self) -> Mapping[str, float]:
        return run_figures(self.equity, self.trade_list)

    @property
    def _names(self) -> list[str]:
        return [m.strategy for m in self.strategies]

    @property
    def records_per_s(self) -> float:
        """Market data records a second of wall time, everything included."""
        return self.records * 1e9 / self.elapsed_ns if self.elapsed_ns else 0.0

    @property
    def output_digest(self) -> str:
        """Equality digest of everything the engine said."""
        return self.summary.output_digest

    @property
    def trades(self) -> "pa.Table":
        """One row an execution; `.to_pandas()` where pandas is installed."""
        return trades_table(self.ledger, self.instruments, self._names)

    def report(self, path: str | Path) -> Path:
        """Write the HTML report."""
        target = Path(path)
        with whole_file(target) as part:
            part.write_text(render(self.report_data), encoding="utf-8")
        return target

    def save(self, directory: Path) -> None:
        """Write report, metrics and trades into an existing directory."""
        from pyarrow import csv, parquet  # noqa: PLC0415  see trades_table

        self.report(directory / "report.html")
        body = orjson.dumps(self.metrics, option=orjson.OPT_INDENT_2, default=str)
        with whole_file(directory / "metrics.json") as part:
            part.write_bytes(body + b"\n")
        trades = self.trades
        with whole_file(directory / "trades.parquet") as part:
            parquet.write_table(trades, part)
        with whole_file(directory / "trades.csv") as part:
            csv.write_csv(trades, part)
