"""`tectra journal verify`: is a journal whole?"""

from pathlib import Path

import click

from tectra.journal.checkpoint import check_checkpoints
from tectra.journal.sign import public_key
from tectra.journal.verify import verify
from tectra.ops.cli.journal_select import into_pipe
from tectra.ops.cli.show import progress, write_json
from tectra.replay.verify import journal_of

__all__ = ["command"]


@click.command(name="verify")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--key", default=None, help="Public key (hex, or a file) that must have signed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@click.pass_context
def command(ctx: click.Context, directory: Path, key: str | None, as_json: bool) -> None:
    """Check every byte; one line a fault with segment, offset and sequence. With --key the signed
    checkpoints are held against the records, too. Exit code 1 at any fault.
    """
    journal = journal_of(directory)
    signer = None if key is None else public_key(key)
    with progress(f"verifying {directory}", quiet=as_json) as step:
        report = verify(journal, step)
        if signer is not None:
            for fault in check_checkpoints(journal, public_key=signer):
                report.add(fault)
    with into_pipe():
        if as_json:
            write_json(report.as_dict())
        else:
            for line in report.lines():
                click.echo(line)
    ctx.exit(0 if report.ok else 1)
