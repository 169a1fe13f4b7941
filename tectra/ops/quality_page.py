"""Validation and quality of recorded data as one HTML page: no script, nothing from outside."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

import numpy as np

from tectra.backtest.report import STYLE
from tectra.backtest.svg import Series, line_chart
from tectra.feed.quality.finding import KINDS
from tectra.feed.quality.report import QualityReport, ValidationReport

__all__ = ["render_quality"]

_ROWS_MAX = 200


def _clock(ts_ns: float) -> str:
    return datetime.fromtimestamp(ts_ns / 1e9, UTC).strftime("%H:%M:%S")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(h)}</th>" for h in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(c)}</td>' for c in row)}</tr>" for row in rows[:_ROWS_MAX]
    )
    table = f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{table}</div>'


def _charts(quality: QualityReport) -> str:
    series = quality.series
    x = series.start_ns + np.arange(len(series.records), dtype=np.float64) * series.width_ns
    rate = np.array(series.records, np.float64) * 1e9 / max(1, series.width_ns)
    spread = np.array([np.nan if s is None else s for s in series.spread_bp], np.float64)
    charts = (
        ("Records a second", Series("records a second", x, rate, "s1", filled=True)),
        ("Spread, hundredths of a percent", Series("mean spread", x, spread, "s2")),
    )
    return "".join(
        line_chart(title, [line], x_text=_clock, y_text=lambda v: f"{v:,.6g}")
        for title, line in charts
    )


def _symbols(quality: QualityReport) -> str:
    spreads = ("spread p5", "median", "p95", "p99")
    shares = ("two-sided", "crossed", "locked")
    head = ("symbol", "updates", *spreads, *shares, "best bid qty", "best ask qty")
    rows = [
        (
            one.symbol,
            f"{one.updates:,}",
            *(one.price(getattr(one.spread_px, q)) for q in ("p5", "p50", "p95", "p99")),
            *(f"{one.state_share[s]:.2%}" for s in ("two_sided", "crossed", "locked")),
            f"{one.bid_depth[0].p50:,}",
            f"{one.ask_depth[0].p50:,}",
        )
        for one in quality.symbols
    ]
    return _table(head, rows)


def _part(report: ValidationReport, quality: QualityReport) -> str:
    verdict = '<span class="pos">passed</span>'
    if not report.passed:
        verdict = '<span class="neg">failed</span>'
    late, rate = quality.latency_ns, quality.rate
    facts = {
        "records": f"{report.records:,} of {report.symbols:,} symbols",
        "rate a second": f"mean {rate.mean:,.1f}, p50 {rate.per_second.p50:,}, "
        f"p99 {rate.per_second.p99:,}, max {rate.per_second.max:,}",
        "event to receipt": f"p50 {late.p50 / 1e6:,.3f} ms, p99 {late.p99 / 1e6:,.3f} ms, "
        f"max {late.max / 1e6:,.3f} ms",
    }
    listed = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    counts = [
        (kind, f"{n:,}", "fails" if kind in report.limits.fail_on else "told", KINDS[kind])
        for kind, n in sorted(report.counts.items())
    ]
    found = [
        (f.kind, f"{f.row:,}", str(f.time_ns), f.symbol, f.found, f.allowed)
        for f in report.findings
    ]
    parts = [f"<h2>{escape(report.file)}: {verdict}</h2><dl>{listed}</dl>", _charts(quality)]
    parts.append(_symbols(quality))
    if counts:
        parts.append(_table(("kind", "count", "", "allowed"), counts))
        parts.append(_table(("kind", "record", "time, ns", "symbol", "found", "allowed"), found))
    return "".join(parts)


def render_quality(reports: Sequence[tuple[ValidationReport, QualityReport]]) -> str:
    """The page of one or more files. Times on its charts are UTC."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head += f"<title>Data quality</title><style>{STYLE}</style>"
    body = "<h1>Data quality</h1>" + "".join(_part(v, q) for v, q in reports)
    page = f'<html lang="en"><head>{head}</head><body><main>{body}</main></body></html>'
    return f"<!doctype html>{page}\n"
