"""The HTML report of a run: one file, no script, nothing loaded from outside; readable in light and
dark.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from html import escape

import numpy as np
from numpy.typing import NDArray

from tectra.backtest.metrics import Equity, StrategyMetrics
from tectra.backtest.svg import Marks, Series, bar_chart, line_chart

__all__ = ["PricePanel", "ReportData", "STYLE", "StageLatency", "html_table", "render"]

STYLE = """
:root{--bg:#fbfbf9;--fg:#1d2126;--dim:#69707a;--line:#e2e3df;--card:#fff;--s1:#2f6fb5;
--s2:#c77b1e;--s3:#5b8c3a;--s4:#8a5aa8;--up:#1f8a5b;--down:#c23b3b}
@media(prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e6e8ea;--dim:#949ca6;--line:#2b3037;
--card:#1a1e23;--s1:#6ea8e6;--s2:#e3a552;--s3:#93c36f;--s4:#b892d6;--up:#4cc38a;--down:#ec6a6a}}*{
box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,
sans-serif}main{max-width:980px;margin:0 auto;padding:32px 20px 64px}h1{font-size:26px;
margin:0 0 4px}h2{font-size:17px;margin:36px 0 10px}.sub,small,.none{color:var(--dim)}table{
border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{padding:6px 10px;
text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}th{color:var(--dim);
font-weight:500;font-size:13px}th:first-child,td:first-child{text-align:left}.scroll{
overflow-x:auto}figure{margin:0 0 14px;padding:14px 16px;background:var(--card);
border:1px solid var(--line);border-radius:8px}figcaption{font-weight:600;margin-bottom:6px}
figcaption small{font-weight:400}svg{width:100%;height:auto;display:block}svg text{font-size:11px;
fill:var(--dim)}.grid{stroke:var(--line)}.line{fill:none;stroke-width:1.6}.area{opacity:.14;
stroke:none}.line.s1{stroke:var(--s1)}.line.s2{stroke:var(--s2)}.line.s3{stroke:var(--s3)}
.line.s4{stroke:var(--s4)}.line.down{stroke:var(--down)}.area.s1{fill:var(--s1)}.area.down{
fill:var(--down)}.mark.up{fill:var(--up)}.mark.down{fill:var(--down)}.bar{fill:var(--s1)}.legend{
display:flex;gap:16px;flex-wrap:wrap;font-size:13px;color:var(--dim);margin-top:6px}.legend i{
display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:6px}i.s1{
background:var(--s1)}i.s2{background:var(--s2)}i.s3{background:var(--s3)}i.s4{
background:var(--s4)}i.up{background:var(--up)}i.down{background:var(--down)}.pos{color:var(--up)}
.neg{color:var(--down)}dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;
margin:0}dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}code{font:13px ui-monospace,
monospace}
"""


@dataclass(frozen=True)
class PricePanel:
    """Mid price of one instrument at the samples, and the fills in it: (ts_ns, price, is_buy,
    text).
    """

    symbol: str
    mid: NDArray[np.float64]
    fills: Sequence[tuple[int, float, bool, str]]


@dataclass(frozen=True)
class StageLatency:
    """Histogram of one stage in nanoseconds: (upper bound of the bucket, count), and three
    quantiles.
    """

    name: str
    buckets: Sequence[tuple[int, int]]
    count: int
    p50_ns: int
    p99_ns: int
    max_ns: int


@dataclass(frozen=True)
class ReportData:
    """All that a report shows."""

    title: str
    subtitle: str
    strategies: Sequence[StrategyMetrics]
    equity: Equity
    prices: Sequence[PricePanel]
    rules: Mapping[str, Mapping[str, int]]
    latency: Sequence[StageLatency]
    facts: Mapping[str, str]
    utc_offset: timedelta = field(default_factory=timedelta)


def _clock(offset: timedelta):  # type: ignore[no-untyped-def]
    zone = timezone(offset) if offset else UTC

    def text(ts_ns: float) -> str:
        return datetime.fromtimestamp(ts_ns / 1e9, zone).strftime("%H:%M:%S")

    return text


def _signed(value: float) -> str:
    return f'<span class="{"pos" if value >= 0 else "neg"}">{value:,.2f}</span>'


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; heads are text, cells HTML."""
    top = "".join(f"<th>{escape(h)}</th>" for h in head)
    body = "".join(f"<tr>{''.join(f'<td>{c}</td>' for c in row)}</tr>" for row in rows)
    table = f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{table}</div>'


