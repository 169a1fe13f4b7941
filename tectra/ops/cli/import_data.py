"""`tectra import`: files of any format into a tick store."""

from pathlib import Path
from shlex import quote
from typing import Any

import click

from tectra.core.errors import FileFormatError, InputError
from tectra.core.stop import StopSignals
from tectra.feed.catalog import companion, find_files
from tectra.feed.formats import open_feed
from tectra.feed.importer.base import RecordFeed
from tectra.feed.tick_import import Imported, import_file
from tectra.feed.tick_store import TickStore
from tectra.feed.tick_writer import StoreOptions, TickStoreWriter
from tectra.ops.cli.selecting import chosen, format_options, pairs, select_options
from tectra.ops.cli.show import console, feed_troubles, progress, table, warn, write_json

__all__ = ["command"]


def _said(done: Imported) -> str:
    if done.skipped:
        return "was there"
    return f"went on behind {done.resumed:,}" if done.resumed else "taken in"


def _show(store: Path, done: list[Imported], as_json: bool) -> None:
    size = TickStore(store).size
    if as_json:
        files = [
            {
                "file": str(one.path),
                "records": one.records,
                "resumed": one.resumed,
                "skipped": one.skipped,
                "out_of_order": one.out_of_order,
                "faults": dict(one.faults),
            }
            for one in done
        ]
        write_json(
            {
                "store": str(store),
                "files": files,
                "records": size.records,
                "bytes": size.bytes,
                "raw_bytes": size.raw_bytes,
            }
        )
        return
    rows = [(str(one.path), _said(one), f"{one.records:,}") for one in done]
    out = console()
    out.print(table(f"Into {store}", ("file", "", "records"), rows, left=2))
    out.print(
        f"store          {size.records:,} records in {size.bytes:,} bytes: "
        f"{size.bytes_per_record:.1f} a record, {size.ratio:.1f} times smaller than in memory"
    )
    out.print(f"look at it     tectra data ls {quote(str(store))}")


@click.command(name="import")
@click.argument("sources", nargs=-1, required=True)
@click.option(
    "--into", "store", required=True, type=click.Path(path_type=Path), help="The tick store."
)
@format_options
@select_options
@click.option(
    "--codec", type=click.Choice(["zstd", "lz4", "none"]), help="Of a new store. Default: zstd."
)
@click.option("--level", type=click.IntRange(1, 22), help="Of zstd. Default: 3.")
@click.option(
    "--partition",
    type=click.Choice(["date", "symbol"]),
    help="Files of a new store: one a date, or one a date and symbol. Default: date.",
)
@click.option(
    "--sort-ms",
    default=0,
    type=click.IntRange(0),
    help="Sort records that come up to this many milliseconds late. Default: such a file is "
    "refused.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@click.pass_context
def command(
    ctx: click.Context, /, sources: tuple[str, ...], store: Path, sort_ms: int, **rest: Any
) -> None:
    """Take files into a tick store. SOURCES are files or patterns such as 'data/*.itch.gz'.

    Run it again after an interruption: it goes on where it was, and nothing is there twice.
    """
    meant = chosen(rest["symbols"], rest["types"], rest["start"], rest["end"])
    options = pairs(rest["options"])
    files, outside = find_files(sources, meant)
    if not files:
        raise InputError(f"the dates in the names of all {len(outside)} files lie outside the time")
    layout = StoreOptions(codec=rest["codec"], level=rest["level"], partition=rest["partition"])
    done: list[Imported] = []
    failed = 0

    def opened(path: Path) -> RecordFeed:
        return open_feed(path, rest["format_name"], options=options)

    with TickStoreWriter(store, layout) as writer, StopSignals():
        for path in files:
            with progress(f"taking in {path.name}", quiet=rest["as_json"]) as step:
                try:
                    window_ns = sort_ms * 1_000_000
                    also = [other for other in (companion(path),) if other is not None]
                    one = import_file(
                        writer, path, opened, meant, also=also, sort_window_ns=window_ns, step=step
                    )
                except (FileFormatError, InputError) as error:
                    failed += 1
                    warn(f"not taken in: {error}")
                else:
                    done.append(one)
    if done:
        _show(store, done, rest["as_json"])
    for one in done:
        for line in feed_troubles(one.path, one):
            warn(line)
    if outside:
        warn(f"{len(outside)} files passed over: the dates in their names lie outside the time")
    ctx.exit(1 if failed else 0)
