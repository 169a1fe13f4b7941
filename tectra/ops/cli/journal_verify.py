"""`tectra journal verify`: is a journal whole?"""

from pathlib import Path

import click

from tectra.journal.verify import verify
from tectra.ops.cli.show import progress, write_json
from tectra.replay.verify import journal_of

__all__ = ["command"]


@click.command(name="verify")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@click.pass_context
def command(ctx: click.Context, directory: Path, as_json: bool) -> None:
    """Check every byte; one line a fault with segment, offset and sequence. Exit code 1 at any
    fault.
    """
    with progress(f"verifying {directory}", quiet=as_json) as step:
        report = verify(journal_of(directory), step)
    if as_json:
        write_json(
            {
                "path": report.path,
                "ok": report.ok,
                "segments": report.segments,
                "records": report.records,
                "bytes": report.bytes,
                "first_ring_seq": report.first_ring_seq,
                "last_ring_seq": report.last_ring_seq,
                "clock_domain": report.clock_domain,
                "closed": report.closed,
                "faults": [str(f) for f in report.faults],
                "warnings": [str(w) for w in report.warnings],
            }
        )
    else:
        for line in report.lines():
            click.echo(line)
    ctx.exit(0 if report.ok else 1)
