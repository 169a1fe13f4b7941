"""`tectra capture`: is a raw recording of a venue's messages whole and right?"""

from collections.abc import Iterable
from pathlib import Path

import click

from tectra.core.errors import TruncatedInputError
from tectra.core.types import Timestamp
from tectra.ops.cli.show import console, progress, table, warn, write_json
from tectra.runtime.capture import VENUES, BookReport, CaptureReport, check_capture

__all__ = ["command"]

_SPANS_SHOWN = 5


@click.group(name="capture")
def command() -> None:
    """Raw captures: one message a line, as it came; plain, .gz or .zst."""


@command.command(name="check")
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)  # fmt: skip
@click.option("--venue", type=click.Choice(sorted(VENUES)), help="Found out when not given.")
@click.option(
    "--market",
    type=click.Choice(["spot", "linear", "inverse"]),
    help="Refuse messages of another one, as far as they show it.",
)
@click.option("--symbol", default="", metavar="S", help="Check this one only: BTCUSDT or BTC-USDT.")
@click.option(
    "--snapshot", "snapshots", multiple=True, metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A REST snapshot that the capture lacks (Binance); with --symbol if it names none.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@click.option("--strict", is_flag=True, help="A file that was cut is an error.")
@click.pass_context
def check_command(
    ctx: click.Context,
    files: tuple[Path, ...],
    *,
    venue: str | None,
    market: str | None,
    symbol: str,
    snapshots: tuple[Path, ...],
    as_json: bool,
    strict: bool,
) -> None:
    """Rebuild every book of a capture as a live feed would, and compare.

    Reads lines of `NANOSECONDS JSON`, of cryptofeed's raw form, or of JSON alone. Exit code 1 at
    any gap, mismatch or refused message.
    """
    reports = []
    for file in files:
        with progress(f"checking {file.name}", quiet=as_json) as step:
            report = check_capture(
                file, venue=venue, market=market, symbol=symbol, snapshots=snapshots, step=step
            )
        reports.append(report)
        if not as_json:
            _show(report)
    ok = not any(report.faults for report in reports)
    if as_json:
        write_json({"ok": ok, "files": [report.to_dict() for report in reports]})
    cut = [f"{report.path}: {report.cut}" for report in reports if report.cut]
    if strict and cut:
        raise TruncatedInputError("; ".join(cut))
    for text in cut:
        warn(text)
    ctx.exit(0 if ok else 1)


def _stamp(ns: int) -> str:
    return Timestamp(ns).to_iso() if ns else "not said"


def _of(good: int, bad: int, unchecked: int = 0) -> str:
    """n of m; what could not be checked is said apart."""
    if not good and not bad and not unchecked:
        return "-"
    more = f" (+{unchecked:,} unchecked)" if unchecked else ""
    return f"{good:,} of {good + bad:,}{more}"


def _book_row(book: BookReport) -> tuple[str, ...]:
    return (
        book.symbol,
        book.channel,
        f"{book.snapshots:,}",
        f"{book.updates:,}",
        f"{book.gaps.count:,}" if book.is_numbered else "-",
        f"{book.duplicates:,}" if book.is_numbered else "-",
        _of(book.checksums_matched, book.checksums_failed.count, book.checksums_unchecked),
        _of(book.tops_agreed, book.tops_differed.count),
        f"{sum(book.resyncs.values()):,}",
        book.state.lower(),
        f"{book.best_bid} / {book.best_ask}" if book.best_bid or book.best_ask else "-",
    )


def _head(report: CaptureReport) -> Iterable[str]:
    what = f"{report.venue} {report.market}".strip()
    yield f"{report.path}: {report.total:,} messages of {what}"
    yield (
        f"{report.lines:,} lines, {report.bytes:,} bytes ({report.compression}), "
        f"{report.connections} connections, {report.reconnects} reconnects"
    )
    rate = f", {report.total / report.seconds:,.1f} messages/s" if report.seconds else ""
    yield (
        f"from {_stamp(report.first_ns)} to {_stamp(report.last_ns)}: {report.seconds:,.3f} s{rate}"
    )
    if report.time_reversals:
        yield f"receive times go back {report.time_reversals:,} times"
    if report.sequence_checked:
        yield (
            f"{report.sequence_checked:,} numbered messages of connections or channels: "
            f"{report.loose.count:,} gaps, {report.sequence_duplicates:,} duplicates"
        )
    if report.definitions:
        yield f"{report.definitions:,} instruments defined in the capture"


def _details(report: CaptureReport) -> Iterable[str]:
    """What deserves a line of its own."""
    named = [("gap", report.loose), ("refused", report.refused), ("unknown", report.unknown),
             ("foreign", report.foreign), ("error", report.errors)]  # fmt: skip
    for book in report.books:
        name = f"{book.symbol} {book.channel}"
        named.append((f"{name} gap", book.gaps))
        named.append((f"{name} snapshot", book.snapshots_refused))
        named.append((f"{name} checksum", book.checksums_failed))
        named.append((f"{name} best prices", book.tops_differed))
    for name, examples in named:
        for one in examples.first:
            yield f"{name}: line {one.line}: {one.text}"
        if examples.count > len(examples.first):
            yield f"{name}: and {examples.count - len(examples.first):,} more"
    for book in report.books:
        name = f"{book.symbol} {book.channel}"
        for span in book.spans[:_SPANS_SHOWN]:
            end = f"line {span.to_line}" if span.to_line else "the end"
            until = f", {(span.to_ns - span.from_ns) / 1e9:,.3f} s" if span.to_ns else ""
            yield f"{name} invalid: {span.reason}, line {span.from_line} to {end}{until}"
        if len(book.spans) > _SPANS_SHOWN:
            yield f"{name} invalid: and {len(book.spans) - _SPANS_SHOWN:,} more times"
        if book.missing:
            yield f"{name}: {book.missing}"
        elif book.waiting:
            yield f"{name}: {book.waiting:,} changes before the first snapshot were not checked"
    inferred = [b.symbol for b in report.books if b.exponents_from.startswith("inferred")]
    if inferred:
        more = f" and {len(inferred) - 8} more" if len(inferred) > 8 else ""
        yield f"exponents inferred from the levels: {', '.join(inferred[:8])}{more}"
    yield from report.notes


def _show(report: CaptureReport) -> None:
    out = console()
    for line in _head(report):
        out.print(line)
    rows = [
        (kind, channel, f"{count:,}")
        for kind, channels in sorted(report.messages.items())
        for channel, count in sorted(channels.items())
    ]
    out.print(table("messages", ("kind", "channel", "count"), rows, left=2))
    if report.books:
        head = ("symbol", "channel", "snapshots", "updates", "gaps", "dup", "checksums",
                "best prices", "resyncs", "state", "bid / ask")  # fmt: skip
        out.print(table("books", head, map(_book_row, report.books), left=2))
    if report.symbols:
        named = sorted(report.symbols.items(), key=lambda e: (-e[1], e[0]))
        shown = ", ".join(f"{symbol} {count:,}" for symbol, count in named[:12])
        out.print(f"symbols: {shown}" + (f" and {len(named) - 12} more" if len(named) > 12 else ""))
    for line in _details(report):
        out.print(line)
    faults = report.faults
    out.print("ok" if not faults else f"NOT OK: {'; '.join(faults)}")