def _strategy_table(metrics: Sequence[StrategyMetrics]) -> str:
    head = (
        "strategy",
        "orders",
        "refused: risk",
        "venue",
        "fills",
        "maker",
        "turnover",
        "realized",
        "unrealized",
        "fees",
        "P&L",
        "drawdown",
    )
    rows = [
        [
            escape(m.strategy),
            f"{m.orders:,}",
            f"{m.rejected_by_risk:,}",
            f"{m.rejected_by_venue:,}",
            f"{m.fills:,}",
            f"{m.maker_share:.0%}",
            f"{m.turnover:,.0f}",
            _signed(float(m.realized)),
            _signed(float(m.unrealized)),
            f"{m.fees:,.2f}",
            _signed(float(m.pnl)),
            f"{m.drawdown_max:,.2f}",
        ]
        for m in metrics
    ]
    return html_table(head, rows)


def _money_charts(data: ReportData) -> str:
    x = data.equity.ts_ns.astype(np.float64)
    clock = _clock(data.utc_offset)
    lines = (
        [Series("all", x, data.equity.total[:, 0], "s1", filled=True)]
        if len(data.strategies) > 1
        else []
    )
    for i, metrics in enumerate(data.strategies):
        kind = f"s{i % 3 + 2}" if lines else "s1"
        lines.append(Series(metrics.strategy, x, data.equity.total[:, i + 1], kind))
    down = Series("drawdown", x, data.equity.drawdown[:, 0], "down", filled=True)
    return line_chart(
        "Equity after fees", lines, x_text=clock, y_text=lambda v: f"{v:,.0f}"
    ) + line_chart("Drawdown", [down], x_text=clock, y_text=lambda v: f"{v:,.0f}")


def _price_charts(data: ReportData) -> str:
    x = data.equity.ts_ns.astype(np.float64)
    out = []
    for panel in data.prices:
        marks = []
        for name, is_buy in (("buys", True), ("sells", False)):
            own = [f for f in panel.fills if f[2] is is_buy]
            marks.append(
                Marks(
                    name,
                    np.array([f[0] for f in own], dtype=np.float64),
                    np.array([f[1] for f in own], dtype=np.float64),
                    [f[3] for f in own],
                    "up" if is_buy else "down",
                    is_buy,
                )
            )
        lines = [Series("mid", x, panel.mid, "s1")]
        title = f"{panel.symbol}: mid price and fills"
        out.append(
            line_chart(
                title,
                lines,
                x_text=_clock(data.utc_offset),
                y_text=lambda v: f"{v:,.2f}",
                marks=marks,
            )
        )
    return "".join(out)


def _rule_table(rules: Mapping[str, Mapping[str, int]]) -> str:
    rows = [
        [escape(name), f"{c['checked']:,}", f"{c['passed']:,}", f"{c['rejected']:,}"]
        for name, c in rules.items()
    ]
    return html_table(("rule", "checked", "passed", "refused"), rows)


def _latency_charts(stages: Sequence[StageLatency]) -> str:
    out = []
    for stage in stages:
        if not stage.count:
            continue
        note = (
            f"{stage.count:,} samples, p50 {stage.p50_ns:,} ns, "
            f"p99 {stage.p99_ns:,} ns, max {stage.max_ns:,} ns"
        )
        bars = [
            (f"{bound:,}" if bound < 10_000 else f"{bound / 1000:,.0f}k", float(n))
            for bound, n in stage.buckets
        ]
        out.append(bar_chart(f"{stage.name.replace('_', ' ')} (ns)", bars, note=note))
    return "".join(out)


def render(data: ReportData) -> str:
    """The whole page."""
    facts = "".join(
        f"<dt>{escape(k)}</dt><dd><code>{escape(v)}</code></dd>" for k, v in data.facts.items()
    )
    parts = [
        f"<h1>{escape(data.title)}</h1>",
        f'<p class="sub">{escape(data.subtitle)}</p>',
        "<h2>Strategies</h2>",
        _strategy_table(data.strategies),
        "<h2>Money</h2>",
        _money_charts(data),
        "<h2>Prices and fills</h2>",
        _price_charts(data),
        "<h2>Pre-trade risk</h2>",
        _rule_table(data.rules),
        "<h2>Latency per stage, on the machine of this run</h2>",
        _latency_charts(data.latency) or '<p class="none">not sampled</p>',
        "<h2>Run</h2>",
        f"<dl>{facts}</dl>",
    ]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head += f"<title>{escape(data.title)}</title><style>{STYLE}</style>"
    body = "".join(parts)
    page = f'<html lang="en"><head>{head}</head><body><main>{body}</main></body></html>'
    return f"<!doctype html>{page}\n"
