"""`tectra export`: a tick store or a file in another format."""

from pathlib import Path
from shlex import quote
from typing import Any

import click

from tectra.core.errors import InputError, StoppedError
from tectra.core.stop import StopSignals, stop_reason, stop_requested
from tectra.feed.catalog import open_part
from tectra.feed.formats import FORMATS, open_feed, write_feed
from tectra.feed.quality.gate import save_report
from tectra.feed.quality.validate import validate_feed
from tectra.ops.cli.selecting import chosen, pairs, select_options
from tectra.ops.cli.show import feed_troubles, progress, warn, write_json

__all__ = ["command"]


def _stoppable(step: Any) -> Any:
    def tell(done: int, total: int) -> None:
        step(done, total)
        if stop_requested():
            raise StoppedError(f"stopped by {stop_reason()}; nothing was written")

    return tell


@click.command(name="export")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="New file.")
@click.option("--format", "out_format", required=True, help="Format of the new file.")
@click.option(
    "--write-option",
    "write_options",
    multiple=True,
    metavar="NAME=VALUE",
    help="Option of the new file's format; repeat for several.",
)
@click.option("--input-format", help="Format of SOURCE. Default: its content.")
@click.option(
    "--input-option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="Option of the format of SOURCE; repeat for several.",
)
@select_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def command(source: Path, out: Path, out_format: str, as_json: bool, **rest: Any) -> None:
    """Write the records of a tick store or a file in another format.

    A Parquet file is validated at once; its report lies beside it.
    """
    meant = chosen(rest["symbols"], rest["types"], rest["start"], rest["end"])
    if not out.parent.is_dir():
        raise InputError(f"--out: no directory {out.parent}; make it first")
    known = ", ".join(sorted(n for n, f in FORMATS.items() if f.write is not None))
    if out_format not in FORMATS:
        raise InputError(f"--format: found {out_format!r}; allowed: {known}")
    with StopSignals():
        with progress(f"writing {out.name}", quiet=as_json) as step:
            feed = open_part(
                source, meant, format=rest["input_format"], options=pairs(rest["options"])
            )
            try:
                report = write_feed(
                    feed, out, out_format, options=pairs(rest["write_options"]),
                    progress=_stoppable(step),
                )  # fmt: skip
            finally:
                feed.close()
        verdict = _validated(out) if out_format == "parquet" else None
    for line in feed_troubles(source, feed):
        warn(line)
    if as_json:
        write_json(
            {
                "file": str(out),
                "records": report.records,
                "rows": report.rows,
                "skipped": report.skipped,
                "faults": dict(feed.faults),
                "validation": verdict,
            }
        )
        return
    click.echo(f"{out}: {report.rows:,} rows of {report.records:,} records")
    for kind, count in sorted(report.skipped.items()):
        warn(f"{count:,} records of type {kind} left out: the format has no place for them")
    if verdict == "failed":
        warn(f"its validation failed; tectra data validate {quote(str(out))} lists the faults")


def _validated(path: Path) -> str:
    feed = open_feed(path, "parquet")
    try:
        report, _ = validate_feed(feed, str(path))
    finally:
        feed.close()
    save_report(path, report)
    return "passed" if report.passed else "failed"
