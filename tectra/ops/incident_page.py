"""The report of an incident as one HTML page: no script, nothing from outside."""

from html import escape
from typing import Any

from tectra.backtest.report import STYLE, html_table
from tectra.replay.describe import clock_text
from tectra.replay.rca import IncidentReport

__all__ = ["render_incident"]

_ROWS_MAX = 5_000


def _cells(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return '<p class="none">none</p>'
    head = list(rows[0])
    body = [["" if r[k] is None else escape(str(r[k])) for k in head] for r in rows]
    return html_table([k.replace("_", " ") for k in head], body)


def _state(state: dict[str, Any] | None) -> str:
    if state is None:
        return '<p class="neg">Not known: the replay left the journal before.</p>'
    killed = ', <span class="neg">everything is killed</span>' if state["killed"] else ""
    parts = [f"<p>P&amp;L {escape(state['pnl'])}{killed}</p>"]
    parts += [
        f'<p class="sub">{title}</p>{_cells(state[title])}'
        for title in ("positions", "orders", "books")
    ]
    return "".join(parts)


def _kills(report: IncidentReport) -> str:
    out = []
    for kill in report.kills:
        scope = " ".join(p for p in (kill.strategy, kill.symbol) if p) or "everything"
        facts = {
            "when": f"record {kill.ring_seq:,}, {clock_text(kill.ts_ns)} {report.zone}",
            "who": f"operator {kill.operator_id}",
            "why": kill.reason or "no reason given",
            "state": kill.state or "not said",
        }
        listed = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
        out.append(
            f"<h2>{escape(kill.action)} of {escape(scope)}</h2><dl>{listed}</dl>"
            f"<p><b>Before</b></p>{_state(kill.before)}<p><b>After</b></p>{_state(kill.after)}"
        )
    return "".join(out)


def _timeline(report: IncidentReport) -> str:
    rows = []
    for entry in report.timeline[:_ROWS_MAX]:
        what = escape(entry.what)
        if any(word in entry.what for word in ("REFUSES", "REJECTS", "LOST", "KILL", "FAULTED")):
            what = f'<span class="neg">{what}</span>'
        cells = (escape(entry.component), escape(entry.who), what)
        rows.append([f"{entry.ring_seq:,}", clock_text(entry.ts_ns), *cells])
    more = len(report.timeline) - len(rows)
    tail = f'<p class="sub">and {more:,} more in the JSON</p>' if more else ""
    return html_table(("record", f"time, {report.zone}", "component", "who", "what"), rows) + tail


def render_incident(report: IncidentReport) -> str:
    """The whole page."""
    title = f"Incident: records {report.first_seq:,} to {report.last_seq:,}"
    times = f"{clock_text(report.first_ns)} to {clock_text(report.last_ns)} {report.zone}"
    replay = "equal to the journal up to the end of the window"
    if report.difference is not None:
        replay = f"DIFFERENT: the replay left the journal: {report.difference}"
    counts = ", ".join(f"{n:,} {name}" for name, n in report.market_records.items())
    facts = {**report.session, "replay": replay, "market data": counts or "none"}
    listed = "".join(f"<dt>{escape(k)}</dt><dd>{escape(str(v))}</dd>" for k, v in facts.items())
    latencies = [
        [escape(one.name), f"{one.count:,}"]
        + [f"{v:,}" if one.count else "" for v in (one.p50_ns, one.p99_ns, one.max_ns)]
        for one in report.latencies
    ]
    body = "".join(
        [
            f"<h1>{escape(title)}</h1>",
            f'<p class="sub">{escape(report.path)}, {escape(times)}</p>',
            *(f'<p class="neg">{escape(note)}</p>' for note in report.notes),
            f"<dl>{listed}</dl>",
            f"<h2>Before</h2>{_state(report.before)}<h2>After</h2>{_state(report.after)}",
            _kills(report),
            "<h2>Latency of the records' own times, in ns</h2>",
            html_table(("", "count", "p50", "p99", "max"), latencies),
            f"<h2>Timeline</h2>{_timeline(report)}",
        ]
    )
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head += f"<title>{escape(title)}</title><style>{STYLE}</style>"
    page = f'<html lang="en"><head>{head}</head><body><main>{body}</main></body></html>'
    return f"<!doctype html>{page}\n"
