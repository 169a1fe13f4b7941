"""`tectra data`: what recorded data there is, and whether it is sound."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
import orjson

from tectra.backtest.result import whole_file
from tectra.core.errors import FileFormatError, InputError, StoppedError
from tectra.core.stop import StopSignals, stop_reason, stop_requested
from tectra.feed.batch import scan
from tectra.feed.catalog import companion, find_files, is_store, open_part
from tectra.feed.formats import detect
from tectra.feed.importer.base import RecordFeed
from tectra.feed.quality.finding import FAILING, KINDS, ValidationLimits
from tectra.feed.quality.gate import save_report
from tectra.feed.quality.report import QualityReport, ValidationReport
from tectra.feed.quality.validate import validate_feed
from tectra.feed.tick_store import TickStore
from tectra.ops.cli.selecting import format_options, pairs
from tectra.ops.cli.show import Step, progress, warn, write_json
from tectra.ops.quality_page import render_quality

__all__ = ["command"]

_NAMES_MAX = 8


@click.group(name="data")
def command() -> None:
    """Recorded market data: files of any format, and tick stores."""


def _when(ts_ns: int) -> str:
    second, rest = divmod(ts_ns, 1_000_000_000)
    stamp = datetime.fromtimestamp(second, UTC)
    return f"{stamp:%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03}"


def _names(symbols: list[str]) -> str:
    more = f" and {len(symbols) - _NAMES_MAX:,} more" if len(symbols) > _NAMES_MAX else ""
    return ", ".join(symbols[:_NAMES_MAX]) + more


# ---- ls ----


def _of_store(path: Path) -> dict[str, Any]:
    store = TickStore(path)
    size, span = store.size, store.span_ns
    dates: dict[str, Counter[str]] = {}
    for part in store.manifest.parts:
        day = dates.setdefault(part.file.split("/")[0], Counter())
        day.update(records=part.records, bytes=part.bytes, parts=1)
    return {
        "path": str(path),
        "format": "store",
        "codec": store.manifest.codec,
        "partition": store.manifest.partition,
        "records": size.records,
        "bytes": size.bytes,
        "raw_bytes": size.raw_bytes,
        "first_ns": span[0] if span else None,
        "last_ns": span[1] if span else None,
        "symbols": sorted({e.symbol for e in store.manifest.instruments}),
        "dates": {day: dict(counts) for day, counts in sorted(dates.items())},
        "sources": [
            {"file": s.name, "records": s.records, "finished": s.finished, "digest": s.digest}
            for s in store.manifest.sources
        ],
    }


def _of_file(path: Path, step: Step, feed: RecordFeed) -> dict[str, Any]:
    """Count a file by reading it."""
    first = last = None
    counts: Counter[int] = Counter()
    records = 0
    while (batch := feed.next_batch(1 << 14)) is not None:
        rows = scan(batch)
        if len(rows.slot):
            low, high = int(rows.ts_recv_ns.min()), int(rows.ts_recv_ns.max())
            first = low if first is None else min(first, low)
            last = high if last is None else max(last, high)
            records += len(rows.slot)
            ids, each = np.unique(rows.instrument_id, return_counts=True)
            counts.update(dict(zip(ids.tolist(), each.tolist(), strict=True)))
        step(feed.position, feed.size)
        if stop_requested():
            raise StoppedError(f"stopped by {stop_reason()} in {path}")
    names = feed.instruments
    return {
        "path": str(path),
        "format": feed.format,
        "records": records,
        "bytes": _size(path),
        "first_ns": first,
        "last_ns": last,
        "symbols": sorted({names.get(n, str(n)) for n in counts if n}),
        "by_symbol": {names.get(n, str(n)): c for n, c in sorted(counts.items()) if n},
        "faults": dict(feed.faults),
    }


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size


def _below(path: Path) -> list[Path]:
    """What a path holds: itself, or the files of a directory that is no data by itself."""
    if not path.exists():
        return find_files([path])[0]
    if not path.is_dir() or is_store(path):
        return [path]
    try:
        detect(path)
    except FileFormatError:
        inside = sorted(p for p in path.iterdir() if not p.name.startswith("."))
        along = {companion(p) for p in inside}
        return [p for p in inside if p not in along and (p.is_file() or _known(p))] or [path]
    return [path]


def _known(path: Path) -> bool:
    try:
        detect(path)
    except (FileFormatError, InputError):
        return False
    return True


def _entry(path: Path, quick: bool, quiet: bool) -> dict[str, Any] | None:
    """What `ls` says of one file; None when it is no market data."""
    if is_store(path):
        return _of_store(path)
    try:
        name = detect(path)
    except (FileFormatError, InputError):
        return None
    if quick:
        return {"path": str(path), "format": name, "bytes": _size(path)}
    with progress(f"reading {path.name}", quiet=quiet) as step:
        try:
            feed = open_part(path)
        except (FileFormatError, InputError) as error:
            return {"path": str(path), "format": name, "bytes": _size(path), "error": str(error)}
        try:
            return _of_file(path, step, feed)
        except (FileFormatError, InputError) as error:
            return {"path": str(path), "format": name, "bytes": _size(path), "error": str(error)}
        finally:
            feed.close()


def _line(one: dict[str, Any]) -> str:
    """A line, and another for the symbols."""
    said = [one["format"]]
    if "records" in one:
        said.append(f"{one['records']:,} records")
    said.append(f"{one['bytes']:,} bytes")
    if "raw_bytes" in one and one["bytes"]:
        said.append(f"{one['raw_bytes'] / one['bytes']:.1f} times smaller than in memory")
    if one.get("first_ns") is not None:
        said.append(f"{_when(one['first_ns'])} to {_when(one['last_ns'])} UTC")
    lines = [f"{one['path']}: {', '.join(said)}"]
    if one.get("symbols"):
        lines.append(f"    {len(one['symbols']):,} symbols: {_names(one['symbols'])}")
    for day, counts in one.get("dates", {}).items():
        lines.append(f"    {day}: {counts['records']:,} records, {counts['bytes']:,} bytes")
    return "\n".join(lines)


@command.command(name="ls")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help="Formats and sizes only: files are not read.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
def ls_command(paths: tuple[Path, ...], quick: bool, as_json: bool) -> None:
    """What files, directories and tick stores hold: format, symbols, times, counts, sizes."""
    found: list[dict[str, Any]] = []
    others: list[str] = []
    with StopSignals():
        for path in [inner for outer in paths for inner in _below(outer)]:
            one = _entry(path, quick, as_json)
            if one is None:
                others.append(str(path))
            else:
                found.append(one)
    if as_json:
        write_json({"data": found, "no_market_data": others})
        return
    for one in found:
        click.echo(_line(one))
    for one in found:
        if "error" in one:
            warn(one["error"])
        for cause, count in one.get("faults", {}).items():
            warn(f"{one['path']}: {count:,} passed over: {cause}")
    if others:
        warn(f"{len(others)} files are no market data that tectra reads: {_names(others)}")


# ---- validate ----


def _limits(gap_s: float, strict: bool, fail_on: str | None, outlier: float) -> ValidationLimits:
    kinds = tuple(KINDS) if strict else FAILING
    if fail_on is not None:
        kinds = tuple(k.strip() for k in fail_on.split(",") if k.strip())
    return ValidationLimits(gap_ns=round(gap_s * 1e9), outlier_share=outlier / 100, fail_on=kinds)


@command.command(name="validate")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@format_options
@click.option(
    "--gap", "gap_s", default=1.0, show_default=True, help="Longest pause of a book, in seconds."
)
@click.option(
    "--outlier",
    default=20.0,
    show_default=True,
    help="Furthest that a price may be from its neighbors, in percent.",
)
@click.option("--strict", is_flag=True, help="Whatever is found fails.")
@click.option("--fail-on", metavar="KIND,...", help=f"What fails. Default: {', '.join(FAILING)}.")
@click.option(
    "--html", type=click.Path(path_type=Path), help="A page with charts of spread and rate."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@click.pass_context
def validate_command(ctx: click.Context, /, paths: tuple[Path, ...], **rest: Any) -> None:
    """Find gaps, duplicates, crossed books, wrong sizes and prices, with the place of each; figures
    of spread, rate and latency. Exit code 1 when anything that fails was found.

    A Parquet file gets its report beside it: a backtest takes only files that passed.
    """
    limits = _limits(rest["gap_s"], rest["strict"], rest["fail_on"], rest["outlier"])
    options = pairs(rest["options"])
    with StopSignals():
        form, quiet = rest["format_name"], rest["as_json"]
        reports = [_validate(path, limits, form, options, quiet=quiet) for path in paths]
    if rest["html"] is not None:
        with whole_file(rest["html"]) as file:
            file.write_text(render_quality(reports))
    if rest["as_json"]:
        write_json(
            {
                "passed": all(v.passed for v, _ in reports),
                "reports": [
                    {
                        "validation": orjson.loads(v.to_json()),
                        "quality": orjson.loads(q.to_json()),
                    }
                    for v, q in reports
                ],
            }
        )
    else:
        for validation, quality in reports:
            for line in (*validation.lines(), *(f"  {text}" for text in quality.lines())):
                click.echo(line)
    ctx.exit(0 if all(v.passed for v, _ in reports) else 1)


def _validate(
    path: Path,
    limits: ValidationLimits,
    format_name: str | None,
    options: dict[str, str],
    *,
    quiet: bool,
) -> tuple[ValidationReport, QualityReport]:
    with progress(f"validating {path.name}", quiet=quiet) as step:
        feed = open_part(path, format=format_name, options=options, strict=False)
        try:
            reports = validate_feed(feed, str(path), limits, step=step)
        finally:
            feed.close()
        for fault in getattr(feed, "damage", ()):
            warn(str(fault))
        if feed.format == "parquet":
            save_report(path, reports[0])
        return reports
