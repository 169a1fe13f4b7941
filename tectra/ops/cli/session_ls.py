"""`tectra session ls`: which sessions are there?"""

from pathlib import Path
from typing import Any

import click

from tectra.core.errors import InputError, TectraError
from tectra.ops.cli.show import console, table, warn, write_json
from tectra.replay.capture import EventLogReader
from tectra.replay.capture.export import time_text
from tectra.replay.capture.log import EVENTS_NAME

__all__ = ["command"]


@click.command(name="ls")
@click.argument("root", type=click.Path(path_type=Path), default=Path("data/sessions"))
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@click.pass_context
def command(ctx: click.Context, root: Path, as_json: bool) -> None:
    """List the sessions below ROOT (default: data/sessions). Exit code 1 when one cannot be
    read.
    """
    if not root.is_dir():
        raise InputError(f"{root}: found no directory; `tectra session export` makes sessions")
    rows: list[dict[str, Any]] = []
    broken = 0
    for path in sorted(root.glob(f"*/{EVENTS_NAME}")):
        try:
            with EventLogReader(path) as reader:
                first, last = reader.span_ns
                rows.append(
                    {
                        "session_id": reader.info.session_id,
                        "events": len(reader),
                        "mode": reader.info.mode.name,
                        "indicators": reader.info.indicators,
                        "strategies": reader.info.strategies,
                        "first_ns": first,
                        "last_ns": last,
                        "bytes": path.stat().st_size,
                        "cut": reader.tail is not None,
                    }
                )
        except TectraError as error:
            broken += 1
            warn(str(error))
    if as_json:
        write_json(rows)
    else:
        head = ("session", "mode", "strategies", "first", "last", "events", "bytes")
        cells = [
            (
                row["session_id"] + (" (cut)" if row["cut"] else ""),
                row["mode"],
                ", ".join(row["strategies"]),
                time_text(row["first_ns"]),
                time_text(row["last_ns"]),
                f"{row['events']:,}",
                f"{row['bytes']:,}",
            )
            for row in rows
        ]
        console().print(table(f"sessions in {root}", head, cells, left=5))
    ctx.exit(1 if broken else 0)
