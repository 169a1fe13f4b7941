"""`tectra journal sign`: a signed checkpoint of what a journal holds now."""

from pathlib import Path

import click
import msgspec

from tectra.core.clock import LiveClock
from tectra.journal.checkpoint import sign_journal
from tectra.journal.sign import SigningKey
from tectra.ops.cli.show import write_json
from tectra.replay.verify import journal_of

__all__ = ["command"]


@click.command(name="sign")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--key",
    "key_file",
    type=click.Path(path_type=Path),
    required=True,
    help="Private key, from `tectra journal keygen`.",
)
@click.option("--note", default="", help="A word about why; it is signed as well.")
@click.option("--json", "as_json", is_flag=True, help="The checkpoint as JSON.")
def command(directory: Path, key_file: Path, note: str, as_json: bool) -> None:
    """Append a checkpoint to checkpoints.jsonl. A journal that is being written may be signed, at
    any time and often: its writer is not hindered.
    """
    key = SigningKey.load(key_file)
    now_ns = LiveClock().now_ns()
    checkpoint = sign_journal(journal_of(directory), key, now_ns=now_ns, note=note)
    if as_json:
        write_json(msgspec.to_builtins(checkpoint))
    else:
        click.echo(
            f"signed {checkpoint.records:,} records up to ring_seq {checkpoint.last_ring_seq}, "
            f"chain {checkpoint.chain}, by {checkpoint.key}"
        )
