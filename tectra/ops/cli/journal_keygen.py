"""`tectra journal keygen`: a key that signs checkpoints."""

from pathlib import Path

import click

from tectra.journal.sign import SigningKey

__all__ = ["command"]


@click.command(name="keygen")
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Make an Ed25519 key in FILE, which only you may read, and print the public key."""
    click.echo(SigningKey.create(file).public)
