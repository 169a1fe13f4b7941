"""`tectra journal prove`: proof that a record is in a journal, and the check of such a proof."""

from pathlib import Path

import click
import msgspec

from tectra.core.errors import InputError
from tectra.core.part_file import PartFile
from tectra.journal.prove import Proof, check_proof, prove
from tectra.journal.sign import public_key
from tectra.replay.verify import journal_of

__all__ = ["command"]


@click.command(name="prove")
@click.argument("where", type=click.Path(path_type=Path))
@click.argument("ring_seq", type=click.IntRange(1, 2**63 - 1), required=False)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="A file for the proof.")
@click.option("--check", is_flag=True, help="WHERE is a proof; check it.")
@click.option("--key", default=None, help="Public key (hex, or a file) that must have signed.")
def command(
    where: Path, ring_seq: int | None, out: Path | None, check: bool, key: str | None
) -> None:
    """Prove that record RING_SEQ is in the journal WHERE: its block, the path to the root of the
    segment, the chain of segments, and the signed checkpoint behind it. Exit code 1 when a proof
    that is checked does not hold.
    """
    if check:
        _check(where, None if key is None else public_key(key))
        return
    if ring_seq is None:
        raise click.UsageError("give the RING_SEQ of a record")
    body = msgspec.json.format(msgspec.json.encode(prove(journal_of(where), ring_seq)), indent=2)
    if out is None:
        click.echo(body)
        return
    with PartFile(out) as file:
        file.write(body + b"\n")
    click.echo(f"{out}: proof of record {ring_seq}, {len(body):,} bytes")


def _check(path: Path, key: str | None) -> None:
    try:
        proof = msgspec.json.decode(path.read_bytes(), type=Proof)
    except msgspec.DecodeError as error:
        raise InputError(f"{path} is no proof: {error}") from error
    check_proof(proof, public_key=key)
    who = "nobody" if proof.checkpoint is None else proof.checkpoint.key
    click.echo(f"record {proof.ring_seq} of run {proof.epoch}, signed by {who}: ok")
