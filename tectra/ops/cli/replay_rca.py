"""`tectra replay rca`: the report of an incident."""

from pathlib import Path

import click
import orjson

from tectra.backtest.result import whole_file
from tectra.core.errors import InputError
from tectra.journal.reader import JournalReader
from tectra.ops.cli.show import progress, write_json
from tectra.ops.incident_page import render_incident
from tectra.replay.points import Point, parse_point
from tectra.replay.rca import IncidentReport, incident_report
from tectra.replay.verify import journal_of

__all__ = ["command"]


def _ends(
    directory: Path, start: str | None, stop: str | None, numbers: str | None
) -> tuple[Point, Point]:
    if numbers is not None:
        if start is not None or stop is not None:
            raise InputError("--seq: found beside --from or --to; give one or the other")
        first, found, last = numbers.partition(":")
        if not found or not all(p.isascii() and (p.isdigit() or not p) for p in (first, last)):
            raise InputError(f"--seq: found {numbers!r}; allowed: A:B, numbers of records")
        return Point(seq=int(first or 0)), Point(seq=int(last) if last else None)
    reader = JournalReader(journal_of(directory))
    first_ns = next((s.head.first_ts_recv_ns for s, _ in reader.segments()), 0)
    points = [
        Point() if text is None else parse_point(name, text, first_ns=first_ns)
        for name, text in (("--from", start), ("--to", stop))
    ]
    return points[0], points[1]


def _write(report: IncidentReport, target: Path) -> None:
    with whole_file(target) as part:
        if target.suffix == ".html":
            part.write_text(render_incident(report), encoding="utf-8")
        else:
            body = orjson.dumps(report.as_dict(), option=orjson.OPT_INDENT_2, default=str)
            part.write_bytes(body + b"\n")


@click.command(name="rca")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--from", "start", metavar="SEQ|TIME", help="First record or time (12345, 15:30:00 UTC, ISO)."
)
@click.option("--to", "stop", metavar="SEQ|TIME", help="Last record or time; it is in the window.")
@click.option("--seq", "numbers", metavar="A:B", help="The same as --from A --to B, by number.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="Write the report to this .html or .json file.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@click.pass_context
def command(
    ctx: click.Context,
    directory: Path,
    start: str | None,
    stop: str | None,
    numbers: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Live a window of a run again: the state before and after it, every decision with its reason,
    kills, latencies. Exit code 1 where the replay says something else than the journal.
    """
    if out is not None and out.suffix not in (".html", ".json"):
        raise InputError(f"{out}: found {out.suffix!r}; allowed: a name with .html or .json")
    first, last = _ends(directory, start, stop, numbers)
    with progress(f"incident in {directory}", quiet=as_json) as step:
        report = incident_report(directory, start=first, end=last, progress=step)
    if out is not None:
        _write(report, out)
    if as_json:
        write_json(report.as_dict())
    elif out is not None:
        click.echo(f"report         {out}")
    else:
        for line in report.lines():
            click.echo(line)
    ctx.exit(0 if report.replayed else 1)
