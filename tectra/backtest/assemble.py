"""Turns a finished driver into a result: metrics, curves, and the data of the report."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np

from tectra.backtest.driver import BacktestDriver
from tectra.backtest.ledger import Ledger
from tectra.backtest.metrics import Sample, equity_of, metrics_of, verdict_counts
from tectra.backtest.report import PricePanel, ReportData, StageLatency
from tectra.backtest.result import BacktestResult
from tectra.core.clock import tsc_ticks_per_ns
from tectra.core.msg import FillReason, RiskRule, Side, Template
from tectra.engine.parts import STAGES
from tectra.engine.pipeline import Pipeline
from tectra.engine.session import SessionSpec
from tectra.refdata.instrument import Instrument

__all__ = ["assemble", "quoted", "stage_latencies"]

_PANELS_MAX = 8


def stage_latencies(pipeline: Pipeline) -> list[StageLatency]:
    """Histograms of the pipeline's stages, from clock ticks to nanoseconds."""
    per_ns = tsc_ticks_per_ns()
    out = []
    for name, histogram in zip(STAGES, pipeline.stages, strict=True):
        octaves: dict[int, int] = {}
        for bucket in histogram.buckets():
            ns = max(1, round(int(bucket["high"]) / per_ns))
            key = 1 << (ns - 1).bit_length()
            octaves[key] = octaves.get(key, 0) + int(bucket["count"])
        out.append(
            StageLatency(
                name=name,
                buckets=sorted(octaves.items()),
                count=histogram.count,
                p50_ns=round(histogram.quantile(0.5) / per_ns),
                p99_ns=round(histogram.quantile(0.99) / per_ns),
                max_ns=round(histogram.max / per_ns),
            )
        )
    return out


def quoted(samples: Sequence[Sample]) -> Sequence[Sample]:
    """The samples from the first to the last that had a two-sided book: a day file starts and ends
    hours around them.
    """
    sided = [i for i, s in enumerate(samples) if s[1]]
    if not sided:
        return samples
    # The last point is the result, whatever was still filled behind it.
    ts_ns, mids, _ = samples[sided[-1]]
    return [*samples[sided[0] : sided[-1]], (ts_ns, mids, samples[-1][2])]


def _fill_text(fill: np.void, instrument: Instrument) -> str:
    side, price = Side(int(fill["side"])).name, instrument.price(int(fill["px"]))
    reason = FillReason(int(fill["fill_reason"])).name.lower().replace("_", " ")
    return f"{side} {int(fill['qty'])} @ {price} ({reason})"


def _panels(
    samples: Sequence[Sample], ledger: Ledger, instruments: Sequence[Instrument]
) -> list[PricePanel]:
    fills = ledger.table(Template.ORDER_FILL)
    out = []
    for slot, instrument in enumerate(instruments):
        own = fills[fills["instrument_id"] == instrument.instrument_id]
        if not len(own) and len(instruments) > 1:
            continue
        unit = 10.0**instrument.px_exponent
        mid = np.array([s[1].get(slot, np.nan) for s in samples], dtype=np.float64) * 0.5 * unit
        marks = [
            (
                int(f["ts_recv_ns"]),
                float(f["px"]) * unit,
                bool(f["side"] == Side.BUY),
                _fill_text(f, instrument),
            )
            for f in own
        ]
        out.append((len(own), PricePanel(instrument.symbol, mid, marks)))
    out.sort(key=lambda e: -e[0])
    return [panel for _, panel in out[:_PANELS_MAX]]


def _facts(driver: BacktestDriver, spec: SessionSpec, elapsed_ns: int) -> dict[str, str]:
    summary = driver.pipeline.summary
    config = driver.exchange.config
    rate = driver.records * 1e9 / elapsed_ns if elapsed_ns else 0.0
    return {
        "records in": (
            f"{summary.inputs:,} ({driver.records:,} of market data, {rate:,.0f} a second)"
        ),
        "records out": f"{summary.outputs:,}",
        "input digest": summary.input_digest,
        "output digest": summary.output_digest,
        "latency": (
            f"{config.latency.entry_ns:,} ns to the exchange, "
            f"{config.latency.response_ns:,} ns back"
        ),
        "fees": (
            f"maker {config.fees.maker_rate}, taker {config.fees.taker_rate}, "
            f"per unit {config.fees.per_unit}"
        ),
        "fill model": f"{config.queue_model}: exact price-time queue, no market impact",
        "book records refused": f"{summary.book_errors:,}",
        "seed": str(spec.seed),
        "tectra": spec.tectra,
        "strategies": "; ".join(f"{s.name} {s.params}" for s in spec.strategies),
    }


def assemble(
    driver: BacktestDriver,
    spec: SessionSpec,
    *,
    elapsed_ns: int,
    directory: Path | None,
    utc_offset: timedelta,
) -> BacktestResult:
    """The result of a run that ended."""
    pipeline = driver.pipeline
    instruments = pipeline.instruments
    names = [s.name for s in spec.strategies]
    ledger = Ledger(pipeline.captured())
    samples = quoted(driver.samples)
    equity = equity_of(samples, instruments, len(names))
    metrics = metrics_of(ledger, driver.samples[-1], instruments, names, equity)
    symbols = ", ".join(i.symbol for i in instruments[:6]) + (
        f" and {len(instruments) - 6} more" if len(instruments) > 6 else ""
    )
    data = ReportData(
        title=f"Backtest of {', '.join(names)}",
        subtitle=f"{symbols}; {len(equity.ts_ns):,} samples",
        strategies=metrics,
        equity=equity,
        prices=_panels(samples, ledger, instruments),
        rules={
            rule.name: pipeline.risk.counts(rule) for rule in RiskRule if rule is not RiskRule.NONE
        },
        latency=stage_latencies(pipeline),
        facts=_facts(driver, spec, elapsed_ns),
        utc_offset=utc_offset,
    )
    return BacktestResult(
        strategies=metrics,
        instruments=instruments,
        equity=equity,
        verdicts=verdict_counts(ledger),
        summary=pipeline.summary,
        ledger=ledger,
        report_data=data,
        records=driver.records,
        elapsed_ns=elapsed_ns,
        directory=directory,
    )
