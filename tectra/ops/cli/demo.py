"""`tectra demo`: the whole way through the house once, offline: data, books, strategies, risk,
fills, P&L, journal, replay.
"""

from dataclasses import asdict
from itertools import count
from pathlib import Path
from shlex import quote
from typing import Any

import click

from tectra.backtest import BacktestResult, StrategyRun, run_backtest
from tectra.backtest.stream import StreamReport, run_stream
from tectra.core.clock import LiveClock
from tectra.core.errors import ReplayMismatchError
from tectra.feed.itch_stats import ItchStats, collect
from tectra.journal.verify import VerifyReport, verify
from tectra.ops.cli.backtest import show_result
from tectra.ops.cli.show import clock_text, console, progress, table, write_json
from tectra.paths import sample_day
from tectra.replay import ReplayReport, verify_replay

__all__ = ["command"]

_STRATEGIES = (
    StrategyRun("tectra.strategy.sample.cross:Cross", symbols=("AAPL", "NVDA", "QQQ")),
    StrategyRun("tectra.strategy.sample.maker:Maker", symbols=("AMD", "INTC", "MSFT")),
)
# What the demo promises of the way from ring to order (figure, unit, is it a ceiling).
_TARGETS = {
    "decode": (1_000_000, "messages/s", False),
    "stream": (1_000_000, "records/s", False),
    "tick_to_order_p99": (20_000, "ns", True),
}


def _fresh(out: Path | None) -> Path:
    if out is not None:
        return out
    names = (Path(f"tectra-demo-{n}") if n > 1 else Path("tectra-demo") for n in count(1))
    return next(n for n in names if not n.exists())


def _stream() -> StreamReport:
    """The ring pipeline with the strategy that only passes through: one order for every 50th
    update.
    """
    return run_stream(
        sample_day(),
        strategy="tectra.strategy.sample.passthrough:Passthrough",
        params={"every": 50},
    )


def _targets(figures: dict[str, float]) -> list[dict[str, Any]]:
    out = []
    for name, value in figures.items():
        goal, unit, ceiling = _TARGETS[name]
        out.append(
            {
                "figure": name,
                "value": round(value),
                "goal": goal,
                "unit": unit,
                "met": value <= goal if ceiling else value >= goal,
            }
        )
    return out


def _stream_figures(report: StreamReport) -> dict[str, float]:
    tail = next(s for s in report.latency if s.name == "tick_to_order")
    return {"stream": report.records_per_s, "tick_to_order_p99": float(tail.p99_ns)}


def _show_targets(rows: list[dict[str, Any]]) -> None:
    shown = [
        (
            r["figure"].replace("_", " "),
            f"{r['value']:,}",
            f"{r['goal']:,}",
            r["unit"],
            "met" if r["met"] else "missed here",
        )
        for r in rows
    ]
    console().print(
        table("Targets, on this machine", ("figure", "measured", "target", "unit", ""), shown)
    )


@click.group(name="demo", invoke_without_command=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="New directory for the results; default tectra-demo.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of tables.")
@click.pass_context
def command(ctx: click.Context, out: Path | None, as_json: bool) -> None:
    """Everything once, offline, in under a minute."""
    if ctx.invoked_subcommand is not None:
        return
    clock = LiveClock()
    start = clock.now_ns()
    directory = _fresh(out)
    with progress("1/4 reading the sample day", quiet=as_json) as step:
        decode_start = clock.now_ns()
        stats = collect(sample_day(), step)
        decode_rate = stats.total * 1e9 / (clock.now_ns() - decode_start)
    with progress("2/4 two strategies, risk, simulated exchange", quiet=as_json) as step:
        result = run_backtest(
            strategies=_STRATEGIES,
            data=sample_day(),
            out=directory,
            progress=lambda done, _: step(done, stats.total),
        )
    with progress("3/4 journal and replay", quiet=as_json) as step:
        journal = verify(directory / "journal", step)
        replay = verify_replay(directory)
    with progress("4/4 three processes over shared-memory rings", quiet=as_json):
        stream = _stream()
    targets = _targets({"decode": decode_rate, **_stream_figures(stream)})
    if as_json:
        write_json(_document(stats, result, journal, replay, stream, targets))
    else:
        _show(stats, result, journal, replay, stream, targets)
        console().print(f"\ndone in {(clock.now_ns() - start) / 1e9:.1f} s")
        _what_next(directory)
    if not (journal.ok and replay.ok):
        raise ReplayMismatchError(
            f"the run in {directory} does not replay: {replay.difference or journal.faults}"
        )


