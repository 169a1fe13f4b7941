"""A comparison as one HTML page: no script, nothing from outside."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from tectra.backtest.report import STYLE, html_table
from tectra.backtest.result import whole_file
from tectra.backtest.svg import Series, line_chart
from tectra.replay.diff import Divergence
from tectra.research.whatif.report import AlternativeResult, WhatIfReport
from tectra.research.whatif.side import RunSide

__all__ = ["render", "save_report"]

_ORDERS_MAX = 500
_KINDS = ("s1", "s2", "s3", "s4")


def _clock(ts_ns: float) -> str:
    """Time of day, UTC, as everywhere in a replay."""
    return datetime.fromtimestamp(ts_ns / 1e9, UTC).strftime("%H:%M:%S")


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}"


def _sides(report: WhatIfReport) -> list[tuple[str, RunSide]]:
    return [("A", report.a), *((one.side.name, one.side) for one in report.alternatives)]


def _figures(report: WhatIfReport) -> str:
    sides = _sides(report)
    head = ["figure", *(name for name, _ in sides)]
    two = len(sides) == 2
    figures = [side.figures for _, side in sides]
    rows = []
    for key in figures[0]:
        row = [escape(key.replace("_", " ")), *(_number(f[key]) for f in figures)]
        if two:
            row.append(_number(figures[1][key] - figures[0][key]))
        rows.append(row)
    for rule in report.a.verdicts:
        counts = [side.verdicts.get(rule, 0) for _, side in sides]
        if any(counts):
            row = [f"risk: {escape(rule.lower().replace('_', ' '))}", *(f"{n:,}" for n in counts)]
            rows.append([*row, *([f"{counts[1] - counts[0]:,}"] if two else [])])
    return html_table([*head, *(["B - A"] if two else [])], rows)


def _charts(report: WhatIfReport) -> str:
    equity, drawdown, net = [], [], []
    for i, (name, side) in enumerate(_sides(report)):
        kind = _KINDS[i % len(_KINDS)]
        x = side.equity.ts_ns.astype(np.float64)
        equity.append(Series(name, x, side.equity.total[:, 0], kind))
        drawdown.append(Series(name, x, side.equity.drawdown[:, 0], kind))
        net += _path(name, side, kind)
    charts = (("Equity after fees", equity), ("Drawdown", drawdown), ("Net position", net))
    return "".join(
        line_chart(title, lines, x_text=_clock, y_text=lambda v: f"{v:,.6g}")
        for title, lines in charts
    )


def _path(name: str, side: RunSide, kind: str) -> list[Series]:
    """Net position over time, a step at each fill; a line for each strategy and instrument."""
    paths: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for row in side.positions:
        path = paths.setdefault((row["strategy"], row["symbol"]), [])
        if path:
            path.append((row["ts_ns"], path[-1][1]))
        path.append((row["ts_ns"], float(row["net"])))
    return [
        Series(
            f"{name} {strategy} {symbol}",
            np.array([p[0] for p in path], np.float64),
            np.array([p[1] for p in path], np.float64),
            kind,
        )
        for (strategy, symbol), path in paths.items()
    ]


def _order(row: dict[str, Any] | None) -> str:
    if row is None:
        return "none"
    price = "market" if row["price"] is None else row["price"]
    ended = row["state"].lower().replace("_", " ")
    text = f"{row['quantity']} @ {price}, filled {row['filled']}, {ended}"
    if row["reason"] != "NONE":
        text += f" ({row['reason'].lower().replace('_', ' ')})"
    return escape(text)


def _orders(one: AlternativeResult) -> str:
    counts = dict.fromkeys(("same", "differs", "only A", "only B"), 0)
    for row in one.orders:
        counts[row["status"]] += 1
    said = ", ".join(f"{n:,} {status}" for status, n in counts.items())
    other = [row for row in one.orders if row["status"] != "same"]
    rows = []
    for row in other[:_ORDERS_MAX]:
        known = row["a"] or row["b"]
        who = f"{known['strategy']} {known['side'].lower()} {known['symbol']}"
        rows.append(
            [_clock(row["ts_ns"]), escape(who), row["status"], _order(row["a"]), _order(row["b"])]
        )
    more = len(other) - len(rows)
    tail = f'<p class="sub">and {more:,} more in the JSON</p>' if more else ""
    head = ("submitted, UTC", "order", "", "A", "B")
    return f'<p class="sub">{said}</p>' + (html_table(head, rows) if rows else "") + tail


def _parting(found: Divergence) -> str:
    fields = [
        [escape(name), escape(repr(a)), escape(repr(b))] for name, (a, b) in found.fields.items()
    ]
    lines = [*found.context, f"A {found.lines[0]}", f"B {found.lines[1]}"]
    context = "".join(f"<dd><code>{escape(line)}</code></dd>" for line in lines)
    table = html_table(("field", "A", "B"), fields) if fields else ""
    return f'{table}<dl style="grid-template-columns:1fr">{context}</dl>'


def _difference(one: AlternativeResult) -> str:
    found = one.diff.divergence
    if found is None:
        return f'<p class="pos">Equal: {one.diff.shared:,} records, byte for byte.</p>'
    said = one.diff.consequence
    counts = [
        [escape(c.component), *(f"{n:,}" for n in (c.a, c.b, c.changed, c.only_a, c.only_b))]
        for c in one.diff.components
    ]
    return (
        f"<p>{one.diff.shared:,} records are equal; the first that differs: "
        f"<code>{escape(str(found))}</code></p>"
        + _parting(found)
        + (
            ""
            if said is None
            else f"<p>What the engine said differently first: "
            f"<code>{escape(str(said))}</code></p>{_parting(said)}"
        )
        + html_table(("component", "A", "B", "changed", "only A", "only B"), counts)
    )


def _alternative(one: AlternativeResult) -> str:
    name = escape(one.side.name)
    parts = [f"<h2>{name}: {escape('; '.join(one.said)) or 'unchanged'}</h2>"]
    if one.changed_seq is not None:
        proof = {
            True: "up to it both are equal, byte for byte",
            False: '<span class="neg">the two had parted before it</span>',
        }.get(bool(one.before_equal), "")
        parts.append(f'<p class="sub">From record {one.changed_seq:,} on; {proof}.</p>')
    if one.side.raised is not None:
        parts.append(f'<p class="neg">It raised: {escape(one.side.raised)}</p>')
    parts += [_difference(one), "<h2>Orders</h2>", _orders(one)]
    return "".join(parts)


def _notes(notes: Sequence[str]) -> str:
    return "".join(f'<p class="neg">{escape(note)}</p>' for note in notes)


def render(report: WhatIfReport) -> str:
    """The whole page."""
    title = "What if: " + ", ".join(
        "; ".join(one.said) or "unchanged" for one in report.alternatives
    )
    raised = [report.a.raised] if report.a.raised is not None else []
    body = "".join(
        [
            f"<h1>{escape(title)}</h1>",
            f'<p class="sub">A: {escape(report.a.name)}; times are UTC</p>',
            _notes([*report.notes, *(f"A raised: {text}" for text in raised)]),
            _figures(report),
            "<h2>Money and positions</h2>",
            _charts(report),
            *(_alternative(one) for one in report.alternatives),
        ]
    )
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head += f"<title>{escape(title)}</title><style>{STYLE}</style>"
    page = f'<html lang="en"><head>{head}</head><body><main>{body}</main></body></html>'
    return f"<!doctype html>{page}\n"


def save_report(report: WhatIfReport, directory: Path) -> tuple[Path, Path]:
    """Write whatif.html and whatif.json into an existing directory."""
    page, data = directory / "whatif.html", directory / "whatif.json"
    with whole_file(page) as part:
        part.write_text(render(report), encoding="utf-8")
    with whole_file(data) as part:
        body = orjson.dumps(report.as_dict(), option=orjson.OPT_INDENT_2, default=str)
        part.write_bytes(body + b"\n")
    return page, data