@command.command(name="mvp")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of tables.")
def mvp_command(as_json: bool) -> None:
    """Ingest, engine and verdicts as three processes over shared-memory rings."""
    with progress("three processes over shared-memory rings", quiet=as_json):
        report = _stream()
    targets = _targets(_stream_figures(report))
    if as_json:
        more = {"records_per_s": report.records_per_s, "targets": targets}
        refused = report.verdicts - report.accepted
        write_json({**asdict(report), "refused": refused, **more})
        return
    _show_stream(report)
    _show_targets(targets)


def _document(
    stats: ItchStats,
    result: BacktestResult,
    journal: VerifyReport,
    replay: ReplayReport,
    stream: StreamReport,
    targets: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "data": {
            "messages": stats.total,
            "symbols": list(stats.symbols),
            "by_type": stats.messages,
        },
        "backtest": result.metrics,
        "journal": {
            "ok": journal.ok,
            "records": journal.records,
            "segments": journal.segments,
            "bytes": journal.bytes,
        },
        "replay": replay.as_dict(),
        "stream": {
            "records": stream.records,
            "verdicts": stream.verdicts,
            "records_per_s": stream.records_per_s,
        },
        "targets": targets,
        "directory": str(result.directory),
    }


def _show_stream(report: StreamReport) -> None:
    out = console()
    out.print(
        f"stream         {report.records:,} records through the ring at "
        f"{report.records_per_s:,.0f} a second, {report.verdicts:,} verdicts "
        f"({report.accepted:,} accepted); ring high water {report.ring_high_water:,} slots"
    )
    rows = [
        (
            s.name.replace("_", " "),
            f"{s.count:,}",
            f"{s.p50_ns:,}",
            f"{s.p99_ns:,}",
            f"{s.max_ns:,}",
        )
        for s in report.latency
        if s.count
    ]
    out.print(table("Latency per stage (ns)", ("stage", "samples", "p50", "p99", "max"), rows))


def _show(
    stats: ItchStats,
    result: BacktestResult,
    journal: VerifyReport,
    replay: ReplayReport,
    stream: StreamReport,
    targets: list[dict[str, Any]],
) -> None:
    out = console()
    span = f"{clock_text(stats.first_ns)[:8]} to {clock_text(stats.last_ns)[:8]}"
    out.print(
        f"sample day     {stats.total:,} ITCH 5.0 messages, "
        f"{', '.join(stats.symbols)}, {span} New York"
    )
    show_result(result)
    out.print(
        f"journal        {journal.records:,} records in {journal.segments} segment(s), "
        f"{journal.bytes / 1e6:,.1f} MB: {'every checksum right' if journal.ok else 'DAMAGED'}"
    )
    equal = "equal, byte for byte" if replay.ok else f"DIFFERENT: {replay.difference}"
    out.print(
        f"replay digest  {replay.summary.output_digest}  {equal}; "
        f"{replay.real_time_factor:,.0f}x real time"
    )
    _show_stream(stream)
    _show_targets(targets)


def _what_next(directory: Path) -> None:
    day = sample_day()
    out = console()
    out.print(f"\nopen           {directory / 'report.html'}", soft_wrap=True)
    out.print("try next       ", end="")
    lines = (
        f"tectra book {quote(str(day))} --symbol AAPL --at 10:00:00",
        f"tectra replay verify {quote(str(directory))}",
        "tectra bench",
    )
    out.print("\n               ".join(lines), soft_wrap=True)
